//! Event files of TensorBoard: scalars by step, as bytes. Pure: it uses no file and no clock.
//!
//! A file is a sequence of framed records, each an `Event` message; the first names the format. Object stores cannot
//! append, so a log consists of segments, each a whole file: TensorBoard reads all files of a folder in the order of
//! their names.

mod message;
mod record;

use message::{Event, SessionLog, Summary, Value, What};

/// The prefix by which TensorBoard recognises an event file.
pub const PREFIX: &str = "events.out.tfevents.";

/// An event file that is being written.
#[derive(Debug, Default)]
pub struct Segment {
    bytes: Vec<u8>,
}

impl Segment {
    /// Adds the figures of one step. `wall_s` is the time, in seconds since 1970.
    pub fn scalars<'a>(&mut self, wall_s: f64, step: u64, figures: impl IntoIterator<Item = (&'a str, f64)>) {
        let value =
            |(tag, value): (&str, f64)| Value { tag: tag.to_owned(), simple_value: Some(value as f32) };
        let value: Vec<Value> = figures.into_iter().map(value).collect();
        if !value.is_empty() {
            self.push(wall_s, step, What::Summary(Summary { value }));
        }
    }

    /// The run continues from `step`: figures written before for it and for later steps are void.
    pub fn restart(&mut self, wall_s: f64, step: u64) {
        self.push(wall_s, step, What::SessionLog(SessionLog { status: message::START }));
    }

    /// The file, if it contains anything. The segment is empty afterwards.
    pub fn take(&mut self) -> Option<Vec<u8>> {
        (!self.bytes.is_empty()).then(|| std::mem::take(&mut self.bytes))
    }

    fn push(&mut self, wall_s: f64, step: u64, what: What) {
        if self.bytes.is_empty() {
            let version = What::FileVersion(message::VERSION.to_owned());
            record::frame(&Event { wall_time: wall_s, step: 0, what: Some(version) }, &mut self.bytes);
        }
        // Steps are frames; no run reaches 2⁶³.
        let step = i64::try_from(step).unwrap_or(i64::MAX);
        record::frame(&Event { wall_time: wall_s, step, what: Some(what) }, &mut self.bytes);
    }
}
