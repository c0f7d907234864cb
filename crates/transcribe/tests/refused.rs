//! What the command line refuses, and by which name.
#![allow(clippy::unwrap_used, reason = "helpers of tests are tests")]

mod place;
mod world;

use clap::Parser;
use place::{NO_INPUT, Place, Program};
use std::path::Path;
use stentor_exit::{ExitStatus, ProgramError};
use stentor_transcribe::Error;
use world::{bytes, speak};

#[test]
fn options_that_contradict_each_other_and_files_that_are_no_sound_are_refused() {
    let place = Place::new();
    let text = place.path("notes.txt");
    std::fs::write(&text, "no sound at all").unwrap();
    let error = place.run("", &[&text], NO_INPUT).1.unwrap_err();
    assert_eq!((error.id(), error.exit_status()), ("E1511", ExitStatus::Data));
    let partials = place.run("--partials 300", &[&text], NO_INPUT).1.unwrap_err();
    assert!(partials.to_string().contains("--format json"), "{partials}");
    let dash = Path::new("-");
    assert!(matches!(place.run("", &[dash, dash], NO_INPUT).1, Err(Error::Options(_))));
    let wav = std::fs::read(place.wav("one.wav", &speak("300"))).unwrap();
    let error = place.run("", &[dash], wav.as_slice()).1.unwrap_err();
    assert!(error.to_string().starts_with("standard input: expected raw audio, found a WAV file"), "{error}");
}

#[test]
fn standard_input_without_any_sound_is_an_error_for_whatever_records_has_failed() {
    let place = Place::new();
    let error = place.run("", &[Path::new("-")], NO_INPUT).1.unwrap_err();
    assert_eq!((error.id(), error.exit_status()), ("E1512", ExitStatus::Data));
    let told = "standard input: expected raw audio, found the end of the stream before the first sample";
    assert_eq!(error.to_string(), told);
}

/// The error of a call that is refused before anything is read.
fn contradiction(place: &Place, options: &str, files: &[&str]) -> String {
    let files: Vec<&Path> = files.iter().map(|file| Path::new(*file)).collect();
    let (text, result) = place.run(options, &files, NO_INPUT);
    let error = result.unwrap_err();
    assert!(matches!(error, Error::Options(_)) && text.is_empty(), "{error}");
    assert_eq!((error.id(), error.exit_status()), ("E1515", ExitStatus::Config));
    error.to_string()
}

#[test]
fn options_that_would_have_no_effect_are_refused_by_name() {
    let place = Place::new();
    for option in ["--rate 8000", "--encoding u8", "--channels 2"] {
        let error = contradiction(&place, option, &["one.wav"]);
        assert!(error.contains(option.split(' ').next().unwrap()), "{error}");
    }
    for option in ["--end-silence 300", "--end-lead 100"] {
        let error = contradiction(&place, &format!("--whole {option}"), &["one.wav"]);
        assert!(error.contains(option.split(' ').next().unwrap()), "{error}");
    }
    let raw = bytes(&speak("300 ab 300"));
    let (text, result) = place.run("--rate 16000 --encoding s16", &[Path::new("-")], raw.as_slice());
    result.unwrap();
    assert_eq!(text, "ab\n");
}

#[test]
fn a_negative_number_is_refused_with_the_bounds_and_not_taken_for_an_option() {
    let bounds = [
        ("--rate", "1000..=768000"),
        ("--end-silence", "30..=10000"),
        ("--end-lead", "0..=10000"),
        ("--partials", "1..=60000"),
        ("--channel", "1..=256"),
        ("--channels", "1..=256"),
    ];
    for (option, bounds) in bounds {
        let given = ["transcribe", "--model", "m", option, "-5", "-"];
        let error = Program::try_parse_from(given).unwrap_err().to_string();
        assert!(error.contains(&format!("-5 is not in {bounds}")), "{error}");
    }
}

#[test]
fn files_that_a_ctm_or_srt_file_would_not_keep_apart_are_refused() {
    let place = Place::new();
    let error = contradiction(&place, "--format ctm", &["a/x 1.wav", "b/x_1.flac"]);
    assert!(["a/x 1.wav", "b/x_1.flac", "`x_1`"].iter().all(|name| error.contains(name)), "{error}");
    let error = contradiction(&place, "--format ctm", &["a/;;x.wav"]);
    assert!(error.contains("`;;x` would be a comment"), "{error}");
    let error = contradiction(&place, "--format srt", &["a.wav", "b.wav"]);
    assert!(error.contains("one file at a time"), "{error}");
}

#[test]
fn the_first_bad_file_is_named_and_how_many_after_it_were_not_transcribed() {
    let place = Place::new();
    let (good, empty) = (place.wav("good.wav", &speak("300 ab 300")), place.wav("empty.wav", &[]));
    let told = |files: &[&Path]| {
        let (text, result) = place.run("--whole", files, NO_INPUT);
        (text.lines().count(), result.unwrap_err().to_string())
    };
    let alone = format!("{}: the file contains no samples", empty.display());
    assert_eq!(told(&[&good, &empty]), (1, alone.clone()));
    assert_eq!(told(&[&empty, &good]), (0, format!("{alone}; the file after it was not transcribed")));
    let three = format!("{alone}; the 2 files after it were not transcribed");
    assert_eq!(told(&[&good, &empty, &good, &good]), (1, three));
    // A name that the message has anyway.
    let error = Error::At {
        place: "s".to_owned(),
        error: Box::new(stentor_audio::Error::NoSamples.into()),
        later: 0,
    };
    assert_eq!(error.to_string(), "s: the file contains no samples");
    let missing = place.path("missing.wav");
    let (_, error) = told(&[&missing]);
    assert_eq!(error.matches("missing.wav").count(), 1, "{error}");
}

#[test]
fn phrases_that_cannot_be_read_or_used_are_named_with_their_file() {
    let place = Place::new();
    let list = place.path("phrases.txt");
    let refused = |list: &Path| {
        let options = format!("--phrases {}", list.display());
        let error = place.run(&options, &[Path::new("-")], NO_INPUT).1.unwrap_err();
        assert!(error.to_string().contains(list.to_str().unwrap()), "{error}");
        (error.id(), error.exit_status())
    };
    assert_eq!(refused(&list), ("E1517", ExitStatus::Config));
    assert_eq!(refused(place.folder.path()), ("E1517", ExitStatus::Config));
    std::fs::write(&list, b"ab\nab\xff\n").unwrap();
    assert_eq!(refused(&list), ("E1517", ExitStatus::Data));
    let options = format!("--phrases {}", list.display());
    let error = place.run(&options, &[Path::new("-")], NO_INPUT).1.unwrap_err();
    let source = std::error::Error::source(&error).unwrap().to_string();
    assert_eq!(source, "line 2: expected text in UTF-8, found byte 0xff: save the file as UTF-8");
    for bad in ["ab\nab zebra\n", "ab\t1e308\n", "ab\t-1e7\n", "ab\tNaN\n", "ab 3\n"] {
        std::fs::write(&list, bad).unwrap();
        assert_eq!(refused(&list), ("E1517", ExitStatus::Data), "{bad}");
    }
}
