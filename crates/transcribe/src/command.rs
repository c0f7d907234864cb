//! The command line.

use crate::bundle::Bundle;
use crate::ends::EndSettings;
use crate::error::Error;
use crate::input::{Raw, Source};
use crate::output::{Format, Writer};
use crate::transcriber::{Options, Transcriber};
use clap::ValueEnum;
use clap::builder::RangedU64ValueParser;
use std::io::{ErrorKind, Read, Write};
use std::path::{Path, PathBuf};
use stentor_audio::RawEncoding;

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
    #[arg(long, value_name = "MS", value_parser = RangedU64ValueParser::<u32>::new().range(1..=60_000))]
    partials: Option<u32>,
    /// Silence after the last word that ends an utterance, in milliseconds.
    #[arg(long, value_name = "MS", default_value_t = 600, value_parser = RangedU64ValueParser::<u32>::new().range(30..=10_000))]
    end_silence: u32,
    /// How long before its end is final an utterance is guessed to have ended, in milliseconds; 0 means never. Only JSON tells.
    #[arg(long, value_name = "MS", default_value_t = 200, value_parser = RangedU64ValueParser::<u32>::new().range(0..=10_000))]
    end_lead: u32,
    /// Each file, or the stream, is one utterance: silence does not end it.
    #[arg(long)]
    whole: bool,
    /// Phrases that are made more likely: one on each line, with its boost in nats after a tab if it has one of its own.
    #[arg(long, value_name = "FILE")]
    phrases: Option<PathBuf>,
    /// The channel to use of files with several, counted from 1. Default: the mean of all.
    #[arg(long, value_name = "N", value_parser = RangedU64ValueParser::<usize>::new().range(1..=256))]
    channel: Option<usize>,
    /// Raw audio: samples per second. Default: the rate that the model was trained on.
    #[arg(long, value_name = "HZ", value_parser = RangedU64ValueParser::<u32>::new().range(1_000..=768_000))]
    rate: Option<u32>,
    /// Raw audio: how samples are written; numbers are little-endian.
    #[arg(long, value_enum, value_name = "ENCODING", default_value = "s16")]
    encoding: Encoding,
    /// Raw audio: number of channels.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = RangedU64ValueParser::<usize>::new().range(1..=256))]
    channels: usize,
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

/// Runs the command. A reader of the output that has ended is no error.
///
/// # Errors
/// See [`Error`]. What was recognised before an error has been written.
pub fn run(arguments: &Args, input: impl Read, output: impl Write) -> Result<(), Error> {
    match arguments.run(input, output) {
        Err(Error::Output(error)) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        result => result,
    }
}

impl Args {
    fn run(&self, input: impl Read, output: impl Write) -> Result<(), Error> {
        if self.partials.is_some() && self.format != OutputFormat::Json {
            return Err(Error::Options(
                "partial results have no form but JSON: add `--format json`".to_owned(),
            ));
        }
        let raw = Path::new("-");
        if self.files.iter().filter(|file| *file == raw).count() > 1 {
            return Err(Error::Options(
                "standard input can be read only once, and `-` was given twice".to_owned(),
            ));
        }
        let phrases = match &self.phrases {
            None => String::new(),
            Some(path) => std::fs::read_to_string(path).map_err(|source| Error::File {
                action: "read",
                path: path.display().to_string(),
                source,
            })?,
        };
        let bundle = Bundle::load(&self.model, &phrases)?;
        let mut writer = Writer::new(output, self.format.into(), self.files.len() > 1);
        let mut input = Some(input);
        for file in &self.files {
            let source = match input.take_if(|_| file == raw) {
                Some(input) => Source::raw(input, "standard input", self.raw(&bundle), self.channel)?,
                None => Source::file(file, self.channel)?,
            };
            writer.begin(&file.display().to_string());
            self.transcribe(&bundle, source, &mut writer)?;
        }
        Ok(())
    }

    fn raw(&self, bundle: &Bundle) -> Raw {
        Raw {
            rate_hz: self.rate.unwrap_or(bundle.features().sample_rate_hz),
            encoding: self.encoding.into(),
            channels: self.channels,
        }
    }

    /// Transcribes a file or stream. What was said before an error of the source is written first.
    fn transcribe(
        &self,
        bundle: &Bundle,
        mut source: Source<'_>,
        writer: &mut Writer<impl Write>,
    ) -> Result<(), Error> {
        let ends = EndSettings { silence_ms: self.end_silence, lead_ms: self.end_lead };
        let options = Options { ends: (!self.whole).then_some(ends), partials_ms: self.partials };
        let mut transcriber = Transcriber::new(bundle, source.rate_hz(), options, bundle.phrases())?;
        let mut events = Vec::new();
        let ended = loop {
            match source.next_samples() {
                Ok(Some(samples)) => transcriber.push(samples, &mut events)?,
                Ok(None) => break Ok(()),
                Err(error) => break Err(error),
            }
            writer.write(&events)?;
            events.clear();
        };
        transcriber.finish(&mut events)?;
        writer.write(&events)?;
        ended
    }
}
