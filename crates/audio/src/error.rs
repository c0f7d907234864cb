use std::path::PathBuf;
use thiserror::Error;

/// Errors in audio files, data directories and alignments.
#[derive(Debug, Error)]
pub enum Error {
    /// The file has no supported format.
    #[error("expected WAV, FLAC, MP3, Ogg Vorbis or NIST SPHERE audio, found {found}; {remedy}")]
    Format {
        /// The format's name, or the first bytes.
        found: String,
        /// What to do.
        remedy: &'static str,
    },
    /// The file has a supported format, but is malformed.
    #[error("the {format} file is incomplete or malformed: {reason}")]
    Malformed {
        /// Name of the format.
        format: &'static str,
        /// What is wrong.
        reason: String,
    },
    /// More sound could not be decoded than may be replaced by silence.
    #[error("{lost_s:.3} of {of_s:.3} s are damaged; at most a tenth may be")]
    Damaged {
        /// Seconds that did not decode.
        lost_s: f64,
        /// Seconds of the file so far.
        of_s: f64,
    },
    /// Another file begins within the file, so that the header of the first one does not tell where its sound ends.
    #[error("another {format} file begins {at_s:.3} s after the start: files were concatenated; split them")]
    Joined {
        /// Format of both files.
        format: &'static str,
        /// Seconds of sound before the second file.
        at_s: f64,
    },
    /// Float samples whose full scale is not 1.
    #[error(
        "expected float samples within ±1, found {found}: integers written as floats? Scale them \
         (`ffmpeg -i FILE -af volume=1/32768 FILE.wav` for 16-bit integers)"
    )]
    FloatScale {
        /// The first such sample.
        found: f32,
    },
    /// The chosen channel does not exist.
    #[error("channel {asked} was chosen, and the file has {channels}; channels count from 1")]
    NoSuchChannel {
        /// The chosen channel, from 1.
        asked: usize,
        /// Number of channels of the file.
        channels: usize,
    },
    /// The mean of the channels is almost zero.
    #[error(
        "its {channels} channels cancel: their mean has {percent:.2} % of their power, as that of opposite phases; choose \
         one by --channel or `reco2file_and_channel`"
    )]
    Cancelled {
        /// Number of channels of the file.
        channels: usize,
        /// Power of the mean in percent of the channels' power.
        percent: f64,
    },
    /// The decoding library panicked.
    #[error("the decoder panicked ({0}): the file is malformed in a way that it does not handle")]
    DecoderPanicked(String),
    /// The file is well formed and empty.
    #[error("the file contains no samples")]
    NoSamples,
    /// The stream changes its sample rate.
    #[error("the sample rate changes from {before_hz} to {after_hz} Hz within the file; split it first")]
    RateChange {
        /// Rate at the start.
        before_hz: u32,
        /// Rate after the change.
        after_hz: u32,
    },
    /// A sample rate that recordings of speech do not have.
    #[error("expected a sample rate of 1000 to 768000 Hz, found {0} Hz")]
    Rate(u32),
    /// The resampler rejected its input.
    #[error("resampling failed: {0}")]
    Resample(String),
    /// A number of channels that audio does not have.
    #[error("expected 1 to {limit} channels, found {found}")]
    Channels {
        /// The number.
        found: usize,
        /// The largest that is accepted.
        limit: usize,
    },
    /// A file where raw audio was expected.
    #[error("expected raw audio, found a {format} file: give the file's name, or decode it first")]
    Container {
        /// Format of the file.
        format: &'static str,
    },
    /// Raw audio that ends within a sample.
    #[error("within a sample: the last {bytes} of {expected} bytes are missing their rest")]
    EndsWithinSample {
        /// Bytes of the incomplete sample.
        bytes: usize,
        /// Bytes of a sample of all channels.
        expected: usize,
    },
    /// A sample that is not a finite number.
    #[error("sample {sample} is {found}: expected finite numbers")]
    NotFinite {
        /// Which sample, counted from 0.
        sample: u64,
        /// Its value.
        found: f32,
    },
    /// The mel range is empty.
    #[error(
        "the mel range from {low_hz} to {high_hz} Hz is empty: audio with a Nyquist frequency of {nyquist_hz} Hz needs a \
         lower `features.low_hz`"
    )]
    MelRange {
        /// Lower edge, Hz.
        low_hz: f32,
        /// Upper edge, Hz.
        high_hz: f32,
        /// Half the source's sample rate, Hz.
        nyquist_hz: f32,
    },
    /// No frames were counted, so there is no mean.
    #[error("no frames to take the mean and variance of")]
    NoFrames,
    /// A file cannot be read.
    #[error("cannot read {path}: {source}")]
    Read {
        /// Path of the file.
        path: PathBuf,
        /// Cause.
        source: std::io::Error,
    },
    /// The path is no regular file: a pipe or a device may have no end.
    #[error("cannot read {path}: expected a regular file, found {found}; write its content to a file first")]
    NotAFile {
        /// The path.
        path: PathBuf,
        /// Kind of file.
        found: &'static str,
    },
    /// Reading a file failed before its end.
    #[error("reading failed after {at} bytes: {source}; the rest of the file is unknown")]
    Reading {
        /// Bytes read before the error.
        at: u64,
        /// Cause.
        source: std::io::Error,
    },
    /// A line of a table is malformed.
    #[error("{path}, line {line}: expected {expected}, found `{found}`")]
    Line {
        /// Path of the table.
        path: PathBuf,
        /// Line, from 1.
        line: usize,
        /// Description of what was expected.
        expected: &'static str,
        /// The line as written, shortened.
        found: String,
    },
    /// `wav.scp` contains a shell command. Commands in data files are never run.
    #[error(
        "{path}, line {line}: `{id}` is a command pipe; only paths of audio files are read: run the command once and \
         write its output as WAV or FLAC"
    )]
    Pipe {
        /// Path of the table.
        path: PathBuf,
        /// Line, from 1.
        line: usize,
        /// Identifier of the recording.
        id: String,
    },
    /// A recording is a part of an archive instead of a file.
    #[error(
        "{path}, line {line}: `{id}` is at an offset in an archive; only paths of audio files are read: write its sound to a file \
         of its own (`wav-copy`)"
    )]
    Archive {
        /// Path of the table.
        path: PathBuf,
        /// Line, from 1.
        line: usize,
        /// Identifier of the recording.
        id: String,
    },
    /// A binary archive is malformed, or cut short.
    #[error("{path}, byte {at}: expected {expected}, found {found}")]
    Ark {
        /// Path of the archive.
        path: PathBuf,
        /// Where in the file, from 0.
        at: u64,
        /// Description of what was expected.
        expected: &'static str,
        /// What was found.
        found: String,
    },
    /// An identifier has two lines.
    #[error("{path}, line {line}: `{id}` appears twice")]
    Duplicate {
        /// Path of the table.
        path: PathBuf,
        /// Number of the second line, from 1.
        line: usize,
        /// Identifier of the recording or utterance.
        id: String,
    },
    /// `segments` refers to a recording that is not in `wav.scp`.
    #[error("{path}, line {line}: recording `{id}` is not in wav.scp")]
    UnknownRecording {
        /// Path of the table.
        path: PathBuf,
        /// Line, from 1.
        line: usize,
        /// Identifier as written.
        id: String,
    },
    /// The corpus is empty.
    #[error("{0} lists no {1}")]
    Empty(PathBuf, &'static str),
    /// The alignment and the audio differ by more than can be padded or cut.
    #[error(
        "the alignment does not fit the audio: {what} {by_ms} ms, at most {limit_ms} ms can be bridged (silence needs a \
         label of its own)"
    )]
    Misaligned {
        /// The difference.
        what: &'static str,
        /// Length of the difference in milliseconds.
        by_ms: i64,
        /// Largest difference that is accepted, in milliseconds.
        limit_ms: i64,
    },
    /// Phones of an alignment are said at the same time.
    #[error(
        "phones of the alignment overlap by {by_ms} ms, at most {limit_ms} ms are taken for rounding: are the lines of several \
         channels, or of several utterances, under one name?"
    )]
    Overlap {
        /// Length of the overlap in milliseconds.
        by_ms: i64,
        /// Largest overlap that is accepted, in milliseconds.
        limit_ms: i64,
    },
    /// A table is not encoded in UTF-8.
    #[error(
        "{path}, line {line}: expected UTF-8 text, found {found}; save the file as UTF-8 (`iconv -t utf-8`)"
    )]
    Encoding {
        /// Path of the table.
        path: PathBuf,
        /// Line, from 1.
        line: usize,
        /// The encoding that was found.
        found: &'static str,
    },
}
