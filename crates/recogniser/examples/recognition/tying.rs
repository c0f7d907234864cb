//! A tying tree of real size over made-up statistics.

use anyhow::{Context, Result};
use stentor_inventory::{PhoneId, PhoneTable};
use stentor_random::SplitMix64;
use stentor_senones::{
    Gaussian, Growth, Questions, Roots, Scheme, Statistics, Topology, Tree, TriphoneState,
};

const DIMENSION: usize = 8;

/// A tree over these phones, of which the first is silence: each neighbour moves the values of a frame, so that questions about
/// both sides have gains.
pub(crate) fn tree(phones: &PhoneTable, topology: Topology, leaves: usize) -> Result<Tree> {
    let mut random = SplitMix64::new(7);
    let mut point = |scale: f32| -> Vec<f32> {
        (0..DIMENSION).map(|_| scale * (random.below(2_001) as f32 / 1_000.0 - 1.0)).collect()
    };
    let states = usize::from(topology.states());
    let own: Vec<Vec<f32>> = (0..phones.len() * states).map(|_| point(10.0)).collect();
    let beside: Vec<Vec<f32>> = (0..2 * phones.len()).map(|_| point(3.0)).collect();
    let mut statistics = Statistics::new(DIMENSION)?;
    for centre in phones.ids() {
        for (left, right) in phones.ids().flat_map(|left| phones.ids().map(move |right| (left, right))) {
            for state in 0..topology.states() {
                let own = &own[centre.index() * states + usize::from(state)];
                let (before, after) = (&beside[left.index()], &beside[phones.len() + right.index()]);
                let mut gaussian = Gaussian::new(DIMENSION);
                for noise in [-0.5, 0.5] {
                    let values = own.iter().zip(before).zip(after);
                    let frame: Vec<f32> =
                        values.map(|((own, before), after)| own + before + after + noise).collect();
                    gaussian.add_frame(&frame);
                }
                statistics.add(TriphoneState { centre, state, left, right }, &gaussian)?;
            }
        }
    }
    let scheme = Scheme {
        phones: phones.clone(),
        context_independent: vec![PhoneId::new(0)],
        boundary: PhoneId::new(0),
        context: stentor_senones::Context::AcrossWords,
        topology,
    };
    let questions = Questions::from_data(&statistics, &scheme, 0.01)?;
    let growth = Growth {
        scheme: &scheme,
        roots: Roots::PhoneState,
        leaves,
        minimum_count: 2.0,
        minimum_gain: 0.0,
        merge_below: None,
        variance_floor: 0.01,
    };
    Ok(growth.grow(&statistics, &questions).context("made-up statistics make a tree")?.tree)
}

/// The phones of a lexicon after silence.
pub(crate) fn with_silence(phones: &PhoneTable) -> Result<PhoneTable> {
    let names = ["SIL".to_owned()].into_iter().chain(phones.names().iter().cloned());
    Ok(PhoneTable::new(names.collect())?)
}
