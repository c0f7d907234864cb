use super::Logged;
use anyhow::{Context, Result, bail, ensure};
use std::collections::BTreeMap;
use stentor_checkpoint::{Standing, checkpoint_age, inventory, read_manifest};
use stentor_experiment::{Experiment, Strategy};
use stentor_plan::Lease;
use stentor_runlog::{Encoding, Event, read_events, saved_state};
use stentor_store::Store;

/// A closed round of the surviving lineage, and the checkpoint to compute it from.
#[derive(Debug)]
pub(super) struct Round {
    pub(super) lineage: u64,
    /// Each contributor's batches.
    pub(super) leases: BTreeMap<u32, Vec<Lease>>,
    /// Who the members were when it closed.
    pub(super) members: BTreeMap<u32, String>,
    /// Frames committed before it.
    pub(super) committed_frames: u64,
    /// η, where it closed a block.
    pub(super) block_momentum: Option<f64>,
    pub(super) logged: Logged,
    /// None: the beginning.
    pub(super) checkpoint: Option<String>,
    /// Of the checkpoint.
    pub(super) strategy: Strategy,
    /// Rounds between the checkpoint and this one.
    pub(super) rounds_since: u64,
}

/// A round as the log tells it.
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
        let told = told(&events, round)?;
        let mut checkpoint = None;
        for folder in inventory(run).await? {
            if !matches!(folder.standing, Standing::Published { .. } | Standing::Deployed) {
                continue;
            }
            let Some(age) = checkpoint_age(&folder.name) else { continue };
            if age.1 <= round && is_before(&events, age, told.lineage) {
                // Names sort by age, but a later lineage may go back to an earlier round.
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

/// Whether a checkpoint of this age (lineage, round) is among the forebears of `lineage`.
fn is_before(events: &[Event], age: (u64, u64), lineage: u64) -> bool {
    let voids = |event: &Event| match event {
        Event::FellBack { lineage: new, round, .. } => *new > age.0 && *new <= lineage && *round < age.1,
        _ => false,
    };
    age.0 <= lineage && !events.iter().any(voids)
}

/// The round of this number that still counts.
fn told(events: &[Event], number: u64) -> Result<Told> {
    let (mut found, mut members, mut committed, mut last) = (None, BTreeMap::new(), 0, None);
    // What the schedule's clock showed after each round: a fall-back sets it back.
    let mut clock = BTreeMap::<u64, u64>::new();
    for event in events {
        match event {
            Event::Members { members: now, .. } => members = now.clone(),
            Event::FellBack { round, reason, lineage, .. } => {
                committed = round.checked_sub(1).and_then(|before| clock.get(&before)).copied().unwrap_or(0);
                if *round <= number && found.is_some() {
                    found = None;
                    last = Some(format!(
                        "it was made void by the return to round {round} in lineage {lineage}: {reason}"
                    ));
                }
            }
            Event::Round {
                fence,
                contributors,
                leases,
                shares,
                encoding,
                frames,
                loss,
                gradient_norm,
                ..
            } => {
                if fence.round == number {
                    found = Some(Told {
                        lineage: fence.lineage,
                        leases: by_slot(contributors, leases, shares)
                            .with_context(|| format!("round {number}"))?,
                        members: members.clone(),
                        committed_frames: committed,
                        block_momentum: match encoding {
                            Encoding::Block { momentum, .. } => Some(*momentum),
                            Encoding::Dense { .. } | Encoding::Threshold { .. } => None,
                        },
                        logged: Logged { frames: *frames, loss: *loss, gradient_norm: *gradient_norm },
                    });
                }
                if let Event::Round { committed_frames, .. } = event {
                    committed = *committed_frames;
                    clock.insert(fence.round, committed);
                }
            }
            _ => {}
        }
    }
    match found {
        Some(told) if told.leases.values().all(Vec::is_empty) => {
            bail!("round {number} has no batches: groups only exchanged their models in it")
        }
        Some(told) => Ok(told),
        None => {
            let newest = clock.keys().max().map_or("none".to_owned(), ToString::to_string);
            let why = last.unwrap_or_else(|| format!("the newest round in the log is {newest}"));
            bail!("expected a closed round, found no round {number}: {why}")
        }
    }
}

/// A round's leases, slot by slot.
fn by_slot(contributors: &[u32], leases: &[Lease], shares: &[u32]) -> Result<BTreeMap<u32, Vec<Lease>>> {
    ensure!(
        shares.len() == contributors.len()
            && shares.iter().map(|&share| share as usize).sum::<usize>() == leases.len(),
        "the log does not say whose leases were whose: it was written by an older program"
    );
    let mut rest = leases.iter().copied();
    let mut take = |share: u32| rest.by_ref().take(share as usize).collect();
    Ok(contributors.iter().zip(shares).map(|(&slot, &share)| (slot, take(share))).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use stentor_experiment::Source;
    use stentor_runlog::Fence;

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
            loss,
            frame_error: 50.0,
            by_source: Vec::new(),
            gradient_norm: 1.5,
            values_sent: 1,
            bytes_up: 1,
            compute_s: 0.0,
            encoding: Encoding::Dense { density: 0.0 },
            at_ms: 0,
        }
    }

    fn back(lineage: u64, round: u64) -> Event {
        Event::FellBack {
            lineage,
            round,
            checkpoint: None,
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
    fn the_round_that_still_counts_is_told_with_its_members_and_its_clock() {
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
    fn a_round_that_is_void_or_has_not_come_is_refused_with_the_reason() {
        let events = [round(1, 0, 3.0), round(1, 1, 2.5), back(2, 1)];
        assert!(told(&events, 1).unwrap_err().to_string().contains("void"), "{:?}", told(&events, 1));
        let error = told(&events, 7).unwrap_err().to_string();
        assert!(error.contains("newest round in the log is 1"), "{error}");
        assert_eq!(told(&events, 0).unwrap().lineage, 1);
    }

    #[test]
    fn a_log_that_does_not_say_whose_leases_were_whose_is_refused() {
        let Event::Round { leases, contributors, .. } = round(1, 0, 1.0) else { unreachable!() };
        for shares in [vec![], vec![1, 1], vec![3]] {
            let error = by_slot(&contributors, &leases, &shares).unwrap_err().to_string();
            assert!(error.contains("does not say whose leases were whose"), "{shares:?}: {error}");
        }
    }

    #[test]
    fn a_checkpoint_of_a_void_stretch_is_no_forebear() {
        let events = [round(1, 0, 3.0), back(2, 4), back(5, 2)];
        assert!(is_before(&events, (1, 4), 2));
        assert!(!is_before(&events, (1, 5), 2));
        // Seen from before the fall-back it counts; from after the second one it does not.
        assert!(is_before(&events, (1, 5), 1));
        assert!(!is_before(&events, (1, 4), 5));
        assert!(!is_before(&events, (5, 2), 2));
    }
}
