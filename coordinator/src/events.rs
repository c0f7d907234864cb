use crate::core::Event;
use bytes::Bytes;
use stentor_store::Store;

/// The run's event log: JSON lines, written to the store in segments, because an object store cannot append.
#[derive(Debug)]
pub(crate) struct EventLog {
    store: Store,
    incarnation: u64,
    segment: u64,
    lines: Vec<u8>,
}

impl EventLog {
    pub(crate) fn new(run: &Store, incarnation: u64) -> Self {
        Self { store: run.child("events"), incarnation, segment: 0, lines: Vec::new() }
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
