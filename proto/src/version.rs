//! Versions of the protocol: what each side of a call speaks, and which one they use.
//!
//! Every call names the versions that the caller speaks, and its release, in metadata; the answer names the version that is used, and
//! the release of who answers. The version used is the highest that both speak. A request may therefore only say what every version
//! in the caller's range understands; the answer, and everything that follows in a membership, is in the version of the answer to
//! `Join`. Programs of a release speak its version and the one before.
//!
//! | version | what is new |
//! |---|---|
//! | 1 | everything but versions: callers name none, and releases had to be equal |
//! | 2 | callers and answers name versions |

use std::fmt;
use std::sync::OnceLock;
use tonic::metadata::{AsciiMetadataValue, MetadataMap};
use tonic::service::Interceptor;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::Channel;
use tonic::{Request, Status};

/// The metadata's keys: versions, and release.
const VERSIONS: &str = "stentor-protocol";
const RELEASE: &str = "stentor-release";
/// The version of programs that name none.
const UNNAMED: u32 = 1;
/// The versions of this release.
const OWN: Versions = Versions { oldest: 1, newest: 2 };
/// In builds with assertions, the versions to speak in place of the release's own, to test upgrades: `1` or `3-4`.
const OTHERS: &str = "STENTOR_PROTOCOL";

/// A range of versions of the protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Versions {
    oldest: u32,
    newest: u32,
}

/// A connection whose calls name this program's versions.
pub type Announced = InterceptedService<Channel, Announcer>;

/// Names this program's versions in each call.
#[derive(Debug, Clone, Copy, Default)]
pub struct Announcer;

/// The other side's versions and release.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Peer {
    versions: Versions,
    release: String,
}

/// The version that a call uses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Agreed {
    /// The highest that both sides speak.
    pub version: u32,
    /// Release of the other side; empty if it does not say.
    pub release: String,
}

impl Versions {
    /// Those that this program speaks.
    #[must_use]
    pub fn own() -> Self {
        static CHOSEN: OnceLock<Versions> = OnceLock::new();
        *CHOSEN.get_or_init(|| {
            let others = cfg!(debug_assertions).then(|| std::env::var(OTHERS).ok()).flatten();
            others.and_then(|text| Self::parse(&text)).unwrap_or(OWN)
        })
    }

    /// Whether programs of these versions name them.
    fn are_named(self) -> bool {
        self.newest > UNNAMED
    }

    fn parse(text: &str) -> Option<Self> {
        let (oldest, newest) = text.split_once('-').unwrap_or((text, text));
        let versions = Self { oldest: oldest.parse().ok()?, newest: newest.parse().ok()? };
        (1 <= versions.oldest && versions.oldest <= versions.newest).then_some(versions)
    }

    /// The highest version that both speak.
    #[must_use]
    pub fn common(self, other: Self) -> Option<u32> {
        let newest = self.newest.min(other.newest);
        (newest >= self.oldest.max(other.oldest)).then_some(newest)
    }
}

impl fmt::Display for Versions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self { oldest, newest } if oldest == newest => write!(f, "{newest}"),
            Self { oldest, newest } => write!(f, "{oldest}-{newest}"),
        }
    }
}

/// Wraps a connection so that each call names this program's versions.
#[must_use]
pub fn announced(channel: Channel) -> Announced {
    InterceptedService::new(channel, Announcer)
}

impl Interceptor for Announcer {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        let own = Versions::own();
        if own.are_named() {
            name(request.metadata_mut(), &own.to_string());
        }
        Ok(request)
    }
}

fn name(metadata: &mut MetadataMap, versions: &str) {
    // Digits and a hyphen are valid.
    if let Ok(versions) = AsciiMetadataValue::try_from(versions) {
        metadata.insert(VERSIONS, versions);
        metadata.insert(RELEASE, AsciiMetadataValue::from_static(env!("CARGO_PKG_VERSION")));
    }
}

impl Peer {
    /// What the metadata of a call or of an answer says. Without a word of versions it is version 1.
    fn of(metadata: &MetadataMap) -> Result<Self, Status> {
        let text = |key| metadata.get(key).and_then(|value| value.to_str().ok());
        let release = text(RELEASE).unwrap_or_default().chars().take(40).collect();
        let versions = match text(VERSIONS) {
            None => Some(Versions { oldest: UNNAMED, newest: UNNAMED }),
            Some(found) => Versions::parse(found),
        };
        let versions = versions.ok_or_else(|| {
            Status::invalid_argument(format!(
                "expected versions such as `{OWN}` in `{VERSIONS}`, found others"
            ))
        })?;
        Ok(Self { versions, release })
    }

    /// Who it is, for people.
    fn words(&self) -> String {
        match self.release.as_str() {
            "" => format!("version {}", self.versions),
            release => format!("version {} (release {release})", self.versions),
        }
    }

