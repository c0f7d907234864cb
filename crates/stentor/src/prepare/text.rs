//! The result of `stentor prepare`, as text.

use crate::text::counted;
use indicatif::HumanCount;
use std::collections::BTreeMap;
use std::fmt;
use stentor_prepare::{PdfFrames, Set, Sound, Summary};

/// Number of recordings shown on separate lines, and of senones on one.
const SHOWN: usize = 20;

/// A summary in lines of text.
pub(super) fn of(summary: &Summary) -> impl fmt::Display {
    Text(summary)
}

struct Text<'a>(&'a Summary);

impl fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Text(summary) = self;
        writeln!(f, "{:<12} {:>10} {:>12} {:>8} {:>7}", "set", "utterances", "frames", "hours", "shards")?;
        for (set, s) in &summary.sets {
            writeln!(f, "{set:<12} {:>10} {:>12} {:>8.3} {:>7}", s.utterances, s.frames, s.hours, s.shards)?;
        }
        writeln!(f, "split by {}; seed {}", summary.split_by, summary.seed)?;
        if summary.alone.count > 0 {
            writeln!(
                f,
                "{} without group or speaker: {}",
                counted(summary.alone.count, "utterance"),
                summary.alone
            )?;
        }
        if summary.identical_audio.count > 0 {
            let same = &summary.identical_audio;
            writeln!(
                f,
                "{} present under several names, kept in the same set: {same}",
                counted(same.count, "recording")
            )?;
        }
        match summary.test_heard_in_training {
            Some(share) => {
                writeln!(f, "{:.1} % of the test time is from speakers in the training sets", 100.0 * share)?;
            }
            None if !summary.sets.contains_key(&Set::Test) => {}
            None => writeln!(f, "the share of test time from speakers in the training sets is unknown")?,
        }
        writeln!(
            f,
            "{} of {}, mel range up to {} Hz",
            counted(summary.senones as u64, "senone"),
            counted(summary.phones as u64, "phone"),
            summary.corpus_nyquist_hz
        )?;
        if !summary.word_times {
            writeln!(f, "the alignments have no times of words")?;
        }
        if let Some(frames) = &summary.pdf_frames {
            pdf_frames(f, frames)?;
        }
        for (set, reasons) in &summary.left_out.by_set {
            for (reason, n) in reasons {
                writeln!(f, "left out: {} of {set} {reason}", counted(*n, "utterance"))?;
            }
        }
        for (reason, named) in &summary.left_out.by_reason {
            writeln!(f, "left out {reason}: {named}")?;
        }
        for (table, named) in &summary.unmatched {
            writeln!(f, "{table}: {} that no utterance has: {named}", counted(named.count, "name"))?;
        }
        if summary.cut_segments.count > 0 {
            let cut = &summary.cut_segments;
            writeln!(f, "{} cut at the end of the recording: {cut}", counted(cut.count, "segment"))?;
        }
        sound(f, &summary.sound)?;
        if !summary.dropped_marks.is_empty() {
            let marks: Vec<String> =
                summary.dropped_marks.iter().map(|(mark, n)| format!("{n} {mark}")).collect();
            writeln!(f, "not spoken, removed from texts: {}", marks.join(", "))?;
        }
        if summary.empty_phones > 0 {
            let phones = counted(summary.empty_phones, "phone");
            writeln!(f, "{phones} without duration in the alignments: left out")?;
        }
        if summary.silence_phones == 0 {
            writeln!(f, "no phone is known as silence or noise: if one is, name it with --silence-phones")?;
        }
        if !summary.unused_senones.is_empty() {
            let unused = &summary.unused_senones;
            let senones = counted(unused.len() as u64, "senone");
            let first = &unused[..unused.len().min(SHOWN)];
            let more = if unused.len() > SHOWN { " …" } else { "" };
            writeln!(f, "{senones} without a frame in the annotated set: {}{more}", first.join(" "))?;
        }
        for (recording, reason) in summary.bad_files.iter().take(20) {
            writeln!(f, "left out: recording {recording}: {reason}")?;
        }
        if summary.bad_files.len() > 20 {
            let more = counted(summary.bad_files.len() as u64 - 20, "more recording");
            writeln!(f, "left out: {more} that cannot be used")?;
        }
        if summary.nearest_state_frames > 0 {
            writeln!(
                f,
                "{} labeled with the nearest state of the phone",
                counted(summary.nearest_state_frames, "frame")
            )?;
        }
        if !summary.dead_dimensions.is_empty() {
            let dead = counted(summary.dead_dimensions.len() as u64, "dead dimension");
            writeln!(f, "{dead}: {:?}", summary.dead_dimensions)?;
        }
        let stages: Vec<String> =
            summary.seconds.iter().map(|(stage, s)| format!("{stage} {s:.1} s")).collect();
        write!(f, "{}; {:.3} h of audio a second", stages.join(", "), summary.audio_hours_per_second)
    }
}

/// What was done to frames of pdfs.
fn pdf_frames(f: &mut fmt::Formatter<'_>, frames: &PdfFrames) -> fmt::Result {
    let PdfFrames { from_ms, to_ms, frames, with_changes } = frames;
    let from = match from_ms {
        Some(from_ms) => format!("pdfs of frames of {from_ms} ms"),
        None => "pdfs with times".to_owned(),
    };
    writeln!(
        f,
        "{from}: each frame of {to_ms} ms has the pdf at its middle; it changes within {} of {}",
        HumanCount(*with_changes),
        counted(*frames, "frame")
    )
}

