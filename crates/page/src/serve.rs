//! The page over HTTP. The static files are open to everybody who can reach the listener; the figures may require a
//! token.

use axum::Router;
use axum::extract::Request;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use std::net::IpAddr;
use stentor_runtime::telemetry::Remote;
use stentor_runtime::{Attempts, Denied, Tokens, metrics};

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

/// Routes to the static files, and to the figures: the JSON returned by `figures`. If there are tokens, only callers that
/// present one get the figures. Wrong ones are counted, and answered later each time.
pub(crate) fn routes(
    tokens: Tokens,
    figures: impl Fn() -> serde_json::Result<String> + Clone + Send + Sync + 'static,
) -> Router {
    let attempts = Attempts::default();
    let status = move |request: Request| {
        let (verdict, figures) = (verdict(&tokens, &attempts, &request), figures.clone());
        async move {
            match verdict {
                Verdict::Allowed => json(figures()),
                Verdict::NoToken => refusal(StatusCode::UNAUTHORIZED, EXPECTED),
                Verdict::Denied(Denied::Wrong(pause)) => {
                    metrics::refused_calls(1, "token");
                    tokio::time::sleep(pause).await;
                    refusal(StatusCode::UNAUTHORIZED, EXPECTED)
                }
                Verdict::Denied(Denied::TooSoon(_)) => {
                    metrics::refused_calls(1, "token");
                    refusal(
                        StatusCode::TOO_MANY_REQUESTS,
                        "a wrong token was shown from this address; wait some seconds\n",
                    )
                }
            }
        }
    };
    let router = Router::new().route("/api/status", get(status));
    FILES.into_iter().fold(router, |router, (path, kind, content)| {
        router.route(path, get(move || async move { answer(kind, content.to_owned()) }))
    })
}

const EXPECTED: &str = "expected the coordinator's token as `Authorization: Bearer TOKEN`\n";

/// Whether a caller gets the figures.
enum Verdict {
    Allowed,
    NoToken,
    Denied(Denied),
}

fn verdict(tokens: &Tokens, attempts: &Attempts, request: &Request) -> Verdict {
    if tokens.is_empty() {
        return Verdict::Allowed;
    }
    let bearer = request.headers().get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let Some(bearer) = bearer else { return Verdict::NoToken };
    let unknown = IpAddr::from([0, 0, 0, 0]);
    let from = request.extensions().get::<Remote>().map_or(unknown, |Remote(address)| *address);
    match attempts.judge(from, || tokens.right(bearer).is_some()) {
        Ok(()) => Verdict::Allowed,
        Err(denied) => Verdict::Denied(denied),
    }
}

fn refusal(status: StatusCode, words: &str) -> Response {
    let challenge = [(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"))];
    (status, challenge, answer("text/plain; charset=utf-8", words.to_owned())).into_response()
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
