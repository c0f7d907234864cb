//! Remarks on recordings that were used although they have defects.

use crate::decide::left_out::Named;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;
use stentor_audio::DecodeReport;

/// Remarks by recording.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Sound {
    /// Files that end before their audio does.
    pub cut_short: BTreeMap<String, CutShort>,
    /// Files that could not be decoded completely; the missing parts are replaced by silence of the same length.
    pub damaged: BTreeMap<String, Damage>,
    /// Files whose channels were averaged.
    pub averaged_channels: Named,
    /// Other remarks for the creator of the files.
    pub remarks: Named,
}

/// How much of a truncated file exists.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct CutShort {
    /// Seconds decoded.
    pub read_s: f64,
    /// Duration in seconds stated in its header; `None` if absent.
    pub stated_s: Option<f64>,
}

/// How much of a file was replaced by silence.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Damage {
    /// Duration that could not be decoded, in seconds.
    pub lost_s: f64,
    /// Duration of the file, in seconds.
    pub of_s: f64,
    /// Number of packets affected.
    pub packets: u64,
}

impl Sound {
    pub(crate) fn add(&mut self, recording: &str, report: &DecodeReport) {
        let seconds = |samples| report.seconds(samples);
        if report.is_cut_short {
            let cut = CutShort { read_s: seconds(report.samples), stated_s: report.stated.map(seconds) };
            tracing::warn!(recording, "cut short: {cut}");
            self.cut_short.insert(recording.to_owned(), cut);
        }
        if report.damaged_packets > 0 {
            let damage = Damage {
                lost_s: seconds(report.lost_samples),
                of_s: seconds(report.samples),
                packets: report.damaged_packets,
            };
            tracing::warn!(recording, "damaged: {damage}");
            self.damaged.insert(recording.to_owned(), damage);
        }
        if report.averaged_channels > 1 {
            self.averaged_channels.add(&format!("{recording} ({})", report.averaged_channels));
        }
        for remark in &report.remarks {
            tracing::warn!(recording, "{remark}");
            self.remarks.add(&format!("{recording}: {remark}"));
        }
    }
}

impl fmt::Display for CutShort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.stated_s {
            Some(stated_s) => write!(f, "{:.3} of the {stated_s:.3} s that its header states", self.read_s),
            None => write!(f, "{:.3} s, and its end is missing", self.read_s),
        }
    }
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { lost_s, of_s, packets } = self;
        write!(f, "{lost_s:.3} of {of_s:.3} s did not decode ({packets} packets) and are silence")
    }
}
