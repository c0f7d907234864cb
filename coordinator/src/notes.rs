//! What the page is told: the state machine's types as the page's own.

use crate::state_machine::{Arrival, MemberView, Millis, Owes, Stage, View};
use stentor_page as page;

pub(crate) fn arrived(arrival: &Arrival, at_ms: Millis) -> page::Note {
    page::Note::Arrived(page::Arrived {
        identity: arrival.identity.clone(),
        lineage: arrival.fence.lineage,
        round: arrival.fence.round,
        payload_bytes: arrival.payload_bytes,
        residual_norm: arrival.residual_norm,
        at_ms,
    })
}

pub(crate) fn view(view: View) -> page::View {
    page::View {
        fence: view.fence,
        stage: match view.stage {
            Stage::Gathering { for_ms } => page::Stage::Gathering { for_ms },
            Stage::Round { waited_ms } => page::Stage::Round { waited_ms },
            Stage::Finishing { for_ms } => page::Stage::Finishing { for_ms },
            Stage::Over => page::Stage::Over,
        },
        members: view.members.into_iter().map(member).collect(),
        applicants: view.applicants,
        committed_frames: view.committed_frames,
        total_frames: view.total_frames,
        strategy: view.strategy,
        switching_to: view.switching_to,
        newest_checkpoint: view.newest_checkpoint,
    }
}

fn member(member: MemberView) -> page::MemberView {
    let MemberView { slot, identity, doing, silent_ms, owes, left_ms, leaving } = member;
    let owes = match owes {
        Owes::Contribution => page::Owes::Contribution,
        Owes::Payload => page::Owes::Payload,
        Owes::Report => page::Owes::Report,
        Owes::Nothing => page::Owes::Nothing,
    };
    page::MemberView { slot, identity, doing, silent_ms, owes, left_ms, leaving }
}
