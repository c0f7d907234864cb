//! The tree's places: as they are made, and laid out for the search.

/// A way from one place to another.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Way {
    pub(super) next: u32,
    /// The input, where the way takes a frame; otherwise the output.
    pub(super) label: u32,
    pub(super) weight: f64,
}

/// A word that may be recognised at a place.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct WordArc {
    /// Its label.
    pub(super) word: u32,
    /// Where its last phone begins.
    pub(super) next: u32,
    /// Its cost without the language model's.
    pub(super) cost: f64,
}

/// A place while the tree is made.
#[derive(Clone, Debug)]
pub(super) struct Draft {
    pub(super) emitting: Vec<Way>,
    pub(super) epsilon: Vec<Way>,
    pub(super) words: Vec<WordArc>,
    /// What ending here costs, besides the language model; infinite where no path may end.
    pub(super) final_cost: f64,
}

impl Draft {
    pub(super) fn new() -> Self {
        Self { emitting: Vec::new(), epsilon: Vec::new(), words: Vec::new(), final_cost: f64::INFINITY }
    }

    /// Whether paths only pass through, to one or two states. Such a place costs a search more than it saves.
    fn is_transit(&self) -> bool {
        self.epsilon.is_empty()
            && self.words.is_empty()
            && self.final_cost == f64::INFINITY
            && self.emitting.len() <= 2
    }
}

/// Leads arcs without label or input past places that only connect. Nothing leads to these afterwards.
pub(super) fn shorten(drafts: &mut [Draft]) {
    let transit: Vec<Option<Vec<Way>>> =
        drafts.iter().map(|draft| draft.is_transit().then(|| draft.emitting.clone())).collect();
    for draft in drafts {
        let Draft { emitting, epsilon, .. } = draft;
        epsilon.retain(|via| match &transit[via.next as usize] {
            Some(onward) if via.label == 0 => {
                emitting.extend(onward.iter().map(|arc| Way { weight: via.weight + arc.weight, ..*arc }));
                false
            }
            _ => true,
        });
    }
}

/// The places that can be reached, laid out flat: each kind of arc in one array, in the order of places.
#[derive(Clone, Debug)]
pub(super) struct Places {
    /// Where the arcs of each place begin; one more entry ends those of the last.
    first: Vec<First>,
    emitting: Vec<Way>,
    epsilon: Vec<Way>,
    words: Vec<WordArc>,
    final_costs: Vec<f64>,
    /// How many arcs without input can follow one another from each place.
    chains: Vec<u32>,
    longest_chain: u32,
}

#[derive(Clone, Copy, Debug)]
struct First {
    emitting: u32,
    epsilon: u32,
    word: u32,
}

impl Places {
    /// Numbers what can be reached from `start`, which becomes place 0, in the order of reaching it: what is used together is
    /// then close together.
    pub(super) fn new(drafts: &[Draft], start: u32) -> Self {
        let mut numbers = vec![u32::MAX; drafts.len()];
        let mut order = vec![start];
        numbers[start as usize] = 0;
        let mut at = 0;
        while let Some(&place) = order.get(at) {
            at += 1;
            let draft = &drafts[place as usize];
            let arcs = draft.emitting.iter().chain(&draft.epsilon).map(|arc| arc.next);
            for next in arcs.chain(draft.words.iter().map(|arc| arc.next)) {
                if numbers[next as usize] == u32::MAX {
                    numbers[next as usize] = order.len() as u32;
                    order.push(next);
                }
            }
        }
        let mut places = Self {
            first: Vec::with_capacity(order.len() + 1),
            emitting: Vec::new(),
            epsilon: Vec::new(),
            words: Vec::new(),
            final_costs: Vec::with_capacity(order.len()),
            chains: vec![0; order.len()],
            longest_chain: 0,
        };
        let renumbered = |arc: &Way| Way { next: numbers[arc.next as usize], ..*arc };
        for place in order {
            places.first.push(places.ends());
            let draft = &drafts[place as usize];
            places.emitting.extend(draft.emitting.iter().map(renumbered));
            places.epsilon.extend(draft.epsilon.iter().map(renumbered));
            let word = |arc: &WordArc| WordArc { next: numbers[arc.next as usize], ..*arc };
            places.words.extend(draft.words.iter().map(word));
            places.final_costs.push(draft.final_cost);
        }
        places.first.push(places.ends());
        places.count_chains();
        places
    }

    fn count_chains(&mut self) {
        let mut is_done = false;
        while !is_done {
            is_done = true;
            for place in 0..self.len() as u32 {
                let ways = self.epsilon(place).iter().map(|way| way.next);
                let next = ways.chain(self.words(place).iter().map(|arc| arc.next));
                let chain = next.map(|next| 1 + self.chains[next as usize]).max().unwrap_or(0);
                is_done &= self.chains[place as usize] == chain;
                self.chains[place as usize] = chain;
                self.longest_chain = self.longest_chain.max(chain);
            }
        }
    }

    /// The ends of the arrays. Fewer arcs than 2^32 fit into memory.
    fn ends(&self) -> First {
        let end = |length: usize| length as u32;
        First {
            emitting: end(self.emitting.len()),
            epsilon: end(self.epsilon.len()),
            word: end(self.words.len()),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.final_costs.len()
    }

    pub(super) fn arcs(&self) -> usize {
        self.emitting.len() + self.epsilon.len() + self.words.len()
    }

    pub(super) fn bytes(&self) -> usize {
        size_of_val(&self.first[..])
            + size_of_val(&self.emitting[..])
            + size_of_val(&self.epsilon[..])
            + size_of_val(&self.words[..])
            + size_of_val(&self.final_costs[..])
            + size_of_val(&self.chains[..])
    }

    #[inline]
    pub(super) fn emitting(&self, place: u32) -> &[Way] {
        let (first, last) = (self.first[place as usize], self.first[place as usize + 1]);
        &self.emitting[first.emitting as usize..last.emitting as usize]
    }

    #[inline]
    pub(super) fn epsilon(&self, place: u32) -> &[Way] {
        let (first, last) = (self.first[place as usize], self.first[place as usize + 1]);
        &self.epsilon[first.epsilon as usize..last.epsilon as usize]
    }

    #[inline]
    pub(super) fn words(&self, place: u32) -> &[WordArc] {
        let (first, last) = (self.first[place as usize], self.first[place as usize + 1]);
        &self.words[first.word as usize..last.word as usize]
    }

    #[inline]
    pub(super) fn final_cost(&self, place: u32) -> f64 {
        self.final_costs[place as usize]
    }

    #[inline]
    pub(super) fn rank(&self, place: u32) -> Option<u32> {
        let chain = self.chains[place as usize];
        (chain > 0).then(|| self.longest_chain - chain)
    }

    /// The largest input.
    pub(super) fn inputs(&self) -> u32 {
        self.emitting.iter().map(|arc| arc.label).max().unwrap_or(0)
    }
}
