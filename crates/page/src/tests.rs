//! The board and its snapshot, with hand-made notes.

use crate::board::Board;
use crate::note::{Note, Setting, Wires};
use crate::snapshot::Snapshot;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use stentor_experiment::{Experiment, Source, Strategy};
use stentor_messages::{Arrival, Fence, MemberView, Millis, Owes, Pausing, Stage, View};
use stentor_runlog::{Encoding, Event, OfSource};
use stentor_scores::{FRAME_ERROR, LOSS, Scores, Sums};

const PARAMETERS: usize = 1000;

fn board(sections: &str) -> Board {
    let text = format!("[run]\nname = \"a\"\noutput = \"runs/a\"\n[data]\nannotated = \"x\"\n{sections}");
    let experiment = Experiment::parse(&text).unwrap();
    let run_id = "a-1".to_owned();
    Board::new(Setting { run_id, experiment, parameters: PARAMETERS, pass_frames: [10_000, 0] })
}

fn gtc() -> Board {
    board("[exchange]\nstrategy = \"gtc\"\n[cluster]\nround_deadline_s = 30.0\n")
}

fn scores(loss: f64, frame_error: f64) -> Scores {
    Scores::default().with(LOSS, loss).with(FRAME_ERROR, frame_error)
}

/// Round `round`: two members with a batch of 100 frames each, closed at `at_ms`.
fn round(round: u64, loss: f64, at_ms: Millis) -> Event {
    Event::Round {
        fence: Fence { lineage: 1000, membership_epoch: 1, round },
        source: Source::Annotated,
        contributors: vec![0, 1],
        leases: Vec::new(),
        shares: vec![1, 1],
        frames: 200,
        committed_frames: (round + 1) * 200,
        scores: scores(loss, 50.0),
        by_source: Vec::new(),
        gradient_norm: 1.0,
        values_sent: 60,
        bytes_up: 100,
        compute_s: 0.25,
        encoding: Encoding::Threshold { tau: 0.5, density: 0.04 },
        at_ms,
    }
}

/// A contribution of 2 MB to round 10.
fn arrival(slot: u32) -> Arrival {
    Arrival {
        fence: Fence { lineage: 1000, membership_epoch: 1, round: 10 },
        identity: format!("worker-{slot}"),
        slot,
        frames: 100,
        sums: Sums::default(),
        by_source: BTreeMap::new(),
        gradient_norm: 1.0,
        suggested_tau: 0.5,
        values_sent: 30,
        residual_norm: 3.0,
        payload_bytes: 2_000_000,
        parameters_digest: None,
        update_digest: None,
        compute_s: 0.5,
        leaving: false,
    }
}

fn member(slot: u32, owes: Owes) -> MemberView {
    let (identity, doing) = (format!("worker-{slot}"), "computing".to_owned());
    let left_ms = (owes != Owes::Nothing).then_some(18_000);
    MemberView { slot, identity, doing, silent_ms: 100, owes, left_ms, leaving: false }
}

fn view(round: u64, stage: Stage, members: Vec<MemberView>) -> View {
    View {
        fence: Fence { lineage: 1000, membership_epoch: 1, round },
        stage,
        members,
        applicants: Vec::new(),
        waiting: String::new(),
        committed_frames: round * 200,
        total_frames: 20_000,
        strategy: Strategy::Gtc,
        switching_to: None,
        paused: None,
        newest_checkpoint: None,
    }
}

fn looked(board: &mut Board, view: View, at_ms: Millis) -> Value {
    board.take(Note::View(Box::new(view), Wires { bytes: 4000, frames: 400 }, at_ms));
    serde_json::to_value(Snapshot::of(board)).unwrap()
}

/// Ten rounds, one per second.
fn running(mut board: Board) -> Board {
    for n in 0..10 {
        board.take(Note::Event(round(n, 4.0, 1000 * (n + 1)), 1000 * (n + 1)));
    }
    board
}

#[test]
fn pace_end_and_figures_follow_from_the_newest_rounds() {
    let mut board = running(gtc());
    let status = looked(&mut board, view(10, Stage::Round { waited_ms: None }, Vec::new()), 10_000);
    let progress = &status["progress"];
    assert_eq!((&progress["rounds_per_minute"], &progress["share"]), (&60.0.into(), &0.1.into()));
    assert_eq!(progress["seconds_left"], 90.0, "18,000 frames at 200 a second");
    assert_eq!((&status["gtc"]["tau"], &status["gtc"]["density"]), (&0.5.into(), &0.03.into()));
    let exchange = &status["exchange"];
    assert_eq!(exchange["compression"], 80.0, "two batches of 4000 bytes in 100");
    assert_eq!((&exchange["payload_per_frame"], &exchange["bytes_per_frame"]), (&0.5.into(), &10.0.into()));
    assert_eq!(status["costs"]["batch_s"], 0.25);
    assert_eq!(status["costs"]["measured_s"], 1.0);
}

