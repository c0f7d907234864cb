//! Alignments of transcripts, against all pronunciations, pauses and times that there are.

mod support;

use proptest::prelude::*;
use stentor_decode::{
    AlignedPhone, Alignment, Error, Lexicon, Pronunciation, Silence, Topology, TranscriptGraph, Triphone,
};
use support::words::{OUTPUTS, WORDS, lexicon, say, spoken, tied, topology, triphones};
use support::{frames, is_near};

const MANY_STATES: usize = 100_000;

/// Each way to say a transcript: its phones, each with whether a word or a pause begins there, and what it costs besides.
fn ways(words: &[u32], lexicon: &Lexicon) -> Vec<(Vec<(u32, bool)>, f64)> {
    let pauses = || match lexicon.silence() {
        Some(Silence { phone, probability }) => {
            vec![(vec![], -(1.0 - probability).ln()), (vec![(phone, true)], -probability.ln())]
        }
        None => vec![(vec![], 0.0)],
    };
    let mut all = pauses();
    for word in words {
        let said = lexicon.pronunciations().iter().filter(|said| said.word == *word);
        let mut longer = Vec::new();
        for Pronunciation { phones, cost, .. } in said {
            for (before, spent) in &all {
                for (pause, of_pause) in pauses() {
                    let word = phones.iter().enumerate().map(|(place, phone)| (*phone, place == 0));
                    let phones = before.iter().copied().chain(word).chain(pause).collect();
                    longer.push((phones, spent + cost + of_pause));
                }
            }
        }
        all = longer;
    }
    all
}

fn align(graph: &TranscriptGraph, frames: &[Vec<f32>], beam: f64) -> Option<Alignment> {
    let mut aligner = graph.align(beam);
    for costs in frames {
        aligner.advance(costs).ok()?;
    }
    aligner.finish()
}

/// The phones of an alignment, each with whether a word or a pause begins there.
fn said(alignment: &Alignment) -> Vec<(u32, bool)> {
    let begins = |place: usize| {
        let word = |place: usize| alignment.phones[place].word;
        place == 0 || word(place).is_none() || word(place - 1) != word(place)
    };
    alignment.phones.iter().enumerate().map(|(place, phone)| (phone.phone, begins(place))).collect()
}

/// The cost of an alignment, from its phones, their frames and the output of each frame.
fn cost_of(alignment: &Alignment, topology: &Topology, frames: &[Vec<f32>]) -> f64 {
    // An output that was not taken is impossible.
    let only = |(costs, &taken): (&Vec<f32>, &u32)| -> Vec<f32> {
        let costs = costs.iter().zip(0u32..);
        costs.map(|(cost, output)| if output == taken { *cost } else { f32::INFINITY }).collect()
    };
    let frames: Vec<Vec<f32>> = frames.iter().zip(&alignment.outputs).map(only).collect();
    let of_phone = |(phone, triphone): (&AlignedPhone, Triphone)| {
        let mut costs = vec![f64::INFINITY; frames.len() + 1];
        costs[phone.frames.start] = 0.0;
        say(triphone, topology, &frames, &costs)[phone.frames.end]
    };
    alignment.phones.iter().zip(triphones(&said(alignment), topology)).map(of_phone).sum()
}

fn check(
    words: &[u32],
    lexicon: &Lexicon,
    topology: &Topology,
    frames: &[Vec<f32>],
) -> Result<(), TestCaseError> {
    let known = |word: &u32| lexicon.pronunciations().iter().any(|said| said.word == *word);
    let words: Vec<u32> = words.iter().copied().filter(known).collect();
    let graph = TranscriptGraph::new(&words, lexicon, topology, MANY_STATES).expect("small");
    let ways = ways(&words, lexicon);
    let lowest = ways.iter().map(|(phones, cost)| cost + spoken(phones, topology, frames));
    let lowest = lowest.fold(f64::INFINITY, f64::min);
    let found = align(&graph, frames, f64::INFINITY);
    prop_assert_eq!(found.is_some(), lowest < f64::INFINITY, "as the enumeration says");
    let can_fill = !words.is_empty() || lexicon.silence().is_some();
    prop_assert_eq!(found.is_some(), can_fill && frames.len() >= graph.fewest_frames());
    let Some(found) = found else { return Ok(()) };
    prop_assert!(is_near(found.cost, lowest), "{} {}", found.cost, lowest);

    // The phones are one of the ways, in order, and cover all frames.
    let ends: Vec<usize> = found.phones.iter().map(|phone| phone.frames.end).collect();
    let starts: Vec<usize> = found.phones.iter().map(|phone| phone.frames.start).collect();
    prop_assert_eq!(found.outputs.len(), frames.len());
    prop_assert_eq!(starts, [0].into_iter().chain(ends.iter().copied()).take(ends.len()).collect::<Vec<_>>());
    prop_assert_eq!(ends.last().copied().unwrap_or(0), frames.len());
    let phones = said(&found);
    let besides = ways.iter().filter(|(way, _)| *way == phones).map(|(_, cost)| *cost);
    let besides = besides.fold(f64::INFINITY, f64::min);
    prop_assert!(
        is_near(found.cost, besides + cost_of(&found, topology, frames)),
        "the cost is that of its phones"
    );
    // Each word has one of its pronunciations.
    for (place, word) in words.iter().enumerate() {
        let own = found.phones.iter().filter(|phone| phone.word == Some(place)).map(|phone| phone.phone);
        let own: Vec<u32> = own.collect();
        prop_assert!(lexicon.pronunciations().iter().any(|said| said.word == *word && said.phones == own));
    }
    let places: Vec<usize> = found.phones.iter().filter_map(|phone| phone.word).collect();
    prop_assert!(places.is_sorted() && places.last().map_or(0, |last| last + 1) == words.len());
    Ok(())
}

