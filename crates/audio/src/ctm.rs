use crate::Error;
use crate::alignment::{Micros, StateSpan, thirds};
use crate::kaldi::shorten;
use std::collections::HashMap;
use std::fs::File;
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::Mutex;

/// What the symbols of a CTM file are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CtmKind {
    /// Phones; each is cut into three equal states.
    Phones,
    /// States, written `PHONE.k` with `k` from 0.
    States,
}

/// A CTM file, `utterance channel start duration symbol [confidence]` with times in seconds from the utterance's start.
///
/// Only the places of the utterances are held in memory; their spans are read when asked for.
#[derive(Debug)]
pub struct Ctm {
    path: PathBuf,
    kind: CtmKind,
    file: Mutex<File>,
    /// Byte ranges of each utterance's lines.
    places: HashMap<String, Vec<Place>>,
}

#[derive(Debug, Clone, Copy)]
struct Place {
    offset: u64,
    bytes: u64,
    first_line: usize,
}

impl Ctm {
    /// Reads the file once, checks every line and notes where each utterance is.
    ///
    /// # Errors
    /// [`Error::Read`] and [`Error::Line`].
    pub fn open(path: &Path, kind: CtmKind) -> Result<Self, Error> {
        let read_error = |source| Error::Read { path: path.to_owned(), source };
        let file = File::open(path).map_err(read_error)?;
        let mut reader = BufReader::new(&file);
        let mut places: HashMap<String, Vec<Place>> = HashMap::new();
        let mut current: Option<(String, Place)> = None;
        let (mut text, mut offset, mut line) = (String::new(), 0u64, 0usize);
        loop {
            text.clear();
            let bytes = reader.read_line(&mut text).map_err(read_error)? as u64;
            line += 1;
            let parsed =
                parse_line(&text, kind).map_err(|expected| line_error(path, line, expected, &text))?;
            if let Some(parsed) = parsed {
                match &mut current {
                    Some((utterance, place)) if utterance == parsed.utterance => {
                        place.bytes = offset + bytes - place.offset;
                    }
                    _ => {
                        let place = Place { offset, bytes, first_line: line };
                        if let Some((utterance, place)) =
                            current.replace((parsed.utterance.to_owned(), place))
                        {
                            places.entry(utterance).or_default().push(place);
                        }
                    }
                }
            }
            if bytes == 0 {
                break;
            }
            offset += bytes;
        }
        if let Some((utterance, place)) = current {
            places.entry(utterance).or_default().push(place);
        }
        drop(reader);
        Ok(Self { path: path.to_owned(), kind, file: Mutex::new(file), places })
    }

    /// Whether the file has an alignment for this utterance.
    #[must_use]
    pub fn contains(&self, utterance: &str) -> bool {
        self.places.contains_key(utterance)
    }

    /// Number of utterances in the file.
    #[must_use]
    pub fn len(&self) -> usize {
        self.places.len()
    }

    /// Whether the file has no utterances.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// The states of an utterance in order of time; `None` if the file does not have it.
    ///
    /// # Errors
    /// [`Error::Read`], and [`Error::Line`] if the file has changed since it was opened.
    pub fn spans(&self, utterance: &str) -> Result<Option<Vec<StateSpan>>, Error> {
        let Some(places) = self.places.get(utterance) else { return Ok(None) };
        let mut spans = Vec::new();
        for place in places {
            let text = self.read(*place).map_err(|source| Error::Read { path: self.path.clone(), source })?;
            for (i, line) in text.lines().enumerate() {
                let parsed = parse_line(line, self.kind)
                    .map_err(|expected| line_error(&self.path, place.first_line + i, expected, line))?;
                match parsed {
                    Some(Line { phone, state: Some(state), start, end, .. }) => {
                        spans.push(StateSpan { phone: phone.to_owned(), state, start, end });
                    }
                    Some(Line { phone, state: None, start, end, .. }) => {
                        spans.extend(thirds(phone, start, end))
                    }
                    None => {}
                }
            }
        }
        spans.sort_by_key(|span| (span.start, span.end));
        Ok(Some(spans))
    }

    fn read(&self, place: Place) -> std::io::Result<String> {
        let mut file = self.file.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        file.seek(SeekFrom::Start(place.offset))?;
        let mut text = String::new();
        (&mut *file).take(place.bytes).read_to_string(&mut text)?;
        Ok(text)
    }
}

struct Line<'a> {
    utterance: &'a str,
    phone: &'a str,
    state: Option<u8>,
    start: Micros,
    end: Micros,
}

/// `None` for blank lines and comments; the error is what was expected.
fn parse_line(text: &str, kind: CtmKind) -> Result<Option<Line<'_>>, &'static str> {
    let mut fields = text.split_whitespace();
    let Some(utterance) = fields.next().filter(|first| !first.starts_with(";;")) else { return Ok(None) };
    let (Some(_channel), Some(start), Some(duration), Some(symbol)) =
        (fields.next(), fields.next(), fields.next(), fields.next())
    else {
        return Err("`utterance channel start duration symbol`");
    };
    let start = seconds(start).ok_or("a start in seconds")?;
    let duration = seconds(duration).ok_or("a duration in seconds")?;
    let (phone, state) = match kind {
        CtmKind::Phones => (symbol, None),
        CtmKind::States => {
            let (phone, state) = symbol.rsplit_once('.').ok_or("a state, `PHONE.k`")?;
            (phone, Some(state.parse().map_err(|_| "a state, `PHONE.k` with k from 0 to 255")?))
        }
    };
    Ok(Some(Line { utterance, phone, state, start, end: start + duration }))
}

/// Seconds as written, to microseconds; `None` unless finite, not negative and below a year.
pub(crate) fn seconds(text: &str) -> Option<Micros> {
    let seconds: f64 = text.parse().ok()?;
    (0.0..3.2e7).contains(&seconds).then(|| (seconds * 1e6).round() as Micros)
}

fn line_error(path: &Path, line: usize, expected: &'static str, found: &str) -> Error {
    Error::Line { path: path.to_owned(), line, expected, found: shorten(found) }
}
