use crate::Error;
use crate::alignment::{Micros, StateSpan, seconds, thirds};
use crate::kaldi::{Extent, Unmatched};
use crate::lines::{IDENTIFIER, Lines, is_visible, shorten};
use crate::source::open_regular;
use crate::{DataDirectory, Utterance};
use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::Mutex;

/// The meaning of the symbols in a CTM file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CtmKind {
    /// Phones; each is cut into three equal states.
    Phones,
    /// States, written `PHONE.k` with `k` from 0.
    States,
    /// Ids of tied states (Kaldi's pdf ids), as numbers. Spans have the number in place of the phone.
    Pdfs,
}

/// Lines that are read at once when only a few of many are needed: those of one segment of a recording of an hour.
const LINES_OF_A_PLACE: usize = 256;

/// A CTM file: lines of `id channel start duration symbol [confidence]`, times in seconds.
///
/// An `id` is that of an utterance, with times counted from the utterance's start; or, as Kaldi writes it for data with
/// segments, that of a recording, with times counted from the recording's start. Only positions in the file are kept in
/// memory; spans are read on request.
#[derive(Debug)]
pub struct Ctm {
    path: PathBuf,
    kind: CtmKind,
    file: Mutex<File>,
    /// Where the lines of each identifier are.
    places: HashMap<String, Vec<Place>>,
    /// Number of phones without duration, which are left out.
    pub empty_spans: usize,
}

/// Consecutive lines of one identifier.
#[derive(Debug, Clone, Copy)]
struct Place {
    offset: u64,
    bytes: u64,
    first_line: usize,
    lines: usize,
    /// Earliest start and latest end of these lines.
    start: Micros,
    end: Micros,
}

impl Ctm {
    /// Reads the file once, checks every line and records where the lines of each identifier are.
    ///
    /// # Errors
    /// [`Error::Read`], [`Error::NotAFile`], [`Error::Encoding`] and [`Error::Line`].
    pub fn open(path: &Path, kind: CtmKind) -> Result<Self, Error> {
        let file = open_regular(path)?;
        let mut lines = Lines::new(path, &file);
        let mut places: HashMap<String, Vec<Place>> = HashMap::new();
        let (mut last, mut empty_spans) = (String::new(), 0);
        while let Some(raw) = lines.next_line()? {
            let parsed = parse_line(raw.text, kind)
                .map_err(|expected| line_error(path, raw.number, expected, raw.text))?;
            let Some(parsed) = parsed else { continue };
            if parsed.start == parsed.end {
                empty_spans += 1;
            }
            let line = Place {
                offset: raw.offset,
                bytes: raw.bytes,
                first_line: raw.number,
                lines: 1,
                start: parsed.start,
                end: parsed.end,
            };
            let follows = last == parsed.id;
            if !follows {
                last.clear();
                last.push_str(parsed.id);
            }
            let known = match places.get_mut(&last) {
                Some(known) => known,
                None => places.entry(last.clone()).or_default(),
            };
            match known.last_mut().filter(|place| follows && place.lines < LINES_OF_A_PLACE) {
                Some(place) => {
                    place.bytes = line.offset + line.bytes - place.offset;
                    place.lines += 1;
                    place.start = place.start.min(line.start);
                    place.end = place.end.max(line.end);
                }
                None => known.push(line),
            }
        }
        drop(lines);
        Ok(Self { path: path.to_owned(), kind, file: Mutex::new(file), places, empty_spans })
    }

    /// Returns what the file's symbols are.
    #[must_use]
    pub fn kind(&self) -> CtmKind {
        self.kind
    }

    /// Returns whether the file has lines for this identifier.
    #[must_use]
    pub fn contains(&self, id: &str) -> bool {
        self.places.contains_key(id)
    }

    /// Returns the number of identifiers in the file.
    #[must_use]
    pub fn len(&self) -> usize {
        self.places.len()
    }

    /// Returns whether the file has no lines.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// Returns the identifiers that belong to no utterance and no recording.
    #[must_use]
    pub fn unmatched(&self, data: &DataDirectory) -> Unmatched {
        let utterances = data.utterances.iter().map(|u| u.id.as_str());
        let known: HashSet<&str> = utterances.chain(data.recordings.iter().map(|r| r.id.as_str())).collect();
        Unmatched::among(self.places.keys().map(String::as_str), &known)
    }

    /// Returns the states of an utterance in order of time, from its start; `None` if the file does not contain it.
    /// Lines with the utterance's identifier take precedence over those of its recording.
    ///
    /// # Errors
    /// [`Error::Read`], and [`Error::Line`] if the file has changed since it was opened.
    pub fn spans(
        &self,
        utterance: &Utterance,
        data: &DataDirectory,
    ) -> Result<Option<Vec<StateSpan>>, Error> {
        if let Some(places) = self.places.get(&utterance.id) {
            return self.within(places, 0, Micros::MAX).map(Some);
        }
        let Extent::Segment { start, end } = utterance.extent else { return Ok(None) };
        let recording = &data.recordings[utterance.recording].id;
        let Some(places) = self.places.get(recording) else { return Ok(None) };
        let spans = self.within(places, start, end.unwrap_or(Micros::MAX))?;
        Ok(if spans.is_empty() { None } else { Some(spans) })
    }

    /// Returns the spans between two times, relative to `from` and cut at both.
    fn within(&self, places: &[Place], from: Micros, to: Micros) -> Result<Vec<StateSpan>, Error> {
        let mut spans = Vec::new();
        for place in places.iter().filter(|place| place.end > from && place.start < to) {
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
        for span in &mut spans {
            (span.start, span.end) = (span.start.max(from) - from, span.end.min(to) - from);
        }
        // This also removes phones without duration.
        spans.retain(|span| span.start < span.end);
        spans.sort_by_key(|span| (span.start, span.end));
        Ok(spans)
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
    id: &'a str,
    phone: &'a str,
    state: Option<u8>,
    start: Micros,
    end: Micros,
}

/// Parses a line; `None` for blank lines and comments. The error says what was expected.
fn parse_line(text: &str, kind: CtmKind) -> Result<Option<Line<'_>>, &'static str> {
    let mut fields = text.split_ascii_whitespace();
    let Some(id) = fields.next().filter(|first| !first.starts_with(";;")) else { return Ok(None) };
    let (Some(_channel), Some(start), Some(duration), Some(symbol)) =
        (fields.next(), fields.next(), fields.next(), fields.next())
    else {
        return Err("`id channel start duration symbol`");
    };
    if !is_visible(id) || !is_visible(symbol) {
        return Err(IDENTIFIER);
    }
    let start = seconds(start).ok_or("a start in seconds")?;
    let duration = seconds(duration).ok_or("a duration in seconds")?;
    let (phone, state) = match kind {
        CtmKind::Phones => (symbol, None),
        CtmKind::Pdfs => {
            symbol.parse::<u32>().map_err(|_| "the number of a pdf, from 0")?;
            (symbol, Some(0))
        }
        CtmKind::States => {
            let (phone, state) = symbol.rsplit_once('.').ok_or("a state, `PHONE.k`")?;
            (phone, Some(state.parse().map_err(|_| "a state, `PHONE.k` with k from 0 to 255")?))
        }
    };
    Ok(Some(Line { id, phone, state, start, end: start + duration }))
}

fn line_error(path: &Path, line: usize, expected: &'static str, found: &str) -> Error {
    Error::Line { path: path.to_owned(), line, expected, found: shorten(found) }
}
