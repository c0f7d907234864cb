use super::Args;
use super::progress::{Bar, Line};
use super::standing::{Standing, waits_in_vain};
use crate::exit::Meaning;
use crate::text::counted;
use crate::{config, siblings};
use anyhow::{Context, Result, anyhow, bail};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;
use stentor_experiment::Membership;
use stentor_runtime::{Child, ExitStatus, Shutdown};
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::ChildStdout;

/// How long a child may take to stop in good order.
const GRACE: Duration = Duration::from_secs(20);

/// How long a worker may take to say good-bye by itself.
const FAREWELL: Duration = Duration::from_secs(1);

/// How long a coordinator without workers may take to end by itself: it may be publishing the last checkpoint.
const LAST_WORDS: Duration = Duration::from_secs(5);

/// The processes of a run on one machine.
pub(super) struct Cluster {
    coordinator: Option<(Child, Lines<BufReader<ChildStdout>>)>,
    workers: Vec<Worker>,
    bar: Bar,
    json: Option<PathBuf>,
    membership: Membership,
    /// Of each worker, at first.
    restarts: u32,
    /// A round has closed.
    is_under_way: bool,
}

struct Worker {
    /// None once it has ended for good.
    child: Option<Child>,
    standing: Standing,
    identity: String,
    arguments: Vec<String>,
    restarts_left: u32,
}

enum Happened {
    Said(Line),
    CoordinatorEnded(std::process::ExitStatus),
    WorkerEnded(usize, std::process::ExitStatus),
    AskedToStop,
}

impl Cluster {
    /// Starts the coordinator, unless one is named, and the workers.
    pub(super) async fn start(arguments: &Args) -> Result<Self> {
        let experiment = config::read(&arguments.experiment)?;
        let count = arguments.workers.unwrap_or(experiment.cluster.workers);
        let bar = Bar::new();
        let (coordinator, url) = match &arguments.coordinator {
            Some(url) => {
                let workers = counted(count.into(), "worker");
                bar.say(&format!("starting {workers} for {url}; it tells how the run gets on"));
                (None, url.clone())
            }
            None => {
                if count < experiment.cluster.workers {
                    let wanted = experiment.cluster.workers;
                    let key = "cluster.workers";
                    let workers = counted(count.into(), "worker");
                    bar.say(&format!("starting {workers} here; the run begins with {wanted} ({key})"));
                }
                let (child, lines, url) = start_coordinator(arguments).await?;
                bar.say(&format!(
                    "The coordinator is at {url}; `stentor status` and `stentor switch` take it as --coordinator."
                ));
                (Some((child, lines)), url)
            }
        };
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let threads = arguments.threads.unwrap_or_else(|| (cores / count.max(1) as usize).max(1));
        let mut workers = Vec::new();
        for number in 0..count {
            let identity = format!("worker-{number}");
            let mut own = vec![
                format!("--coordinator={url}"),
                format!("--identity={identity}"),
                format!("--threads={threads}"),
                format!("--device={}", arguments.device),
            ];
            if let Some(tls) = arguments.tls.as_deref().filter(|_| arguments.coordinator.is_some()) {
                own.push(format!("--tls={}", tls.display()));
            }
            if let Some(metrics) = arguments.metrics {
                let port = metrics.port().saturating_add(1 + number as u16);
                own.push(format!("--metrics={}", SocketAddr::new(metrics.ip(), port)));
            }
            let child = Some(spawn("worker", &identity, &own).await?);
            workers.push(Worker {
                child,
                standing: Standing::Running,
                identity,
                arguments: own,
                restarts_left: experiment.cluster.restarts,
            });
        }
        let (membership, restarts) = (experiment.cluster.membership, experiment.cluster.restarts);
        let json = arguments.json.clone();
        Ok(Self { coordinator, workers, bar, json, membership, restarts, is_under_way: false })
    }

    /// Looks after the processes until the run is over. Dead workers are started again within their budget.
    pub(super) async fn attend(mut self, shutdown: &Shutdown) -> ExitStatus {
        let mut figures_are_lost = false;
        loop {
            match self.next(shutdown).await {
                Happened::Said(Line::Progress(progress)) => {
                    self.is_under_way = true;
                    self.bar.advance(progress);
                }
                Happened::Said(Line::Summary(summary)) => {
                    if let Err(error) = self.conclude(&summary) {
                        figures_are_lost = true;
                        self.bar.say(&format!("stentor: the run's figures are lost: {error:#}"));
                    }
                }
                Happened::Said(Line::Listening(_)) => {}
                Happened::CoordinatorEnded(status) => {
                    if status.code().is_none() {
                        // Killed: it could not say why.
                        self.bar.say(&format!("the coordinator ended ({status}); continue with --resume"));
                    }
                    self.bar.end();
                    self.stop_workers().await;
                    return match known(status) {
                        ExitStatus::Ok if figures_are_lost => ExitStatus::Data,
                        status => status,
                    };
                }
                Happened::WorkerEnded(index, status) => {
                    if let Some(status) = self.worker_ended(index, status).await {
                        self.bar.end();
                        return status;
                    }
                }
                Happened::AskedToStop => {
                    self.bar.say("stopping; continue with --resume");
                    self.stop_all().await;
                    self.bar.end();
                    return ExitStatus::Stopped;
                }
            }
        }
    }

