use super::Done;
use super::state::Kept;
use crate::core::{Fence, Slot};
use bytes::Bytes;
use std::collections::BTreeMap;
use stentor_exchange::{EncodingSpec, Precision, StreamingMean, Tau};
use stentor_experiment::BmufWeights;
use stentor_proto::v1::{self, encoding::Deltas, encoding::Kind};

/// The sum of a round over one company of members, in the making.
#[derive(Debug)]
pub(super) struct Sum {
    pub(super) fence: Fence,
    company: v1::Company,
    encoding: v1::Encoding,
    sections: u32,
    weights: BmufWeights,
    values: usize,
    form: Form,
}

#[derive(Debug)]
enum Form {
    /// Floats, summed while they come.
    Mean { mean: Box<StreamingMean>, precision: Precision },
    /// Messages of signs, by slot: frames behind them, and their bytes. None until all of a message is there.
    Signs { tau: Tau, messages: BTreeMap<Slot, (u64, Vec<u8>, bool)> },
}

impl Sum {
    /// An empty sum as a first member describes it, over a range of `values`.
    pub(super) fn new(
        fence: Fence,
        header: &v1::StageHeader,
        company: &v1::Company,
        values: usize,
        weights: BmufWeights,
    ) -> Result<Self, String> {
        let encoding = header.encoding.ok_or("expected an encoding, found none")?;
        let sections = header.sections.clamp(1, MOST_SECTIONS);
        let values = values * sections as usize;
        let words = |e: stentor_exchange::Error| e.to_string();
        let signs = |tau: f32| {
            Ok::<_, String>(Form::Signs { tau: Tau::exact(tau).map_err(words)?, messages: BTreeMap::new() })
        };
        let mean = |precision| {
            let mean = Box::new(StreamingMean::new(values, &company.slots).map_err(words)?);
            Ok::<_, String>(Form::Mean { mean, precision })
        };
        let form = match encoding.kind {
            Some(Kind::Threshold(threshold)) => signs(threshold.tau)?,
            Some(Kind::Block(block)) if block.deltas() == Deltas::Threshold => signs(block.tau)?,
            Some(Kind::Block(block)) if block.deltas() == Deltas::Bf16 => mean(Precision::Bf16)?,
            Some(Kind::Dense(_) | Kind::Block(_)) => mean(Precision::F32)?,
            None => return Err("expected a kind of encoding, found none".into()),
        };
        Ok(Self { fence, company: company.clone(), encoding, sections, weights, values, form })
    }

    /// All members must describe the same sum.
    pub(super) fn check(&self, header: &v1::StageHeader, company: &v1::Company) -> Result<(), String> {
        let same = self.company.slots == company.slots
            && header.encoding == Some(self.encoding)
            && header.sections.clamp(1, MOST_SECTIONS) == self.sections;
        if same {
            Ok(())
        } else {
            Err(format!(
                "expected a contribution to the sum of slots {:?} as {:?}, found one to {:?} as {:?}",
                self.company.slots, self.encoding, company.slots, header.encoding
            ))
        }
    }

    /// A member's payload begins; one without frames is empty, and complete.
    pub(super) fn begin(&mut self, slot: Slot, frames: u64) -> Result<(), String> {
        if !self.company.slots.contains(&slot) {
            return Err(format!("expected one of slots {:?}", self.company.slots));
        }
        let equal = self.weights == BmufWeights::Equal && matches!(self.encoding.kind, Some(Kind::Block(_)));
        match &mut self.form {
            Form::Mean { mean, .. } => {
                let weight = if equal { frames.min(1) } else { frames };
                mean.open(slot, weight).map_err(|e| e.to_string())
            }
            Form::Signs { messages, .. } => {
                if messages.contains_key(&slot) {
                    return Err("its payload is already here".into());
                }
                messages.insert(slot, (frames, Vec::new(), frames == 0));
                Ok(())
            }
        }
    }

    /// Whether bytes up to `end` of a member's payload may be added now.
    pub(super) fn is_turn_of(&self, slot: Slot, end: usize) -> bool {
        match &self.form {
            Form::Mean { mean, precision } => {
                let end = end.div_ceil(precision.bytes());
                let free = mean.next(slot).and_then(|next| Ok(next + mean.ready(slot)?));
                // Nothing is held back that would be refused anyway.
                free.is_ok_and(|free| end <= free) || end > self.values
            }
            Form::Signs { .. } => true,
        }
    }

    pub(super) fn add(&mut self, slot: Slot, offset: usize, part: &Bytes) -> Result<(), String> {
        match &mut self.form {
            Form::Mean { mean, precision } => {
                // A part that begins within a value follows one that was refused for ending there.
                mean.add(slot, offset / precision.bytes(), part, *precision).map_err(|e| e.to_string())
            }
            Form::Signs { messages, .. } => {
                let (_, message, _) = messages.get_mut(&slot).ok_or("expected a header first")?;
                message.extend_from_slice(part);
                Ok(())
            }
        }
    }

    /// All of a member's payload is there, and its digest was right.
    pub(super) fn end(&mut self, slot: Slot) {
        if let Form::Signs { messages, .. } = &mut self.form
            && let Some((_, _, whole)) = messages.get_mut(&slot)
        {
            *whole = true;
        }
    }

    pub(super) fn is_complete(&self) -> bool {
        match &self.form {
            Form::Mean { mean, .. } => mean.is_complete(),
            Form::Signs { messages, .. } => {
                messages.len() == self.company.slots.len() && messages.values().all(|(_, _, whole)| *whole)
            }
        }
    }

    /// The update. Empty where nobody had a frame: it changes nothing.
    pub(super) fn finish(self, kept: &mut Kept) -> Result<Done, String> {
        let payload = match self.form {
            Form::Mean { mean, .. } => match mean.finish_payload() {
                Ok(mut payload) => {
                    if matches!(self.encoding.kind, Some(Kind::Dense(_))) {
                        kept.flush_into(&mut payload);
                    }
                    payload
                }
                Err(stentor_exchange::Error::NothingToReduce) => Vec::new(),
                Err(error) => return Err(error.to_string()),
            },
            Form::Signs { tau, messages } => {
                let reducer = kept.reducer(&EncodingSpec::Threshold { tau }, self.values);
                for (slot, (frames, message, _)) in &messages {
                    reducer.add(*slot, *frames, message).map_err(|e| format!("slot {slot}: {e}"))?;
                }
                kept.reduce(self.values)?
            }
        };
        let digest = stentor_exchange::digest(&payload);
        Ok(Done { payload: payload.into(), digest })
    }
}

/// Values, and as many vectors as any optimiser keeps.
const MOST_SECTIONS: u32 = 4;
