//! `coordinator EXPERIMENT.toml`: serves an experiment to workers and holds their rounds together.

use clap::Parser;
use std::net::SocketAddr;
use std::path::PathBuf;
use stentor_coordinator::{Error, Gate, Options, Page, Start, read_experiment, serve, serve_reducer};
use stentor_runtime::tls::{Strangers, Tls, check_listener};
use stentor_runtime::{
    ExitStatus, ProgramError, Shutdown, Telemetry, Token, address, errln, outln, telemetry,
};

/// Serves an experiment to workers and holds their rounds together.
#[derive(Debug, Parser)]
#[command(name = "coordinator", version = stentor_runtime::VERSION, about)]
struct Arguments {
    /// The experiment file.
    experiment: PathBuf,
    /// Address for workers; port 0 takes a free one.
    #[arg(long, env = "STENTOR_LISTEN", default_value = "127.0.0.1:7400", value_name = "HOST:PORT", value_parser = address)]
    listen: SocketAddr,
    /// Folder with ca.crt, tls.crt and tls.key: workers and people must show certificates of the same cluster.
    #[arg(long, env = "STENTOR_TLS", value_name = "DIR")]
    tls: Option<PathBuf>,
    /// Listen on a network without certificates: everybody on it may join the training and read it.
    #[arg(long, env = "STENTOR_INSECURE", value_parser = clap::builder::FalseyValueParser::new())]
    insecure: bool,
    /// File with the token by which people may look and steer without a certificate; or STENTOR_TOKEN holds the token.
    #[arg(long, env = "STENTOR_TOKEN_FILE", value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// Address for the live page, /metrics and /healthz. Where there is a token, the page asks for it.
    #[arg(long, env = "STENTOR_METRICS", value_name = "HOST:PORT", value_parser = address)]
    metrics: Option<SocketAddr>,
    /// Go on from the newest valid checkpoint in the run's output.
    #[arg(long)]
    resume: bool,
    /// Stay alive after completion or a permanent error, until a signal comes: for supervisors that restart whatever exits.
    #[arg(long)]
    stay: bool,
    /// Be one of the experiment's `exchange.reducers`, by its place in the list from 0, instead of the coordinator.
    #[arg(long, value_name = "INDEX", conflicts_with_all = ["resume", "json_lines"])]
    reducer: Option<usize>,
    /// Print the address, progress and the summary as JSON lines on standard output, for a program that reads them.
    #[arg(long)]
    json_lines: bool,
}

#[tokio::main]
async fn main() -> ExitStatus {
    let arguments = Arguments::parse();
    let (page, _telemetry) = match tell(&arguments) {
        Ok(told) => told,
        Err(error) => {
            errln!("coordinator: {error} [{}]", error.id());
            return error.exit_status();
        }
    };
    let (stay, shutdown) = (arguments.stay, Shutdown::listen());
    let experiment = arguments.experiment.display().to_string();
    let status = match run(arguments, page, &shutdown).await {
        Ok(()) => ExitStatus::Ok,
        Err(error) if error.is_by_request() => {
            tracing::info!("{error}");
            error.exit_status()
        }
        Err(error) => {
            // Keys in the words are this file's.
            tracing::error!(id = error.id(), experiment, "{error}");
            error.exit_status()
        }
    };
    if stay && !status.may_succeed_again() {
        tracing::info!(code = status.code(), "nothing is left to do; staying until a signal comes");
        shutdown.requested().await;
    }
    status
}

/// Logs, metrics, and the page beside them.
fn tell(arguments: &Arguments) -> Result<(Page, Telemetry), stentor_runtime::Error> {
    let page = Page::new(Token::from_environment(arguments.token_file.as_deref())?);
    let options = telemetry::TelemetryOptions { program: "coordinator", metrics: arguments.metrics };
    let telemetry = telemetry::init_with_routes(options, page.routes())?;
    Ok((page, telemetry))
}

async fn run(arguments: Arguments, page: Page, shutdown: &Shutdown) -> Result<(), Error> {
    let experiment = read_experiment(&arguments.experiment)?;
    let gate = open_gate(&arguments).await?;
    let address = gate.listener.local_addr().map_err(|source| unbound(arguments.listen, source))?;
    let scheme = if gate.tls.is_some() { "https" } else { "http" };
    if let Some(index) = arguments.reducer {
        tracing::info!(%address, scheme, "listening for members");
        return serve_reducer(&experiment, index, gate, shutdown).await;
    }
    tracing::info!(%address, scheme, "listening for workers");
    let start = if arguments.resume { Start::Resume } else { Start::Fresh };
    let (progress, mut told) = tokio::sync::mpsc::unbounded_channel();
    let progress = arguments.json_lines.then_some(progress);
    if arguments.json_lines {
        outln!("{}", serde_json::json!({ "listening": format!("{scheme}://{address}") }));
        tokio::spawn(async move {
            while let Some(progress) = told.recv().await {
                outln!("{}", serde_json::json!({ "progress": progress }));
            }
        });
    }
    // Only where somebody can look at it.
    let page = arguments.metrics.map(|_| page);
    let options = Options { experiment, start, progress, page };
    let summary = serve(options, gate, shutdown).await?;
    if arguments.json_lines {
        outln!("{}", serde_json::json!({ "summary": summary }));
    }
    Ok(())
}

/// Nothing is bound before it is known that not everybody could come in.
async fn open_gate(arguments: &Arguments) -> Result<Gate, Error> {
    let token = Token::from_environment(arguments.token_file.as_deref())?;
    let strangers = if token.is_some() { Strangers::Heard } else { Strangers::Refused };
    let tls = arguments.tls.as_deref().map(|folder| Tls::for_server(folder, strangers)).transpose()?;
    check_listener(arguments.listen, tls.as_ref(), arguments.insecure)?;
    let listener = tokio::net::TcpListener::bind(arguments.listen).await;
    let listener = listener.map_err(|source| unbound(arguments.listen, source))?;
    Ok(Gate { listener, tls, token })
}

fn unbound(address: SocketAddr, source: std::io::Error) -> Error {
    Error::Read { path: address.to_string(), source }
}
