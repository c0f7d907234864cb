//! Small worlds whose statistics are known.

#![allow(dead_code, reason = "each test target uses a part")]

use proptest::prelude::*;
use std::collections::BTreeMap;
use stentor_inventory::{PhoneId, PhoneTable, SenoneId};
use stentor_senones::{
    Context, Gaussian, Grown, Growth, Questions, Roots, Scheme, Statistics, Topology, Tree, TriphoneState,
};

pub(crate) const FLOOR: f64 = 0.01;
pub(crate) const SIL: PhoneId = PhoneId::new(0);

pub(crate) fn scheme(phones: usize) -> Scheme {
    let name = |phone: usize| if phone == 0 { "SIL".to_owned() } else { format!("P{phone}") };
    Scheme {
        phones: PhoneTable::new((0..phones).map(name).collect()).unwrap(),
        context_independent: vec![SIL],
        boundary: SIL,
        context: Context::AcrossWords,
        topology: Topology::FirstThenRest,
    }
}

pub(crate) fn growth(scheme: &Scheme, leaves: usize) -> Growth<'_> {
    Growth {
        scheme,
        roots: Roots::PhoneState,
        leaves,
        minimum_count: 1.0,
        minimum_gain: 0.0,
        merge_below: None,
        variance_floor: FLOOR,
    }
}

pub(crate) fn grow(growth: &Growth<'_>, statistics: &Statistics) -> Grown {
    let questions = Questions::from_data(statistics, growth.scheme, growth.variance_floor).unwrap();
    growth.grow(statistics, &questions).unwrap()
}

pub(crate) fn state(left: u16, centre: u16, right: u16, state: u8) -> TriphoneState {
    let [left, centre, right] = [left, centre, right].map(PhoneId::new);
    TriphoneState { centre, state, left, right }
}

pub(crate) fn of_frames(frames: &[[f32; 2]]) -> Gaussian {
    let mut gaussian = Gaussian::new(2);
    frames.iter().for_each(|frame| gaussian.add_frame(frame));
    gaussian
}

/// Statistics of these states; a state may come several times.
pub(crate) fn statistics(seen: &[(TriphoneState, Gaussian)]) -> Statistics {
    let mut statistics = Statistics::new(2).unwrap();
    seen.iter().for_each(|(state, gaussian)| statistics.add(*state, gaussian).unwrap());
    statistics
}

/// Log likelihood of all frames with a Gaussian for each senone, from the map alone.
pub(crate) fn likelihood_by_map(tree: &Tree, statistics: &Statistics) -> f64 {
    let mut senones: BTreeMap<SenoneId, Gaussian> = BTreeMap::new();
    for (state, gaussian) in statistics.states() {
        let senone = tree.senone(state).unwrap();
        senones.entry(senone).or_insert_with(|| Gaussian::new(2)).merge(gaussian);
    }
    for (&senone, gaussian) in &senones {
        assert_eq!(tree.leaves()[senone.index()].frames, gaussian.count());
    }
    senones.values().map(|gaussian| gaussian.log_likelihood(FLOOR)).sum()
}

pub(crate) fn all_states(phones: u16, topology: Topology) -> impl Iterator<Item = TriphoneState> {
    let states = topology.states();
    let triphones =
        (0..phones).flat_map(move |l| (0..phones).flat_map(move |c| (0..phones).map(move |r| (l, c, r))));
    triphones.flat_map(move |(l, c, r)| (0..states).map(move |s| state(l, c, r, s)))
}

/// Whole numbers, so that sums are exact in any order.
pub(crate) fn world(phones: u16, states: u8) -> impl Strategy<Value = Vec<(TriphoneState, Gaussian)>> {
    let frame = (-9i8..9, -9i8..9).prop_map(|(a, b)| [f32::from(a), f32::from(b)]);
    let seen = (0..phones, 0..phones, 0..phones, 0..states, prop::collection::vec(frame, 1..5))
        .prop_map(|(l, c, r, s, frames)| (state(l, c, r, s), of_frames(&frames)));
    prop::collection::vec(seen, 1..60)
}

pub(crate) fn choices() -> impl Strategy<Value = (Topology, Roots, usize, f64, Option<f64>)> {
    (
        prop::sample::select(vec![Topology::Single, Topology::FirstThenRest, Topology::Thirds]),
        prop::sample::select(vec![Roots::PhoneState, Roots::Phone]),
        0usize..30,
        0.0f64..4.0,
        prop::option::of(0.0f64..20.0),
    )
}

/// Two classes of neighbours on each side decide how a phone sounds; the phones 1 to 8 are its neighbours.
pub(crate) fn true_class(of: TriphoneState) -> (u16, u8, bool, bool) {
    let class = |phone: PhoneId| phone.number().is_multiple_of(2);
    match of.centre {
        SIL => (0, of.state, false, false),
        // The first frame depends on the phone before, the others on both.
        centre if of.state == 0 => (centre.number(), 0, class(of.left), false),
        centre => (centre.number(), 1, class(of.left), class(of.right)),
    }
}

/// Frames around the mean of the state's true class; every third triphone is never seen.
pub(crate) fn true_world(phones: u16) -> Statistics {
    let mut seen = Vec::new();
    for of in all_states(phones, Topology::FirstThenRest) {
        let (left, right) = (of.left.number(), of.right.number());
        if (left + 2 * of.centre.number() + right) % 3 == 0 {
            continue;
        }
        let (phone, state, a, b) = true_class(of);
        // Phones of a class sound alike, or no question would come from the data that tells the classes apart.
        let class = 1_000.0 * f32::from(phone % 2);
        let mean = [
            class + 40.0 * f32::from(phone) + 3.0 * f32::from(u8::from(a)),
            20.0 * f32::from(state) + 3.0 * f32::from(u8::from(b)) + 0.01 * f32::from(left % 3),
        ];
        let frames: Vec<[f32; 2]> = [[-0.5, 0.3], [0.5, -0.3], [0.2, 0.5], [-0.2, -0.5]]
            .map(|[x, y]| [mean[0] + x, mean[1] + y])
            .to_vec();
        seen.push((of, of_frames(&frames)));
    }
    statistics(&seen)
}
