use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use stentor_runtime::Token;
use stentor_runtime::tls::{Peer, Refusals, Role};
use tokio::sync::Semaphore;
use tonic::Status;
use tonic::body::Body;
use tonic::codegen::Service;
use tonic::codegen::http::{Request, Response, header};
use tonic::server::NamedService;

/// Maximum number of calls in progress, over all connections.
const MOST_CALLS: usize = 16_384;

/// Who may call a method.
struct Rule {
    method: &'static str,
    roles: &'static [Role],
    /// Whether a caller with the operators' token may call it without a certificate.
    people: bool,
}

/// All methods of both services. A method that is not listed is denied.
const RULES: &[Rule] = {
    const WORKERS: &[Role] = &[Role::Worker];
    const fn member(method: &'static str) -> Rule {
        Rule { method, roles: WORKERS, people: false }
    }
    &[
        member("/stentor.v1.Coordinator/Join"),
        member("/stentor.v1.Coordinator/Contribute"),
        member("/stentor.v1.Coordinator/Report"),
        member("/stentor.v1.Coordinator/Attend"),
        member("/stentor.v1.Coordinator/Leave"),
        Rule {
            method: "/stentor.v1.Coordinator/Status",
            roles: &[Role::Admin, Role::Worker, Role::Labeler, Role::Coordinator],
            people: true,
        },
        Rule { method: "/stentor.v1.Coordinator/Switch", roles: &[Role::Admin], people: true },
        member("/stentor.v1.Reducer/Stage"),
        member("/stentor.v1.Reducer/Fetch"),
        member("/stentor.v1.Reducer/Save"),
    ]
};

/// Authorises each call by its caller's certificate or token. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Access {
    /// This program's cluster; `None` without certificates: then callers cannot be distinguished.
    cluster: Option<Arc<str>>,
    token: Option<Token>,
    calls: Arc<Semaphore>,
    refusals: Refusals,
}

