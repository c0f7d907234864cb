//! The compose stack under test: `docker compose` v2 or `docker-compose` 1.29, whichever is installed.

use super::images::Images;
use anyhow::{Context, Result, ensure};
use serde_json::{Map, Value, json};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};
use stentor_tasks::Environment;
use stentor_tasks::process::{self, Deadline};

/// The environment in which this machine reaches the stack's S3 server. The key is the default of compose.yaml.
pub(super) const OBJECTS: [(&str, &str); 5] = [
    ("AWS_ENDPOINT", "http://127.0.0.1:9000"),
    ("AWS_ALLOW_HTTP", "true"),
    ("AWS_REGION", "local"),
    ("AWS_ACCESS_KEY_ID", "stentor"),
    ("AWS_SECRET_ACCESS_KEY", "not-a-secret-on-loopback"),
];

/// Name of the compose project, for containers, networks and volumes.
pub(super) const PROJECT: &str = "stentor-compose-test";
/// Programs of the stack with their own image.
const PROGRAMS: [&str; 4] = ["s3", "coordinator", "worker", "teacher-labeler"];

/// The stack; it is removed with its data when dropped.
pub(super) struct Stack {
    file: PathBuf,
    environment: Vec<(&'static str, String)>,
    keep: bool,
}

/// How a container ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ended {
    code: i64,
}

/// Fails with docker's own message if there is no engine.
pub(super) fn engine() -> Result<()> {
    process::output(Command::new("docker").args(["info", "--format", "{{.ServerVersion}}"])).map(drop)?;
    compose().map(drop)
}

fn compose() -> Result<Command> {
    let mut second = Command::new("docker");
    if process::output(second.args(["compose", "version"])).is_ok() {
        let mut command = Command::new("docker");
        command.arg("compose");
        return Ok(command);
    }
    ensure!(
        process::is_there("docker-compose"),
        "expected `docker compose` or `docker-compose`, found neither"
    );
    Ok(Command::new("docker-compose"))
}

impl Stack {
    pub(super) fn new(
        environment: &Environment,
        experiments: &Path,
        images: &Images,
        keep: bool,
    ) -> Result<Self> {
        let stack = Self {
            file: environment.root.join("deploy/compose/compose.yaml"),
            environment: vec![
                ("STENTOR_EXPERIMENTS", experiments.display().to_string()),
                ("BASE_IMAGE", images.base.clone()),
                ("RUST_IMAGE", images.rust.clone()),
                ("PROMETHEUS_IMAGE", images.prometheus.clone()),
                // With this limit the labeler's work, one second of CPU time, takes half a minute, in which Prometheus
                // scrapes it several times.
                ("STENTOR_LABELER_CPUS", "0.04".to_owned()),
            ],
            keep,
        };
        // Remove leftovers of an interrupted test.
        stack.down()?;
        Ok(stack)
    }

    pub(super) fn build(&self) -> Result<()> {
        let mut command = self.compose(&["--profile", "label", "build"])?;
        process::run(command.args(PROGRAMS), Deadline::minutes(90))
    }

    /// Size of each program's image in megabytes, including its base.
    pub(super) fn image_megabytes(&self) -> Result<Value> {
        let mut sizes = Map::new();
        for program in PROGRAMS {
            let image = format!("stentor-{program}");
            let mut ask = Command::new("docker");
            let bytes = process::output(ask.args(["image", "inspect", "--format", "{{.Size}}", &image]))?;
            let bytes: f64 = bytes.trim().parse().with_context(|| format!("the size of image {image}"))?;
            sizes.insert(program.trim_start_matches("teacher-").to_owned(), json!((bytes / 1e6).round()));
        }
        Ok(Value::Object(sizes))
    }

    /// Copies `stentor` out of its image, to write data and inspect runs from this machine. So it need not be compiled
    /// again.
    pub(super) fn front_door(&self, folder: &Path) -> Result<PathBuf> {
        let container = process::output(Command::new("docker").args(["create", "stentor-coordinator"]))?;
        let (container, program) = (container.trim(), folder.join("stentor"));
        let from = format!("{container}:/usr/local/bin/stentor");
        let copied = process::output(Command::new("docker").args(["cp", &from]).arg(&program));
        process::output(Command::new("docker").args(["rm", container]))?;
        copied.map(|_| program)
    }

