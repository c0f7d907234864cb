//! The phones of a set's utterances, as a tying tree sees them.

use anyhow::{Context as _, Result, anyhow, bail};
use stentor_audio::FrameClock;
use stentor_inventory::PhoneId;
use stentor_senones::{Context, Said, Scheme, Sounding, Span, spans, words};
use stentor_shards::{Column, FeatureManifest, FeatureRow, FeatureSet, Row};

/// Note of a set's manifest: what is added to the times of its phones and words to find the frames, in microseconds.
const SHIFT: &str = "alignment_shift_us";

/// Makes the phones of a set's utterances.
pub(super) struct Phones<'a> {
    scheme: &'a Scheme,
    clock: FrameClock,
    shift_us: i64,
    /// Phone of each senone, with its name if the scheme does not have it.
    of_senones: Vec<Result<PhoneId, String>>,
}

impl<'a> Phones<'a> {
    /// # Errors
    /// If the set has no phones with times, or no words where neighbours are looked for within words.
    pub(super) fn new(set: &FeatureSet, scheme: &'a Scheme) -> Result<Self> {
        let location = set.location();
        let manifest = set.manifest();
        if !set.has(Column::PHONES) {
            bail!(
                "{location} has no phones with times (column `{}`): prepare the corpus again, as an annotated set",
                Column::PHONES
            );
        }
        if scheme.context == Context::WithinWords && !set.has(Column::WORDS) {
            bail!(
                "{location} has no times of words (column `{}`), and the neighbours of phones are looked for within words: \
                 prepare the corpus with an aligner that gives them, or grow a tree with `--context across-words`",
                Column::WORDS
            );
        }
        let shift_us = match manifest.notes.get(SHIFT) {
            Some(shift) => shift
                .parse()
                .with_context(|| format!("{location}: expected a number for the note `{SHIFT}`"))?,
            None => 0,
        };
        let phone = |name: &str| scheme.phones.id(name).ok_or_else(|| name.to_owned());
        let senones = manifest.senones.senones().iter();
        Ok(Self {
            scheme,
            clock: FrameClock::new(&manifest.settings),
            shift_us,
            of_senones: senones.map(|senone| phone(&senone.phone)).collect(),
        })
    }

    /// The declared columns that [`Phones::spans`] needs.
    pub(super) fn columns(&self) -> &'static [&'static str] {
        match self.scheme.context {
            Context::WithinWords => &[Column::PHONES, Column::WORDS],
            Context::AcrossWords => &[Column::PHONES],
        }
    }

    /// The phones of an utterance with their frames; `None` without an alignment.
    ///
    /// # Errors
    /// If a frame has a phone that the tree does not know, or that is not among the phones; without times of words where they
    /// are needed.
    pub(super) fn spans(&self, row: &FeatureRow, further: &Row) -> Result<Option<Vec<Span>>> {
        let Some(alignment) = &row.alignment else { return Ok(None) };
        let sounding = |(frame, id): (usize, &stentor_inventory::SenoneId)| match &self.of_senones[id.index()]
        {
            Ok(phone) => Ok(Sounding { phone: *phone, centre_us: self.clock.centre(frame) }),
            Err(name) => Err(anyhow!(
                "frame {frame}: phone `{name}` is not one of the tree's: grow one from speech that has it, or leave such utterances \
                 out with --unknown-phones leave-out"
            )),
        };
        let frames = alignment.iter().enumerate().map(sounding).collect::<Result<Vec<_>>>();
        let said = self.said(further);
        let spans = frames.and_then(|frames| Ok(spans(&said?, &frames, self.scheme)?));
        spans.map(Some).with_context(|| format!("utterance `{}`", row.utterance))
    }

    /// The first phone of an utterance's frames that the tree does not have.
    pub(super) fn stranger(&self, row: &FeatureRow) -> Option<&str> {
        let mut of_frames = row.alignment.iter().flatten().map(|id| &self.of_senones[id.index()]);
        of_frames.find_map(|phone| phone.as_ref().err().map(String::as_str))
    }

    fn said(&self, further: &Row) -> Result<Vec<Said>> {
        let phones: &[stentor_shards::Span] = further.column(Column::PHONES)?;
        let begins_word = match self.scheme.context {
            Context::AcrossWords => vec![false; phones.len()],
            Context::WithinWords => {
                let missing =
                    "it has no times of words: align it again, or grow a tree with `--context across-words`";
                let spoken: &[stentor_shards::Span] = match further.get(Column::WORDS) {
                    Some(_) => further.column(Column::WORDS)?,
                    None => bail!(missing),
                };
                words(&times(phones), &times(spoken))
            }
        };
        let said = |((start, end), (span, begins_word)): ((i64, i64), (&stentor_shards::Span, bool))| Said {
            phone: self.scheme.phones.id(&span.text),
            start_us: 1_000 * start + self.shift_us,
            end_us: 1_000 * end + self.shift_us,
            begins_word,
        };
        Ok(times(phones).into_iter().zip(phones.iter().zip(begins_word)).map(said).collect())
    }
}

/// Starts and ends in milliseconds.
fn times(spans: &[stentor_shards::Span]) -> Vec<(i64, i64)> {
    let time = |span: &stentor_shards::Span| {
        (i64::from(span.start_ms), i64::from(span.start_ms) + i64::from(span.duration_ms))
    };
    spans.iter().map(time).collect()
}

/// Row groups of a set, in order.
pub(super) fn places(manifest: &FeatureManifest) -> impl Iterator<Item = (usize, usize)> {
    let shards = manifest.shards.iter().enumerate();
    shards.flat_map(|(shard, info)| (0..info.row_groups.len()).map(move |row_group| (shard, row_group)))
}
