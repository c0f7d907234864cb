//! State of the workers, and whether the run can continue with the remaining ones.

use stentor_experiment::Membership;

/// State of a worker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Standing {
    /// It runs, or is about to be restarted.
    Running,
    /// It ended normally: the run is finished, or it was asked to stop.
    Done,
    /// It will not be restarted, for this reason.
    Lost(String),
}

/// Whether the coordinator would wait forever: lost workers are needed, and no others will replace them. A run
/// continues without them if membership is elastic, a worker is left, and the first round has closed. If a worker has
/// ended normally, the run is at its end, and the coordinator decides.
pub(super) fn waits_in_vain(workers: &[Standing], membership: Membership, is_under_way: bool) -> bool {
    let is_lost = |worker: &Standing| matches!(worker, Standing::Lost(_));
    let some_are_lost = workers.iter().any(is_lost);
    let none_is_done = !workers.contains(&Standing::Done);
    let needed = membership == Membership::Fixed || !is_under_way || workers.iter().all(is_lost);
    some_are_lost && none_is_done && needed
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lost() -> Standing {
        Standing::Lost("signal 9".into())
    }

    #[test]
    fn a_run_waits_in_vain_for_lost_workers_that_it_needs() {
        let (elastic, fixed) = (Membership::Elastic, Membership::Fixed);
        let one = [Standing::Running, lost()];
        assert!(!waits_in_vain(&one, elastic, true), "the other one continues");
        assert!(waits_in_vain(&one, elastic, false), "the first round needs all");
        assert!(waits_in_vain(&one, fixed, true));
        assert!(waits_in_vain(&[lost(), lost()], elastic, true));
        assert!(!waits_in_vain(&[Standing::Running, Standing::Running], fixed, false));
    }

    #[test]
    fn at_the_end_of_a_run_no_worker_is_missed() {
        for membership in [Membership::Elastic, Membership::Fixed] {
            assert!(!waits_in_vain(&[Standing::Done, lost()], membership, true));
            assert!(!waits_in_vain(&[Standing::Done, Standing::Done], membership, true));
        }
    }
}
