use stentor_experiment::Source;
use stentor_rounds::{Arrival, BadRowGroup, Fence, Slot, Written};
use stentor_scores::{Sums, frame_sums};

/// Numbers and names from bytes, many of them at the edge of what can be.
pub(super) struct Words<'a>(pub(super) &'a [u8]);

impl Words<'_> {
    pub(super) fn byte(&mut self) -> u8 {
        let Some((&first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        first
    }

    pub(super) fn below(&mut self, bound: u64) -> u64 {
        u64::from(self.byte()) % bound
    }

    pub(super) fn bits(&mut self) -> u64 {
        (0..8).fold(0, |bits, _| bits << 8 | u64::from(self.byte()))
    }

    pub(super) fn number(&mut self, truth: u64) -> u64 {
        match self.below(8) {
            0..3 => truth,
            3 => truth.wrapping_add(self.below(5)).wrapping_sub(2),
            4 => 1 << self.below(64),
            5 => u64::MAX,
            6 => 0,
            _ => self.bits(),
        }
    }

    pub(super) fn real(&mut self, truth: f64) -> f64 {
        match self.below(8) {
            0..4 => truth,
            4 => [f64::INFINITY, f64::NEG_INFINITY, f64::NAN, f64::MAX, -1.0, 1e308, f64::MIN_POSITIVE, -0.0]
                [self.below(8) as usize],
            5 => -truth,
            6 => truth * 1e30,
            _ => f64::from_bits(self.bits()),
        }
    }

    pub(super) fn fence(&mut self, truth: Fence) -> Fence {
        Fence {
            lineage: self.number(truth.lineage),
            membership_epoch: self.number(truth.membership_epoch),
            round: self.number(truth.round),
        }
    }

    pub(super) fn slot(&mut self, truth: Slot) -> Slot {
        self.number(truth.into()) as Slot
    }

    pub(super) fn sums(&mut self) -> Sums {
        let frames = self.number(10);
        let mut sums = frame_sums(frames, 1.0, 0);
        let extra = self.real(1.0);
        sums.add(["loss", "frames", "correct-frames", "words"][self.below(4) as usize], extra);
        sums
    }

    pub(super) fn source(&mut self) -> Source {
        Source::ALL[self.below(2) as usize]
    }

    pub(super) fn contribution(&mut self, truth: Arrival) -> Arrival {
        let is_other = self.below(4) == 0;
        let sums = if self.below(3) == 0 { self.sums() } else { truth.sums.clone() };
        let by_source = (0..self.below(3)).map(|_| (self.source(), self.sums())).collect();
        Arrival {
            fence: if is_other { self.fence(truth.fence) } else { truth.fence },
            slot: if is_other { self.slot(truth.slot) } else { truth.slot },
            frames: self.number(truth.frames),
            sums,
            by_source,
            gradient_norm: self.real(truth.gradient_norm),
            suggested_tau: self.real(f64::from(truth.suggested_tau)) as f32,
            values_sent: self.number(truth.values_sent),
            residual_norm: self.real(truth.residual_norm),
            payload_bytes: self.number(truth.payload_bytes),
            parameters_digest: if self.below(4) == 0 { Some(self.bits()) } else { truth.parameters_digest },
            update_digest: (self.below(8) == 0).then(|| self.bits()),
            compute_s: self.real(truth.compute_s),
            leaving: self.below(8) == 0,
            ..truth
        }
    }

    pub(super) fn bad(&mut self, leased: Option<(Source, u64)>) -> BadRowGroup {
        let (source, place) = match leased.filter(|_| self.below(2) == 0) {
            Some((source, place)) => (source, self.number(place)),
            None => (self.source(), self.number(3)),
        };
        let frames = self.number(400);
        BadRowGroup { source, place, file: "f".into(), row_group: place, frames, reason: "changed".into() }
    }

    pub(super) fn object(&mut self) -> Written {
        let names = ["model", "state-a", "state-b", "../manifest.json", "", "manifest.json"];
        let name = names[self.below(6) as usize].to_owned();
        Written { name, bytes: self.number(8), digest: self.bits(), blake3: None }
    }
}