    async fn next(&mut self, shutdown: &Shutdown) -> Happened {
        loop {
            for (index, worker) in self.workers.iter_mut().enumerate() {
                if let Some(child) = &mut worker.child
                    && let Ok(Some(status)) = child.ended()
                {
                    return Happened::WorkerEnded(index, status);
                }
            }
            let tick = tokio::time::sleep(Duration::from_millis(100));
            let Some((child, lines)) = &mut self.coordinator else {
                tokio::select! {
                    () = shutdown.requested() => return Happened::AskedToStop,
                    () = tick => continue,
                }
            };
            tokio::select! {
                line = lines.next_line() => match line {
                    Ok(Some(line)) => match serde_json::from_str(&line) {
                        Ok(line) => return Happened::Said(line),
                        Err(error) => tracing::warn!(line, %error, "unknown line from the coordinator"),
                    },
                    // Its output is closed: it has ended, or is about to.
                    _ => if let Ok(status) = child.wait().await {
                        return Happened::CoordinatorEnded(status);
                    },
                },
                () = shutdown.requested() => return Happened::AskedToStop,
                () = tick => {}
            }
        }
    }

    /// Starts a dead worker again where that can help. The whole run's status where it cannot go on.
    async fn worker_ended(&mut self, index: usize, status: std::process::ExitStatus) -> Option<ExitStatus> {
        let worker = &mut self.workers[index];
        worker.child = None;
        let verdict = status.code().and_then(ExitStatus::from_code);
        let identity = worker.identity.clone();
        match verdict {
            Some(ExitStatus::Ok) => worker.standing = Standing::Done,
            // It said why on standard error, and the coordinator will end the run where it must.
            Some(known) if !known.may_succeed_again() => {
                worker.standing = Standing::Lost(status.to_string());
                self.bar.say(&format!("{identity} ended ({status}) and cannot be helped by another start"));
            }
            _ if worker.restarts_left == 0 => {
                worker.standing = Standing::Lost(status.to_string());
                self.bar.say(&format!("{identity} ended ({status}) once too often"));
            }
            _ => {
                worker.restarts_left -= 1;
                let (arguments, left) = (worker.arguments.clone(), worker.restarts_left);
                self.bar
                    .say(&format!("{identity} ended ({status}); starting it again, {left} restarts left"));
                match spawn("worker", &identity, &arguments).await {
                    Ok(child) => self.workers[index].child = Some(child),
                    Err(error) => {
                        self.bar.say(&format!("stentor: {error:#}"));
                        self.workers[index].standing = Standing::Lost("it could not be started again".into());
                    }
                }
            }
        }
        let helpless = verdict.filter(|known| *known != ExitStatus::Ok && !known.may_succeed_again());
        if self.coordinator.is_some() {
            return self.give_up_in_vain(helpless).await;
        }
        let alone = self.workers.iter().all(|w| w.child.is_none());
        alone.then_some(verdict.unwrap_or(ExitStatus::Failure))
    }

    /// Ends a run whose coordinator would wait for workers that will not come, with their names. `helpless`: the status of a
    /// worker that another start would not have helped; the run's is no other.
    async fn give_up_in_vain(&mut self, helpless: Option<ExitStatus>) -> Option<ExitStatus> {
        let standings: Vec<Standing> = self.workers.iter().map(|w| w.standing.clone()).collect();
        if !waits_in_vain(&standings, self.membership, self.is_under_way) {
            return None;
        }
        if let Some((child, _)) = &mut self.coordinator
            && tokio::time::timeout(LAST_WORDS, child.wait()).await.is_ok()
        {
            // What it said is still to be read.
            return None;
        }
        let named = |w: &Worker| match &w.standing {
            Standing::Lost(how) => Some(format!("{} ({how})", w.identity)),
            Standing::Running | Standing::Done => None,
        };
        let lost: Vec<String> = self.workers.iter().filter_map(named).collect();
        let why = match (self.membership, self.is_under_way) {
            (_, false) => "the first round waits for all",
            (Membership::Fixed, true) => "membership is fixed, so that the run waits for all",
            (Membership::Elastic, true) => "nobody else is left",
        };
        self.bar.say(&format!(
            "stopping: the run would wait in vain for {}; {why}, and `cluster.restarts` allows {} restarts of each. See what \
             ended them, then continue with --resume",
            lost.join(", "),
            self.restarts,
        ));
        self.stop_workers().await;
        self.stop_coordinator().await;
        Some(helpless.unwrap_or(ExitStatus::LostQuorum))
    }

