use super::Ready;
use super::norms::Kind;
use super::state::Kept;
use bytes::Bytes;
use std::collections::BTreeMap;
use stentor_exchange::{Digest, Encoding, Precision, StreamingMean, Summation, Tau, check_signs};
use stentor_experiment::BmufWeights;
use stentor_proto::v1;
use stentor_rounds::{Fence, Slot};

/// Number of values of a mean in one part.
const PART: usize = stentor_proto::PART_BYTES / 4;

/// The sum of a round over one sum group, while payloads arrive.
#[derive(Debug)]
pub(super) struct Sum {
    pub(super) fence: Fence,
    sum_group: v1::SumGroup,
    encoding: Encoding,
    sections: u32,
    values: usize,
    form: Form,
    /// Sum of the squares of each contribution's values.
    squares: BTreeMap<Slot, f64>,
    /// Whether the norms of a mean's contributions are judged: it is not final before.
    is_judged: bool,
    /// The final parts, from the beginning of the range.
    parts: Vec<Bytes>,
    digest: Digest,
}

#[derive(Debug)]
enum Form {
    /// Floats, summed while they arrive. With `held`, nothing is final before everything has arrived.
    Mean { mean: Box<StreamingMean>, weights: BmufWeights, precision: Precision, held: bool },
    /// Messages of signs, by slot.
    Signs { tau: Tau, messages: BTreeMap<Slot, Message> },
    /// Everything has arrived, and the sum is being made.
    Finishing,
    /// The whole sum is in `parts`.
    Final,
}

/// A message of signs.
#[derive(Debug)]
struct Message {
    frames: u64,
    bytes: Vec<u8>,
    /// Whether it is complete.
    whole: bool,
}

/// A sum that is made when everything has arrived.
#[derive(Debug)]
pub(super) struct Whole {
    form: Form,
    values: usize,
}

/// The progress of a sum, for a member that fetches it.
#[derive(Debug)]
pub(super) enum Progress {
    Nothing,
    Ready(Ready),
    /// Everything has arrived: the caller has to make the sum and publish it.
    Finish(Box<Whole>),
}

impl Sum {
    /// An empty sum over a range of `values`, as the first member describes it.
    pub(super) fn new(
        fence: Fence,
        header: &v1::StageHeader,
        sum_group: &v1::SumGroup,
        values: usize,
        weights: BmufWeights,
        holds: bool,
    ) -> Result<Self, String> {
        let words = |e: stentor_exchange::Error| e.to_string();
        let encoding = stentor_proto::encoding(header.encoding).map_err(|e| e.to_string())?;
        let sections = header.sections.clamp(1, MOST_SECTIONS);
        let values = values * sections as usize;
        let form = match encoding.summation(weights).map_err(words)? {
            Summation::Signs { tau } => Form::Signs { tau, messages: BTreeMap::new() },
            Summation::Mean { weights, precision } => {
                let mean = Box::new(StreamingMean::new(values, &sum_group.slots).map_err(words)?);
                Form::Mean { mean, weights, precision, held: holds && encoding.is_whole() }
            }
        };
        Ok(Self {
            fence,
            sum_group: sum_group.clone(),
            encoding,
            sections,
            values,
            form,
            squares: BTreeMap::new(),
            is_judged: false,
            parts: Vec::new(),
            digest: Digest::default(),
        })
    }

    /// All members must describe the same sum.
    pub(super) fn check(&self, header: &v1::StageHeader, sum_group: &v1::SumGroup) -> Result<(), String> {
        let same = self.sum_group.slots == sum_group.slots
            && stentor_proto::encoding(header.encoding).as_ref() == Ok(&self.encoding)
            // A payload without frames is empty.
            && (header.frames == 0 || header.sections.clamp(1, MOST_SECTIONS) == self.sections);
        if same {
            Ok(())
        } else {
            Err(format!(
                "expected a contribution to the sum of slots {:?} as {:?}, found one to {:?} as {:?}",
                self.sum_group.slots, self.encoding, sum_group.slots, header.encoding
            ))
        }
    }

    /// A member's payload begins; a payload without frames is empty and complete.
    pub(super) fn begin(&mut self, slot: Slot, frames: u64) -> Result<(), String> {
        if !self.sum_group.slots.contains(&slot) {
            return Err(format!("expected one of slots {:?}", self.sum_group.slots));
        }
        match &mut self.form {
            Form::Mean { mean, weights, .. } => {
                mean.open(slot, weights.of(frames)).map_err(|e| e.to_string())
            }
            Form::Signs { messages, .. } => {
                let message = Message { frames, bytes: Vec::new(), whole: frames == 0 };
                match messages.insert(slot, message) {
                    None => Ok(()),
                    Some(_) => Err("its payload was already here".into()),
                }
            }
            Form::Finishing | Form::Final => Err("the sum is made already".into()),
        }?;
        self.settle();
        Ok(())
    }

    /// Whether bytes up to `end` of a member's payload may be added now.
    pub(super) fn is_turn_of(&self, slot: Slot, end: usize) -> bool {
        match &self.form {
            Form::Mean { mean, precision, .. } => {
                let end = end.div_ceil(precision.bytes());
                let free = mean.next(slot).and_then(|next| Ok(next + mean.ready(slot)?));
                // A part that will be refused does not have to wait.
                free.is_ok_and(|free| end <= free) || end > self.values
            }
            Form::Signs { .. } | Form::Finishing | Form::Final => true,
        }
    }

