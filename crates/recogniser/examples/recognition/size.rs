//! How large prefix trees across words are, and how fast they are searched.

use crate::corpus::{Corpus, Voice, states};
use crate::tying::{tree, with_silence};
use anyhow::Result;
use serde_json::{Value, json};
use std::path::Path;
use std::time::Instant;
use stentor_inventory::{Case, Lexicon, LexiconFormat, Normalise, ReadLexicon, Stress, UnknownPhones};
use stentor_language::{Counts, Model, Vocabulary as Words, estimate};
use stentor_recogniser::{Phones, Recogniser, Settings, Statistics, Vocabulary};
use stentor_senones::Topology;

/// Senones of the tying tree, words of the large vocabulary.
const LEAVES: usize = 2_000;
const LARGE: usize = 30_000;

pub(crate) fn run(text: &Path, dictionary: &Path) -> Result<Value> {
    let corpus = Corpus::read(text, dictionary, 3)?;
    let large = first_words(dictionary)?;
    let unigrams = unigrams(&large)?;
    let mut figures = serde_json::Map::new();
    for (name, lexicon, model) in [("small", &corpus.lexicon, &corpus.model), ("large", &large, &unigrams)] {
        figures.insert(name.to_owned(), tied(lexicon, model)?);
    }
    figures.insert("without_context".to_owned(), plain(&corpus)?);
    Ok(Value::Object(figures))
}

/// With senones of triphones.
fn tied(lexicon: &Lexicon, model: &Model) -> Result<Value> {
    let table = with_silence(lexicon.phones())?;
    let tree = tree(&table, Topology::FirstThenRest, LEAVES)?;
    let inventory = tree.inventory()?;
    let statistics = Statistics::new(&inventory);
    let phones = Phones::of_tree(&tree, &inventory, &statistics, 0.3)?;
    let vocabulary = Vocabulary::new(lexicon, model, [])?;
    let priors = vec![-(inventory.len() as f32).ln(); inventory.len()];
    let begun = Instant::now();
    let made = Recogniser::new(&vocabulary, model.clone(), &phones, &priors, Settings::default())?;
    let seconds = begun.elapsed().as_secs_f64();
    let size = made.size();
    Ok(json!({
        "words": vocabulary.len(), "senones": inventory.len(), "places": size.places, "arcs": size.arcs,
        "megabytes": size.bytes as f64 / 1e6, "seconds_to_build": seconds,
    }))
}

/// With three states of each phone, and a search of made-up sound.
fn plain(corpus: &Corpus) -> Result<Value> {
    let inventory = states(&corpus.lexicon)?;
    let statistics = Statistics::new(&inventory);
    let phones = Phones::of_inventory(&inventory, &statistics, 0.3)?;
    let vocabulary = Vocabulary::new(&corpus.lexicon, &corpus.model, [])?;
    let priors = vec![0.0; inventory.len()];
    let settings = Settings { prior_exponent: 0.0, ..Settings::default() };
    let made = Recogniser::new(&vocabulary, corpus.model.clone(), &phones, &priors, settings)?;
    let mut voice = Voice::new(1);
    let sounds: Vec<_> =
        corpus.spoken.iter().map(|words| voice.say(words, &corpus.lexicon, &inventory)).collect();
    let begun = Instant::now();
    let mut right = 0;
    for (words, sound) in corpus.spoken.iter().zip(&sounds) {
        let found = made.decode(&sound.log_posteriors, None)?;
        right += usize::from(found.words.iter().map(|found| &found.word).eq(words));
    }
    let seconds = begun.elapsed().as_secs_f64();
    let frames: usize = sounds.iter().map(|sound| sound.right.len()).sum();
    Ok(json!({
        "words": vocabulary.len(), "places": made.size().places, "arcs": made.size().arcs,
        "frames_per_s": frames as f64 / seconds, "all_words_right": right as f64 / sounds.len() as f64,
    }))
}

/// Words of a dictionary at equal distances.
fn first_words(dictionary: &Path) -> Result<Lexicon> {
    let text = std::fs::read_to_string(dictionary)?;
    let lines: Vec<&str> = text.lines().collect();
    let step = (lines.len() / LARGE).max(1);
    let kept: String = lines.iter().step_by(step).take(LARGE).flat_map(|line| [*line, "\n"]).collect();
    let read = ReadLexicon {
        format: LexiconFormat::Cmu,
        stress: Stress::Strip,
        case: Case::Keep,
        normalise: Normalise::Maximum,
        phones: None,
        unknown_phones: UnknownPhones::Refuse,
    };
    Ok(read.read(&kept)?)
}

fn unigrams(lexicon: &Lexicon) -> Result<Model> {
    let list: String = lexicon.words().flat_map(|(_, name, _)| [name, "\n"]).collect();
    let mut counts = Counts::closed(Words::read(list.as_bytes())?, 1)?;
    counts.add_text(list.as_bytes())?;
    Ok(estimate(&counts)?.model)
}
