//! What is to be said of recordings that were used although something is the matter with them.

use super::summary::Named;
use crate::text::counted;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;
use stentor_audio::DecodeReport;

/// Recordings shown on lines of their own.
const SHOWN: usize = 20;

/// By recording.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Sound {
    /// Files that end before their sound does.
    pub(super) cut_short: BTreeMap<String, CutShort>,
    /// Files of which some did not decode; it is silence of its length.
    pub(super) damaged: BTreeMap<String, Damage>,
    /// Files whose channels were averaged.
    pub(super) averaged_channels: Named,
    /// What else somebody who made the files would want to know.
    pub(super) remarks: Named,
}

/// How much of a file is there.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(super) struct CutShort {
    /// Seconds decoded.
    pub(super) read_s: f64,
    /// Seconds that its header states; none where it does not.
    pub(super) stated_s: Option<f64>,
}

/// How much of a file is silence instead of sound.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(super) struct Damage {
    /// Seconds that did not decode.
    pub(super) lost_s: f64,
    /// Seconds of the file.
    pub(super) of_s: f64,
    /// Packets that held them.
    pub(super) packets: u64,
}

impl Sound {
    pub(super) fn add(&mut self, recording: &str, report: &DecodeReport) {
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

impl fmt::Display for Sound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        list(f, "cut short", &self.cut_short)?;
        list(f, "damaged", &self.damaged)?;
        if self.averaged_channels.count > 0 {
            let recordings = counted(self.averaged_channels.count, "recording");
            writeln!(
                f,
                "{recordings} with several channels, whose mean was taken (--channel or reco2file_and_channel choose \
                 one): {}",
                self.averaged_channels
            )?;
        }
        if self.remarks.count > 0 {
            writeln!(f, "{} on recordings: {}", counted(self.remarks.count, "remark"), self.remarks)?;
        }
        Ok(())
    }
}

fn list(
    f: &mut fmt::Formatter<'_>,
    what: &str,
    recordings: &BTreeMap<String, impl fmt::Display>,
) -> fmt::Result {
    for (recording, words) in recordings.iter().take(SHOWN) {
        writeln!(f, "{what}: recording {recording}: {words}")?;
    }
    if recordings.len() > SHOWN {
        let more = counted((recordings.len() - SHOWN) as u64, "more recording");
        writeln!(f, "{what}: {more}")?;
    }
    Ok(())
}
