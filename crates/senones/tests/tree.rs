//! Trees grown from small worlds whose statistics are known.

// Helpers outside of test functions unwrap, too.
#![allow(clippy::unwrap_used)]

use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use stentor_inventory::{Inventory, PhoneId, PhoneTable, SenoneId};
use stentor_senones::{
    Context, Error, Gaussian, Grown, Growth, Node, Questions, Roots, Scheme, Span, Statistics, Topology,
    Tree, Triphone, TriphoneState,
};

const FLOOR: f64 = 0.01;
const SIL: PhoneId = PhoneId::new(0);

fn scheme(phones: usize) -> Scheme {
    let name = |phone: usize| if phone == 0 { "SIL".to_owned() } else { format!("P{phone}") };
    Scheme {
        phones: PhoneTable::new((0..phones).map(name).collect()).unwrap(),
        context_independent: vec![SIL],
        boundary: SIL,
        context: Context::AcrossWords,
        topology: Topology::FirstThenRest,
    }
}

fn growth(scheme: &Scheme, leaves: usize) -> Growth<'_> {
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

fn grow(growth: &Growth<'_>, statistics: &Statistics) -> Grown {
    let questions = Questions::from_data(statistics, growth.scheme, growth.variance_floor).unwrap();
    growth.grow(statistics, &questions).unwrap()
}

fn state(left: u16, centre: u16, right: u16, state: u8) -> TriphoneState {
    let [left, centre, right] = [left, centre, right].map(PhoneId::new);
    TriphoneState { centre, state, left, right }
}

fn of_frames(frames: &[[f32; 2]]) -> Gaussian {
    let mut gaussian = Gaussian::new(2);
    frames.iter().for_each(|frame| gaussian.add_frame(frame));
    gaussian
}

/// Statistics of these states; a state may come several times.
fn statistics(seen: &[(TriphoneState, Gaussian)]) -> Statistics {
    let mut statistics = Statistics::new(2).unwrap();
    seen.iter().for_each(|(state, gaussian)| statistics.add(*state, gaussian).unwrap());
    statistics
}

