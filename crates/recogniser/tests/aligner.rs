//! Alignments of known words, in a made-up language.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod world;

use proptest::prelude::*;
use stentor_inventory::{Lexicon, WordId};
use stentor_recogniser::{
    AlignSettings, Aligned, Error, Phones, SaidPhone, Statistics, Unaligned, WordAligner,
};
use stentor_senones::{Context, Topology, Tree};
use world::{LEXICON, Said, lexicon, posteriors, said, senones, spans, tree, tree_of};

const SETTINGS: AlignSettings = AlignSettings {
    acoustic_scale: 3.0,
    // The priors of made-up speech say nothing.
    prior_exponent: 0.0,
    pause_probability: 0.5,
    beam: 60.0,
    retry_beam: 600.0,
};

struct World {
    tree: Tree,
    lexicon: Lexicon,
    aligner: WordAligner,
}

impl World {
    fn new(tree: Tree, words: &str, settings: AlignSettings) -> Self {
        let inventory = tree.inventory().unwrap();
        let mut statistics = Statistics::new(&inventory);
        let said = [("", vec![3]), ("cab", vec![2, 3, 2])];
        statistics.add(&inventory, &senones(&tree, &said)).unwrap();
        let phones = Phones::of_tree(&tree, &inventory, &statistics, 0.3).unwrap();
        let lexicon = lexicon(words);
        let priors = statistics.log_priors().unwrap();
        let aligner = WordAligner::new(&lexicon, phones, &priors, settings).unwrap();
        Self { tree, lexicon, aligner }
    }

    fn ids(&self, words: &[&str]) -> Vec<WordId> {
        words.iter().map(|word| self.lexicon.id(word).unwrap()).collect()
    }

    fn align(&self, words: &[&str], posteriors: &[f32]) -> Result<Aligned, Unaligned> {
        let outputs = self.aligner.outputs();
        let mut write = |frame: usize, row: &mut [f32]| {
            row.copy_from_slice(&posteriors[frame * outputs..(frame + 1) * outputs]);
        };
        self.aligner.align(&self.ids(words), posteriors.len() / outputs, &mut write).unwrap()
    }
}

