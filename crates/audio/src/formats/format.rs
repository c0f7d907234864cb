/// Supported formats.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    Wav,
    Sphere,
    Flac,
    Vorbis,
    Mpeg,
}

/// Remedy for an audio format that is not supported.
pub(super) const CONVERT: &str = "convert it (for example `ffmpeg -i FILE FILE.wav`)";
