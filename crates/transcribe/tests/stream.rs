//! Streams of sound, from the first sample to the last word.
#![allow(clippy::unwrap_used, reason = "helpers of tests are tests")]

mod world;

use proptest::prelude::*;
use stentor_audio::{Fbank, stacked_frames};
use stentor_forward::Network;
use stentor_recogniser::Settings;
use stentor_transcribe::{Bundle, EndSettings, Event, Options, Transcriber};
use world::{RATE_HZ, bundle, events, finals, hearing_ahead, speak};

const WHOLE: Options = Options { ends: None, partials_ms: None };

fn texts(events: &[(usize, Event)]) -> Vec<&str> {
    finals(events).into_iter().map(|utterance| utterance.text.as_str()).collect()
}

#[test]
fn words_come_with_the_times_at_which_they_were_said_and_a_pause_ends_an_utterance() {
    let bundle = bundle();
    let found = events(bundle, &speak("300 ab cac 1000 ba 900"), 160, Options::default());
    assert_eq!(texts(&found), ["ab cac", "ba"]);
    let words: Vec<_> = finals(&found).into_iter().flat_map(|utterance| &utterance.words).collect();
    let said = [(300, 600), (600, 1_050), (2_050, 2_350)];
    for (word, (start, end)) in words.iter().zip(said) {
        assert!(
            word.start_ms.abs_diff(start) <= 60 && word.end_ms.abs_diff(end) <= 60,
            "{word:?} {start} {end}"
        );
        assert!(word.confidence.is_some_and(|confidence| confidence > 0.9), "{word:?}");
    }
}

#[test]
fn the_end_is_guessed_some_200_ms_before_it_is_final_and_the_guess_has_the_same_words() {
    let bundle = bundle();
    let found = events(bundle, &speak("300 ab ba 1500"), 160, Options::default());
    let guess = found.iter().find_map(|(at, event)| match event {
        Event::Guess(words) => Some((*at, words.text.clone())),
        _ => None,
    });
    let end = found.iter().find_map(|(at, event)| match event {
        Event::Final { words, ended: true, complete: true } => Some((*at, words.text.clone())),
        _ => None,
    });
    let ((guessed, guess), (ended, end)) = (guess.unwrap(), end.unwrap());
    assert_eq!((guess.as_str(), end.as_str()), ("ab ba", "ab ba"));
    let lead_ms = (ended - guessed) * 1_000 / RATE_HZ as usize;
    assert!((150..=250).contains(&lead_ms), "{lead_ms}");
    // The words end at 900 ms; 600 ms of silence end the utterance.
    let end_ms = ended * 1_000 / RATE_HZ as usize;
    assert!((1_450..=1_650).contains(&end_ms), "{end_ms}");
}

#[test]
fn a_speaker_who_goes_on_after_a_guess_takes_it_back_and_the_utterance_goes_on() {
    let bundle = bundle();
    let found = events(bundle, &speak("300 ab 500 ba 1000"), 160, Options::default());
    let kinds: Vec<&str> = found
        .iter()
        .map(|(_, event)| match event {
            Event::Guess(words) => words.text.as_str(),
            Event::TakenBack { .. } => "no",
            Event::Final { words, .. } => words.text.as_str(),
            Event::Partial(_) => "partial",
        })
        .collect();
    assert_eq!(kinds, ["ab", "no", "ab ba", "ab ba"]);
}

#[test]
fn partial_results_grow_until_the_words_are_final() {
    let bundle = bundle();
    let options = Options { partials_ms: Some(90), ..Options::default() };
    let found = events(bundle, &speak("300 ab ba cac 900"), 160, options);
    let partials: Vec<&str> = found
        .iter()
        .filter_map(|(_, event)| match event {
            Event::Partial(words) => Some(words.text.as_str()),
            _ => None,
        })
        .collect();
    assert!(partials.len() >= 3, "{partials:?}");
    assert!(partials.windows(2).all(|pair| pair[0] != pair[1]), "{partials:?}");
    assert_eq!(partials.last(), Some(&"ab ba cac"));
    let first = found.iter().position(|(_, event)| matches!(event, Event::Final { .. })).unwrap();
    assert!(found[..first].iter().any(|(_, event)| matches!(event, Event::Partial(_))));
}

