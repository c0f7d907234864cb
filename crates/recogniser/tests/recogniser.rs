//! Speech made of a model's own outputs, and what is recognised in it.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use proptest::prelude::*;
use stentor_inventory::{
    Case, Inventory, Lexicon, LexiconFormat, Normalise, PhoneId, PhoneTable, ReadLexicon, Senone, SenoneId,
    Stress,
};
use stentor_language::{Counts, Model, Vocabulary as Words, estimate};
use stentor_recogniser::{Error, Grid, Phones, Phrases, Recogniser, Settings, Statistics, Vocabulary, tune};
use stentor_senones::{Context, Growth, Questions, Roots, Scheme, Span, Topology, Tree};

/// No two sequences of these words have the same phones.
const LEXICON: &str = "cab C A B\ncad C A D\ncb C B\nab A B\ne E\ncabad C A B A D\n";
const TEXT: &str = "cab ab\ne cad cb\ncad e\ncabad ab cad cb\ncb e ab\ncab cad e\n";
const PHONES: [&str; 6] = ["SIL", "A", "B", "C", "D", "E"];

fn lexicon(text: &str) -> Lexicon {
    let read = ReadLexicon {
        format: LexiconFormat::Kaldi,
        stress: Stress::Keep,
        case: Case::Keep,
        normalise: Normalise::Maximum,
        phones: None,
    };
    read.read(text).unwrap()
}

fn model(text: &str) -> Model {
    let mut counts = Counts::new(Words::with_unknown(), 2).unwrap();
    counts.add_text(text.as_bytes()).unwrap();
    estimate(&counts).unwrap().model
}

fn phone(name: &str) -> PhoneId {
    PhoneId::new(PHONES.iter().position(|phone| *phone == name).unwrap() as u16)
}

/// A tree that tells many triphones apart: the values of a frame depend on the phone and both neighbours.
fn tree(topology: Topology) -> Tree {
    tree_of(topology, Context::AcrossWords)
}

/// The same with neighbours in the same word only, or in the words beside it, too.
fn tree_of(topology: Topology, context: Context) -> Tree {
    let phones = PhoneTable::new(PHONES.map(str::to_owned).to_vec()).unwrap();
    let scheme = Scheme {
        phones: phones.clone(),
        context_independent: vec![phone("SIL")],
        boundary: phone("SIL"),
        context,
        topology,
    };
    let mut statistics = stentor_senones::Statistics::new(3).unwrap();
    for left in phones.ids() {
        for centre in phones.ids().skip(1) {
            for right in phones.ids() {
                let spans = [left, centre, right].map(|phone| Span { phone, frames: 4, begins_word: false });
                let number = |phone: PhoneId| f32::from(phone.number());
                let mut frames = Vec::new();
                for (place, span) in spans.iter().enumerate() {
                    let beside = |place: Option<usize>| {
                        place.and_then(|place| spans.get(place)).map_or(0.0, |span| number(span.phone))
                    };
                    let (before, after) = (beside(place.checked_sub(1)), beside(Some(place + 1)));
                    for frame in 0..span.frames {
                        let noise = frame as f32 / 100.0;
                        frames.extend([number(span.phone) * 9.0 + noise, before, after + noise]);
                    }
                }
                statistics.add_utterance(&spans, &scheme, &frames).unwrap();
            }
        }
    }
    let questions = Questions::from_data(&statistics, &scheme, 1e-4).unwrap();
    let growth = Growth {
        scheme: &scheme,
        roots: Roots::PhoneState,
        leaves: 80,
        minimum_count: 1.0,
        minimum_gain: 0.0,
        merge_below: None,
        variance_floor: 1e-4,
    };
    let grown = growth.grow(&statistics, &questions).unwrap().tree;
    assert!(grown.senones() >= 60, "a tree with contexts: {}", grown.senones());
    grown
}

/// A word or a pause, and how many frames each of its phones lasts.
type Said<'a> = (&'a str, Vec<usize>);

