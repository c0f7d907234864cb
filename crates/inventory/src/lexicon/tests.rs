use super::*;
use proptest::prelude::*;

const CMU: ReadLexicon<'static> = ReadLexicon {
    format: LexiconFormat::Cmu,
    stress: Stress::Keep,
    case: Case::Keep,
    normalise: Normalise::Maximum,
    phones: None,
    unknown_phones: UnknownPhones::Refuse,
};
const KALDI: ReadLexicon<'static> = ReadLexicon { format: LexiconFormat::Kaldi, ..CMU };
const WEIGHTED: ReadLexicon<'static> = ReadLexicon { format: LexiconFormat::KaldiProbabilities, ..CMU };

fn table(names: &[&str]) -> PhoneTable {
    PhoneTable::new(names.iter().map(ToString::to_string).collect()).unwrap()
}

/// A word's pronunciations as names of phones, with their probabilities.
fn spoken(lexicon: &Lexicon, word: &str) -> Vec<(String, f64)> {
    let phones = |pronunciation: &Pronunciation| {
        pronunciation
            .phones
            .iter()
            .map(|&id| lexicon.phones().name(id).unwrap())
            .collect::<Vec<_>>()
            .join(" ")
    };
    let id = lexicon.id(word).unwrap();
    lexicon.pronunciations(id).iter().map(|p| (phones(p), p.probability)).collect()
}

#[test]
fn the_cmu_dictionary_s_comments_numbers_and_stress_are_read() {
    let text = "\u{feff};;; a comment\n\
                READ  R EH1 D\r\n\
                READ(2)  R IY1 D\n\
                \n\
                aalborg AO1 L B AO0 R G # place, danish\n\
                !EXCLAMATION-POINT  EH2 K\n\
                (PAREN  P ER0\n";
    let lexicon = CMU.read(text).unwrap();
    let names: Vec<&str> = lexicon.words().map(|(_, name, _)| name).collect();
    assert_eq!(names, ["READ", "aalborg", "!EXCLAMATION-POINT", "(PAREN"]);
    assert_eq!(spoken(&lexicon, "READ"), [("R EH1 D".to_owned(), 1.0), ("R IY1 D".to_owned(), 1.0)]);
    assert_eq!(spoken(&lexicon, "aalborg"), [("AO1 L B AO0 R G".to_owned(), 1.0)]);
    assert_eq!(lexicon.phones().names()[..3], ["AO0", "AO1", "B"]);
}

#[test]
fn pronunciations_that_differ_only_in_stress_are_one_without_stress() {
    let text = "record R AH0 K AO1 R D\nrecord(2) R EH1 K AH0 R D\nrecord(3) R EH0 K AH1 R D\ntone M A4\n";
    let kept = CMU.read(text).unwrap();
    assert_eq!((kept.merged(), spoken(&kept, "record").len()), (0, 3));
    let stripped = ReadLexicon { stress: Stress::Strip, ..CMU }.read(text).unwrap();
    let words: Vec<String> = spoken(&stripped, "record").into_iter().map(|(phones, _)| phones).collect();
    assert_eq!((stripped.merged(), words), (1, vec!["R AH K AO R D".to_owned(), "R EH K AH R D".to_owned()]));
    assert_eq!(spoken(&stripped, "tone")[0].0, "M A4", "a tone is not a stress");
}

#[test]
fn a_line_that_the_cmu_dictionary_has_twice_counts_once() {
    let lexicon = CMU.read("mormonism M AO1 R M\nmormonism M AO1 R M\n").unwrap();
    assert_eq!((lexicon.merged(), spoken(&lexicon, "mormonism").len()), (1, 1));
}

#[test]
fn probabilities_are_normalised_to_the_maximum_or_to_the_sum() {
    let text = "the 0.6 DH AH\nthe 0.2 DH IY\na 0.5 AH\n";
    let maximum = WEIGHTED.read(text).unwrap();
    assert_eq!(spoken(&maximum, "the")[0].1, 1.0);
    assert!((spoken(&maximum, "the")[1].1 - 1.0 / 3.0).abs() < 1e-12);
    let sum = ReadLexicon { normalise: Normalise::Sum, ..WEIGHTED }.read(text).unwrap();
    assert!((spoken(&sum, "the")[0].1 - 0.75).abs() < 1e-12);
    assert_eq!(spoken(&sum, "a")[0].1, 1.0);
}

