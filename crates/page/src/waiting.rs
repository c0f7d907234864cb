//! Which members the run is waiting for and why, in sentences for an operator.

use crate::board::Board;
use crate::words;
use indicatif::DecimalBytes;
use serde::Serialize;
use stentor_experiment::Membership;
use stentor_messages::{MemberView, Millis, Owes, Pausing, Stage, View};

/// Shorter waits are not reported, seconds.
const SHORT_S: f64 = 2.0;

/// What the run is doing, and which members delay it.
#[derive(Debug, Serialize)]
pub(crate) struct Waiting {
    /// One word for the page's heading.
    pub(crate) state: State,
    /// One or two sentences.
    pub(crate) words: String,
    /// Duration so far, seconds.
    pub(crate) since_s: Option<f64>,
    /// The members that the others are waiting for.
    pub(crate) members: Vec<WaitedFor>,
}

/// What the run is doing, in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum State {
    /// The run has not started yet.
    Starting,
    /// Waiting for workers to join.
    Gathering,
    /// Rounds close at their usual pace.
    Training,
    /// A round takes much longer than the ones before.
    Waiting,
    /// An operator has paused the run.
    Paused,
    /// Waiting for the last reports.
    Finishing,
    /// The run has ended.
    Over,
}

/// A member that the others are waiting for.
#[derive(Debug, PartialEq, Serialize)]
pub(crate) struct WaitedFor {
    pub(crate) identity: String,
    pub(crate) why: String,
}

impl Waiting {
    pub(crate) fn of(board: &Board) -> Self {
        if let Some(words) = &board.ended {
            return Self { state: State::Over, words: words.clone(), since_s: None, members: Vec::new() };
        }
        let Some(view) = &board.view else {
            let words = "The coordinator is opening the data and looking for earlier state.".to_owned();
            return Self { state: State::Starting, words, since_s: None, members: Vec::new() };
        };
        if let Some(Pausing { by, for_ms, held: true }) = &view.paused {
            let saved = match &view.newest_checkpoint {
                Some(name) => format!("Checkpoint {name} contains everything"),
                None => "Nothing has been trained".to_owned(),
            };
            let words = format!("Paused by {by}. {saved}; no round closes until `stentor resume`.");
            return Self {
                state: State::Paused,
                words,
                since_s: Some(seconds(*for_ms)),
                members: Vec::new(),
            };
        }
        let mut waiting = Self::of_stage(board, view);
        if let Some(Pausing { by, .. }) = &view.paused {
            waiting.words += &format!(" The run pauses after its next checkpoint, as {by} asked.");
        }
        waiting
    }

    fn of_stage(board: &Board, view: &View) -> Self {
        match view.stage {
            Stage::Gathering { for_ms } => gathering(board, view, for_ms),
            Stage::Round { waited_ms } => round(board, view, waited_ms),
            Stage::Finishing { for_ms } => finishing(board, view, for_ms),
            Stage::Over => {
                let words = "The run is over.".to_owned();
                Self { state: State::Over, words, since_s: None, members: Vec::new() }
            }
        }
    }
}

fn gathering(board: &Board, view: &View, for_ms: Millis) -> Waiting {
    let cluster = &board.setting.experiment.cluster;
    let (here, since_s) = (view.applicants.len(), seconds(for_ms));
    let names = if here == 0 { "none".to_owned() } else { view.applicants.join(", ") };
    let left = (cluster.join_deadline_s - since_s).max(0.0);
    let then = match (cluster.membership, here) {
        (Membership::Elastic, 1..) => {
            format!("In {left:.0} s training begins with the workers that have joined.")
        }
        _ => format!("In {left:.0} s the run fails for lack of workers."),
    };
    Waiting {
        state: State::Gathering,
        words: format!("Waiting for workers: {} expected, joined: {names}. {then}", cluster.workers),
        since_s: Some(since_s),
        members: Vec::new(),
    }
}

