//! Speech made of a model's own outputs, and what is recognised in it.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod world;

use proptest::prelude::*;
use stentor_inventory::{Inventory, Senone, SenoneId};
use stentor_recogniser::{Error, Phones, Phrases, Recogniser, Statistics, Steps, Vocabulary, tune};
use stentor_senones::{Context, Topology};
use world::{
    LEXICON, PHONES, Said, TEXT, World, expected, lexicon, model, posteriors, said, settings, spans, tree,
    tree_of,
};

#[test]
fn senones_that_training_makes_of_an_alignment_are_recognised_as_its_words_at_their_times() {
    let topologies = [Topology::Single, Topology::FirstThenRest, Topology::Thirds];
    let contexts = [Context::WithinWords, Context::AcrossWords];
    for (topology, context) in topologies.into_iter().flat_map(|t| contexts.map(|c| (t, c))) {
        let world = World::of(tree_of(topology, context));
        proptest!(ProptestConfig::with_cases(64), |(said in said())| {
            let found = world.recogniser.decode(&world.posteriors(&said), None).unwrap();
            prop_assert!(found.is_complete);
            prop_assert!(found.words.iter().all(|word| word.confidence.unwrap() > 0.5));
            let words: Vec<_> =
                found.words.into_iter().map(|word| (word.word, word.start, word.end)).collect();
            let expected = expected(&said);
            prop_assert_eq!(words, expected);
        });
    }
}

#[test]
fn a_stream_finds_the_words_of_the_whole_utterance_whatever_its_pieces() {
    let world = World::new(Topology::FirstThenRest);
    let outputs = world.inventory.len();
    proptest!(ProptestConfig::with_cases(32), |(said in said(), piece in 1..9usize)| {
        let posteriors = world.posteriors(&said);
        let whole = world.recogniser.decode(&posteriors, None).unwrap();
        let mut stream = world.recogniser.stream(None);
        let mut partial = Vec::new();
        for frames in posteriors.chunks(piece * outputs) {
            prop_assert!(stream.push(frames).unwrap().is_empty(), "a short stream stays open");
            partial = stream.partial().into_iter().map(|word| word.word).collect();
        }
        prop_assert_eq!(stream.frames(), posteriors.len() / outputs);
        let words: Vec<String> = whole.words.iter().map(|word| word.word.clone()).collect();
        prop_assert_eq!(partial, words, "the last partial result has all words");
        prop_assert_eq!(stream.finish().unwrap(), whole);
    });
}

#[test]
fn a_long_stream_gives_its_words_as_they_become_final() {
    let world = World::new(Topology::FirstThenRest);
    let sentence: Vec<Said<'_>> = vec![("", vec![9]), ("cab", vec![3, 4, 3]), ("cad", vec![3, 4, 3])];
    let posteriors = world.posteriors(&sentence);
    let mut stream = world.recogniser.stream(None);
    let mut words = Vec::new();
    let times = 120;
    for _ in 0..times {
        words.extend(stream.push(&posteriors).unwrap());
    }
    assert!(words.len() > 100, "{} words are final", words.len());
    words.extend(stream.finish().unwrap().words);
    let expected: Vec<_> = (0..times)
        .flat_map(|time| [("cab", 29 * time + 9, 29 * time + 19), ("cad", 29 * time + 19, 29 * time + 29)])
        .collect();
    let found: Vec<_> = words.iter().map(|word| (word.word.as_str(), word.start, word.end)).collect();
    assert_eq!(found, expected);
}

