//! Forecasts the cost of a batch with each exchange strategy before a run: seconds and bytes, from the size of the
//! model, the network and the speed of the arithmetic.
//!
//! Pure: rates are passed in ([`Rates`]), and nothing is measured. [`forecast`] returns a [`Forecast`] for each
//! strategy and placement of the reducers; [`advice`] explains which is the fastest and why.
//!
//! The model of a round: all workers are equal and ready at the same time. Each worker encodes its contribution, sends
//! it to the reducers as streams of parts, reports it to the coordinator (one round trip), and fetches the update
//! (another round trip). With one reducer, all contributions pass through its one link, followed by all updates. With a
//! reducer on each worker's host, each link carries (N − 1)/N of a contribution, in and out at the same time, and the
//! same share of the update. Phases are sequential, except that dense contributions are summed while they arrive.

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
