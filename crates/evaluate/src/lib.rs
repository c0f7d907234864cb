//! How good a model is: frame and phone error rates, whether a difference is more than luck, and the report.
//!
//! Pure: numbers in, numbers and text out. The program `teacher-labeler` runs the model over the test features; what it
//! writes (the top-k posteriors of each frame) comes in here as [`Posteriors`].

mod bootstrap;
mod decoder;
mod edit;
mod error;
mod figures;
mod frames;
mod phone_model;
mod posteriors;
pub mod report;
mod score;
mod seeds;
mod tuning;

pub use bootstrap::{Difference, PairedErrors, paired_bootstrap, paired_bootstrap_over_seeds};
pub use decoder::{Decoder, DecoderSettings, Decoding};
pub use edit::PhoneErrors;
pub use error::Error;
pub use figures::{
    DecoderFigures, FIGURES_VERSION, Figures, LabelerFigures, MeasuredDifference, PhoneReference,
};
pub use frames::FrameErrors;
pub use phone_model::{PhoneModel, PhoneStatistics};
pub use posteriors::Posteriors;
pub use report::ReportData;
pub use score::{Measure, PairedRuns, Score, Scoreboard};
pub use seeds::Spread;
pub use tuning::{DevUtterance, Grid, Tuned, tune};

/// A phone set of these states of phones, in the order of ids. Several senones may be tied to one state.
#[cfg(test)]
fn phone_set(states: &[(&str, u8)]) -> stentor_inventory::PhoneSet {
    use stentor_inventory::{Inventory, PhoneSet, Senone};
    let senone = |(place, &(phone, state)): (usize, &(&str, u8))| Senone {
        name: place.to_string(),
        ..Senone::of_state(phone.to_owned(), state, &[])
    };
    PhoneSet::new(&Inventory::new(states.iter().enumerate().map(senone).collect()).unwrap()).unwrap()
}
