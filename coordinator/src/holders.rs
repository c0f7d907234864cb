use crate::limits::MOST_MEMBERS;
use std::collections::{HashMap, VecDeque};
use stentor_rounds::{Millis, Session};

/// How long a process may be without a session before the one that it displaced gets the identity back: longer than any pause
/// of a worker that joins again.
pub(crate) const GONE_AFTER: Millis = 30_000;

/// Number of processes of an identity that are remembered.
const REMEMBERED: usize = 8;

/// A process, identified by its machine's name and its process id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Process {
    pub(crate) host: String,
    pub(crate) id: u32,
}

/// The answer to a claim.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Claim {
    Granted,
    /// A newer process has the identity, and has a session.
    Held(Process),
    /// A newer process has the identity. It has no session now, and may come back.
    Undecided(Process),
}

/// The process that holds each identity.
///
/// The newest process to request an identity gets it: a restarted worker joins before its old connection is seen to break. But if
/// the older process is alive, the two would displace each other for ever, and neither would train. So a process that lost its
/// identity to another one does not get it back while the other one has a session, or had one less than [`GONE_AFTER`] ago: every
/// member is without a session for a moment when the run falls back or a connection breaks.
#[derive(Debug, Default)]
pub(crate) struct Holders(HashMap<String, Holder>);

#[derive(Debug)]
struct Holder {
    session: Session,
    process: Process,
    /// The holders before it, the latest last, and at most [`REMEMBERED`].
    displaced: VecDeque<Process>,
    /// When its session was last known to exist.
    seen: Millis,
}

impl Holders {
    /// Gives `identity` to a process, unless a newer one has it. `is_here` says whether a session exists at the time `now`.
    pub(crate) fn claim(
        &mut self,
        identity: &str,
        session: Session,
        process: Process,
        now: Millis,
        is_here: impl Fn(Session) -> bool,
    ) -> Claim {
        self.look(now, is_here);
        let displaced = match self.0.get(identity) {
            Some(holder) if holder.displaced.contains(&process) => {
                let newer = holder.process.clone();
                return if holder.seen == now { Claim::Held(newer) } else { Claim::Undecided(newer) };
            }
            Some(holder) if holder.process == process => holder.displaced.clone(),
            Some(holder) => {
                let mut displaced = holder.displaced.clone();
                displaced.push_back(holder.process.clone());
                let excess = displaced.len().saturating_sub(REMEMBERED);
                displaced.drain(..excess);
                displaced
            }
            None => VecDeque::new(),
        };
        self.make_room();
        self.0.insert(identity.to_owned(), Holder { session, process, displaced, seen: now });
        Claim::Granted
    }

    /// Takes note of the sessions that exist at the time `now`, and forgets holders that had none for [`GONE_AFTER`]. To be called
    /// often: the time without a session counts from the last call.
    pub(crate) fn look(&mut self, now: Millis, is_here: impl Fn(Session) -> bool) {
        self.0.retain(|_, holder| {
            if is_here(holder.session) {
                holder.seen = now;
            }
            now.saturating_sub(holder.seen) < GONE_AFTER
        });
    }

