//! Members with a valid certificate that say what cannot be true. Each lie once ended a run, or spoiled what it leaves behind.

use super::liar::tell;
use super::{Size, Stand};
use bytes::Bytes;
use std::process::Command;
use stentor_proto::v1;

/// A change that makes a header a lie.
type Change = fn(&mut v1::ContributionHeader);

/// Numbers of a contribution that no member can have.
const NUMBERS: [Change; 8] = [
    |header| header.compute_s = f64::INFINITY,
    |header| header.frames = 1 << 40,
    |header| header.payload_bytes = 1 << 63,
    |header| header.sums = vec![sum("frames", 0.0), sum("loss", 1e308)],
    |header| {
        let sums =
            |source: v1::Source| v1::SourceSums { source: source.into(), sums: vec![sum("loss", 1e308)] };
        header.by_source = vec![sums(v1::Source::Annotated), sums(v1::Source::MachineLabeled)];
    },
    |header| header.values_sent = u64::MAX,
    |header| header.residual_norm = f64::NAN,
    |header| header.suggested_tau = f32::INFINITY,
];

fn sum(name: &str, value: f64) -> v1::Sum {
    v1::Sum { name: name.to_owned(), value }
}

/// Each lie ends the membership of who tells it.
pub(super) fn numbers_that_cannot_be(stand: &mut Stand, size: Size) {
    tell(stand, size.of(3, NUMBERS.len()), |number, mut liar| async move {
        let mut header = liar.header();
        NUMBERS[number](&mut header);
        let refused = liar.contribute(header).await.unwrap_err();
        assert!(!refused.message().is_empty(), "{refused}");
    });
    let said = stand.said_by_coordinator();
    assert!(said.contains("expected compute_s of 0 to 10000000 from `liar-0`, found inf"), "{said}");
}

/// Contributions to rounds that do not exist, and in the name and at the place of others.
pub(super) fn contributions_of_others(stand: &mut Stand, size: Size) {
    const LIES: [Change; 4] = [
        |header| header.identity = "worker-0".into(),
        |header| header.fence.as_mut().unwrap().lineage = u64::MAX,
        |header| header.slot = 0,
        |header| header.session ^= 1,
    ];
    tell(stand, size.of(2, LIES.len()), |number, mut liar| async move {
        let mut header = liar.header();
        LIES[number](&mut header);
        liar.contribute(header).await.unwrap_err();
        let own = liar.identity.clone();
        liar.leave(&own, false).await;
    });
}

/// A finite gradient of 3e38 once ended learning for good, while checkpoints went on being published.
pub(super) fn values_far_beyond_those_of_others(stand: &mut Stand, _: Size) {
    tell(stand, 1, |_, mut liar| async move {
        let encoding = liar.assignment.encoding.and_then(|encoding| encoding.kind);
        assert!(matches!(encoding, Some(v1::encoding::Kind::Dense(_))), "the run begins dense: {encoding:?}");
        let payload = Bytes::from(3e38f32.to_le_bytes().repeat(liar.values));
        let sums = vec![sum("frames", 1.0), sum("loss", 1.0)];
        let payload_bytes = payload.len() as u64;
        let header = v1::ContributionHeader {
            frames: 1,
            gradient_norm: 1.0,
            payload_bytes,
            values_sent: liar.values as u64,
            sums,
            ..liar.header()
        };
        let stage = liar.stage_header(&payload);
        let mut other = liar.clone();
        let staging = tokio::spawn(async move { other.stage(stage, &payload).await });
        let refused = liar.contribute(header).await.unwrap_err();
        assert!(!refused.message().is_empty(), "{refused}");
        let _ = staging.await.unwrap();
    });
    let said = stand.said_by_coordinator();
    assert!(said.contains("norm"), "{said}");
    let losses = stand.losses();
    assert!(losses.iter().all(|loss| loss.is_finite() && *loss < 100.0), "{losses:?}");
}

/// `lineage = 2⁶⁴−1` once wedged a reducer for ever, and 4,000 numbers of groups took 1 GB.
pub(super) fn payloads_for_rounds_that_do_not_exist(stand: &mut Stand, size: Size) {
    let before = stand.coordinator_mb();
    let groups = size.of(50, 4000) as u32;
    tell(stand, 2, move |number, mut liar| async move {
        let payload = Bytes::from(vec![0; 1 << 16]);
        let header = liar.stage_header(&payload);
        if number == 0 {
            for lineage in [u64::MAX, u64::MAX - 1] {
                let fence = v1::Fence { lineage, ..header.fence.clone().unwrap() };
                let _ = liar.stage(v1::StageHeader { fence: Some(fence), ..header.clone() }, &payload).await;
            }
        } else {
            for group in 1..=groups {
                let sum_group = v1::SumGroup { group, ..header.sum_group.clone().unwrap() };
                let sum_group = Some(sum_group);
                let _ = liar.stage(v1::StageHeader { sum_group, ..header.clone() }, &payload).await;
            }
        }
        let own = liar.identity.clone();
        liar.leave(&own, false).await;
    });
    let grown = stand.coordinator_mb() - before;
    assert!(grown < 300.0, "the coordinator has grown by {grown} MB");
}

/// Failures that every worker would have, objects of others, and scores that are no numbers.
pub(super) fn failures_and_reports_that_are_not_true(stand: &mut Stand, size: Size) {
    tell(stand, size.of(3, 5), |number, mut liar| async move {
        let own = liar.identity.clone();
        match number {
            0 => liar.leave("worker-0", true).await,
            1 => liar.leave(&own, true).await,
            2 => {
                let bad = |row_group| v1::BadRowGroup {
                    source: v1::Source::Annotated.into(),
                    row_group,
                    set: v1::SetKind::Features.into(),
                    reason: "its bytes have changed".into(),
                };
                let bad_row_groups = (0..12).map(bad).collect();
                let header = v1::ContributionHeader { bad_row_groups, ..liar.header() };
                liar.contribute(header).await.unwrap_err();
            }
            _ => {
                let dev = v1::DevScore { sums: vec![sum("frames", 1.0), sum("loss", f64::INFINITY)] };
                let written = v1::WrittenObject { name: "../final.json".into(), ..Default::default() };
                let report = v1::BoundaryReport {
                    fence: liar.assignment.fence.clone(),
                    identity: own.clone(),
                    checkpoint: "001000-0000000001".into(),
                    written: vec![written],
                    dev: Some(dev),
                    peak_rss_mb: f64::INFINITY,
                    // One of somebody who is no member, and one of a member.
                    session: if number == 3 { 1 } else { liar.session },
                    traffic: None,
                };
                let _ = liar.coordinator.report(report).await;
            }
        }
        liar.leave(&own, false).await;
    });
    let mut verify = Command::new(crate::program("stentor"));
    let output = verify.arg("verify").arg(stand.run()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}

/// A worker of versions that do not exist is refused in words that name both.
pub(super) fn versions_that_do_not_exist(stand: &mut Stand, _: Size) {
    let mut worker = Command::new(crate::program("worker"));
    worker.args(["--threads=1", &format!("--coordinator={}", stand.url()), "--identity=liar-0"]);
    worker.arg("--tls").arg(stand.tls("worker")).env("STENTOR_PROTOCOL", "99");
    let output = worker.output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && said.contains("99"), "{said}");
}