/// Why a call is refused: a label for metrics, and the status for the caller.
struct Refusal(&'static str, Status);

impl Access {
    pub(crate) fn new(cluster: Option<String>, token: Option<Token>, refusals: Refusals) -> Self {
        Self {
            cluster: cluster.map(Into::into),
            token,
            calls: Arc::new(Semaphore::new(MOST_CALLS)),
            refusals,
        }
    }

    /// Wraps `service` so that only authorised calls reach it.
    pub(crate) fn guard<S>(&self, service: S) -> Guarded<S> {
        Guarded { service, access: self.clone() }
    }

    fn check(&self, method: &str, peer: Option<&Peer>, authorization: Option<&str>) -> Result<(), Refusal> {
        let Some(rule) = RULES.iter().find(|rule| rule.method == method) else {
            return Err(Refusal("unknown-method", Status::unimplemented(format!("there is no {method}"))));
        };
        let shown = match (&self.token, authorization) {
            (Some(token), Some(header)) if rule.people => Some(token.matches_bearer(header)),
            _ => None,
        };
        let certificate = match (shown, &self.cluster) {
            (Some(true), _) => return Ok(()),
            (Some(false), _) => {
                return Err(Refusal(
                    "token",
                    Status::unauthenticated("the token is not the one that this program expects"),
                ));
            }
            (None, Some(cluster)) => self.by_certificate(cluster, rule, peer),
            (None, None) if rule.people && self.token.is_some() => {
                Err(Refusal("token", Status::unauthenticated("expected a token, found none")))
            }
            (None, None) => Ok(()),
        };
        certificate.map_err(|refusal| match (&self.token, rule.people) {
            (Some(_), true) => refusal.or("; or show the token, with --token-file or STENTOR_TOKEN"),
            _ => refusal,
        })
    }

    fn by_certificate(&self, cluster: &str, rule: &Rule, peer: Option<&Peer>) -> Result<(), Refusal> {
        let denied = |reason, found: String| {
            let roles: Vec<_> = rule.roles.iter().map(|role| role.name()).collect();
            let name = rule.method.rsplit('/').next().unwrap_or(rule.method);
            Err(Refusal(
                reason,
                Status::permission_denied(format!(
                    "{name}: expected a certificate of cluster `{cluster}` for the role {}, found {found}",
                    roles.join(" or ")
                )),
            ))
        };
        match peer.and_then(|peer| peer.identity.as_ref()) {
            None => denied("no-certificate", "no certificate".to_owned()),
            Some(Err(found)) => denied("nameless", format!("one without such a name ({found})")),
            Some(Ok(found)) if found.cluster != cluster => {
                denied("other-cluster", format!("one for {found}"))
            }
            Some(Ok(found)) if !rule.roles.contains(&found.role) => {
                denied("role", format!("one for {found}"))
            }
            Some(Ok(_)) => Ok(()),
        }
    }
}

impl Refusal {
    fn or(self, other_way: &str) -> Self {
        Self(self.0, Status::new(self.1.code(), format!("{}{other_way}", self.1.message())))
    }
}

/// A service behind [`Access`].
#[derive(Debug, Clone)]
pub(crate) struct Guarded<S> {
    service: S,
    access: Access,
}

impl<S: NamedService> NamedService for Guarded<S> {
    const NAME: &'static str = S::NAME;
}

impl<S> Service<Request<Body>> for Guarded<S>
where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible>,
    S::Future: Send + 'static,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.service.poll_ready(context)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let peer = request.extensions().get::<Peer>();
        let authorization = request.headers().get(header::AUTHORIZATION);
        let authorization = authorization.and_then(|value| value.to_str().ok());
        let verdict = self.access.check(request.uri().path(), peer, authorization).and_then(|()| {
            let busy = || Status::resource_exhausted(format!("{MOST_CALLS} calls are under way already"));
            Arc::clone(&self.access.calls).try_acquire_owned().map_err(|_| Refusal("too-many", busy()))
        });
        match verdict {
            Ok(permit) => {
                let answer = self.service.call(request);
                Box::pin(async move {
                    let answer = answer.await;
                    drop(permit);
                    answer
                })
            }
            Err(Refusal(reason, status)) => {
                if let Some(peer) = peer {
                    self.access.refusals.call(peer.address.ip(), reason, status.message());
                }
                Box::pin(async move { Ok(status.into_http()) })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;
    use stentor_runtime::tls::Identity;
    use tonic::Code;

    const SECRET: &str = "correct-horse-battery";

    fn access(cluster: Option<&str>, token: Option<&str>) -> Access {
        let token = Token::from_settings(None, token).unwrap();
        Access::new(cluster.map(ToOwned::to_owned), token, Refusals::default())
    }

    fn peer(identity: Option<Result<Identity, String>>) -> Peer {
        Peer { address: ([127, 0, 0, 1], 9).into(), identity }
    }

    fn of(role: Role) -> Peer {
        peer(Some(Ok(Identity::new("speech", role).unwrap())))
    }

    fn verdict(
        access: &Access,
        method: &str,
        peer: &Peer,
        header: Option<&str>,
    ) -> Result<(), (Code, String)> {
        access.check(method, Some(peer), header).map_err(|Refusal(_, s)| (s.code(), s.message().to_owned()))
    }

    const JOIN: &str = "/stentor.v1.Coordinator/Join";
    const STATUS: &str = "/stentor.v1.Coordinator/Status";
    const SWITCH: &str = "/stentor.v1.Coordinator/Switch";

    #[test]
    fn every_method_of_the_wire_has_one_rule_and_every_rule_a_method() {
        let text = include_str!("../../proto/stentor/v1/coordinator.proto");
        let (mut service, mut wire) = ("", BTreeSet::new());
        for line in text.lines() {
            let mut words = line.trim().split([' ', '(']);
            match (words.next(), words.next()) {
                (Some("service"), Some(name)) => service = name,
                (Some("rpc"), Some(name)) => drop(wire.insert(format!("/stentor.v1.{service}/{name}"))),
                _ => {}
            }
        }
        let rules: BTreeSet<String> = RULES.iter().map(|rule| rule.method.to_owned()).collect();
        assert_eq!(rules.len(), RULES.len());
        assert_eq!(rules, wire);
    }

    #[test]
    fn only_workers_train_and_only_admins_switch() {
        let access = access(Some("speech"), None);
        for rule in RULES {
            for role in Role::ALL {
                let may = verdict(&access, rule.method, &of(role), None).is_ok();
                let expected = match rule.method {
                    STATUS => true,
                    SWITCH => role == Role::Admin,
                    _ => role == Role::Worker,
                };
                assert_eq!(may, expected, "{} by {role}", rule.method);
            }
        }
        let (code, words) = verdict(&access, JOIN, &of(Role::Labeler), None).unwrap_err();
        assert_eq!(code, Code::PermissionDenied);
        assert_eq!(
            words,
            "Join: expected a certificate of cluster `speech` for the role worker, found one for stentor://speech/labeler"
        );
    }

    #[test]
    fn callers_without_a_certificate_or_with_one_of_another_cluster_are_refused() {
        let access = access(Some("speech"), None);
        let other = peer(Some(Ok(Identity::new("music", Role::Worker).unwrap())));
        for (peer, found) in [
            (peer(None), "found no certificate"),
            (peer(Some(Err("no such name".into()))), "without such a name"),
            (other, "found one for stentor://music/worker"),
        ] {
            let (code, words) = verdict(&access, JOIN, &peer, None).unwrap_err();
            assert_eq!(code, Code::PermissionDenied);
            assert!(words.contains(found), "{words}");
        }
        let unknown = verdict(&access, "/stentor.v1.Coordinator/Destroy", &of(Role::Admin), None);
        assert_eq!(unknown.unwrap_err().0, Code::Unimplemented);
    }

    #[test]
    fn the_token_opens_what_is_for_people_and_nothing_else() {
        let access = access(Some("speech"), Some(SECRET));
        let (right, wrong) = (format!("Bearer {SECRET}"), format!("Bearer {SECRET}x"));
        assert_eq!(verdict(&access, SWITCH, &peer(None), Some(&right)), Ok(()));
        assert_eq!(verdict(&access, SWITCH, &of(Role::Admin), None), Ok(()));
        let (code, words) = verdict(&access, SWITCH, &peer(None), Some(&wrong)).unwrap_err();
        assert!(code == Code::Unauthenticated && !words.contains(SECRET), "{words}");
        let (_, words) = verdict(&access, SWITCH, &peer(None), None).unwrap_err();
        assert!(words.contains("--token-file"), "{words}");
        assert_eq!(verdict(&access, JOIN, &peer(None), Some(&right)).unwrap_err().0, Code::PermissionDenied);
    }

    #[test]
    fn without_certificates_anyone_may_train_and_operators_still_need_the_token() {
        let anonymous = peer(None);
        let open = access(None, None);
        assert!(RULES.iter().all(|rule| verdict(&open, rule.method, &anonymous, None) == Ok(())));
        let guarded = access(None, Some(SECRET));
        assert_eq!(verdict(&guarded, JOIN, &anonymous, None), Ok(()));
        let (code, words) = verdict(&guarded, SWITCH, &anonymous, None).unwrap_err();
        assert!(code == Code::Unauthenticated && words.contains("--token-file"), "{words}");
        assert_eq!(verdict(&guarded, STATUS, &anonymous, Some(&format!("Bearer {SECRET}"))), Ok(()));
    }
}
