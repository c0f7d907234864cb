//! The board as JSON: the answer to `/api/status`.

use crate::board::{Board, Curves};
use crate::curves::short;
use crate::figures::{Bmuf, Exchange, Gtc};
use crate::forecast::Costs;
use crate::lists::{SetAside, Standing};
use crate::waiting::Waiting;
use crate::words;
use serde::Serialize;
use stentor_exchange::strategy::decision;
use stentor_experiment::{Source, Strategy};
use stentor_messages::{Fence, MemberView, Millis, Owes, View};
use stentor_scores::{FRAME_ERROR, LOSS};

/// Everything that the page shows.
#[derive(Debug, Serialize)]
pub(crate) struct Snapshot<'a> {
    run: Run<'a>,
    /// Seconds since the coordinator started.
    uptime_s: f64,
    waiting: Waiting,
    progress: Option<Progress>,
    members: Vec<Member<'a>>,
    applicants: Vec<Applicant<'a>>,
    curves: &'a Curves,
    exchange: Exchange,
    gtc: Option<Gtc>,
    bmuf: Option<Bmuf>,
    checkpoints: Checkpoints<'a>,
    quarantined: Quarantined<'a>,
    costs: Option<Costs>,
    /// Newest first.
    happenings: Vec<Happened<'a>>,
}

#[derive(Debug, Serialize)]
struct Run<'a> {
    name: &'a str,
    id: &'a str,
    output: &'a str,
    strategy: &'static str,
    switching_to: Option<&'static str>,
    parameters: usize,
}

#[derive(Debug, Serialize)]
struct Progress {
    committed_frames: u64,
    total_frames: u64,
    share: f64,
    #[serde(flatten)]
    fence: Fence,
    source: Option<&'static str>,
    rounds_per_minute: Option<f64>,
    frames_per_second: Option<f64>,
    /// Until all frames are committed, at the pace of the newest rounds.
    seconds_left: Option<f64>,
    /// Learning rates for the next round, by source.
    learning_rates: Vec<(&'static str, f64)>,
    last_round_s_ago: Option<f64>,
}

#[derive(Debug, Serialize)]
struct Member<'a> {
    identity: &'a str,
    host: &'a str,
    slot: u32,
    owes: Owes,
    doing: &'a str,
    leaving: bool,
    heard_s_ago: f64,
    /// Delay of its contribution after the first contribution of the round: the last delay, and the mean of about the
    /// newest ten.
    lag_s: Option<f64>,
    mean_lag_s: Option<f64>,
}

#[derive(Debug, Serialize)]
struct Applicant<'a> {
    identity: &'a str,
    host: &'a str,
}

#[derive(Debug, Serialize)]
struct Checkpoints<'a> {
    newest: Option<&'a str>,
    /// The best of those listed, by `checkpoint.best`.
    best: Option<&'a str>,
    /// Newest first.
    list: Vec<CheckpointRow<'a>>,
}

#[derive(Debug, Serialize)]
struct CheckpointRow<'a> {
    name: &'a str,
    standing: Standing,
    committed_frames: Option<u64>,
    dev_loss: Option<f64>,
    dev_frame_error: Option<f64>,
    s_ago: Option<f64>,
}

#[derive(Debug, Serialize)]
struct Quarantined<'a> {
    count: u64,
    allowed_share: f64,
    /// Share of the frames of a pass, by source.
    shares: Vec<(&'static str, f64)>,
    /// The first ones.
    list: &'a [SetAside],
}

#[derive(Debug, Serialize)]
struct Happened<'a> {
    s_ago: Option<f64>,
    words: &'a str,
}

impl<'a> Snapshot<'a> {
    pub(crate) fn of(board: &'a Board) -> Self {
        let view = board.view.as_ref();
        let experiment = &board.setting.experiment;
        let strategy = view.map_or(experiment.exchange.strategy, |view| view.strategy);
        let decision = decision(strategy);
        let ago = |at: Millis| board.now_ms.saturating_sub(at) as f64 / 1e3;
        Self {
            run: Run {
                name: &experiment.run.name,
                id: &board.setting.run_id,
                output: &experiment.run.output,
                strategy: strategy.name(),
                switching_to: view.and_then(|view| view.switching_to).map(Strategy::name),
                parameters: board.setting.parameters,
            },
            uptime_s: board.now_ms as f64 / 1e3,
            waiting: Waiting::of(board),
            progress: view.map(|view| progress(board, view)),
            members: view.map(|view| members(board, view)).unwrap_or_default(),
            applicants: view.map(|view| applicants(board, view)).unwrap_or_default(),
            curves: &board.curves,
            exchange: Exchange::of(board),
            gtc: decision.keeps_residual().then(|| Gtc::of(board)),
            bmuf: decision.keeps_filter().then(|| Bmuf::of(board, decision)),
            checkpoints: checkpoints(board, ago),
            quarantined: quarantined(board),
            costs: Costs::of(board),
            happenings: board
                .happenings
                .iter()
                .rev()
                .map(|h| Happened { s_ago: h.at_ms.map(ago), words: &h.words })
                .collect(),
        }
    }
}

