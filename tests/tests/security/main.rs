//! Stories of who is let into a cluster and who is not, with real programs and real certificates. Whoever is refused is told
//! why, is logged once, and disturbs nobody.

// Failing is how a test speaks.
#![allow(clippy::unwrap_used)]

mod people;
mod strangers;
mod training;
mod world;
