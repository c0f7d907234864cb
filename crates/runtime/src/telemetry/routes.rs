use crate::{memory, metrics};
use axum::Router;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use prometheus::{Encoder, TextEncoder};

/// `/metrics`, and the program's own routes.
pub(super) fn router(registry: prometheus::Registry, more: Router) -> Router {
    Router::new().route("/metrics", get(move || async move { exposition(&registry) })).merge(more)
}

fn exposition(registry: &prometheus::Registry) -> Response {
    if let Some(bytes) = memory::peak_rss_bytes() {
        metrics::peak_memory(bytes);
    }
    let mut text = Vec::new();
    let encoder = TextEncoder::new();
    match encoder.encode(&metrics::labelled(registry.gather()), &mut text) {
        Ok(()) => ([(header::CONTENT_TYPE, encoder.format_type().to_owned())], text).into_response(),
        Err(error) => {
            tracing::error!(%error, "cannot write metrics as text");
            (StatusCode::INTERNAL_SERVER_ERROR, format!("cannot write metrics as text: {error}\n"))
                .into_response()
        }
    }
}
