use crate::signature::{Chain, split};
use crate::{Error, Event};
use bytes::Bytes;
use std::collections::BTreeMap;
use stentor_checkpoint::{LogHead, Signer};
use stentor_store::Store;

/// Folder of a run, with the segments of its event log.
pub const EVENTS: &str = "events";

/// The name of a segment in the folder: the order of names is the order of time.
pub(crate) fn segment_name(incarnation: u64, number: u64) -> String {
    format!("{incarnation:06}-{number:06}.jsonl")
}

/// The run's event log, as its coordinator writes it: JSON lines, in segments, because an object store cannot append.
#[derive(Debug)]
pub struct EventLog {
    store: Store,
    incarnation: u64,
    /// Number of the next segment.
    segment: u64,
    lines: Vec<u8>,
    /// Segments that are cut but not known to be in the store: a segment whose write failed is written again with the
    /// next one.
    unsaved: BTreeMap<u64, Bytes>,
    /// In a run that signs.
    chain: Option<Chain>,
}

/// Segments to be written to the store.
#[derive(Debug)]
pub struct Segments {
    store: Store,
    /// Segments by name: the order of names is the order of time.
    lines: Vec<(String, Bytes)>,
    /// Once these are written, all segments below this number are in the store.
    pub until: u64,
}

/// Returns the events of `run`, in the order of time.
///
/// # Errors
/// [`Error::EventLog`] with segment and line; [`Error::Store`].
pub async fn read_events(run: &Store) -> Result<Vec<Event>, Error> {
    let mut events = Vec::new();
    visit_events(run, None, |event| events.push(event)).await?;
    Ok(events)
}

/// Passes the events of `run` to `take` in the order of time, segment by segment; if `until` is given, only those of
/// earlier incarnations.
///
/// # Errors
/// As [`read_events`]; `take` has received the events of the segments before.
pub async fn visit_events(run: &Store, until: Option<u64>, mut take: impl FnMut(Event)) -> Result<(), Error> {
    let end = until.map(|incarnation| format!("{EVENTS}/{incarnation:06}-"));
    for segment in run.list(&format!("{EVENTS}/")).await? {
        if end.as_ref().is_some_and(|end| segment >= *end) {
            break;
        }
        let bytes = run.get(&segment).await?;
        let text = std::str::from_utf8(&bytes).map_err(|e| unreadable(&segment, 1, &e))?;
        parse_events(&segment, text)?.into_iter().for_each(&mut take);
    }
    Ok(())
}

/// Parses the text of one segment of a log, an event per line, without its signature; `segment` is its name in error messages.
///
/// # Errors
/// [`Error::EventLog`] with the line.
pub fn parse_events(segment: &str, text: &str) -> Result<Vec<Event>, Error> {
    let lines = (1..).zip(split(text).0.lines());
    lines.map(|(n, line)| serde_json::from_str(line).map_err(|e| unreadable(segment, n, &e))).collect()
}

fn unreadable(segment: &str, line: usize, reason: &dyn std::fmt::Display) -> Error {
    Error::EventLog { segment: segment.to_owned(), line, reason: reason.to_string() }
}

impl EventLog {
    /// Creates the log of this incarnation of the coordinator of `run`: its segments follow those of earlier
    /// incarnations.
    #[must_use]
    pub fn new(run: &Store, incarnation: u64) -> Self {
        let store = run.child(EVENTS);
        Self { store, incarnation, segment: 0, lines: Vec::new(), unsaved: BTreeMap::new(), chain: None }
    }

    /// Signs the segments from now on; `head` is the segment that the first of them follows.
    #[must_use]
    pub fn signed(self, signer: Signer, head: Option<LogHead>) -> Self {
        Self { chain: Some(Chain::new(signer, head)), ..self }
    }

    /// The newest segment that was cut, in a run that signs.
    #[must_use]
    pub fn head(&self) -> Option<&LogHead> {
        self.chain.as_ref().and_then(Chain::head)
    }

    /// Appends an event. It is in the store once a segment that was cut later is.
    pub fn record(&mut self, event: &Event) {
        match serde_json::to_writer(&mut self.lines, event) {
            Ok(()) => self.lines.push(b'\n'),
            // Possible only for a float that is not finite, and those have been refused before.
            Err(error) => tracing::error!(%error, ?event, "event cannot be written"),
        }
    }

    /// Number of bytes of the events that are in no segment yet.
    #[must_use]
    pub fn open_bytes(&self) -> usize {
        self.lines.len()
    }

    /// Returns all events that are not known to be in the store, as segments.
    pub fn cut(&mut self) -> Segments {
        if !self.lines.is_empty() {
            let mut lines = std::mem::take(&mut self.lines);
            let name = self.name(self.segment);
            if let Some(chain) = &mut self.chain
                && let Err(error) = chain.sign(&name, &mut lines)
            {
                // The library has no memory, or is broken. Whoever verifies the log finds the segment.
                tracing::error!(%error, segment = name, "a segment of the event log is not signed");
            }
            self.unsaved.insert(self.segment, lines.into());
            self.segment += 1;
        }
        let lines = self.unsaved.iter().map(|(number, lines)| (self.name(*number), lines.clone())).collect();
        Segments { store: self.store.clone(), lines, until: self.segment }
    }

    fn name(&self, number: u64) -> String {
        segment_name(self.incarnation, number)
    }

    /// Records that the segments below `until` are in the store.
    pub fn saved(&mut self, until: u64) {
        self.unsaved = self.unsaved.split_off(&until);
    }

    /// Writes all remaining events.
    ///
    /// # Errors
    /// The store's, if it cannot be written to; the remaining events are kept.
    pub async fn flush(&mut self) -> Result<(), stentor_store::Error> {
        let segments = self.cut();
        segments.put().await?;
        self.saved(segments.until);
        Ok(())
    }
}

impl Segments {
    /// Writes all segments. Safe to repeat: a segment never changes.
    ///
    /// # Errors
    /// The store's, if it cannot be written to.
    pub async fn put(&self) -> Result<(), stentor_store::Error> {
        for (name, lines) in &self.lines {
            self.store.put(name, lines.clone()).await?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Fence;

    fn event(round: u64) -> Event {
        let fence = Fence { lineage: 1, membership_epoch: 1, round };
        Event::Members { fence, members: BTreeMap::new(), reason: "test".into() }
    }

    #[tokio::test]
    async fn a_segment_whose_write_failed_is_written_with_the_next_one() {
        let folder = tempfile::tempdir().unwrap();
        let run = Store::open(folder.path().to_str().unwrap()).unwrap();
        let mut log = EventLog::new(&run, 7);
        log.record(&event(0));
        drop(log.cut());
        log.record(&event(1));
        let segments = log.cut();
        segments.put().await.unwrap();
        log.saved(segments.until);
        log.record(&event(2));
        log.flush().await.unwrap();
        let mut names = run.list("events").await.unwrap();
        names.sort();
        assert_eq!(names.len(), 3, "{names:?}");
        for (round, name) in names.iter().enumerate() {
            let lines = run.child("events").get(&format!("000007-{round:06}.jsonl")).await.unwrap();
            let found: Event = serde_json::from_slice(&lines).unwrap();
            assert_eq!(found, event(round as u64), "{name}");
        }
    }
}
