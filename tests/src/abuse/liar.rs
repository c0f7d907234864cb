//! A member that speaks the protocol and computes nothing.

use super::Stand;
use bytes::Bytes;
use std::sync::Arc;
use std::time::Duration;
use stentor_experiment::Experiment;
use stentor_proto::v1::coordinator_client::CoordinatorClient;
use stentor_proto::v1::reducer_client::ReducerClient;
use stentor_proto::{Announced, v1};
use stentor_runtime::tls::{self, Role, Tls};
use tokio_stream::StreamExt;
use tonic::Status;

/// How long an answer to a lie may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// A member, with a valid certificate, of a round that waits for it.
#[derive(Clone)]
pub(super) struct Liar {
    pub(super) coordinator: CoordinatorClient<Announced>,
    pub(super) reducer: ReducerClient<Announced>,
    pub(super) identity: String,
    pub(super) session: u64,
    pub(super) assignment: v1::Assignment,
    /// Number of the model's parameters.
    pub(super) values: usize,
}

/// Lets as many liars join as there are lies, and each tell its own as soon as it is a member: its round is open, because it waits for
/// the liar. None waits for another, who may come in only at the next boundary. Each lie is told with its number among them.
pub(super) fn tell<F: Future<Output = ()> + Send + 'static>(
    stand: &mut Stand,
    lies: usize,
    lie: impl Fn(usize, Liar) -> F + Send + Sync + 'static,
) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let tls = Tls::for_client(&stand.tls("worker"), Role::Worker).unwrap();
    let (url, inputs, lie) = (stand.url(), stand.inputs, Arc::new(lie));
    let liars: Vec<_> = (0..lies)
        .map(|number| {
            let (joining, lie) =
                (Liar::join(url.clone(), tls.clone(), format!("liar-{number}"), inputs), Arc::clone(&lie));
            runtime.spawn(async move {
                let liar = joining.await;
                let session = liar.session;
                lie(number, liar).await;
                session
            })
        })
        .collect();
    for liar in liars {
        stand.liars.insert(runtime.block_on(liar).unwrap());
    }
}

impl Liar {
    async fn join(url: String, tls: Tls, identity: String, inputs: usize) -> Self {
        let channel = || stentor_proto::announced(tls::channel(&url, Some(&tls)).unwrap());
        let mut coordinator = CoordinatorClient::new(channel());
        let request = v1::JoinRequest {
            identity: identity.clone(),
            version: env!("CARGO_PKG_VERSION").into(),
            host: "elsewhere".into(),
            process_id: 1,
            reports_blake3: true,
        };
        let reply = coordinator.join(request).await.unwrap().into_inner();
        let model = Experiment::parse(&reply.experiment_toml).unwrap().model.architecture;
        Self {
            coordinator,
            reducer: ReducerClient::new(channel()),
            identity,
            session: reply.session,
            assignment: reply.assignment.unwrap(),
            values: model.parameter_count(inputs, crate::SENONES),
        }
    }

    pub(super) fn run_id(&self) -> String {
        self.assignment.fence.clone().unwrap_or_default().run_id
    }

    /// The header of a contribution without batches, as it should be.
    pub(super) fn header(&self) -> v1::ContributionHeader {
        v1::ContributionHeader {
            fence: self.assignment.fence.clone(),
            identity: self.identity.clone(),
            slot: self.assignment.slot,
            session: self.session,
            ..v1::ContributionHeader::default()
        }
    }

    /// Sends the header, and nothing more; returns what the coordinator answers.
    pub(super) async fn contribute(&mut self, header: v1::ContributionHeader) -> Result<(), Status> {
        let note = v1::ContributionNote { note: Some(v1::contribution_note::Note::Header(header)) };
        let call = self.coordinator.contribute(tokio_stream::once(note).chain(tokio_stream::pending()));
        tokio::time::timeout(PATIENCE, call).await.expect("an answer to a contribution").map(|_| ())
    }

    /// The header of a payload for the open round, as it should be.
    pub(super) fn stage_header(&self, payload: &Bytes) -> v1::StageHeader {
        v1::StageHeader {
            fence: self.assignment.fence.clone(),
            slot: self.assignment.slot,
            frames: 1,
            sum_group: self.assignment.sum_group.clone(),
            encoding: self.assignment.encoding,
            sections: 1,
            payload_bytes: payload.len() as u64,
            payload_digest: stentor_exchange::digest(payload),
            session: self.session,
            ..v1::StageHeader::default()
        }
    }

    /// Stages a payload; returns what the reducer answers, or `None` if it keeps the payload for a round to come.
    pub(super) async fn stage(
        &mut self,
        header: v1::StageHeader,
        payload: &Bytes,
    ) -> Option<Result<(), Status>> {
        let header = std::iter::once(v1::stage_part::Part::Header(header));
        let parts = header.chain(stentor_proto::parts(payload).map(v1::stage_part::Part::Payload));
        let parts: Vec<_> = parts.map(|part| v1::StagePart { part: Some(part) }).collect();
        let call = self.reducer.stage(tokio_stream::iter(parts));
        tokio::time::timeout(Duration::from_secs(2), call).await.ok().map(|answer| answer.map(|_| ()))
    }

    /// Says that `identity` leaves, for a reason that every worker would have if `fatal`.
    pub(super) async fn leave(&mut self, identity: &str, fatal: bool) {
        let request = v1::LeaveRequest {
            run_id: self.run_id(),
            identity: identity.to_owned(),
            reason: "no data are here".into(),
            fatal,
            session: self.session,
        };
        // What counts is what becomes of the run.
        let _ = self.coordinator.leave(request).await;
    }
}
