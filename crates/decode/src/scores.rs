//! Acoustic costs from a model's log posteriors.

use crate::error::{Error, finite};

/// Turns log posteriors of a hybrid acoustic model into costs.
///
/// By Bayes' rule p(x|s) ∝ p(s|x) / p(s), so the cost of output s in a frame is
/// −scale · (log p(s|x) − prior_exponent · log p(s)). A prior exponent of 1 is the rule, 0 leaves priors out.
#[derive(Clone, Debug)]
pub struct AcousticScores {
    scale: f32,
    /// prior_exponent · log prior of each output.
    offsets: Vec<f32>,
}

impl AcousticScores {
    /// `log_priors` has one value for each output of the model.
    ///
    /// # Errors
    /// If `scale` is not positive, or a number is not finite. The log of a prior of 0 is not: give outputs that never occur
    /// in training a floor.
    pub fn new(scale: f32, prior_exponent: f32, log_priors: &[f32]) -> Result<Self, Error> {
        if !(scale > 0.0 && scale.is_finite()) {
            let (what, expected) = ("the acoustic scale".into(), "positive and finite");
            return Err(Error::Value { what, found: scale.into(), expected });
        }
        finite(prior_exponent.into(), || "the prior exponent".into())?;
        let offset = |(output, &log_prior): (usize, &f32)| {
            finite(log_prior.into(), || format!("the log prior of output {output}"))?;
            Ok(prior_exponent * log_prior)
        };
        Ok(Self { scale, offsets: log_priors.iter().enumerate().map(offset).collect::<Result<_, Error>>()? })
    }

    /// Replaces the content of `costs` by those of one frame. A posterior of 0 gives an infinite cost, which no path takes.
    ///
    /// # Errors
    /// With the frame and the output if a log posterior is not a number or is infinitely large.
    pub fn costs(&self, frame: usize, log_posteriors: &[f32], costs: &mut Vec<f32>) -> Result<(), Error> {
        if log_posteriors.len() != self.offsets.len() {
            let expected = self.offsets.len()..=self.offsets.len();
            return Err(Error::Width { frame, found: log_posteriors.len(), expected });
        }
        if let Some(output) = log_posteriors.iter().position(|p| p.is_nan() || *p == f32::INFINITY) {
            return Err(Error::Score { frame, output, what: "log posterior", found: log_posteriors[output] });
        }
        costs.clear();
        costs.extend(log_posteriors.iter().zip(&self.offsets).map(|(p, offset)| -self.scale * (p - offset)));
        Ok(())
    }
}

/// Checks that a frame has a cost for each of `outputs`, and that a path can have each of them.
///
/// # Errors
/// [`Error::Width`], [`Error::Score`].
pub(crate) fn check_costs(frame: usize, costs: &[f32], outputs: usize) -> Result<(), Error> {
    if costs.len() < outputs {
        return Err(Error::Width { frame, found: costs.len(), expected: outputs..=usize::MAX });
    }
    match costs.iter().position(|cost| cost.is_nan() || *cost == f32::NEG_INFINITY) {
        Some(output) => Err(Error::Score { frame, output, what: "acoustic cost", found: costs[output] }),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frequent_output_needs_a_higher_posterior_for_the_same_cost() {
        let scores = AcousticScores::new(0.5, 1.0, &[0.8f32.ln(), 0.2f32.ln()]).expect("valid");
        let mut costs = Vec::new();
        scores.costs(0, &[0.4f32.ln(), 0.1f32.ln()], &mut costs).expect("valid");
        assert!((costs[0] - 0.5 * 2f32.ln()).abs() < 1e-6);
        assert!((costs[0] - costs[1]).abs() < 1e-6);
    }

    #[test]
    fn a_posterior_that_is_not_a_number_is_named_by_frame_and_output() {
        let scores = AcousticScores::new(1.0, 0.0, &[-1.0, -1.0]).expect("valid");
        let error = scores.costs(7, &[-0.1, f32::NAN], &mut Vec::new()).expect_err("NaN");
        assert!(matches!(error, Error::Score { frame: 7, output: 1, .. }), "{error}");
        let error = scores.costs(8, &[f32::INFINITY, -1.0], &mut Vec::new()).expect_err("+inf");
        assert!(matches!(error, Error::Score { frame: 8, output: 0, .. }), "{error}");
        let error = scores.costs(9, &[-1.0], &mut Vec::new()).expect_err("too few");
        assert_eq!(error.to_string(), "frame 9 has 1 scores, expected 2");
    }

    #[test]
    fn a_posterior_of_zero_is_an_infinite_cost_and_a_prior_of_zero_is_refused() {
        let scores = AcousticScores::new(1.0, 1.0, &[-1.0]).expect("valid");
        let mut costs = Vec::new();
        scores.costs(0, &[f32::NEG_INFINITY], &mut costs).expect("valid");
        assert_eq!(costs, [f32::INFINITY]);
        let error = AcousticScores::new(1.0, 1.0, &[-1.0, f32::NEG_INFINITY]).expect_err("prior of zero");
        assert!(error.to_string().contains("the log prior of output 1"), "{error}");
    }
}
