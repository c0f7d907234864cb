use super::routes;
use crate::connections::{Bounds, Connections, Seat};
use crate::goaway::{Why, goaway};
use crate::readiness::{Readiness, readiness};
use crate::tls::Tls;
use axum::Router;
use axum::body::Body;
use axum::http::{Request, Response, StatusCode};
use axum::response::IntoResponse;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use std::convert::Infallible;
use std::io;
use std::net::{IpAddr, SocketAddr, TcpListener};
use std::sync::{Arc, mpsc};
use std::thread::{self, JoinHandle};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tonic::codegen::Service;

/// Maximum number of open connections: a few scrapers, a few browsers with six each, probes. Where there are more, one of those is
/// closed that were opened first, of the address that has the most.
const MOST_CONNECTIONS: usize = 128;
/// Time for a handshake, if there is one, and time without a request: longer than between two scrapes, or two looks of a page.
const PATIENCE: Duration = Duration::from_secs(30);
/// After this time a connection is closed between two requests, so that a replaced certificate takes effect.
const AGE: Duration = Duration::from_secs(3600);
/// Time for the last answer of a connection.
const LAST_ANSWER: Duration = Duration::from_secs(10);

/// What is said to a program that takes this port for a coordinator's.
const OTHER_PORT: &str = "no Stentor coordinator or reducer listens here: this is the port of a program's --metrics; name that of its --listen";

/// The address of the caller, in the extensions of each request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Remote(pub IpAddr);

/// Serves `/healthz`, `/readyz`, `/metrics` and the program's own routes until it is dropped.
///
/// One thread accepts connections, reads requests, and answers `/healthz` and `/readyz` itself. Another one answers everything else,
/// so that nothing which takes time there makes the program look dead.
#[derive(Debug)]
pub(super) struct Listener {
    address: SocketAddr,
    /// The thread that accepts, before the thread that it passes requests to.
    _threads: [Thread; 2],
}

impl Listener {
    pub(super) fn start(
        listener: TcpListener,
        tls: Option<Tls>,
        registry: prometheus::Registry,
        more: Router,
    ) -> io::Result<Listener> {
        let address = listener.local_addr()?;
        listener.set_nonblocking(true)?;
        let router = routes::router(registry, more);
        let (answering, answers) = Thread::start("metrics", |_| Ok(std::future::pending::<()>()))?;
        let server = Arc::new(Server { router, answers, tls });
        let (accepting, _) = Thread::start("health", move |_| {
            let listener = tokio::net::TcpListener::from_std(listener)?;
            Ok(accept(listener, server))
        })?;
        Ok(Listener { address, _threads: [accepting, answering] })
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }
}

/// A thread with a runtime of its own, which ends when this is dropped. Its connections are then closed at once, so that a scraper
/// cannot delay the program's end.
#[derive(Debug)]
struct Thread {
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Thread {
    /// Runs the future that `make` returns.
    fn start<F: Future<Output = ()>>(
        name: &'static str,
        make: impl FnOnce(&Handle) -> io::Result<F> + Send + 'static,
    ) -> io::Result<(Thread, Handle)> {
        let (stop, stopped) = oneshot::channel();
        let (started, start) = mpsc::channel();
        // The runtime is created and dropped in the thread, because a runtime must not be dropped within another one.
        let thread = thread::Builder::new().name(name.to_owned()).spawn(move || {
            let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
                Ok(runtime) => runtime,
                Err(error) => return drop(started.send(Err(error))),
            };
            let handle = runtime.handle().clone();
            runtime.block_on(async move {
                match make(&handle) {
                    Ok(work) => {
                        drop(started.send(Ok(handle)));
                        tokio::select! {
                            _ = stopped => {}
                            () = work => {}
                        }
                    }
                    Err(error) => drop(started.send(Err(error))),
                }
            });
        })?;
        let ended = || io::Error::other(format!("the thread `{name}` ended"));
        let handle = start.recv().unwrap_or_else(|_| Err(ended()))?;
        Ok((Thread { stop: Some(stop), thread: Some(thread) }, handle))
    }
}

impl Drop for Thread {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("a thread of the metrics listener panicked");
        }
    }
}

/// What answers requests.
struct Server {
    router: Router,
    /// The thread that answers everything but `/healthz` and `/readyz`.
    answers: Handle,
    tls: Option<Tls>,
}

