use crate::error::Error;
use crate::gtc::{self, Counts, Header, MAX_CONTRIBUTORS, Rethreshold, Tau};
use crate::mean::WeightedMean;
use crate::precision::Precision;
use stentor_experiment::BmufWeights;

/// The kind of sum of a round.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Summation {
    /// The mean of vectors of floats.
    Mean {
        /// How the vectors are weighted.
        weights: BmufWeights,
        /// Format of the values.
        precision: Precision,
    },
    /// Counts of the signs of ±τ.
    Signs {
        /// The round's threshold, the same for all contributions.
        tau: Tau,
    },
}

impl Summation {
    /// Returns the mean of vectors of `f32`.
    #[must_use]
    pub fn mean(weights: BmufWeights) -> Self {
        Summation::Mean { weights, precision: Precision::F32 }
    }
}

/// Computes the update of a round from its contributions, at the coordinator or a reducer.
///
/// A contribution without frames does not count: it has weight 0 in a mean and is not among the c contributors of a sum
/// of signs. Its payload is not read, and its worker must keep its old residual.
///
/// The payload of the update is, for a mean, that mean, always as `f32`; for signs, the message of the counts, which
/// contains τ and c.
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
    /// `signs`: number of signs in all contributions together.
    Counts {
        counts: Counts,
        tau: Tau,
        signs: u64,
    },
}

/// The result of a round.
#[derive(Debug, Clone, PartialEq)]
pub struct Reduction {
    /// The update's payload.
    pub payload: Vec<u8>,
    /// Number of contributions with frames.
    pub contributors: u32,
    /// Number of their frames.
    pub frames: u64,
    /// Number of nonzero values in the update; for a mean, of all values.
    pub nonzero: u64,
    /// 2-norm of the coordinator's residual, if the sum was thresholded again.
    pub residual_norm: Option<f64>,
}

impl Reducer {
    /// Creates an empty round for vectors of `parameters` values.
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

    /// Empties the round for the next one, and keeps the memory if the encoding allows it.
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

    /// Adds the contribution of `slot` with `frames` valid frames. Slots must be added in ascending order, each at most
    /// once: a sum of floats depends on the order.
    ///
    /// # Errors
    /// [`Error::SlotOrder`], [`Error::TauMismatch`], and errors in the payload. The round is then unchanged, so that
    /// the member can be dropped and the others continue.
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
    /// [`Error::NothingToReduce`] if no contribution has a frame.
    pub fn finish(&mut self) -> Result<Reduction, Error> {
        self.reduce(None)
    }

    /// Closes the round; a sum of signs is thresholded again, so that about as many values are sent to each worker as
    /// one contribution has on average. Any other sum is as with [`Reducer::finish`].
    ///
    /// # Errors
    /// [`Error::NothingToReduce`], [`Error::Length`]. The residual is then unchanged.
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

/// Checks the payload of `slot` before it is part of a sum of signs: [`Reducer::add`] accepts it if and only if this does.
///
/// # Errors
/// [`Error::TauMismatch`], and errors in the payload.
pub fn check_signs(slot: u32, payload: &[u8], tau: Tau, parameters: usize) -> Result<(), Error> {
    check_contribution(gtc::check(payload, parameters)?, slot, tau)
}

/// Checks that a contribution contains signs of the round's τ, and is not itself a sum.
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
