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
    pub(crate) fn cost(&self) -> f64 {
        self.graph + f64::from(self.acoustic)
    }
}

/// What the search holds of a point in time: frame t lies between points t and t + 1.
#[derive(Clone, Debug, Default)]
pub(crate) struct Frame {
    /// The cost of the best path to each token.
    pub(crate) costs: Vec<f64>,
    /// Links within the frame; each comes after all that lead to its first token.
    pub(crate) epsilon: Vec<Link>,
    /// Links to the next frame.
    pub(crate) emitting: Vec<Link>,
}

/// Removes every link and token that no path needs whose cost is within `beam` of the best (Povey et al. 2012, section 4, after
/// Kaldi's lattice-faster decoder), and numbers the tokens anew.
///
/// `extra` has, for each token of the newest frame, how much worse than the best it counts: 0 while any of them may be continued,
/// infinity to remove it. The result has the new number of each of these tokens.
///
/// A path to a token of the newest frame that is pruned here is more than `beam` worse than the best path to that token, so it
/// cannot end within `beam` of the best complete path either: pruning early removes nothing that pruning at the end would keep.
pub(crate) fn prune(frames: &mut [Frame], beam: f64, extra: &[f64]) -> Vec<Option<u32>> {
    let mut newest = Vec::new();
    let mut next = Pruned { costs: Vec::new(), extra: Vec::new(), numbers: Vec::new() };
    for (age, frame) in frames.iter_mut().rev().enumerate() {
        let own = match age {
            0 => extra.to_vec(),
            _ => vec![f64::INFINITY; frame.costs.len()],
        };
        next = frame.prune(beam, own, &next);
        if age == 0 {
            newest.clone_from(&next.numbers);
        }
    }
    newest
}

/// What the frame before has to know of a pruned frame.
struct Pruned {
    /// As before pruning.
    costs: Vec<f64>,
    extra: Vec<f64>,
    /// The new number of each token.
    numbers: Vec<Option<u32>>,
}

impl Frame {
    fn prune(&mut self, beam: f64, mut extra: Vec<f64>, next: &Pruned) -> Pruned {
        let costs = std::mem::take(&mut self.costs);
        self.emitting.retain(|link| {
            let (from, to) = (link.from as usize, link.to as usize);
            let slack = next.extra[to] + (costs[from] + link.cost() - next.costs[to]);
            extra[from] = extra[from].min(slack);
            slack <= beam && slack < f64::INFINITY
        });
        // Backwards, so that a token's own links are judged before those that lead to it.
        let mut keep = vec![false; self.epsilon.len()];
        for (link, keep) in self.epsilon.iter().zip(&mut keep).rev() {
            let (from, to) = (link.from as usize, link.to as usize);
            let slack = extra[to] + (costs[from] + link.cost() - costs[to]);
            extra[from] = extra[from].min(slack);
            *keep = slack <= beam && slack < f64::INFINITY;
        }
        let mut keep = keep.into_iter();
        self.epsilon.retain(|_| keep.next().unwrap_or(false));

        let mut numbers = vec![None; costs.len()];
        for token in (0..costs.len()).filter(|&token| extra[token] <= beam && extra[token] < f64::INFINITY) {
            numbers[token] = Some(self.costs.len() as u32);
            self.costs.push(costs[token]);
        }
        renumber(&mut self.emitting, &numbers, &next.numbers);
        renumber(&mut self.epsilon, &numbers, &numbers);
        Pruned { costs, extra, numbers }
    }
}

/// Gives links the new numbers of their ends, and removes those that have lost one.
fn renumber(links: &mut Vec<Link>, from: &[Option<u32>], to: &[Option<u32>]) {
    links.retain_mut(|link| match (from[link.from as usize], to[link.to as usize]) {
        (Some(from), Some(to)) => {
            (link.from, link.to) = (from, to);
            true
        }
        _ => false,
    });
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
    frames.iter_mut().for_each(|frame| frame.costs.fill(f64::INFINITY));
    if let Some(first) = frames.first_mut() {
        first.costs[token as usize] = 0.0;
    }
    for at in 0..frames.len() {
        let (done, later) = frames.split_at_mut(at + 1);
        let Frame { costs, epsilon, emitting } = &mut done[at];
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