#[test]
fn a_boosted_phrase_wins_where_the_sound_leaves_it_open() {
    let world = World::new(Topology::FirstThenRest);
    let model = model(TEXT);
    let vocabulary = Vocabulary::new(&lexicon(LEXICON), &model, []).unwrap();
    let cab = world.posteriors(&[("", vec![3]), ("cab", vec![2, 3, 2]), ("", vec![3])]);
    let cad = world.posteriors(&[("", vec![3]), ("cad", vec![2, 3, 2]), ("", vec![3])]);
    // Both are equally probable in each frame.
    let open: Vec<f32> = cab.iter().zip(&cad).map(|(a, b)| ((a.exp() + b.exp()) / 2.0).ln()).collect();
    let decoded = |list: &str| {
        let phrases = Phrases::read(list, &vocabulary, 6.0).unwrap();
        let found = world.recogniser.decode(&open, Some(&phrases)).unwrap();
        found.words.into_iter().map(|word| word.word).collect::<Vec<_>>()
    };
    assert_eq!(decoded("# names\ncab\n"), ["cab"]);
    assert_eq!(decoded("cad\n"), ["cad"]);
    assert_eq!(decoded("cab\t-6\n"), ["cad"]);
    assert_eq!(
        decoded("cad\t-6\n\ncad cb\t20\n"),
        ["cab"],
        "a phrase that comes to nothing gives its boost back"
    );
}

#[test]
fn phrases_that_cannot_be_recognised_are_named_with_their_line() {
    let model = model(TEXT);
    let vocabulary = Vocabulary::new(&lexicon(LEXICON), &model, []).unwrap();
    let error = |list: &str| Phrases::read(list, &vocabulary, 1.0).unwrap_err();
    let unknown = error("ab\n\nab zebra\n");
    assert!(matches!(unknown, Error::PhraseWord { line: 3, ref word } if word == "zebra"), "{unknown}");
    assert!(matches!(error("ab\tmuch"), Error::Phrase { line: 1, .. }));
    assert!(matches!(error("ab\tNaN"), Error::Phrase { line: 1, .. }));
    assert!(matches!(error("ab\n\t3"), Error::Phrase { line: 2, .. }));
    assert_eq!(Phrases::read("\n# nothing\n", &vocabulary, 1.0).unwrap().len(), 0);
    // As some editors begin a file.
    assert_eq!(Phrases::read("\u{feff}ab\n", &vocabulary, 1.0).unwrap().len(), 1);
    assert_eq!(Phrases::read("\u{feff}# nothing\n", &vocabulary, 1.0).unwrap().len(), 0);
    assert_eq!(Phrases::words("\u{feff}ab e\n").collect::<Vec<_>>(), ["ab", "e"]);
}

#[test]
fn a_word_that_a_person_asks_for_is_recognised_although_the_language_model_does_not_list_it() {
    let world = World::new(Topology::FirstThenRest);
    let model = model("cb e\ne cb\n");
    let list = "cab\t2\n";
    let statistics = Statistics::new(&world.inventory);
    let twice = Statistics { outputs: vec![1; 2 * world.inventory.len()], ..statistics.clone() };
    let error = Phones::of_tree(&world.tree, &world.inventory, &twice, 0.3).unwrap_err();
    assert!(matches!(error, Error::Counts { outputs, .. } if outputs == world.inventory.len()), "{error}");

    let phones = Phones::of_tree(&world.tree, &world.inventory, &statistics, 0.3).unwrap();
    let priors = vec![-4.0; world.inventory.len()];
    let sound = world.posteriors(&[("cb", vec![3, 3]), ("cab", vec![2, 3, 2])]);
    let words = |unlisted: Vec<&str>| {
        let vocabulary = Vocabulary::new(&lexicon(LEXICON), &model, unlisted).unwrap();
        let recogniser = Recogniser::new(&vocabulary, model.clone(), &phones, &priors, settings()).unwrap();
        let found = recogniser.decode(&sound, None).unwrap();
        let words: Vec<String> = found.words.into_iter().map(|word| word.word).collect();
        (vocabulary.len(), vocabulary.without_probability(), words)
    };
    let (count, left_out, found) = words(vec![]);
    assert_eq!((count, left_out), (2, 4));
    assert!(!found.contains(&"cab".to_owned()));
    assert_eq!(words(Phrases::words(list).collect()), (3, 3, vec!["cb".to_owned(), "cab".to_owned()]));
}