#[test]
fn minutes_of_silence_give_no_event_and_words_after_them_have_their_times() {
    let bundle = bundle();
    let found = events(bundle, &speak("60000 ab 900"), 4_000, Options::default());
    assert_eq!(texts(&found), ["ab"]);
    assert_eq!(found.iter().filter(|(_, event)| !matches!(event, Event::Guess(_))).count(), 1);
    let word = &finals(&found)[0].words[0];
    assert!(word.start_ms.abs_diff(60_000) <= 60, "{word:?}");
}

#[test]
fn with_whole_a_long_silence_divides_nothing_and_the_end_is_told_also_if_only_silence_comes_before_it() {
    for (said, expected) in [("ab 20000", "ab"), ("ab 20000 ba 300", "ab ba")] {
        let found = events(bundle(), &speak(said), 4_000, WHOLE);
        assert_eq!(texts(&found).join(" ").split_whitespace().collect::<Vec<_>>().join(" "), expected);
        assert!(finals(&found).iter().all(|utterance| utterance.utterance == 0), "{found:?}");
        let ends = found.iter().filter(|(_, event)| matches!(event, Event::Final { ended: true, .. }));
        assert_eq!(ends.count(), 1, "{found:?}");
        assert!(matches!(found.last(), Some((_, Event::Final { ended: true, .. }))), "{found:?}");
    }
}

#[test]
fn a_stream_that_ends_within_a_word_says_that_its_last_word_may_be_incomplete() {
    // Only a few paths are followed, so that none is left that takes the beginning of a word for a noise in a pause.
    let settings = Settings { max_active: 4, ..world::settings() };
    let (description, parts) =
        world::contents(&world::lexicon(), &world::language(), &settings).pack().unwrap();
    let bundle = Bundle::of(description, &parts, "").unwrap();
    let found = events(&bundle, &speak("300 ab cac 600"), 160, WHOLE);
    assert!(matches!(found.last(), Some((_, Event::Final { complete: true, .. }))), "{found:?}");
    let mut samples = speak("300 ab c");
    samples.truncate(samples.len() - 1_280);
    let found = events(&bundle, &samples, 160, WHOLE);
    let Some((_, Event::Final { words, complete: false, .. })) = found.last() else { panic!("{found:?}") };
    assert!(words.text.starts_with("ab"), "{words:?}");
}

#[test]
fn a_whole_file_gives_the_words_that_its_posteriors_have_when_computed_at_once() {
    let bundle = bundle();
    let samples = speak("300 ab ba 700 cac bcb 200");
    let found = events(bundle, &samples, 1_000, WHOLE);
    let features = world::features();
    let mut frames = Vec::new();
    let count = Fbank::new(&features, features.high_hz).unwrap().compute(&samples, &mut frames);
    frames.truncate(stacked_frames(count, features.stack) * features.dimension());
    let normalised: Vec<f32> =
        frames.iter().map(|value| (half::f16::from_f32(*value).to_f32() - 10.0) * (1.0 / 5.0)).collect();
    let file = world::parameters(world::SMALL);
    let named =
        file.tensors.iter().map(|(name, tensor)| (name.as_str(), &tensor.shape[..], &tensor.values[..]));
    let network = Network::new(&world::architecture(world::SMALL), features.dimension(), 4, named).unwrap();
    let expected = bundle.recogniser().decode(&network.log_posteriors(&normalised).unwrap(), None).unwrap();
    let words = &finals(&found)[0].words;
    assert_eq!(words.len(), expected.words.len());
    for (word, expected) in words.iter().zip(&expected.words) {
        assert_eq!(word.word, expected.word);
        assert_eq!((word.start_ms, word.end_ms), (expected.start as u64 * 30, expected.end as u64 * 30));
        assert_eq!(word.confidence, expected.confidence);
    }
}

#[test]
fn a_network_with_look_ahead_hears_the_same_words_in_every_utterance_of_a_stream() {
    let samples = speak("300 ab cac 1000 ba 900 bcb 400");
    for frames in [1, 3] {
        let (plain, ahead) = (
            events(bundle(), &samples, 160, Options::default()),
            events(&hearing_ahead(frames), &samples, 160, Options::default()),
        );
        assert_eq!(texts(&plain), ["ab cac", "ba", "bcb"]);
        assert_eq!(texts(&ahead), texts(&plain));
        // Without memory it takes what it hears later for the frame itself: all words are so many frames earlier.
        for (plain, ahead) in finals(&plain).iter().zip(finals(&ahead)) {
            for (plain, ahead) in plain.words.iter().zip(&ahead.words) {
                assert_eq!(ahead.start_ms + u64::from(frames) * 30, plain.start_ms, "{plain:?} {ahead:?}");
                assert_eq!(ahead.end_ms + u64::from(frames) * 30, plain.end_ms, "{plain:?} {ahead:?}");
            }
        }
    }
}

