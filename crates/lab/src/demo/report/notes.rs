//! What a reader of the report must know, in words.

use super::Material;
use crate::demo::experiment_file::System;
use crate::demo::language::{Language, Words};
use crate::demo::seed_run::Trained;
use indicatif::HumanCount;
use std::collections::BTreeMap;
use stentor_evaluate::report::{Fact, decimal};
use stentor_evaluate::{PhoneReference, RecognitionFigures};

/// The sentences below the report's heading.
pub(super) fn subtitle(material: &Material<'_>) -> String {
    let seeds = match material.runs.len() {
        1 => "One seed: differences below a point may be due to chance, and no interval includes the spread of seeds."
            .to_owned(),
        n => format!("Means over {n} seeds."),
    };
    let ceiling = match material.recipe.has_ceiling {
        true => " The ceiling is the same student, trained on the annotations of all audio.",
        false => "",
    };
    format!(
        "A bidirectional teacher learned from the annotated part and labeled the rest; students for streaming learned \
         from both, each trained by {} workers.{ceiling} {seeds}",
        material.workers
    )
}

/// The notes at the end of the report.
pub(super) fn notes(material: &Material<'_>) -> Vec<String> {
    let labels = material.figures.labels;
    let mut notes = vec![
        "Frame and phone error rates are relative to the aligner's phones, not to hand labels: only differences matter."
            .to_owned(),
        "Frame errors are counted on phones: the posteriors of a phone's senones are added before the best is chosen."
            .to_owned(),
        format!(
            "Soft labels: top {} per frame, {:.0} bytes per frame, written at {:.0} frames per second.",
            material.recipe.top_k, labels.bytes_per_frame, labels.frames_per_s
        ),
    ];
    notes.extend(of_words(material));
    notes.extend(material.prepared.notes());
    if trained(material).any(|trained| trained.evaluation.phone_reference == Some(PhoneReference::Frames)) {
        notes.push(
            "Phones are compared with those of the test set's frames, not with all phones of the alignment: the set \
             was prepared by an earlier version, so phone error rates are too low."
                .to_owned(),
        );
    }
    notes.push(
        "Values sent: the share of the parameters that a worker sends in an exchange, averaged over all exchanges, \
         including the dense ones of GTC's warm-up. Training with other densities takes other times and bytes."
            .to_owned(),
    );
    notes
}

fn of_words(material: &Material<'_>) -> Vec<String> {
    let language = match material.words {
        Words::Recognised(language) => language,
        Words::LeftOut(reason) => return vec![reason.clone()],
    };
    let held_out = HumanCount(language.text.held_out);
    let text = match language.is_of_corpus {
        true => format!(
            "The language model knows the texts of all groups but those of dev and test, {held_out} utterances of which were \
             left out. So it knows what is said in the unannotated part, which acoustic models do not, the ceiling aside."
        ),
        false => "The language model's text was given (--lm-text). If it has sentences of the test set, word error rates are \
                  too low."
            .to_owned(),
    };
    let tuned = "Lexicon, language model and search are the same for all systems. The recogniser's three scales were chosen on \
                 dev for each system alone: of those that dev cannot tell from the best ones, the nearest to the defaults.";
    let mut notes = vec![text, tuned.to_owned()];
    notes.extend(scales(material));
    let lost = |count: fn(&RecognitionFigures) -> u64| {
        trained(material).filter_map(|trained| trained.recognition.as_ref()).map(count).max().unwrap_or(0)
    };
    let without_text = lost(|found| found.without_text);
    if without_text > 0 {
        notes.push(format!("{without_text} utterances of the test set have no text and no word errors."));
    }
    let no_path = lost(|found| found.no_path);
    if no_path > 0 {
        notes.push(format!(
            "In up to {no_path} utterances the search of a system found no possible path: all their words count as deleted."
        ));
    }
    notes
}

/// The scales of each system; none if no figures have them. Of several seeds the first.
fn scales(material: &Material<'_>) -> Option<String> {
    let run = material.runs.first()?;
    let of = |trained: &Trained| {
        let found = trained.recognition.as_ref()?.named_scales();
        let values: Vec<String> = found.map(|(_, value)| decimal(value, 2)).collect();
        (!values.is_empty()).then(|| format!("{} {}", trained.system.name(), values.join(", ")))
    };
    let scales: Vec<String> = run.systems.iter().filter_map(of).collect();
    let seed = if material.runs.len() > 1 { format!(", seed {}", run.seed) } else { String::new() };
    (!scales.is_empty())
        .then(|| format!("Acoustic scale, prior exponent and word penalty{seed}: {}.", scales.join("; ")))
}

/// What words were recognised with.
pub(super) fn recognised_with(language: &Language, material: &Material<'_>) -> Vec<Fact> {
    let Language { text, words, estimate, .. } = language;
    let count = |number: u64| HumanCount(number).to_string();
    let ngrams: Vec<String> = (1..)
        .zip(&estimate.ngrams)
        .map(|(order, ngrams)| format!("{} {order}-grams", HumanCount(*ngrams)))
        .collect();
    let source = if language.is_of_corpus { "all groups but those of dev and test" } else { "--lm-text" };
    let mut facts = vec![
        ("text", format!("{} words in {} sentences, of {source}", count(text.words), count(text.sentences))),
        ("lexicon", format!("{} words", count(words.words))),
    ];
    let some = |words: &BTreeMap<String, u64>| (!words.is_empty()).then(|| count(words.len() as u64));
    facts.extend(some(&words.guessed).map(|words| ("words whose pronunciation was guessed", words)));
    facts.extend(some(&words.left_out).map(|words| ("words of the text without a pronunciation", words)));
    facts.push(("language model", format!("order {}: {}", estimate.ngrams.len(), ngrams.join(", "))));
    if let Some(found) = trained(material).find_map(|trained| trained.recognition.as_ref()) {
        facts.extend(found.perplexity.map(|perplexity| {
            let all = perplexity.all.map(|all| format!(", {} of all words", decimal(all, 1)));
            let known = decimal(perplexity.known, 1);
            ("perplexity on test", format!("{known} of known words{}", all.unwrap_or_default()))
        }));
        let share = 100.0 * found.unknown_words as f64 / found.words.reference.max(1) as f64;
        let unknown = format!("{} ({} %)", count(found.unknown_words), decimal(share, 1));
        facts.push(("words of test that cannot be recognised", unknown));
    }
    facts.into_iter().map(|(name, value)| Fact { name: name.to_owned(), value }).collect()
}

fn trained<'a>(material: &Material<'a>) -> impl Iterator<Item = &'a Trained> {
    let (recipe, runs) = (material.recipe, material.runs);
    System::all(recipe).flat_map(move |system| runs.iter().filter_map(move |run| run.of(system)))
}
