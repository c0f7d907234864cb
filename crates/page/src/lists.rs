//! What is listed on the page, each list with a bound.

use std::collections::BTreeSet;
use stentor_experiment::Source;
use stentor_runlog::Millis;
use stentor_scores::Scores;

/// Entries of each list at most.
pub(crate) const LISTED: usize = 20;

/// A checkpoint that was scored, published or given up.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Checkpoint {
    pub(crate) name: String,
    pub(crate) standing: Standing,
    pub(crate) committed_frames: Option<u64>,
    pub(crate) dev: Scores,
    /// Where it came to its standing while this process ran.
    pub(crate) at_ms: Option<Millis>,
}

/// How far a checkpoint has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Standing {
    #[default]
    Scored,
    Published,
    Abandoned,
}

/// Row groups that were set aside.
#[derive(Debug, Default)]
pub(crate) struct Quarantined {
    pub(crate) count: u64,
    pub(crate) frames: [u64; 2],
    /// The first of them.
    pub(crate) listed: Vec<SetAside>,
    /// All of them, by file and row group. The core keeps them too.
    known: BTreeSet<(String, u64)>,
}

/// A row group that was set aside.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub(crate) struct SetAside {
    pub(crate) source: &'static str,
    pub(crate) file: String,
    pub(crate) row_group: u64,
    pub(crate) frames: u64,
    pub(crate) reason: String,
    pub(crate) worker: String,
}

/// Something that whoever is on call wants to know.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Happening {
    /// None: before this process was started.
    pub(crate) at_ms: Option<Millis>,
    pub(crate) words: String,
}

impl Quarantined {
    pub(crate) fn add(&mut self, source: Source, one: SetAside) {
        // A coordinator that was started again from an older checkpoint may meet the same row group anew.
        if !self.known.insert((one.file.clone(), one.row_group)) {
            return;
        }
        self.count += 1;
        self.frames[source.index()] += one.frames;
        if self.listed.len() < LISTED {
            self.listed.push(one);
        }
    }
}
