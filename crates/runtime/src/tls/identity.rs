use std::fmt;

/// The role of a program in its cluster; determines which calls it may make.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Role {
    /// Coordinator or reducer: the programs that accept connections.
    Coordinator,
    /// A member of the training.
    Worker,
    /// A labeling job.
    Labeler,
    /// A person, or a program that acts for one.
    Admin,
}

impl Role {
    /// All roles.
    pub const ALL: [Role; 4] = [Role::Coordinator, Role::Worker, Role::Labeler, Role::Admin];

    /// The name in certificates, folders and messages.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Role::Coordinator => "coordinator",
            Role::Worker => "worker",
            Role::Labeler => "labeler",
            Role::Admin => "admin",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

/// Whether a server accepts connections without a client certificate. Each call is then authorised separately.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Anonymous {
    /// They are refused.
    Refused,
    /// They are accepted; each call must have a token.
    NeedToken,
}

/// The identity of a certificate's holder: the URI `stentor://CLUSTER/ROLE` or `stentor://CLUSTER/ROLE/NAME` among its alternative
/// names.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Identity {
    /// The cluster. Programs of another cluster are refused, whichever CA signed their certificates.
    pub cluster: String,
    /// The role in this cluster.
    pub role: Role,
    /// The identity that the holder may use in a run: a worker's `--identity`. One that ends with `*` stands for all that begin
    /// with the rest, for workers that are started by the dozen with one certificate. `None`: any, as in certificates that were
    /// issued without a name.
    pub name: Option<String>,
}

/// The scheme of an identity's URI.
pub(super) const SCHEME: &str = "stentor://";

impl Identity {
    /// An identity; `None` if `cluster` is not a valid name: 1 to 63 letters, digits, dots, hyphens, underscores.
    #[must_use]
    pub fn new(cluster: &str, role: Role) -> Option<Identity> {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
        let named = (1..=63).contains(&cluster.len()) && cluster.bytes().all(plain);
        named.then(|| Identity { cluster: cluster.to_owned(), role, name: None })
    }

    /// The same with a name, or a beginning of names and `*`; `None` if it is not valid: up to 128 letters, digits, dots, hyphens,
    /// underscores.
    #[must_use]
    pub fn named(self, name: &str) -> Option<Identity> {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
        let bytes = name.strip_suffix('*').unwrap_or(name).bytes();
        let valid = (1..=128).contains(&name.len()) && bytes.clone().all(plain);
        valid.then(|| Identity { name: Some(name.to_owned()), ..self })
    }

    /// Whether the holder may use `identity` in a run.
    #[must_use]
    pub fn may_be(&self, identity: &str) -> bool {
        match &self.name {
            None => true,
            Some(name) => match name.strip_suffix('*') {
                Some(beginning) => identity.starts_with(beginning),
                None => name == identity,
            },
        }
    }

    /// Parses an identity's URI; `None` if it is not one.
    #[must_use]
    pub fn from_uri(uri: &str) -> Option<Identity> {
        let (cluster, rest) = uri.strip_prefix(SCHEME)?.split_once('/')?;
        let (role, name) = rest.split_once('/').map_or((rest, None), |(role, name)| (role, Some(name)));
        let identity = Identity::new(cluster, Role::ALL.into_iter().find(|known| known.name() == role)?)?;
        match name {
            Some(name) => identity.named(name),
            None => Some(identity),
        }
    }
}

impl fmt::Display for Identity {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{SCHEME}{}/{}", self.cluster, self.role)?;
        self.name.iter().try_for_each(|name| write!(formatter, "/{name}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_identity_is_read_back_from_its_uri_and_nothing_else_is_one() {
        for role in Role::ALL {
            let identity = Identity::new("speech-1.test", role).unwrap();
            assert_eq!(Identity::from_uri(&identity.to_string()), Some(identity.clone()));
            for name in ["worker-3.test", "worker-*", "*"] {
                let named = identity.clone().named(name).unwrap();
                assert_eq!(named.to_string(), format!("stentor://speech-1.test/{role}/{name}"));
                assert_eq!(Identity::from_uri(&named.to_string()), Some(named));
            }
        }
        for uri in [
            "stentor://speech",
            "stentor:///worker",
            "stentor://speech/king",
            "stentor://speech/worker/",
            "stentor://speech/worker/a/b",
            "stentor://speech/worker/a*b",
            "stentor://speech/worker/**",
            "stentor://a b/worker",
            "https://speech/worker",
        ] {
            assert_eq!(Identity::from_uri(uri), None, "{uri}");
        }
        assert_eq!(Identity::new(&"x".repeat(64), Role::Worker), None);
    }

    #[test]
    fn a_certificate_is_for_one_identity_for_all_that_begin_alike_or_for_any() {
        let any = Identity::new("speech", Role::Worker).unwrap();
        let one = any.clone().named("worker-1").unwrap();
        let alike = any.clone().named("worker-*").unwrap();
        assert!(any.may_be("worker-1") && any.may_be("x"));
        assert!(one.may_be("worker-1") && !one.may_be("worker-10") && !one.may_be("worker-"));
        assert!(alike.may_be("worker-1") && alike.may_be("worker-10") && !alike.may_be("labeler-1"));
    }
}
