//! The quality of a model: frame, phone and word error rates, the significance of differences, and the report.
//!
//! The crate is pure: numbers in, numbers and text out. The program `teacher-labeler` runs the model over the test
//! features; its output (the top-k posteriors of each frame) is passed in as [`Posteriors`].

mod bootstrap;
pub mod chart;
mod decoder;
mod edit;
mod error;
mod figures;
mod format;
mod frames;
mod phone_model;
mod posteriors;
mod recognition;
mod recovery;
pub mod report;
mod score;
mod seeds;
mod tuning;
pub mod words;

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
pub use recognition::{
    PerplexityFigures, RECOGNITION_VERSION, RecognisedUtterance, RecognitionFigures, VocabularyFigures,
};
pub use recovery::{Recovery, RecoveryRun};
pub use report::ReportData;
pub use score::{Measure, PairedRuns, Score, Scoreboard, rate_interval};
pub use seeds::Spread;
pub use tuning::{DevUtterance, Grid, Tuned, tune};

/// Returns a phone set with these states of phones, in the order of ids. Several senones may be tied to one state.
#[cfg(test)]
fn phone_set(states: &[(&str, u8)]) -> stentor_inventory::PhoneSet {
    use stentor_inventory::{Inventory, PhoneSet, Senone};
    let senone = |(place, &(phone, state)): (usize, &(&str, u8))| Senone {
        name: place.to_string(),
        ..Senone::of_state(phone.to_owned(), state, &[])
    };
    PhoneSet::new(&Inventory::new(states.iter().enumerate().map(senone).collect()).unwrap()).unwrap()
}