/// Log likelihood of all frames with a Gaussian for each senone, from the map alone.
fn likelihood_by_map(tree: &Tree, statistics: &Statistics) -> f64 {
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

fn all_states(phones: u16, topology: Topology) -> impl Iterator<Item = TriphoneState> {
    let states = topology.states();
    let triphones =
        (0..phones).flat_map(move |l| (0..phones).flat_map(move |c| (0..phones).map(move |r| (l, c, r))));
    triphones.flat_map(move |(l, c, r)| (0..states).map(move |s| state(l, c, r, s)))
}

/// Whole numbers, so that sums are exact in any order.
fn world(phones: u16, states: u8) -> impl Strategy<Value = Vec<(TriphoneState, Gaussian)>> {
    let frame = (-9i8..9, -9i8..9).prop_map(|(a, b)| [f32::from(a), f32::from(b)]);
    let seen = (0..phones, 0..phones, 0..phones, 0..states, prop::collection::vec(frame, 1..5))
        .prop_map(|(l, c, r, s, frames)| (state(l, c, r, s), of_frames(&frames)));
    prop::collection::vec(seen, 1..60)
}

fn choices() -> impl Strategy<Value = (Topology, Roots, usize, f64, Option<f64>)> {
    (
        prop::sample::select(vec![Topology::Single, Topology::FirstThenRest, Topology::Thirds]),
        prop::sample::select(vec![Roots::PhoneState, Roots::Phone]),
        0usize..30,
        0.0f64..4.0,
        prop::option::of(0.0f64..20.0),
    )
}

/// Two classes of neighbours on each side decide how a phone sounds; the phones 1 to 8 are its neighbours.
fn true_class(of: TriphoneState) -> (u16, u8, bool, bool) {
    let class = |phone: PhoneId| phone.number().is_multiple_of(2);
    match of.centre {
        SIL => (0, of.state, false, false),
        // The first frame depends on the phone before, the others on both.
        centre if of.state == 0 => (centre.number(), 0, class(of.left), false),
        centre => (centre.number(), 1, class(of.left), class(of.right)),
    }
}

/// Frames around the mean of the state's true class; every third triphone is never seen.
fn true_world(phones: u16) -> Statistics {
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

#[test]
fn the_tree_finds_the_true_tying_and_unseen_triphones_follow_it() {
    let scheme = scheme(9);
    let statistics = true_world(9);
    // 2 of silence; 2 of each first state and 4 of each other one.
    let leaves = 2 + 8 * (2 + 4);
    let wish = Growth { minimum_gain: 50.0, ..growth(&scheme, 1_000) };
    let grown = grow(&wish, &statistics);
    assert_eq!(grown.tree.senones(), leaves, "splits stop when none gains more than noise\n{}", grown.tree);
    let mut senones: BTreeMap<_, BTreeSet<SenoneId>> = BTreeMap::new();
    for of in all_states(9, Topology::FirstThenRest) {
        senones.entry(true_class(of)).or_default().insert(grown.tree.senone(of).unwrap());
    }
    assert_eq!(senones.len(), leaves);
    assert!(
        senones.values().all(|senones| senones.len() == 1),
        "one senone for each true class: {senones:?}"
    );
}

#[test]
fn leaves_that_questions_cut_apart_in_vain_are_merged_again() {
    let scheme = scheme(9);
    let statistics = true_world(9);
    let greedy = grow(&growth(&scheme, 150), &statistics);
    assert_eq!(greedy.tree.senones(), 150);
    let merged = grow(&Growth { merge_below: Some(50.0), ..growth(&scheme, 150) }, &statistics);
    assert_eq!(merged.tree.senones(), 2 + 8 * (2 + 4));
    assert_eq!(merged.tree.nodes().len(), greedy.tree.nodes().len(), "the questions stay");
    assert_eq!(merged.losses.len(), 150 - merged.tree.senones());
    assert!(greedy.log_likelihood() >= merged.log_likelihood());
}

#[test]
fn silence_is_never_split_and_a_phone_that_nobody_said_has_a_senone() {
    let scheme = scheme(5);
    let seen: Vec<_> = (0..4u16)
        .flat_map(|left| (0..2u16).map(move |centre| (left, centre)))
        .map(|(left, centre)| (state(left, centre, 0, 0), of_frames(&[[f32::from(left) * 9.0, 0.0]])))
        .collect();
    let grown = grow(&growth(&scheme, 100), &statistics(&seen));
    let senones = |phone: u16| grown.tree.senones_below(PhoneId::new(phone), 0).len();
    assert_eq!([senones(0), senones(1), senones(4)], [1, 4, 1]);
    let inventory = grown.tree.inventory().unwrap();
    assert_eq!(inventory.len(), grown.tree.senones());
    let silence: Vec<&str> = inventory
        .senones()
        .iter()
        .filter(|senone| senone.silence)
        .map(|senone| senone.name.as_str())
        .collect();
    assert_eq!(silence, ["SIL.0.0"], "a second state, which no frame has, would never be trained");
    for phone in [1, 4] {
        let triphone = Triphone { left: SIL, centre: PhoneId::new(phone), right: SIL };
        let senones = grown.tree.senones_of(triphone).unwrap();
        assert_eq!((senones.len(), senones[0]), (2, senones[1]));
    }
}

#[test]
fn each_state_of_silence_that_has_frames_has_a_senone() {
    let scheme = Scheme { topology: Topology::Thirds, ..scheme(2) };
    let of = |number| (state(0, 0, 0, number), of_frames(&[[f32::from(number), 0.0]]));
    let senones = |seen: &[u8]| {
        let seen: Vec<_> = seen.iter().map(|&number| of(number)).collect();
        let tree = grow(&growth(&scheme, 9), &statistics(&seen)).tree;
        let triphone = Triphone { left: SIL, centre: SIL, right: SIL };
        tree.senones_of(triphone).unwrap().iter().map(|senone| senone.number()).collect::<Vec<_>>()
    };
    assert_eq!(senones(&[0, 1, 2]), [0, 1, 2]);
    assert_eq!(senones(&[0, 2]), [0, 0, 1], "the lower of two equally near");
    assert_eq!(senones(&[1]), [0, 0, 0]);
}

#[test]
fn an_utterance_has_the_senones_of_its_states_frame_by_frame() {
    let tree = grow(&growth(&scheme(9), 50), &true_world(9)).tree;
    let span = |phone, frames| Span { phone: PhoneId::new(phone), frames, begins_word: false };
    let alignment = tree.alignment(&[span(0, 2), span(3, 1), span(4, 0), span(5, 3)]).unwrap();
    let senone = |left, centre, right, number| tree.senone(state(left, centre, right, number)).unwrap();
    let [pause, first] = [senone(0, 0, 0, 0), senone(4, 5, 0, 0)];
    let rest = senone(4, 5, 0, 1);
    assert_eq!(alignment, [pause, senone(0, 0, 0, 1), senone(0, 3, 4, 0), first, rest, rest]);
    let error = tree.alignment(&[span(9, 1)]).unwrap_err();
    assert_eq!(error, Error::Unknown { what: "phone", found: 9, limit: 9 });
}

#[test]
fn a_tree_is_read_only_for_its_own_senones() {
    let tree = grow(&growth(&scheme(9), 50), &true_world(9)).tree;
    let other = grow(&growth(&scheme(9), 51), &true_world(9)).tree;
    let (senones, bytes) = (tree.inventory().unwrap(), tree.encode().unwrap());
    assert_eq!(senones.tree(), Some(tree.fingerprint().unwrap().as_str()));
    assert_eq!(Tree::of(&senones, &bytes).unwrap(), tree);
    let error = Tree::of(&other.inventory().unwrap(), &bytes).unwrap_err();
    let (expected, found) = (other.fingerprint().unwrap(), tree.fingerprint().unwrap());
    assert_eq!(error, Error::OtherTree { expected, found });
    let untied = Inventory::new(senones.senones().to_vec()).unwrap();
    assert_eq!(Tree::of(&untied, &bytes).unwrap_err(), Error::Untied { senones: 50 });
}

#[test]
fn a_wish_that_cannot_be_met_is_refused_by_name() {
    let scheme = scheme(3);
    let one = statistics(&[(state(0, 1, 2, 0), of_frames(&[[1.0, 2.0]]))]);
    let error = |growth: Growth<'_>, statistics: &Statistics| {
        growth.grow(statistics, &Questions::default()).unwrap_err()
    };
    assert_eq!(error(growth(&scheme, 2), &one), Error::Leaves { roots: 3, found: 2 });
    assert_eq!(error(growth(&scheme, 70_000), &one), Error::Leaves { roots: 3, found: 70_000 });
    assert_eq!(error(growth(&scheme, 9), &Statistics::new(2).unwrap()), Error::NoStatistics);
    assert_eq!(
        error(Growth { variance_floor: 0.0, ..growth(&scheme, 9) }, &one),
        Error::VarianceFloor { found: 0.0 }
    );
    assert!(matches!(
        error(Growth { minimum_gain: -1.0, ..growth(&scheme, 9) }, &one),
        Error::Setting { setting: "minimum_gain", .. }
    ));
    let unknown = statistics(&[(state(0, 1, 7, 0), of_frames(&[[1.0, 2.0]]))]);
    assert_eq!(error(growth(&scheme, 9), &unknown), Error::Unknown { what: "phone", found: 7, limit: 3 });
    let late = statistics(&[(state(0, 1, 2, 2), of_frames(&[[1.0, 2.0]]))]);
    assert_eq!(error(growth(&scheme, 9), &late), Error::Unknown { what: "state", found: 2, limit: 2 });
}

fn a_tree() -> Tree {
    let scheme = scheme(5);
    let wish = Growth { roots: Roots::Phone, merge_below: Some(1.0), ..growth(&scheme, 16) };
    grow(&wish, &true_world(5)).tree
}

#[test]
fn a_tree_cut_off_anywhere_is_refused() {
    let bytes = a_tree().encode().unwrap();
    // Without its last line feed it is still complete.
    for end in 0..bytes.len() - 1 {
        let error = Tree::decode(&bytes[..end]).unwrap_err();
        assert!(matches!(error, Error::Damaged { .. }), "cut at {end}: {error}");
    }
}

#[test]
fn a_tree_with_one_wrong_bit_is_refused() {
    let bytes = a_tree().encode().unwrap();
    for place in 0..bytes.len() - 1 {
        let mut flipped = bytes.clone();
        flipped[place] ^= 1 << (place % 8);
        let error = Tree::decode(&flipped).unwrap_err();
        assert!(matches!(error, Error::Damaged { .. } | Error::Digest { .. }), "byte {place}: {error}");
    }
}

/// A file whose digest is right, with one text in place of another.
fn forged(from: &str, to: &str) -> Error {
    let text = String::from_utf8(a_tree().encode().unwrap()).unwrap();
    let (_, tree) = text.trim_end().split_once("\"tree\":").unwrap();
    let tree = &tree[..tree.len() - 1];
    assert!(tree.contains(from), "{from} in {tree}");
    let tree = tree.replacen(from, to, 1);
    let digest = blake3::hash(tree.as_bytes()).to_hex();
    Tree::decode(format!("{{\"blake3\":\"{digest}\",\"tree\":{tree}}}").as_bytes()).unwrap_err()
}

#[test]
fn a_forged_tree_is_refused_whatever_its_digest() {
    let reason = |error: Error| match error {
        Error::Damaged { reason } => reason,
        other => panic!("expected damage, found {other}"),
    };
    assert!(reason(forged("\"roots\":[0,1,", "\"roots\":[0,999,")).contains("root 999 is not a node"));
    assert!(reason(forged("\"roots\":[0,1,", "\"roots\":[0,0,")).contains("nothing leads to node 1"));
    assert!(reason(forged("\"roots\":[0,", "\"roots\":[")).contains("expected 10 roots"));
    assert!(reason(forged("{\"senone\":0}", "{\"senone\":40000}")).contains("senone 40000 is unknown"));
    assert!(reason(forged("{\"senone\":0}", "{\"senone\":1}")).contains("senone 0 has no leaf"));
    assert!(reason(forged("\"question\":0,", "\"question\":77,")).contains("question 77 is unknown"));
    assert!(reason(forged("\"yes\":", "\"yes\":0,\"yes_\":")).contains("yes_"));
    assert!(reason(forged("\"SIL\",\"P1\"", "\"SIL\",\"SIL\"")).contains("listed twice"));
    let boundary = forged("\"boundary\":\"SIL\"", "\"boundary\":\"P1\"");
    assert!(reason(boundary).contains("found `P1`, whose neighbours matter"));
    let error = forged("\"schema_version\":1", "\"schema_version\":2");
    assert_eq!(error, Error::SchemaVersion { expected: 1, found: 2 });
}

#[test]
fn people_read_each_question_and_senone() {
    let text = a_tree().to_string();
    assert!(text.starts_with("SIL, state 0: senone 0, "), "{text}");
    assert!(text.contains("P1, state 0: state one of 0? gain "), "{text}");
    assert!(text.contains("\n  yes: left one of "), "{text}");
}

/// Best-first growth as its definition has it: at each step every leaf and every question is tried anew.
fn greedy_gains(seen: &Statistics, questions: &Questions, wish: &Growth<'_>) -> Vec<f64> {
    type Leaf<'a> = Vec<(TriphoneState, &'a Gaussian)>;
    let likelihood = |leaf: &Leaf<'_>| {
        let mut all = Gaussian::new(2);
        leaf.iter().for_each(|(_, gaussian)| all.merge(gaussian));
        (all.count(), all.log_likelihood(FLOOR))
    };
    let mut leaves: Vec<Leaf<'_>> = Vec::new();
    for (of, gaussian) in seen.states() {
        let same = |leaf: &&mut Leaf<'_>| leaf[0].0.centre == of.centre && leaf[0].0.state == of.state;
        match leaves.iter_mut().find(same) {
            Some(leaf) => leaf.push((of, gaussian)),
            None => leaves.push(vec![(of, gaussian)]),
        }
    }
    let roots = wish.scheme.phones.len() * usize::from(wish.scheme.topology.states());
    let mut gains = Vec::new();
    while roots + gains.len() < wish.leaves {
        let mut best: Option<(f64, usize, Leaf<'_>, Leaf<'_>)> = None;
        for (place, leaf) in leaves.iter().enumerate().filter(|(_, leaf)| leaf[0].0.centre != SIL) {
            for set in questions.sets() {
                for left in [true, false] {
                    let answer = |of: &TriphoneState| set.contains(if left { &of.left } else { &of.right });
                    let (yes, no): (Leaf<'_>, Leaf<'_>) =
                        leaf.iter().copied().partition(|(of, _)| answer(of));
                    let (a, b) = (likelihood(&yes), likelihood(&no));
                    let gain = a.1 + b.1 - likelihood(leaf).1;
                    let enough = a.0 >= wish.minimum_count && b.0 >= wish.minimum_count;
                    if enough && gain > best.as_ref().map_or(wish.minimum_gain, |best| best.0) {
                        best = Some((gain, place, yes, no));
                    }
                }
            }
        }
        let Some((gain, place, yes, no)) = best else { break };
        gains.push(gain);
        leaves[place] = yes;
        leaves.push(no);
    }
    gains
}

