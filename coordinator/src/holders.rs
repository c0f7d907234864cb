use crate::state_machine::Session;
use std::collections::HashMap;

/// A process, identified by its machine's name and its process id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Process {
    pub(crate) host: String,
    pub(crate) id: u32,
}

/// The process that holds each identity.
///
/// The newest process to request an identity gets it: a restarted worker joins before its old connection is seen to break. But if
/// the older process is alive, the two would displace each other for ever, and neither would train. So a process that lost its
/// identity to another one does not get it back while the other one has a session.
#[derive(Debug, Default)]
pub(crate) struct Holders(HashMap<String, Holder>);

#[derive(Debug)]
struct Holder {
    session: Session,
    process: Process,
    /// The previous holder.
    displaced: Option<Process>,
}

impl Holders {
    /// Gives `identity` to a process, or returns the process that keeps it. `is_here` says whether a session still exists.
    pub(crate) fn claim(
        &mut self,
        identity: &str,
        session: Session,
        process: Process,
        is_here: impl Fn(Session) -> bool,
    ) -> Result<(), Process> {
        let displaced = match self.0.remove(identity) {
            Some(holder) if holder.displaced.as_ref() == Some(&process) && is_here(holder.session) => {
                let keeps = holder.process.clone();
                self.0.insert(identity.to_owned(), holder);
                return Err(keeps);
            }
            Some(holder) if holder.process == process => holder.displaced,
            Some(holder) => Some(holder.process),
            None => None,
        };
        // Keeps at most one entry per session.
        self.0.retain(|_, holder| is_here(holder.session));
        self.0.insert(identity.to_owned(), Holder { session, process, displaced });
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn process(id: u32) -> Process {
        Process { host: "machine".into(), id }
    }

    #[test]
    fn two_living_processes_of_one_identity_do_not_take_turns() {
        let mut holders = Holders::default();
        let all = |_| true;
        assert_eq!(holders.claim("worker-1", 1, process(10), all), Ok(()));
        assert_eq!(
            holders.claim("worker-1", 2, process(20), all),
            Ok(()),
            "it may be the first one's successor"
        );
        assert_eq!(holders.claim("worker-1", 3, process(10), all), Err(process(20)));
        assert_eq!(holders.claim("worker-1", 4, process(20), all), Ok(()), "its own connection broke");
        assert_eq!(holders.claim("worker-1", 5, process(10), all), Err(process(20)));
        assert_eq!(holders.claim("worker-2", 6, process(10), all), Ok(()), "under another name");
    }

    #[test]
    fn whoever_lost_it_may_have_it_back_when_the_other_one_is_gone() {
        let mut holders = Holders::default();
        assert_eq!(holders.claim("worker-1", 1, process(10), |_| true), Ok(()));
        assert_eq!(holders.claim("worker-1", 2, process(20), |_| true), Ok(()));
        assert_eq!(holders.claim("worker-1", 3, process(10), |session| session != 2), Ok(()));
    }

    #[test]
    fn nothing_is_kept_of_those_that_are_gone() {
        let mut holders = Holders::default();
        for session in 0..1000 {
            let identity = format!("worker-{session}");
            assert_eq!(holders.claim(&identity, session, process(7), |other| other + 3 > session), Ok(()));
        }
        assert!(holders.0.len() <= 4);
    }
}
