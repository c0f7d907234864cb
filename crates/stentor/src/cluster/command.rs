use super::status;
use super::target::Target;
use crate::exit::temporary;
use crate::number::whole;
use anyhow::{Result, anyhow};
use clap::Parser;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use std::time::Duration;
use stentor_experiment::Strategy;
use stentor_proto::v1::command_request::Command;
use stentor_proto::v1::coordinator_client::CoordinatorClient;
use stentor_proto::{Announced, v1};
use stentor_runtime::print::printable;

/// Change the exchange strategy of a running cluster at the next boundary.
#[derive(Debug, Parser)]
pub(crate) struct Switch {
    #[command(flatten)]
    target: Target,
    /// The new strategy; its table in the experiment file contains its settings.
    #[arg(long, value_name = "STRATEGY", value_parser = strategies())]
    strategy: Strategy,
}

/// Have a checkpoint written at the next boundary, and print its name when it is published.
#[derive(Debug, Parser)]
pub(crate) struct Checkpoint {
    #[command(flatten)]
    target: Target,
    /// How long to wait until it is published, 1 to 86400 seconds. The request stands when the time is over.
    #[arg(long, value_name = "SECONDS", default_value_t = 600, value_parser = whole::<u64>(1..=86_400))]
    deadline: u64,
}

/// Have a checkpoint written, and then let no round close until `stentor resume`.
///
/// Members stay, and no deadline ends anything meanwhile. A coordinator that is started again stays paused.
#[derive(Debug, Parser)]
pub(crate) struct Pause {
    #[command(flatten)]
    target: Target,
}

/// End a pause.
#[derive(Debug, Parser)]
pub(crate) struct Resume {
    #[command(flatten)]
    target: Target,
}

/// Remove a member now, as if it had died.
///
/// Its batches go to the others, and its residual is lost. Its identity is refused until the coordinator is started again. With
/// fixed membership the run returns to its newest checkpoint and waits for the same identity.
#[derive(Debug, Parser)]
pub(crate) struct Drop {
    #[command(flatten)]
    target: Target,
    /// The member's identity, as `stentor status` shows it.
    #[arg(value_name = "MEMBER")]
    member: String,
}

/// Let a member finish its round, hand over its residual, and leave.
///
/// The worker ends with exit code 0, so its supervisor does not start it again. Its identity may join again.
#[derive(Debug, Parser)]
pub(crate) struct Drain {
    #[command(flatten)]
    target: Target,
    /// The member's identity, as `stentor status` shows it.
    #[arg(value_name = "MEMBER")]
    member: String,
}

fn strategies() -> impl TypedValueParser<Value = Strategy> {
    let named = |name: String| Strategy::ALL.into_iter().find(|s| s.name() == name).ok_or("no such strategy");
    PossibleValuesParser::new(Strategy::ALL.map(Strategy::name)).try_map(named)
}

/// Gives the coordinator a command; prints what did not succeed besides.
fn give(target: &Target, command: Command) -> Result<v1::CommandReply> {
    let request = v1::CommandRequest { command: Some(command) };
    let reply = target.ask(request, async |mut client, request| client.command(request).await)?;
    if !reply.warning.is_empty() {
        stentor_runtime::errln!("stentor: {}", printable(&reply.warning));
    }
    Ok(reply)
}

impl Switch {
    pub(crate) fn run(&self) -> Result<()> {
        let switch = v1::Switch { strategy: v1::Strategy::from(self.strategy).into() };
        let reply = give(&self.target, Command::Switch(switch))?;
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

impl Checkpoint {
    pub(crate) fn run(&self) -> Result<()> {
        let command = Some(Command::Checkpoint(v1::SaveCheckpoint {}));
        let (request, deadline) = (v1::CommandRequest { command }, Duration::from_secs(self.deadline));
        // The end of the time is left for the question what the run waits for.
        let last = (deadline / 4).min(Duration::from_secs(2));
        let call = async |mut client: CoordinatorClient<Announced>, request| client.command(request).await;
        match self.target.ask_within(deadline - last, request, call)? {
            Some(reply) => stentor_runtime::outln!("{}", printable(&reply.checkpoint)),
            None => return Err(self.too_late(deadline, last)),
        }
        Ok(())
    }

    /// Why no checkpoint has come in time: asks the coordinator, for as long as `last`.
    fn too_late(&self, deadline: Duration, last: Duration) -> anyhow::Error {
        let why = match status::of_within(&self.target, last) {
            Ok(Some(status)) if status.waiting.is_empty() => {
                format!("round {} is not closed yet", status.round)
            }
            Ok(Some(status)) => printable(&status.waiting).into_owned(),
            Ok(None) => return self.target.silent(deadline),
            Err(error) => return error,
        };
        let seconds = self.deadline;
        temporary(anyhow!(
            "no checkpoint was published within {seconds} s: {why}; the request stands, see `stentor status`"
        ))
    }
}

impl Pause {
    pub(crate) fn run(&self) -> Result<()> {
        give(&self.target, Command::Pause(v1::Pause {}))?;
        stentor_runtime::outln!(
            "the run pauses after a checkpoint; see `stentor status`; end it with `stentor resume`"
        );
        Ok(())
    }
}

impl Resume {
    pub(crate) fn run(&self) -> Result<()> {
        give(&self.target, Command::Resume(v1::Resume {}))?;
        stentor_runtime::outln!("the run goes on");
        Ok(())
    }
}

impl Drop {
    pub(crate) fn run(&self) -> Result<()> {
        let identity = self.member.clone();
        give(&self.target, Command::Drop(v1::DropMember { identity }))?;
        stentor_runtime::outln!("{} is dropped", printable(&self.member));
        Ok(())
    }
}

impl Drain {
    pub(crate) fn run(&self) -> Result<()> {
        let identity = self.member.clone();
        give(&self.target, Command::Drain(v1::DrainMember { identity }))?;
        stentor_runtime::outln!(
            "{} leaves when its round is closed and its residual is handed over; see `stentor status`",
            printable(&self.member)
        );
        Ok(())
    }
}