#[test]
fn kaldi_s_lines_have_neither_numbers_nor_comments() {
    let lexicon = KALDI.read("#hash HH AE SH\nread(2) R IY D\n<UNK> SPN\n").unwrap();
    let names: Vec<&str> = lexicon.words().map(|(_, name, _)| name).collect();
    assert_eq!(names, ["#hash", "read(2)", "<UNK>"]);
}

#[test]
fn each_mistake_is_told_with_its_line() {
    let error = |reader: ReadLexicon<'_>, text: &str| reader.read(text).unwrap_err();
    let word = || "b".to_owned();
    assert_eq!(error(CMU, "a A\nb\n"), LexiconError::NoPhones { line: 2, word: word() });
    assert_eq!(error(CMU, "a A\nb # nothing\n"), LexiconError::NoPhones { line: 2, word: word() });
    assert_eq!(error(WEIGHTED, "b 0.5\n"), LexiconError::NoPhones { line: 1, word: word() });
    for found in ["0", "1.01", "-0.5", "nan", "inf", "B", "1e-999"] {
        let text = format!("a 1 A\n\nb {found} B\n");
        assert_eq!(
            error(WEIGHTED, &text),
            LexiconError::Probability { line: 3, word: word(), found: found.to_owned() }
        );
    }
    assert_eq!(error(KALDI, "b B\na A\nb B\n"), LexiconError::Repeated { word: word(), first: 1, second: 3 });
    assert_eq!(error(CMU, ";;; only this\n"), LexiconError::NoWords);
    assert!(matches!(error(WEIGHTED, "b\n"), LexiconError::Line { line: 1, .. }));
    assert!(matches!(error(CMU, "a A\nb B\0\n"), LexiconError::Line { line: 2, .. }));
    assert!(matches!(
        error(CMU, &format!("b {}", "B ".repeat(3_000))),
        LexiconError::LongLine { line: 1, .. }
    ));
    let many: String = (0..300).map(|n| format!("b {}\n", "B ".repeat(n + 1))).collect();
    assert!(matches!(error(KALDI, &many), LexiconError::TooManyPronunciations { line: 257, .. }));
    let phones = table(&["A"]);
    let unknown = error(ReadLexicon { phones: Some(&phones), ..CMU }, "a A\nb A B1\n");
    assert_eq!(unknown, LexiconError::UnknownPhone { line: 2, word: word(), phone: "B1".into(), phones: 1 });
    assert!(unknown.to_string().starts_with("line 2: phone `B1` of word `b` is unknown"), "{unknown}");
}

#[test]
fn words_with_unknown_phones_are_left_out_and_listed_where_that_is_asked_for() {
    let phones = table(&["A", "B"]);
    let read = ReadLexicon { phones: Some(&phones), unknown_phones: UnknownPhones::LeaveOut, ..WEIGHTED };
    let lexicon = read.read("ax 1 A X\nab 0.9 X B\nab 0.3 A B\nx 1 X\nb 1 B\n").unwrap();
    let words: Vec<&str> = lexicon.words().map(|(_, word, _)| word).collect();
    assert_eq!(words, ["ab", "b"]);
    let id = lexicon.id("b").unwrap();
    assert_eq!((lexicon.name(id), lexicon.id("x")), (Some("b"), None));
    let said = lexicon.pronunciations(lexicon.id("ab").unwrap());
    assert_eq!((said.len(), said[0].probability), (1, 1.0), "weights are those of what is left");
    let left_out = LeftOut { words: vec!["ax".to_owned(), "x".to_owned()], pronunciations: 1 };
    assert_eq!(lexicon.left_out(), &left_out);
    let nothing = read.read("x 1 X\ny 1 A Y\n").unwrap_err();
    assert!(matches!(nothing, LexiconError::UnknownPhone { line: 1, .. }), "{nothing}");
    let all = ReadLexicon { unknown_phones: UnknownPhones::LeaveOut, ..KALDI }.read("x X\n").unwrap();
    assert_eq!((all.len(), all.left_out()), (1, &LeftOut::default()), "its own phones are all known");
}

