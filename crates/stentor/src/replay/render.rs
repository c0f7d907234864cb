use super::{Answer, Batch, Member};
use crate::text::{Text, counted};
use indicatif::HumanCount;

/// Number of utterances shown for each batch; the JSON form has all.
const SHOWN: usize = 4;

pub(super) fn text(answer: &Answer) -> String {
    let mut text = Text::default();
    text.heading(format_args!(
        "round {} of {}, lineage {}",
        HumanCount(answer.round),
        answer.run,
        answer.lineage
    ));
    let from = answer.checkpoint.as_deref().unwrap_or("the run's beginning");
    text.item("parameters", format_args!("of {from}"));
    let standing = match (answer.rounds_since, answer.reproduced) {
        (0, Some(true)) => "exact, and equal to the log".to_owned(),
        (0, Some(false)) => {
            "DIFFERENT from the log: another number of threads, device or build, or the data have changed"
                .to_owned()
        }
        (0, None) => "exact".to_owned(),
        (rounds, _) => {
            let rounds = counted(rounds, "round");
            format!("those of that model: {rounds} closed since, so the member's own figures were different")
        }
    };
    text.item("figures", standing);
    let logged = answer.logged;
    let (frames, loss, norm) = (HumanCount(logged.frames), logged.loss, logged.gradient_norm);
    text.item("in the log", format_args!("{frames} frames, loss {loss:.6}, gradient norm {norm:.6}"));
    for Member { slot, identity, replayed } in &answer.members {
        text.heading(format_args!("slot {slot}, {identity}: parameters {}", replayed.parameters_digest));
        replayed.batches.iter().for_each(|batch| text.row(row(batch)));
        replayed.set_aside.iter().for_each(|reason| text.row(["quarantined".to_owned(), reason.clone()]));
    }
    text.finish()
}

fn row(batch: &Batch) -> [String; 6] {
    let figure = |value: &serde_json::Value| {
        value
            .as_f64()
            .map_or_else(|| value.as_str().unwrap_or("?").to_owned(), |number| format!("{number:.6}"))
    };
    let mut utterances = batch.utterances.iter().take(SHOWN).cloned().collect::<Vec<_>>().join(" ");
    if batch.utterances.len() > SHOWN {
        utterances += " …";
    }
    [
        batch.lease.to_string(),
        counted(batch.frames, "frame"),
        format!("loss {}", figure(&batch.loss)),
        format!("gradient norm {}", figure(&batch.gradient_norm)),
        format!("digest {}", batch.gradient_digest),
        utterances,
    ]
}
