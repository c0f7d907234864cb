use crate::text::{Text, counted};
use indicatif::HumanCount;
use stentor_output::{Listed, Verdict};

pub(super) fn text(verdict: &Verdict) -> String {
    let mut text = Text::default();
    let clean = if verdict.clean { "each batch counted exactly once" } else { "NOT CLEAN" };
    text.heading(format_args!("run {}: {}, {clean}", verdict.run, verdict.state));
    match &verdict.checkpoint {
        Some(name) => {
            let share = 100.0 * verdict.progress;
            let round = HumanCount(verdict.round);
            text.item(
                "judged",
                format_args!("up to checkpoint {name}, before round {round}, {share:.1} % of all frames"),
            );
        }
        None => {
            text.item("judged", "nothing: there is no checkpoint yet, so everything may still become void")
        }
    }
    for source in &verdict.sources {
        let committed = HumanCount(source.committed);
        let passes = if source.passes == 1 { "one pass".into() } else { format!("{} passes", source.passes) };
        text.item(
            source.source.name(),
            format_args!("{committed} of {} of {passes}", counted(source.of, "batch")),
        );
    }
    if verdict.not_judged > 0 {
        text.item("not judged yet", format_args!("{} committed since", counted(verdict.not_judged, "batch")));
    }
    if !verdict.void.is_empty() {
        text.heading("made void by a fall-back to a checkpoint");
        for void in &verdict.void {
            text.row([
                format!("lineage {}", void.lineage),
                format!("back to round {}", HumanCount(void.round)),
                counted(void.rounds, "round"),
                counted(void.batches, "batch"),
                void.reason.clone(),
            ]);
        }
    }
    if !verdict.quarantined.is_empty() {
        text.heading("quarantined: these batches counted without them");
        for bad in &verdict.quarantined {
            text.row([
                bad.source.name().to_owned(),
                bad.file.clone(),
                format!("row group {}", bad.row_group),
                counted(bad.frames, "frame"),
                bad.reason.clone(),
            ]);
        }
    }
    for (title, Listed { batches, leases }) in [
        ("missing: expected and not committed", &verdict.missing),
        ("twice: committed again after they were committed", &verdict.twice),
        ("unexpected: committed, but not according to the ledger", &verdict.unexpected),
    ] {
        if *batches > 0 {
            text.heading(format_args!("{title}: {}", counted(*batches, "batch")));
            leases.iter().for_each(|lease| text.row([lease.to_string()]));
        }
    }
    if !verdict.broken.is_empty() {
        text.heading("newer checkpoints that cannot be used");
        verdict.broken.iter().for_each(|words| text.row([words.clone()]));
    }
    if !verdict.contradictions.is_empty() {
        text.heading("contradictions");
        verdict.contradictions.iter().for_each(|words| text.row([words.clone()]));
    }
    text.finish()
}
