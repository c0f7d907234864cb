//! Real texts and pronunciations, and made-up sound for them.

use anyhow::{Context, Result};
use std::collections::BTreeSet;
use std::path::Path;
use stentor_inventory::{
    Case, Inventory, Lexicon, LexiconFormat, Normalise, ReadLexicon, Senone, Stress, UnknownPhones,
};
use stentor_language::{Counts, Model, Vocabulary as Words, estimate};
use stentor_random::{SplitMix64, unit_interval};
use stentor_senones::Topology;

/// Every so many sentences one is spoken; the language model is estimated from the others.
const SPOKEN: usize = 40;

/// What is spoken, and what is known of it.
pub(crate) struct Corpus {
    pub(crate) lexicon: Lexicon,
    pub(crate) model: Model,
    pub(crate) spoken: Vec<Vec<String>>,
}

impl Corpus {
    /// The sentences of a Kaldi text whose words are all in a dictionary of CMU's kind.
    pub(crate) fn read(text: &Path, dictionary: &Path, order: usize) -> Result<Self> {
        let open = |path: &Path| std::fs::read_to_string(path).with_context(|| path.display().to_string());
        let (text, dictionary) = (open(text)?, open(dictionary)?);
        let read = ReadLexicon {
            format: LexiconFormat::Cmu,
            stress: Stress::Strip,
            case: Case::Keep,
            normalise: Normalise::Maximum,
            phones: None,
            unknown_phones: UnknownPhones::Refuse,
        };
        let all = read.read(&dictionary)?;
        let sentences: Vec<Vec<&str>> = text
            .lines()
            .filter_map(|line| Some(line.split_once(' ')?.1.split_whitespace().collect::<Vec<_>>()))
            .filter(|words| !words.is_empty() && words.iter().all(|word| all.id(word).is_some()))
            .collect();
        let known: BTreeSet<&str> = sentences.iter().flatten().copied().collect();
        let small: String = dictionary
            .lines()
            .filter(|line| {
                let word = line.split_whitespace().next().unwrap_or_default();
                known.contains(word.split('(').next().unwrap_or_default())
            })
            .flat_map(|line| [line, "\n"])
            .collect();
        let list: String = known.iter().flat_map(|word| [word, "\n"]).collect();
        let mut counts = Counts::closed(Words::read(list.as_bytes())?, order)?;
        let mut spoken = Vec::new();
        for (number, words) in sentences.iter().enumerate() {
            match number % SPOKEN {
                0 => spoken.push(words.iter().map(|word| (*word).to_owned()).collect()),
                _ => counts.add_text(words.join(" ").as_bytes())?,
            }
        }
        Ok(Self { lexicon: read.read(&small)?, model: estimate(&counts)?.model, spoken })
    }
}

/// Three states of each phone, without context.
pub(crate) fn states(lexicon: &Lexicon) -> Result<Inventory> {
    let phones = ["SIL"].into_iter().chain(lexicon.phones().names().iter().map(String::as_str));
    let states = phones.flat_map(|phone| (0..3).map(|state| Senone::of_state(phone.to_owned(), state, &[])));
    Ok(Inventory::new(states.collect())?)
}

/// Sound with as many confusions as a model of today's demo makes.
pub(crate) struct Voice {
    random: SplitMix64,
}

/// Log posteriors `[frames × outputs]`, and which output is right in each frame.
pub(crate) struct Sound {
    pub(crate) log_posteriors: Vec<f32>,
    pub(crate) right: Vec<usize>,
}

impl Voice {
    pub(crate) fn new(seed: u64) -> Self {
        Self { random: SplitMix64::new(seed) }
    }

    /// A sentence, with a pause before it, after it and after some words.
    pub(crate) fn say(&mut self, words: &[String], lexicon: &Lexicon, inventory: &Inventory) -> Sound {
        let mut phones: Vec<(&str, usize)> = vec![("SIL", 5 + self.random.below(8))];
        for word in words {
            let said = lexicon.id(word).map_or(&[][..], |id| lexicon.pronunciations(id));
            let Some(said) = said.get(self.random.below(said.len())) else { continue };
            for phone in said.phones.iter().filter_map(|phone| lexicon.phones().name(*phone)) {
                phones.push((phone, 1 + self.random.below(3) + self.random.below(3)));
            }
            if self.random.below(6) == 0 {
                phones.push(("SIL", 1 + self.random.below(12)));
            }
        }
        phones.push(("SIL", 5 + self.random.below(8)));
        let mut right = Vec::new();
        for (phone, frames) in phones {
            let states = inventory.of_phone(phone);
            right.extend(Topology::Thirds.of_frames(frames).map(|state| states[usize::from(state)].index()));
        }
        let log_posteriors = self.posteriors(&right, inventory.len());
        Sound { log_posteriors, right }
    }

    /// Scores of the right output and of those like it, with noise that lasts some frames.
    fn posteriors(&mut self, right: &[usize], outputs: usize) -> Vec<f32> {
        const MEMORY: f64 = 0.7;
        let mut noise: Vec<f64> = (0..outputs).map(|_| self.normal()).collect();
        let mut log_posteriors = Vec::with_capacity(right.len() * outputs);
        for &right in right {
            let fresh = (1.0 - MEMORY * MEMORY).sqrt();
            noise.iter_mut().for_each(|value| *value = MEMORY * *value + fresh * self.normal());
            let mut logits: Vec<f64> = noise.iter().map(|value| 1.4 * value).collect();
            logits[right] += 3.6;
            // The other states of the phone.
            logits[right / 3 * 3..][..3].iter_mut().for_each(|logit| *logit += 1.0);
            // Phones that sound alike: three others for each, always the same.
            for other in 1..4 {
                let phone = (right / 3 * 7 + other * 11) % (outputs / 3);
                logits[3 * phone + right % 3] += 2.6;
            }
            let highest = logits.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            let total = highest + logits.iter().map(|logit| (logit - highest).exp()).sum::<f64>().ln();
            log_posteriors.extend(logits.iter().map(|logit| (logit - total) as f32));
        }
        log_posteriors
    }

    fn normal(&mut self) -> f64 {
        let mut unit = || unit_interval(self.random.next_u64()).max(f64::MIN_POSITIVE);
        (-2.0 * unit().ln()).sqrt() * (std::f64::consts::TAU * unit()).cos()
    }
}

impl Sound {
    /// Frames in which another output is more probable than the right one.
    pub(crate) fn errors(&self) -> usize {
        let outputs = self.log_posteriors.len() / self.right.len();
        let frames = self.log_posteriors.chunks_exact(outputs).zip(&self.right);
        frames.filter(|(frame, right)| frame.iter().any(|other| *other > frame[**right])).count()
    }
}
