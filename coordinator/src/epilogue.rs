//! A coordinator after its run: a worker that comes late, for example one whose machine failed at the end, hears that nothing is
//! left to do. Otherwise it would look for the coordinator, and its supervisor would start it again for ever.

use crate::Error;
use crate::listener::{Listener, MOST_MESSAGE_BYTES, server};
use std::pin::Pin;
use stentor_proto::v1::coordinator_server::{Coordinator, CoordinatorServer};
use stentor_proto::{Refusal, v1};
use stentor_runtime::Shutdown;
use tokio_stream::Stream;
use tonic::{Request, Response, Status, Streaming};

/// Tells workers that the run is finished, until a signal arrives.
///
/// # Errors
/// [`Error::Server`].
pub async fn serve_finished(listener: Listener, shutdown: &Shutdown) -> Result<(), Error> {
    let (access, connections) = listener.open();
    let service = CoordinatorServer::new(Epilogue).max_decoding_message_size(MOST_MESSAGE_BYTES);
    server()
        .add_service(access.guard(service))
        .serve_with_incoming_shutdown(connections, shutdown.requested())
        .await?;
    Ok(())
}

#[derive(Debug)]
struct Epilogue;

const WORDS: &str = "the run is finished";

fn over<T>() -> Result<Response<T>, Status> {
    Err(Status::failed_precondition(WORDS))
}

#[tonic::async_trait]
impl Coordinator for Epilogue {
    async fn join(&self, _: Request<v1::JoinRequest>) -> Result<Response<v1::JoinReply>, Status> {
        Err(Refusal::Finished.status(WORDS))
    }

    async fn contribute(
        &self,
        _: Request<Streaming<v1::ContributionNote>>,
    ) -> Result<Response<v1::RoundReply>, Status> {
        over()
    }

    async fn report(&self, _: Request<v1::BoundaryReport>) -> Result<Response<v1::ReportReply>, Status> {
        over()
    }

    type AttendStream = Pin<Box<dyn Stream<Item = Result<v1::Notice, Status>> + Send>>;

    async fn attend(
        &self,
        _: Request<Streaming<v1::Heartbeat>>,
    ) -> Result<Response<Self::AttendStream>, Status> {
        over()
    }

    async fn leave(&self, _: Request<v1::LeaveRequest>) -> Result<Response<v1::LeaveReply>, Status> {
        over()
    }

    async fn status(&self, _: Request<v1::StatusRequest>) -> Result<Response<v1::StatusReply>, Status> {
        over()
    }

    async fn command(&self, _: Request<v1::CommandRequest>) -> Result<Response<v1::CommandReply>, Status> {
        over()
    }
}
