//! From words with times to texts by utterance.

use crate::Error;
use crate::words::files::{CtmWord, StmSegment};
use crate::words::{Names, Transcripts};
use std::collections::{BTreeMap, BTreeSet};

/// A recording and a channel of it.
type Recording<'a> = (&'a str, &'a str);

/// The id of a segment as an utterance: `FILE-CHANNEL-BEGIN-END`, times in milliseconds.
#[must_use]
pub fn segment_id(segment: &StmSegment) -> String {
    let StmSegment { file, channel, begin, end, .. } = segment;
    format!("{file}-{channel}-{:07}-{:07}", begin / 1000, end / 1000)
}

/// Texts and speakers of the segments that are scored.
///
/// # Errors
/// [`Error::RepeatedSegment`] where two segments of a recording have the same times.
pub fn by_segment(segments: &[StmSegment]) -> Result<(Transcripts, Names), Error> {
    let (mut texts, mut speakers) = (Transcripts::new(), Names::new());
    for segment in segments.iter().filter(|segment| !segment.is_ignored()) {
        let id = segment_id(segment);
        speakers.insert(id.clone(), segment.speaker.clone());
        if texts.insert(id.clone(), segment.text.clone()).is_some() {
            return Err(Error::RepeatedSegment { id });
        }
    }
    Ok((texts, speakers))
}

/// The words of each file in the order of their times, for CTM files whose first column is an utterance.
///
/// # Errors
/// [`Error::Channels`] where a file has words in two channels: only segments tell which belong together.
pub fn by_file(words: &[CtmWord]) -> Result<Transcripts, Error> {
    let recordings = by_recording(words);
    let mut texts = Transcripts::new();
    for ((file, _), words) in recordings {
        let text = words.iter().map(|word| word.word.as_str()).collect::<Vec<_>>().join(" ");
        if texts.insert(file.to_owned(), text).is_some() {
            return Err(Error::Channels { file: file.to_owned() });
        }
    }
    Ok(texts)
}

/// Gives each recognised word to a segment of the reference, as `sclite` does: to the first one that ends after the middle
/// of the word, or else to the last one. So a word in a pause belongs to what follows, and no word is lost but those that fall
/// to ignored segments.
///
/// # Errors
/// [`Error::OtherRecordings`] where a recording of the reference has no words, or words are of another one. As
/// [`by_segment`].
pub fn assign(words: &[CtmWord], segments: &[StmSegment]) -> Result<Transcripts, Error> {
    let mut open: BTreeMap<Recording<'_>, Vec<(&StmSegment, Vec<&str>)>> = BTreeMap::new();
    for segment in segments {
        open.entry((&segment.file, &segment.channel)).or_default().push((segment, Vec::new()));
    }
    open.values_mut().for_each(|segments| segments.sort_by_key(|(segment, _)| (segment.begin, segment.end)));
    let words = by_recording(words);
    same_recordings(segments, &words)?;
    for (recording, words) in words {
        let Some(segments) = open.get_mut(&recording) else { continue };
        let mut place = 0;
        for word in words {
            let has_ended = |segment: &StmSegment| 2 * segment.end <= 2 * word.start + word.duration;
            while place + 1 < segments.len() && has_ended(segments[place].0) {
                place += 1;
            }
            segments[place].1.push(&word.word);
        }
    }
    let recognised: Vec<StmSegment> = open
        .into_values()
        .flatten()
        .filter(|(segment, _)| !segment.is_ignored())
        .map(|(segment, words)| StmSegment { text: words.join(" "), ..segment.clone() })
        .collect();
    by_segment(&recognised).map(|(texts, _)| texts)
}

fn by_recording(words: &[CtmWord]) -> BTreeMap<Recording<'_>, Vec<&CtmWord>> {
    let mut recordings: BTreeMap<Recording<'_>, Vec<&CtmWord>> = BTreeMap::new();
    for word in words {
        recordings.entry((&word.file, &word.channel)).or_default().push(word);
    }
    recordings.values_mut().for_each(|words| words.sort_by_key(|word| word.start));
    recordings
}

fn same_recordings(
    segments: &[StmSegment],
    words: &BTreeMap<Recording<'_>, Vec<&CtmWord>>,
) -> Result<(), Error> {
    let all: BTreeSet<Recording<'_>> =
        segments.iter().map(|s| (s.file.as_str(), s.channel.as_str())).collect();
    let scored = segments.iter().filter(|segment| !segment.is_ignored());
    let scored: BTreeSet<Recording<'_>> = scored.map(|s| (s.file.as_str(), s.channel.as_str())).collect();
    let name = |(file, channel): &Recording<'_>| format!("{file} {channel}");
    let missing: Vec<String> = scored.iter().filter(|r| !words.contains_key(*r)).map(name).collect();
    let extra: Vec<String> = words.keys().filter(|r| !all.contains(*r)).map(name).collect();
    match missing.is_empty() && extra.is_empty() {
        true => Ok(()),
        false => Err(Error::OtherRecordings { missing, extra }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::words::files::{read_ctm, read_stm};

    fn segments(text: &str) -> Vec<StmSegment> {
        read_stm(text.as_bytes()).unwrap()
    }

    fn words(text: &str) -> Vec<CtmWord> {
        read_ctm(text.as_bytes()).unwrap()
    }

    const STM: &str = "f A s 0.00 1.00 <O> a b c\nf A s 2.00 3.00 <O> d e\n\
                       f A x 3.00 4.00 ignore_time_segment_in_scoring\nf A t 4.00 5.00 d e\n";

    #[test]
    fn a_word_belongs_to_the_first_segment_that_ends_after_its_middle() {
        let ctm = "f A 0.10 0.2 a\nf A 0.90 0.2 edge\nf A 0.95 0.2 c\nf A 1.5 0.2 pause\nf A 2.1 0.2 d\n\
                   f A 3.5 0.2 ignored\nf A 4.1 0.2 d\nf A 5.5 0.2 after\n";
        let found = assign(&words(ctm), &segments(STM)).unwrap();
        let texts: Vec<&str> = found.values().map(String::as_str).collect();
        assert_eq!(texts, ["a", "edge c pause d", "d after"]);
        let (reference, speakers) = by_segment(&segments(STM)).unwrap();
        assert!(reference.keys().eq(found.keys()) && reference.keys().eq(speakers.keys()));
        assert_eq!(speakers["f-A-0004000-0005000"], "t");
    }

    #[test]
    fn a_recording_that_one_side_lacks_is_an_error() {
        let found = assign(&words("f B 0.1 0.2 a\n"), &segments(STM)).unwrap_err();
        let expected = Error::OtherRecordings { missing: vec!["f A".into()], extra: vec!["f B".into()] };
        assert_eq!(found, expected);
    }

    #[test]
    fn without_segments_a_file_of_two_channels_is_refused() {
        let found = by_file(&words("u 1 0.5 0.1 b\nu 1 0.1 0.1 a\nv 1 0 1 c\n")).unwrap();
        assert_eq!((found["u"].as_str(), found["v"].as_str()), ("a b", "c"));
        let found = by_file(&words("u 1 0.5 0.1 b\nu 2 0.1 0.1 a\n"));
        assert_eq!(found, Err(Error::Channels { file: "u".into() }));
    }

    #[test]
    fn segments_with_the_same_times_are_refused() {
        let found = by_segment(&segments("f A s 0 1 a\nf A s 0 1 b\n"));
        assert_eq!(found, Err(Error::RepeatedSegment { id: "f-A-0000000-0001000".into() }));
    }
}
