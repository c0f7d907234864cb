//! A made-up language, a tree of its triphones, and a model that is nearly sure of each frame's output.

#![allow(dead_code, reason = "each test target uses a part")]

use proptest::prelude::*;
use stentor_inventory::{
    Case, Inventory, Lexicon, LexiconFormat, Normalise, PhoneId, PhoneTable, ReadLexicon, SenoneId, Stress,
    UnknownPhones,
};
use stentor_language::{Counts, Model, Vocabulary as Words, estimate};
use stentor_recogniser::{Phones, Recogniser, Settings, Statistics, Vocabulary};
use stentor_senones::{Context, Growth, Questions, Roots, Scheme, Span, Topology, Tree};

/// No two sequences of these words have the same phones.
pub(crate) const LEXICON: &str = "cab C A B\ncad C A D\ncb C B\nab A B\ne E\ncabad C A B A D\n";
pub(crate) const TEXT: &str = "cab ab\ne cad cb\ncad e\ncabad ab cad cb\ncb e ab\ncab cad e\n";
pub(crate) const PHONES: [&str; 6] = ["SIL", "A", "B", "C", "D", "E"];

pub(crate) fn lexicon(text: &str) -> Lexicon {
    let read = ReadLexicon {
        format: LexiconFormat::Kaldi,
        stress: Stress::Keep,
        case: Case::Keep,
        normalise: Normalise::Maximum,
        phones: None,
        unknown_phones: UnknownPhones::Refuse,
    };
    read.read(text).unwrap()
}

pub(crate) fn model(text: &str) -> Model {
    let mut counts = Counts::new(Words::with_unknown(), 2).unwrap();
    counts.add_text(text.as_bytes()).unwrap();
    estimate(&counts).unwrap().model
}

pub(crate) fn phone(name: &str) -> PhoneId {
    PhoneId::new(PHONES.iter().position(|phone| *phone == name).unwrap() as u16)
}

/// A tree that tells many triphones apart: the values of a frame depend on the phone and both neighbours.
pub(crate) fn tree(topology: Topology) -> Tree {
    tree_of(topology, Context::AcrossWords)
}

/// The same with neighbours in the same word only, or in the words beside it, too.
pub(crate) fn tree_of(topology: Topology, context: Context) -> Tree {
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
pub(crate) type Said<'a> = (&'a str, Vec<usize>);

/// The phones of words and pauses.
pub(crate) fn spans(said: &[Said<'_>]) -> Vec<Span> {
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
pub(crate) fn senones(tree: &Tree, said: &[Said<'_>]) -> Vec<SenoneId> {
    tree.alignment(&spans(said)).unwrap()
}

/// Log posteriors of a model that is nearly sure of these outputs.
pub(crate) fn posteriors(senones: &[SenoneId], outputs: usize) -> Vec<f32> {
    let frame = |id: &SenoneId| {
        let id = id.index();
        (0..outputs).map(move |output| if output == id { 0.9 } else { 0.1 / (outputs - 1) as f32 }.ln())
    };
    senones.iter().flat_map(frame).collect()
}

pub(crate) fn settings() -> Settings {
    // The priors of made-up speech say nothing.
    Settings { acoustic_scale: 3.0, prior_exponent: 0.0, beam: 60.0, ..Settings::default() }
}

pub(crate) struct World {
    pub(crate) tree: Tree,
    pub(crate) inventory: Inventory,
    pub(crate) recogniser: Recogniser,
}

impl World {
    pub(crate) fn new(topology: Topology) -> Self {
        Self::of(tree(topology))
    }

    pub(crate) fn of(tree: Tree) -> Self {
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

    pub(crate) fn posteriors(&self, said: &[Said<'_>]) -> Vec<f32> {
        posteriors(&senones(&self.tree, said), self.inventory.len())
    }
}

pub(crate) fn said() -> impl Strategy<Value = Vec<Said<'static>>> {
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
pub(crate) fn expected(said: &[Said<'_>]) -> Vec<(String, usize, usize)> {
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
