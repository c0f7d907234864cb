//! The command line, with files and with raw audio.
#![allow(clippy::unwrap_used, reason = "helpers of tests are tests")]

mod place;
mod world;

use place::{NO_INPUT, Place};
use std::io::{Read, Write};
use std::path::Path;
use stentor_exit::{ExitStatus, ProgramError};
use stentor_transcribe::Error;
use world::{bytes, speak};

/// A reader that gives a few bytes at a time, and then fails or ends.
struct Trickle<'a> {
    bytes: &'a [u8],
    then: Option<std::io::ErrorKind>,
}

impl Read for Trickle<'_> {
    fn read(&mut self, to: &mut [u8]) -> std::io::Result<usize> {
        if self.bytes.is_empty() {
            return self.then.map_or(Ok(0), |kind| Err(kind.into()));
        }
        self.bytes.take(333).read(to).inspect(|count| self.bytes = &self.bytes[*count..])
    }
}

#[test]
fn files_give_a_line_for_each_utterance_and_the_name_where_there_are_several() {
    let place = Place::new();
    let one = place.wav("one.wav", &speak("300 ab ba 1000 cac 900"));
    let two = place.wav("two.wav", &speak("300 bcb 300"));
    let (text, result) = place.run("", &[&one], NO_INPUT);
    result.unwrap();
    assert_eq!(text, "ab ba\ncac\n");
    let (text, result) = place.run("", &[&one, &two], NO_INPUT);
    result.unwrap();
    let (one, two) = (one.display(), two.display());
    assert_eq!(text, format!("{one}\tab ba\n{one}\tcac\n{two}\tbcb\n"));
}

#[test]
fn ctm_subtitles_and_json_have_the_times() {
    let place = Place::new();
    let file = place.wav("one file.wav", &speak("300 ab 200 ba 300"));
    let (text, result) = place.run("--format ctm", &[&file], NO_INPUT);
    result.unwrap();
    let columns: Vec<Vec<&str>> = text.lines().map(|line| line.split(' ').collect()).collect();
    assert_eq!(columns.iter().map(|line| line[4]).collect::<Vec<_>>(), ["ab", "ba"]);
    for (line, start) in columns.iter().zip([0.3f64, 0.8]) {
        assert_eq!((line.len(), line[0], line[1]), (6, "one_file", "1"));
        assert!((line[2].parse::<f64>().unwrap() - start).abs() < 0.07, "{line:?}");
        assert!((line[3].parse::<f64>().unwrap() - 0.3).abs() < 0.07, "{line:?}");
    }
    let (text, result) = place.run("--format srt", &[&file], NO_INPUT);
    result.unwrap();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!((lines[0], lines[2], lines[3]), ("1", "ab ba", ""));
    assert!(lines[1].starts_with("00:00:00,") && lines[1].contains(" --> 00:00:01,"), "{}", lines[1]);
    let (text, result) = place.run("--format json --partials 150", &[&file], NO_INPUT);
    result.unwrap();
    let lines: Vec<serde_json::Value> =
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(lines.iter().all(|line| line["file"] == file.to_str().unwrap()));
    assert_eq!(lines[0]["event"], "partial");
    let last = lines.last().unwrap();
    assert_eq!(
        (&last["event"], &last["text"], &last["ended"]),
        (&"final".into(), &"ab ba".into(), &true.into())
    );
    assert_eq!(last["words"].as_array().unwrap().len(), 2);
}

#[test]
fn raw_audio_that_trickles_in_gives_the_words_of_the_file() {
    let place = Place::new();
    let samples = speak("300 ab ba 1000 cac 900");
    let raw = bytes(&samples);
    let (text, result) = place.run("", &[Path::new("-")], Trickle { bytes: &raw, then: None });
    result.unwrap();
    assert_eq!(text, "ab ba\ncac\n");
    let (text, result) = place.run("--whole", &[Path::new("-")], Trickle { bytes: &raw, then: None });
    result.unwrap();
    assert_eq!(text, "ab ba cac\n");
}

