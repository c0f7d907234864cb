//! Stories of runs, told to the core alone: a world of pretended workers answers its actions, and may die.

mod bad_data;
mod course;
mod criteria;
mod decisions;
mod duties;
mod members;
mod world;

pub(crate) use world::arrival;
