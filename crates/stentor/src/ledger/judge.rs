use super::history::{Commit, History};
use crate::text::counted;
use anyhow::{Context, Result};
use stentor_checkpoint::{Broken, newest_valid};
use stentor_experiment::Source;
use stentor_output::{Listed, OfSource, State, Verdict, Void};
use stentor_plan::Plan;
use stentor_plan::audit::{Audit, Exceptions, Extent};
use stentor_runlog::{Saved, saved_state};
use stentor_store::Store;

/// How far a run has come by its newest checkpoint.
pub(super) struct Reached {
    /// The newest whole checkpoint and the state machine's state in it.
    checkpoint: Option<(String, Saved)>,
    /// Checkpoints that are damaged, with what is wrong.
    broken: Vec<String>,
    /// Whether the run has a result.
    over: bool,
}

impl Reached {
    pub(super) async fn find(run: &Store, plan: &Plan) -> Result<Self> {
        let over = run.exists("final.json").await?;
        let newest = newest_valid(run).await?;
        let named = |broken: &Broken| format!("checkpoint {}: {}", broken.name, broken.error);
        let broken = newest.broken.iter().map(named).collect();
        let saved = newest.manifest.as_ref().map(saved_state).transpose()?;
        if let Some(saved) = &saved {
            saved.position.check(plan).context("the data or the plan differ from those of the run")?;
        }
        Ok(Self { checkpoint: newest.manifest.map(|manifest| manifest.name).zip(saved), broken, over })
    }

    /// `run`: its location.
    pub(super) fn judge(self, run: &str, plan: &Plan, history: &History) -> Verdict {
        let verdict = verdict(run, plan, history, self.checkpoint, self.over);
        Verdict { broken: self.broken, ..verdict }
    }
}

/// `reach`: the newest checkpoint and the state machine's state in it. `over`: whether the run has a result.
fn verdict(run: &str, plan: &Plan, history: &History, reach: Option<(String, Saved)>, over: bool) -> Verdict {
    let (checkpoint, saved) = reach.unzip();
    let round = saved.as_ref().map_or(0, |saved| saved.round);
    let position = saved.map(|saved| saved.position);
    let finished = position.as_ref().is_some_and(|position| position.finished(plan));
    let (judged, later): (Vec<&Commit>, Vec<&Commit>) =
        history.counted().partition(|commit| commit.round < round);
    let mut audit = Audit::new(plan);
    judged.iter().for_each(|commit| commit.leases.iter().for_each(|lease| audit.record(lease)));
    let start = stentor_plan::Position::new(plan);
    // If the whole plan is done, it is audited without using the ledger's position.
    let extent = match &position {
        Some(_) if finished => Extent::WholeRun,
        Some(position) => Extent::UpTo(position),
        None => Extent::UpTo(&start),
    };
    let findings = audit.findings(extent);
    let mut contradictions: Vec<String> = findings.unknown.iter().map(ToString::to_string).collect();
    if finished && !later.is_empty() {
        let rounds = counted(later.len() as u64, "round");
        contradictions.push(format!("{rounds} closed after everything was committed"));
    }
    let sources = Source::ALL.into_iter().filter(|&source| plan.passes(source) > 0).map(|source| OfSource {
        source,
        passes: plan.passes(source),
        committed: findings.committed[source.index()],
        of: plan.total_batches(source),
    });
    let void = history.void().into_iter().map(|(back, commits)| Void {
        lineage: back.lineage,
        round: back.round,
        rounds: commits.len() as u64,
        batches: commits.into_iter().map(batches).sum(),
        reason: back.reason.clone(),
    });
    Verdict {
        run: run.to_owned(),
        state: match (finished, over) {
            (true, _) => State::Finished,
            (false, true) => State::StoppedEarly,
            (false, false) => State::UnderWay,
        },
        clean: findings.is_clean() && contradictions.is_empty(),
        checkpoint,
        round,
        progress: position.map_or(0.0, |position| position.progress(plan)),
        sources: sources.collect(),
        void: void.collect(),
        not_judged: later.into_iter().map(batches).sum(),
        quarantined: history.quarantined.clone(),
        broken: Vec::new(),
        missing: listed(findings.missing),
        twice: listed(findings.repeated),
        unexpected: listed(findings.unexpected),
        contradictions,
    }
}

fn batches(commit: &Commit) -> u64 {
    commit.leases.iter().map(|lease| u64::from(lease.batches)).sum()
}

