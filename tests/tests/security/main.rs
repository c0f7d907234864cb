//! Stories of who is let into a cluster and who is not, with real programs and real certificates. Whoever is refused is told
//! why, is logged once, and disturbs nobody.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod callers;
mod people;
mod training;
mod world;
