use super::*;
use crate::{ArpaProblem, Error, Model};

const MODEL: &str = "a comment\n\\data\\\nngram 1=4\nngram 2=3\nngram 3=1\n\n\\1-grams:\n-99\t<s>\t-0.5\n-1.25\t</s>\n-2\t<unk>\n\
                     -0.5\ta\t-0.25\n\n\\2-grams:\n-0.125\t<s> a\t0.125\n-0.75\ta a\n-0.5\ta </s>\n\n\\3-grams:\n-0.0625\t<s> a a\n\n\\end\\\n";

fn model() -> Model {
    read(MODEL.as_bytes()).unwrap()
}

fn problem_of(text: &str) -> (u64, ArpaProblem) {
    match read(text.as_bytes()) {
        Err(Error::Arpa { line, problem }) => (line, problem),
        other => panic!("expected a problem of the file, found {other:?}"),
    }
}

/// The model with a part of it replaced.
fn changed(from: &str, to: &str) -> String {
    assert!(MODEL.contains(from), "{from}");
    MODEL.replace(from, to)
}

#[test]
fn probabilities_come_from_the_longest_ngram_and_the_backoff_weights_of_the_longer_ones() {
    let model = model();
    let [begin, end, unknown, a] =
        ["<s>", "</s>", "<unk>", "a"].map(|word| model.vocabulary().id(word).unwrap());
    assert_eq!(model.score(&[begin, a], a), -0.0625);
    assert_eq!(model.score(&[begin, a], end), 0.125 - 0.5);
    assert_eq!(model.score(&[begin, a], unknown), 0.125 - 0.25 - 2.0);
    assert_eq!(model.score(&[unknown, a], end), -0.5);
    assert_eq!(model.score(&[a, unknown], end), -1.25);
    assert_eq!(model.score(&[end, end, begin, a], a), -0.0625, "only the last two words matter");
    let (state, log_prob) = model.advance(model.start(), a);
    assert_eq!((log_prob, model.finish(state)), (-0.125, 0.125 - 0.5));
    assert_eq!(
        model.advance(model.empty(), unknown).0,
        model.empty(),
        "nothing is known about words after it"
    );
}

#[test]
fn a_model_that_is_written_and_read_is_the_same() {
    let mut written = Vec::new();
    write(&model(), &mut written).unwrap();
    assert_eq!(read(&written[..]).unwrap(), model());
}

#[test]
fn a_file_that_is_cut_short_anywhere_is_refused() {
    for end in 0..MODEL.len() - "\\end\\\n".len() {
        let error = read(&MODEL.as_bytes()[..end]).unwrap_err();
        assert!(matches!(error, Error::Arpa { .. }), "{end}: {error}");
    }
    let (line, problem) = problem_of(&MODEL[..MODEL.find("\\3-grams").unwrap()]);
    assert_eq!((line, problem), (17, ArpaProblem::CutShort { expected: "`\\3-grams:`".into() }));
}

#[test]
fn counts_that_lie_are_refused_without_reserving_memory_for_them() {
    let more = problem_of(&changed("ngram 2=3", "ngram 2=4000000000"));
    assert_eq!(more, (17, ArpaProblem::Count { order: 2, expected: 4_000_000_000, found: 3 }));
    let fewer = problem_of(&changed("ngram 2=3", "ngram 2=2"));
    assert_eq!(fewer, (16, ArpaProblem::Count { order: 2, expected: 2, found: 3 }));
    let words = problem_of(&changed("ngram 2=3", "ngram 2=three"));
    assert!(matches!(words, (4, ArpaProblem::Syntax { .. })));
    let order = "\\data\\\n".to_owned() + &(1..40).map(|n| format!("ngram {n}=1\n")).collect::<String>();
    assert!(matches!(read(order.as_bytes()), Err(Error::Order { found: 17 })));
}