#[test]
fn parts_that_do_not_belong_together_are_refused_by_name() {
    let world = World::new(Topology::FirstThenRest);
    let other = tree(Topology::Single);
    let statistics = Statistics::new(&world.inventory);
    let error = Phones::of_tree(&other, &world.inventory, &statistics, 0.3).unwrap_err();
    assert!(matches!(error, Error::OtherInventory { what: "the tying tree", .. }), "{error}");
    let statistics_of_other = Statistics::new(&other.inventory().unwrap());
    let error = Phones::of_tree(&world.tree, &world.inventory, &statistics_of_other, 0.3).unwrap_err();
    assert!(matches!(error, Error::OtherInventory { what: "the statistics", .. }), "{error}");
    let error = Phones::of_inventory(&world.inventory, &statistics, 0.3).unwrap_err();
    assert!(matches!(error, Error::NeedsTree { .. }), "{error}");

    let twice = Statistics { outputs: vec![1; 2 * world.inventory.len()], ..statistics.clone() };
    let error = Phones::of_tree(&world.tree, &world.inventory, &twice, 0.3).unwrap_err();
    assert!(matches!(error, Error::Counts { outputs, .. } if outputs == world.inventory.len()), "{error}");

    let phones = Phones::of_tree(&world.tree, &world.inventory, &statistics, 0.3).unwrap();
    let priors = vec![-4.0; world.inventory.len()];
    let model = model(TEXT);
    let make = |words: &str, priors: &[f32]| {
        let vocabulary = Vocabulary::new(&lexicon(words), &model, [])?;
        Recogniser::new(&vocabulary, model.clone(), &phones, priors, settings())
    };
    let error = make("ab A B\ncb C AH1\n", &priors).unwrap_err();
    assert!(
        matches!(error, Error::UnknownPhone { ref word, ref phone, phones: 6 } if word == "cb" && phone == "AH1")
    );
    let error = make("AB A B\n", &priors).unwrap_err();
    assert!(
        matches!(error, Error::NoWords { ref lexicon, ref model } if lexicon == "AB" && model == "cab"),
        "{error}"
    );
    let error = make("ab A B\n", &priors[1..]).unwrap_err();
    assert!(matches!(error, Error::Shape { .. }), "{error}");
}

#[test]
fn posteriors_that_are_no_numbers_or_no_whole_frames_are_refused() {
    let world = World::new(Topology::FirstThenRest);
    let mut posteriors = world.posteriors(&[("cab", vec![2, 3, 2])]);
    let outputs = world.inventory.len();
    let error = world.recogniser.decode(&posteriors[1..], None).unwrap_err();
    assert!(matches!(error, Error::Shape { found, .. } if found == posteriors.len() - 1), "{error}");
    posteriors[4 * outputs + 7] = f32::NAN;
    let error = world.recogniser.decode(&posteriors, None).unwrap_err();
    assert_eq!(error.to_string(), "frame 4, output 7: the log posterior is NaN");
    let mut stream = world.recogniser.stream(None);
    let error = stream.push(&posteriors).unwrap_err();
    assert!(error.to_string().starts_with("frame 4"), "{error}");
    assert_eq!(stream.frames(), 4);
    assert!(stream.finish().is_ok(), "what was heard before is still there");
}

#[test]
fn scales_are_found_where_words_are_right_and_the_errors_are_those_of_a_search_with_them() {
    let world = World::new(Topology::FirstThenRest);
    let said = [("", vec![3]), ("cab", vec![2, 3, 2]), ("cad", vec![3, 2, 2]), ("", vec![3])];
    // Posteriors that hardly tell outputs apart: the acoustic scale must be large for any word to be right.
    let flat: Vec<f32> = world.posteriors(&said).into_iter().map(|log| 0.02 * log).collect();
    let right: Vec<u32> = ["cab", "cad"]
        .map(|word| (1..7).find(|label| world.recogniser.name(*label) == Some(word)))
        .map(Option::unwrap)
        .to_vec();
    let distance = |labels: &[u32]| {
        let found = labels.iter().filter(|label| right.contains(label)).count();
        (right.len().abs_diff(found) + labels.len().abs_diff(found)) as u64
    };
    let search =
        |recogniser: &Recogniser| -> Result<_, Error> { Ok(recogniser.search(&flat, None)?.lattice) };
    let start = world.recogniser.with_scales(1.0, 0.0, 0.0).unwrap();
    let before = distance(&search(&start).unwrap().best_path().labels());
    let steps = Steps { acoustic_scale: 2.0, ..Steps::default() };
    let mut searches = 0;
    let chosen = tune(&start, &steps, |recogniser, rescorings| -> Result<_, Error> {
        searches += 1;
        let lattice = search(recogniser)?;
        Ok(vec![rescorings.iter().map(|rescoring| distance(&lattice.best_labels(*rescoring))).collect()])
    });
    let chosen = chosen.unwrap();
    assert!(before > 0 && chosen.errors == 0, "{before} errors before, then {chosen:?}");
    assert!(chosen.acoustic_scale >= 4.0 && chosen.searches == searches, "{chosen:?}");
    let tuned = start.with_scales(chosen.acoustic_scale, chosen.prior_exponent, chosen.word_penalty).unwrap();
    assert_eq!(distance(&search(&tuned).unwrap().best_path().labels()), chosen.errors);
}

