use std::path::PathBuf;
use thiserror::Error;

/// What can be wrong with audio, a data directory or an alignment.
#[derive(Debug, Error)]
pub enum Error {
    /// The bytes are in no format that is read here.
    #[error("expected WAV, FLAC, MP3, Ogg Vorbis or NIST SPHERE audio, found {found}; {remedy}")]
    Format {
        /// Its name, or what it begins with.
        found: String,
        /// What to do.
        remedy: &'static str,
    },
    /// A format that is read here, but not well formed.
    #[error("the {format} file is not whole or not well formed: {reason}")]
    Malformed {
        /// Its name.
        format: &'static str,
        /// In words.
        reason: String,
    },
    /// More sound than can be bridged by silence does not decode.
    #[error("{lost_s:.3} of {of_s:.3} s are damaged, at most a tenth may be")]
    Damaged {
        /// Seconds that did not decode.
        lost_s: f64,
        /// Seconds read.
        of_s: f64,
    },
    /// Another file begins within the file, and the last sound of the first one cannot be told from its head.
    #[error(
        "another {format} file begins {at_s:.3} s after the start: files were joined byte by byte; take them apart"
    )]
    Joined {
        /// Of both.
        format: &'static str,
        /// Seconds of sound before it.
        at_s: f64,
    },
    /// Numbers that are no samples of full scale 1.
    #[error(
        "expected float samples within ±1, found {found}: samples of integers, written as floats? Scale them \
         (`ffmpeg -i FILE -af volume=1/32768 FILE.wav` for those of 16 bits)"
    )]
    FloatScale {
        /// The first one.
        found: f32,
    },
    /// A channel was chosen that is not there.
    #[error("channel {asked} was chosen, and the file has {channels}; channels count from 1")]
    NoSuchChannel {
        /// From 1.
        asked: usize,
        /// Of the file.
        channels: usize,
    },
    /// The mean of the channels is next to nothing.
    #[error(
        "its {channels} channels cancel: their mean has {percent:.2} % of their power, as that of opposite phases; choose \
         one by --channel or `reco2file_and_channel`"
    )]
    Cancelled {
        /// Of the file.
        channels: usize,
        /// Of the power.
        percent: f64,
    },
    /// The decoder's library gave up in an unforeseen way.
    #[error("the decoder panicked ({0}): the file is malformed in a way it does not foresee")]
    DecoderPanicked(String),
    /// The container is well formed and empty.
    #[error("the file holds no samples")]
    NoSamples,
    /// The stream changes its format halfway.
    #[error("the sample rate changes from {before_hz} to {after_hz} Hz within the file; split it first")]
    RateChange {
        /// At the start.
        before_hz: u32,
        /// Later.
        after_hz: u32,
    },
    /// A rate no recording of speech has.
    #[error("expected a sample rate of 1000 to 768000 Hz, found {0} Hz")]
    Rate(u32),
    /// The resampler refused its input.
    #[error("resampling failed: {0}")]
    Resample(String),
    /// The mel range is empty.
    #[error(
        "the mel range from {low_hz} to {high_hz} Hz is empty: audio with a Nyquist frequency of {nyquist_hz} Hz needs a \
         lower `features.low_hz`"
    )]
    MelRange {
        /// Lower edge.
        low_hz: f32,
        /// Upper edge.
        high_hz: f32,
        /// Half the source's rate.
        nyquist_hz: f32,
    },
    /// No frames were counted, so there is no mean.
    #[error("no frames to take the mean and variance of")]
    NoFrames,
    /// A file cannot be read.
    #[error("cannot read {path}: {source}")]
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// What is no file has no end, or nobody who writes into it.
    #[error(
        "cannot read {path}: expected a regular file, found {found}; write what comes out of it into a file first"
    )]
    NotAFile {
        /// Which.
        path: PathBuf,
        /// In words.
        found: &'static str,
    },
    /// A file can be opened, but not read to its end.
    #[error("reading failed after {at} bytes: {source}; what is left of the file is not known")]
    Reading {
        /// Bytes before it.
        at: u64,
        /// Why.
        source: std::io::Error,
    },
    /// A line of a table does not parse.
    #[error("{path}, line {line}: expected {expected}, found `{found}`")]
    Line {
        /// The file.
        path: PathBuf,
        /// 1-based.
        line: usize,
        /// In words.
        expected: &'static str,
        /// As written, shortened.
        found: String,
    },
    /// `wav.scp` names a shell command. Running commands out of data files is refused on purpose.
    #[error(
        "{path}, line {line}: `{id}` is a command pipe; only paths of audio files are read: run the command once and \
         write its output as WAV or FLAC"
    )]
    Pipe {
        /// The file.
        path: PathBuf,
        /// 1-based.
        line: usize,
        /// The recording.
        id: String,
    },
    /// An identifier has two lines.
    #[error("{path}, line {line}: `{id}` is there twice")]
    Duplicate {
        /// The file.
        path: PathBuf,
        /// 1-based, of the second one.
        line: usize,
        /// The recording or utterance.
        id: String,
    },
    /// `segments` names a recording that `wav.scp` lacks.
    #[error("{path}, line {line}: recording `{id}` is not in wav.scp")]
    UnknownRecording {
        /// The file.
        path: PathBuf,
        /// 1-based.
        line: usize,
        /// As written.
        id: String,
    },
    /// The corpus is empty.
    #[error("{0} names no recordings")]
    Empty(PathBuf),
    /// The alignment and the audio differ by more than can be padded or trimmed.
    #[error(
        "the alignment does not fit the audio: {what} {by_ms} ms, at most {limit_ms} ms can be bridged (silence needs a \
         label of its own)"
    )]
    Misaligned {
        /// Where they differ.
        what: &'static str,
        /// By how much.
        by_ms: i64,
        /// How much would have been accepted.
        limit_ms: i64,
    },
    /// A table is in another encoding than UTF-8.
    #[error(
        "{path}, line {line}: expected UTF-8 text, found {found}; save the file as UTF-8 (`iconv -t utf-8`)"
    )]
    Encoding {
        /// The file.
        path: PathBuf,
        /// 1-based.
        line: usize,
        /// In words.
        found: &'static str,
    },
}