fn round(board: &Board, view: &View, waited_ms: Option<Millis>) -> Waiting {
    let number = view.fence.round;
    let owing: Vec<&MemberView> = view.members.iter().filter(|m| m.owes != Owes::Nothing).collect();
    let Some(waited_ms) = waited_ms else {
        // No member has finished yet, so none is late, unless the whole round takes too long.
        let quiet_s = board.last.map(|last| seconds(board.now_ms.saturating_sub(last.at_ms)));
        let stalled = quiet_s.zip(usual(board)).is_some_and(|(quiet, usual)| quiet > usual);
        let words = match quiet_s {
            Some(quiet) if stalled => {
                format!(
                    "All members are computing round {number}; the previous round closed {quiet:.0} s ago."
                )
            }
            _ => format!("All members are computing round {number}."),
        };
        let (state, members) = match stalled {
            true => (State::Waiting, owing.into_iter().map(|m| waited_for(board, m)).collect()),
            false => (State::Training, Vec::new()),
        };
        return Waiting { state, words, since_s: quiet_s.filter(|_| stalled), members };
    };
    let since_s = seconds(waited_ms);
    let cluster = &board.setting.experiment.cluster;
    let names: Vec<&str> = owing.iter().map(|m| m.identity.as_str()).collect();
    let names = names.join(", ");
    let stalled = since_s > usual(board).unwrap_or(SHORT_S);
    let mut said = format!("Round {number} waits for {names} ({since_s:.1} s so far).");
    let left = owing.iter().filter_map(|member| member.left_ms).min().map(seconds);
    if let Some(left) = left.filter(|_| stalled) {
        said += &match cluster.membership {
            Membership::Elastic => {
                format!(" In {left:.0} s members without progress are dropped, and the others continue.")
            }
            Membership::Fixed => {
                format!(
                    " In {left:.0} s the run falls back to its newest checkpoint and waits until all members have rejoined."
                )
            }
        };
    }
    Waiting {
        state: if stalled { State::Waiting } else { State::Training },
        words: said,
        since_s: Some(since_s),
        members: owing.into_iter().map(|m| waited_for(board, m)).collect(),
    }
}

fn finishing(board: &Board, view: &View, for_ms: Millis) -> Waiting {
    let owing: Vec<&MemberView> = view.members.iter().filter(|m| m.owes == Owes::Report).collect();
    let words = match owing.is_empty() {
        true => "All data has been processed; the last checkpoint is being published.",
        false => "All data has been processed; the members are writing and scoring the last checkpoint.",
    };
    Waiting {
        state: State::Finishing,
        words: words.to_owned(),
        since_s: Some(seconds(for_ms)),
        members: owing.into_iter().map(|m| waited_for(board, m)).collect(),
    }
}

/// A round that takes longer than this is unusually slow, seconds.
fn usual(board: &Board) -> Option<f64> {
    board.pace.seconds_per_round().map(|usual| (3.0 * usual).max(SHORT_S))
}

fn waited_for(board: &Board, member: &MemberView) -> WaitedFor {
    let owed = match member.owes {
        Owes::Contribution => "its batches are not computed yet".to_owned(),
        Owes::Payload => match board.arrivals.members.get(&member.identity) {
            Some(lag) => format!(
                "its batches are computed; its payload of {} is on the way to the reducers",
                DecimalBytes(lag.payload_bytes)
            ),
            None => "its batches are computed; its payload is on the way to the reducers".to_owned(),
        },
        Owes::Report => "it is writing a checkpoint or scoring dev data".to_owned(),
        Owes::Nothing => "nothing is missing".to_owned(),
    };
    let leaving = if member.leaving { "; it was asked to stop and leaves after this" } else { "" };
    let says = if member.doing.is_empty() {
        String::new()
    } else {
        format!("; it reports “{}”", words::beginning(&member.doing))
    };
    let silent_s = seconds(member.silent_ms);
    let heard = match silent_s {
        s if s < 3.0 => String::new(),
        s => format!("; its last message was {s:.0} s ago"),
    };
    WaitedFor { identity: member.identity.clone(), why: format!("{owed}{says}{heard}{leaving}.") }
}

fn seconds(ms: Millis) -> f64 {
    ms as f64 / 1e3
}
