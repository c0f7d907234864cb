//! Positions are saved and read back; invalid ones are refused.
#![allow(clippy::unwrap_used, reason = "helpers of tests are tests")]

mod small;

use small::{A, one_pass, plan};
use std::collections::BTreeSet;
use stentor_plan::{Error, Position, RoundSize};

#[test]
fn a_position_goes_through_json_and_is_checked_against_its_plan() {
    let plan_of_run = plan(5, 0, &one_pass());
    let mut position = Position::new(&plan_of_run);
    for contributed in [&[0, 4][..], &[4], &[]] {
        let round = position.assign(&plan_of_run, &[0, 4], RoundSize::Block(3)).unwrap();
        position.commit(&plan_of_run, &round, &contributed.iter().copied().collect()).unwrap();
    }
    let json = serde_json::to_string(&position).unwrap();
    let read: Position = serde_json::from_str(&json).unwrap();
    assert_eq!(read, position);
    assert_eq!(
        serde_json::from_value::<Position>(serde_json::to_value(&position).unwrap()).unwrap(),
        position
    );
    read.check(&plan_of_run).unwrap();

    let error = read.check(&plan(6, 0, &one_pass())).unwrap_err();
    assert!(matches!(error, Error::OtherPlan { .. }), "{error}");
    assert!(error.to_string().contains("start a new run"), "{error}");
}

#[test]
fn a_run_begun_by_an_earlier_version_is_not_continued_with_other_batches() {
    // As written before cuts moved from pass to pass.
    let saved = r#"{"plan":7081050536268165042,"annotated":{"turn":0,"holds":[],"returned":[],"committed":0,"committed_frames":0},
        "machine_labeled":{"turn":0,"holds":[],"returned":[],"committed":0,"committed_frames":0}}"#;
    let position: Position = serde_json::from_str(saved).unwrap();
    let error = position.check(&plan(5, 0, &one_pass())).unwrap_err();
    assert_eq!(error, Error::EarlierVersion);
    assert!(error.to_string().contains("finish it with the version that began it"), "{error}");
}

#[test]
fn a_position_that_would_lose_or_repeat_a_batch_is_refused() {
    let plan = plan(5, 0, &one_pass());
    let mut position = Position::new(&plan);
    let round = position.assign(&plan, &[0, 4], RoundSize::Block(3)).unwrap();
    position.commit(&plan, &round, &BTreeSet::from([0])).unwrap();
    position.check(&plan).unwrap();
    let json = serde_json::to_value(&position).unwrap();

    type Forgery = fn(&mut serde_json::Value);
    // Two units of 4 batches are dealt: 3 batches are committed, 3 returned, and each slot holds one.
    let forgeries: [(&str, Forgery); 9] = [
        ("committed, found 4 and", |p| p["annotated"]["committed"] = 4.into()),
        ("committed, found 3 and 1", |p| p["annotated"]["committed_frames"] = 1.into()),
        ("expected 7 batches", |p| p["annotated"]["turn"] = 3.into()),
        ("expected at most 5 units taken, found 6", |p| p["annotated"]["turn"] = 6.into()),
        ("expected 6 batches", |p| p["annotated"]["returned"] = serde_json::json!([])),
        ("expected 5 batches", |p| p["annotated"]["returned"][0]["batches"] = 1.into()),
        ("no such batches in the plan", |p| p["annotated"]["returned"][0]["first_batch"] = 3.into()),
        ("found a lease of the other source", |p| {
            p["annotated"]["returned"][0]["source"] = "machine-labeled".into()
        }),
        ("found batches that are open twice", |p| {
            let lease = p["annotated"]["returned"][0].clone();
            p["annotated"]["returned"] = serde_json::json!([lease, lease]);
        }),
    ];
    for (expected, forge) in forgeries {
        let mut forged = json.clone();
        forge(&mut forged);
        assert_ne!(forged, json, "{expected}");
        let forged: Position = serde_json::from_value(forged).unwrap();
        let error = forged.check(&plan).unwrap_err().to_string();
        assert!(error.contains(expected), "expected `{expected}` in `{error}`");
    }

    let mut two_holds = json;
    let hold = two_holds["annotated"]["holds"][0].clone();
    two_holds["annotated"]["holds"] = serde_json::json!([hold, hold]);
    let error = serde_json::from_value::<Position>(two_holds).unwrap_err();
    assert!(error.to_string().contains("a slot holds two leases"), "{error}");
}

#[test]
fn a_position_stays_small_however_large_the_data() {
    let plan = plan(20_000, 0, &one_pass());
    let mut position = Position::new(&plan);
    let members: Vec<u32> = (0..8).collect();
    for round in 0..3000_u32 {
        let next = position.assign(&plan, &members, RoundSize::Batch).unwrap();
        // One contribution is lost in every round.
        let contributed = members.iter().copied().filter(|slot| *slot != round % 8).collect();
        position.commit(&plan, &next, &contributed).unwrap();
    }
    let open = position.open(A).len();
    assert!(open < 40, "{open}");
    assert!(serde_json::to_string(&position).unwrap().len() < 5000);
}
