//! Posterior probabilities of arcs.

use super::Lattice;
use crate::error::Error;

/// How probable each arc of a lattice is, given that one of the lattice's paths is right.
#[derive(Clone, Debug, PartialEq)]
pub struct Posteriors {
    /// One value for each of [`Lattice::arcs`].
    pub arcs: Vec<f64>,
    /// −ln of the sum over all paths of exp(−scale · cost).
    pub total_cost: f64,
}

impl Lattice {
    /// Posteriors by the forward-backward algorithm, where a path's probability is proportional to exp(−scale · cost).
    ///
    /// Hidden Markov models make frames look more independent than they are, so costs differ too much between paths: a scale
    /// below 1, often the inverse of the acoustic scale's, gives posteriors that are neither 0 nor 1 (Wessel et al. 2001).
    ///
    /// # Errors
    /// If `scale` is not positive and finite.
    pub fn posteriors(&self, scale: f64) -> Result<Posteriors, Error> {
        if !(scale > 0.0 && scale.is_finite()) {
            let what = "the scale of posteriors".into();
            return Err(Error::Value { what, found: scale, expected: "positive and finite" });
        }
        let mut before = vec![f64::NEG_INFINITY; self.nodes.len()];
        let mut after = before.clone();
        before[0] = 0.0;
        after[self.nodes.len() - 1] = 0.0;
        // Arcs lead to later nodes and are sorted by where they begin: all arcs to a node precede those that leave it.
        for arc in &self.arcs {
            before[arc.to] = log_add(before[arc.to], before[arc.from] - scale * arc.cost());
        }
        for arc in self.arcs.iter().rev() {
            after[arc.from] = log_add(after[arc.from], after[arc.to] - scale * arc.cost());
        }
        let total = after[0];
        let posterior =
            |arc: &super::LatticeArc| (before[arc.from] - scale * arc.cost() + after[arc.to] - total).exp();
        Ok(Posteriors { arcs: self.arcs.iter().map(posterior).collect(), total_cost: -total })
    }
}

/// ln(eᵃ + eᵇ).
fn log_add(a: f64, b: f64) -> f64 {
    let (small, large) = if a < b { (a, b) } else { (b, a) };
    match large == f64::NEG_INFINITY {
        true => large,
        false => large + (small - large).exp().ln_1p(),
    }
}
