use crate::interleave::{BySource, Stretch, stretch};
use crate::permutation::Permutation;
use crate::random::{Purpose, key};
use crate::{Catalogue, Error, Lease, RowGroup};
use std::ops::Range;
use stentor_experiment::{Batch, Interleave, Schedule, Source};
use xxhash_rust::xxh3::Xxh3;

/// Maximum number of batches in a unit; more come from a manifest that is wrong or malicious.
const MAX_UNIT_BATCHES: u64 = 1 << 20;

/// Version of the rules that make batches; part of the fingerprint. 2: cuts move from pass to pass.
const FORMAT: u64 = 2;
/// Version 1: an utterance is cut at the same places in every pass.
const EARLIER_FORMAT: u64 = 1;

/// A work unit: the batches made from a few neighbouring row groups.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnitSpan {
    /// Its row groups, numbered as in the [`Catalogue`].
    pub row_groups: Range<usize>,
    /// Number of frames of its utterances.
    pub frames: u64,
    /// Number of batches made from them, at least 1.
    pub batches: u32,
}

/// Work units, passes and their order for a whole run. Takes sixteen bytes per unit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    seed: u64,
    interleave: Interleave,
    sub_epoch_batches: u32,
    unit_batches: u32,
    annotated: Units,
    machine_labeled: Units,
    total_frames: u64,
    fingerprint: u64,
    /// [`Plan::fingerprint`] as versions with [`EARLIER_FORMAT`] wrote it for the same data and settings.
    earlier_fingerprint: u64,
}

/// The units of a source.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Units {
    passes: u32,
    /// The first row group of each unit, followed by one past the last row group.
    starts: Vec<u32>,
    frames: Vec<u64>,
    batches: Vec<u32>,
    batches_of_a_pass: u64,
    frames_of_a_pass: u64,
}

impl Plan {
    /// Plans a run over `annotated` data and, if given, `machine_labeled` data.
    ///
    /// With machine-labeled data there are `annotated_passes × passes` passes over the annotated data, otherwise
    /// `passes`. A unit consists of as many consecutive row groups as give `batch.unit_batches` batches; a row group
    /// is never split.
    ///
    /// # Errors
    /// [`Error::NoFrames`] if a source that is used is empty, [`Error::Zero`] for settings that make no batches,
    /// [`Error::TooLarge`] for more frames or batches than can be counted.
    // Taken by value, although it is only read, so that the caller's millions of row groups are freed.
    #[allow(clippy::needless_pass_by_value)]
    pub fn new(
        annotated: Catalogue,
        machine_labeled: Option<Catalogue>,
        batch: &Batch,
        schedule: &Schedule,
        seed: u64,
    ) -> Result<Self, Error> {
        for (key, value) in [
            ("batch.chunk_frames", batch.chunk_frames),
            ("batch.chunks", batch.chunks),
            ("batch.unit_batches", batch.unit_batches),
            ("schedule.passes", schedule.passes),
            ("schedule.sub_epoch_batches", schedule.sub_epoch_batches),
        ] {
            if value == 0 {
                return Err(Error::Zero { key });
            }
        }
        let [fingerprint, earlier_fingerprint] = [FORMAT, EARLIER_FORMAT]
            .map(|format| fingerprint(format, &annotated, machine_labeled.as_ref(), batch, schedule, seed));
        let annotated_passes = match machine_labeled {
            None => Some(schedule.passes),
            Some(_) => schedule.passes.checked_mul(schedule.annotated_passes),
        };
        let too_many = || too_large(Source::Annotated, "passes", u64::from(u32::MAX));
        let annotated =
            Units::new(Source::Annotated, &annotated, annotated_passes.ok_or_else(too_many)?, batch)?;
        let machine_labeled = match &machine_labeled {
            None => Units::default(),
            Some(catalogue) => Units::new(Source::MachineLabeled, catalogue, schedule.passes, batch)?,
        };
        let total_frames = (annotated.total(annotated.frames_of_a_pass))
            .zip(machine_labeled.total(machine_labeled.frames_of_a_pass))
            .and_then(|(a, m)| a.checked_add(m))
            .ok_or_else(|| too_large(Source::MachineLabeled, "frames of all passes", u64::MAX))?;
        Ok(Plan {
            seed,
            interleave: schedule.interleave,
            sub_epoch_batches: schedule.sub_epoch_batches,
            unit_batches: batch.unit_batches,
            annotated,
            machine_labeled,
            total_frames,
            fingerprint,
            earlier_fingerprint,
        })
    }

    /// Identifies everything that the plan depends on: the row groups' sizes, the seed, `[batch]`, passes and
    /// interleaving of `[schedule]`, and the version of the rules that make batches. A run may be resumed only if it
    /// is equal.
    #[must_use]
    pub fn fingerprint(&self) -> u64 {
        self.fingerprint
    }

