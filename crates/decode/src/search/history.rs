//! The tokens and links of all frames that are still open.

/// A transition that the search made.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Link {
    /// A token of the link's frame.
    pub(crate) from: u32,
    /// A token of the same frame if the link took no input, otherwise of the next frame.
    pub(crate) to: u32,
    /// The word, or 0.
    pub(crate) output: u32,
    pub(crate) graph: f64,
    pub(crate) acoustic: f32,
}

impl Link {
    /// Every sum of costs along a path adds links in this way, so that the best link to a token costs exactly what the token does.
    pub(crate) fn cost(&self) -> f64 {
        self.graph + f64::from(self.acoustic)
    }
}

/// What the search holds of a point in time: frame t lies between points t and t + 1.
#[derive(Clone, Debug, Default)]
pub(crate) struct Frame {
    /// The cost of the best path to each token.
    pub(crate) costs: Vec<f64>,
    /// How much worse than the best path the best one through each token is, at the last pruning; empty before the first.
    pub(crate) extra: Vec<f64>,
    /// Links within the frame: those that leave a token side by side, after all that lead to it.
    pub(crate) epsilon: Vec<Link>,
    /// Links to the next frame, by the tokens that they leave.
    pub(crate) emitting: Vec<Link>,
}

impl Frame {
    /// Removes all tokens and links, and keeps the memory.
    pub(super) fn clear(&mut self) {
        self.costs.clear();
        self.extra.clear();
        self.epsilon.clear();
        self.emitting.clear();
    }

    /// Gives back memory where less than half of it is used.
    pub(super) fn shrink(&mut self) {
        fn shrink<T>(values: &mut Vec<T>) {
            if 2 * values.len() < values.capacity() {
                values.shrink_to_fit();
            }
        }
        shrink(&mut self.costs);
        shrink(&mut self.extra);
        shrink(&mut self.epsilon);
        shrink(&mut self.emitting);
    }

    /// How many links it has.
    pub(super) fn links(&self) -> usize {
        self.epsilon.len() + self.emitting.len()
    }

    /// How many bytes of memory it takes.
    pub(super) fn bytes(&self) -> usize {
        size_of::<f64>() * (self.costs.capacity() + self.extra.capacity())
            + size_of::<Link>() * (self.epsilon.capacity() + self.emitting.capacity())
    }
}

/// A link of the best path, and the frame of its first end.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Step {
    pub(crate) frame: usize,
    pub(crate) emits: bool,
    pub(crate) link: Link,
}

/// The best path from the first frame to `token` of the newest. Links are looked through only here, so that tokens need no
/// pointers to their predecessors.
pub(crate) fn best_path(frames: &[Frame], mut token: u32) -> Vec<Step> {
    let mut steps = Vec::new();
    for frame in (0..frames.len()).rev() {
        loop {
            let within = cheapest(&frames[frame].epsilon, &frames[frame].costs, token);
            let entering = match frame.checked_sub(1) {
                Some(before) => cheapest(&frames[before].emitting, &frames[before].costs, token),
                None => None,
            };
            let emits = match (within, entering) {
                (None, None) => break,
                (Some((within, _)), Some((entering, _))) => entering <= within,
                (_, entering) => entering.is_some(),
            };
            let (chosen, frame) = if emits { (entering, frame - 1) } else { (within, frame) };
            let Some((_, link)) = chosen else { break };
            token = link.from;
            steps.push(Step { frame, emits, link });
            if emits {
                break;
            }
        }
    }
    steps.reverse();
    steps
}

/// Of the links to `token`, the one on the cheapest path, with the path's cost.
fn cheapest(links: &[Link], costs: &[f64], token: u32) -> Option<(f64, Link)> {
    let into = links.iter().filter(|link| link.to == token);
    into.map(|link| (costs[link.from as usize] + link.cost(), *link)).min_by(|a, b| a.0.total_cmp(&b.0))
}

/// Sets the costs of all tokens to those of the best paths from `token` of the first frame; infinite for what it does not reach.
pub(crate) fn restart(frames: &mut [Frame], token: u32) {
    for frame in frames.iter_mut() {
        frame.costs.fill(f64::INFINITY);
        // What earlier prunings found no longer holds.
        frame.extra.fill(f64::NAN);
    }
    if let Some(first) = frames.first_mut() {
        first.costs[token as usize] = 0.0;
    }
    for at in 0..frames.len() {
        let (done, later) = frames.split_at_mut(at + 1);
        let Frame { costs, epsilon, emitting, .. } = &mut done[at];
        for link in epsilon.iter() {
            let cost = costs[link.from as usize] + link.cost();
            costs[link.to as usize] = costs[link.to as usize].min(cost);
        }
        let Some(next) = later.first_mut() else { continue };
        for link in emitting.iter() {
            let cost = costs[link.from as usize] + link.cost();
            next.costs[link.to as usize] = next.costs[link.to as usize].min(cost);
        }
    }
}
