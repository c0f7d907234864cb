//! The phones of an utterance, frame by frame, from two sources: the alignment, which gives each frame a phone, and the list of
//! phones with their times, which also has those too short for any frame, and both of a phone that is said twice.

use crate::{Error, Scheme, Span};
use stentor_inventory::PhoneId;

/// A phone as it was said. Silence is not said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Said {
    /// The phone; `None` for one that the tree does not know, which can be said if it is too short for any frame.
    pub phone: Option<PhoneId>,
    /// Start, in microseconds on the clock of the frames.
    pub start_us: i64,
    /// End, in microseconds.
    pub end_us: i64,
    /// Whether a word begins with it.
    pub begins_word: bool,
}

/// A frame of an alignment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sounding {
    /// The phone, silence and noise included.
    pub phone: PhoneId,
    /// The frame's centre, in microseconds.
    pub centre_us: i64,
}

/// Which of some phones begin a word: those of which the middle lies in another word than that of the phone before. Phones and
/// words have a start and an end, and are in order of time.
#[must_use]
pub fn words(phones: &[(i64, i64)], words: &[(i64, i64)]) -> Vec<bool> {
    let mut last = None;
    let begins = |&(start, end): &(i64, i64)| {
        // The word that began last before the middle of the phone.
        let word = words.partition_point(|(begin, _)| 2 * begin <= start + end);
        last.replace(word) != Some(word)
    };
    phones.iter().map(begins).collect()
}

/// The phones of an utterance with the frames of each, in order. `said` and `frames` are in order of time.
///
/// Each frame belongs to the phone that was said nearest to its centre, of those that have the name which the alignment gives
/// it. So both agree even where the times of phones are rounded, or where an alignment leaves frames uncovered.
///
/// # Errors
/// [`Error::NotSaid`] for a frame of a phone that is not in the list, or not at this place; [`Error::Unknown`].
pub fn spans(said: &[Said], frames: &[Sounding], scheme: &Scheme) -> Result<Vec<Span>, Error> {
    let places = places(said, frames, scheme)?;
    let mut has_frames = vec![false; said.len()];
    places.iter().flatten().for_each(|&place| has_frames[place] = true);
    let mut list = List { said, next: 0, begins_word: false, spans: Vec::new() };
    let mut last = None;
    for (frame, place) in frames.iter().zip(places) {
        // Phones without a frame come where they were said.
        let before = match place {
            Some(place) => place,
            None => (list.next..said.len())
                .find(|&at| has_frames[at] || said[at].start_us + said[at].end_us >= 2 * frame.centre_us)
                .unwrap_or(said.len()),
        };
        let goes_on = last == Some((frame.phone, place)) && list.next >= before;
        last = Some((frame.phone, place));
        match list.spans.last_mut().filter(|_| goes_on) {
            Some(span) => span.frames += 1,
            None => {
                list.skip_to(before);
                list.push(frame.phone, place);
            }
        }
    }
    list.skip_to(said.len());
    Ok(list.spans)
}

/// The place in `said` of each frame's phone, `[frames]`; `None` for silence.
fn places(said: &[Said], frames: &[Sounding], scheme: &Scheme) -> Result<Vec<Option<usize>>, Error> {
    let mut first = 0;
    let place = |(number, frame): (usize, &Sounding)| {
        scheme.known(frame.phone)?;
        if !scheme.has_context(frame.phone) {
            return Ok(None);
        }
        let distance =
            |said: &Said| (said.start_us - frame.centre_us).max(frame.centre_us - said.end_us).max(0);
        let mut best: Option<(i64, usize)> = None;
        for (place, said) in said.iter().enumerate().skip(first) {
            if best.is_some_and(|(nearest, _)| said.start_us - frame.centre_us > nearest) {
                break;
            }
            let found = (distance(said), place);
            if said.phone == Some(frame.phone) && best.is_none_or(|best| found < best) {
                best = Some(found);
            }
        }
        let name = || scheme.phones.name(frame.phone).unwrap_or_default().to_owned();
        let (_, place) = best.ok_or_else(|| Error::NotSaid { frame: number, phone: name() })?;
        first = place;
        Ok(Some(place))
    };
    frames.iter().enumerate().map(place).collect()
}

/// Spans while they are made.
struct List<'a> {
    said: &'a [Said],
    /// The first phone that is not in the list yet.
    next: usize,
    /// Whether a word began with a phone that was left out.
    begins_word: bool,
    spans: Vec<Span>,
}

impl List<'_> {
    /// Adds the phones before a place, which have no frames.
    fn skip_to(&mut self, place: usize) {
        while self.next < place {
            let said = self.said[self.next];
            self.begins_word |= said.begins_word;
            if let Some(phone) = said.phone {
                let begins_word = std::mem::take(&mut self.begins_word);
                self.spans.push(Span { phone, frames: 0, begins_word });
            }
            self.next += 1;
        }
    }

    /// Adds a phone that has a frame.
    fn push(&mut self, phone: PhoneId, place: Option<usize>) {
        let mut span = Span { phone, frames: 1, begins_word: false };
        // A phone that silence cuts in two begins its word once.
        if let Some(place) = place.filter(|&place| place >= self.next) {
            span.begins_word = std::mem::take(&mut self.begins_word) | self.said[place].begins_word;
            self.next = place + 1;
        }
        self.spans.push(span);
    }
}

#[cfg(test)]
mod tests;
