//! The fuzz targets: one for each decoder, with valid examples to start from.

mod at_rest;
mod bundle;
mod decode;
mod language;
mod lexicon;
mod member;
mod messages;
mod sound;
mod tables;
mod transcripts;
mod tree;
mod wire;

/// A decoder of untrusted bytes.
pub(crate) struct Target {
    /// Its name on the command line.
    pub(crate) name: &'static str,
    /// Decodes the bytes, and uses the result as the programs do. Must not panic, hang or use much memory, whatever
    /// the bytes.
    pub(crate) run: fn(&[u8]),
    /// Valid examples.
    pub(crate) seeds: fn() -> Vec<Vec<u8>>,
}

/// All of them.
pub(crate) const TARGETS: &[Target] = &[
    Target { name: "gtc", run: messages::signs, seeds: messages::sign_seeds },
    Target { name: "dense", run: messages::floats, seeds: messages::float_seeds },
    Target { name: "reducer", run: messages::reducer, seeds: messages::reducer_seeds },
    Target { name: "wire", run: wire::run, seeds: wire::seeds },
    Target { name: "member", run: member::run, seeds: member::seeds },
    Target { name: "shard", run: at_rest::shard, seeds: at_rest::shard_seeds },
    Target { name: "shard-manifest", run: at_rest::shard_manifest, seeds: at_rest::shard_manifest_seeds },
    Target { name: "checkpoint-manifest", run: at_rest::checkpoint, seeds: at_rest::checkpoint_seeds },
    Target { name: "tensors", run: at_rest::tensors, seeds: at_rest::tensor_seeds },
    Target { name: "state", run: at_rest::state, seeds: at_rest::state_seeds },
    Target { name: "events", run: at_rest::events, seeds: at_rest::event_seeds },
    Target { name: "experiment", run: tables::experiment, seeds: tables::experiment_seeds },
    Target { name: "kaldi", run: tables::kaldi, seeds: tables::kaldi_seeds },
    Target { name: "ark", run: tables::ark, seeds: tables::ark_seeds },
    Target { name: "ctm", run: tables::ctm, seeds: tables::ctm_seeds },
    Target { name: "transcripts", run: transcripts::run, seeds: transcripts::seeds },
    Target { name: "arpa", run: language::arpa, seeds: language::arpa_seeds },
    Target { name: "graph", run: decode::graph, seeds: decode::graph_seeds },
    Target { name: "symbols", run: decode::symbols, seeds: decode::symbols_seeds },
    Target { name: "lexicon", run: lexicon::run, seeds: lexicon::seeds },
    Target { name: "tree", run: tree::run, seeds: tree::seeds },
    Target { name: "bundle", run: bundle::run, seeds: bundle::seeds },
    Target { name: "raw", run: sound::raw, seeds: sound::raw_seeds },
];