/// The phones of words and pauses.
fn spans(said: &[Said<'_>]) -> Vec<Span> {
    let of_word = |word: &str| {
        let line = LEXICON.lines().find(|line| line.split(' ').next() == Some(word));
        line.map_or("SIL", |line| line.split_once(' ').unwrap().1)
    };
    let phones = said.iter().flat_map(|(word, frames)| of_word(word).split(' ').zip(frames).enumerate());
    phones
        .map(|(place, (name, &frames))| Span { phone: phone(name), frames, begins_word: place == 0 })
        .collect()
}

/// The senone of each frame, as `stentor-senones` gives them to training.
fn senones(tree: &Tree, said: &[Said<'_>]) -> Vec<SenoneId> {
    tree.alignment(&spans(said)).unwrap()
}

/// Log posteriors of a model that is nearly sure of these outputs.
fn posteriors(senones: &[SenoneId], outputs: usize) -> Vec<f32> {
    let frame = |id: &SenoneId| {
        let id = id.index();
        (0..outputs).map(move |output| if output == id { 0.9 } else { 0.1 / (outputs - 1) as f32 }.ln())
    };
    senones.iter().flat_map(frame).collect()
}

fn settings() -> Settings {
    // The priors of made-up speech say nothing.
    Settings { acoustic_scale: 3.0, prior_exponent: 0.0, beam: 60.0, ..Settings::default() }
}

struct World {
    tree: Tree,
    inventory: Inventory,
    recogniser: Recogniser,
}

impl World {
    fn new(topology: Topology) -> Self {
        Self::of(tree(topology))
    }

    fn of(tree: Tree) -> Self {
        let inventory = tree.inventory().unwrap();
        let mut statistics = Statistics::new(&inventory);
        let said = [("", vec![3]), ("cab", vec![2, 3, 2])];
        statistics.add(&inventory, &senones(&tree, &said)).unwrap();
        let phones = Phones::of_tree(&tree, &inventory, &statistics, 0.3).unwrap();
        let model = model(TEXT);
        let vocabulary = Vocabulary::new(&lexicon(LEXICON), &model, []).unwrap();
        let priors = statistics.log_priors().unwrap();
        let recogniser = Recogniser::new(&vocabulary, model, &phones, &priors, settings()).unwrap();
        Self { tree, inventory, recogniser }
    }

    fn posteriors(&self, said: &[Said<'_>]) -> Vec<f32> {
        posteriors(&senones(&self.tree, said), self.inventory.len())
    }
}

fn said() -> impl Strategy<Value = Vec<Said<'static>>> {
    let words = LEXICON.lines().map(|line| line.split_once(' ').unwrap());
    let words: Vec<_> = words.map(|(word, phones)| (word, phones.split(' ').count())).collect();
    let one = (0..words.len(), prop::collection::vec(1..5usize, 5), prop::option::of(1..12usize)).prop_map(
        move |(word, frames, pause)| {
            let (word, phones) = words[word];
            let pause = pause.map(|frames| ("", vec![frames]));
            pause.into_iter().chain([(word, frames[..phones].to_vec())]).collect::<Vec<_>>()
        },
    );
    prop::collection::vec(one, 1..6).prop_map(|words| {
        let mut said: Vec<Said<'_>> = Vec::new();
        for word in words.concat() {
            // With one state a phone, nothing tells one long phone from two equal ones.
            if word.0 == "e" && said.last().is_some_and(|(word, _)| *word == "e") {
                said.push(("", vec![2]));
            }
            said.push(word);
        }
        said
    })
}

/// The words with their frames.
fn expected(said: &[Said<'_>]) -> Vec<(String, usize, usize)> {
    let mut at = 0;
    let mut words = Vec::new();
    for (word, frames) in said {
        let end = at + frames.iter().sum::<usize>();
        if !word.is_empty() {
            words.push(((*word).to_owned(), at, end));
        }
        at = end;
    }
    words
}

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
}

#[test]
fn a_word_that_a_person_asks_for_is_recognised_although_the_language_model_does_not_list_it() {
    let world = World::new(Topology::FirstThenRest);
    let model = model("cb e\ne cb\n");
    let list = "cab\t2\n";
    let statistics = Statistics::new(&world.inventory);
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
fn scales_are_those_with_the_fewest_errors_on_dev_and_the_errors_are_those_of_a_search_with_them() {
    let world = World::new(Topology::FirstThenRest);
    let said = [("", vec![3]), ("cab", vec![2, 3, 2]), ("cad", vec![3, 2, 2]), ("", vec![3])];
    // Posteriors that hardly tell outputs apart: the acoustic scale must be large for any word to be right.
    let flat: Vec<f32> = world.posteriors(&said).into_iter().map(|log| 0.02 * log).collect();
    let right: Vec<u32> = ["cab", "cad"]
        .map(|word| (1..7).find(|label| world.recogniser.name(*label) == Some(word)))
        .map(Option::unwrap)
        .to_vec();
    let distance = |_: usize, labels: &[u32]| {
        let found = labels.iter().filter(|label| right.contains(label)).count();
        (right.len().abs_diff(found) + labels.len().abs_diff(found)) as u64
    };
    let search =
        |recogniser: &Recogniser| -> Result<_, Error> { Ok(vec![recogniser.search(&flat, None)?.lattice]) };
    let start = world.recogniser.with_scales(1.0, 0.0, 0.0).unwrap();
    let before = distance(0, &search(&start).unwrap()[0].best_path().labels());
    let grid = Grid {
        prior_exponents: vec![0.0],
        acoustic_factors: vec![1.0, 4.0, 16.0],
        word_penalties: vec![0.0, 1.0],
    };
    let chosen = tune(&start, &grid, search, distance).unwrap();
    assert!(before > 0 && chosen.errors == 0, "{before} errors before, then {chosen:?}");
    assert!(chosen.acoustic_scale >= 4.0 && chosen.tried >= 12, "{chosen:?}");
    let tuned = start.with_scales(chosen.acoustic_scale, chosen.prior_exponent, chosen.word_penalty).unwrap();
    assert_eq!(distance(0, &search(&tuned).unwrap()[0].best_path().labels()), chosen.errors);
    let empty = Grid { word_penalties: vec![], ..Grid::default() };
    assert!(matches!(tune(&start, &empty, search, distance), Err(Error::NothingToTune)));
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
