//! What a batch will cost with each strategy of exchange, before anything runs: seconds and bytes from the size of
//! the model, the network and the speed of the arithmetic.
//!
//! Pure: rates are passed in ([`Rates`]), nothing is measured here. [`forecast`] gives one [`Forecast`] for each
//! strategy and place of the reducers, [`advice`] says in words which wins and why.
//!
//! The model of a round: all workers are ready at once and alike. Each codes its contribution, sends it to the
//! reducers (streams of parts), tells the coordinator (one round trip), and fetches the update (another). With one
//! reducer, all contributions go through its one link, and then all updates. With a reducer on each worker's host,
//! each link carries (N − 1)/N of a contribution, in and out at once, and as much of the update. Phases follow each
//! other, but for the sum of dense contributions, which goes on while they come in.

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
