use super::Logged;
use anyhow::{Context, Result, bail, ensure};
use std::collections::BTreeMap;
use stentor_checkpoint::{Standing, checkpoint_age, folders, read_manifest};
use stentor_experiment::{Experiment, Strategy};
use stentor_plan::Lease;
use stentor_runlog::{Encoding, Event, Fence, Timeline, read_events, saved_state};
use stentor_scores::LOSS;
use stentor_store::Store;

/// A closed round of the surviving lineage, and the checkpoint from which to compute it.
#[derive(Debug)]
pub(super) struct Round {
    pub(super) lineage: u64,
    /// Each contributor's batches.
    pub(super) leases: BTreeMap<u32, Vec<Lease>>,
    /// The members when it closed.
    pub(super) members: BTreeMap<u32, String>,
    /// Number of frames committed before it.
    pub(super) committed_frames: u64,
    /// Block momentum η, if it closed a block.
    pub(super) block_momentum: Option<f64>,
    pub(super) logged: Logged,
    /// `None`: the run's beginning.
    pub(super) checkpoint: Option<String>,
    /// Round of the checkpoint.
    pub(super) strategy: Strategy,
    /// Number of rounds between the checkpoint and this one.
    pub(super) rounds_since: u64,
}

/// A round as recorded in the log.
#[derive(Debug, PartialEq)]
struct Told {
    lineage: u64,
    leases: BTreeMap<u32, Vec<Lease>>,
    members: BTreeMap<u32, String>,
    committed_frames: u64,
    block_momentum: Option<f64>,
    logged: Logged,
}

impl Round {
    pub(super) async fn find(run: &Store, round: u64) -> Result<Self> {
        let text = run.get("experiment.toml").await?;
        let experiment = Experiment::parse(&String::from_utf8_lossy(&text))?;
        let events = read_events(run).await?;
        let timeline = Timeline::of(&events);
        let told = told(&events, &timeline, round)?;
        let mut checkpoint = None;
        for folder in folders(run).await? {
            if !matches!(folder.standing, Standing::Published { .. } | Standing::Deployed) {
                continue;
            }
            let Some(age) = checkpoint_age(&folder.name) else { continue };
            if age.1 <= round && timeline.has_checkpoint(age.0, age.1) {
                // Names sort by age, but a later lineage may fall back to an earlier round.
                checkpoint = checkpoint.max(Some((age.1, age.0, folder.name)));
            }
        }
        let (mut strategy, mut start) = (experiment.exchange.strategy, 0);
        if let Some((from, _, name)) = &checkpoint {
            let saved = saved_state(&read_manifest(run, name).await?)?;
            (strategy, start) = (saved.strategy, *from);
        }
        let Told { lineage, leases, members, committed_frames, block_momentum, logged } = told;
        Ok(Self {
            lineage,
            leases,
            members,
            committed_frames,
            block_momentum,
            logged,
            checkpoint: checkpoint.map(|(.., name)| name),
            strategy,
            rounds_since: round - start,
        })
    }
}

/// Returns the round with this number that still counts.
fn told(events: &[Event], timeline: &Timeline, number: u64) -> Result<Told> {
    // Members, and the schedule's clock, before this round.
    let (mut members, mut committed) = (&BTreeMap::new(), 0);
    for event in events {
        if let Event::Members { members: now, .. } = event {
            members = now;
        }
        let Event::Round {
            fence,
            contributors,
            leases,
            shares,
            encoding,
            frames,
            committed_frames,
            scores,
            gradient_norm,
            ..
        } = event
        else {
            continue;
        };
        if !timeline.counts(fence.lineage, fence.round) {
            continue;
        }
        if fence.round != number {
            committed = *committed_frames;
            continue;
        }
        let leases = by_slot(contributors, leases, shares).with_context(|| format!("round {number}"))?;
        ensure!(
            !leases.values().all(Vec::is_empty),
            "round {number} has no batches: groups only exchanged their models in it"
        );
        let loss = scores.get(LOSS).with_context(|| format!("the log has no loss of round {number}"))?;
        return Ok(Told {
            lineage: fence.lineage,
            leases,
            members: members.clone(),
            committed_frames: committed,
            block_momentum: match encoding {
                Encoding::Block { momentum, .. } => Some(*momentum),
                Encoding::Dense { .. } | Encoding::Threshold { .. } => None,
            },
            logged: Logged { frames: *frames, loss, gradient_norm: *gradient_norm },
        });
    }
    bail!("expected a closed round, found no round {number}: {}", why_not(events, timeline, number))
}

