//! Alignment of known words.

use crate::settings::{ABOVE_0, ANY};
use crate::{Error, Phones};
use stentor_decode::{
    AcousticScores, Alignment, Lexicon as Pronunciations, Pronunciation, Silence, TranscriptGraph,
};
use stentor_inventory::{Lexicon, SenoneId, WordId};

/// A transcript for which a graph has more states than this is refused. It is some hours of speech.
const MOST_STATES: usize = 20_000_000;

/// Scales and limits of an alignment. Costs are in nats, and those of a path are as [`crate::Settings`] says, without those of
/// words.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AlignSettings {
    /// What the acoustic model's log posteriors are multiplied by, above 0.
    pub acoustic_scale: f64,
    /// The part of the log priors that is subtracted from log posteriors.
    pub prior_exponent: f64,
    /// How probable a pause is before each word and at the end.
    pub pause_probability: f64,
    /// How much worse than the best of its frame a path may be.
    pub beam: f64,
    /// The same for a second attempt, if the first one did not come to the end of the transcript; at least `beam`.
    pub retry_beam: f64,
}

impl Default for AlignSettings {
    fn default() -> Self {
        Self {
            acoustic_scale: 1.0,
            prior_exponent: 0.6,
            pause_probability: 0.5,
            beam: 100.0,
            retry_beam: 400.0,
        }
    }
}

/// Aligns transcripts with the posteriors of an acoustic model.
#[derive(Debug)]
pub struct WordAligner {
    phones: Phones,
    /// The pronunciations of each word of the lexicon, with numbers of phones and costs.
    pronunciations: Vec<Vec<(Vec<u32>, f64)>>,
    scores: AcousticScores,
    outputs: usize,
    settings: AlignSettings,
}

/// A phone of a transcript, and when it was said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SaidPhone {
    /// Its name.
    pub phone: String,
    /// The word that it belongs to, by its place in the transcript; `None` for a pause.
    pub word: Option<usize>,
    /// Its first frame.
    pub start: usize,
    /// The frame after its last.
    pub end: usize,
}

/// An aligned utterance.
#[derive(Debug, Clone, PartialEq)]
pub struct Aligned {
    /// The senone of each frame, `[frames]`.
    pub senones: Vec<SenoneId>,
    /// Phones and pauses in order; together they have all frames.
    pub phones: Vec<SaidPhone>,
    /// The cost of the best path.
    pub cost: f64,
    /// Whether it took the wider beam.
    pub is_retried: bool,
}

/// Why an utterance has no alignment.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub enum Unaligned {
    /// No phone can be shorter than a frame, or than its model demands.
    #[error("its words take at least {fewest} frames, it has {frames}")]
    TooShort {
        /// Frames of the utterance.
        frames: usize,
        /// What the shortest pronunciations take.
        fewest: usize,
    },
    /// The transcript's end is out of reach.
    #[error(
        "no path within the beam of {beam} comes to the end of its words: are they those that were said?"
    )]
    NoPath {
        /// The wider beam.
        beam: f64,
    },
}

impl WordAligner {
    /// An aligner of the words of `lexicon`. `log_priors` are those of [`crate::Statistics::log_priors`].
    ///
    /// # Errors
    /// [`Error::UnknownPhone`] with the word; [`Error::Setting`]; [`Error::Shape`] for priors of another model;
    /// [`Error::Alternatives`] for senones that were imported without the tree that they are of; [`Error::Decode`].
    pub fn new(
        lexicon: &Lexicon,
        phones: Phones,
        log_priors: &[f32],
        settings: AlignSettings,
    ) -> Result<Self, Error> {
        settings.check()?;
        let outputs = phones.outputs();
        if phones.states().is_some() {
            return Err(Error::Alternatives { outputs });
        }
        if log_priors.len() != outputs {
            return Err(Error::Shape { outputs, found: log_priors.len() });
        }
        let names = lexicon.phones();
        let numbers: Vec<Option<u32>> = names.names().iter().map(|name| phones.number(name)).collect();
        let mut pronunciations = Vec::with_capacity(lexicon.len());
        for (_, word, said) in lexicon.words() {
            let mut of_word = Vec::with_capacity(said.len());
            for said in said {
                let number = |id: &stentor_inventory::PhoneId| {
                    let unknown = || Error::UnknownPhone {
                        word: word.to_owned(),
                        phone: names.name(*id).unwrap_or_default().to_owned(),
                        phones: phones.table().len(),
                    };
                    numbers.get(id.index()).copied().flatten().ok_or_else(unknown)
                };
                let phones = said.phones.iter().map(number).collect::<Result<_, _>>()?;
                of_word.push((phones, -said.probability.ln()));
            }
            pronunciations.push(of_word);
        }
        let AlignSettings { acoustic_scale, prior_exponent, .. } = settings;
        let scores = AcousticScores::new(acoustic_scale as f32, prior_exponent as f32, log_priors)?;
        Ok(Self { phones, pronunciations, scores, outputs, settings })
    }

