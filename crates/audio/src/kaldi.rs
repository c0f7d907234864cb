use crate::alignment::seconds;
use crate::lines::{IDENTIFIER, Lines, is_visible, shorten};
use crate::source::open_regular;
use crate::{Error, Micros};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::{Path, PathBuf};

/// An audio file, or one channel of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recording {
    /// The identifier in `wav.scp`.
    pub id: String,
    /// Path, absolute or relative to the working directory.
    pub path: PathBuf,
    /// The channel of a file with several, from 1, as in `reco2file_and_channel`.
    pub channel: Option<usize>,
}

/// The part of its recording that an utterance is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extent {
    /// The whole recording.
    Whole,
    /// A segment; without `end` it continues to the recording's end.
    Segment {
        /// Microseconds from the recording's start.
        start: Micros,
        /// Microseconds from the recording's start.
        end: Option<Micros>,
    },
}

impl Extent {
    /// Its samples at a rate: the first, and one past the last. Without an end in the table the latter is the largest number.
    #[must_use]
    pub fn samples(self, rate_hz: u32) -> (u64, u64) {
        let samples = |time: Micros| ((time as i128 * i128::from(rate_hz) + 500_000) / 1_000_000) as u64;
        match self {
            Extent::Whole => (0, u64::MAX),
            Extent::Segment { start, end } => (samples(start), end.map_or(u64::MAX, samples)),
        }
    }
}

/// A stretch of speech with an identifier, by one speaker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Utterance {
    /// The identifier in `segments`, or else the recording's.
    pub id: String,
    /// Line in the file that lists it (`segments` or else `wav.scp`), from 1.
    pub line: usize,
    /// Index in [`DataDirectory::recordings`].
    pub recording: usize,
    /// The part of the recording.
    pub extent: Extent,
    /// The transcript; `None` if `text` contains no words for it.
    pub text: Option<String>,
    /// The speaker in `utt2spk`.
    pub speaker: Option<String>,
    /// The group in `utt2group`: a dialogue, a session or anything else that must not be split.
    pub group: Option<String>,
}

/// A Kaldi data directory: `wav.scp` and, if present, `reco2file_and_channel`, `segments`, `text`, `utt2spk` and
/// Stentor's `utt2group`.
///
/// Paths in `wav.scp` are relative to the directory or absolute. Pipes are refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DataDirectory {
    /// Recordings, in the order of `wav.scp`.
    pub recordings: Vec<Recording>,
    /// Utterances, in the order of `segments`, or else of `wav.scp`.
    pub utterances: Vec<Utterance>,
    /// Lines of `text`, `utt2spk` and `utt2group` whose utterance does not exist, and of `reco2file_and_channel` whose
    /// recording does not exist, by table.
    pub unmatched: BTreeMap<String, Unmatched>,
}

/// Identifiers in a table that do not exist in the corpus.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Unmatched {
    /// Number of identifiers.
    pub ids: usize,
    /// The first few.
    pub examples: Vec<String>,
}

impl Unmatched {
    const EXAMPLES: usize = 5;

    /// Those of `ids` that are not `known`.
    pub(crate) fn among<'a>(ids: impl Iterator<Item = &'a str>, known: &HashSet<&str>) -> Self {
        let mut unknown: Vec<&str> = ids.filter(|id| !known.contains(id)).collect();
        unknown.sort_unstable();
        let mut unmatched = Self::default();
        unknown.into_iter().for_each(|id| unmatched.add(id));
        unmatched
    }

    pub(crate) fn add(&mut self, id: &str) {
        self.ids += 1;
        if self.examples.len() < Self::EXAMPLES {
            self.examples.push(id.to_owned());
        }
    }
}