/// Explains why no round with this number counts.
fn why_not(events: &[Event], timeline: &Timeline, number: u64) -> String {
    let closed = || {
        events.iter().filter_map(|event| match event {
            Event::Round { fence: Fence { lineage, round, .. }, .. } => Some((*round, *lineage)),
            _ => None,
        })
    };
    let last = closed().filter(|(round, _)| *round == number).max();
    if let Some(back) = last.and_then(|(round, lineage)| timeline.voided_by(lineage, round)) {
        return format!(
            "it was made void by the fall-back to round {} in lineage {}: {}",
            back.round, back.lineage, back.reason
        );
    }
    let newest = closed().max().map_or("none".to_owned(), |(round, _)| round.to_string());
    format!("the newest round in the log is {newest}")
}

/// Returns a round's leases, slot by slot.
fn by_slot(contributors: &[u32], leases: &[Lease], shares: &[u32]) -> Result<BTreeMap<u32, Vec<Lease>>> {
    ensure!(
        shares.len() == contributors.len()
            && shares.iter().map(|&share| share as usize).sum::<usize>() == leases.len(),
        "the log does not record the leases of each member: it was written by an older program"
    );
    let mut rest = leases.iter().copied();
    let mut take = |share: u32| rest.by_ref().take(share as usize).collect();
    Ok(contributors.iter().zip(shares).map(|(&slot, &share)| (slot, take(share))).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use stentor_checkpoint::checkpoint_name;
    use stentor_experiment::Source;
    use stentor_scores::Scores;

    fn told(events: &[Event], number: u64) -> Result<Told> {
        super::told(events, &Timeline::of(events), number)
    }

    fn lease(unit: u64) -> Lease {
        Lease { source: Source::Annotated, pass: 0, unit, first_batch: 0, batches: 1 }
    }

    fn round(lineage: u64, round: u64, loss: f64) -> Event {
        Event::Round {
            fence: Fence { lineage, membership_epoch: 1, round },
            source: Source::Annotated,
            contributors: vec![0, 2],
            leases: vec![lease(round), lease(100 + round), lease(200 + round)],
            shares: vec![1, 2],
            frames: 30,
            committed_frames: 30 * (round + 1),
            scores: Scores::default().with(LOSS, loss),
            by_source: Vec::new(),
            gradient_norm: 1.5,
            values_sent: 1,
            bytes_up: 1,
            compute_s: 0.0,
            encoding: Encoding::Dense { density: 0.0 },
            at_ms: 0,
        }
    }

    /// A fall-back to the checkpoint before `round`, which starts lineage 1.
    fn back(lineage: u64, round: u64) -> Event {
        Event::FellBack {
            lineage,
            round,
            checkpoint: Some(checkpoint_name(1, round)),
            committed_frames: None,
            reason: "b is lost".into(),
        }
    }

    fn members(names: &[&str]) -> Event {
        let members = (0..).zip(names).map(|(slot, name)| (slot, (*name).to_owned())).collect();
        Event::Members {
            fence: Fence { lineage: 1, membership_epoch: 1, round: 0 },
            members,
            reason: "r".into(),
        }
    }

    #[test]
    fn the_round_that_still_counts_is_found_with_its_members_and_its_clock() {
        let events = [
            members(&["a", "b", "c"]),
            round(1, 0, 3.0),
            round(1, 1, 2.5),
            round(1, 2, 2.0),
            back(2, 1),
            members(&["a", "d", "c"]),
            round(2, 1, 2.4),
            round(2, 2, 1.9),
        ];
        let told = told(&events, 1).unwrap();
        assert_eq!((told.lineage, told.committed_frames, told.logged.loss), (2, 30, 2.4));
        assert_eq!(told.leases, BTreeMap::from([(0, vec![lease(1)]), (2, vec![lease(101), lease(201)])]));
        assert_eq!(told.members[&1], "d");
    }

    #[test]
    fn a_round_that_is_void_or_not_yet_closed_is_rejected_with_the_reason() {
        let events = [round(1, 0, 3.0), round(1, 1, 2.5), back(2, 1)];
        assert!(told(&events, 1).unwrap_err().to_string().contains("void"), "{:?}", told(&events, 1));
        let error = told(&events, 7).unwrap_err().to_string();
        assert!(error.contains("newest round in the log is 1"), "{error}");
        assert_eq!(told(&events, 0).unwrap().lineage, 1);
    }

    #[test]
    fn a_log_without_the_leases_of_each_member_is_rejected() {
        let Event::Round { leases, contributors, .. } = round(1, 0, 1.0) else { unreachable!() };
        for shares in [vec![], vec![1, 1], vec![3]] {
            let error = by_slot(&contributors, &leases, &shares).unwrap_err().to_string();
            assert!(error.contains("does not record the leases of each member"), "{shares:?}: {error}");
        }
    }
}
