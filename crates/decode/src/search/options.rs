//! How many tokens a search keeps.

/// Limits of a search. Costs are in nats.
#[derive(Clone, Debug, PartialEq)]
pub struct Options {
    /// Tokens whose cost exceeds the best of their frame by more are not followed.
    pub beam: f64,
    /// At most so many tokens of a frame are followed (histogram pruning), and those that cost the same as the last of them.
    pub max_active: usize,
    /// So many tokens of a frame are followed, even outside the beam, if the frame has so many.
    pub min_active: usize,
    /// Paths whose cost exceeds the best path's by more are left out of the lattice.
    pub lattice_beam: f64,
    /// Frames between two prunings of the lattice.
    pub prune_interval: usize,
    /// How many frames of history stay open. When twice as many are held, the older half is settled: see
    /// [`super::Search::advance`]. For streams; some 1000 frames are enough for any words. Without a limit, the default, the whole
    /// lattice is kept until the search is finished.
    pub open_frames: Option<usize>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            beam: 14.0,
            max_active: 7000,
            min_active: 200,
            lattice_beam: 8.0,
            prune_interval: 25,
            open_frames: None,
        }
    }
}

impl Options {
    /// No pruning at all: the search is exhaustive.
    pub fn exhaustive() -> Self {
        Self {
            beam: f64::INFINITY,
            max_active: usize::MAX,
            min_active: 0,
            lattice_beam: f64::INFINITY,
            prune_interval: usize::MAX,
            open_frames: None,
        }
    }

    /// The largest cost of a token that is followed, and the beam for the next frame.
    pub(super) fn cutoff(&self, costs: &[f64]) -> (f64, f64) {
        let best = costs.iter().copied().fold(f64::INFINITY, f64::min);
        let by_beam = best + self.beam;
        let within = costs.iter().filter(|cost| **cost <= by_beam).count();
        let most = self.max_active.max(1);
        match () {
            () if within > most => limit(costs, most, best),
            () if within < self.min_active => limit(costs, self.min_active, best),
            () => (by_beam, self.beam),
        }
    }
}

/// The cost up to which there are `count` tokens, and the beam that this amounts to: in the next frame costs are spread
/// differently, so it reaches somewhat further, to the first token that is not followed and half a nat.
fn limit(costs: &[f64], count: usize, best: f64) -> (f64, f64) {
    if costs.len() <= count {
        return (f64::INFINITY, f64::INFINITY);
    }
    let mut costs = costs.to_vec();
    let (followed, next, _) = costs.select_nth_unstable_by(count, f64::total_cmp);
    let worst = followed.iter().copied().fold(best, f64::max);
    (worst, *next - best + 0.5)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(beam: f64, max_active: usize, min_active: usize) -> Options {
        Options { beam, max_active, min_active, ..Options::exhaustive() }
    }

    #[test]
    fn the_beam_decides_between_the_two_limits_on_the_number() {
        let costs = || [5.0, 1.0, 3.0, 2.0, 9.0];
        assert_eq!(options(3.0, 10, 0).cutoff(&costs()), (4.0, 3.0));
        assert_eq!(options(3.0, 2, 0).cutoff(&costs()).0, 2.0);
        assert_eq!(options(0.5, 10, 3).cutoff(&costs()).0, 3.0);
        assert_eq!(options(f64::INFINITY, 10, 3).cutoff(&costs()).0, f64::INFINITY);
    }

    #[test]
    fn with_fewer_tokens_than_the_least_number_all_are_followed() {
        assert_eq!(options(0.5, 10, 6).cutoff(&[5.0, 1.0, 3.0]).0, f64::INFINITY);
    }
}
