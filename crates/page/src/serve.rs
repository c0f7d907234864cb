//! The page over HTTP. The static files are open to everybody who can reach the listener; the figures may require a
//! token.

use axum::Router;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use stentor_runtime::Token;

/// The static files: path, type, content.
const FILES: [(&str, &str, &str); 8] = [
    ("/", "text/html; charset=utf-8", include_str!("../browser/index.html")),
    ("/page.css", "text/css; charset=utf-8", include_str!("../browser/page.css")),
    ("/icon.svg", "image/svg+xml", include_str!("../browser/icon.svg")),
    ("/page.js", SCRIPT, include_str!("../browser/page.js")),
    ("/render.js", SCRIPT, include_str!("../browser/render.js")),
    ("/chart.js", SCRIPT, include_str!("../browser/chart.js")),
    ("/format.js", SCRIPT, include_str!("../browser/format.js")),
    ("/dom.js", SCRIPT, include_str!("../browser/dom.js")),
];
const SCRIPT: &str = "text/javascript; charset=utf-8";

/// No content from other origins, no inline scripts, and no embedding in other pages.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
                      base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// Routes to the static files, and to the figures: the JSON returned by `figures`. If a token is set, only callers that
/// present it get the figures.
pub(crate) fn routes(
    token: Option<Token>,
    figures: impl Fn() -> serde_json::Result<String> + Clone + Send + Sync + 'static,
) -> Router {
    let status = move |headers: HeaderMap| {
        let response = if is_allowed(token.as_ref(), &headers) { json(figures()) } else { refusal() };
        std::future::ready(response)
    };
    let router = Router::new().route("/api/status", get(status));
    FILES.into_iter().fold(router, |router, (path, kind, content)| {
        router.route(path, get(move || async move { answer(kind, content.to_owned()) }))
    })
}

fn is_allowed(token: Option<&Token>, headers: &HeaderMap) -> bool {
    let bearer = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    token.is_none_or(|token| bearer.is_some_and(|bearer| token.matches_bearer(bearer)))
}

fn refusal() -> Response {
    let challenge = [(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"))];
    let words = "expected the coordinator's token as `Authorization: Bearer TOKEN`\n".to_owned();
    (StatusCode::UNAUTHORIZED, challenge, answer("text/plain; charset=utf-8", words)).into_response()
}

fn json(figures: serde_json::Result<String>) -> Response {
    match figures {
        Ok(json) => answer("application/json", json),
        Err(error) => {
            tracing::error!(%error, "cannot serialise the page's figures as JSON");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

/// Adds headers for the browser: no caching, no guessing of content types, no content from other origins.
fn answer(kind: &'static str, body: String) -> Response {
    let fixed = |name: HeaderName, value: &'static str| (name, HeaderValue::from_static(value));
    let headers = [
        fixed(header::CONTENT_TYPE, kind),
        fixed(header::CONTENT_SECURITY_POLICY, POLICY),
        fixed(header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        fixed(header::REFERRER_POLICY, "no-referrer"),
        fixed(header::CACHE_CONTROL, "no-store"),
    ];
    (headers, body).into_response()
}
