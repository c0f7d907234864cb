use super::Args;
use super::coordinator::{Coordinator, known};
use super::ports;
use super::progress::{Bar, Line};
use super::reach;
use super::standing::{Standing, waits_in_vain};
use super::worker::Worker;
use crate::apart::Files;
use crate::config;
use crate::exit;
use crate::json_file::JsonFile;
use crate::text::counted;
use anyhow::Result;
use std::time::Duration;
use stentor_experiment::Membership;
use stentor_runlog::Summary;
use stentor_runtime::{Child, ExitStatus, Shutdown};

/// How long a child may take to shut down cleanly.
const GRACE: Duration = Duration::from_secs(20);

/// How long a worker may take to leave on its own.
const FAREWELL: Duration = Duration::from_secs(1);

/// How long a coordinator without workers may take to exit on its own: it may be publishing the last checkpoint.
const LAST_WORDS: Duration = Duration::from_secs(5);

/// The processes of a run on one machine.
pub(super) struct Cluster {
    coordinator: Option<Coordinator>,
    workers: Vec<Worker>,
    bar: Bar,
    json: JsonFile,
    membership: Membership,
    /// Restarts of each worker at the start.
    restarts: u32,
    /// Whether a round has closed.
    is_under_way: bool,
}

enum Happened {
    Said(Line),
    CoordinatorEnded(std::process::ExitStatus),
    WorkerEnded(usize, std::process::ExitStatus),
    WorkerIsDue(usize),
    AskedToStop,
}

