use super::*;
use serde_json::json;

fn utterance(id: &str, group: &str, reference: &str, hypothesis: &str) -> RecognisedUtterance {
    let [id, group, reference, hypothesis] = [id, group, reference, hypothesis].map(str::to_owned);
    RecognisedUtterance { id, group, reference, hypothesis }
}

fn utterances() -> Vec<RecognisedUtterance> {
    vec![
        utterance("b-1", "b", "Good bye.", "good bye"),
        utterance("a-1", "a", "Hold the [noise] line.", "hold a line"),
        utterance("a-2", "a", "Press it", ""),
    ]
}

fn figures(utterances: Vec<RecognisedUtterance>) -> RecognitionFigures {
    RecognitionFigures::score(utterances, 100, 1).unwrap().0
}

#[test]
fn texts_are_normalised_for_the_score_and_kept_as_they_are() {
    let (found, scored) = RecognitionFigures::score(utterances(), 100, 1).unwrap();
    let words = WordErrors { reference: 7, substitutions: 1, deletions: 2, insertions: 0 };
    assert_eq!((found.words, found.by_group.total().words), (words, words));
    assert_eq!(found.wer.map(f64::round), Some(43.0));
    assert_eq!(
        found.wer_interval.map(|interval| (interval.low, interval.high, interval.units)),
        Some((0.0, 60.0, 2))
    );
    let order: Vec<&str> = found.utterances.iter().map(|utterance| utterance.id.as_str()).collect();
    assert_eq!(order, ["b-1", "a-1", "a-2"]);
    assert_eq!(found.utterances[1].reference, "Hold the [noise] line.");
    assert_eq!(scored.utterances[0].reference, ["hold", "the", "line"]);
    assert!(matches!(RecognitionFigures::score(Vec::new(), 100, 1), Err(Error::NothingToScore)));
}

#[test]
fn two_systems_are_compared_on_the_same_texts_only() {
    let perfect = |mut u: RecognisedUtterance| {
        u.hypothesis.clone_from(&u.reference);
        u
    };
    let baseline = figures(utterances());
    let found = figures(utterances().into_iter().map(perfect).collect());
    assert!(found.has_test_set_of(&baseline), "whatever was recognised");
    let found = found.against(&baseline, 1000, 1);
    let MeasuredDifference { measure, difference } = found.differences[0];
    assert_eq!((measure, difference.system, difference.pieces), (Measure::Words, 0.0, 2));
    let told = "difference: −42.86 points against the baseline's 42.86 %, 95 % interval −60.00 to 0.00, p = ";
    assert!(found.to_text().contains(told), "{}", found.to_text());
    let mut other = utterances();
    other[2].reference = "Press this".to_owned();
    assert!(!figures(other).has_test_set_of(&baseline));
    let older = RecognitionFigures { normaliser_version: 0, ..figures(utterances()) };
    assert!(!older.has_test_set_of(&baseline));
}

#[test]
fn the_text_says_what_words_were_recognised_with_and_which_could_not_be() {
    let vocabulary = VocabularyFigures {
        words: 1200,
        without_probability: 3,
        left_out: 2,
        left_out_words: vec!["beige".to_owned(), "vision".to_owned()],
        ..VocabularyFigures::default()
    };
    let tuned = json!({ "tried": 324, "searches": 4, "utterances": 50, "not_used": 10 });
    let found = RecognitionFigures {
        settings: json!({ "acoustic_scale": 0.24, "prior_exponent": 0.3, "word_penalty": -1.0, "tuned": tuned }),
        dev_wer: Some(40.0),
        vocabulary,
        perplexity: Some(PerplexityFigures { known: 81.27, all: Some(90.0), words: 7, unknown: 2 }),
        without_text: 1,
        no_path: 2,
        outputs: 9_000,
        outputs_kept: 3,
        ..figures(utterances())
    };
    let unknown = [("line", 1), ("bye", 3), ("hold", 1)].map(|(word, count)| (word.to_owned(), count));
    let found = found.with_unknown_words(unknown);
    let text = found.to_text();
    for line in [
        "utterances: 3 (0.00 h), groups: 2\n",
        "utterances left out, without a text: 1\n",
        "utterances without a possible path, counted as empty: 2; a larger beam may help\n",
        "WER %   S   D   I   words\n42.86   1   2   0       7\n",
        "95 % interval of the word error rate: 0.00 to 60.00 % (2 groups resampled)\n",
        "the labels keep only 3 of 9,000 outputs of each frame, and more would give better words: label with --top-k 256\n",
        "scales: acoustic scale 0.24, prior exponent 0.3, word penalty -1 (chosen of 324 combinations in 4 searches on 50 of 60 dev \
         utterances, WER 40.00 %)\n",
        "vocabulary: 1,200 words; 3 of the lexicon are not in the language model\n",
        "left out, because the model does not have a phone: 2 words (beige, vision), 0 pronunciations of other words\n",
        "words of the references that cannot be recognised: 5 (71.43 %) (bye 3, hold 1, line 1)\n",
        "perplexity of the references: 81.3 of known words, all words 90.0\n",
        "normaliser: version 1\n",
    ] {
        assert!(text.contains(line), "{line:?} is not in\n{text}");
    }
}

#[test]
fn labels_that_keep_enough_outputs_are_not_worth_a_line() {
    for (outputs, outputs_kept) in [(0, 0), (9_000, 256), (120, 120)] {
        let found = RecognitionFigures { outputs, outputs_kept, ..figures(utterances()) };
        assert!(!found.to_text().contains("the labels keep"), "{outputs}");
    }
    let mut before = serde_json::to_value(figures(utterances())).unwrap();
    for key in ["outputs", "outputs_kept"] {
        before.as_object_mut().unwrap().remove(key).unwrap();
    }
    assert_eq!(serde_json::from_value::<RecognitionFigures>(before).unwrap(), figures(utterances()));
}

#[test]
fn the_text_says_if_tuning_ended_before_its_scales_settled_and_reads_records_of_before() {
    let text = |tuned: serde_json::Value| {
        let settings = json!({ "acoustic_scale": 0.24, "tuned": tuned });
        RecognitionFigures { settings, dev_wer: Some(40.0), ..figures(utterances()) }.to_text()
    };
    let unsettled = text(json!({ "tried": 648, "searches": 8, "utterances": 50, "is_settled": false }));
    assert!(
        unsettled.contains("in 8 searches on 50 dev utterances, WER 40.00 %; better ones may lie"),
        "{unsettled}"
    );
    let before = text(json!({ "tried": 324, "utterances": 50 }));
    assert!(before.contains("(chosen of 324 combinations on 50 dev utterances, WER 40.00 %)"), "{before}");
}

#[test]
fn figures_read_back_from_json_are_the_same() {
    let found = figures(utterances()).against(&figures(utterances()), 100, 1);
    let found = found.with_unknown_words([("line".to_owned(), 1)]);
    let json = serde_json::to_string(&found).unwrap();
    assert_eq!(serde_json::from_str::<RecognitionFigures>(&json).unwrap(), found);
}