#[test]
fn a_stream_that_stops_in_the_middle_gives_its_words_and_then_an_error_by_name() {
    let place = Place::new();
    let raw = bytes(&speak("300 ab ba 300"));
    let (text, result) =
        place.run("", &[Path::new("-")], Trickle { bytes: &raw[..raw.len() - 1], then: None });
    assert_eq!(text, "ab ba\n");
    let error = result.unwrap_err();
    assert_eq!((error.id(), error.exit_status()), ("E1512", ExitStatus::Data));
    let told = "standard input: the sound ended 1.200 s after its start, within a sample";
    assert!(error.to_string().starts_with(told), "{error}");

    let broken = Some(std::io::ErrorKind::ConnectionReset);
    let (text, result) = place.run("", &[Path::new("-")], Trickle { bytes: &raw, then: broken });
    assert_eq!(text, "ab ba\n");
    let error = result.unwrap_err();
    assert_eq!((error.id(), error.exit_status()), ("E1513", ExitStatus::Failure));
    assert!(error.to_string().starts_with("standard input: the sound cannot be read on after"), "{error}");

    let file = place.wav("cut.wav", &speak("300 ab ba 300"));
    let whole = std::fs::read(&file).unwrap();
    std::fs::write(&file, &whole[..whole.len() - 3_200]).unwrap();
    let (text, result) = place.run("", &[&file], NO_INPUT);
    assert_eq!(text, "ab ba\n");
    let error = result.unwrap_err().to_string();
    assert!(
        error.contains(
            "cut.wav: the sound ended 1.100 s after its start, before the end of its sound of 1.200 s"
        ),
        "{error}"
    );

    // By its header it has one byte more.
    let mut odd = whole;
    let length = u32::from_le_bytes(odd[40..44].try_into().unwrap()) + 1;
    odd[40..44].copy_from_slice(&length.to_le_bytes());
    odd.push(0);
    std::fs::write(&file, odd).unwrap();
    let (text, result) = place.run("", &[&file], NO_INPUT);
    assert_eq!(text, "ab ba\n");
    let error = result.unwrap_err().to_string();
    assert!(error.contains("cut.wav: the sound ended 1.200 s after its start, within a sample"), "{error}");
}

#[test]
fn a_file_that_is_damaged_in_its_middle_is_read_to_its_end_and_then_an_error() {
    let place = Place::new();
    let mut damaged = include_bytes!("../../audio/src/tests/data/tone.mp3").repeat(3);
    let file = place.path("damaged.mp3");
    std::fs::write(&file, &damaged).unwrap();
    place.run("", &[&file], NO_INPUT).1.unwrap();
    // The header of a frame of the second one.
    let frame = damaged.len() / 3 + 864;
    assert_eq!(damaged[frame..frame + 2], [0xff, 0xf3]);
    damaged[frame..frame + 4].fill(0);
    std::fs::write(&file, &damaged).unwrap();
    let error = place.run("", &[&file], NO_INPUT).1.unwrap_err();
    assert_eq!((error.id(), error.exit_status()), ("E1512", ExitStatus::Data));
    let words = error.to_string();
    assert!(words.contains("damaged.mp3: ") && words.contains("of the sound are damaged"), "{words}");
    assert!(words.contains("with silence in their place"), "{words}");
}

#[test]
fn a_phrase_that_is_boosted_wins_where_the_sound_leaves_a_choice_and_an_unknown_word_is_named() {
    let place = Place::new();
    let phrases = place.path("phrases.txt");
    // One tone alone may be the middle of `bcb`, or the beginning of `cac`.
    let file = place.wav("one.wav", &speak("300 c 300"));
    let boosted = |list: &str| {
        std::fs::write(&phrases, list).unwrap();
        let (text, result) = place.run(&format!("--phrases {}", phrases.display()), &[&file], NO_INPUT);
        result.unwrap();
        text
    };
    assert_eq!((boosted("cac\t14\n").as_str(), boosted("bcb\t14\n").as_str()), ("cac\n", "bcb\n"));
    let clear = place.wav("clear.wav", &speak("300 ab 300"));
    let options = format!("--phrases {}", phrases.display());
    let (text, result) = place.run(&options, &[&clear], NO_INPUT);
    result.unwrap();
    assert_eq!(text, "ab\n");
    std::fs::write(&phrases, "zebra\n").unwrap();
    let error = place.run(&options, &[&file], NO_INPUT).1.unwrap_err().to_string();
    assert!(error.contains("`zebra` cannot be recognised"), "{error}");
}

#[test]
fn words_before_a_sample_that_is_no_number_or_no_sound_are_written() {
    let place = Place::new();
    let samples = speak("300 ab ba 300");
    for (bad, told) in [(f32::NAN, "sample 19200 is NaN"), (1_000.0, "expected float samples within ±1")] {
        let floats = samples.iter().map(|sample| sample / 32_768.0).chain([bad, 0.0]);
        let raw: Vec<u8> = floats.flat_map(f32::to_le_bytes).collect();
        let (text, result) = place.run("--encoding f32", &[Path::new("-")], raw.as_slice());
        assert_eq!(text, "ab ba\n");
        let error = result.unwrap_err();
        assert_eq!((error.id(), error.exit_status()), ("E1511", ExitStatus::Data));
        assert!(error.to_string().starts_with(&format!("standard input: {told}")), "{error}");
    }
}

#[test]
fn a_reader_that_ends_early_is_no_error_and_a_full_disk_is_one() {
    struct Fails(std::io::ErrorKind);
    impl Write for Fails {
        fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
            Err(self.0.into())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let place = Place::new();
    let file = place.wav("one.wav", &speak("300 ab 300"));
    place.run_to("", &[&file], NO_INPUT, Fails(std::io::ErrorKind::BrokenPipe)).unwrap();
    let full = place.run_to("", &[&file], NO_INPUT, Fails(std::io::ErrorKind::StorageFull));
    let full = full.unwrap_err();
    assert!(matches!(full, Error::Output(_)));
    assert_eq!((full.id(), full.exit_status()), ("E1514", ExitStatus::Retryable));
}