impl Cluster {
    /// Starts the coordinator, unless one was given, and the workers.
    pub(super) async fn start(arguments: &Args) -> Result<Self> {
        let experiment = config::read(&arguments.experiment)?;
        let files = Files::default().reads("the experiment file", [&arguments.experiment]);
        files.writes("--json", &arguments.json).check_apart()?;
        let json = JsonFile::at(arguments.json.as_deref())?;
        let count = arguments.workers.unwrap_or(experiment.cluster.workers);
        let metrics = arguments.metrics.map(|first| ports::after(first, count)).transpose()?;
        let bar = if arguments.coordinator.is_none() { Bar::new() } else { Bar::without_progress() };
        let (coordinator, url) = match &arguments.coordinator {
            Some(url) => {
                let workers = counted(count.into(), "worker");
                bar.say(&format!("starting {workers} for {url}; see the coordinator for the run's progress"));
                if let Some(words) = reach::nobody_words(url).await {
                    bar.say(&words);
                }
                (None, url.clone())
            }
            None => {
                if count < experiment.cluster.workers {
                    let wanted = experiment.cluster.workers;
                    let key = "cluster.workers";
                    let workers = counted(count.into(), "worker");
                    bar.say(&format!(
                        "starting {workers} here; the run starts once {wanted} have joined ({key})"
                    ));
                }
                let (coordinator, url) = Coordinator::start(arguments).await?;
                bar.say(&format!(
                    "The coordinator is at {url}; pass this URL to `stentor status` and `stentor switch` as --coordinator."
                ));
                (Some(coordinator), url)
            }
        };
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let threads = arguments.threads.unwrap_or_else(|| (cores / count.max(1) as usize).clamp(1, 1024));
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
            if let Some(address) = metrics.as_ref().and_then(|metrics| metrics.get(number as usize)) {
                own.push(format!("--metrics={address}"));
            }
            workers.push(Worker::start(identity, own, experiment.cluster.restarts).await?);
        }
        let (membership, restarts) = (experiment.cluster.membership, experiment.cluster.restarts);
        Ok(Self { coordinator, workers, bar, json, membership, restarts, is_under_way: false })
    }

    /// Supervises the processes until the run is over. Workers that end are restarted within their budget.
    pub(super) async fn attend(mut self, shutdown: &Shutdown) -> ExitStatus {
        // What the run ends with if its figures could not be written.
        let mut lost_figures = ExitStatus::Ok;
        loop {
            match self.next(shutdown).await {
                Happened::Said(Line::Progress(progress)) => {
                    self.is_under_way = true;
                    self.bar.advance(progress);
                }
                Happened::Said(Line::Summary(summary)) => {
                    if let Err(error) = self.conclude(&summary) {
                        lost_figures = exit::End::of(&error, ExitStatus::Data).status;
                        self.bar.say(&format!("stentor: cannot write the run's figures: {error:#}"));
                    }
                }
                Happened::Said(Line::Listening(_)) => {}
                Happened::CoordinatorEnded(status) => {
                    if status.code().is_none() {
                        // Killed: it could not report a reason.
                        self.bar.say(&format!("the coordinator ended ({status}); continue with --resume"));
                    }
                    self.bar.end();
                    self.stop_workers().await;
                    return match known(status) {
                        ExitStatus::Ok => lost_figures,
                        status => status,
                    };
                }
                Happened::WorkerEnded(index, status) => {
                    if let Some(words) = self.workers[index].take_end(status) {
                        self.bar.say(&words);
                    }
                    let known = status.code().and_then(ExitStatus::from_code);
                    if let Some(status) = self.cannot_go_on(known).await {
                        self.bar.end();
                        return status;
                    }
                }
                Happened::WorkerIsDue(index) => {
                    if let Some(status) = self.start_again(index).await {
                        self.bar.end();
                        return status;
                    }
                }
                Happened::AskedToStop => {
                    self.bar.say(match self.coordinator {
                        Some(_) => "stopping; continue with --resume",
                        None => "stopping the workers",
                    });
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
                if let Some(status) = worker.ended() {
                    return Happened::WorkerEnded(index, status);
                }
                if worker.is_due() {
                    return Happened::WorkerIsDue(index);
                }
            }
            let tick = tokio::time::sleep(Duration::from_millis(100));
            let Some(Coordinator { child, lines }) = &mut self.coordinator else {
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

    /// Restarts a worker whose pause is over. Returns the exit status of the whole run if that fails and the run cannot
    /// continue.
    async fn start_again(&mut self, index: usize) -> Option<ExitStatus> {
        let worker = &mut self.workers[index];
        let Err(error) = worker.start_again().await else { return None };
        worker.standing = Standing::Lost("it could not be restarted".into());
        self.bar.say(&format!("stentor: {error:#}"));
        self.cannot_go_on(None).await
    }

    /// Returns the exit status of the whole run if it cannot continue after the end of a worker with this status, if
    /// known.
    async fn cannot_go_on(&mut self, ended: Option<ExitStatus>) -> Option<ExitStatus> {
        if self.coordinator.is_some() {
            let helpless = ended.filter(|known| *known != ExitStatus::Ok && !known.may_succeed_again());
            return self.give_up_in_vain(helpless).await;
        }
        let alone = self.workers.iter().all(Worker::is_over);
        alone.then_some(ended.unwrap_or(ExitStatus::Failure))
    }

    /// Ends a run whose coordinator would wait forever for lost workers, and names them. `helpless` is the exit status
    /// of a worker that a restart would not have helped; it becomes the run's.
    async fn give_up_in_vain(&mut self, helpless: Option<ExitStatus>) -> Option<ExitStatus> {
        let standings: Vec<Standing> = self.workers.iter().map(|w| w.standing.clone()).collect();
        if !waits_in_vain(&standings, self.membership, self.is_under_way) {
            return None;
        }
        if let Some(Coordinator { child, .. }) = &mut self.coordinator
            && tokio::time::timeout(LAST_WORDS, child.wait()).await.is_ok()
        {
            // Its remaining output still has to be read.
            return None;
        }
        let named = |w: &Worker| match &w.standing {
            Standing::Lost(how) => Some(format!("{} ({how})", w.identity)),
            Standing::Running | Standing::Done => None,
        };
        let lost: Vec<String> = self.workers.iter().filter_map(named).collect();
        let why = match (self.membership, self.is_under_way) {
            (_, false) => "the first round needs all workers",
            (Membership::Fixed, true) => "membership is fixed, so the run needs all workers",
            (Membership::Elastic, true) => "no other worker is left",
        };
        self.bar.say(&format!(
            "stopping: the run would wait forever for {}; {why}, and `cluster.restarts` allows {} restarts of each. \
             Find out what ended them, then continue with --resume",
            lost.join(", "),
            self.restarts,
        ));
        self.stop_workers().await;
        self.stop_coordinator().await;
        Some(helpless.unwrap_or(ExitStatus::LostQuorum))
    }

    fn conclude(&self, summary: &Summary) -> Result<()> {
        // Write the file first; print the line in any case.
        let written = self.json.write(summary);
        self.bar.end();
        let Summary { run, checkpoint, frames, seconds, bytes_per_frame, dev_frame_error, .. } = summary;
        let dev = dev_frame_error.map(|e| format!(", dev frame error {e:.2} %")).unwrap_or_default();
        stentor_runtime::outln!(
            "{run}: checkpoint {checkpoint}, {frames} frames in {seconds:.1} s, {bytes_per_frame:.1} bytes per frame \
             transferred{dev}"
        );
        written
    }

    /// Waits for workers that are ending, and stops the others.
    async fn stop_workers(&mut self) {
        for worker in &mut self.workers {
            if let Some(child) = &mut worker.child
                && tokio::time::timeout(FAREWELL, child.wait()).await.is_err()
            {
                // All are asked at once; one that has ended in the meantime is not an error.
                let _ = child.terminate();
            }
        }
        self.await_workers().await;
    }

    /// Asks all processes to stop at once, the coordinator first: if it heard of its workers' departure before, it would fall back to a
    /// checkpoint for no purpose. If it ended before they were asked, they would try to reconnect.
    async fn stop_all(&mut self) {
        let coordinator = self.coordinator.take();
        let workers = self.workers.iter().filter_map(|worker| worker.child.as_ref());
        for child in coordinator.iter().map(|coordinator| &coordinator.child).chain(workers) {
            // A process that has ended in the meantime is not an error.
            let _ = child.terminate();
        }
        if let Some(Coordinator { child, .. }) = coordinator {
            await_end(child).await;
        }
        self.await_workers().await;
    }

    /// Waits for workers that were asked to stop, and kills those that do not.
    async fn await_workers(&mut self) {
        for worker in &mut self.workers {
            if let Some(child) = worker.child.take() {
                await_end(child).await;
            }
        }
    }

    async fn stop_coordinator(&mut self) {
        if let Some(Coordinator { mut child, .. }) = self.coordinator.take()
            && let Err(error) = child.stop(GRACE).await
        {
            tracing::warn!(%error, "cannot stop the coordinator");
        }
    }
}

/// Waits for a process that was asked to stop, and kills it if it does not.
async fn await_end(mut child: Child) {
    if let Err(error) = child.end_within(GRACE).await {
        tracing::warn!(%error, "a process is left behind");
    }
}
