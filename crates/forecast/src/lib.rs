//! Forecasts the cost of a batch with each strategy of exchange, before anything runs: seconds and bytes, from the
//! size of the model, the network and the speed of the arithmetic.
//!
//! Pure: rates are passed in ([`Rates`]), and nothing is measured. [`forecast`] returns a [`Forecast`] for each
//! strategy and place of the reducers; [`advice`] explains which is the fastest and why.
//!
//! The model of a round: all workers are equal and ready at the same time. Each encodes its contribution, sends it to
//! the reducers (streams of parts), reports it to the coordinator (one round trip), and fetches the update (another
//! one). With one reducer, all contributions go through its one link, and then all updates. With a reducer on each
//! worker's host, each link carries (N − 1)/N of a contribution, in and out at the same time, and as much of the
//! update. Phases follow each other, except that dense contributions are summed while they arrive.

mod advice;
mod predict;
mod rates;
mod scenario;
mod size;
mod units;

pub use advice::advice;
pub use predict::{Forecast, Method, Reducers, forecast};
pub use rates::Rates;
pub use scenario::{Applied, Scenario};
pub use size::{signs_bytes, sum_bytes, sum_density};
pub use units::{Bandwidth, RoundTrip, UnitError};
