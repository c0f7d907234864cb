//! The command line, with files and with raw audio.
#![allow(clippy::unwrap_used, reason = "helpers of tests are tests")]

mod world;

use clap::Parser;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use stentor_transcribe::Error;
use stentor_transcribe::command::{Args, run};
use tempfile::TempDir;
use world::{bytes, contents, language, lexicon, settings, speak};

#[derive(Debug, Parser)]
struct Program {
    #[command(flatten)]
    arguments: Args,
}

/// A model folder, and a folder for files.
struct Place {
    folder: TempDir,
}

impl Place {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        contents(&lexicon(), &language(), &settings()).write(&folder.path().join("model")).unwrap();
        Self { folder }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a WAV file of 16-bit samples.
    fn wav(&self, name: &str, samples: &[f32]) -> PathBuf {
        let data = bytes(samples);
        let mut file = b"RIFF\0\0\0\0WAVEfmt \x10\0\0\0\x01\0\x01\0".to_vec();
        for number in [16_000u32, 32_000] {
            file.extend(number.to_le_bytes());
        }
        file.extend(b"\x02\0\x10\0data");
        file.extend((data.len() as u32).to_le_bytes());
        file.extend(&data);
        let length = (file.len() - 8) as u32;
        file[4..8].copy_from_slice(&length.to_le_bytes());
        let path = self.path(name);
        std::fs::write(&path, file).unwrap();
        path
    }

    fn run(&self, options: &str, files: &[&Path], input: impl Read) -> (String, Result<(), Error>) {
        let mut output = Vec::new();
        let result = self.run_to(options, files, input, &mut output);
        (String::from_utf8(output).unwrap(), result)
    }

    fn run_to(
        &self,
        options: &str,
        files: &[&Path],
        input: impl Read,
        output: impl Write,
    ) -> Result<(), Error> {
        let model = self.path("model");
        let given = ["transcribe", "--model", model.to_str().unwrap()].into_iter();
        let files = files.iter().map(|file| file.to_str().unwrap());
        let arguments = given.chain(options.split_whitespace()).chain(files);
        run(&Program::try_parse_from(arguments).unwrap().arguments, input, output)
    }
}

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

const NO_INPUT: &[u8] = &[];

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
    assert!(matches!(&error, Error::CutShort { .. }), "{error}");
    assert!(error.to_string().starts_with("standard input ended 1.200 s after its start"), "{error}");

    let broken = Some(std::io::ErrorKind::ConnectionReset);
    let (text, result) = place.run("", &[Path::new("-")], Trickle { bytes: &raw, then: broken });
    assert_eq!(text, "ab ba\n");
    assert!(matches!(result, Err(Error::Stream { .. })));

    let file = place.wav("cut.wav", &speak("300 ab ba 300"));
    let whole = std::fs::read(&file).unwrap();
    std::fs::write(&file, &whole[..whole.len() - 3_200]).unwrap();
    let (text, result) = place.run("", &[&file], NO_INPUT);
    assert_eq!(text, "ab ba\n");
    let error = result.unwrap_err().to_string();
    assert!(
        error.contains("cut.wav ended 1.100 s after its start, before the end of its sound of 1.200 s"),
        "{error}"
    );
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
fn options_that_contradict_each_other_and_files_that_are_no_sound_are_refused() {
    let place = Place::new();
    let text = place.path("notes.txt");
    std::fs::write(&text, "no sound at all").unwrap();
    assert!(matches!(place.run("", &[&text], NO_INPUT).1, Err(Error::Audio(_))));
    let partials = place.run("--partials 300", &[&text], NO_INPUT).1.unwrap_err();
    assert!(partials.to_string().contains("--format json"), "{partials}");
    let dash = Path::new("-");
    assert!(matches!(place.run("", &[dash, dash], NO_INPUT).1, Err(Error::Options(_))));
    let wav = std::fs::read(place.wav("one.wav", &speak("300"))).unwrap();
    let error = place.run("", &[dash], wav.as_slice()).1.unwrap_err();
    assert!(matches!(error, Error::Audio(stentor_audio::Error::Container { format: "WAV" })), "{error}");
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
    assert!(matches!(full, Err(Error::Output(_))));
}