#[test]
fn each_split_is_the_best_there_is() {
    let scheme = scheme(6);
    // No two splits gain the same here, so the order in which they are made is one.
    let mut draw = 1u64;
    let mut next = || {
        draw = draw.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (draw >> 40) as f32 / (1u64 << 24) as f32
    };
    let seen: Vec<_> = all_states(6, Topology::FirstThenRest)
        .map(|of| (of, of_frames(&[[next() + f32::from(of.left.number()), next()], [next(), 2.0 * next()]])))
        .collect();
    let statistics = statistics(&seen);
    let questions = Questions::from_data(&statistics, &scheme, FLOOR).unwrap();
    let wish = Growth { minimum_count: 5.0, minimum_gain: 0.5, ..growth(&scheme, 60) };
    let expected = greedy_gains(&statistics, &questions, &wish);
    let gains = wish.grow(&statistics, &questions).unwrap().gains;
    assert_eq!((gains.len(), expected.len()), (48, 48));
    for (gain, expected) in gains.iter().zip(&expected) {
        assert!((gain - expected).abs() < 1e-6, "{gain} {expected}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_world_grows_a_tree_that_maps_everything_and_adds_up(
        seen in world(5, 3),
        (topology, roots, more, minimum_count, merge_below) in choices(),
    ) {
        let seen: Vec<_> = seen.into_iter().filter(|(of, _)| of.state < topology.states()).collect();
        prop_assume!(!seen.is_empty());
        let scheme = Scheme { topology, ..scheme(5) };
        let leaves = 5 * usize::from(topology.states()) + more;
        let wish = Growth { roots, leaves, minimum_count, merge_below, ..growth(&scheme, 0) };
        let statistics = statistics(&seen);
        let grown = grow(&wish, &statistics);
        prop_assert!(grown.gains.iter().all(|&gain| gain > 0.0));
        prop_assert!(grown.losses.iter().all(|&loss| loss > -1e-9));
        prop_assert!(grown.tree.senones() <= leaves);
        let (ours, by_map) = (grown.log_likelihood(), likelihood_by_map(&grown.tree, &statistics));
        prop_assert!((ours - by_map).abs() < 1e-6 * (1.0 + by_map.abs()), "{ours} {by_map}");
        let mut used = BTreeSet::new();
        for of in all_states(5, topology) {
            let senone = grown.tree.senone(of).unwrap();
            prop_assert!(senone.index() < grown.tree.senones());
            prop_assert!(grown.tree.senones_below(of.centre, of.state).contains(&senone));
            used.insert(senone);
        }
        prop_assert_eq!(grown.tree.inventory().unwrap().len(), grown.tree.senones());
        let mut counts = vec![0.0; grown.tree.nodes().len()];
        for (of, gaussian) in statistics.states() {
            let mut node = grown.tree.root(of.centre, of.state).unwrap();
            while let Node::Split { question, yes, no, .. } = &grown.tree.nodes()[node] {
                node = if question.answer(of) { *yes } else { *no };
                counts[node] += gaussian.count();
            }
        }
        for node in grown.tree.nodes() {
            if let Node::Split { yes, no, .. } = node {
                prop_assert!(counts[*yes] >= minimum_count.max(1.0) && counts[*no] >= minimum_count.max(1.0));
            }
        }
    }

    #[test]
    fn the_order_of_the_data_makes_no_difference(
        (seen, shuffled) in world(4, 2).prop_flat_map(|seen| (Just(seen.clone()), Just(seen).prop_shuffle())),
        merge_below in prop::option::of(0.0f64..20.0),
    ) {
        let scheme = scheme(4);
        let wish = Growth { merge_below, ..growth(&scheme, 20) };
        let (one, other) = (grow(&wish, &statistics(&seen)), grow(&wish, &statistics(&shuffled)));
        prop_assert_eq!(one.tree.encode().unwrap(), other.tree.encode().unwrap());
        prop_assert_eq!(one, other);
    }

    #[test]
    fn a_tree_comes_back_from_its_file(seen in world(5, 2), (_, roots, more, _, merge_below) in choices()) {
        let scheme = scheme(5);
        let wish = Growth { roots, leaves: 10 + more, merge_below, ..growth(&scheme, 0) };
        let tree = grow(&wish, &statistics(&seen)).tree;
        let read = Tree::decode(&tree.encode().unwrap()).unwrap();
        prop_assert_eq!(read.fingerprint().unwrap(), tree.fingerprint().unwrap());
        prop_assert_eq!(&read, &tree);
        for of in all_states(5, Topology::FirstThenRest) {
            prop_assert_eq!(read.senone(of).unwrap(), tree.senone(of).unwrap());
        }
    }
}
