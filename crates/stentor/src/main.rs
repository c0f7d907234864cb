//! `stentor`: the command-line interface. It does not link libtorch; the sibling programs that it starts do.

mod align;
mod apart;
mod audio_bar;
mod certs;
mod cluster;
mod config;
mod evaluate;
mod exit;
mod export;
mod forecast;
mod in_file;
mod init;
mod inspect;
mod json_file;
mod label;
mod labeled;
mod labeler;
mod ledger;
mod lm;
#[cfg(test)]
mod made_up;
mod material;
mod number;
mod out_file;
mod parallel;
mod place;
mod prepare;
mod recognise;
mod relabel;
mod replay;
mod report;
mod score;
mod senones;
mod shell;
mod siblings;
mod signing_key;
mod tested;
mod text;
mod train;
mod transcribe;
mod trust;
mod verify;

use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};
use std::io::IsTerminal;
use std::process::ExitCode;
use stentor_runtime::ExitStatus;

/// Trains acoustic models from a small amount of annotated audio and a large amount of unannotated audio.
#[derive(Debug, Parser)]
#[command(name = "stentor", version = stentor_runtime::VERSION, about)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Write an experiment file with every key, its meaning and its default.
    Init(init::Args),
    /// Turn a Kaldi-style data directory into feature shards: annotated, unannotated, dev, test.
    Prepare(prepare::Args),
    /// Tie the states of triphones by a tree, and write sets with its senones.
    #[command(subcommand)]
    Senones(senones::Senones),
    /// Train the model of an experiment file: coordinator and workers as child processes.
    Train(train::Args),
    /// Label a feature set with a trained teacher.
    Label(label::Args),
    /// Refine a model's labels of unannotated audio by a lexicon and a language model.
    Relabel(relabel::Args),
    /// Align the texts of a prepared set with a trained model, and write the set with the new alignments.
    Align(align::Args),
    /// Score a trained model, or label shards, against annotated shards.
    Evaluate(evaluate::Args),
    /// Score recognised texts against a reference: word error rate.
    Score(score::Args),
    /// Recognise the words of a prepared set with a trained model, and score them.
    ///
    /// Utterances without a text are left out.
    Recognise(recognise::Args),
    /// Estimate, mix and measure n-gram language models.
    #[command(subcommand)]
    Lm(lm::Lm),
    /// Make a model folder that recognises words by itself.
    Export(export::Args),
    /// Recognise the words of audio files, or of raw audio as it comes.
    Transcribe(transcribe::Args),
    /// Render the page of a report from its figures, the demo's `report.json`.
    Report(report::Args),
    /// Show the contents of a shard, set, checkpoint, run or model folder.
    Inspect(inspect::Args),
    /// Check every byte of sets, checkpoints, runs and model folders against their manifests.
    Verify(verify::Args),
    /// Verify from a run's event log that each batch counted exactly once.
    #[command(subcommand)]
    Ledger(ledger::Ledger),
    /// Compute the batches of a closed round again, from the event log.
    Replay(replay::Args),
    /// Show the members of a running cluster, the open round, and the members that it is waiting for.
    Status(cluster::Status),
    /// Change the exchange strategy of a running cluster at the next boundary.
    Switch(cluster::Switch),
    /// Have a checkpoint of a running cluster written, and print its name when it is published.
    Checkpoint(cluster::Checkpoint),
    /// Pause a running cluster after a checkpoint; its members stay.
    Pause(cluster::Pause),
    /// End the pause of a running cluster.
    Resume(cluster::Resume),
    /// Remove a member from a running cluster now, as if it had died.
    Drop(cluster::Drop),
    /// Let a member of a running cluster hand over its residual and leave.
    Drain(cluster::Drain),
    /// Create a CA for a cluster and certificates for its programs.
    Certs(certs::Args),
    /// Make a private key with which a coordinator signs a run, and the public key to verify it.
    SigningKey(signing_key::Args),
    /// Forecast the cost of a batch for each exchange strategy on a given network.
    #[command(alias = "plan")]
    Forecast(forecast::Args),
    /// Check an experiment file, or show it with every default.
    Config(config::Args),
    /// Print a shell's completions.
    Completions(shell::Completions),
    /// Write manual pages.
    Man(shell::Man),
}