    /// Whether `fingerprint` is that of the same data and settings with a version that cut utterances at other places.
    pub(crate) fn is_of_earlier_version(&self, fingerprint: u64) -> bool {
        self.earlier_fingerprint == fingerprint
    }

    /// Number of units of a source.
    #[must_use]
    pub fn units(&self, source: Source) -> u64 {
        self.of(source).batches.len() as u64
    }

    /// The row groups, frames and batches of unit number `unit` of a source.
    ///
    /// # Errors
    /// [`Error::NoSuchUnit`] if the source has no unit with this number.
    pub fn unit(&self, source: Source, unit: u64) -> Result<UnitSpan, Error> {
        let units = self.of(source);
        let known = usize::try_from(unit).ok().filter(|&u| u < units.batches.len());
        let index = known.ok_or(Error::NoSuchUnit { data: source, unit, units: self.units(source) })?;
        Ok(UnitSpan {
            row_groups: units.starts[index] as usize..units.starts[index + 1] as usize,
            frames: units.frames[index],
            batches: units.batches[index],
        })
    }

    /// Number of passes over a source in the whole run; 0 if it is not used.
    #[must_use]
    pub fn passes(&self, source: Source) -> u32 {
        self.of(source).passes
    }

    /// Number of batches of a source in all passes.
    #[must_use]
    pub fn total_batches(&self, source: Source) -> u64 {
        let units = self.of(source);
        // Cannot overflow: this was checked when the plan was made.
        units.batches_of_a_pass * u64::from(units.passes)
    }

    /// Number of frames of one pass over a source; 0 if it is not used.
    #[must_use]
    pub fn frames_of_a_pass(&self, source: Source) -> u64 {
        self.of(source).frames_of_a_pass
    }

    /// Number of frames of the whole run: all passes over both sources.
    #[must_use]
    pub fn total_frames(&self) -> u64 {
        self.total_frames
    }

    /// The unit at position `place` (from 0) in the order of `pass`.
    ///
    /// # Errors
    /// [`Error::NoSuchUnit`] if the source does not have more than `place` units.
    pub fn unit_at(&self, source: Source, pass: u32, place: u64) -> Result<u64, Error> {
        let units = self.units(source);
        if place >= units {
            return Err(Error::NoSuchUnit { data: source, unit: place, units });
        }
        Ok(self.order(source, pass).at(place))
    }

    /// Number of frames by which the batches of `lease` advance the schedule. Batch b (from 0) of a unit of F frames
    /// and B batches counts ⌊F·(b+1)/B⌋ − ⌊F·b/B⌋: whatever the content of each batch, the unit's batches add up to F.
    /// 0 for a lease that [`Plan::check_lease`] refuses.
    #[must_use]
    pub fn planned_frames(&self, lease: &Lease) -> u64 {
        if self.check_lease(lease).is_err() {
            return 0;
        }
        let units = self.of(lease.source);
        let (frames, batches) = (units.frames[lease.unit as usize], units.batches[lease.unit as usize]);
        let before = |batch: u64| (u128::from(frames) * u128::from(batch) / u128::from(batches)) as u64;
        before(lease.end_batch()) - before(u64::from(lease.first_batch))
    }

    /// Checks that the plan contains the batches of `lease`. Call it for leases from the network or from disk.
    ///
    /// # Errors
    /// [`Error::NoSuchUnit`] or [`Error::NoSuchBatches`] if it does not.
    pub fn check_lease(&self, lease: &Lease) -> Result<(), Error> {
        let (batches, passes) = (self.unit(lease.source, lease.unit)?.batches, self.passes(lease.source));
        if lease.pass < passes && lease.batches >= 1 && lease.end_batch() <= u64::from(batches) {
            Ok(())
        } else {
            Err(Error::NoSuchBatches { lease: *lease, batches, passes })
        }
    }

    /// `batch.unit_batches`.
    pub(crate) fn unit_batches(&self) -> u32 {
        self.unit_batches
    }

    /// Number of batches and frames of one pass over a source.
    pub(crate) fn of_a_pass(&self, source: Source) -> (u64, u64) {
        (self.of(source).batches_of_a_pass, self.of(source).frames_of_a_pass)
    }

    /// The whole unit number `turn` (from 0) in the sequence of all passes over a source; `None` after the last pass.
    pub(crate) fn unit_in_turn(&self, source: Source, turn: u64) -> Option<Lease> {
        let units = self.units(source);
        let pass = u32::try_from(turn.checked_div(units)?).ok().filter(|&p| p < self.passes(source))?;
        let unit = self.order(source, pass).at(turn % units);
        let batches = self.of(source).batches[unit as usize];
        Some(Lease { source, pass, unit, first_batch: 0, batches })
    }

    /// The inverse of [`Plan::unit_in_turn`], for a unit that exists.
    pub(crate) fn turn_of(&self, source: Source, pass: u32, unit: u64) -> u64 {
        u64::from(pass) * self.units(source) + self.order(source, pass).place_of(unit)
    }

