//! `coordinator EXPERIMENT.toml`: serves an experiment to workers and coordinates their rounds.

use clap::Parser;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;
use stentor_coordinator::{
    Error, Listener, Options, Page, Signing, Start, read_experiment, serve, serve_finished, serve_reducer,
};
use stentor_runtime::tls::{Anonymous, Tls, check_listener};
use stentor_runtime::{
    Bounds, ExitStatus, ProgramError, Shutdown, Telemetry, Tokens, address, descriptors, errln, metrics,
    outln, telemetry,
};

/// Serves an experiment to workers and coordinates their rounds.
#[derive(Debug, Parser)]
#[command(name = "coordinator", version = stentor_runtime::VERSION, about)]
struct Arguments {
    /// The experiment file.
    experiment: PathBuf,
    /// Address for workers; port 0 takes a free one.
    #[arg(long, env = "STENTOR_LISTEN", default_value = "127.0.0.1:7400", value_name = "HOST:PORT", value_parser = address)]
    listen: SocketAddr,
    /// Folder with ca.crt, tls.crt and tls.key; callers must have a certificate of the same cluster. If there is a ca.crl, none of
    /// the certificates that it revokes.
    #[arg(long, env = "STENTOR_TLS", value_name = "DIR")]
    tls: Option<PathBuf>,
    /// Listen on a network without certificates: anyone on it can join the training and read it.
    #[arg(long, env = "STENTOR_INSECURE", value_parser = clap::builder::FalseyValueParser::new())]
    insecure: bool,
    /// Seconds between two checks of the certificates behind open connections: one that has expired, or is in ca.crl, ends its
    /// connection.
    #[arg(long = "certificate-check", env = "STENTOR_CERTIFICATE_CHECK", default_value_t = 60.0, value_name = "SECONDS", value_parser = interval)]
    certificate_check_s: f64,
    /// File with the token to look, with which people see the page and the status without a certificate. Alternatively,
    /// STENTOR_TOKEN contains the token.
    #[arg(long, env = "STENTOR_TOKEN_FILE", value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// File with the admin token, with which operators also control the run without a certificate. Alternatively,
    /// STENTOR_ADMIN_TOKEN contains the token.
    #[arg(long, env = "STENTOR_ADMIN_TOKEN_FILE", value_name = "FILE")]
    admin_token_file: Option<PathBuf>,
    /// File with the private key (Ed25519, PEM) with which checkpoints and the event log are signed; `stentor signing-key` makes one.
    /// Only the coordinator needs it.
    #[arg(long, env = "STENTOR_SIGNING_KEY", value_name = "FILE")]
    signing_key: Option<PathBuf>,
    /// Files with public keys with which the run was signed before, or the model that it starts from: what was signed with one of them,
    /// or with --signing-key, is accepted.
    #[arg(long = "public-key", env = "STENTOR_PUBLIC_KEY", value_name = "FILE", value_delimiter = ',')]
    public_keys: Vec<PathBuf>,
    /// Start a signed run from a `model.start` that is not signed with one of these keys: whoever can write to its folder decides what
    /// the run begins with.
    #[arg(long, env = "STENTOR_UNSIGNED_START", value_parser = clap::builder::FalseyValueParser::new())]
    unsigned_start: bool,
    /// Address for the live page, /metrics, /healthz and /readyz. If there is a token, the page asks for it.
    #[arg(long, env = "STENTOR_METRICS", value_name = "HOST:PORT", value_parser = address)]
    metrics: Option<SocketAddr>,
    /// Folder with tls.crt and tls.key for that address, for example of a CA that browsers know. Without it, the page and the token
    /// travel as plain HTTP.
    #[arg(long, env = "STENTOR_PAGE_TLS", value_name = "DIR", requires = "metrics")]
    page_tls: Option<PathBuf>,
    /// Continue from the newest valid checkpoint.
    #[arg(long)]
    resume: bool,
    /// Stay alive after completion or a permanent error, until SIGTERM or SIGINT: for supervisors that restart every process
    /// that exits.
    #[arg(long)]
    stay: bool,
    /// Run as a reducer instead: the one with this index in the experiment's `exchange.reducers`, counted from 0.
    #[arg(long, value_name = "INDEX", conflicts_with_all = ["resume", "json_lines"])]
    reducer: Option<usize>,
    /// Print the address, progress and the summary as JSON lines on standard output, for other programs.
    #[arg(long)]
    json_lines: bool,
}

/// Parses the time between two checks.
fn interval(text: &str) -> Result<f64, String> {
    let expected = || format!("expected 0.1 to 86400 seconds, found `{text}`");
    let seconds: f64 = text.parse().map_err(|_| expected())?;
    if (0.1..=86_400.0).contains(&seconds) { Ok(seconds) } else { Err(expected()) }
}

