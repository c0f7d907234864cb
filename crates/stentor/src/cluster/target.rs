//! Calls to a running coordinator.

use super::refused::Refused;
use crate::exit::{Meaning, temporary};
use anyhow::{Context, Result, anyhow};
use clap::Args;
use std::error::Error;
use std::path::PathBuf;
use std::time::Duration;
use stentor_proto::Announced;
use stentor_proto::v1::coordinator_client::CoordinatorClient;
use stentor_runtime::print::printable;
use stentor_runtime::tls::{self, Tls};
use stentor_runtime::{ExitStatus, Token};
use tonic::Request;
use tonic::metadata::MetadataValue;

/// The coordinator, and the credentials for it.
#[derive(Debug, Args)]
pub(super) struct Target {
    /// The coordinator, `http://HOST:PORT`, or `https://HOST:PORT` with --tls.
    #[arg(long, env = "STENTOR_COORDINATOR", value_name = "URL")]
    coordinator: String,
    /// Folder with ca.crt, tls.crt and tls.key of an admin; with a token ca.crt is enough.
    #[arg(long, env = "STENTOR_TLS", value_name = "DIR")]
    tls: Option<PathBuf>,
    /// File with the coordinator's token: the one to look, or the admin token, which commands need. Alternatively, STENTOR_TOKEN
    /// contains the token.
    #[arg(long, env = "STENTOR_TOKEN_FILE", value_name = "FILE")]
    token_file: Option<PathBuf>,
}

/// Timeout for the coordinator's answer.
const PATIENCE: Duration = Duration::from_secs(10);

impl Target {
    /// Asks the coordinator, which answers at once.
    pub(super) fn ask<Q, A>(
        &self,
        question: Q,
        call: impl AsyncFnOnce(
            CoordinatorClient<Announced>,
            Request<Q>,
        ) -> Result<tonic::Response<A>, tonic::Status>,
    ) -> Result<A> {
        self.ask_within(PATIENCE, question, call)?.ok_or_else(|| self.silent(PATIENCE))
    }

    /// The error if nothing has answered for so long.
    pub(super) fn silent(&self, patience: Duration) -> anyhow::Error {
        let (url, seconds) = (&self.coordinator, patience.as_secs());
        temporary(anyhow!("no coordinator answers at {url} within {seconds} s"))
    }

    /// Asks the coordinator; `None` if no answer has come when `patience` is over.
    pub(super) fn ask_within<Q, A>(
        &self,
        patience: Duration,
        question: Q,
        call: impl AsyncFnOnce(
            CoordinatorClient<Announced>,
            Request<Q>,
        ) -> Result<tonic::Response<A>, tonic::Status>,
    ) -> Result<Option<A>> {
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
                return Err(anyhow!(
                    "{url}: a token requires --tls; without it, the token could be read on the network"
                ))
                .meaning(ExitStatus::Config);
            }
            let mut value: MetadataValue<_> =
                token.bearer().parse().context("the token is not a valid HTTP header value")?;
            value.set_sensitive(true);
            request.metadata_mut().insert("authorization", value);
        }
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(async {
            let channel = stentor_proto::announced(tls::channel(url, tls.as_ref())?);
            let client = CoordinatorClient::new(channel);
            let status = match tokio::time::timeout(patience, call(client, request)).await {
                Err(_) => return Ok(None),
                Ok(Ok(reply)) => match stentor_proto::agree_with_answer(reply.metadata()) {
                    Ok(_) => return Ok(Some(reply.into_inner())),
                    Err(status) => status,
                },
                Ok(Err(status)) => status,
            };
            let (words, denied) = tls::explain(&status);
            let words = printable(&words);
            match status.code() {
                _ if denied => Err(anyhow!("access denied: {words}")).meaning(ExitStatus::Auth),
                tonic::Code::Unavailable => {
                    Err(temporary(anyhow!("no coordinator answers at {url}: {words}")))
                }
                _ if is_other_program(&status) => Err(anyhow!(
                    "{url}: expected a Stentor coordinator, at the address of its --listen, found another program: {words}"
                ))
                .meaning(ExitStatus::Config),
                code => match Refused::of(code, url, &words) {
                    Some(refused) => Err(refused.into()),
                    None => Err(anyhow!("{url}: {words}")),
                },
            }
        })
    }
}

/// Whether a call failed because what answered does not speak the protocol: the status was made here, and not because a connection
/// broke.
fn is_other_program(status: &tonic::Status) -> bool {
    let causes = || std::iter::successors(status.source(), |error| (**error).source());
    causes().next().is_some() && !causes().any(|cause| cause.is::<std::io::Error>())
}

/// Whether a URL names this machine.
fn is_local(url: &str) -> bool {
    let authority = url.split_once("://").map_or(url, |(_, rest)| rest).split('/').next().unwrap_or_default();
    let host = authority.rsplit_once(':').map_or(authority, |(host, _)| host);
    let host = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}
