//! Typed views of the rows of feature sets and label sets.

use crate::column::{Column, Extent};
use crate::row::{Row, first_not_finite};
use crate::{RowError, registry};
use half::f16;
use stentor_inventory::SenoneId;

/// A typed view of the rows of one kind of set.
pub trait View: Sized + Send {
    /// What all rows of a set have in common.
    type Layout: Copy + Send + Sync;

    /// Returns the columns of the view, in the order of the file.
    fn columns(layout: Self::Layout) -> Vec<Column>;

    /// Returns the view of a row that was checked against these columns. Other columns of the row are dropped.
    ///
    /// # Errors
    /// [`RowError::RowColumn`] if one of the columns is missing.
    fn from_row(row: Row) -> Result<Self, RowError>;

    /// Returns the row of a checked view.
    fn into_row(self, layout: Self::Layout) -> Row;

    /// Checks the rules of this kind of row.
    ///
    /// # Errors
    /// See the view's own `check`.
    fn check(&self, layout: Self::Layout) -> Result<(), RowError>;
}

/// Layout of every row of a feature set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FeatureLayout {
    /// Values in a frame.
    pub dimension: usize,
    /// Size of the inventory; every id in an alignment is below it.
    pub senones: usize,
}

/// Layout of every row of a label set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LabelLayout {
    /// Labels kept for each frame.
    pub top_k: usize,
    /// Size of the inventory; every id is below it.
    pub senones: usize,
}

/// One utterance of a feature set.
#[derive(Debug, Clone, PartialEq)]
pub struct FeatureRow {
    /// Its name, unique in the corpus.
    pub utterance: String,
    /// The speaker.
    pub speaker: String,
    /// What must not be split between training and test: a dialogue or a recording session.
    pub group: String,
    /// Stacked log-mel energies, not normalised; `[frames × dimension]`, frame after frame.
    pub features: Vec<f16>,
    /// Senone of each frame, `[frames]`; `None` if the utterance is unannotated.
    pub alignment: Option<Vec<SenoneId>>,
    /// The spoken text; `None` if the utterance is unannotated.
    pub text: Option<String>,
}

impl FeatureRow {
    /// Number of frames of `dimension` values; 0 for a dimension of 0.
    #[must_use]
    pub fn frames(&self, dimension: usize) -> usize {
        self.features.len().checked_div(dimension).unwrap_or(0)
    }

    /// Checks the row's rules.
    ///
    /// # Errors
    /// [`RowError::EmptyUtterance`], [`RowError::FeatureLength`], [`RowError::ColumnLength`], [`RowError::SenoneOutOfRange`],
    /// [`RowError::NotFinite`].
    pub fn check(&self, layout: FeatureLayout) -> Result<(), RowError> {
        let utterance = || self.utterance.clone();
        let FeatureLayout { dimension, senones } = layout;
        if self.features.is_empty() {
            return Err(RowError::EmptyUtterance { utterance: utterance() });
        }
        if dimension == 0 || !self.features.len().is_multiple_of(dimension) {
            return Err(RowError::FeatureLength {
                utterance: utterance(),
                values: self.features.len(),
                dimension,
            });
        }
        let frames = self.features.len() / dimension;
        if let Some(alignment) = &self.alignment {
            check_length("alignment", alignment.len(), frames, 1, &self.utterance)?;
            if let Some(frame) = alignment.iter().position(|id| id.index() >= senones) {
                return Err(RowError::SenoneOutOfRange {
                    utterance: utterance(),
                    frame,
                    id: alignment[frame],
                    senones,
                });
            }
        }
        if let Some(at) = first_not_finite(&self.features) {
            let (frame, index) = (at / dimension, at % dimension);
            return Err(RowError::NotFinite {
                utterance: utterance(),
                column: "features".to_owned(),
                frame,
                index,
            });
        }
        Ok(())
    }
}