async fn accept(listener: tokio::net::TcpListener, server: Arc<Server>) {
    let bounds = Bounds { most: 0, most_of_address: 0, most_unproven: MOST_CONNECTIONS };
    let connections = Connections::new(bounds);
    loop {
        match listener.accept().await {
            Ok((stream, address)) => {
                let (seat, _) = connections.open(address.ip());
                tokio::spawn(serve(stream, Remote(address.ip()), Arc::clone(&server), seat));
            }
            Err(error) => {
                // For example too many open files. This is temporary, and must not cause a busy loop.
                tracing::warn!(%error, "cannot accept a connection for metrics");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

/// Serves a connection until it has to make room for others, or ends.
async fn serve(stream: tokio::net::TcpStream, remote: Remote, server: Arc<Server>, mut seat: Seat) {
    let served = async {
        match server.tls.clone() {
            None => match tokio::time::timeout(PATIENCE, speaks_http2(&stream)).await {
                Ok(Ok(true)) => goaway(stream, Why::Http11Required, OTHER_PORT).await,
                Ok(Ok(false)) => requests(stream, remote, server).await,
                Ok(Err(_)) | Err(_) => {}
            },
            Some(tls) => {
                if let Ok(Ok(stream)) = tokio::time::timeout(PATIENCE, tls.handshake(stream)).await {
                    requests(stream, remote, server).await;
                }
            }
        }
    };
    tokio::select! {
        () = served => {}
        () = seat.evicted() => {}
    }
}

/// Whether a connection begins as one of gRPC does. Waits for its first bytes.
async fn speaks_http2(stream: &tokio::net::TcpStream) -> io::Result<bool> {
    // The beginning of HTTP/2's preface, and of no request of HTTP/1.
    let mut first = [0; 4];
    let length = stream.peek(&mut first).await?;
    Ok(first[..length] == *b"PRI ")
}

async fn requests(stream: impl AsyncRead + AsyncWrite + Unpin, remote: Remote, server: Arc<Server>) {
    let service = service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(remote);
        answer(Arc::clone(&server), request)
    });
    let mut connection = std::pin::pin!(
        http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(PATIENCE)
            .serve_connection(TokioIo::new(stream), service)
    );
    // How a connection ends is of no interest: another one follows.
    tokio::select! {
        _ = connection.as_mut() => return,
        () = tokio::time::sleep(AGE) => connection.as_mut().graceful_shutdown(),
    }
    let _ = tokio::time::timeout(LAST_ANSWER, connection).await;
}

async fn answer(server: Arc<Server>, request: Request<Incoming>) -> Result<Response<Body>, Infallible> {
    match request.uri().path() {
        "/healthz" => return Ok("ok\n".into_response()),
        "/readyz" => return Ok(ready()),
        _ => {}
    }
    let mut router = server.router.clone();
    let answering = server.answers.spawn(async move { router.call(request.map(Body::new)).await });
    Ok(match answering.await {
        Ok(Ok(response)) => response,
        // The thread ends, or a route has panicked, which is logged.
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    })
}

fn ready() -> Response<Body> {
    let readiness = readiness();
    let status = match readiness {
        Readiness::Ready => StatusCode::OK,
        Readiness::Starting | Readiness::Stopping => StatusCode::SERVICE_UNAVAILABLE,
    };
    (status, format!("{}\n", readiness.word())).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::routing::get;
    use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
    use opentelemetry_proto::tonic::collector::trace::v1::trace_service_client::TraceServiceClient;
    use std::io::{Read, Write};
    use std::net::TcpStream;

    fn listening(more: Router) -> Listener {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        Listener::start(listener, None, prometheus::Registry::new(), more).unwrap()
    }

    fn ask(address: SocketAddr, path: &str) -> String {
        let mut stream = TcpStream::connect(address).unwrap();
        write!(stream, "GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    #[test]
    fn a_route_that_hangs_does_not_make_the_program_look_dead() {
        let (hold, held) = mpsc::channel::<()>();
        let held = Arc::new(std::sync::Mutex::new(held));
        let hangs = get(move || {
            // As a system call does that asks a file server which has gone.
            let _ = held.lock().unwrap().recv();
            async { "at last\n" }
        });
        let listener = listening(Router::new().route("/hangs", hangs));
        let address = listener.address();
        let waiting = thread::spawn(move || ask(address, "/hangs"));
        for _ in 0..3 {
            assert!(ask(address, "/healthz").ends_with("ok\n"));
            assert!(ask(address, "/readyz").starts_with("HTTP/1.1 503"));
        }
        drop(hold);
        assert!(waiting.join().unwrap().ends_with("at last\n"));
        assert!(ask(address, "/metrics").starts_with("HTTP/1.1 200"));
    }

    #[tokio::test]
    async fn a_program_that_takes_this_port_for_a_coordinators_is_told_which_port_is_meant() {
        let listener = listening(Router::new());
        let channel = crate::tls::channel(&format!("http://{}", listener.address()), None).unwrap();
        let mut client = TraceServiceClient::new(channel);
        let status = client.export(ExportTraceServiceRequest::default()).await.unwrap_err();
        let (words, denied) = crate::tls::explain(&status);
        assert!(words.contains("no Stentor coordinator or reducer listens here"), "{words}");
        assert!(words.contains("--listen") && !denied, "{words}");
    }

    #[test]
    fn silent_connections_are_closed_to_make_room_and_an_answer_comes_all_the_same() {
        let listener = listening(Router::new());
        let mut silent: Vec<TcpStream> =
            (0..MOST_CONNECTIONS + 20).map(|_| TcpStream::connect(listener.address()).unwrap()).collect();
        for path in ["/healthz", "/metrics"] {
            assert!(ask(listener.address(), path).starts_with("HTTP/1.1 200"), "{path}");
        }
        // The first ones read their end.
        for stream in &mut silent[..20] {
            assert_eq!(stream.read(&mut [0]).unwrap_or(0), 0);
        }
    }
}