fn main() -> ExitCode {
    let filter = std::env::var("STENTOR_LOG").unwrap_or_else(|_| "warn".into());
    // Metric events are not for human readers.
    let filter = format!("{filter},{}=off", stentor_runtime::metrics::TARGET);
    let filter = tracing_subscriber::EnvFilter::new(filter);
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr)
        // The subscriber reports write errors with `eprintln!`, which panics if standard error is closed.
        .log_internal_errors(false)
        .init();
    let matches = number::allow_negative(Arguments::command()).get_matches();
    let arguments = Arguments::from_arg_matches(&matches).unwrap_or_else(|error| error.exit());
    // A run goes on without its output, so that no error ends it.
    if !matches!(arguments.command, Command::Train(_)) {
        stentor_runtime::print::tell_loss_as(exit::told_loss);
    }
    // The default exit status of each command's errors.
    let (result, otherwise) = match arguments.command {
        Command::Init(arguments) => (init::run(&arguments), ExitStatus::Config),
        Command::Prepare(arguments) => (prepare::run(arguments), ExitStatus::Data),
        Command::Senones(senones) => (senones::run(&senones), ExitStatus::Data),
        Command::Train(arguments) => return train::run(&arguments),
        Command::Label(arguments) => return label::run(&arguments),
        Command::Relabel(arguments) => (relabel::run(&arguments), ExitStatus::Data),
        Command::Align(arguments) => (align::run(&arguments), ExitStatus::Data),
        Command::Evaluate(arguments) => (evaluate::run(arguments), ExitStatus::Data),
        Command::Score(arguments) => (score::run(&arguments), ExitStatus::Data),
        Command::Recognise(arguments) => (recognise::run(arguments), ExitStatus::Data),
        Command::Lm(lm) => (lm::run(&lm), ExitStatus::Data),
        Command::Export(arguments) => (export::run(&arguments), ExitStatus::Data),
        Command::Transcribe(arguments) => (transcribe::run(&arguments), ExitStatus::Data),
        Command::Report(arguments) => (report::run(&arguments), ExitStatus::Data),
        Command::Inspect(arguments) => (inspect::run(arguments), ExitStatus::Data),
        Command::Verify(arguments) => return verify::run(&arguments),
        Command::Ledger(ledger) => return ledger::run(&ledger),
        Command::Replay(arguments) => return replay::run(&arguments),
        Command::Status(arguments) => (arguments.run(), ExitStatus::Failure),
        Command::Switch(arguments) => (arguments.run(), ExitStatus::Failure),
        Command::Checkpoint(arguments) => (arguments.run(), ExitStatus::Failure),
        Command::Pause(arguments) => (arguments.run(), ExitStatus::Failure),
        Command::Resume(arguments) => (arguments.run(), ExitStatus::Failure),
        Command::Drop(arguments) => (arguments.run(), ExitStatus::Failure),
        Command::Drain(arguments) => (arguments.run(), ExitStatus::Failure),
        Command::Certs(arguments) => (certs::run(&arguments), ExitStatus::Config),
        Command::SigningKey(arguments) => (signing_key::run(&arguments), ExitStatus::Config),
        Command::Forecast(arguments) => (forecast::run(&arguments), ExitStatus::Data),
        Command::Config(arguments) => (config::run(&arguments), ExitStatus::Config),
        Command::Completions(arguments) => (arguments.run(Arguments::command()), ExitStatus::Failure),
        Command::Man(arguments) => (arguments.run(Arguments::command()), ExitStatus::Failure),
    };
    match result {
        Ok(()) => exit::printed(ExitStatus::Ok).into(),
        Err(error) => exit::failed(&error, otherwise).into(),
    }
}
