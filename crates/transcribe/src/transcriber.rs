//! From samples to events.

use crate::bundle::Bundle;
use crate::ends::{EndPointer, EndSettings, Step};
use crate::error::Error;
use crate::event::{Event, Utterance, Word};
use stentor_audio::FrameStream;
use stentor_recogniser::{Found, Phrases};

/// A stretch of frames that look like speech in the midst of silence counts as speech from this length on, 90 ms at 30 ms: a
/// shorter one is a click.
const LEAST_SPEECH: usize = 3;

/// A search that has found no word begins anew after so many frames of silence, so that it does not carry hours of it along.
const IDLE: usize = 200;

/// Frames that pass through the network together where sound comes faster than it is spoken.
const BATCH: usize = 32;

/// What can be chosen of a transcription.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// How utterances end; `None`: only with the stream.
    pub ends: Option<EndSettings>,
    /// Least time between two [`Event::Partial`], in milliseconds; `None`: there are none.
    pub partials_ms: Option<u32>,
}

impl Default for Options {
    fn default() -> Self {
        Self { ends: Some(EndSettings::default()), partials_ms: None }
    }
}

/// Recognises one stream of sound.
///
/// The events depend on the samples alone, not on the pieces in which they come. An utterance is recognised as if the stream had
/// begun with it: the network's state and the search begin anew.
#[derive(Debug)]
pub struct Transcriber<'b> {
    bundle: &'b Bundle,
    phrases: Option<&'b Phrases>,
    frames: FrameStream,
    network: stentor_forward::Stream<'b>,
    search: stentor_recogniser::Stream<'b>,
    ends: Option<EndPointer>,
    /// Frames between two partial results.
    interval: Option<usize>,
    frame_ms: u64,
    utterance: u64,
    /// The stream's number of the utterance's first frame.
    first: u64,
    /// Silent frames at the end of what has come; a click does not end them.
    quiet: usize,
    /// Frames at the end of what has come that are not silent.
    loud: usize,
    /// Whether some of the utterance's words are final already.
    settled: bool,
    /// The text of the last partial result.
    shown: String,
    /// The text with which the utterance seems to have ended.
    guess: Option<String>,
    /// Normalised frames from the next one that the network has not given posteriors of.
    waiting: Vec<f32>,
    /// How many of them the network has read: its look-ahead.
    read: usize,
    posteriors: Vec<f32>,
}

impl<'b> Transcriber<'b> {
    /// A transcription before its first sample. The sound has `source_hz` samples per second.
    ///
    /// # Errors
    /// [`Error::Audio`] for a rate that cannot be resampled, [`Error::Network`].
    pub fn new(
        bundle: &'b Bundle,
        source_hz: u32,
        options: Options,
        phrases: Option<&'b Phrases>,
    ) -> Result<Self, Error> {
        let features = bundle.features();
        let frame_ms = features.frame_ms();
        Ok(Self {
            frames: FrameStream::new(features, features.high_hz, source_hz)?,
            network: bundle.network().stream()?,
            search: bundle.recogniser().stream(phrases),
            ends: options.ends.map(|settings| EndPointer::new(settings, frame_ms)),
            interval: options.partials_ms.map(|ms| ms.div_ceil(frame_ms).max(1) as usize),
            frame_ms: frame_ms.into(),
            utterance: 0,
            first: 0,
            quiet: 0,
            loud: 0,
            settled: false,
            shown: String::new(),
            guess: None,
            waiting: Vec::new(),
            read: 0,
            posteriors: Vec::new(),
            bundle,
            phrases,
        })
    }

    /// Takes the next samples, mono, ±32768, and appends what they make known to `events`. Samples before one that is no number
    /// have been taken.
    ///
    /// # Errors
    /// [`Error::Audio`], [`Error::Network`], [`Error::Recogniser`].
    pub fn push(&mut self, samples: &[f32], events: &mut Vec<Event>) -> Result<(), Error> {
        let finite = samples.iter().position(|sample| !sample.is_finite()).unwrap_or(samples.len());
        let (samples, bad) = samples.split_at(finite);
        let first = self.waiting.len();
        self.frames.push(samples, &mut self.waiting)?;
        self.bundle.normalise(&mut self.waiting[first..]);
        self.take(events)?;
        if !bad.is_empty() {
            // An error that names the sample.
            self.frames.push(bad, &mut self.waiting)?;
        }
        Ok(())
    }

    /// Ends the stream: appends the words that have not become final before.
    ///
    /// # Errors
    /// As [`Transcriber::push`].
    pub fn finish(mut self, events: &mut Vec<Event>) -> Result<(), Error> {
        let first = self.waiting.len();
        self.frames.finish(&mut self.waiting)?;
        self.bundle.normalise(&mut self.waiting[first..]);
        self.take(events)?;
        while !self.waiting.is_empty() {
            let network = std::mem::replace(&mut self.network, self.bundle.network().stream()?);
            let mut posteriors = std::mem::take(&mut self.posteriors);
            posteriors.clear();
            network.finish(&mut posteriors);
            self.heard(posteriors, events)?;
            // Frames are left if an utterance has ended before them.
            self.take(events)?;
        }
        self.end(events)
    }

    /// Milliseconds from the stream's start to this frame of the utterance.
    fn ms(&self, frame: usize) -> u64 {
        (self.first + frame as u64) * self.frame_ms
    }

