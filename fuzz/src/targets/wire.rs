use prost::Message;
use std::sync::OnceLock;
use stentor_plan::{Catalogue, Lease, Plan, RowGroup};
use stentor_proto::{PayloadAssembler, v1};

/// A message, whose first byte selects its type. It is decoded, converted, and checked as its receiver does.
pub(crate) fn run(data: &[u8]) {
    let Some((&kind, bytes)) = data.split_first() else { return };
    match kind % 9 {
        0 => decode::<v1::ContributionNote>(bytes, |note| {
            if let Some(v1::contribution_note::Note::Header(header)) = note.note {
                let _ = stentor_proto::required(header.fence, "fence");
                let _ = stentor_proto::bad_row_groups(header.bad_row_groups);
                sums(header.sums);
                header.by_source.into_iter().for_each(|of| sums(of.sums));
            }
        }),
        1 => decode::<v1::Assignment>(bytes, assignment),
        2 => decode::<v1::RoundReply>(bytes, |reply| {
            if let Some(v1::round_reply::Reply::Update(update)) = reply.reply {
                let _ = stentor_proto::source(update.source);
                update.next.into_iter().for_each(assignment);
            }
        }),
        3 => decode::<v1::StagePart>(bytes, |_| {}),
        4 => decode::<v1::SumPart>(bytes, |_| {}),
        5 => decode::<v1::JoinReply>(bytes, |reply| {
            let _ = stentor_experiment::Experiment::parse(&reply.experiment_toml);
            reply.assignment.into_iter().for_each(assignment);
        }),
        6 => decode::<v1::BoundaryReport>(bytes, |report| {
            report.dev.into_iter().for_each(|dev| sums(dev.sums));
        }),
        7 => decode::<v1::CommandRequest>(bytes, |request| {
            if let Some(v1::command_request::Command::Switch(switch)) = request.command {
                let _ = stentor_proto::strategy(switch.strategy);
            }
        }),
        _ => {
            // A payload in parts, with the length that its header announced as the limit.
            let limit = u64::from(bytes.first().copied().unwrap_or(0)) * 8;
            let mut assembler = PayloadAssembler::new(limit);
            let whole = bytes.chunks(61).all(|part| assembler.push(part).is_ok());
            let payload = assembler.finish();
            assert!(payload.len() as u64 <= limit && (!whole || payload == bytes));
        }
    }
}

fn decode<M: Message + Default + PartialEq>(bytes: &[u8], used: impl FnOnce(M)) {
    if let Ok(message) = M::decode(bytes) {
        // Unknown fields are dropped, and the rest encodes to the same message.
        let again = M::decode(&*message.encode_to_vec()).expect("just encoded");
        assert_eq!(message.encode_to_vec(), again.encode_to_vec());
        used(message);
    }
}

/// What is taken is within the limits, and is judged without a panic.
fn sums(messages: Vec<v1::Sum>) {
    let found = messages.len();
    let Ok(sums) = stentor_proto::sums(messages) else { return };
    assert!(found <= stentor_scores::MAX_SUMS && sums.iter().count() == found);
    let _ = stentor_scores::Scores::of(&sums.means_over(stentor_scores::FRAMES));
    let _ = sums.difference(&stentor_scores::Sums::nothing().merged([&sums]));
}

fn assignment(assignment: v1::Assignment) {
    let _ = stentor_proto::strategy(assignment.strategy);
    let plan = plan();
    for lease in assignment.leases {
        let Ok(lease) = Lease::try_from(lease) else { continue };
        let known = plan.check_lease(&lease).is_ok();
        assert!(known || plan.planned_frames(&lease) == 0);
        let _ = plan.unit(lease.source, lease.unit);
    }
}