fn sound(f: &mut fmt::Formatter<'_>, sound: &Sound) -> fmt::Result {
    list(f, "cut short", &sound.cut_short)?;
    list(f, "damaged", &sound.damaged)?;
    if sound.averaged_channels.count > 0 {
        let recordings = counted(sound.averaged_channels.count, "recording");
        writeln!(
            f,
            "{recordings} with several channels, whose mean was taken (--channel or reco2file_and_channel choose \
                 one): {}",
            sound.averaged_channels
        )?;
    }
    if sound.remarks.count > 0 {
        writeln!(f, "{} on recordings: {}", counted(sound.remarks.count, "remark"), sound.remarks)?;
    }
    Ok(())
}

fn list(
    f: &mut fmt::Formatter<'_>,
    what: &str,
    recordings: &BTreeMap<String, impl fmt::Display>,
) -> fmt::Result {
    for (recording, words) in recordings.iter().take(SHOWN) {
        writeln!(f, "{what}: recording {recording}: {words}")?;
    }
    if recordings.len() > SHOWN {
        let more = counted((recordings.len() - SHOWN) as u64, "more recording");
        writeln!(f, "{what}: {more}")?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use stentor_prepare::Summary;

    /// A summary in which every field is set.
    const ONE_OF_EACH: &str = r#"{
        "prepared": "", "recordings": 40, "utterances": 40, "corpus_hours": 1.0, "seconds_by_rate_hz": {"16000": 3600.0},
        "corpus_nyquist_hz": 8000.0, "split_by": "group", "seed": 1,
        "sets": {"annotated": {"utterances": 1200, "frames": 5, "hours": 0.5, "shards": 1, "fingerprint": ""}},
        "alone": {"count": 1, "examples": ["u059"]}, "test_heard_in_training": 0.25,
        "identical_audio": {"count": 1, "examples": ["a = b"]},
        "left_out": {"test": {"not_aligned": 2}},
        "left_out_examples": {"not_aligned": {"count": 2, "examples": ["u1: `<unk>`"]}},
        "unmatched": {"text": {"count": 1, "examples": ["nobody"]}},
        "cut_segments": {"count": 1, "examples": ["u038: too long"]},
        "cut_short": {"u012": {"read_s": 0.5, "stated_s": 1.0}},
        "damaged": {"rec": {"lost_s": 0.05, "of_s": 2.0, "packets": 2}},
        "averaged_channels": {"count": 1, "examples": ["u002 (2)"]},
        "remarks": {"count": 1, "examples": ["rec: two of something"]},
        "dropped_marks": {"[noise]": 3}, "empty_phones": 40, "silence_phones": 0, "unused_senones": ["X.0"],
        "bad_files": {"u005": "this is no audio"}, "senones": 6, "phones": 2, "word_times": false, "nearest_state_frames": 1,
        "dead_dimensions": [7], "pdf_frames": {"from_ms": 10, "to_ms": 30, "frames": 1200, "with_changes": 1100}, "seconds": {"scan": 0.1}, "audio_hours_per_second": 0.1
    }"#;

    #[test]
    fn without_a_test_set_nothing_is_said_of_its_speakers() {
        let words = "from speakers in the training sets is unknown";
        let unknown =
            ONE_OF_EACH.replace("\"test_heard_in_training\": 0.25", "\"test_heard_in_training\": null");
        let without: Summary = serde_json::from_str(&unknown).unwrap();
        assert!(!super::of(&without).to_string().contains(words));
        let with = unknown.replace("\"annotated\": {\"utterances\"", "\"test\": {\"utterances\"");
        let with: Summary = serde_json::from_str(&with).unwrap();
        assert!(super::of(&with).to_string().contains(words));
    }

    #[test]
    fn everything_in_a_summary_has_its_line() {
        let summary: Summary = serde_json::from_str(ONE_OF_EACH).unwrap();
        let text = super::of(&summary).to_string();
        for line in [
            "split by group; seed 1",
            "1 utterance without group or speaker: u059",
            "1 recording present under several names, kept in the same set: a = b",
            "25.0 % of the test time is from speakers in the training sets",
            "6 senones of 2 phones, mel range up to 8000 Hz",
            "the alignments have no times of words",
            "left out: 2 utterances of test not aligned (for instance because of an unknown word)",
            "left out not aligned (for instance because of an unknown word): u1: `<unk>`; …",
            "text: 1 name that no utterance has: nobody",
            "1 segment cut at the end of the recording: u038: too long",
            "cut short: recording u012: 0.500 of the 1.000 s that its header states",
            "damaged: recording rec: 0.050 of 2.000 s did not decode (2 packets) and are silence",
            "1 recording with several channels, whose mean was taken (--channel or reco2file_and_channel choose one): u002 (2)",
            "1 remark on recordings: rec: two of something",
            "not spoken, removed from texts: 3 [noise]",
            "40 phones without duration in the alignments: left out",
            "no phone is known as silence or noise: if one is, name it with --silence-phones",
            "1 senone without a frame in the annotated set: X.0",
            "left out: recording u005: this is no audio",
            "1 frame labeled with the nearest state of the phone",
            "pdfs of frames of 10 ms: each frame of 30 ms has the pdf at its middle; it changes within 1,100 of 1,200 frames",
            "1 dead dimension: [7]",
        ] {
            assert!(text.lines().any(|found| found == line), "`{line}` is not in:\n{text}");
        }
    }
}