    /// Passes the frames that wait through the network, until it has read all of them.
    fn take(&mut self, events: &mut Vec<Event>) -> Result<(), Error> {
        let inputs = self.bundle.network().inputs();
        while self.waiting.len() > self.read * inputs {
            let rest = &self.waiting[self.read * inputs..];
            let batch = &rest[..rest.len().min(BATCH * inputs)];
            let frames = batch.len() / inputs;
            let mut posteriors = std::mem::take(&mut self.posteriors);
            posteriors.clear();
            self.network.push(batch, &mut posteriors)?;
            self.read += frames;
            self.heard(posteriors, events)?;
        }
        Ok(())
    }

    /// Takes the posteriors of the first frames that wait.
    fn heard(&mut self, posteriors: Vec<f32>, events: &mut Vec<Event>) -> Result<(), Error> {
        let (inputs, outputs) = (self.bundle.network().inputs(), self.bundle.network().outputs());
        let (mut taken, mut begins) = (0, false);
        for frame in posteriors.chunks_exact(outputs) {
            taken += 1;
            begins = self.frame(frame, events)?;
            if begins {
                break;
            }
        }
        self.posteriors = posteriors;
        self.waiting.drain(..taken * inputs);
        // What follows an end belongs to the next utterance, whose network begins anew and reads it again.
        self.read = if begins { 0 } else { self.read.saturating_sub(taken) };
        Ok(())
    }

    /// Takes one frame; returns whether another utterance begins after it.
    fn frame(&mut self, posteriors: &[f32], events: &mut Vec<Event>) -> Result<bool, Error> {
        let settled = self.search.push(posteriors)?;
        self.listen(posteriors);
        if !settled.is_empty() {
            self.settled = true;
            let words = self.words(settled);
            let end = words.last().map_or(0, |word| word.end_ms);
            let words = Utterance::new(self.utterance, self.ms(0), end, words);
            events.push(Event::Final { words, ended: false, complete: true });
        }
        if self.is_idle() {
            let settled = self.settled;
            self.begin(self.search.frames())?;
            // Its end is still to be told.
            self.settled = settled;
            return Ok(true);
        }
        self.show(events);
        let Some(step) = self.step() else { return Ok(false) };
        match step {
            (Step::Continue, _) => {}
            (Step::Guess, words) => {
                self.guess = Some(words.text.clone());
                events.push(Event::Guess(words));
            }
            (Step::TakeBack, _) => {
                self.guess = None;
                events.push(Event::TakenBack { utterance: self.utterance });
            }
            (Step::End, _) => {
                self.end(events)?;
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Counts silence.
    fn listen(&mut self, posteriors: &[f32]) {
        let silent = self.bundle.silent();
        let silence: f32 = silent.iter().map(|output| posteriors[output.index()].exp()).sum();
        self.loud = if silence < 0.5 { self.loud + 1 } else { 0 };
        self.quiet = if self.loud >= LEAST_SPEECH { 0 } else { self.quiet + 1 };
    }

    /// Whether the search has nothing but silence for a long time.
    fn is_idle(&self) -> bool {
        self.quiet >= IDLE && self.search.frames() >= IDLE && self.search.partial().is_empty()
    }

    /// What the frame means for the end, and the words so far.
    fn step(&mut self) -> Option<(Step, Utterance)> {
        let ends = self.ends.as_ref()?;
        if self.guess.is_none() && self.quiet < ends.least() {
            return None;
        }
        let words = self.so_far();
        // The best path's pause may be a word that has just begun, and the posteriors' silence a quiet sound within a word.
        let pause = |word: &Word| (self.ms(self.search.frames()) - word.end_ms) / self.frame_ms;
        let silence = words.words.last().map_or(0, |word| self.quiet.min(pause(word) as usize));
        let changed = self.guess.as_ref().is_some_and(|guess| *guess != words.text);
        self.ends.as_mut().map(|ends| (ends.observe(silence, changed), words))
    }

    /// Appends a partial result if it is time and there is something new.
    fn show(&mut self, events: &mut Vec<Event>) {
        if self.interval.is_some_and(|interval| self.search.frames().is_multiple_of(interval)) {
            let words = self.so_far();
            if words.text != self.shown {
                self.shown.clone_from(&words.text);
                events.push(Event::Partial(words));
            }
        }
    }

    /// The words of the utterance that are not final.
    fn so_far(&self) -> Utterance {
        let words = self.words(self.search.partial());
        Utterance::new(self.utterance, self.ms(0), self.ms(self.search.frames()), words)
    }

    /// Ends the utterance in progress and begins the next.
    fn end(&mut self, events: &mut Vec<Event>) -> Result<(), Error> {
        let frames = self.search.frames();
        let search = std::mem::replace(&mut self.search, self.bundle.recogniser().stream(self.phrases));
        let found = search.finish()?;
        let words = Utterance::new(self.utterance, self.ms(0), self.ms(frames), self.words(found.words));
        // The end of a path decides between words that the frames alone do not.
        if self.guess.take().is_some_and(|guess| guess != words.text) {
            events.push(Event::TakenBack { utterance: self.utterance });
        }
        if !words.words.is_empty() || self.settled {
            events.push(Event::Final { words, ended: true, complete: found.is_complete });
            self.utterance += 1;
        }
        self.begin(frames)
    }

    /// Begins an utterance after `frames` frames of the one in progress.
    fn begin(&mut self, frames: usize) -> Result<(), Error> {
        self.network = self.bundle.network().stream()?;
        self.search = self.bundle.recogniser().stream(self.phrases);
        self.first += frames as u64;
        (self.quiet, self.loud, self.settled) = (0, 0, false);
        self.shown.clear();
        Ok(())
    }

    fn words(&self, found: Vec<Found>) -> Vec<Word> {
        let word = |Found { word, start, end, confidence }| Word {
            word,
            start_ms: self.ms(start),
            end_ms: self.ms(end),
            confidence,
        };
        found.into_iter().map(word).collect()
    }
}