#[test]
fn numbers_that_are_no_log_probabilities_or_weights_are_refused() {
    for found in ["NaN", "0.5", "-inf", "x"] {
        let (line, problem) = problem_of(&changed("-0.75\ta a", &format!("{found}\ta a")));
        assert_eq!((line, problem), (15, ArpaProblem::NotALogProbability { found: found.into() }));
        if found != "0.5" {
            let (line, problem) = problem_of(&changed("a\t-0.25", &format!("a\t{found}")));
            assert_eq!((line, problem), (11, ArpaProblem::NotABackoff { found: found.into() }));
        }
    }
}

#[test]
fn a_backoff_weight_that_no_model_has_is_refused_with_the_bound() {
    assert!(read(changed("a\t-0.25", "a\t6").as_bytes()).is_ok());
    let text = changed("a\t-0.25", "a\t300");
    let (line, problem) = problem_of(&text);
    assert_eq!((line, &problem), (11, &ArpaProblem::NotABackoff { found: "300".into() }));
    assert_eq!(problem.to_string(), "expected the log10 of a back-off weight, from -300 to 6, found `300`");
    let (_, problem) = problem_of(&changed("a\t-0.25", "a\t-1e38"));
    assert_eq!(problem, ArpaProblem::NotABackoff { found: "-1e38".into() });
}

#[test]
fn an_empty_file_lacks_its_first_line_and_a_short_header_is_said_to_be_the_reason() {
    assert_eq!(problem_of("").0, 1);
    let longest = changed("ngram 3=1\n", "");
    let (line, problem) = problem_of(&longest);
    assert_eq!(line, 13, "the back-off weight of the first 2-gram");
    let expected =
        "expected a number, 2 words and no more, as the header announces no longer n-grams than 2-grams";
    assert!(problem.to_string().starts_with(expected), "{problem}");
    let without = longest.replace("<s> a\t0.125", "<s> a");
    let (line, problem) = problem_of(&without);
    let expected =
        "expected `\\end\\` after the 2-grams, the longest that the header announces, found `\\3-grams:`";
    assert_eq!((line, problem.to_string().as_str()), (17, expected));
}

#[test]
fn an_ngram_whose_history_or_word_is_missing_is_refused() {
    let history = problem_of(&changed("<s> a a", "<unk> a a"));
    assert_eq!(history, (19, ArpaProblem::MissingHistory { history: "<unk> a".into(), order: 2 }));
    let word = problem_of(&changed("a </s>", "a b"));
    assert_eq!(word, (16, ArpaProblem::UnknownWord { word: "b".into() }));
    let boundary = changed("-1.25\t</s>\n", "").replace("1=4", "1=3");
    assert_eq!(problem_of(&boundary).1, ArpaProblem::MissingBoundary { word: "</s>" });
}

#[test]
fn an_ngram_that_is_there_twice_or_has_more_or_fewer_words_is_refused() {
    let twice = problem_of(&changed("a </s>", "<s> a"));
    assert_eq!(twice, (16, ArpaProblem::Repeated { ngram: "<s> a".into() }));
    for line in ["-0.75", "-0.75 a", "-0.75 a a -1 -1"] {
        let problem = problem_of(&changed("-0.75\ta a", line));
        assert!(matches!(problem, (15, ArpaProblem::Syntax { .. })), "{line}: {problem:?}");
    }
    let weight = problem_of(&changed("<s> a a", "<s> a a\t-1"));
    assert!(
        matches!(weight, (19, ArpaProblem::Syntax { .. })),
        "the longest n-grams have no weight: {weight:?}"
    );
}

#[test]
fn other_bytes_than_utf8_are_refused_with_their_line() {
    let mut bytes = MODEL.as_bytes().to_vec();
    let place = MODEL.find("a\t-0.25").unwrap();
    bytes[place] = 0xff;
    assert!(matches!(read(&bytes[..]), Err(Error::NotUtf8 { line: 11 })));
}