#[test]
fn a_block_of_both_sources_adds_a_point_to_each_curve_and_one_from_an_older_log_to_its_own() {
    let mut board = gtc();
    let mut mixed = round(0, 3.5, 1000);
    if let Event::Round { by_source, .. } = &mut mixed {
        *by_source = vec![
            OfSource { source: Source::Annotated, frames: 50, scores: scores(2.0, 40.0) },
            OfSource { source: Source::MachineLabeled, frames: 150, scores: scores(4.0, 60.0) },
        ];
    }
    let mut older = serde_json::to_value(round(1, 5.0, 2000)).unwrap();
    older.as_object_mut().unwrap().remove("by_source");
    board.take(Note::Event(mixed, 1000));
    board.take(Note::Event(serde_json::from_value(older).unwrap(), 2000));
    let status = looked(&mut board, view(2, Stage::Round { waited_ms: None }, Vec::new()), 2_000);
    assert_eq!(status["curves"]["annotated"], json!([[200, 2.0], [400, 5.0]]));
    assert_eq!(status["curves"]["machine_labeled"], json!([[200, 4.0]]));
}

#[test]
fn a_member_that_delays_the_round_is_named_with_the_reason_and_the_consequence() {
    let mut board = running(gtc());
    let members = vec![member(0, Owes::Nothing), member(1, Owes::Contribution)];
    let soon = view(10, Stage::Round { waited_ms: Some(1500) }, members.clone());
    let status = looked(&mut board, soon, 11_500);
    assert_eq!(status["waiting"]["state"], "training", "rounds take a second anyway");
    let late = view(10, Stage::Round { waited_ms: Some(12_000) }, members);
    let status = looked(&mut board, late, 22_000);
    let waiting = &status["waiting"];
    assert_eq!((&waiting["state"], &waiting["since_s"]), (&"waiting".into(), &12.0.into()));
    let words = waiting["words"].as_str().unwrap();
    assert!(words.contains("waits for worker-1 (12.0 s so far)") && words.contains("In 18 s"), "{words}");
    let why = waiting["members"][0]["why"].as_str().unwrap();
    assert!(why.contains("not computed yet") && why.contains("“computing”"), "{why}");
    assert_eq!(waiting["members"].as_array().unwrap().len(), 1);
}

#[test]
fn a_pause_says_who_asked_for_it_and_what_is_saved_and_names_nobody_as_late() {
    let mut board = running(gtc());
    let members = vec![member(0, Owes::Nothing), member(1, Owes::Contribution)];
    let of = |held| View {
        paused: Some(Pausing { by: "stentor://c/admin".into(), for_ms: 90_000, held }),
        newest_checkpoint: Some("001000-0000000010".into()),
        ..view(10, Stage::Round { waited_ms: Some(80_000) }, members.clone())
    };
    let status = looked(&mut board, of(false), 91_500);
    let words = status["waiting"]["words"].as_str().unwrap();
    assert!(
        words.ends_with("The run pauses after its next checkpoint, as stentor://c/admin asked."),
        "{words}"
    );
    let status = looked(&mut board, of(true), 92_500);
    let waiting = &status["waiting"];
    assert_eq!((&waiting["state"], &waiting["since_s"]), (&"paused".into(), &90.0.into()));
    assert_eq!(waiting["members"].as_array().unwrap().len(), 0);
    assert_eq!(
        waiting["words"],
        "Paused by stentor://c/admin. Checkpoint 001000-0000000010 contains everything; no round closes until `stentor resume`."
    );
}

#[test]
fn a_payload_in_transfer_is_shown_with_its_size() {
    let mut board = running(gtc());
    for (slot, at_ms) in [(0, 10_200), (1, 10_900)] {
        board.take(Note::Arrived(arrival(slot), at_ms));
    }
    let members = vec![member(0, Owes::Nothing), member(1, Owes::Payload)];
    let status = looked(&mut board, view(10, Stage::Round { waited_ms: Some(9000) }, members), 19_200);
    let why = status["waiting"]["members"][0]["why"].as_str().unwrap();
    assert!(why.contains("payload of 2.00 MB"), "{why}");
    let lags: Vec<_> = status["members"].as_array().unwrap().iter().map(|m| m["lag_s"].clone()).collect();
    assert_eq!(lags, [0.0, 0.7]);
    assert_eq!(status["gtc"]["residual_norm"], 3.0);
}