/// The number of exceptions, and the first of them.
fn listed(exceptions: Exceptions) -> Listed {
    /// Number of leases that are shown; all batches are counted.
    const MOST: usize = 20;
    let leases = exceptions.leases.into_iter().take(MOST).collect();
    Listed { batches: exceptions.batches, leases }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::render;
    use std::collections::{BTreeMap, BTreeSet};
    use stentor_experiment::{Batch, Schedule, Strategy};
    use stentor_plan::{Catalogue, Position, RoundSize, RowGroup};
    use stentor_runlog::{Return, Timeline};
    use stentor_scores::FRAME_ERROR;

    fn plan() -> Plan {
        let row_groups = (0..7).map(|i| RowGroup { frames: 300 + 40 * i, utterances: 4 }).collect();
        let batch = Batch { chunks: 2, unit_batches: 3, ..Batch::default() };
        let schedule = Schedule { passes: 2, ..Schedule::default() };
        Plan::new(Catalogue { row_groups }, None, &batch, &schedule, 7).unwrap()
    }

    /// Rounds of two slots from `position` on, until `rounds` more have closed or no batch is left.
    fn go(plan: &Plan, position: &mut Position, lineage: u64, from: u64, rounds: u64) -> Vec<Commit> {
        let mut commits = Vec::new();
        for round in from..from + rounds {
            let Some(work) = position.assign(plan, &[0, 1], RoundSize::Batch) else { break };
            let leases = position.commit(plan, &work, &BTreeSet::from([0, 1])).unwrap().leases;
            commits.push(Commit { lineage, round, leases });
        }
        commits
    }

    fn saved(round: u64, position: &Position) -> Option<(String, Saved)> {
        let saved = Saved {
            round,
            position: position.clone(),
            suggested_tau: Default::default(),
            suggested_block_tau: None,
            checkpoints: 1,
            best: None,
            best_by: FRAME_ERROR,
            stale_evaluations: 0,
            finished: false,
            roster: BTreeMap::new(),
            strategy: Strategy::Gtc,
            quarantined: Vec::new(),
            scaled_residuals: true,
        };
        Some(("c".to_owned(), saved))
    }

    fn history(commits: Vec<Commit>, returns: Vec<Return>) -> History {
        let newest = commits.iter().map(|commit| commit.lineage).max().unwrap();
        History { timeline: Timeline::new(newest, returns), commits, quarantined: Vec::new() }
    }

    /// Five rounds, a fall-back to round 3, and then all rounds to the end.
    fn fallen_back(plan: &Plan) -> (History, Option<(String, Saved)>) {
        let mut position = Position::new(plan);
        let mut commits = go(plan, &mut position, 1000, 0, 3);
        let there = position.clone();
        commits.extend(go(plan, &mut position, 1000, 3, 2));
        let mut position = there;
        let rest = go(plan, &mut position, 1001, 3, 10_000);
        let round = 3 + rest.len() as u64;
        commits.extend(rest);
        let back = Return { lineage: 1001, round: 3, from: Some(1000), reason: "worker-1 is lost".into() };
        (history(commits, vec![back]), saved(round, &position))
    }

    #[test]
    fn a_run_that_fell_back_is_clean_and_lists_what_was_void() {
        let plan = plan();
        let (history, reach) = fallen_back(&plan);
        let verdict = verdict("r", &plan, &history, reach, true);
        assert!(verdict.clean, "{verdict:?}");
        assert_eq!(
            (verdict.state, verdict.sources[0].committed),
            (State::Finished, plan.total_batches(Source::Annotated))
        );
        assert_eq!((verdict.void[0].rounds, verdict.void[0].batches), (2, 4));
        let text = render::text(&verdict);
        assert!(
            text.contains("each batch counted exactly once") && text.contains("back to round 3"),
            "{text}"
        );
    }

    #[test]
    fn an_unfinished_run_is_audited_up_to_its_newest_checkpoint() {
        let plan = plan();
        let mut position = Position::new(&plan);
        let mut commits = go(&plan, &mut position, 1000, 0, 4);
        let reach = saved(4, &position);
        commits.extend(go(&plan, &mut position, 1000, 4, 3));
        let history = history(commits, Vec::new());
        let verdict = verdict("r", &plan, &history, reach, false);
        assert!(verdict.clean, "{verdict:?}");
        assert_eq!(
            (verdict.state, verdict.sources[0].committed, verdict.not_judged),
            (State::UnderWay, 8, 6)
        );
        let nothing = super::verdict("r", &plan, &history, None, false);
        assert!(nothing.clean && nothing.not_judged == 14 && nothing.progress == 0.0, "{nothing:?}");
    }

    #[test]
    fn a_commit_that_is_lost_or_repeated_in_the_log_is_an_exception_with_its_lease() {
        let plan = plan();
        let (mut history, reach) = fallen_back(&plan);
        let doubled = history.commits[0].leases[0];
        let lost = history.commits.pop().unwrap().leases;
        history.commits[1].leases.push(doubled);
        let verdict = verdict("r", &plan, &history, reach, true);
        assert!(!verdict.clean);
        assert_eq!((verdict.twice.batches, &verdict.twice.leases[..]), (1, &[doubled][..]));
        assert_eq!(verdict.missing.batches, lost.iter().map(|lease| u64::from(lease.batches)).sum::<u64>());
        assert!(render::text(&verdict).contains("NOT CLEAN"), "{verdict:?}");
    }
}