    /// Bounds the number of holders: those that were not seen for the longest time are forgotten first.
    fn make_room(&mut self) {
        while self.0.len() >= 2 * MOST_MEMBERS {
            let oldest = self.0.iter().min_by_key(|(_, holder)| holder.seen).map(|(name, _)| name.clone());
            let Some(oldest) = oldest else { return };
            self.0.remove(&oldest);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn process(id: u32) -> Process {
        Process { host: "machine".into(), id }
    }

    #[test]
    fn two_living_processes_of_one_identity_do_not_take_turns() {
        let mut holders = Holders::default();
        let mut claim = |identity, session, id| holders.claim(identity, session, process(id), 0, |_| true);
        assert_eq!(claim("worker-1", 1, 10), Claim::Granted);
        assert_eq!(claim("worker-1", 2, 20), Claim::Granted, "it may be the first one's successor");
        assert_eq!(claim("worker-1", 3, 10), Claim::Held(process(20)));
        assert_eq!(claim("worker-1", 4, 20), Claim::Granted, "its own connection broke");
        assert_eq!(claim("worker-1", 5, 10), Claim::Held(process(20)));
        assert_eq!(claim("worker-2", 6, 10), Claim::Granted, "under another name");
    }

    #[test]
    fn a_newer_process_that_is_without_a_session_for_a_moment_does_not_lose_its_identity_to_the_older_one() {
        let mut holders = Holders::default();
        assert_eq!(holders.claim("worker-1", 1, process(10), 0, |_| true), Claim::Granted);
        assert_eq!(holders.claim("worker-1", 2, process(20), 1_000, |_| true), Claim::Granted);
        // The run falls back: nobody has a session, and the older process is faster.
        assert_eq!(
            holders.claim("worker-1", 3, process(10), 1_500, |_| false),
            Claim::Undecided(process(20))
        );
        assert_eq!(holders.claim("worker-1", 4, process(20), 1_600, |_| false), Claim::Granted);
        assert_eq!(
            holders.claim("worker-1", 5, process(10), 1_700, |session| session == 4),
            Claim::Held(process(20))
        );
    }

    #[test]
    fn whoever_lost_it_may_have_it_back_when_the_other_one_is_gone() {
        let mut holders = Holders::default();
        let gone = |session| session != 2;
        assert_eq!(holders.claim("worker-1", 1, process(10), 0, |_| true), Claim::Granted);
        assert_eq!(holders.claim("worker-1", 2, process(20), 0, |_| true), Claim::Granted);
        let early = holders.claim("worker-1", 3, process(10), GONE_AFTER - 1, gone);
        assert_eq!(early, Claim::Undecided(process(20)));
        assert_eq!(holders.claim("worker-1", 4, process(10), GONE_AFTER, gone), Claim::Granted);
    }

    #[test]
    fn nothing_is_kept_of_those_that_are_gone() {
        let mut holders = Holders::default();
        for session in 0..1000 {
            let (identity, now) = (format!("worker-{session}"), session * GONE_AFTER / 4);
            let claimed = holders.claim(&identity, session, process(7), now, |_| false);
            assert_eq!(claimed, Claim::Granted);
        }
        assert!(holders.0.len() <= 4);
        for session in 0..3 * MOST_MEMBERS as u64 {
            holders.claim(&format!("worker-{session}"), session, process(7), 0, |_| true);
        }
        assert_eq!(holders.0.len(), 2 * MOST_MEMBERS, "also if they all claim to be here");
    }

    /// What happens to processes of one identity. Process n was started after process n − 1.
    #[derive(Debug, Clone)]
    enum Happening {
        /// The process asks for the identity, unless it was refused before: then it has ended.
        Joins(usize),
        /// Its session ends.
        IsDismissed(usize),
        /// Time passes, less than a living process needs to join again.
        Pause(Millis),
    }

    fn happening() -> impl Strategy<Value = Happening> {
        prop_oneof![
            (0..3usize).prop_map(Happening::Joins),
            (0..3usize).prop_map(Happening::IsDismissed),
            (0..GONE_AFTER / 4).prop_map(Happening::Pause),
        ]
    }

    proptest! {
        #[test]
        fn an_identity_never_goes_back_to_an_older_process_while_the_newer_one_lives(
            happenings in prop::collection::vec(happening(), 1..60)
        ) {
            let mut holders = Holders::default();
            // The session of the identity; a process that joins takes it over, as the state machine does.
            let (mut session, mut now, mut newest) = (None, 0, None);
            let mut has_ended = [false; 3];
            let mut silent_since = 0;
            for (number, happening) in (1..).zip(happenings) {
                // A living process that is without a session joins again well before it counts as gone.
                if let Some(newest) = newest
                    && session.is_none()
                    && now - silent_since > GONE_AFTER / 2
                {
                    let claimed = holders.claim("w", number + 1_000, process(newest as u32), now, |s| session == Some(s));
                    prop_assert_eq!(claimed, Claim::Granted);
                    session = Some(number + 1_000);
                }
                match happening {
                    // Older processes than the newest were all started before it, and have joined before.
                    Happening::Joins(who) if !has_ended[who] && newest.map_or(who == 0, |newest| who <= newest + 1) => {
                        let here = session;
                        let claimed = holders.claim("w", number, process(who as u32), now, |s| here == Some(s));
                        let is_older = newest.is_some_and(|newest| who < newest);
                        prop_assert_eq!(is_older, claimed != Claim::Granted, "process {} at {}", who, now);
                        match claimed {
                            Claim::Granted => (newest, session) = (Some(who), Some(number)),
                            Claim::Held(_) => has_ended[who] = true,
                            Claim::Undecided(_) => {}
                        }
                    }
                    Happening::IsDismissed(who) if newest == Some(who) && session.is_some() => {
                        holders.look(now, |s| session == Some(s));
                        (session, silent_since) = (None, now);
                    }
                    Happening::Pause(time) => {
                        now += time;
                        let here = session;
                        holders.look(now, |s| here == Some(s));
                    }
                    _ => {}
                }
            }
        }
    }
}