#[test]
fn a_sample_that_is_no_number_is_an_error_that_names_it() {
    let bundle = bundle();
    let mut transcriber = Transcriber::new(bundle, RATE_HZ, Options::default(), None).unwrap();
    let mut events = Vec::new();
    transcriber.push(&speak("300"), &mut events).unwrap();
    let error = transcriber.push(&[0.0, f32::NAN], &mut events).unwrap_err();
    assert!(error.to_string().contains("sample 4801 is NaN"), "{error}");
}

#[test]
fn posteriors_that_are_no_numbers_are_an_error_that_names_frame_and_output() {
    let (lexicon, language, settings) = (world::lexicon(), world::language(), world::settings());
    let mut file = world::parameters(world::SMALL);
    // Finite weights whose sum is not: the logits are infinite.
    file.tensors.get_mut("output.weight").unwrap().values.fill(f32::MAX);
    let mut contents = world::contents(&lexicon, &language, &settings);
    contents.parameters = file.to_bytes().unwrap().to_vec();
    let (description, parts) = contents.pack().unwrap();
    let bundle = Bundle::of(description, &parts, "").unwrap();
    let mut transcriber = Transcriber::new(&bundle, RATE_HZ, Options::default(), None).unwrap();
    let error = transcriber.push(&speak("300"), &mut Vec::new()).unwrap_err().to_string();
    assert!(error.contains("frame 0, output 0: the log posterior is NaN"), "{error}");
}

/// Words, pauses and their lengths.
fn speech() -> impl Strategy<Value = String> {
    let word = prop::sample::select(vec!["ab", "ba", "cac", "bcb"]).prop_map(str::to_owned);
    let pause = (1u32..70).prop_map(|tens| (tens * 10).to_string());
    prop::collection::vec(prop_oneof![2 => word, 1 => pause], 1..12).prop_map(|parts| parts.join(" "))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn events_do_not_depend_on_the_pieces(
        text in speech(),
        (one, other) in (1usize..9_000, 1usize..9_000),
        (silence_ms, lead_ms) in (100u32..900, 0u32..400),
        look_ahead in 0u32..5,
    ) {
        let bundle = &hearing_ahead(look_ahead);
        let ends = Some(EndSettings { silence_ms, lead_ms });
        let options = Options { ends, partials_ms: Some(150) };
        let samples = speak(&text);
        let bare = |events: Vec<(usize, Event)>| events.into_iter().map(|(_, event)| event).collect::<Vec<_>>();
        let (one, other) = (events(bundle, &samples, one, options), events(bundle, &samples, other, options));
        prop_assert_eq!(bare(one), bare(other));
    }

    #[test]
    fn every_guess_is_followed_by_the_same_words_or_taken_back_and_times_only_rise(
        text in speech(), (silence_ms, lead_ms) in (100u32..900, 30u32..400),
    ) {
        let bundle = bundle();
        let options = Options { ends: Some(EndSettings { silence_ms, lead_ms }), partials_ms: None };
        let found = events(bundle, &speak(&text), 480, options);
        let mut guess: Option<String> = None;
        let (mut utterance, mut at) = (0, 0);
        for (_, event) in &found {
            match event {
                Event::Guess(words) => {
                    prop_assert!(guess.is_none());
                    guess = Some(words.text.clone());
                }
                Event::TakenBack { .. } => prop_assert!(guess.take().is_some()),
                Event::Final { words, .. } => {
                    prop_assert!(guess.take().is_none_or(|guess| guess == words.text));
                    prop_assert_eq!(words.utterance, utterance);
                    utterance += 1;
                    for word in &words.words {
                        prop_assert!(word.start_ms >= at && word.end_ms > word.start_ms);
                        at = word.end_ms;
                    }
                }
                Event::Partial(_) => {}
            }
        }
        prop_assert!(guess.is_none());
    }
}
