//! Checks whether the run is long enough for BMUF's block, once the data are known.

use stentor_experiment::{Experiment, Source, Strategy};
use stentor_plan::Plan;

/// A warning if a worker has fewer batches in the whole run than a block: then models are averaged only once, at the end.
pub(crate) fn too_long(experiment: &Experiment, plan: &Plan) -> Option<String> {
    let block = u64::from(experiment.exchange.bmuf.block);
    let workers = u64::from(experiment.cluster.workers.max(1));
    let total: u64 = Source::ALL.into_iter().map(|source| plan.total_batches(source)).sum();
    let each = total.div_ceil(workers);
    let has_blocks = matches!(experiment.exchange.strategy, Strategy::Bmuf | Strategy::TwoTier);
    (has_blocks && block > each).then(|| {
        format!(
            "`exchange.bmuf.block` is {block} batches of each worker, and the whole run has {total}, {each} for each of {workers} workers: \
             models are averaged once, at its end; expected a block of which the run has many, so {} at most, or more \
             `schedule.passes`",
            (each / 10).max(1)
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_that_no_worker_fills_is_warned_of_with_the_numbers() {
        let said = |strategy: &str, block: u64| {
            let sections =
                format!("[exchange]\nstrategy = \"{strategy}\"\n[exchange.bmuf]\nblock = {block}\n");
            let (experiment, plan) = crate::small_run::small_run("workers = 2", &sections);
            let batches = |source| plan.total_batches(source);
            let total: u64 = Source::ALL.into_iter().map(batches).sum();
            (too_long(&experiment, &plan), total)
        };
        let (none, total) = said("bmuf", 1);
        assert_eq!(none, None);
        let each = total.div_ceil(2);
        assert_eq!(said("bmuf", each).0, None);
        let words = said("bmuf", each + 1).0.unwrap();
        let expected =
            format!("is {} batches of each worker, and the whole run has {total}, {each} for each", each + 1);
        assert!(words.contains(&expected), "{words}");
        assert!(said("two-tier", each + 1).0.is_some());
        assert_eq!(said("gtc", each + 1).0, None, "no block is used");
    }
}
