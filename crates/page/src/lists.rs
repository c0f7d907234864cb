//! The lists on the page, each of bounded length.

use std::collections::BTreeSet;
use stentor_experiment::Source;
use stentor_runlog::Millis;
use stentor_scores::Scores;

/// Maximum number of entries in each list.
pub(crate) const LISTED: usize = 20;

/// A checkpoint that was scored, published or abandoned.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Checkpoint {
    pub(crate) name: String,
    pub(crate) standing: Standing,
    pub(crate) committed_frames: Option<u64>,
    pub(crate) dev: Scores,
    /// When it got its current status, if that was in this process.
    pub(crate) at_ms: Option<Millis>,
}

/// Status of a checkpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Standing {
    #[default]
    Scored,
    Published,
    Abandoned,
}

/// Quarantined row groups.
#[derive(Debug, Default)]
pub(crate) struct Quarantined {
    pub(crate) count: u64,
    pub(crate) frames: [u64; 2],
    /// The first ones.
    pub(crate) listed: Vec<SetAside>,
    /// Keys of all of them: source, file and row group. The state machine keeps them too.
    known: BTreeSet<(String, u64)>,
}

/// A quarantined row group.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub(crate) struct SetAside {
    pub(crate) source: &'static str,
    pub(crate) file: String,
    pub(crate) row_group: u64,
    pub(crate) frames: u64,
    pub(crate) reason: String,
    pub(crate) worker: String,
}

/// An event of interest to an operator.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Happening {
    /// `None` for events before this process started.
    pub(crate) at_ms: Option<Millis>,
    pub(crate) words: String,
}

impl Quarantined {
    pub(crate) fn add(&mut self, source: Source, one: SetAside) {
        // A coordinator restarted from an older checkpoint may quarantine the same row group again.
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
