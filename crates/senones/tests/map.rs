//! The senones that a tree gives to silence, to phones that nobody said, and to utterances.

// Helpers outside of test functions unwrap, too.
#![allow(clippy::unwrap_used)]

mod support;

use stentor_inventory::PhoneId;
use stentor_senones::{Error, Scheme, Span, Topology, Triphone};
use support::{SIL, grow, growth, of_frames, scheme, state, statistics, true_world};

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
