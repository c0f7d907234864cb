//! The options of each command that the program `lab` carries out.

pub mod abuse;
pub mod bench;
pub mod chaos;
pub mod compose_test;
pub mod demo;
pub mod fuzz;
pub mod page;
pub mod simulate;