/// The soft labels of one utterance: for each frame the teacher's k most probable senones in descending order, and the
/// residual mass of all others.
///
/// Log probabilities are stored in units of 1/256 nat, so that probabilities are accurate to 0.2 %. The lowest is
/// e^−128.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LabelRow {
    /// Its name, as in the features.
    pub utterance: String,
    /// Senones, `[frames × k]`, most probable first within each frame.
    pub ids: Vec<SenoneId>,
    /// ln p in 1/256 nat, `[frames × k]`, parallel to `ids`.
    pub log_probs: Vec<i16>,
    /// 1 − Σp of each frame in 1/65535, `[frames]`.
    pub residual: Vec<u16>,
}

impl LabelRow {
    /// Units of a log-probability in a nat.
    pub const UNITS_PER_NAT: f32 = 256.0;
    /// Units of a residual mass of 1.
    pub const UNITS_PER_MASS: f32 = 65_535.0;

    /// ln p → units of 1/256 nat, clamped to [−128, 0] nats. NaN gives the lowest probability.
    #[must_use]
    pub fn quantise_log_prob(log_prob: f32) -> i16 {
        if log_prob.is_nan() {
            return i16::MIN;
        }
        (log_prob * Self::UNITS_PER_NAT).round().clamp(f32::from(i16::MIN), 0.0) as i16
    }

    /// 1 − Σp → units of 1/65535, clamped to [0, 1]. NaN gives 0.
    #[must_use]
    pub fn quantise_residual(mass: f32) -> u16 {
        (mass * Self::UNITS_PER_MASS).round().clamp(0.0, Self::UNITS_PER_MASS) as u16
    }

    /// Creates a row from the teacher's log probabilities: `ids` and `log_probs` are `[frames × k]` with descending log
    /// probabilities in each frame, `residual` is `[frames]`.
    #[must_use]
    pub fn quantise(utterance: String, ids: Vec<SenoneId>, log_probs: &[f32], residual: &[f32]) -> Self {
        LabelRow {
            utterance,
            ids,
            log_probs: log_probs.iter().map(|l| Self::quantise_log_prob(*l)).collect(),
            residual: residual.iter().map(|m| Self::quantise_residual(*m)).collect(),
        }
    }

    /// Number of frames.
    #[must_use]
    pub fn frames(&self) -> usize {
        self.residual.len()
    }

    /// Number of labels kept for each frame; 0 for a row without frames.
    #[must_use]
    pub fn top_k(&self) -> usize {
        self.ids.len().checked_div(self.residual.len()).unwrap_or(0)
    }

    /// Senones of a frame, most probable first, `[k]`.
    #[must_use]
    pub fn senones(&self, frame: usize) -> &[SenoneId] {
        let k = self.top_k();
        &self.ids[frame * k..(frame + 1) * k]
    }

    /// ln p of all kept labels, nats, `[frames × k]`.
    pub fn log_probabilities(&self) -> impl Iterator<Item = f32> {
        self.log_probs.iter().map(|&units| f32::from(units) / Self::UNITS_PER_NAT)
    }

    /// Total probability of the senones that were not kept, 1 − Σp, `[frames]`.
    pub fn residual_masses(&self) -> impl Iterator<Item = f32> {
        self.residual.iter().map(|&units| f32::from(units) / Self::UNITS_PER_MASS)
    }

