use super::Args;
use super::progress::Line;
use crate::exit::Meaning;
use crate::siblings;
use anyhow::{Context, Result, anyhow, bail};
use std::process::Stdio;
use stentor_runtime::{Child, ExitStatus};
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::ChildStdout;

/// The coordinator's process and its output, one line of JSON at a time.
pub(super) struct Coordinator {
    pub(super) child: Child,
    pub(super) lines: Lines<BufReader<ChildStdout>>,
}

impl Coordinator {
    /// Starts it and waits until it listens. Returns its URL too.
    pub(super) async fn start(arguments: &Args) -> Result<(Self, String)> {
        let mut command = siblings::command("coordinator");
        command
            .arg(&arguments.experiment)
            .args(["--listen", "127.0.0.1:0", "--json-lines"])
            // On the loopback interface certificates are not needed.
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
        Ok((Self { child, lines }, url))
    }
}

/// Maps a child's exit status to ours.
pub(super) fn known(status: std::process::ExitStatus) -> ExitStatus {
    status.code().and_then(ExitStatus::from_code).unwrap_or(ExitStatus::Failure)
}