impl DataDirectory {
    /// Reads the tables; audio is not opened.
    ///
    /// # Errors
    /// [`Error::Read`], [`Error::NotAFile`], [`Error::Encoding`], [`Error::Line`], [`Error::Pipe`], [`Error::Archive`],
    /// [`Error::Duplicate`], [`Error::UnknownRecording`] and [`Error::Empty`].
    pub fn read(directory: &Path) -> Result<Self, Error> {
        let mut places = HashMap::new();
        let (mut recordings, mut lines) = (Vec::new(), Vec::new());
        let scp = directory.join("wav.scp");
        each_line(&scp, |line, id, rest| {
            if rest.ends_with('|') || rest.starts_with('|') {
                return Err(Error::Pipe { path: scp.clone(), line, id: id.to_owned() });
            }
            if rest.is_empty() {
                return Err(malformed(&scp, line, "`recording path`", id));
            }
            if is_in_archive(rest) {
                return Err(Error::Archive { path: scp.clone(), line, id: id.to_owned() });
            }
            insert(&mut places, id, recordings.len(), &scp, line)?;
            lines.push(line);
            recordings.push(Recording { id: id.to_owned(), path: directory.join(rest), channel: None });
            Ok(())
        })?;
        if recordings.is_empty() {
            return Err(Error::Empty(scp, "recordings"));
        }

        let mut unmatched = BTreeMap::new();
        let channels = directory.join(CHANNELS);
        if is_there(&channels)? {
            let others = read_channels(&channels, &places, &mut recordings)?;
            unmatched.extend((others.ids > 0).then(|| (CHANNELS.to_owned(), others)));
        }
        let segments = directory.join("segments");
        let mut utterances = if is_there(&segments)? {
            read_segments(&segments, &places)?
        } else {
            let whole = |(recording, r): (usize, &Recording)| {
                Utterance::new(&r.id, lines[recording], recording, Extent::Whole)
            };
            recordings.iter().enumerate().map(whole).collect()
        };
        let by_id: HashMap<String, usize> =
            utterances.iter().enumerate().map(|(i, u)| (u.id.clone(), i)).collect();
        for (table, one_name, set) in TABLES {
            let path = directory.join(table);
            if !is_there(&path)? {
                continue;
            }
            let mut seen = HashMap::new();
            each_line(&path, |line, id, rest| {
                insert(&mut seen, id, line, &path, line)?;
                let mut names = rest.split_ascii_whitespace();
                if one_name.is_some() && !names.clone().all(is_visible) {
                    return Err(malformed(&path, line, IDENTIFIER, rest));
                }
                // Two utterances of a speaker would be of two speakers if one line had another column.
                if let Some(expected) = one_name
                    && names.nth(1).is_some()
                {
                    return Err(malformed(&path, line, expected, rest));
                }
                match by_id.get(id) {
                    Some(&i) if !rest.is_empty() => set(&mut utterances[i], rest),
                    Some(_) => {}
                    None => unmatched.entry(table.to_owned()).or_insert_with(Unmatched::default).add(id),
                }
                Ok(())
            })?;
        }
        Ok(Self { recordings, utterances, unmatched })
    }
}

/// Whether Kaldi means a place in an archive: `wav.ark:1234`.
fn is_in_archive(path: &str) -> bool {
    path.rsplit_once(".ark:")
        .is_some_and(|(_, offset)| !offset.is_empty() && offset.bytes().all(|byte| byte.is_ascii_digit()))
}

/// Whether a directory has an optional table. Only a name that does not exist is none: a link to nowhere or to itself, or a
/// folder that may not be entered, must not pass for a corpus without texts or speakers.
fn is_there(table: &Path) -> Result<bool, Error> {
    match table.symlink_metadata() {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(false),
        Err(source) => Err(Error::Read { path: table.to_owned(), source }),
    }
}

impl Utterance {
    fn new(id: &str, line: usize, recording: usize, extent: Extent) -> Self {
        Self { id: id.to_owned(), line, recording, extent, text: None, speaker: None, group: None }
    }
}

/// The table with the channel of each recording in its file.
const CHANNELS: &str = "reco2file_and_channel";

/// Sets the channels of recordings; returns the names that no recording has.
fn read_channels(
    path: &Path,
    places: &HashMap<String, usize>,
    recordings: &mut [Recording],
) -> Result<Unmatched, Error> {
    const EXPECTED: &str = "`recording file channel`, the channel a number from 1 or a letter from A";
    let (mut seen, mut others) = (HashMap::new(), Unmatched::default());
    each_line(path, |line, id, rest| {
        insert(&mut seen, id, line, path, line)?;
        let channel = match rest.split_ascii_whitespace().collect::<Vec<_>>()[..] {
            [_, channel] => channel_number(channel),
            _ => None,
        };
        let channel = channel.ok_or_else(|| malformed(path, line, EXPECTED, rest))?;
        match places.get(id) {
            Some(&place) => recordings[place].channel = Some(channel),
            None => others.add(id),
        }
        Ok(())
    })?;
    Ok(others)
}

