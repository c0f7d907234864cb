//! The command line.

use crate::bundle::Bundle;
use crate::ends::EndSettings;
use crate::error::Error;
use crate::input::{Raw, Source};
use crate::output::{Format, Writer, recording};
use crate::stop;
use crate::text;
use crate::transcriber::{Options, Transcriber};
use clap::ValueEnum;
use clap::builder::RangedI64ValueParser;
use std::collections::BTreeMap;
use std::io::{self, ErrorKind, Read, Write};
use std::path::{Path, PathBuf};
use stentor_audio::RawEncoding;

/// The file that is raw audio on standard input.
const RAW: &str = "-";

/// Recognise the words of audio files, or of raw audio on standard input as it comes.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Model folder that `stentor export --bundle` made.
    #[arg(long, value_name = "DIR")]
    model: PathBuf,
    /// Audio files: WAV, FLAC, MP3, Ogg Vorbis or SPHERE. `-` is raw audio on standard input.
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
    /// How words are written.
    #[arg(long, value_enum, value_name = "FORMAT", default_value = "text")]
    format: OutputFormat,
    /// With `--format json`: also writes the words of the utterance in progress, at most every N milliseconds.
    #[arg(long, value_name = "MS", allow_negative_numbers = true, value_parser = RangedI64ValueParser::<u32>::new().range(1..=60_000))]
    partials: Option<u32>,
    /// Silence after the last word that ends an utterance, in milliseconds. Default: 600.
    #[arg(long, value_name = "MS", allow_negative_numbers = true, value_parser = RangedI64ValueParser::<u32>::new().range(30..=10_000))]
    end_silence: Option<u32>,
    /// How long before its end is final an utterance is guessed to have ended, in milliseconds; 0 means never. Only JSON tells.
    /// Default: 200.
    #[arg(long, value_name = "MS", allow_negative_numbers = true, value_parser = RangedI64ValueParser::<u32>::new().range(0..=10_000))]
    end_lead: Option<u32>,
    /// Each file, or the stream, is one utterance: silence does not end it.
    #[arg(long)]
    whole: bool,
    /// Phrases that are made more likely: one on each line, with its boost in nats after a tab if it has one of its own.
    #[arg(long, value_name = "FILE")]
    phrases: Option<PathBuf>,
    /// The channel to use of files with several, counted from 1. Default: the mean of all.
    #[arg(long, value_name = "N", allow_negative_numbers = true, value_parser = RangedI64ValueParser::<usize>::new().range(1..=256))]
    channel: Option<usize>,
    /// Raw audio: samples per second. Default: the rate that the model was trained on.
    #[arg(long, value_name = "HZ", allow_negative_numbers = true, value_parser = RangedI64ValueParser::<u32>::new().range(1_000..=768_000))]
    rate: Option<u32>,
    /// Raw audio: how samples are written; numbers are little-endian. Default: s16.
    #[arg(long, value_enum, value_name = "ENCODING")]
    encoding: Option<Encoding>,
    /// Raw audio: number of channels. Default: 1.
    #[arg(long, value_name = "N", allow_negative_numbers = true, value_parser = RangedI64ValueParser::<usize>::new().range(1..=256))]
    channels: Option<usize>,
}

/// Formats of output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum OutputFormat {
    /// A line for each utterance
    Text,
    /// A JSON object on each line for everything that becomes known
    Json,
    /// A line for each word with its time and confidence, as NIST's tools read it
    Ctm,
    /// Subtitles
    Srt,
}

/// Encodings of raw audio.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Encoding {
    /// Integers of 16 bits
    S16,
    /// Integers of 24 bits
    S24,
    /// Integers of 32 bits
    S32,
    /// Unsigned integers of 8 bits
    U8,
    /// Floats of 32 bits, full scale 1
    F32,
    /// A-law of 8 bits
    Alaw,
    /// µ-law of 8 bits
    Mulaw,
}

impl From<OutputFormat> for Format {
    fn from(format: OutputFormat) -> Self {
        match format {
            OutputFormat::Text => Format::Text,
            OutputFormat::Json => Format::Json,
            OutputFormat::Ctm => Format::Ctm,
            OutputFormat::Srt => Format::Srt,
        }
    }
}

impl From<Encoding> for RawEncoding {
    fn from(encoding: Encoding) -> Self {
        match encoding {
            Encoding::S16 => RawEncoding::S16,
            Encoding::S24 => RawEncoding::S24,
            Encoding::S32 => RawEncoding::S32,
            Encoding::U8 => RawEncoding::U8,
            Encoding::F32 => RawEncoding::F32,
            Encoding::Alaw => RawEncoding::ALaw,
            Encoding::Mulaw => RawEncoding::MuLaw,
        }
    }
}

/// Runs the command with standard input and output, until the first SIGINT or SIGTERM. The second ends the process at once.
///
/// # Errors
/// As [`run`]; [`Error::Stopped`].
pub fn run_program(arguments: &Args) -> Result<(), Error> {
    stop::listen();
    let input = stop::Input::new().map_err(|source| Error::Stream { after_s: 0.0, source })?;
    run_until(arguments, input, std::io::stdout().lock(), stop::is_requested)
}

/// Runs the command. A reader of the output that has ended is no error.
///
/// # Errors
/// See [`Error`]. What was recognised before an error has been written.
pub fn run(arguments: &Args, input: impl Read, output: impl Write) -> Result<(), Error> {
    run_until(arguments, input, output, || false)
}

fn run_until(
    arguments: &Args,
    input: impl Read,
    output: impl Write,
    stops: fn() -> bool,
) -> Result<(), Error> {
    match arguments.run(input, output, stops) {
        Err(Error::Output(error)) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        result => result,
    }
}