fn progress(board: &Board, view: &View) -> Progress {
    let &View { committed_frames, total_frames, fence, .. } = view;
    let schedule = &board.setting.experiment.schedule;
    let share = committed_frames as f64 / total_frames.max(1) as f64;
    let rate = short(schedule.learning_rate_at(share));
    let two_sources = board.setting.experiment.data.unannotated.is_some();
    let learning_rates = match two_sources {
        true => vec![
            (Source::Annotated.name(), short(rate * schedule.annotated_multiplier)),
            (Source::MachineLabeled.name(), rate),
        ],
        false => vec![(Source::Annotated.name(), rate)],
    };
    let frames_per_second = board.pace.frames_per_second();
    let left = total_frames.saturating_sub(committed_frames) as f64;
    Progress {
        committed_frames,
        total_frames,
        share,
        fence,
        source: board.last.map(|last| last.source.name()),
        rounds_per_minute: board.pace.seconds_per_round().filter(|s| *s > 0.0).map(|s| short(60.0 / s)),
        frames_per_second: frames_per_second.map(short),
        seconds_left: frames_per_second.map(|rate| short(left / rate)),
        learning_rates,
        last_round_s_ago: board.last.map(|last| board.now_ms.saturating_sub(last.at_ms) as f64 / 1e3),
    }
}

fn members<'a>(board: &'a Board, view: &'a View) -> Vec<Member<'a>> {
    let row = |member: &'a MemberView| {
        let lag = board.arrivals.members.get(&member.identity);
        Member {
            identity: &member.identity,
            host: host(board, &member.identity),
            slot: member.slot,
            owes: member.owes,
            doing: words::beginning(&member.doing),
            leaving: member.leaving,
            heard_s_ago: member.silent_ms as f64 / 1e3,
            lag_s: lag.map(|lag| short(lag.last_s)),
            mean_lag_s: lag.map(|lag| short(lag.mean_s)),
        }
    };
    view.members.iter().map(row).collect()
}

fn applicants<'a>(board: &'a Board, view: &'a View) -> Vec<Applicant<'a>> {
    let row = |identity: &'a String| Applicant { identity, host: host(board, identity) };
    view.applicants.iter().map(row).collect()
}

fn host<'a>(board: &'a Board, identity: &str) -> &'a str {
    board.hosts.get(identity).map_or("", |host| words::beginning(host))
}

fn checkpoints(board: &Board, ago: impl Fn(Millis) -> f64) -> Checkpoints<'_> {
    let scored = board.checkpoints.iter().filter(|c| c.standing == Standing::Published);
    let criterion = board.setting.experiment.checkpoint.best;
    let scored = scored.filter_map(|c| Some((c.dev.get(criterion)?, c)));
    // If scores are equal, the newest, as in the state machine.
    let best = scored.reduce(|best, other| {
        let (value, than) = (other.0, best.0);
        let is_newer = other.1.name > best.1.name;
        if criterion.is_better(value, than) || (value == than && is_newer) { other } else { best }
    });

    Checkpoints {
        newest: board.view.as_ref().and_then(|view| view.newest_checkpoint.as_deref()),
        best: best.map(|(_, checkpoint)| checkpoint.name.as_str()),
        list: board
            .checkpoints
            .iter()
            .rev()
            .map(|checkpoint| CheckpointRow {
                name: &checkpoint.name,
                standing: checkpoint.standing,
                committed_frames: checkpoint.committed_frames,
                dev_loss: checkpoint.dev.get(LOSS).map(short),
                dev_frame_error: checkpoint.dev.get(FRAME_ERROR).map(short),
                s_ago: checkpoint.at_ms.map(&ago),
            })
            .collect(),
    }
}

fn quarantined(board: &Board) -> Quarantined<'_> {
    let found = &board.quarantined;
    let share = |source: Source| {
        let all = board.setting.pass_frames[source.index()].max(1) as f64;
        (source.name(), short(found.frames[source.index()] as f64 / all))
    };
    Quarantined {
        count: found.count,
        allowed_share: board.setting.experiment.data.max_bad_fraction,
        shares: Source::ALL.into_iter().map(share).filter(|(_, share)| *share > 0.0).collect(),
        list: &found.listed,
    }
}
