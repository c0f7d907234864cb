use crate::decide::spoken::spoken;
use proptest::prelude::*;

#[test]
fn marks_are_removed_and_listed() {
    for (text, words, dropped) in [
        ("the old map (laughs) is torn", "the old map is torn", &["(laughs)"][..]),
        ("[noise] we found a cave", "we found a cave", &["[noise]"]),
        (
            "{breath} +NOISE+ yes (door ((really)) slams).",
            "yes .",
            &["{breath}", "(door ((really)) slams)", "+NOISE+"],
        ),
        ("i need 2 ropes", "i need 2 ropes", &[]),
    ] {
        let found = spoken(text).unwrap();
        assert_eq!(
            (found.words.as_str(), &found.dropped[..]),
            (words, &dropped.iter().map(|s| (*s).to_owned()).collect::<Vec<_>>()[..])
        );
    }
}

#[test]
fn a_text_with_untranscribed_speech_cannot_be_aligned() {
    for (text, why) in [
        ("<unk> bring me", "`<unk>` stands for speech without words"),
        ("well (( )) yes", "`(( ))` stands for speech without words"),
        ("[noise]", "no words"),
        ("...", "no words"),
        ("y[ou] see", "`[ou]` stands within a word"),
        ("the (laughs", "`(` is not closed"),
        ("the laughs)", "`)` is not opened"),
    ] {
        let error = spoken(text).unwrap_err();
        assert!(error.contains(why), "{error} does not contain {why}");
    }
}

proptest! {
    #[test]
    fn no_bracket_is_ever_left(text in "[a-c \\[\\]()<>{}+ä]{0,24}") {
        if let Ok(found) = spoken(&text) {
            let bracket = found.words.find(['[', ']', '(', ')', '<', '>', '{', '}']);
            prop_assert_eq!(bracket, None);
            prop_assert!(found.words.contains(char::is_alphanumeric));
        }
    }
}