    /// Number of the acoustic model's outputs.
    #[must_use]
    pub fn outputs(&self) -> usize {
        self.outputs
    }

    /// Aligns the words of an utterance with its frames. `log_posteriors` writes those of a frame, `[outputs]`; it is asked for
    /// each frame in order, twice if the wider beam is needed.
    ///
    /// # Errors
    /// [`Error::Decode`] with the frame if a log posterior is not a number; for words of another lexicon, and for transcripts of
    /// hours. An utterance that cannot be aligned is no error but [`Unaligned`].
    pub fn align(
        &self,
        words: &[WordId],
        frames: usize,
        log_posteriors: &mut dyn FnMut(usize, &mut [f32]),
    ) -> Result<Result<Aligned, Unaligned>, Error> {
        let graph = self.graph(words)?;
        let fewest = graph.fewest_frames();
        if frames < fewest {
            return Ok(Err(Unaligned::TooShort { frames, fewest }));
        }
        let AlignSettings { beam, retry_beam, .. } = self.settings;
        if let Some(found) = self.search(&graph, frames, log_posteriors, beam)? {
            return Ok(Ok(self.aligned(found, false)));
        }
        if retry_beam > beam
            && let Some(found) = self.search(&graph, frames, log_posteriors, retry_beam)?
        {
            return Ok(Ok(self.aligned(found, true)));
        }
        Ok(Err(Unaligned::NoPath { beam: retry_beam.max(beam) }))
    }

    /// The graph of a transcript, made of its own words only.
    fn graph(&self, words: &[WordId]) -> Result<TranscriptGraph, Error> {
        let mut distinct = words.to_vec();
        distinct.sort_unstable();
        distinct.dedup();
        let mut pronunciations = Vec::new();
        for (word, label) in distinct.iter().zip(1..) {
            for (phones, cost) in self.pronunciations.get(word.index()).into_iter().flatten() {
                pronunciations.push(Pronunciation { word: label, phones: phones.clone(), cost: *cost });
            }
        }
        let pause = Silence { phone: self.phones.pause(), probability: self.settings.pause_probability };
        let topology = self.phones.topology();
        let lexicon = Pronunciations::new(pronunciations, Some(pause), topology)?;
        // Every word is among the distinct ones, of which there are fewer than words of a lexicon.
        let label = |word: &WordId| distinct.partition_point(|other| other < word) as u32 + 1;
        let labels: Vec<u32> = words.iter().map(label).collect();
        Ok(TranscriptGraph::new(&labels, &lexicon, topology, MOST_STATES)?)
    }

    fn search(
        &self,
        graph: &TranscriptGraph,
        frames: usize,
        log_posteriors: &mut dyn FnMut(usize, &mut [f32]),
        beam: f64,
    ) -> Result<Option<Alignment>, Error> {
        let mut search = graph.align(beam);
        let (mut row, mut costs) = (vec![0.0; self.outputs], Vec::new());
        for frame in 0..frames {
            log_posteriors(frame, &mut row);
            self.scores.costs(frame, &row, &mut costs)?;
            match search.advance(&costs) {
                Err(stentor_decode::Error::NoPath { .. }) => return Ok(None),
                advanced => advanced?,
            }
        }
        Ok(search.finish())
    }

    fn aligned(&self, found: Alignment, is_retried: bool) -> Aligned {
        let name = |phone: u32| self.phones.table().names()[phone as usize].clone();
        let phones = found.phones.into_iter().map(|said| SaidPhone {
            phone: name(said.phone),
            word: said.word,
            start: said.frames.start,
            end: said.frames.end,
        });
        // Outputs of a model are numbered with 16 bits.
        let senones = SenoneId::list(found.outputs.into_iter().map(|output| output as u16));
        Aligned { senones, phones: phones.collect(), cost: found.cost, is_retried }
    }
}

impl AlignSettings {
    /// Checks all bounds.
    ///
    /// # Errors
    /// [`Error::Setting`].
    pub fn check(&self) -> Result<(), Error> {
        let positive = |number: f64| number > 0.0 && number <= 1e6;
        let pause = self.pause_probability;
        let checks = [
            ("acoustic_scale", self.acoustic_scale, positive(self.acoustic_scale), ABOVE_0),
            ("prior_exponent", self.prior_exponent, self.prior_exponent.abs() <= 1e6, ANY),
            (
                "pause_probability",
                pause,
                pause > 0.0 && pause < 1.0,
                "a number between 0 and 1, both excluded",
            ),
            ("beam", self.beam, positive(self.beam), ABOVE_0),
            ("retry_beam", self.retry_beam, self.retry_beam >= self.beam, "a number of at least the beam"),
        ];
        match checks.into_iter().find(|(_, _, is_good, _)| !is_good) {
            Some((setting, found, _, expected)) => Err(Error::Setting { setting, expected, found }),
            None => Ok(()),
        }
    }
}
