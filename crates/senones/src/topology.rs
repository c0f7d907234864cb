//! Which states a phone goes through. Frames are 30 ms apart, so a phone may last a single frame.

use serde::{Deserialize, Serialize};

/// The states of every phone. Each topology lets a phone last one frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Topology {
    /// One state for all frames.
    Single,
    /// A state for the first frame, and one for all that follow: the topology for frames of a low rate of Povey et al. 2016,
    /// "Purely sequence-trained neural networks for ASR based on lattice-free MMI".
    FirstThenRest,
    /// Begin, middle and end, any of which may be skipped: a frame belongs to the third of the phone that its centre is in, as
    /// `stentor prepare` cuts phones. A phone of one frame has a middle only.
    Thirds,
}

impl Topology {
    /// Number of states.
    #[must_use]
    pub fn states(self) -> u8 {
        match self {
            Self::Single => 1,
            Self::FirstThenRest => 2,
            Self::Thirds => 3,
        }
    }

    /// The states of a phone of so many frames, `[frames]`.
    pub fn of_frames(self, frames: usize) -> impl ExactSizeIterator<Item = u8> {
        (0..frames).map(move |frame| match self {
            Self::Single => 0,
            Self::FirstThenRest => u8::from(frame > 0),
            // (frame + ½) · 3 / frames, rounded down: 0, 1 or 2.
            Self::Thirds => ((2 * frame + 1) * 3 / (2 * frames)) as u8,
        })
    }

    /// Whether a phone may begin with a state.
    #[must_use]
    pub fn begins(self, state: u8) -> bool {
        match self {
            Self::Single | Self::FirstThenRest => state == 0,
            Self::Thirds => state < 2,
        }
    }

    /// Whether a frame of one state may be followed by one of another in the same phone.
    #[must_use]
    pub fn follows(self, from: u8, to: u8) -> bool {
        match self {
            Self::Single => from == 0 && to == 0,
            Self::FirstThenRest => from < 2 && to == 1,
            Self::Thirds => from <= to && to < 3,
        }
    }

    /// Whether a phone may end with a state.
    #[must_use]
    pub fn ends(self, state: u8) -> bool {
        match self {
            Self::Single | Self::FirstThenRest => state < self.states(),
            Self::Thirds => state == 1 || state == 2,
        }
    }

    /// The states whose frames tell phones apart best: those that questions are made from.
    #[must_use]
    pub fn central(self) -> u8 {
        u8::from(self == Self::Thirds)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const ALL: [Topology; 3] = [Topology::Single, Topology::FirstThenRest, Topology::Thirds];

    #[test]
    fn a_phone_may_last_one_frame() {
        let states = |topology: Topology, frames| topology.of_frames(frames).collect::<Vec<_>>();
        assert_eq!(ALL.map(|topology| states(topology, 1)), [vec![0], vec![0], vec![1]]);
        assert_eq!(states(Topology::FirstThenRest, 3), [0, 1, 1]);
        assert_eq!(states(Topology::Thirds, 2), [0, 2]);
        assert_eq!(states(Topology::Thirds, 3), [0, 1, 2]);
        assert_eq!(states(Topology::Thirds, 4), [0, 1, 1, 2]);
    }

    proptest! {
        #[test]
        fn the_states_of_any_duration_are_a_path_of_the_topology(frames in 1usize..200) {
            for topology in ALL {
                let states: Vec<u8> = topology.of_frames(frames).collect();
                prop_assert_eq!(states.len(), frames);
                prop_assert!(topology.begins(states[0]) && topology.ends(states[frames - 1]));
                prop_assert!(states.windows(2).all(|pair| topology.follows(pair[0], pair[1])));
                prop_assert!(states.iter().all(|&state| state < topology.states()));
            }
        }
    }
}
