use crate::Error;
use crate::core::Event;
use bytes::Bytes;
use stentor_store::Store;

/// Folder of a run.
const FOLDER: &str = "events";

/// The run's event log: JSON lines, written to the store in segments, because an object store cannot append.
#[derive(Debug)]
pub(crate) struct EventLog {
    store: Store,
    incarnation: u64,
    segment: u64,
    lines: Vec<u8>,
}

/// The event log of `run`, in the order of time.
///
/// # Errors
/// [`Error::EventLog`] with segment and line; [`Error::Store`].
pub async fn read_events(run: &Store) -> Result<Vec<Event>, Error> {
    let mut events = Vec::new();
    replay(run, None, |event| events.push(event)).await?;
    Ok(events)
}

/// Gives `take` the events of `run` in the order of time, segment by segment; those of incarnations before `until` only, if it
/// is given.
pub(crate) async fn replay(
    run: &Store,
    until: Option<u64>,
    mut take: impl FnMut(Event),
) -> Result<(), Error> {
    let end = until.map(|incarnation| format!("{FOLDER}/{incarnation:06}-"));
    for segment in run.list(&format!("{FOLDER}/")).await? {
        if end.as_ref().is_some_and(|end| segment >= *end) {
            break;
        }
        let bytes = run.get(&segment).await?;
        let text = std::str::from_utf8(&bytes).map_err(|e| unreadable(&segment, 1, &e))?;
        parse_events(&segment, text)?.into_iter().for_each(&mut take);
    }
    Ok(())
}

/// The events in the text of one segment of a log, an event a line; `segment` is for messages.
///
/// # Errors
/// [`Error::EventLog`] with the line.
pub fn parse_events(segment: &str, text: &str) -> Result<Vec<Event>, Error> {
    let lines = (1..).zip(text.lines());
    lines.map(|(n, line)| serde_json::from_str(line).map_err(|e| unreadable(segment, n, &e))).collect()
}

fn unreadable(segment: &str, line: usize, reason: &dyn std::fmt::Display) -> Error {
    Error::EventLog { segment: segment.to_owned(), line, reason: reason.to_string() }
}

impl EventLog {
    pub(crate) fn new(run: &Store, incarnation: u64) -> Self {
        Self { store: run.child(FOLDER), incarnation, segment: 0, lines: Vec::new() }
    }

    pub(crate) fn record(&mut self, event: &Event) {
        match serde_json::to_writer(&mut self.lines, event) {
            Ok(()) => self.lines.push(b'\n'),
            // Only a non-finite float can do this, and it has been refused before.
            Err(error) => tracing::error!(%error, ?event, "event cannot be written"),
        }
    }

    /// What has come since the last segment, with its name: sorted names are the order of time.
    pub(crate) fn cut(&mut self) -> Option<(Store, String, Bytes)> {
        if self.lines.is_empty() {
            return None;
        }
        let name = format!("{:06}-{:06}.jsonl", self.incarnation, self.segment);
        self.segment += 1;
        Some((self.store.clone(), name, std::mem::take(&mut self.lines).into()))
    }

    /// Writes what is left.
    pub(crate) async fn flush(&mut self) -> Result<(), stentor_store::Error> {
        if let Some((store, name, lines)) = self.cut() {
            store.put(&name, lines).await?;
        }
        Ok(())
    }
}