    fn agree(
        self,
        own: Versions,
        caller: &str,
        answering: &str,
        own_is_caller: bool,
    ) -> Result<Agreed, Status> {
        if let Some(version) = own.common(self.versions) {
            return Ok(Agreed { version, release: self.release });
        }
        let ours = Self { versions: own, release: env!("CARGO_PKG_VERSION").to_owned() };
        let theirs_is_older = self.versions.newest < own.oldest;
        let (calling, answers) = if own_is_caller { (&ours, &self) } else { (&self, &ours) };
        let older = if theirs_is_older == own_is_caller { answering } else { caller };
        Err(Status::failed_precondition(format!(
            "expected a version of the protocol that both sides speak, found {} of {caller} and {} of {answering}; \
             replace {older} by a newer release (docs/guides/platform.md, Upgrading a running cluster)",
            calling.words(),
            answers.words(),
        )))
    }
}

/// The version to use in the answer to a call with this metadata.
///
/// # Errors
/// The status that refuses the call: no version is common to both sides.
pub fn agree_with_caller(metadata: &MetadataMap) -> Result<Agreed, Status> {
    Peer::of(metadata)?.agree(Versions::own(), "the caller", "the program that it called", false)
}

/// Names the version that is used in the metadata of an answer.
pub fn answer_in(agreed: &Agreed, metadata: &mut MetadataMap) {
    if Versions::own().are_named() {
        name(metadata, &agreed.version.to_string());
    }
}

/// The version of an answer with this metadata.
///
/// # Errors
/// The answer is in a version that this program does not speak.
pub fn agree_with_answer(metadata: &MetadataMap) -> Result<Agreed, Status> {
    Peer::of(metadata)?.agree(Versions::own(), "this program", "the program that answered", true)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn versions(text: &str) -> Versions {
        Versions::parse(text).unwrap()
    }

    fn metadata(range: &str, release: &str) -> MetadataMap {
        let mut metadata = MetadataMap::new();
        metadata.insert(VERSIONS, range.parse().unwrap());
        metadata.insert(RELEASE, release.parse().unwrap());
        metadata
    }

    #[test]
    fn the_highest_common_version_is_used() {
        for (ours, theirs, common) in [
            ("1-2", "1-2", Some(2)),
            ("1-2", "1", Some(1)),
            ("2-3", "1-2", Some(2)),
            ("2-3", "3-4", Some(3)),
            ("1-2", "3-4", None),
            ("3", "1-2", None),
        ] {
            assert_eq!(versions(ours).common(versions(theirs)), common, "{ours} and {theirs}");
            assert_eq!(versions(theirs).common(versions(ours)), common, "{theirs} and {ours}");
        }
        assert_eq!(OWN.newest - OWN.oldest, 1, "a release speaks its version and the one before");
    }

    #[test]
    fn a_program_that_names_no_version_is_one_of_the_first() {
        let silent = MetadataMap::new();
        assert_eq!(agree_with_caller(&silent).unwrap(), Agreed { version: 1, release: String::new() });
        assert_eq!(agree_with_answer(&silent).unwrap().version, 1);
    }

    #[test]
    fn a_refusal_says_both_versions_and_which_side_to_replace() {
        let newer = agree_with_caller(&metadata("98-99", "7.0.0")).unwrap_err();
        let words = newer.message();
        assert!(words.contains("version 98-99 (release 7.0.0) of the caller and version 1-2"), "{words}");
        assert!(words.contains("replace the program that it called by a newer release"), "{words}");
        let peer = Peer { versions: versions("1"), release: String::new() };
        let own = versions("2-3");
        let older = peer.clone().agree(own, "the caller", "the program that it called", false).unwrap_err();
        assert!(older.message().contains("found version 1 of the caller"), "{older}");
        assert!(older.message().contains("replace the caller by a newer release"), "{older}");
        let answer = peer.agree(own, "this program", "the program that answered", true).unwrap_err();
        assert!(answer.message().contains("replace the program that answered by"), "{answer}");
        let ahead = agree_with_answer(&metadata("7", "7.0.0")).unwrap_err();
        assert!(ahead.message().contains("replace this program by"), "{ahead}");
    }

    #[test]
    fn nonsense_is_refused_and_not_repeated() {
        for found in ["", "0", "2-1", "x", "1-", "1-2-3", "-1", "99999999999"] {
            let refused = agree_with_caller(&metadata(found, "1")).unwrap_err();
            assert_eq!(refused.code(), tonic::Code::InvalidArgument, "{found}");
        }
        let long = agree_with_caller(&metadata("1-2", &"9".repeat(1000))).unwrap();
        assert_eq!(long.release.len(), 40);
    }

    #[test]
    fn calls_and_answers_name_versions() {
        let called = Announcer.call(Request::new(())).unwrap();
        assert_eq!(called.metadata().get(VERSIONS).unwrap(), "1-2");
        let agreed = agree_with_caller(called.metadata()).unwrap();
        let mut answer = MetadataMap::new();
        answer_in(&agreed, &mut answer);
        assert_eq!(agree_with_answer(&answer).unwrap().version, 2);
    }
}
