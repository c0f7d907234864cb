//! Stories of runs: the real state machines in a simulated world that each story moves step by step.

mod bad_data;
mod by_time;
mod course;
mod criteria;
mod decisions;
mod disputes;
mod duties;
mod members;
mod operators;
mod reducers;
mod together;
mod world;

pub(crate) use world::arrival;
