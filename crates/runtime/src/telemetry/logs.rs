use crate::error::Error;
use crate::metrics;
use std::fmt;
use std::time::{SystemTime, UNIX_EPOCH};
use tracing::{Metadata, Subscriber};
use tracing_subscriber::filter::{EnvFilter, FilterExt, FilterFn, filter_fn};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::FormatTime;
use tracing_subscriber::layer::{Filter, Layer};
use tracing_subscriber::registry::LookupSpan;

/// The format of log lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// For people at a terminal.
    Human,
    /// One JSON object per line.
    Json,
}

impl LogFormat {
    /// Uses the setting; without one, `human` on a terminal and `json` otherwise.
    pub(super) fn choose(setting: Option<&str>, terminal: bool) -> Result<LogFormat, Error> {
        match setting {
            Some("human") => Ok(LogFormat::Human),
            Some("json") => Ok(LogFormat::Json),
            Some(found) => Err(Error::LogFormat { found: found.to_owned() }),
            None if terminal => Ok(LogFormat::Human),
            None => Ok(LogFormat::Json),
        }
    }
}

/// The layer that writes logs. `directives` has the syntax of `STENTOR_LOG`.
pub(super) fn layer<S, W>(
    program: &'static str,
    format: LogFormat,
    directives: &str,
    colours: bool,
    writer: W,
) -> Result<Box<dyn Layer<S> + Send + Sync>, Error>
where
    S: Subscriber + for<'span> LookupSpan<'span>,
    W: for<'writer> MakeWriter<'writer> + Send + Sync + 'static,
{
    let filter = filter(directives)?;
    let base = tracing_subscriber::fmt::layer().with_writer(writer).log_internal_errors(false);
    Ok(match format {
        LogFormat::Human => base
            .with_ansi(colours)
            .with_target(false)
            .with_timer(Clock { program })
            .with_filter(filter)
            .boxed(),
        LogFormat::Json => base.with_ansi(false).json().flatten_event(true).with_filter(filter).boxed(),
    })
}

/// Applies `directives`, but always excludes metric events: there are thousands, and they are not for people.
fn filter<S: Subscriber>(directives: &str) -> Result<impl Filter<S> + use<S>, Error> {
    let directives = EnvFilter::builder()
        .parse(directives)
        .map_err(|reason| Error::LogFilter { found: directives.to_owned(), reason: reason.to_string() })?;
    let no_metrics: FilterFn<fn(&Metadata<'_>) -> bool> =
        filter_fn(|metadata| metadata.target() != metrics::TARGET);
    Ok(directives.and(no_metrics))
}

/// Writes time of day in UTC and the program's name, because several programs may write to one terminal.
struct Clock {
    program: &'static str,
}

impl FormatTime for Clock {
    fn format_time(&self, writer: &mut Writer<'_>) -> fmt::Result {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        write!(writer, "{} {}", time_of_day(since.as_millis()), self.program)
    }
}

fn time_of_day(milliseconds: u128) -> String {
    let seconds = milliseconds / 1000;
    let (hours, minutes) = (seconds / 3600 % 24, seconds / 60 % 60);
    format!("{hours:02}:{minutes:02}:{:02}.{:03}Z", seconds % 60, milliseconds % 1000)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{self, Write};
    use std::sync::{Arc, Mutex};
    use tracing_subscriber::Registry;
    use tracing_subscriber::layer::SubscriberExt;

    #[derive(Clone, Default)]
    struct Memory(Arc<Mutex<Vec<u8>>>);

    impl Write for Memory {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn logged(format: LogFormat, directives: &str, act: impl FnOnce()) -> String {
        let memory = Memory::default();
        let writer = memory.clone();
        let layer =
            layer::<Registry, _>("worker", format, directives, false, move || writer.clone()).unwrap();
        tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), act);
        let bytes = memory.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn people_read_time_program_level_message_and_fields() {
        let text = logged(LogFormat::Human, "info", || tracing::warn!(round = 7, "late"));
        assert!(text.contains("Z worker  WARN late round=7"), "{text}");
    }

    #[test]
    fn machines_read_one_object_a_line_with_the_fields_beside_the_message() {
        let text = logged(LogFormat::Json, "info", || tracing::warn!(round = 7, "late\nand \"quoted\""));
        let line: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(line["level"], "WARN");
        assert_eq!(line["message"], "late\nand \"quoted\"");
        assert_eq!(line["round"], 7);
        assert!(line["timestamp"].is_string());
    }

    #[test]
    fn the_filter_chooses_by_level_and_by_crate() {
        let act = || {
            tracing::debug!(target: "stentor_worker", "kept");
            tracing::info!(target: "h2", "left out");
        };
        let text = logged(LogFormat::Human, "warn,stentor_worker=debug", act);
        assert!(text.contains("kept") && !text.contains("left out"), "{text}");
    }

    #[test]
    fn metric_events_are_never_logged_even_when_everything_is() {
        let text = logged(LogFormat::Json, "trace", || {
            metrics::retries(1, "test");
            metrics::progress(0.5);
            tracing::trace!("words");
        });
        assert_eq!(text.lines().count(), 1, "{text}");
        assert!(text.contains("words"), "{text}");
    }

    #[test]
    fn a_filter_that_cannot_be_read_is_named() {
        let error = filter::<Registry>("info,worker=loud").map(drop).unwrap_err().to_string();
        assert!(error.contains("STENTOR_LOG") && error.contains("worker=loud"), "{error}");
    }

    #[test]
    fn the_format_follows_the_setting_and_then_the_terminal() {
        let choose = |setting: Option<&str>, terminal| LogFormat::choose(setting, terminal).ok();
        assert_eq!(choose(None, true), Some(LogFormat::Human));
        assert_eq!(choose(None, false), Some(LogFormat::Json));
        assert_eq!(choose(Some("human"), false), Some(LogFormat::Human));
        assert_eq!(choose(Some("json"), true), Some(LogFormat::Json));
        assert_eq!(choose(Some("xml"), true), None);
    }

    #[test]
    fn the_time_of_day_is_that_of_greenwich() {
        assert_eq!(time_of_day(0), "00:00:00.000Z");
        assert_eq!(time_of_day(1_700_000_000_123), "22:13:20.123Z");
    }
}
