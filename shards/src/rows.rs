use crate::Error;
use half::f16;
use stentor_inventory::SenoneId;

/// Layout of every row of a feature set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FeatureLayout {
    /// Values in a frame.
    pub dimension: usize,
    /// Size of the inventory; every aligned id is below it.
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
    /// Who speaks.
    pub speaker: String,
    /// What must not be split between training and test: a dialogue, a recording session.
    pub group: String,
    /// Stacked log-mel energies, not normalised; `[frames × dimension]`, frame after frame.
    pub features: Vec<f16>,
    /// Senone of each frame, `[frames]`; `None` where the utterance is unannotated.
    pub alignment: Option<Vec<SenoneId>>,
    /// What is said; `None` where the utterance is unannotated.
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
    /// [`Error::EmptyUtterance`], [`Error::FeatureLength`], [`Error::AlignmentLength`], [`Error::SenoneOutOfRange`],
    /// [`Error::NotFinite`].
    pub fn check(&self, layout: FeatureLayout) -> Result<(), Error> {
        let utterance = || self.utterance.clone();
        let FeatureLayout { dimension, senones } = layout;
        if self.features.is_empty() {
            return Err(Error::EmptyUtterance { utterance: utterance() });
        }
        if dimension == 0 || !self.features.len().is_multiple_of(dimension) {
            return Err(Error::FeatureLength {
                utterance: utterance(),
                values: self.features.len(),
                dimension,
            });
        }
        let frames = self.features.len() / dimension;
        if let Some(alignment) = &self.alignment {
            if alignment.len() != frames {
                return Err(Error::AlignmentLength {
                    utterance: utterance(),
                    expected: frames,
                    found: alignment.len(),
                });
            }
            if let Some(frame) = alignment.iter().position(|id| id.index() >= senones) {
                return Err(Error::SenoneOutOfRange {
                    utterance: utterance(),
                    frame,
                    id: alignment[frame],
                    senones,
                });
            }
        }
        // All exponent bits set is infinity or NaN. Folded without a branch: a worker checks 10^8 values a second.
        let finite = |value: &f16| value.to_bits() & 0x7c00 != 0x7c00;
        if !self.features.iter().fold(true, |all, value| all & finite(value)) {
            let index = self.features.iter().position(|value| !finite(value)).unwrap_or(0);
            return Err(Error::NotFinite {
                utterance: utterance(),
                frame: index / dimension,
                index: index % dimension,
            });
        }
        Ok(())
    }
}

/// The soft labels of one utterance: for each frame the k senones that the teacher finds most probable, falling, and
/// the residual mass of all others.
///
/// Log-probabilities are kept in units of 1/256 nat: a probability is right to 0.2 %. The least one is e^−128.
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

    /// ln p → units of 1/256 nat, clamped to [−128, 0] nats. NaN gives the least probability.
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

    /// A row from the teacher's log-probabilities: `ids` and `log_probs` are `[frames × k]` with falling
    /// log-probabilities in each frame, `residual` is `[frames]`.
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

    /// Labels kept for each frame; 0 for a row without frames.
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

    /// Probability of all senones of a frame that were not kept, 1 − Σp, `[frames]`.
    pub fn residual_masses(&self) -> impl Iterator<Item = f32> {
        self.residual.iter().map(|&units| f32::from(units) / Self::UNITS_PER_MASS)
    }

    /// Checks the row's rules.
    ///
    /// # Errors
    /// [`Error::EmptyUtterance`], [`Error::LabelLength`], [`Error::SenoneOutOfRange`], [`Error::LogProbability`],
    /// [`Error::DuplicateSenone`].
    pub fn check(&self, layout: LabelLayout) -> Result<(), Error> {
        let utterance = || self.utterance.clone();
        let LabelLayout { top_k, senones } = layout;
        let frames = self.residual.len();
        if frames == 0 {
            return Err(Error::EmptyUtterance { utterance: utterance() });
        }
        let expected = frames.saturating_mul(top_k);
        for (column, found) in [("ids", self.ids.len()), ("log_probs", self.log_probs.len())] {
            if found != expected || found == 0 {
                return Err(Error::LabelLength {
                    utterance: utterance(),
                    column,
                    expected,
                    found,
                    frames,
                    top_k,
                });
            }
        }
        if let Some(at) = self.ids.iter().position(|id| id.index() >= senones) {
            let id = self.ids[at];
            return Err(Error::SenoneOutOfRange { utterance: utterance(), frame: at / top_k, id, senones });
        }
        let falls = |frame: &[i16]| {
            frame[0] <= 0 && frame.windows(2).fold(true, |all, pair| all & (pair[1] <= pair[0]))
        };
        if let Some(frame) = self.log_probs.chunks_exact(top_k).position(|frame| !falls(frame)) {
            return Err(Error::LogProbability { utterance: utterance(), frame });
        }
        let mut last_seen = vec![usize::MAX; senones];
        for (at, id) in self.ids.iter().enumerate() {
            let frame = at / top_k;
            if std::mem::replace(&mut last_seen[id.index()], frame) == frame {
                return Err(Error::DuplicateSenone { utterance: utterance(), frame, id: *id });
            }
        }
        Ok(())
    }
}