#[tokio::main]
async fn main() -> ExitStatus {
    let arguments = Arguments::parse();
    let (page, _telemetry) = match observe(&arguments) {
        Ok(both) => both,
        Err(error) => {
            errln!("coordinator: {error} [{}]", error.id());
            return error.exit_status();
        }
    };
    let shutdown = Shutdown::listen();
    let experiment = arguments.experiment.display().to_string();
    let status = match run(&arguments, page, &shutdown).await {
        Ok(()) => ExitStatus::Ok,
        Err(error) if error.is_by_request() => {
            tracing::info!("{error}");
            error.exit_status()
        }
        Err(error) => {
            // Keys in the message are keys of this file.
            tracing::error!(id = error.id(), experiment, "{error}");
            error.exit_status()
        }
    };
    if arguments.stay && !status.may_succeed_again() {
        tracing::info!(code = status.code(), "nothing is left to do; staying alive until SIGTERM or SIGINT");
        if status == ExitStatus::Ok && arguments.reducer.is_none() {
            tell_latecomers(&arguments, &shutdown).await;
        }
        shutdown.requested().await;
    }
    status
}

/// Logs, metrics, and the page beside them.
fn observe(arguments: &Arguments) -> Result<(Page, Telemetry), Error> {
    let tokens = tokens(arguments)?;
    let open = tokens.is_empty() && arguments.reducer.is_none();
    let page = Page::new(tokens);
    let tls = arguments.page_tls.as_deref().map(Tls::for_page).transpose()?;
    let options = telemetry::TelemetryOptions { program: "coordinator", metrics: arguments.metrics };
    let serving = telemetry::Serving { routes: page.routes(), tls };
    let telemetry = telemetry::init_serving(options, serving)?;
    if let Some(address) = arguments.metrics.filter(|address| !address.ip().is_loopback() && open) {
        tracing::warn!(
            %address,
            "whoever reaches this address sees the page and the run's status, because there is no token; give one with --token-file"
        );
    }
    // Once more, because its warnings can be logged only now.
    arguments.page_tls.as_deref().map(Tls::for_page).transpose()?;
    Ok((page, telemetry))
}

/// Tells workers that come after the end of the run that it is finished.
async fn tell_latecomers(arguments: &Arguments, shutdown: &Shutdown) {
    let told = match listen(arguments).await {
        Ok(listener) => serve_finished(listener, shutdown).await,
        Err(error) => Err(error),
    };
    if let Err(error) = told {
        tracing::warn!(%error, "workers that come now are not told that the run is finished");
    }
}

async fn run(arguments: &Arguments, page: Page, shutdown: &Shutdown) -> Result<(), Error> {
    let experiment = read_experiment(&arguments.experiment)?;
    metrics::of_run(&experiment.run.name);
    let signing = Signing::read(arguments.signing_key.as_deref(), &arguments.public_keys)?;
    let signing = if arguments.unsigned_start { signing.map(Signing::with_unsigned_start) } else { signing };
    let listener = listen(arguments).await?;
    let address = listener.socket.local_addr().map_err(|source| unbound(arguments.listen, source))?;
    let scheme = if listener.tls.is_some() { "https" } else { "http" };
    if let Some(index) = arguments.reducer {
        tracing::info!(%address, scheme, "listening for members");
        return serve_reducer(&experiment, index, listener, shutdown).await;
    }
    tracing::info!(%address, scheme, "listening for workers");
    let start = if arguments.resume { Start::Resume } else { Start::Fresh };
    let (progress, mut updates) = tokio::sync::mpsc::unbounded_channel();
    let progress = arguments.json_lines.then_some(progress);
    if arguments.json_lines {
        outln!("{}", serde_json::json!({ "listening": format!("{scheme}://{address}") }));
        tokio::spawn(async move {
            while let Some(progress) = updates.recv().await {
                outln!("{}", serde_json::json!({ "progress": progress }));
            }
        });
    }
    // Without the listener nobody can see it.
    let page = arguments.metrics.map(|_| page);
    let options = Options { experiment, start, progress, signing, page };
    let summary = serve(options, listener, shutdown).await?;
    if arguments.json_lines {
        outln!("{}", serde_json::json!({ "summary": summary }));
    }
    Ok(())
}

fn tokens(arguments: &Arguments) -> Result<Tokens, stentor_runtime::Error> {
    Tokens::from_environment(arguments.token_file.as_deref(), arguments.admin_token_file.as_deref())
}

/// Binds the listener, after the check that not everybody on the network could join.
async fn listen(arguments: &Arguments) -> Result<Listener, Error> {
    let tokens = tokens(arguments)?;
    let anonymous = if tokens.is_empty() { Anonymous::Refused } else { Anonymous::NeedToken };
    let tls = arguments.tls.as_deref().map(|folder| Tls::for_server(folder, anonymous)).transpose()?;
    check_listener(arguments.listen, tls.as_ref(), arguments.insecure)?;
    let bounds = descriptors::for_connections(Bounds::default())?;
    let socket = tokio::net::TcpListener::bind(arguments.listen).await;
    let socket = socket.map_err(|source| unbound(arguments.listen, source))?;
    let check_every = Duration::from_secs_f64(arguments.certificate_check_s);
    Ok(Listener { socket, tls, tokens, bounds, check_every })
}

fn unbound(address: SocketAddr, source: std::io::Error) -> Error {
    Error::Read { path: address.to_string(), source }
}
