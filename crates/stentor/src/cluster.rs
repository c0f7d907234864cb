//! `stentor status` and `stentor switch`: a look at a running coordinator, and a word to it.

use anyhow::{Context, Result, anyhow, bail};
use clap::Parser;
use stentor_proto::v1;
use stentor_proto::v1::coordinator_client::CoordinatorClient;
use tonic::transport::{Channel, Endpoint};

/// Show who is a member of a running cluster, which round is open, and who is waited for.
#[derive(Debug, Parser)]
pub(crate) struct Status {
    /// The coordinator, `http://HOST:PORT`.
    #[arg(long, env = "STENTOR_COORDINATOR", value_name = "URL")]
    coordinator: String,
    /// Print JSON instead of a table.
    #[arg(long)]
    json: bool,
}

/// Change the exchange strategy of a running cluster at the next boundary.
#[derive(Debug, Parser)]
pub(crate) struct Switch {
    /// The coordinator, `http://HOST:PORT`.
    #[arg(long, env = "STENTOR_COORDINATOR", value_name = "URL")]
    coordinator: String,
    /// `dense`, `gtc`, `bmuf` or `two-tier`; its table in the experiment file says how.
    #[arg(long, value_name = "STRATEGY")]
    strategy: String,
}

/// How long a coordinator may take to answer.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(10);

impl Status {
    pub(crate) fn run(&self) -> Result<()> {
        let reply = ask(&self.coordinator, async |mut client| client.status(v1::StatusRequest {}).await)?;
        let share = 100.0 * reply.committed_frames as f64 / reply.total_frames.max(1) as f64;
        if self.json {
            let members: Vec<_> = reply
                .members
                .iter()
                .map(|m| {
                    serde_json::json!({ "slot": m.slot, "identity": m.identity, "doing": m.doing,
                        "seconds_since_heard": m.seconds_since_heard })
                })
                .collect();
            let json = serde_json::json!({
                "run_id": reply.run_id, "strategy": reply.strategy, "switching_to": reply.switching_to,
                "lineage": reply.lineage, "membership_epoch": reply.membership_epoch, "round": reply.round,
                "committed_frames": reply.committed_frames, "total_frames": reply.total_frames,
                "newest_checkpoint": reply.newest_checkpoint, "waiting": reply.waiting, "members": members,
            });
            println!("{json:#}");
            return Ok(());
        }
        let switching = match reply.switching_to.as_str() {
            "" => String::new(),
            to => format!(", switching to {to}"),
        };
        println!(
            "run {}: {}{switching}, round {}, {share:.1} % of all frames",
            reply.run_id, reply.strategy, reply.round
        );
        match reply.newest_checkpoint.as_str() {
            "" => println!("no checkpoint yet"),
            name => println!("newest checkpoint {name}"),
        }
        if !reply.waiting.is_empty() {
            println!("waiting: {}", reply.waiting);
        }
        for member in reply.members {
            let v1::MemberStatus { slot, identity, doing, seconds_since_heard, .. } = member;
            println!("{slot:>4}  {identity:<20}  {doing}  (heard {seconds_since_heard:.1} s ago)");
        }
        Ok(())
    }
}

impl Switch {
    pub(crate) fn run(&self) -> Result<()> {
        let words = ["dense", "gtc", "bmuf", "two-tier"];
        let strategies = [v1::Strategy::Dense, v1::Strategy::Gtc, v1::Strategy::Bmuf, v1::Strategy::TwoTier];
        let Some(place) = words.iter().position(|word| *word == self.strategy) else {
            bail!("expected one of {}, found `{}`", words.join(", "), self.strategy);
        };
        let request = v1::SwitchRequest { strategy: strategies[place].into() };
        let reply = ask(&self.coordinator, async |mut client| client.switch(request).await)?;
        let from = strategies.iter().position(|s| *s == reply.from()).map_or("another", |place| words[place]);
        if from == self.strategy {
            println!("{from} is in force already");
        } else {
            println!("from {from} to {} at the next boundary; `stentor status` shows when", self.strategy);
        }
        Ok(())
    }
}

fn ask<T>(
    url: &str,
    question: impl AsyncFnOnce(CoordinatorClient<Channel>) -> Result<tonic::Response<T>, tonic::Status>,
) -> Result<T> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let endpoint = Endpoint::from_shared(url.to_owned())
            .with_context(|| format!("expected a URL such as http://host:7400, found `{url}`"))?
            .connect_timeout(PATIENCE)
            .timeout(PATIENCE);
        let channel = endpoint.connect().await.with_context(|| format!("no coordinator answers at {url}"))?;
        let answer = question(CoordinatorClient::new(channel)).await;
        answer.map(tonic::Response::into_inner).map_err(|status| anyhow!("{url}: {}", status.message()))
    })
}
