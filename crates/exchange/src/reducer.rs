use crate::error::Error;
use crate::gtc::{Counts, Header, MAX_CONTRIBUTORS, Rethreshold, Tau};
use crate::mean::WeightedMean;
use crate::precision::Precision;
use stentor_experiment::BmufWeights;

/// What kind of sum the contributions of a round make.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Summation {
    /// The mean of vectors of floats.
    Mean {
        /// How they are weighted.
        weights: BmufWeights,
        /// How they are laid out.
        precision: Precision,
    },
    /// Signs of ±τ, which are counted.
    Signs {
        /// The round's threshold, the same for all.
        tau: Tau,
    },
}

impl Summation {
    /// The mean of vectors of `f32`.
    #[must_use]
    pub fn mean(weights: BmufWeights) -> Self {
        Summation::Mean { weights, precision: Precision::F32 }
    }
}

/// The coordinator's side of a round: contributions in, one update out.
///
/// A contribution without frames counts for nothing: it has weight 0 in a mean and is not among the c
/// contributors of a sum of signs. Its payload is not read, and the worker behind it must keep its old
/// residual.
///
/// The payload of the update is, for a mean, that mean, always as `f32`; for signs, the message of the counts, which
/// carries τ and c.
#[derive(Debug, Clone)]
pub struct Reducer {
    parameters: usize,
    sum: Sum,
    last_slot: Option<u32>,
    contributors: u32,
    frames: u64,
}

#[derive(Debug, Clone)]
enum Sum {
    Mean {
        mean: WeightedMean,
        weights: BmufWeights,
        precision: Precision,
    },
    /// `signs`: how many have been sent, in all contributions together.
    Counts {
        counts: Counts,
        tau: Tau,
        signs: u64,
    },
}

/// What a round came to.
#[derive(Debug, Clone, PartialEq)]
pub struct Reduction {
    /// The update's payload.
    pub payload: Vec<u8>,
    /// Contributions with frames.
    pub contributors: u32,
    /// Frames behind them.
    pub frames: u64,
    /// Values of the update that are not zero: all, but for a sum of signs.
    pub nonzero: u64,
    /// 2-norm of the coordinator's residual, where the sum was thresholded again.
    pub residual_norm: Option<f64>,
}

impl Reducer {
    /// An empty round over vectors of `parameters` values.
    #[must_use]
    pub fn new(summation: &Summation, parameters: usize) -> Self {
        let sum = match *summation {
            Summation::Signs { tau } => Sum::Counts { counts: Counts::new(parameters), tau, signs: 0 },
            Summation::Mean { weights, precision } => {
                Sum::Mean { mean: WeightedMean::new(parameters), weights, precision }
            }
        };
        Self { parameters, sum, last_slot: None, contributors: 0, frames: 0 }
    }

    /// Empties the round for another one, and keeps the memory where the encoding allows.
    pub fn restart(&mut self, summation: &Summation) {
        match (&mut self.sum, *summation) {
            (Sum::Counts { counts, tau, signs }, Summation::Signs { tau: next }) => {
                counts.clear();
                (*tau, *signs) = (next, 0);
            }
            (
                Sum::Mean { mean, weights, precision },
                Summation::Mean { weights: next, precision: laid_out },
            ) => {
                mean.clear();
                (*weights, *precision) = (next, laid_out);
            }
            _ => *self = Self::new(summation, self.parameters),
        }
        (self.last_slot, self.contributors, self.frames) = (None, 0, 0);
    }

    /// Adds the contribution of `slot`, made of `frames` valid frames. Slots come in ascending order, each at
    /// most once: a sum of floats depends on it.
    ///
    /// # Errors
    /// [`Error::SlotOrder`], [`Error::TauMismatch`], and what is wrong with the payload. The round is then as
    /// before, so that the member can be dropped and the others go on.
    pub fn add(&mut self, slot: u32, frames: u64, payload: &[u8]) -> Result<(), Error> {
        if let Some(previous) = self.last_slot
            && slot <= previous
        {
            return Err(Error::SlotOrder { previous, found: slot });
        }
        if frames > 0 {
            let total =
                self.frames.checked_add(frames).ok_or(Error::Overflow { what: "frames", found: frames })?;
            if self.contributors == MAX_CONTRIBUTORS {
                return Err(Error::Overflow { what: "contributors", found: 1 });
            }
            self.accumulate(slot, frames, payload)?;
            self.frames = total;
            self.contributors += 1;
        }
        self.last_slot = Some(slot);
        Ok(())
    }

    /// Closes the round with the exact sum.
    ///
    /// # Errors
    /// [`Error::NothingToReduce`] where no contribution holds a frame.
    pub fn finish(&mut self) -> Result<Reduction, Error> {
        self.reduce(None)
    }

    /// Closes the round; a sum of signs is thresholded again, so that as many values go down as came up from one
    /// contributor on average; anything else is as with [`Reducer::finish`].
    ///
    /// # Errors
    /// [`Error::NothingToReduce`], [`Error::Length`]. The residual is then as before.
    pub fn finish_rethresholded(&mut self, rethreshold: &mut Rethreshold) -> Result<Reduction, Error> {
        self.reduce(Some(rethreshold))
    }

    fn accumulate(&mut self, slot: u32, frames: u64, payload: &[u8]) -> Result<(), Error> {
        match &mut self.sum {
            Sum::Counts { counts, tau, signs } => {
                check_contribution(Header::read(payload, self.parameters)?, slot, *tau)?;
                *signs += counts.add(payload)?.nonzero;
                Ok(())
            }
            Sum::Mean { mean, weights, precision } => {
                mean.add_payload(weights.of(frames), payload, *precision)
            }
        }
    }

    fn reduce(&mut self, rethreshold: Option<&mut Rethreshold>) -> Result<Reduction, Error> {
        let (contributors, frames) = (self.contributors, self.frames);
        if contributors == 0 {
            return Err(Error::NothingToReduce);
        }
        let mut payload = Vec::new();
        let mut residual_norm = None;
        let nonzero = match (&mut self.sum, rethreshold) {
            (Sum::Counts { counts, tau, .. }, None) => counts.encode(*tau, contributors, &mut payload)?,
            (Sum::Counts { counts, tau, signs }, Some(rethreshold)) => {
                let values = u64::from(contributors) * self.parameters.max(1) as u64;
                let density = *signs as f64 / values as f64;
                let stats = rethreshold.encode(counts, *tau, contributors, density, &mut payload)?;
                residual_norm = Some(stats.residual_norm);
                stats.sent
            }
            (Sum::Mean { mean, .. }, _) => {
                payload = mean.finish_payload()?;
                self.parameters as u64
            }
        };
        Ok(Reduction { payload, contributors, frames, nonzero, residual_norm })
    }
}

/// A contribution holds signs of the round's τ, not a sum of somebody's.
fn check_contribution(header: Header, slot: u32, tau: Tau) -> Result<(), Error> {
    if header.tau != tau {
        return Err(Error::TauMismatch { slot, expected: tau.get(), found: header.tau.get() });
    }
    if header.divisor != 1 {
        let (found, expected) = (u64::from(header.divisor), "1 in a contribution".to_owned());
        return Err(Error::Header { field: "divisor", found, expected });
    }
    Ok(())
}
