//! `stentor prepare`: the command line of `stentor-prepare`, its progress on a terminal, and its summary as text.

mod args;
mod progress;
mod text;

pub(crate) use args::Args;

use crate::exit::Meaning;
use crate::json_file::JsonFile;
use progress::Bars;
use stentor_prepare::prepare;
use stentor_runtime::{ExitStatus, Shutdown};

/// Prepares a corpus; prints a summary.
///
/// # Errors
/// Errors of arguments, corpus, aligner or output folder; a signal that requests termination.
pub(crate) fn run(args: Args) -> anyhow::Result<()> {
    args.files().check_apart()?;
    let json = args.json.clone();
    let options = args.options().meaning(ExitStatus::Config)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let json = JsonFile::at(json.as_deref())?;
    let mut bars = Bars::default();
    let prepared = prepare(&options, &runtime, &Shutdown::listen(), &mut |progress| bars.show(progress))?;
    if prepared.was_there {
        let out = options.out.display();
        stentor_runtime::errln!(
            "{out}: this corpus has already been prepared with these settings; nothing to do"
        );
    }
    json.write(&prepared.summary)?;
    stentor_runtime::outln!("{}", text::of(&prepared.summary));
    Ok(())
}
