use tonic::metadata::MetadataValue;
use tonic::{Code, Status};

/// Why a request for membership is refused, for programs. It travels in the metadata of a status, whose message has the reason
/// for people.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// This worker cannot take part, and others can.
    Excluded,
    /// No round follows. The run does not need this worker, unless its last checkpoint cannot be written.
    Finishing,
    /// The run is finished.
    Finished,
}

/// The metadata's key.
const KEY: &str = "stentor-refusal";

impl Refusal {
    /// All of them.
    pub const ALL: [Refusal; 3] = [Refusal::Excluded, Refusal::Finishing, Refusal::Finished];

    /// The metadata's value.
    fn word(self) -> &'static str {
        match self {
            Refusal::Excluded => "excluded",
            Refusal::Finishing => "finishing",
            Refusal::Finished => "finished",
        }
    }

    /// The status that refuses, with the reason for people.
    #[must_use]
    pub fn status(self, reason: impl Into<String>) -> Status {
        let code = match self {
            Refusal::Excluded => Code::FailedPrecondition,
            // A worker that does not know the key asks again.
            Refusal::Finishing | Refusal::Finished => Code::Unavailable,
        };
        let mut status = Status::new(code, reason);
        status.metadata_mut().insert(KEY, MetadataValue::from_static(self.word()));
        status
    }

    /// The refusal in a status; `None`: it is none of these, or comes from a coordinator that does not know them.
    #[must_use]
    pub fn of(status: &Status) -> Option<Refusal> {
        let word = status.metadata().get(KEY)?.to_str().ok()?;
        Refusal::ALL.into_iter().find(|refusal| refusal.word() == word)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_read_back_from_its_status_and_others_are_none() {
        for refusal in Refusal::ALL {
            let status = refusal.status("because");
            assert_eq!((Refusal::of(&status), status.message()), (Some(refusal), "because"));
        }
        assert_eq!(Refusal::of(&Status::failed_precondition("because")), None);
        let mut odd = Status::unavailable("because");
        odd.metadata_mut().insert(KEY, MetadataValue::from_static("FINISHED"));
        assert_eq!(Refusal::of(&odd), None);
    }
}