fn plan() -> &'static Plan {
    static PLAN: OnceLock<Plan> = OnceLock::new();
    PLAN.get_or_init(|| {
        let row_groups = (0..20).map(|i| RowGroup { frames: 400 + i, utterances: 4 }).collect();
        let catalogue = Catalogue { row_groups };
        let (batch, schedule) = Default::default();
        Plan::new(catalogue.clone(), Some(catalogue), &batch, &schedule, 1)
            .expect("a plan of two small sources")
    })
}

pub(crate) fn seeds() -> Vec<Vec<u8>> {
    let fence = || Some(v1::Fence { run_id: "r-1".into(), lineage: 1000, membership_epoch: 2, round: 7 });
    let counted = || stentor_proto::sum_messages(&stentor_scores::frame_sums(500, 3.5, 0));
    let lease = v1::Lease { source: 1, pass: 0, unit: 3, first_batch: 1, batches: 2 };
    let dense = v1::encoding::Kind::Dense(v1::encoding::Dense { density: 0.01 });
    let encoding = Some(v1::Encoding { kind: Some(dense) });
    let sum_group = Some(v1::SumGroup { slots: vec![0, 1, 5], group: 0, speaks: true });
    let assignment = v1::Assignment {
        fence: fence(),
        slot: 1,
        members: 2,
        leases: vec![lease, lease],
        ahead: vec![lease],
        committed_frames: 100,
        total_frames: 1000,
        encoding,
        strategy: 2,
        sum_group: sum_group.clone(),
        digest: true,
    };
    let header = v1::ContributionHeader {
        fence: fence(),
        identity: "worker-0".into(),
        frames: 500,
        sums: counted(),
        parameters_digest: Some(9),
        bad_row_groups: vec![v1::BadRowGroup { source: 1, row_group: 4, set: 1, reason: "checksum".into() }],
        by_source: vec![v1::SourceSums { source: 2, sums: counted() }],
        ..Default::default()
    };
    let update = v1::UpdateHeader {
        fence: fence(),
        contributors: vec![0, 1],
        source: 1,
        boundary: Some(v1::Boundary { checkpoint: "c".into(), ..Default::default() }),
        next: Some(assignment.clone()),
        encoding,
        ..Default::default()
    };
    let stage = v1::StageHeader { fence: fence(), sum_group, encoding, sections: 1, ..Default::default() };
    let written = v1::WrittenObject { name: "model.safetensors".into(), bytes: 9, digest: 1, ..Default::default() };
    let dev = Some(v1::DevScore { sums: counted() });
    let report = v1::BoundaryReport { fence: fence(), written: vec![written], dev, ..Default::default() };
    let toml = "[run]\nname = \"r\"\noutput = \"o\"\n[data]\nannotated = \"a\"\n";
    let join = v1::JoinReply {
        experiment_toml: toml.into(),
        assignment: Some(assignment.clone()),
        ..Default::default()
    };
    let note = v1::ContributionNote { note: Some(v1::contribution_note::Note::Header(header)) };
    let reply = v1::RoundReply { reply: Some(v1::round_reply::Reply::Update(update)) };
    let part = v1::StagePart { part: Some(v1::stage_part::Part::Header(stage)) };
    let end = v1::SumEnd { payload_bytes: 8, payload_digest: 3 };
    let sum = v1::SumPart { part: Some(v1::sum_part::Part::End(end)) };
    let switch = v1::command_request::Command::Switch(v1::Switch { strategy: 3 });
    let command = v1::CommandRequest { command: Some(switch) };
    let seed = |kind: u8, message: Vec<u8>| std::iter::once(kind).chain(message).collect();
    vec![
        seed(0, note.encode_to_vec()),
        seed(1, assignment.encode_to_vec()),
        seed(2, reply.encode_to_vec()),
        seed(3, part.encode_to_vec()),
        seed(4, sum.encode_to_vec()),
        seed(5, join.encode_to_vec()),
        seed(6, report.encode_to_vec()),
        seed(7, command.encode_to_vec()),
        seed(8, vec![40; 200]),
    ]
}