/// Parses a channel; `1` and `A` are the first.
fn channel_number(text: &str) -> Option<usize> {
    match text.as_bytes() {
        [letter @ b'A'..=b'Z' | letter @ b'a'..=b'z'] => {
            Some(usize::from(letter.to_ascii_uppercase() - b'A') + 1)
        }
        _ => text.parse().ok().filter(|&channel| channel > 0),
    }
}

type Set = fn(&mut Utterance, &str);
/// Name of each table, what is expected if its second column is one identifier and the last, and where the value is stored.
const TABLES: [(&str, Option<&str>, Set); 3] = [
    ("text", None, |u, text| u.text = Some(text.to_owned())),
    ("utt2spk", Some("`utterance speaker`, the speaker without spaces"), |u, speaker| {
        u.speaker = Some(speaker.to_owned())
    }),
    ("utt2group", Some("`utterance group`, the group without spaces"), |u, group| {
        u.group = Some(group.to_owned())
    }),
];

fn read_segments(path: &Path, recordings: &HashMap<String, usize>) -> Result<Vec<Utterance>, Error> {
    const EXPECTED: &str =
        "`utterance recording start end`, in seconds (the channel belongs in `reco2file_and_channel`)";
    const AN_END: &str = "an end that is a finite number of seconds, or -1 for the end of the recording";
    let mut seen = HashMap::new();
    let mut utterances = Vec::new();
    each_line(path, |line, id, rest| {
        let fields: Vec<&str> = rest.split_ascii_whitespace().collect();
        let &[recording, start, end] = &fields[..] else { return Err(malformed(path, line, EXPECTED, rest)) };
        let Some(&place) = recordings.get(recording) else {
            return Err(Error::UnknownRecording { path: path.to_owned(), line, id: recording.to_owned() });
        };
        let start = seconds(start).ok_or_else(|| malformed(path, line, EXPECTED, rest))?;
        // Kaldi writes -1 for "to the end".
        let end = if end.parse() == Ok(-1.0) {
            None
        } else {
            let time = seconds(end).ok_or_else(|| malformed(path, line, AN_END, rest))?;
            if time <= start {
                return Err(malformed(path, line, "an end after the start", rest));
            }
            Some(time)
        };
        insert(&mut seen, id, line, path, line)?;
        utterances.push(Utterance::new(id, line, place, Extent::Segment { start, end }));
        Ok(())
    })?;
    if utterances.is_empty() { Err(Error::Empty(path.to_owned(), "utterances")) } else { Ok(utterances) }
}

/// Calls `each` with line number, first word and the rest; skips blank lines.
fn each_line(path: &Path, mut each: impl FnMut(usize, &str, &str) -> Result<(), Error>) -> Result<(), Error> {
    let file = open_regular(path)?;
    let mut lines = Lines::new(path, &file);
    while let Some(line) = lines.next_line()? {
        let text = line.text.trim_ascii();
        if text.is_empty() {
            continue;
        }
        let (id, rest) = text.split_once(|c: char| c.is_ascii_whitespace()).unwrap_or((text, ""));
        if !is_visible(id) {
            return Err(malformed(path, line.number, IDENTIFIER, id));
        }
        each(line.number, id, rest.trim_ascii_start())?;
    }
    Ok(())
}

fn insert(
    places: &mut HashMap<String, usize>,
    id: &str,
    place: usize,
    path: &Path,
    line: usize,
) -> Result<(), Error> {
    match places.insert(id.to_owned(), place) {
        None => Ok(()),
        Some(_) => Err(Error::Duplicate { path: path.to_owned(), line, id: id.to_owned() }),
    }
}

fn malformed(path: &Path, line: usize, expected: &'static str, found: &str) -> Error {
    Error::Line { path: path.to_owned(), line, expected, found: shorten(found) }
}
