use hyper::body::{Body as HttpBody, Frame, SizeHint};
use std::pin::Pin;
use std::task::{Context, Poll};
use stentor_runtime::Call;
use tonic::body::Body;

/// The body of an answer, with its call, which lasts until the last byte is sent: the call with which a member attends has its answer
/// at once, and a body that ends with the membership.
pub(super) struct Underway {
    body: Body,
    _call: Option<Call>,
}

impl Underway {
    pub(super) fn new(body: Body, call: Option<Call>) -> Self {
        Self { body, _call: call }
    }
}

impl HttpBody for Underway {
    type Data = <Body as HttpBody>::Data;
    type Error = <Body as HttpBody>::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