#[test]
fn words_of_a_text_outside_the_lexicon_are_listed_by_frequency_and_marks_are_noise() {
    let lexicon = ReadLexicon { case: Case::Lower, ..KALDI }.read("Hello H\nworld W\n<unk> SPN\n").unwrap();
    let mut coverage = Coverage::default();
    coverage.add(&lexicon, "hello WORLD [laughter] qux");
    coverage.add(&lexicon, "foo qux <unk> [half");
    assert_eq!((coverage.inside, coverage.noise, coverage.outside_tokens()), (3, 1, 4));
    assert_eq!(coverage.most_frequent(), [("qux", 2), ("[half", 1), ("foo", 1)]);
}

#[test]
fn silence_is_optional_and_both_its_phone_and_the_noise_phone_must_exist() {
    let phones = table(&["SIL", "SPN", "A"]);
    let silence = OptionalSilence::new(&phones, "SIL", "SPN", 0.25).unwrap();
    assert_eq!((silence.silence().index(), silence.noise().index()), (0, 1));
    let (there, not_there) = silence.log_probabilities();
    assert!((there.exp() - 0.25).abs() < 1e-12 && (not_there.exp() - 0.75).abs() < 1e-12);
    assert_eq!(
        OptionalSilence::new(&phones, "SIL", "NSN", 0.5),
        Err(LexiconError::NoSuchPhone { role: "noise", phone: "NSN".into() })
    );
    for found in [0.0, 1.0, -1.0] {
        let error = OptionalSilence::new(&phones, "SIL", "SPN", found).unwrap_err();
        assert_eq!(error, LexiconError::SilenceProbability { found });
    }
}

proptest! {
    #[test]
    fn any_text_is_a_lexicon_or_an_error_with_a_line(text in "[ab0-2 #;()\t\r\n.\u{e9}]{0,80}") {
        for reader in [CMU, KALDI, WEIGHTED, ReadLexicon { stress: Stress::Strip, case: Case::Lower, ..CMU }] {
            let Ok(lexicon) = reader.read(&text) else { continue };
            for (id, name, pronunciations) in lexicon.words() {
                prop_assert_eq!(lexicon.id(name), Some(id));
                prop_assert!(!pronunciations.is_empty());
                for pronunciation in pronunciations {
                    prop_assert!(!pronunciation.phones.is_empty());
                    prop_assert!(pronunciation.probability > 0.0 && pronunciation.probability <= 1.0);
                    prop_assert!(pronunciation.phones.iter().all(|&phone| lexicon.phones().name(phone).is_some()));
                }
            }
        }
    }

    #[test]
    fn a_written_lexicon_comes_back(
        words in prop::collection::btree_map("[a-z]{1,6}", prop::collection::btree_set("[A-Z]{1,2}( [A-Z]{1,2}){0,4}", 1..4), 1..8),
    ) {
        let line = |word: &str, phones: &str| format!("{word} 0.5 {phones}\n");
        let text: String = words.iter().flat_map(|(word, said)| said.iter().map(|phones| line(word, phones))).collect();
        let lexicon = ReadLexicon { normalise: Normalise::Sum, ..WEIGHTED }.read(&text).unwrap();
        prop_assert_eq!(lexicon.len(), words.len());
        for (word, said) in &words {
            let read = spoken(&lexicon, word);
            prop_assert!((read.iter().map(|(_, probability)| probability).sum::<f64>() - 1.0).abs() < 1e-9);
            let read: Vec<String> = read.into_iter().map(|(phones, _)| phones).collect();
            prop_assert_eq!(read, said.iter().cloned().collect::<Vec<_>>());
        }
    }
}
