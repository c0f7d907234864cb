use super::target::Target;
use anyhow::Result;
use clap::Parser;
use std::time::Duration;
use stentor_output::{self as output, Member, Pause};
use stentor_proto::v1::coordinator_client::CoordinatorClient;
use stentor_proto::{Announced, v1};
use stentor_runtime::print::printable;

/// Show the members of a running cluster, the open round, and the members that it is waiting for.
#[derive(Debug, Parser)]
pub(crate) struct Status {
    #[command(flatten)]
    target: Target,
    /// Print JSON instead of a table.
    #[arg(long)]
    json: bool,
}

impl Status {
    pub(crate) fn run(&self) -> Result<()> {
        let status = of(&self.target)?;
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
        if let Some(Pause { by, seconds, held }) = &status.paused {
            let by = printable(by);
            match held {
                true => stentor_runtime::outln!("paused by {by} for {seconds:.0} s, until `stentor resume`"),
                false => stentor_runtime::outln!(
                    "pauses after its next checkpoint, as {by} asked {seconds:.0} s ago"
                ),
            }
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

/// What a coordinator says of its run.
fn of(target: &Target) -> Result<output::Status> {
    let question = v1::StatusRequest {};
    Ok(status(target.ask(question, async |mut client, request| client.status(request).await)?))
}

/// What a coordinator says of its run; `None` if it says nothing until `patience` is over.
pub(super) fn of_within(target: &Target, patience: Duration) -> Result<Option<output::Status>> {
    let question = v1::StatusRequest {};
    let ask = async |mut client: CoordinatorClient<Announced>, request| client.status(request).await;
    Ok(target.ask_within(patience, question, ask)?.map(status))
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
        paused: reply.paused.map(|v1::Paused { by, seconds, held }| Pause { by, seconds, held }),
        waiting: reply.waiting,
        members: reply.members.into_iter().map(member).collect(),
    }
}
