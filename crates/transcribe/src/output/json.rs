use crate::event::Event;
use serde::Serialize;

/// A line of JSON: the stream's name, and the event's own keys.
#[derive(Serialize)]
pub(super) struct Line<'a> {
    pub(super) file: &'a str,
    #[serde(flatten)]
    pub(super) event: &'a Event,
}