    /// Starts services and their dependencies; `workers` above 0 is the number of containers of `worker`.
    pub(super) fn up(&self, services: &[&str], workers: u32) -> Result<()> {
        let mut command = self.compose(&["--profile", "label", "up", "--detach"])?;
        if workers > 0 {
            command.args(["--scale", &format!("worker={workers}")]);
        }
        process::run(command.args(services), Deadline::minutes(5))
    }

    /// Waits until a service's container has ended for good.
    pub(super) fn wait_for_end(&self, service: &str, patience: Duration) -> Result<Ended> {
        let containers = self.containers(service)?;
        let container = containers.first().with_context(|| format!("no container of {service}"))?;
        let started = Instant::now();
        loop {
            let state = inspect(container, "{{.State.Status}} {{.State.ExitCode}}")?;
            if let Some(("exited" | "dead", code)) = state.split_once(' ') {
                return Ok(Ended { code: code.parse().context("docker's exit code")? });
            }
            ensure!(
                started.elapsed() < patience,
                "{service} did not end within {} minutes",
                patience.as_secs() / 60
            );
            std::thread::sleep(Duration::from_millis(500));
        }
    }

    /// Ids of a service's containers, including ended ones.
    pub(super) fn containers(&self, service: &str) -> Result<Vec<String>> {
        let label = |key: &str, value: &str| format!("label=com.docker.compose.{key}={value}");
        let mut list = Command::new("docker");
        list.args(["ps", "--all", "--quiet", "--filter", &label("project", PROJECT)]);
        let ids = process::output(list.args(["--filter", &label("service", service)]))?;
        Ok(ids.split_whitespace().map(ToOwned::to_owned).collect())
    }

    /// Kills a container's first process as the kernel would. After `docker kill`, Docker would assume that the owner
    /// wants it stopped, and not start it again.
    pub(super) fn kill(&self, container: &str) -> Result<()> {
        let id = inspect(container, "{{.State.Pid}}")?;
        process::run(Command::new("kill").args(["-KILL", id.trim()]), Deadline::minutes(1))
    }

    pub(super) fn disconnect(&self, container: &str) -> Result<()> {
        let mut command = Command::new("docker");
        process::run(command.args(["network", "disconnect", &network(), container]), Deadline::minutes(1))
    }

    /// Restores what [`Stack::disconnect`] cut; the service's name resolves to the container again.
    pub(super) fn connect(&self, container: &str, service: &str) -> Result<()> {
        let mut command = Command::new("docker");
        command.args(["network", "connect", "--alias", service, &network(), container]);
        process::run(&mut command, Deadline::minutes(1))
    }

    fn down(&self) -> Result<()> {
        let mut command = self.compose(&["--profile", "label", "down", "--volumes", "--remove-orphans"])?;
        process::run(&mut command, Deadline::minutes(5))
    }

    pub(super) fn compose(&self, words: &[&str]) -> Result<Command> {
        let mut command = compose()?;
        command.arg("--file").arg(&self.file).args(["--project-name", PROJECT]).args(words);
        command.envs(self.environment.iter().map(|(key, value)| (*key, value)));
        Ok(command)
    }
}

impl Drop for Stack {
    fn drop(&mut self) {
        if self.keep {
            eprintln!("the stack `{PROJECT}` was not removed");
        } else if let Err(error) = self.down() {
            eprintln!("the stack `{PROJECT}` could not be removed: {error:#}");
        }
    }
}

impl Ended {
    pub(super) fn with(code: i64) -> Self {
        Self { code }
    }

    pub(super) fn success(self, who: &str) -> Result<()> {
        ensure!(
            self.code == 0,
            "{who} ended with {}; see `docker logs` (`--keep` leaves the stack)",
            self.code
        );
        Ok(())
    }
}

fn network() -> String {
    format!("{PROJECT}_cluster")
}

fn inspect(container: &str, format: &str) -> Result<String> {
    let text = process::output(Command::new("docker").args(["inspect", "--format", format, container]))?;
    Ok(text.trim().to_owned())
}
