//! Recognises hours of sound in one process, and prints speed and memory as JSON:
//!
//! `cargo run --release -p stentor-transcribe --example stream -- SIZE HOURS` (part of `cargo xtask bench recognition`)
//!
//! `SIZE` is `published`, the published student of 24.16 M parameters, or `small`, 2 × 192. The sound is the language of tones of
//! this crate's tests, with pauses, as raw audio in pieces of 20 ms. The network has the size named, with weights set by hand, so the
//! words are right; the vocabulary has four words. So the figures are those of features and network, and of a search without
//! doubts: that of large vocabularies is measured for itself.

// A development tool; printing is its only output.
#![allow(clippy::print_stdout, clippy::unwrap_used)]

#[path = "../tests/world/mod.rs"]
mod world;

use stentor_recogniser::Settings;
use stentor_transcribe::{Bundle, Event, Options, Transcriber};
use world::{RATE_HZ, Size, language, lexicon, sized, speak, statistics};

type Anything = Box<dyn std::error::Error>;

/// Samples of a piece: 20 ms.
const PIECE: usize = 320;
/// What is said again and again, and how many words that are.
const SAID: &str = "200 ab ba 300 cac 120 bcb ab 1500 ba cac 900 bcb ba 700";
const WORDS: u64 = 9;

fn main() -> Result<(), Anything> {
    let mut arguments = std::env::args().skip(1);
    let size = match arguments.next().as_deref() {
        Some("published") => Size { layers: 5, width: 768, outputs: 3_000, look_ahead: 0 },
        Some("small") => Size { layers: 2, width: 192, outputs: 120, look_ahead: 0 },
        other => return Err(format!("expected `published` or `small`, found {other:?}").into()),
    };
    let hours: f64 = arguments.next().ok_or("expected a number of hours")?.parse()?;
    let settings = Settings { statistics: Some(statistics(size)), ..Settings::default() };
    let (lexicon, language) = (lexicon(), language());
    let (description, parts) = sized(size, &lexicon, &language, &settings).pack()?;
    let bundle = Bundle::of(description, &parts, "")?;
    drop(parts);

    let options = Options { partials_ms: Some(300), ..Options::default() };
    let mut transcriber = Transcriber::new(&bundle, RATE_HZ, options, None)?;
    let samples = speak(SAID);
    let rounds = (hours * 3_600.0 * f64::from(RATE_HZ) / samples.len() as f64).ceil() as usize;
    let (mut events, mut words, mut early_kb) = (Vec::new(), 0, 0);
    let begun = cpu_seconds()?;
    for round in 0..rounds {
        if round == rounds / 10 {
            early_kb = peak_kb()?;
        }
        for piece in samples.chunks(PIECE) {
            transcriber.push(piece, &mut events)?;
            words += count(&events);
            events.clear();
        }
    }
    transcriber.finish(&mut events)?;
    words += count(&events);
    let seconds = cpu_seconds()? - begun;
    let sound = rounds as f64 * samples.len() as f64 / f64::from(RATE_HZ);
    println!(
        "{{\"hours\": {:.3}, \"times_real_time\": {:.1}, \"rss_mb\": {:.1}, \"rss_mb_after_a_tenth\": {:.1}, \"words\": {words}, \
         \"said\": {}}}",
        sound / 3_600.0,
        sound / seconds,
        peak_kb()? as f64 / 1e3,
        early_kb as f64 / 1e3,
        WORDS * rounds as u64
    );
    Ok(())
}

fn count(events: &[Event]) -> u64 {
    let words = |event: &Event| match event {
        Event::Final { words, .. } => words.words.len() as u64,
        _ => 0,
    };
    events.iter().map(words).sum()
}

/// The peak of this process's memory.
fn peak_kb() -> Result<u64, Anything> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).ok_or("no peak memory")?;
    Ok(line.trim().trim_end_matches(" kB").parse()?)
}

/// The time that this process has computed: others' work on the machine does not count.
fn cpu_seconds() -> Result<f64, Anything> {
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    let after_name = stat.rsplit_once(')').ok_or("no times")?.1;
    // Ticks of 10 ms, in user and in system mode: the 14th and 15th field.
    let ticks: u64 =
        after_name.split_whitespace().skip(11).take(2).map(|field| field.parse().unwrap_or(0)).sum();
    Ok(ticks as f64 / 100.0)
}