    pub(super) fn add(&mut self, slot: Slot, offset: usize, part: &Bytes) -> Result<(), String> {
        match &mut self.form {
            // A part that begins within a value follows a part that was refused because it ended there.
            Form::Mean { mean, precision, .. } => {
                mean.add(slot, offset / precision.bytes(), part, *precision).map_err(|e| e.to_string())?;
                *self.squares.entry(slot).or_default() += precision.squares(part);
            }
            Form::Signs { messages, .. } => {
                messages.get_mut(&slot).ok_or("expected a header first")?.bytes.extend_from_slice(part);
            }
            Form::Finishing | Form::Final => return Err("the sum is made already".into()),
        }
        self.settle();
        Ok(())
    }

    /// A member's payload is complete, and its digest is correct. Its content is checked now, because the others' sum could not be
    /// made with it.
    pub(super) fn end(&mut self, slot: Slot) -> Result<(), String> {
        match &mut self.form {
            Form::Mean { mean, .. } => {
                let found = mean.next(slot).map_err(|e| e.to_string())?;
                if found != self.values {
                    return Err(format!("expected {} values, found {found}", self.values));
                }
            }
            Form::Signs { tau, messages } => {
                if let Some(message) = messages.get_mut(&slot) {
                    if message.frames > 0 {
                        check_signs(slot, &message.bytes, *tau, self.values).map_err(|e| e.to_string())?;
                    }
                    message.whole = true;
                }
            }
            Form::Finishing | Form::Final => {}
        }
        Ok(())
    }

    /// The norms of the contributions to a mean, if all have arrived and are not judged yet.
    pub(super) fn to_judge(&self) -> Option<(Kind, BTreeMap<Slot, f64>)> {
        let Form::Mean { mean, .. } = &self.form else { return None };
        let norms = || self.squares.iter().map(|(&slot, squares)| (slot, squares.sqrt())).collect();
        (!self.is_judged && mean.is_complete()).then(|| (Kind::of(&self.encoding), norms()))
    }

    /// The norms are as they may be.
    pub(super) fn judged(&mut self) {
        self.is_judged = true;
        self.settle();
    }

    /// Moves the values of a mean that have become final to the parts.
    fn settle(&mut self) {
        let Form::Mean { mean, held: false, .. } = &mut self.form else { return };
        let all = mean.is_complete() && self.is_judged;
        let complete = mean.complete();
        while mean.taken() < complete && (all || mean.taken() + PART <= complete) {
            let to = (mean.taken() + PART).min(complete);
            let mut part = Vec::new();
            // If no member has a frame, nothing is sent: the update changes nothing.
            if mean.take_mean(to, &mut part).is_err() {
                break;
            }
            self.digest.update(&part);
            self.parts.push(part.into());
        }
        if all {
            self.form = Form::Final;
        }
    }

    /// Members of the sum.
    pub(super) fn slots(&self) -> &[Slot] {
        &self.sum_group.slots
    }

    /// Whether a part is final: then every member has begun to contribute.
    pub(super) fn has_begun(&self) -> bool {
        !self.parts.is_empty() || self.is_final()
    }

    pub(super) fn is_final(&self) -> bool {
        matches!(self.form, Form::Final)
    }

    /// Whether all payloads have arrived, so that the sum is made or can be made.
    pub(super) fn is_complete(&self) -> bool {
        self.can_be_made() || matches!(self.form, Form::Finishing | Form::Final)
    }

    /// Whether everything has arrived and the sum is not being made yet.
    fn can_be_made(&self) -> bool {
        match &self.form {
            Form::Mean { mean, held, .. } => *held && mean.is_complete() && self.is_judged,
            Form::Signs { messages, .. } => {
                messages.len() == self.sum_group.slots.len() && messages.values().all(|m| m.whole)
            }
            Form::Finishing | Form::Final => false,
        }
    }

    /// The progress from part `from` on.
    pub(super) fn progress(&mut self, from: usize) -> Progress {
        if self.can_be_made() {
            let form = std::mem::replace(&mut self.form, Form::Finishing);
            return Progress::Finish(Box::new(Whole { form, values: self.values }));
        }
        let parts = self.parts.get(from..).unwrap_or_default().to_vec();
        let end = self.is_final().then(|| v1::SumEnd {
            payload_bytes: self.parts.iter().map(|p| p.len() as u64).sum(),
            payload_digest: self.digest.finish(),
        });
        if parts.is_empty() && end.is_none() {
            Progress::Nothing
        } else {
            Progress::Ready(Ready { parts, end })
        }
    }

    /// Publishes the sum that a caller made.
    pub(super) fn publish(&mut self, payload: Vec<u8>) {
        self.digest.update(&payload);
        self.parts = stentor_proto::parts(&payload.into()).collect();
        self.form = Form::Final;
    }
}

impl Whole {
    /// The update; empty if no member had a frame, because then it changes nothing.
    pub(super) fn finish(self, kept: &mut Kept) -> Result<Vec<u8>, String> {
        match self.form {
            Form::Mean { mean, .. } => match mean.finish_payload() {
                Ok(mut payload) => {
                    kept.flush_into(&mut payload);
                    Ok(payload)
                }
                Err(stentor_exchange::Error::NothingToReduce) => Ok(Vec::new()),
                Err(error) => Err(error.to_string()),
            },
            Form::Signs { tau, messages } => {
                let reducer = kept.reducer(&Summation::Signs { tau }, self.values);
                for (slot, Message { frames, bytes, .. }) in &messages {
                    reducer.add(*slot, *frames, bytes).map_err(|e| format!("slot {slot}: {e}"))?;
                }
                kept.reduce(self.values)
            }
            Form::Finishing | Form::Final => Ok(Vec::new()),
        }
    }
}

/// The values, and as many vectors as any optimiser has.
const MOST_SECTIONS: u32 = 4;