    /// The stretch after `committed` batches of each source; `None` at the end.
    pub(crate) fn stretch(&self, committed: BySource) -> Option<Stretch> {
        stretch(
            self.interleave,
            self.sub_epoch_batches,
            Source::ALL.map(|s| self.total_batches(s)),
            committed,
        )
    }

    fn order(&self, source: Source, pass: u32) -> Permutation {
        let parts = [source.index() as u64, u64::from(pass), 0];
        Permutation::new(self.units(source), key(self.seed, Purpose::OrderOfUnits, parts))
    }

    fn of(&self, source: Source) -> &Units {
        match source {
            Source::Annotated => &self.annotated,
            Source::MachineLabeled => &self.machine_labeled,
        }
    }
}

impl Units {
    fn new(source: Source, catalogue: &Catalogue, passes: u32, batch: &Batch) -> Result<Self, Error> {
        if u32::try_from(catalogue.row_groups.len()).is_err() {
            return Err(too_large(source, "row groups", u64::from(u32::MAX)));
        }
        let mut units = Units { passes, ..Units::default() };
        let mut open = RowGroup { frames: 0, utterances: 0 };
        let mut start = 0;
        for (index, row_group) in catalogue.row_groups.iter().enumerate() {
            let frames = open.frames.checked_add(row_group.frames);
            let utterances = open.utterances.checked_add(row_group.utterances);
            let (Some(frames), Some(utterances)) = (frames, utterances) else {
                return Err(too_large(source, "frames and utterances of a unit", u64::from(u32::MAX)));
            };
            open = RowGroup { frames, utterances };
            let is_last = index + 1 == catalogue.row_groups.len();
            let batches = batches_of(open, batch);
            if batches < u64::from(batch.unit_batches) && !is_last {
                continue;
            }
            if batches > MAX_UNIT_BATCHES {
                return Err(too_large(source, "batches of a unit", MAX_UNIT_BATCHES));
            }
            units.starts.push(start);
            units.frames.push(frames);
            units.batches.push(batches as u32);
            units.batches_of_a_pass += batches;
            let sum = units.frames_of_a_pass.checked_add(frames);
            units.frames_of_a_pass = sum.ok_or_else(|| too_large(source, "frames", u64::MAX))?;
            open = RowGroup { frames: 0, utterances: 0 };
            start = index as u32 + 1;
        }
        units.starts.push(start);
        if units.frames_of_a_pass == 0 && passes > 0 {
            return Err(Error::NoFrames { data: source });
        }
        if units.total(units.frames_of_a_pass).is_none() || units.total(units.batches_of_a_pass).is_none() {
            return Err(too_large(source, "frames of all passes", u64::MAX));
        }
        Ok(units)
    }

    fn total(&self, of_a_pass: u64) -> Option<u64> {
        of_a_pass.checked_mul(u64::from(self.passes))
    }
}

/// max(1, round((frames / chunk_frames + utterances / 2) / chunks)), exactly. An utterance's last chunk is half full
/// on average, so each utterance adds half a chunk. In this way the number is known without reading the data.
fn batches_of(content: RowGroup, batch: &Batch) -> u64 {
    let (chunk_frames, chunks) = (u128::from(batch.chunk_frames), u128::from(batch.chunks));
    let doubled_frames = 2 * u128::from(content.frames) + u128::from(content.utterances) * chunk_frames;
    let frames_of_a_batch = chunk_frames * chunks;
    let rounded = (doubled_frames + frames_of_a_batch) / (2 * frames_of_a_batch);
    u64::try_from(rounded).unwrap_or(u64::MAX).max(1)
}

fn too_large(data: Source, what: &'static str, limit: u64) -> Error {
    Error::TooLarge { data, what, limit }
}

fn fingerprint(
    format: u64,
    annotated: &Catalogue,
    machine_labeled: Option<&Catalogue>,
    batch: &Batch,
    schedule: &Schedule,
    seed: u64,
) -> u64 {
    let mut hash = Xxh3::new();
    let mut add = |number: u64| hash.update(&number.to_le_bytes());
    let Batch { chunk_frames, left_context, right_context, chunks, unit_batches } = *batch;
    add(format);
    add(seed);
    for number in [chunk_frames, left_context, right_context, chunks, unit_batches] {
        add(u64::from(number));
    }
    for number in [schedule.passes, schedule.annotated_passes, schedule.sub_epoch_batches] {
        add(u64::from(number));
    }
    add(match schedule.interleave {
        Interleave::SubEpoch => 0,
        Interleave::Batch => 1,
        Interleave::Segregated => 2,
    });
    for catalogue in [Some(annotated), machine_labeled] {
        // One more than the length, to distinguish no catalogue from an empty one.
        add(catalogue.map_or(0, |c| c.row_groups.len() as u64 + 1));
        for row_group in catalogue.iter().flat_map(|c| &c.row_groups) {
            add(row_group.frames);
            add(u64::from(row_group.utterances));
        }
    }
    hash.digest()
}
