//! Utterances of the test set to read and hear, chosen by a rule that does not know what was recognised.

use crate::demo::experiment_file::System;
use crate::demo::seed_run::{SeedRun, Trained};
use std::ops::RangeInclusive;
use stentor_evaluate::RecognisedUtterance;
use stentor_evaluate::report::{Clip, Example};
use stentor_evaluate::words::normalise;

/// Number of utterances, and of the words in each: long enough to have a context, short enough to be compared at a glance.
const UTTERANCES: usize = 12;
const WORDS: RangeInclusive<usize> = 4..=12;

/// Utterances, and how they were chosen, as a sentence.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Examples {
    pub(super) choice: String,
    pub(super) examples: Vec<Example>,
}

/// The examples of a run, with the sound that `clip` has of an utterance.
pub(super) fn examples(run: &SeedRun, mut clip: impl FnMut(&str) -> Option<Clip>) -> Examples {
    let systems: Vec<(System, &[RecognisedUtterance])> = run.systems.iter().filter_map(recognised).collect();
    let Some((_, all)) = systems.first() else { return Examples::default() };
    let (chosen, of) = choose(all);
    let example = |utterance: &RecognisedUtterance| {
        let found = |(system, utterances): &(System, &[RecognisedUtterance])| {
            let same = utterances.iter().find(|other| other.id == utterance.id)?;
            Some((system.name().to_owned(), same.hypothesis.clone()))
        };
        Example {
            utterance: utterance.id.clone(),
            reference: utterance.reference.clone(),
            hypotheses: systems.iter().filter_map(found).collect(),
            clip: clip(&utterance.id),
        }
    };
    let examples: Vec<Example> = chosen.into_iter().map(example).collect();
    let choice = format!(
        "{} of the {of} test utterances with {} to {} words, evenly spaced in the order of their names; results played no part.",
        examples.len(),
        WORDS.start(),
        WORDS.end()
    );
    Examples { choice, examples }
}

fn recognised(trained: &Trained) -> Option<(System, &[RecognisedUtterance])> {
    Some((trained.system, trained.recognition.as_ref()?.utterances.as_slice()))
}

/// Utterances evenly spaced in the order of ids, and the number of those that were chosen from.
fn choose(all: &[RecognisedUtterance]) -> (Vec<&RecognisedUtterance>, usize) {
    let mut fit: Vec<&RecognisedUtterance> =
        all.iter().filter(|utterance| WORDS.contains(&normalise(&utterance.reference).words.len())).collect();
    fit.sort_by(|a, b| a.id.cmp(&b.id));
    let (of, count) = (fit.len(), fit.len().min(UTTERANCES));
    // The middle of each of `count` equal parts.
    ((0..count).map(|place| fit[(2 * place + 1) * of / (2 * count)]).collect(), of)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::seed_run::tests::run;
    use stentor_evaluate::RecognitionFigures;
    use stentor_evaluate::report::ClipFormat;

    fn utterance(number: usize, words: usize, hypothesis: &str) -> RecognisedUtterance {
        RecognisedUtterance {
            id: format!("u{number:03}"),
            group: "g".to_owned(),
            reference: vec!["Word"; words].join(", ") + ".",
            hypothesis: hypothesis.to_owned(),
        }
    }

    #[test]
    fn a_dozen_are_evenly_spaced_in_the_order_of_ids_among_those_of_fitting_length() {
        // Every second one is too short or too long; the set has them in another order.
        let length = |number: usize| [3, 4, 13, 12][number % 4];
        let mut all: Vec<_> = (0..240).map(|number| utterance(number, length(number), "")).collect();
        all.reverse();
        let (chosen, of) = choose(&all);
        let ids: Vec<&str> = chosen.iter().map(|utterance| utterance.id.as_str()).collect();
        assert_eq!(of, 120);
        assert_eq!(
            ids,
            ["u011", "u031", "u051", "u071", "u091", "u111", "u131", "u151", "u171", "u191", "u211", "u231"]
        );
        let few: Vec<_> = (0..3).map(|number| utterance(number, 5, "")).collect();
        assert_eq!(choose(&few).0.len(), 3);
        assert_eq!(choose(&[utterance(1, 2, "")]), (Vec::new(), 0));
    }

    #[test]
    fn the_choice_does_not_depend_on_what_was_recognised_and_every_system_has_its_words() {
        let run_with = |hypothesis: &str| {
            let mut run = run(1, 50.0);
            for trained in &mut run.systems {
                let said = format!("{hypothesis} {}", trained.system.name());
                let utterances = (0..40).map(|number| utterance(number, 6, &said)).collect();
                trained.recognition =
                    Some(RecognitionFigures { utterances, ..RecognitionFigures::default() });
            }
            run
        };
        let clip = |id: &str| Some(Clip { format: ClipFormat::Wav, base64: id.to_owned() });
        let [good, bad] = ["good", "bad"].map(|hypothesis| examples(&run_with(hypothesis), clip));
        let ids = |found: &Examples| found.examples.iter().map(|e| e.utterance.clone()).collect::<Vec<_>>();
        assert_eq!((ids(&good), &good.choice), (ids(&bad), &bad.choice));
        assert!(
            good.choice.starts_with("12 of the 40 test utterances with 4 to 12 words"),
            "{}",
            good.choice
        );
        let first = &good.examples[0];
        assert_eq!(first.hypotheses[0], ("teacher".to_owned(), "good teacher".to_owned()));
        assert_eq!(first.hypotheses.len(), 5);
        assert_eq!(first.clip.as_ref().unwrap().base64, first.utterance);
        let mut without = run_with("good");
        without.systems.iter_mut().for_each(|trained| trained.recognition = None);
        assert_eq!(examples(&without, clip), Examples::default());
        assert_eq!(without.of(System::Gtc).unwrap().recognition, None);
    }
}
