//! A member of a run that speaks well-formed nonsense, message after message, against the coordinator's state machine.

/// The bytes say what the member says; nothing but its own membership may change.
pub(crate) fn run(data: &[u8]) {
    if let Err(changed) = stentor_simulation::nonsense::member_says(data) {
        panic!("{changed}");
    }
}

/// The truth, in runs with each strategy; and each kind of message, one after the other.
pub(crate) fn seeds() -> Vec<Vec<u8>> {
    let truth = (0..3u8).map(|strategy| [vec![strategy], vec![0; 600]].concat());
    let kinds = (0..10u8).map(|kind| vec![kind; 400]);
    truth.chain(kinds).collect()
}
