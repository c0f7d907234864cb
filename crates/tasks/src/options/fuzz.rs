//! `cargo xtask fuzz`.

use clap::Args;
use std::path::PathBuf;

/// The targets, as the program lists them.
pub const TARGETS: [&str; 23] = [
    "gtc",
    "dense",
    "reducer",
    "wire",
    "member",
    "shard",
    "shard-manifest",
    "checkpoint-manifest",
    "tensors",
    "state",
    "events",
    "experiment",
    "kaldi",
    "ark",
    "ctm",
    "transcripts",
    "arpa",
    "graph",
    "symbols",
    "lexicon",
    "tree",
    "bundle",
    "raw",
];

/// Which decoders to test, and with how many inputs.
#[derive(Debug, Args)]
pub struct Options {
    /// Number of inputs for each target.
    #[arg(long, value_name = "N", default_value_t = 100_000, value_parser = clap::value_parser!(u64).range(1..))]
    pub inputs: u64,
    /// Only this target; may be given several times. Default: all.
    #[arg(long, value_name = "NAME", value_parser = clap::builder::PossibleValuesParser::new(TARGETS))]
    pub target: Vec<String>,
    /// File to write the figures to, as JSON.
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
}

#[cfg(test)]
mod tests {
    use super::TARGETS;
    use std::path::Path;

    #[test]
    fn the_program_and_the_command_line_know_the_same_targets() {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/src/targets/mod.rs");
        let text = std::fs::read_to_string(source).unwrap();
        let names: Vec<&str> =
            text.split("Target { name: \"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
        assert_eq!(names, TARGETS);
    }
}
