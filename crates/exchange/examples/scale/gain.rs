//! The gain of W in a block under a constant gradient, in units of what one worker moves.

use stentor_exchange::{BlockMomentum, BlockParts, Error};
use stentor_experiment::{Bmuf, BmufMomentum};

/// Momentum 1 − 1/N needs some N blocks to become steady; after 16·N of them the rest is 1e-7.
const FILLS: usize = 16;
/// Number of blocks over which the gain is measured.
const MEASURED: usize = 64;

/// Returns the gain of the filter as implemented.
pub(crate) fn steady(workers: usize) -> Result<f64, Error> {
    measure(workers, Ok)
}

/// Returns the gain with the mistake of several public versions, where the look-ahead point becomes the model.
pub(crate) fn with_the_look_ahead_fed_back(workers: usize) -> Result<f64, Error> {
    measure(workers, |filter| {
        let fed_back = BlockParts { w: filter.start().to_vec(), look_ahead_eta: 0.0, ..filter.parts() };
        BlockMomentum::from_parts(fed_back, BmufMomentum::Nesterov)
    })
}

fn measure(
    workers: usize,
    after_each: impl Fn(BlockMomentum) -> Result<BlockMomentum, Error>,
) -> Result<f64, Error> {
    let eta = Bmuf::default().momentum_for(workers, 1.0);
    let mut filter = BlockMomentum::new(vec![0.0], BmufMomentum::Nesterov);
    let mut before = 0.0;
    let blocks = FILLS * workers + MEASURED;
    for block in 0..blocks {
        if block == blocks - MEASURED {
            before = f64::from(filter.deployed()[0]);
        }
        // Every worker moves by 1, wherever it starts; so does the mean.
        let end = filter.start()[0] + 1.0;
        filter.close(&[end], eta, 1.0)?;
        filter = after_each(filter)?;
    }
    Ok((f64::from(filter.deployed()[0]) - before) / MEASURED as f64)
}