/// What was said comes back from the words alone, frame by frame.
fn check(world: &World, said: &[Said<'_>]) -> Result<(), TestCaseError> {
    let expected = senones(&world.tree, said);
    let words: Vec<&str> = said.iter().map(|(word, _)| *word).filter(|word| !word.is_empty()).collect();
    let found = world.align(&words, &posteriors(&expected, world.aligner.outputs()));
    let found = found.expect("it was said");
    prop_assert_eq!(&found.senones, &expected);
    prop_assert!(!found.is_retried);
    let phones = world.tree.scheme().phones.clone();
    let expected: Vec<(String, usize)> =
        spans(said).iter().map(|span| (phones.name(span.phone).unwrap().to_owned(), span.frames)).collect();
    let lengths: Vec<(String, usize)> =
        found.phones.iter().map(|said| (said.phone.clone(), said.end - said.start)).collect();
    prop_assert_eq!(lengths, expected);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn words_that_a_model_hears_clearly_are_aligned_as_they_were_said(said in said()) {
        for context in [Context::WithinWords, Context::AcrossWords] {
            let world = World::new(tree_of(Topology::FirstThenRest, context), LEXICON, SETTINGS);
            check(&world, &said)?;
        }
    }
}

#[test]
fn a_path_that_was_given_up_too_early_is_found_with_the_wider_beam() {
    let words = "x A B E\nx A D\n";
    let settings = AlignSettings { beam: 0.01, ..SETTINGS };
    let world = World::new(tree(Topology::FirstThenRest), words, settings);
    let outputs = world.aligner.outputs();
    let phone = |name: &str| world::phone(name);
    let said = |phones: &[(&str, usize)]| {
        let span = |&(name, frames): &(&str, usize)| stentor_senones::Span {
            phone: phone(name),
            frames,
            begins_word: name == "A",
        };
        world.tree.alignment(&phones.iter().map(span).collect::<Vec<_>>()).unwrap()
    };
    // The middle sounds like D, and what follows can be nothing but E.
    let truth = said(&[("A", 2), ("B", 2), ("E", 2)]);
    let mut heard = posteriors(&said(&[("A", 2), ("D", 4)]), outputs);
    for frame in 4..6 {
        let row = &mut heard[frame * outputs..(frame + 1) * outputs];
        row.fill(f32::NEG_INFINITY);
        row[truth[frame].index()] = 0.0;
    }
    let found = world.align(&["x"], &heard).unwrap();
    let phones: Vec<&str> = found.phones.iter().map(|said| said.phone.as_str()).collect();
    assert!(found.is_retried);
    assert_eq!((phones, &found.senones[4..]), (vec!["A", "B", "E"], &truth[4..]));
    let narrow = AlignSettings { beam: 0.01, retry_beam: 0.01, ..SETTINGS };
    let narrow = World::new(tree(Topology::FirstThenRest), words, narrow);
    assert_eq!(narrow.align(&["x"], &heard), Err(Unaligned::NoPath { beam: 0.01 }));
}

#[test]
fn pauses_belong_to_no_word_and_words_have_their_places() {
    let world = World::new(tree(Topology::FirstThenRest), LEXICON, SETTINGS);
    let said = [("", vec![2]), ("e", vec![3]), ("", vec![4]), ("ab", vec![1, 2])];
    let heard = posteriors(&senones(&world.tree, &said), world.aligner.outputs());
    let phone = |phone: &str, word, start, end| SaidPhone { phone: phone.to_owned(), word, start, end };
    let expected = [
        phone("SIL", None, 0, 2),
        phone("E", Some(0), 2, 5),
        phone("SIL", None, 5, 9),
        phone("A", Some(1), 9, 10),
        phone("B", Some(1), 10, 12),
    ];
    assert_eq!(world.align(&["e", "ab"], &heard).unwrap().phones, expected);
}

#[test]
fn an_utterance_too_short_for_its_words_says_how_long_it_would_have_to_be() {
    let world = World::new(tree(Topology::FirstThenRest), LEXICON, SETTINGS);
    let heard = posteriors(&senones(&world.tree, &[("e", vec![4])]), world.aligner.outputs());
    let error = world.align(&["cab", "cad"], &heard).unwrap_err();
    assert_eq!(error, Unaligned::TooShort { frames: 4, fewest: 6 });
    assert_eq!(error.to_string(), "its words take at least 6 frames, it has 4");
}

#[test]
fn parts_of_other_models_and_posteriors_that_are_no_numbers_are_refused_by_name() {
    let tree = tree(Topology::FirstThenRest);
    let inventory = tree.inventory().unwrap();
    let statistics = Statistics::new(&inventory);
    let priors = vec![-4.0; inventory.len()];
    let make = |words: &str, priors: &[f32], settings| {
        let phones = Phones::of_tree(&tree, &inventory, &statistics, 0.3).unwrap();
        WordAligner::new(&lexicon(words), phones, priors, settings)
    };
    let error = make("ab A B\ncb C AH1\n", &priors, SETTINGS).unwrap_err();
    assert!(
        matches!(error, Error::UnknownPhone { ref word, ref phone, phones: 6 } if word == "cb" && phone == "AH1"),
        "{error}"
    );
    let error = make(LEXICON, &priors[1..], SETTINGS).unwrap_err();
    assert!(matches!(error, Error::Shape { .. }), "{error}");
    let narrower = AlignSettings { retry_beam: 1.0, ..SETTINGS };
    let error = make(LEXICON, &priors, narrower).unwrap_err();
    assert!(matches!(error, Error::Setting { setting: "retry_beam", .. }), "{error}");
    let untied = stentor_inventory::Inventory::new(inventory.senones().to_vec()).unwrap();
    let phones = Phones::of_inventory(&untied, &Statistics::new(&untied), 0.3).unwrap();
    let error = WordAligner::new(&lexicon(LEXICON), phones, &priors, SETTINGS).unwrap_err();
    assert!(matches!(error, Error::Alternatives { outputs } if outputs == priors.len()), "{error}");
    let aligner = make(LEXICON, &priors, SETTINGS).unwrap();
    let e = lexicon(LEXICON).id("e").unwrap();
    let error = aligner.align(&[e], 3, &mut |frame, row: &mut [f32]| {
        row.fill(-1.0);
        row[5] = if frame == 2 { f32::NAN } else { -1.0 };
    });
    assert_eq!(error.unwrap_err().to_string(), "frame 2, output 5: the log posterior is NaN");
}
