use crate::ctm::seconds;
use crate::lines::{IDENTIFIER, Lines, is_visible, shorten};
use crate::source::open_regular;
use crate::{Error, Micros};
use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

/// A file of audio.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recording {
    /// From `wav.scp`.
    pub id: String,
    /// Absolute, or relative to where the program runs.
    pub path: PathBuf,
    /// From `reco2file_and_channel`: of a file with several channels the one to take, from 1.
    pub channel: Option<usize>,
}

/// Which part of its recording an utterance is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extent {
    /// All of it.
    Whole,
    /// A segment; without an end it goes on to the recording's.
    Segment {
        /// Microseconds from the recording's start.
        start: Micros,
        /// Microseconds from the recording's start.
        end: Option<Micros>,
    },
}

/// What is learned from, one at a time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Utterance {
    /// From `segments`, or the recording's.
    pub id: String,
    /// Of the file that names it, `segments` or else `wav.scp`; 1-based.
    pub line: usize,
    /// Place in [`DataDirectory::recordings`].
    pub recording: usize,
    /// Which part of it.
    pub extent: Extent,
    /// The transcript; none where `text` has no words for it.
    pub text: Option<String>,
    /// From `utt2spk`.
    pub speaker: Option<String>,
    /// From `utt2group`: a dialogue, session or whatever must not be split.
    pub group: Option<String>,
}

/// A Kaldi data directory: `wav.scp` and, if there, `reco2file_and_channel`, `segments`, `text`, `utt2spk` and our
/// `utt2group`.
///
/// Paths in `wav.scp` are relative to the directory or absolute. Pipes are refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DataDirectory {
    /// In the order of `wav.scp`.
    pub recordings: Vec<Recording>,
    /// In the order of `segments`, else of `wav.scp`.
    pub utterances: Vec<Utterance>,
    /// Lines of `text`, `utt2spk` and `utt2group` for utterances that are not there, and of `reco2file_and_channel` for
    /// recordings, by table.
    pub unmatched: BTreeMap<String, Unmatched>,
}

/// Identifiers in a table that no utterance has.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Unmatched {
    /// How many.
    pub ids: usize,
    /// The first few.
    pub examples: Vec<String>,
}

impl Unmatched {
    const EXAMPLES: usize = 5;

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
    /// [`Error::Read`], [`Error::NotAFile`], [`Error::Encoding`], [`Error::Line`], [`Error::Pipe`], [`Error::Duplicate`],
    /// [`Error::UnknownRecording`] and [`Error::Empty`].
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
            insert(&mut places, id, recordings.len(), &scp, line)?;
            lines.push(line);
            recordings.push(Recording { id: id.to_owned(), path: directory.join(rest), channel: None });
            Ok(())
        })?;
        if recordings.is_empty() {
            return Err(Error::Empty(scp));
        }

        let mut unmatched = BTreeMap::new();
        let channels = directory.join(CHANNELS);
        if channels.exists() {
            let others = read_channels(&channels, &places, &mut recordings)?;
            unmatched.extend((others.ids > 0).then(|| (CHANNELS.to_owned(), others)));
        }
        let segments = directory.join("segments");
        let mut utterances = if segments.exists() {
            read_segments(&segments, &places)?
        } else {
            let whole = |(recording, r): (usize, &Recording)| {
                Utterance::new(&r.id, lines[recording], recording, Extent::Whole)
            };
            recordings.iter().enumerate().map(whole).collect()
        };
        let by_id: HashMap<String, usize> =
            utterances.iter().enumerate().map(|(i, u)| (u.id.clone(), i)).collect();
        for (table, names, set) in TABLES {
            let path = directory.join(table);
            if !path.exists() {
                continue;
            }
            let mut seen = HashMap::new();
            each_line(&path, |line, id, rest| {
                insert(&mut seen, id, line, &path, line)?;
                if names && !rest.split_ascii_whitespace().all(is_visible) {
                    return Err(malformed(&path, line, IDENTIFIER, rest));
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

impl Utterance {
    fn new(id: &str, line: usize, recording: usize, extent: Extent) -> Self {
        Self { id: id.to_owned(), line, recording, extent, text: None, speaker: None, group: None }
    }
}

/// Which channel of its file a recording is.
const CHANNELS: &str = "reco2file_and_channel";

/// Notes the channels of recordings; gives the names that no recording has.
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

/// `1` and `A` are the first.
fn channel_number(text: &str) -> Option<usize> {
    match text.as_bytes() {
        [letter @ b'A'..=b'Z' | letter @ b'a'..=b'z'] => {
            Some(usize::from(letter.to_ascii_uppercase() - b'A') + 1)
        }
        _ => text.parse().ok().filter(|&channel| channel > 0),
    }
}

type Set = fn(&mut Utterance, &str);
/// Each table's name, whether its second column is one identifier, and where that goes.
const TABLES: [(&str, bool, Set); 3] = [
    ("text", false, |u, text| u.text = Some(text.to_owned())),
    ("utt2spk", true, |u, speaker| u.speaker = Some(speaker.to_owned())),
    ("utt2group", true, |u, group| u.group = Some(group.to_owned())),
];

fn read_segments(path: &Path, recordings: &HashMap<String, usize>) -> Result<Vec<Utterance>, Error> {
    const EXPECTED: &str =
        "`utterance recording start end`, in seconds (no channel: that is in `reco2file_and_channel`)";
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
        let end = if end.starts_with('-') {
            None
        } else {
            let after_start = seconds(end).filter(|&end| end > start);
            Some(after_start.ok_or_else(|| malformed(path, line, "an end after the start", rest))?)
        };
        insert(&mut seen, id, line, path, line)?;
        utterances.push(Utterance::new(id, line, place, Extent::Segment { start, end }));
        Ok(())
    })?;
    if utterances.is_empty() { Err(Error::Empty(path.to_owned())) } else { Ok(utterances) }
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