impl Args {
    fn run(&self, input: impl Read, output: impl Write, stops: fn() -> bool) -> Result<(), Error> {
        self.check()?;
        let phrases = match &self.phrases {
            None => String::new(),
            Some(path) => std::fs::read(path)
                .and_then(|bytes| {
                    text::utf8(bytes).map_err(|error| io::Error::new(ErrorKind::InvalidData, error))
                })
                .map_err(|source| Error::PhrasesFile { path: path.display().to_string(), source })?,
        };
        let bundle = Bundle::load(&self.model, &phrases).map_err(|error| match (&error, &self.phrases) {
            (Error::Phrases(_), Some(path)) => error.at(path.display()),
            _ => error,
        })?;
        let mut writer = Writer::new(output, self.format.into(), self.files.len() > 1);
        let mut input = Some(input);
        for (file, later) in self.files.iter().zip((0..self.files.len()).rev()) {
            let (raw, shown) = (file == Path::new(RAW), file.display().to_string());
            let (raw, name) = match input.take_if(|_| raw) {
                Some(input) => (Some(input), "standard input"),
                None => (None, shown.as_str()),
            };
            writer.begin(&shown);
            let source = match raw {
                Some(input) => Source::raw(input, name, self.raw(&bundle), self.channel),
                None => Source::file(file, self.channel),
            };
            let done = source.and_then(|source| self.transcribe(&bundle, source, &mut writer, stops));
            done.map_err(|error| match error {
                Error::Output(_) => error,
                _ => Error::At { place: name.to_owned(), error: Box::new(error), later },
            })?;
        }
        Ok(())
    }

    /// Checks that options go together, and with the files.
    fn check(&self) -> Result<(), Error> {
        let refused = |words: String| Err(Error::Options(words));
        if self.partials.is_some() && self.format != OutputFormat::Json {
            return refused("partial results have no form but JSON: add `--format json`".to_owned());
        }
        let raw = self.files.iter().filter(|file| *file == Path::new(RAW)).count();
        if raw > 1 {
            return refused("standard input can be read only once, and `-` was given twice".to_owned());
        }
        let of_raw = [
            ("--rate", self.rate.is_some()),
            ("--encoding", self.encoding.is_some()),
            ("--channels", self.channels.is_some()),
        ];
        if let Some((option, _)) = of_raw.iter().find(|(_, is_given)| *is_given && raw == 0) {
            return refused(format!(
                "`{option}` says what raw audio on standard input is like, and files say it themselves: leave it out, or give \
                 the audio as `-`"
            ));
        }
        let of_ends =
            [("--end-silence", self.end_silence.is_some()), ("--end-lead", self.end_lead.is_some())];
        if let Some((option, _)) = of_ends.iter().find(|(_, is_given)| *is_given && self.whole) {
            return refused(format!("with `--whole` silence ends no utterance: leave `{option}` out"));
        }
        match self.format {
            OutputFormat::Srt if self.files.len() > 1 => refused(format!(
                "subtitles are of one file, found {}: transcribe one file at a time",
                self.files.len()
            )),
            OutputFormat::Ctm => self.check_recordings(),
            _ => Ok(()),
        }
    }

    /// Checks that a CTM file keeps the files apart.
    fn check_recordings(&self) -> Result<(), Error> {
        let mut files: BTreeMap<String, &Path> = BTreeMap::new();
        for file in &self.files {
            let name = recording(&file.display().to_string());
            if name.starts_with(";;") {
                return Err(Error::Options(format!(
                    "{}: the recording `{name}` would be a comment in CTM: rename the file",
                    file.display()
                )));
            }
            if let Some(other) = files.insert(name.clone(), file) {
                return Err(Error::Options(format!(
                    "{} and {} would both be the recording `{name}` in CTM: rename one of them, or transcribe one at a time",
                    other.display(),
                    file.display()
                )));
            }
        }
        Ok(())
    }

    fn raw(&self, bundle: &Bundle) -> Raw {
        Raw {
            rate_hz: self.rate.unwrap_or(bundle.features().sample_rate_hz),
            encoding: self.encoding.map(RawEncoding::from).unwrap_or_default(),
            channels: self.channels.unwrap_or(1),
        }
    }

    /// Transcribes a file or stream. What was said before an error, or before a stop, is written first.
    fn transcribe(
        &self,
        bundle: &Bundle,
        mut source: Source<'_>,
        writer: &mut Writer<impl Write>,
        stops: fn() -> bool,
    ) -> Result<(), Error> {
        let EndSettings { silence_ms, lead_ms } = EndSettings::default();
        let ends = EndSettings {
            silence_ms: self.end_silence.unwrap_or(silence_ms),
            lead_ms: self.end_lead.unwrap_or(lead_ms),
        };
        let options = Options { ends: (!self.whole).then_some(ends), partials_ms: self.partials };
        let mut transcriber = Transcriber::new(bundle, source.rate_hz(), options, bundle.phrases())?;
        let mut events = Vec::new();
        let ended = loop {
            if stops() {
                break Err(Error::Stopped { after_s: source.seconds() });
            }
            let pushed = match source.next_samples() {
                Ok(Some(samples)) => transcriber.push(samples, &mut events),
                // Standard input ends when the program is to stop.
                _ if stops() => continue,
                Ok(None) => break Ok(()),
                Err(error) => break Err(error),
            };
            writer.write(&events)?;
            events.clear();
            if pushed.is_err() {
                break pushed;
            }
        };
        let finished = transcriber.finish(&mut events);
        writer.write(&events)?;
        ended.and(finished)
    }
}