    /// Checks the row's rules.
    ///
    /// # Errors
    /// [`RowError::EmptyUtterance`], [`RowError::ColumnLength`], [`RowError::SenoneOutOfRange`], [`RowError::LogProbability`],
    /// [`RowError::DuplicateSenone`].
    pub fn check(&self, layout: LabelLayout) -> Result<(), RowError> {
        let utterance = || self.utterance.clone();
        let LabelLayout { top_k, senones } = layout;
        let frames = self.residual.len();
        if frames == 0 {
            return Err(RowError::EmptyUtterance { utterance: utterance() });
        }
        for (column, found) in [("ids", self.ids.len()), ("log_probs", self.log_probs.len())] {
            check_length(column, found, frames, top_k, &self.utterance)?;
        }
        if let Some(at) = self.ids.iter().position(|id| id.index() >= senones) {
            let id = self.ids[at];
            return Err(RowError::SenoneOutOfRange {
                utterance: utterance(),
                frame: at / top_k,
                id,
                senones,
            });
        }
        let falls = |frame: &[i16]| {
            frame[0] <= 0 && frame.windows(2).fold(true, |all, pair| all & (pair[1] <= pair[0]))
        };
        if let Some(frame) = self.log_probs.chunks_exact(top_k).position(|frame| !falls(frame)) {
            return Err(RowError::LogProbability { utterance: utterance(), frame });
        }
        let mut last_seen = vec![usize::MAX; senones];
        for (at, id) in self.ids.iter().enumerate() {
            let frame = at / top_k;
            if std::mem::replace(&mut last_seen[id.index()], frame) == frame {
                return Err(RowError::DuplicateSenone { utterance: utterance(), frame, id: *id });
            }
        }
        Ok(())
    }
}

impl View for FeatureRow {
    type Layout = FeatureLayout;

    fn columns(layout: FeatureLayout) -> Vec<Column> {
        registry::of_features(layout.dimension)
    }

    fn from_row(mut row: Row) -> Result<Self, RowError> {
        Ok(FeatureRow {
            speaker: text(row.take("speaker")?),
            group: text(row.take("group")?),
            features: row.take("features")?,
            alignment: row.take_option::<u16>("alignment")?.map(SenoneId::list),
            text: row.take_option("text")?.map(text),
            utterance: row.utterance,
        })
    }

    fn into_row(self, layout: FeatureLayout) -> Row {
        let frames = self.frames(layout.dimension);
        Row::new(self.utterance, count(frames))
            .with("speaker", vec![self.speaker])
            .with("group", vec![self.group])
            .with("features", self.features)
            .with_option("alignment", self.alignment.map(numbers))
            .with_option("text", self.text.map(|text| vec![text]))
    }

    fn check(&self, layout: FeatureLayout) -> Result<(), RowError> {
        FeatureRow::check(self, layout)
    }
}

impl View for LabelRow {
    type Layout = LabelLayout;

    fn columns(layout: LabelLayout) -> Vec<Column> {
        registry::of_labels(layout.top_k)
    }

    fn from_row(mut row: Row) -> Result<Self, RowError> {
        Ok(LabelRow {
            ids: SenoneId::list(row.take::<u16>("ids")?),
            log_probs: row.take("log_probs")?,
            residual: row.take("residual")?,
            utterance: row.utterance,
        })
    }

    fn into_row(self, _: LabelLayout) -> Row {
        let frames = self.frames();
        Row::new(self.utterance, count(frames))
            .with("ids", numbers(self.ids))
            .with("log_probs", self.log_probs)
            .with("residual", self.residual)
    }

    fn check(&self, layout: LabelLayout) -> Result<(), RowError> {
        LabelRow::check(self, layout)
    }
}

/// Returns the only text of an utterance.
fn text(mut texts: Vec<String>) -> String {
    texts.pop().unwrap_or_default()
}

fn numbers(ids: Vec<SenoneId>) -> Vec<u16> {
    ids.into_iter().map(SenoneId::number).collect()
}

/// A number that overflows exceeds the limit of every row, so that writing it is rejected.
fn count(frames: usize) -> u32 {
    u32::try_from(frames).unwrap_or(u32::MAX)
}

/// Checks the number of values in a column with `values` per frame.
fn check_length(
    column: &str,
    found: usize,
    frames: usize,
    values: usize,
    utterance: &str,
) -> Result<(), RowError> {
    let expected = frames.saturating_mul(values);
    if found == expected && found > 0 {
        return Ok(());
    }
    Err(RowError::ColumnLength {
        utterance: utterance.to_owned(),
        column: column.to_owned(),
        extent: Extent::PerFrame { values: u32::try_from(values).unwrap_or(u32::MAX) },
        frames: count(frames),
        expected: expected as u64,
        found: found as u64,
    })
}
