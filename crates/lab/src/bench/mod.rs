//! Benchmarks: each is a command that prints a table and writes its figures to `--json FILE`.

mod alignment;
mod arithmetic;
mod convergence;
mod example;
mod figures;
mod gain;
mod link;
mod members;
mod memory;
mod page;
mod recognition;
mod scale;

use anyhow::Result;
use figures::{Figures, write};
use std::path::Path;
use stentor_tasks::Environment;
use stentor_tasks::options::bench::Bench;

pub(crate) fn run(environment: &Environment, programs: &Path, bench: &Bench) -> Result<()> {
    match bench {
        Bench::Exchange(options) => {
            let mut figures = Figures::new();
            if !options.link {
                arithmetic::run(environment, &mut figures)?;
            }
            if !options.arithmetic {
                link::run(environment, programs, options, &mut figures)?;
            }
            write(options.json.as_deref(), &figures)
        }
        Bench::Scale(options) => write(options.json.as_deref(), &scale::run(environment, options)?),
        Bench::Gain(options) => write(options.json.as_deref(), &gain::run(programs)?),
        Bench::Convergence(options) => {
            write(options.json.as_deref(), &convergence::run(environment, programs, options)?)
        }
        Bench::Recognition(options) => {
            write(options.json.as_deref(), &recognition::run(environment, options)?)
        }
        Bench::Alignment(options) => {
            write(options.json.as_deref(), &alignment::run(environment, programs, options)?)
        }
        Bench::Memory(options) => write(options.json.as_deref(), &memory::run(programs)?),
        Bench::Members(options) => {
            write(options.json.as_deref(), &members::run(environment, programs, options)?)
        }
    }
}