fn transcript() -> impl Strategy<Value = Vec<u32>> {
    prop::collection::vec(1..=WORDS, 0..4)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn an_alignment_is_the_best_of_all_pronunciations_pauses_and_times(
        words in transcript(), lexicon in lexicon(), frames in frames(OUTPUTS, 1..7),
    ) {
        check(&words, &lexicon, &topology(), &frames)?;
    }

    #[test]
    fn phones_have_the_outputs_of_their_neighbours_within_and_across_words(
        words in transcript(), lexicon in lexicon(), topology in tied(), frames in frames(OUTPUTS, 1..7),
    ) {
        check(&words, &lexicon, &topology, &frames)?;
    }

    #[test]
    fn a_beam_finds_the_best_way_or_a_worse_one_or_none_but_never_a_better_one(
        words in transcript(), lexicon in lexicon(), frames in frames(OUTPUTS, 1..7), beam in 0.0..9.0f64,
    ) {
        let known = |word: &u32| lexicon.pronunciations().iter().any(|said| said.word == *word);
        let words: Vec<u32> = words.into_iter().filter(known).collect();
        let graph = TranscriptGraph::new(&words, &lexicon, &topology(), MANY_STATES).expect("small");
        let best = align(&graph, &frames, f64::INFINITY);
        if let Some(found) = align(&graph, &frames, beam) {
            let best = best.expect("what a beam finds can be found without one");
            prop_assert!(found.cost >= best.cost - 1e-9);
        }
    }
}

/// Word 1 is said as phones 1 and 2, or as phone 2 alone; a pause is phone 0.
fn alternatives() -> Lexicon {
    let said = |phones: &[u32], cost| Pronunciation { word: 1, phones: phones.to_vec(), cost };
    let silence = Some(Silence { phone: 0, probability: 0.5 });
    Lexicon::new(vec![said(&[1, 2], 0.0), said(&[2], 0.7)], silence, &topology()).expect("valid")
}

/// Frames in which one output is far better than all others.
fn sure(outputs: &[usize]) -> Vec<Vec<f32>> {
    let frame = |&output: &usize| (0..OUTPUTS).map(|other| if other == output { 0.0 } else { 9.0 }).collect();
    outputs.iter().map(frame).collect()
}

#[test]
fn words_said_twice_and_in_two_ways_have_their_own_phones_and_pauses_belong_to_none() {
    // Outputs of the phones: 0; 1 then 2; 3 for a frame, or 1, or both.
    let graph = TranscriptGraph::new(&[1, 1], &alternatives(), &topology(), MANY_STATES).expect("small");
    let found = align(&graph, &sure(&[0, 0, 1, 2, 2, 3, 1, 0, 3, 1]), 30.0).expect("a path");
    let phone = |phone, word, frames| AlignedPhone { phone, word, frames };
    let expected = [
        phone(0, None, 0..2),
        phone(1, Some(0), 2..5),
        phone(2, Some(0), 5..7),
        phone(0, None, 7..8),
        phone(2, Some(1), 8..10),
    ];
    assert_eq!(found.phones, expected);
    assert_eq!(found.outputs, [0, 0, 1, 2, 2, 3, 1, 0, 3, 1]);
}

#[test]
fn an_utterance_shorter_than_its_transcript_has_no_alignment_and_the_graph_knows_how_long_it_must_be() {
    let graph = TranscriptGraph::new(&[1, 1, 1], &alternatives(), &topology(), MANY_STATES).expect("small");
    assert_eq!((graph.fewest_frames(), graph.words()), (3, 3), "phone 2 may last a single frame");
    assert!(align(&graph, &sure(&[3, 3]), f64::INFINITY).is_none());
    assert!(align(&graph, &sure(&[3, 3, 3]), f64::INFINITY).is_some());
    let nothing = TranscriptGraph::new(&[], &alternatives(), &topology(), MANY_STATES).expect("small");
    let pause = align(&nothing, &sure(&[0, 0]), 30.0).expect("a pause");
    assert_eq!(pause.phones, [AlignedPhone { phone: 0, word: None, frames: 0..2 }]);
}

#[test]
fn what_cannot_be_aligned_is_refused_by_name() {
    let error =
        TranscriptGraph::new(&[1, 2], &alternatives(), &topology(), MANY_STATES).expect_err("no word 2");
    assert_eq!(
        error.to_string(),
        "the list of pronunciations of word 2, at place 1 of a transcript is empty"
    );
    let error = TranscriptGraph::new(&[1; 50], &alternatives(), &topology(), 100).expect_err("too large");
    assert!(matches!(error, Error::TooLarge { allowed: 100 }), "{error}");
    let graph = TranscriptGraph::new(&[1], &alternatives(), &topology(), MANY_STATES).expect("small");
    let mut aligner = graph.align(9.0);
    let error = aligner.advance(&[0.0, f32::NAN, 0.0, 0.0]).expect_err("NaN");
    assert!(matches!(error, Error::Score { frame: 0, output: 1, .. }), "{error}");
    let error = aligner.advance(&[0.0; 2]).expect_err("too few");
    assert!(matches!(error, Error::Width { frame: 0, found: 2, .. }), "{error}");
    aligner.advance(&[0.0; 4]).expect("a frame");
    let error = aligner.advance(&[f32::INFINITY; 4]).expect_err("no output is possible");
    assert!(matches!(error, Error::NoPath { frame: 1 }), "{error}");
    assert!(aligner.finish().is_none());
}
