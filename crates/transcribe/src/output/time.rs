/// Seconds with milliseconds.
pub(super) fn seconds(ms: u64) -> String {
    format!("{}.{:03}", ms / 1_000, ms % 1_000)
}

/// A time of subtitles: `HH:MM:SS,mmm`.
pub(super) fn srt_time(ms: u64) -> String {
    let (s, m) = (ms / 1_000, ms / 60_000);
    format!("{:02}:{:02}:{:02},{:03}", m / 60, m % 60, s % 60, ms % 1_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_as_their_formats_ask() {
        assert_eq!((seconds(0), seconds(61_005)), ("0.000".to_owned(), "61.005".to_owned()));
        assert_eq!(srt_time(36_061_005), "10:01:01,005");
    }
}
