//! `stentor status` and `stentor switch`: inspect and control a running coordinator.

use crate::exit::Meaning;
use anyhow::{Context, Result, anyhow, bail};
use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, Parser};
use std::path::PathBuf;
use stentor_experiment::Strategy;
use stentor_output::{self as output, Member};
use stentor_proto::v1;
use stentor_proto::v1::coordinator_client::CoordinatorClient;
use stentor_runtime::print::printable;
use stentor_runtime::tls::{self, Tls};
use stentor_runtime::{ExitStatus, Token};
use tonic::Request;
use tonic::metadata::MetadataValue;
use tonic::transport::Channel;

/// The coordinator, and the credentials for it.
#[derive(Debug, Args)]
struct Target {
    /// The coordinator, `http://HOST:PORT`, or `https://HOST:PORT` with --tls.
    #[arg(long, env = "STENTOR_COORDINATOR", value_name = "URL")]
    coordinator: String,
    /// Folder with ca.crt, tls.crt and tls.key of an admin; with a token ca.crt is enough.
    #[arg(long, env = "STENTOR_TLS", value_name = "DIR")]
    tls: Option<PathBuf>,
    /// File with the coordinator's token: the one to look, or the admin token, which `switch` needs. Alternatively, STENTOR_TOKEN
    /// contains the token.
    #[arg(long, env = "STENTOR_TOKEN_FILE", value_name = "FILE")]
    token_file: Option<PathBuf>,
}

/// Show the members of a running cluster, the open round, and the members that it is waiting for.
#[derive(Debug, Parser)]
pub(crate) struct Status {
    #[command(flatten)]
    target: Target,
    /// Print JSON instead of a table.
    #[arg(long)]
    json: bool,
}

/// Change the exchange strategy of a running cluster at the next boundary.
#[derive(Debug, Parser)]
pub(crate) struct Switch {
    #[command(flatten)]
    target: Target,
    /// The new strategy; its table in the experiment file contains its settings.
    #[arg(long, value_name = "STRATEGY", value_parser = strategies())]
    strategy: Strategy,
}

/// Timeout for the coordinator's answer.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(10);

fn strategies() -> impl TypedValueParser<Value = Strategy> {
    let named = |name: String| Strategy::ALL.into_iter().find(|s| s.name() == name).ok_or("no such strategy");
    PossibleValuesParser::new(Strategy::ALL.map(Strategy::name)).try_map(named)
}

impl Status {
    pub(crate) fn run(&self) -> Result<()> {
        let reply = self
            .target
            .ask(v1::StatusRequest {}, async |mut client, request| client.status(request).await)?;
        let status = status(reply);
        if self.json {
            stentor_runtime::outln!("{}", serde_json::to_string_pretty(&status)?);
            return Ok(());
        }
        let share = 100.0 * status.committed_frames as f64 / status.total_frames.max(1) as f64;
        let switching = match status.switching_to.as_str() {
            "" => String::new(),
            to => format!(", switching to {to}"),
        };
        stentor_runtime::outln!(
            "run {}: {}{switching}, round {}, {share:.1} % of all frames",
            status.run_id,
            status.strategy,
            status.round
        );
        match status.newest_checkpoint.as_str() {
            "" => stentor_runtime::outln!("no checkpoint yet"),
            name => stentor_runtime::outln!("newest checkpoint {name}"),
        }
        if !status.waiting.is_empty() {
            stentor_runtime::outln!("waiting: {}", printable(&status.waiting));
        }
        for Member { slot, identity, doing, seconds_since_heard } in status.members {
            let (identity, doing) = (printable(&identity), printable(&doing));
            stentor_runtime::outln!(
                "{slot:>4}  {identity:<20}  {doing}  (last heartbeat {seconds_since_heard:.1} s ago)"
            );
        }
        Ok(())
    }
}

fn status(reply: v1::StatusReply) -> output::Status {
    let member = |member: v1::MemberStatus| Member {
        slot: member.slot,
        identity: member.identity,
        doing: member.doing,
        seconds_since_heard: member.seconds_since_heard,
    };
    output::Status {
        run_id: reply.run_id,
        strategy: reply.strategy,
        switching_to: reply.switching_to,
        lineage: reply.lineage,
        membership_epoch: reply.membership_epoch,
        round: reply.round,
        committed_frames: reply.committed_frames,
        total_frames: reply.total_frames,
        newest_checkpoint: reply.newest_checkpoint,
        waiting: reply.waiting,
        members: reply.members.into_iter().map(member).collect(),
    }
}

impl Switch {
    pub(crate) fn run(&self) -> Result<()> {
        let request = v1::SwitchRequest { strategy: v1::Strategy::from(self.strategy).into() };
        let reply = self.target.ask(request, async |mut client, request| client.switch(request).await)?;
        let from = stentor_proto::strategy(reply.from).map_or("another", Strategy::name);
        let to = self.strategy.name();
        if from == to {
            stentor_runtime::outln!("{from} is already in force");
        } else {
            stentor_runtime::outln!(
                "switching from {from} to {to} at the next boundary; see `stentor status`"
            );
        }
        Ok(())
    }
}

impl Target {
    fn ask<Q, A>(
        &self,
        question: Q,
        call: impl AsyncFnOnce(
            CoordinatorClient<Channel>,
            Request<Q>,
        ) -> Result<tonic::Response<A>, tonic::Status>,
    ) -> Result<A> {
        let url = &self.coordinator;
        let token = Token::from_environment(self.token_file.as_deref())?;
        let open = if token.is_some() { Tls::for_token_bearer } else { Tls::for_person };
        let tls = self.tls.as_deref().map(open).transpose();
        let tls = tls.with_context(|| match token {
            Some(_) => "the folder of --tls; with a token, only ca.crt is needed",
            None => "the folder of --tls; with ca.crt alone, --token-file is needed as well",
        });
        let tls = tls.meaning(ExitStatus::Config)?;
        let mut request = Request::new(question);
        if let Some(token) = &token {
            if tls.is_none() && !is_local(url) {
                bail!("{url}: a token requires --tls; without it, the token could be read on the network");
            }
            let mut value: MetadataValue<_> =
                token.bearer().parse().context("the token is not a valid HTTP header value")?;
            value.set_sensitive(true);
            request.metadata_mut().insert("authorization", value);
        }
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(async {
            let client = CoordinatorClient::new(tls::channel(url, tls.as_ref())?);
            let silent = || anyhow!("no coordinator answers at {url} within {} s", PATIENCE.as_secs());
            let answer = tokio::time::timeout(PATIENCE, call(client, request)).await;
            let answer = answer.map_err(|_| silent()).meaning(ExitStatus::Retryable)?;
            let status = match answer {
                Ok(reply) => return Ok(reply.into_inner()),
                Err(status) => status,
            };
            let (words, denied) = tls::explain(&status);
            let words = printable(&words);
            match status.code() {
                _ if denied => Err(anyhow!("access denied: {words}")).meaning(ExitStatus::Auth),
                tonic::Code::Unavailable => {
                    Err(anyhow!("no coordinator answers at {url}: {words}")).meaning(ExitStatus::Retryable)
                }
                _ => Err(anyhow!("{url}: {words}")),
            }
        })
    }
}

/// Whether a URL names this machine.
fn is_local(url: &str) -> bool {
    let authority = url.split_once("://").map_or(url, |(_, rest)| rest).split('/').next().unwrap_or_default();
    let host = authority.rsplit_once(':').map_or(authority, |(host, _)| host);
    let host = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}