#[test]
fn before_the_first_round_the_page_shows_who_joined_and_what_happens_at_the_deadline() {
    let mut board = board("[cluster]\nworkers = 3\njoin_deadline_s = 60.0\n");
    board.take(Note::Joining { identity: "worker-0".into(), host: "node-7".into() });
    let gathering = View {
        applicants: vec!["worker-0".into()],
        ..view(0, Stage::Gathering { for_ms: 20_000 }, Vec::new())
    };
    let status = looked(&mut board, gathering, 20_000);
    let words = status["waiting"]["words"].as_str().unwrap();
    assert!(
        words.contains("3 expected, joined: worker-0") && words.contains("In 40 s training begins"),
        "{words}"
    );
    assert_eq!(status["applicants"][0]["host"], "node-7");
    assert!(status["costs"].is_null() && status["progress"]["seconds_left"].is_null());
}

#[test]
fn what_a_fall_back_made_void_is_no_longer_shown() {
    let mut board = gtc();
    let dev = |name: &str, frames: u64, frame_error: f64| Event::Dev {
        checkpoint: name.into(),
        committed_frames: frames,
        scores: scores(2.0, frame_error),
    };
    (0..10).for_each(|n| board.remember(&round(n, 4.0, n)));
    board.remember(&dev("first", 800, 60.0));
    board.remember(&dev("second", 1600, 50.0));
    board.take(Note::Event(
        Event::FellBack {
            lineage: 2000,
            round: 4,
            checkpoint: Some("first".into()),
            committed_frames: Some(800),
            reason: "worker-1 is lost".into(),
        },
        5,
    ));
    let status = looked(&mut board, view(4, Stage::Round { waited_ms: None }, Vec::new()), 5000);
    assert_eq!(status["curves"]["annotated"].as_array().unwrap().len(), 4);
    assert_eq!(status["curves"]["dev"].as_array().unwrap().len(), 1);
    let names: Vec<_> = status["checkpoints"]["list"]
        .as_array()
        .unwrap()
        .iter()
        .map(|c| c["name"].as_str().unwrap())
        .collect();
    assert_eq!((names, &status["checkpoints"]["best"]), (vec!["first"], &"first".into()));
    let words = status["happenings"][0]["words"].as_str().unwrap();
    assert!(words.contains("fell back to checkpoint first: worker-1 is lost"), "{words}");
}

#[test]
fn bad_row_groups_are_counted_once_and_compared_with_the_allowed_share() {
    let mut board = gtc();
    let bad = |row_group: u64| Event::Quarantined {
        source: Source::Annotated,
        file: "part-0.parquet".into(),
        row_group,
        frames: 50,
        reason: "checksum".into(),
        worker: "worker-0".into(),
    };
    (0..30).for_each(|n| board.remember(&bad(n)));
    board.take(Note::Event(bad(29), 1));
    let status = looked(&mut board, view(0, Stage::Over, Vec::new()), 1);
    let found = &status["quarantined"];
    assert_eq!((&found["count"], &found["shares"][0][1]), (&30.into(), &0.15.into()));
    assert_eq!(found["list"].as_array().unwrap().len(), 20, "lists are bounded");
}

#[test]
fn the_board_does_not_grow_with_the_run() {
    let mut board = gtc();
    for n in 0..20_000 {
        board.take(Note::Event(round(n, 4.0, n), n));
        let checkpoint = format!("c{n}");
        board.take(Note::Event(
            Event::Dev { checkpoint, committed_frames: n * 200, scores: scores(1.0, 50.0) },
            n,
        ));
        let members = BTreeMap::from([(0, format!("worker-{n}"))]);
        let fence = Fence { lineage: 1, membership_epoch: n, round: n };
        board.take(Note::Event(Event::Members { fence, members, reason: "newcomers".into() }, n));
        board.take(Note::Joining { identity: format!("worker-{n}"), host: "h".into() });
        board.take(Note::View(Box::new(view(n, Stage::Over, Vec::new())), Wires::default(), n));
    }
    let json = serde_json::to_string(&Snapshot::of(&board)).unwrap();
    assert!(json.len() < 100_000, "{} bytes", json.len());
    assert!(board.hosts.is_empty());
}