#[test]
fn tied_states_of_an_unknown_tree_are_recognised_as_states_of_their_phones() {
    // The outputs of a tree, as another program would number them.
    let world = World::new(Topology::FirstThenRest);
    let inventory = Inventory::new(world.inventory.senones().to_vec()).unwrap();
    let said =
        vec![("", vec![3]), ("cab", vec![2, 3, 2]), ("", vec![4]), ("e", vec![3]), ("cad", vec![2, 2, 3])];
    let frames = world::senones(&world.tree, &said);
    let mut statistics = Statistics::new(&inventory);
    statistics.add(&inventory, &frames).unwrap();
    let phones = Phones::of_inventory(&inventory, &statistics, 0.3).unwrap();
    let model = model(TEXT);
    let vocabulary = Vocabulary::new(&lexicon(LEXICON), &model, []).unwrap();
    let priors = statistics.log_priors().unwrap();
    let recogniser = Recogniser::new(&vocabulary, model, &phones, &priors, settings()).unwrap();
    let heard = posteriors(&frames, inventory.len());
    let words = |found: Vec<stentor_recogniser::Found>| -> Vec<_> {
        found.into_iter().map(|word| (word.word, word.start, word.end)).collect()
    };
    assert_eq!(words(recogniser.decode(&heard, None).unwrap().words), expected(&said));
    let again = recogniser.with_scales(3.0, 0.0, 0.0).unwrap();
    let mut stream = again.stream(None);
    stream.push(&heard).unwrap();
    assert_eq!(words(stream.finish().unwrap().words), expected(&said));
}

#[test]
fn without_context_the_states_of_an_inventory_are_enough() {
    let states = PHONES.iter().flat_map(|phone| (0..3).map(|state| ((*phone).to_owned(), state)));
    let inventory =
        Inventory::new(states.map(|(phone, state)| Senone::of_state(phone, state, &[])).collect());
    let inventory = inventory.unwrap();
    let said = vec![("cab", vec![1, 3, 2]), ("", vec![4]), ("e", vec![3])];
    let frames = spans(&said).into_iter().flat_map(|span| {
        Topology::Thirds
            .of_frames(span.frames)
            .map(move |state| SenoneId::new(3 * span.phone.number() + u16::from(state)))
    });
    let frames: Vec<SenoneId> = frames.collect();
    let mut statistics = Statistics::new(&inventory);
    statistics.add(&inventory, &frames).unwrap();
    let phones = Phones::of_inventory(&inventory, &statistics, 0.3).unwrap();
    let model = model(TEXT);
    let vocabulary = Vocabulary::new(&lexicon(LEXICON), &model, []).unwrap();
    let priors = statistics.log_priors().unwrap();
    let recogniser = Recogniser::new(&vocabulary, model, &phones, &priors, settings()).unwrap();
    let found = recogniser.decode(&posteriors(&frames, inventory.len()), None).unwrap();
    let words: Vec<_> = found.words.into_iter().map(|word| (word.word, word.start, word.end)).collect();
    assert_eq!(words, expected(&said));
}