    fn conclude(&self, summary: &serde_json::Value) -> Result<()> {
        // The file first, and the line in any case.
        let written = self.json.as_ref().map_or(Ok(()), |path| {
            let figures = serde_json::to_vec_pretty(summary)?;
            std::fs::write(path, figures).with_context(|| path.display().to_string())
        });
        self.bar.end();
        let number = |key: &str| summary[key].as_f64().unwrap_or_default();
        stentor_runtime::outln!(
            "{}: checkpoint {}, {:.0} frames in {:.1} s, {:.1} bytes a frame on the wire{}",
            summary["run"].as_str().unwrap_or_default(),
            summary["checkpoint"].as_str().unwrap_or_default(),
            number("frames"),
            number("seconds"),
            number("bytes_per_frame"),
            summary["dev_frame_error"]
                .as_f64()
                .map(|e| format!(", dev frame error {e:.2} %"))
                .unwrap_or_default(),
        );
        written
    }

    /// Lets workers that are ending end, and asks the others to.
    async fn stop_workers(&mut self) {
        for worker in &mut self.workers {
            if let Some(child) = &mut worker.child
                && tokio::time::timeout(FAREWELL, child.wait()).await.is_err()
            {
                // Asked all at once; whoever has ended meanwhile is no error.
                let _ = child.terminate();
            }
        }
        self.await_workers().await;
    }

    /// Asks everybody at once. A coordinator that saw its workers leave would go back to a checkpoint with the rest, and nobody
    /// goes on with that; workers that saw it go first would look for it.
    async fn stop_all(&mut self) {
        for child in self.workers.iter().filter_map(|worker| worker.child.as_ref()) {
            // Whoever has ended meanwhile is no error.
            let _ = child.terminate();
        }
        self.stop_coordinator().await;
        self.await_workers().await;
    }

    /// Waits for workers that were asked to stop, and kills whoever does not.
    async fn await_workers(&mut self) {
        for worker in &mut self.workers {
            let Some(mut child) = worker.child.take() else { continue };
            if tokio::time::timeout(GRACE, child.wait()).await.is_err() {
                tracing::warn!(identity = worker.identity, "did not stop when asked");
                if let Err(error) = child.kill().await {
                    tracing::warn!(%error, identity = worker.identity, "not stopped");
                }
            }
        }
    }

    async fn stop_coordinator(&mut self) {
        if let Some((mut child, _)) = self.coordinator.take()
            && let Err(error) = child.stop(GRACE).await
        {
            tracing::warn!(%error, "coordinator not stopped");
        }
    }
}

/// What a child's end means to whoever started us.
fn known(status: std::process::ExitStatus) -> ExitStatus {
    status.code().and_then(ExitStatus::from_code).unwrap_or(ExitStatus::Failure)
}

async fn spawn(program: &str, name: &str, arguments: &[String]) -> Result<Child> {
    let mut command = siblings::command(program);
    command.args(arguments).env_remove("STENTOR_TLS");
    if std::env::var_os("STENTOR_LOG").is_none() {
        command.env("STENTOR_LOG", "warn");
    }
    Child::spawn(name, command).await.with_context(|| siblings::expected(program))
}

async fn start_coordinator(arguments: &Args) -> Result<(Child, Lines<BufReader<ChildStdout>>, String)> {
    let mut command = siblings::command("coordinator");
    command
        .arg(&arguments.experiment)
        .args(["--listen", "127.0.0.1:0", "--json-lines"])
        // On this machine's own loopback nobody needs certificates.
        .env_remove("STENTOR_TLS")
        .stdout(Stdio::piped());
    if arguments.resume {
        command.arg("--resume");
    }
    if let Some(metrics) = arguments.metrics {
        command.arg(format!("--metrics={metrics}"));
    }
    if std::env::var_os("STENTOR_LOG").is_none() {
        command.env("STENTOR_LOG", "warn");
    }
    let child = Child::spawn("coordinator", command).await;
    let mut child = child.with_context(|| siblings::expected("coordinator"))?;
    let stdout = child.take_stdout().context("the coordinator has no standard output")?;
    let mut lines = BufReader::new(stdout).lines();
    let Some(line) = lines.next_line().await? else {
        let status = child.wait().await?;
        let ended = anyhow!("the coordinator ended before it listened ({status}); its message is above");
        return Err(ended).meaning(known(status));
    };
    let Line::Listening(url) = serde_json::from_str(&line).with_context(|| line.clone())? else {
        bail!("expected the coordinator's address, found {line}");
    };
    Ok((child, lines, url))
}
