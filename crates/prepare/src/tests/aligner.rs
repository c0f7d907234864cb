use crate::Error;
use crate::aligner::Aligner;
use crate::answer::{Answer, Outcome};
use std::path::Path;
use std::time::{Duration, Instant};
use stentor_runtime::Shutdown;
use stentor_shards::Span;

/// An aligner as a short shell script: one state per clip, and some texts that make it misbehave.
pub(super) const SCRIPT: &str = r#"
while IFS= read -r line; do
    samples=$(printf '%s' "$line" | sed 's/.*"samples":\([0-9]*\).*/\1/')
    utterance=$(printf '%s' "$line" | sed 's/.*"utterance":"\([^"]*\)".*/\1/')
    head -c $((samples * 2)) > /dev/null
    case "$line" in
        *DIE*) echo "out of memory, as it were" >&2; exit 3 ;;
        *HANG*) exec sleep 60 ;;
        *JUNK*) echo "Loading model..." ;;
        *ELSE*) echo '{"utterance":"another","states":[]}' ;;
        *BACKWARDS*) echo "{\"utterance\":\"$utterance\",\"states\":[],\"words\":[[\"B\",5,1],[\"A\",0,5]]}" ;;
        *SPOKEN*) echo "{\"utterance\":\"$utterance\",\"states\":[[\"AH\",0,0,10]],\"words\":[[\"uh\",2,7]]}" ;;
        *XYZZY*) echo "{\"utterance\":\"$utterance\",\"error\":\"unknown word XYZZY\"}" ;;
        *) frames=$((samples / 160))
           half=$((frames / 2))
           echo "{\"utterance\":\"$utterance\",\"states\":[[\"SIL\",0,0,$half],[\"AH\",1,$half,$((frames - half))]]}" ;;
    esac
done
"#;

/// The command line of that aligner.
pub(super) fn shell_aligner(folder: &Path) -> String {
    let path = folder.join("aligner.sh");
    std::fs::write(&path, SCRIPT).unwrap();
    format!("sh '{}'", path.display())
}

fn ask(text: &str, patience: Duration) -> Result<Answer, Error> {
    let folder = tempfile::tempdir().unwrap();
    let (_trigger, shutdown) = Shutdown::manual();
    let mut aligner = Aligner::start(&shell_aligner(folder.path()), patience).unwrap();
    let first = aligner.align("first", "HELLO", &[1; 3_200], &shutdown).unwrap();
    assert!(matches!(first, Answer { outcome: Outcome::States(_), words: None }));
    aligner.align("second", text, &[0x0a0a; 1_600], &shutdown)
}

const MINUTE: Duration = Duration::from_secs(60);

#[test]
fn states_come_back_as_spans_of_10_ms_frames() {
    let found = ask("GOOD MORNING", MINUTE).unwrap().alignment().unwrap();
    let spans = found.states;
    assert_eq!((spans[0].phone.as_str(), spans[0].start, spans[0].end), ("SIL", 0, 50_000));
    assert_eq!((spans[1].state, spans[1].start, spans[1].end), (1, 50_000, 100_000));
    assert_eq!(found.words, None, "it gives no times of words");
}

#[test]
fn words_come_back_with_their_times_if_the_aligner_knows_them() {
    let words = ask("SPOKEN", MINUTE).unwrap().alignment().unwrap().words.unwrap();
    assert_eq!(words, [Span { text: "uh".to_owned(), start_ms: 20, duration_ms: 70 }]);
}

#[test]
fn an_answer_that_is_not_in_order_of_time_is_refused() {
    let error = ask("BACKWARDS", MINUTE).unwrap_err().to_string();
    assert!(error.contains("for utterance `second` with words that are not in order of time"), "{error}");
}

#[test]
fn an_unknown_word_is_an_answer_and_not_a_failure() {
    let answer = ask("XYZZY", MINUTE).unwrap();
    assert_eq!(answer.alignment(), Err("unknown word XYZZY".to_owned()));
}

#[test]
fn a_dying_aligner_is_an_error_with_its_last_messages() {
    let error = ask("DIE", MINUTE).unwrap_err().to_string();
    assert!(error.contains("died at utterance `second`"), "{error}");
    assert!(error.contains("exit status: 3") && error.contains("out of memory, as it were"), "{error}");
}

#[test]
fn a_hanging_aligner_times_out() {
    let begun = Instant::now();
    let error = ask("HANG", Duration::from_millis(200)).unwrap_err().to_string();
    assert!(error.contains("has not answered for utterance `second`"), "{error}");
    assert!(begun.elapsed() < Duration::from_secs(30));
}

#[test]
fn unexpected_standard_output_is_shown() {
    let error = ask("JUNK", MINUTE).unwrap_err().to_string();
    assert!(error.contains("`Loading model...`"), "{error}");
}

#[test]
fn an_answer_for_another_utterance_is_refused() {
    let error = ask("ELSE", MINUTE).unwrap_err().to_string();
    assert!(error.contains("asked for `second` but answered for `another`"), "{error}");
}

#[test]
fn a_missing_program_is_named() {
    let error = Aligner::start("no-such-aligner --fast", MINUTE).err().unwrap();
    assert!(error.to_string().contains("cannot start the aligner `no-such-aligner --fast`"));
}
