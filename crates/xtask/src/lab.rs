//! Starts the program `lab`, after fetching and building what a command needs. One build makes `lab` and the programs
//! that it starts, so that nothing is compiled twice.

use crate::programs::{self, Build};
use crate::setup::{self, Accelerator, Part};
use anyhow::{Context, Result};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;
use stentor_tasks::options::bench::{Bench, RecognitionPart};
use stentor_tasks::process::{self, Deadline};
use stentor_tasks::{Corpus, Environment, Task, progress};

const PROGRAM: &str = "lab";

/// Replaces this process by `lab`, which reads the same command line. Returns only if that fails.
pub(crate) fn carry_out(environment: &Environment, task: &Task) -> Result<()> {
    let (parts, build) = needs(task);
    let build = |libtorch| {
        progress::step("build the programs", || match libtorch {
            Some(coming) => programs::build_ahead(environment, build, &coming),
            None => programs::build(environment, build),
        })
    };
    let folder = setup::run_and_build(environment, &parts, build)?;
    let program = folder.join(PROGRAM);
    let error = Command::new(&program).args(std::env::args_os().skip(1)).exec();
    Err(error).with_context(|| format!("cannot start {}", program.display()))
}

/// What is fetched and built before `lab` starts.
fn needs(task: &Task) -> (Vec<Part>, Build) {
    let libtorch = Part::Libtorch(Accelerator::Cpu);
    let small = Part::Corpus(Corpus::Asterisk);
    match task {
        Task::Demo(options) => {
            let mut parts = vec![libtorch];
            // With given alignments no aligner is needed.
            parts.extend(options.phones.is_none().then_some(Part::Python));
            // A lexicon is made of the texts unless there is one. It has the aligner's phones.
            let makes_lexicon = options.phones.is_none() && options.lexicon.is_none();
            parts.extend(makes_lexicon.then_some(Part::Lexicon));
            parts.extend(options.fetched().map(Part::Corpus));
            (parts, Build::Demo)
        }
        Task::Chaos(_) => (vec![libtorch, Part::Python, small], Build::Tests),
        Task::Abuse(_) => (vec![libtorch], Build::Abuse),
        Task::Simulate(_) | Task::Bench(Bench::Gain(_)) => (Vec::new(), Build::Simulation),
        Task::ComposeTest(_) => (vec![Part::Python, small], Build::Lab),
        Task::Page(_) => (vec![libtorch, Part::Python, small, Part::Browser], Build::Screenshots),
        Task::Bench(Bench::Exchange(options)) if !options.arithmetic => (vec![libtorch], Build::Tests),
        Task::Bench(Bench::Convergence(options))
            if options.figures.is_none() && options.programs.is_none() =>
        {
            (vec![libtorch], Build::Demo)
        }
        Task::Bench(Bench::Recognition(options)) => {
            let judges = [Part::Python, Part::Judges, Part::Sclite, small, Part::Corpus(Corpus::Game)];
            let parts = match options.only {
                None => std::iter::once(libtorch).chain(judges).collect(),
                Some(RecognitionPart::Stream) => vec![libtorch],
                Some(_) => judges.to_vec(),
            };
            (parts, Build::Lab)
        }
        Task::Bench(Bench::Alignment(_)) => {
            (vec![libtorch, Part::Python, Part::Lexicon, Part::Flite, small], Build::Demo)
        }
        Task::Bench(Bench::Memory(_)) => (vec![libtorch], Build::Memory),
        Task::Bench(Bench::Members(_)) => (vec![libtorch], Build::Tests),
        Task::Fuzz(_) | Task::Bench(Bench::Exchange(_) | Bench::Scale(_) | Bench::Convergence(_)) => {
            (Vec::new(), Build::Lab)
        }
    }
}

/// Makes the data directories of corpora whose packages are fetched; builds the demo's programs first, because one of
/// them is `lab`.
pub(crate) fn convert(environment: &Environment, corpora: &[Corpus]) -> Result<()> {
    if corpora.iter().all(|corpus| corpus.is_ready(environment)) {
        return Ok(());
    }
    let folder = progress::step("build the programs", || programs::build(environment, Build::Demo))?;
    convert_with(&folder, corpora)
}

/// Makes the data directories with the `lab` in `folder`.
pub(crate) fn convert_with(folder: &Path, corpora: &[Corpus]) -> Result<()> {
    let names = corpora.iter().map(|corpus| corpus.name());
    process::run(Command::new(folder.join(PROGRAM)).arg("corpora").args(names), Deadline::minutes(10))
}

/// Runs the demo loop on the small corpus and judges its figures.
pub(crate) fn check_demo(environment: &Environment) -> Result<()> {
    let folder = progress::step("build the programs", || programs::build(environment, Build::Demo))?;
    process::run(Command::new(folder.join(PROGRAM)).arg("check-demo"), Deadline::minutes(60))
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(subcommand)]
        task: Task,
    }

    fn needs_of(line: &str) -> (Vec<Part>, Build) {
        needs(&Line::parse_from(line.split(' ')).task)
    }

    #[test]
    fn a_command_waits_only_for_what_it_needs() {
        let (parts, build) = needs_of("xtask demo");
        assert!(parts.contains(&Part::Corpus(Corpus::Game)) && parts.contains(&Part::Python));
        assert_eq!(build, Build::Demo);
        let (parts, _) = needs_of("xtask demo --quick");
        assert!(parts.contains(&Part::Corpus(Corpus::Asterisk)));
        let (parts, _) = needs_of("xtask demo --corpus mine --phones mine.ctm");
        assert_eq!(parts, [Part::Libtorch(Accelerator::Cpu)]);
        for line in ["xtask fuzz", "xtask bench exchange --arithmetic", "xtask bench convergence --figures f"]
        {
            assert_eq!(needs_of(line), (Vec::new(), Build::Lab), "{line}");
        }
        assert_eq!(needs_of("xtask bench exchange --link").1, Build::Tests);
        assert_eq!(needs_of("xtask bench recognition --only stream").0, [Part::Libtorch(Accelerator::Cpu)]);
        let (parts, build) = needs_of("xtask bench recognition --only lm");
        assert!(parts.contains(&Part::Judges) && !parts.contains(&Part::Libtorch(Accelerator::Cpu)));
        assert_eq!(build, Build::Lab);
    }
}
