use crate::Error;
use stentor_experiment::Features;

/// A point in time or a duration, in microseconds.
pub type Micros = i64;

/// Converts seconds as written to microseconds; `None` unless finite, not negative and below a year.
pub(crate) fn seconds(text: &str) -> Option<Micros> {
    let seconds: f64 = text.parse().ok()?;
    (0.0..3.2e7).contains(&seconds).then(|| (seconds * 1e6).round() as Micros)
}

/// Number of frames (of the model) that an alignment may be too short, run past the end of the audio, or leave
/// uncovered before the utterance counts as misaligned.
pub const TOLERANCE_FRAMES: i64 = 3;

/// One state of a phone, from `start` up to but not including `end`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StateSpan {
    /// The phone's name as the aligner writes it.
    pub phone: String,
    /// Number of the state within the phone, from 0.
    pub state: u8,
    /// Microseconds from the start of the utterance.
    pub start: Micros,
    /// Microseconds from the start of the utterance.
    pub end: Micros,
}

/// Splits a phone into three equal states, for alignments that have no states.
#[must_use]
pub fn thirds(phone: &str, start: Micros, end: Micros) -> [StateSpan; 3] {
    let edge = |k: i64| start + (end - start) * k / 3;
    [0, 1, 2].map(|state| StateSpan {
        phone: phone.to_owned(),
        state: state as u8,
        start: edge(state),
        end: edge(state + 1),
    })
}

/// The times of the model's frames: frame `j` stacks the filter-bank frames `j·stack` to `j·stack + stack − 1`; the
/// window of each filter-bank frame starts at its number times the hop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FrameClock {
    first_centre: Micros,
    frame: Micros,
}

impl FrameClock {
    /// Returns the clock for these settings; by default the centres are at 22.5, 52.5, 82.5 … ms.
    #[must_use]
    pub fn new(features: &Features) -> Self {
        let half = |ms: u32| Micros::from(ms) * 500;
        Self {
            first_centre: half((features.stack - 1) * features.hop_ms + features.window_ms),
            frame: Micros::from(features.frame_ms()) * 1_000,
        }
    }

    /// Returns the middle of frame `j`.
    #[must_use]
    pub fn centre(&self, j: usize) -> Micros {
        self.first_centre + j as Micros * self.frame
    }

    /// Returns the duration of a frame.
    #[must_use]
    pub fn frame(&self) -> Micros {
        self.frame
    }
}

/// Returns the label of each frame: the index in `spans` of the span that contains the frame's centre.
///
/// `spans` are in order of time; `shift` is added to their times first. An aligner that counts frames gives its frame
/// `f` the time `f × 10 ms`, where the window starts; the window's centre is later, so such alignments are one frame
/// early and need a shift of 10 ms. Where up to [`TOLERANCE_FRAMES`] frames are not covered, the nearest span is taken.
///
/// # Errors
/// [`Error::Misaligned`] if more frames are not covered, or the spans run further past the end. [`Error::Overlap`] if a span
/// starts earlier than that before the end of another.
pub fn frame_labels(
    spans: &[StateSpan],
    frames: usize,
    clock: FrameClock,
    shift: Micros,
) -> Result<Vec<usize>, Error> {
    let limit = TOLERANCE_FRAMES * clock.frame;
    let misaligned =
        |what, by: Micros| Error::Misaligned { what, by_ms: by / 1_000, limit_ms: limit / 1_000 };
    let (Some(first), Some(last)) = (spans.first(), spans.last()) else {
        return Err(misaligned("it is empty for", frames as Micros * clock.frame));
    };
    // The audio may contain an incomplete frame at the end.
    let over = last.end + shift - clock.centre(frames) - clock.frame;
    if over > limit {
        return Err(misaligned("it runs past the end by", over));
    }
    let mut said_until = first.start;
    for span in spans {
        if said_until - span.start > limit {
            let by_ms = (said_until - span.start) / 1_000;
            return Err(Error::Overlap { by_ms, limit_ms: limit / 1_000 });
        }
        said_until = said_until.max(span.end);
    }
    let mut current = 0;
    (0..frames)
        .map(|j| {
            let time = clock.centre(j) - shift;
            while spans.get(current + 1).is_some_and(|next| next.start <= time) {
                current += 1;
            }
            if time < first.start {
                let early = first.start - time;
                return if early <= limit { Ok(0) } else { Err(misaligned("it starts late by", early)) };
            }
            let gap = time - spans[current].end;
            if gap < 0 {
                return Ok(current);
            }
            match spans.get(current + 1) {
                Some(next) if next.start - time < gap && next.start - time <= limit => Ok(current + 1),
                _ if gap <= limit => Ok(current),
                Some(_) => Err(misaligned("it has a gap of more than", gap)),
                None => Err(misaligned("it ends early by", gap)),
            }
        })
        .collect()
}
