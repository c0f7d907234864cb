//! `stentor score` against two outside judges: `sclite` of NIST (Debian's `sctk`) and `jiwer` of PyPI, on the same pairs.
//!
//! `cargo xtask test` installs both and says where they are in `STENTOR_SCLITE` and `STENTOR_PYTHON`. The references are the
//! texts of the two demo corpora. Hypotheses are these texts with errors drawn from a seed, as a recogniser makes them, and
//! texts of other utterances; edge cases are added.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use stentor_evaluate::words::files::{CtmWord, StmSegment, read_text, write_ctm, write_stm, write_trn};
use stentor_evaluate::words::{Edit, Labels, Transcripts, drawn_errors, score};
use stentor_random::SplitMix64;
use stentor_tests::program;

/// Prints each utterance's substitutions, deletions and insertions of two TRN files.
const JIWER: &str = "
import jiwer, sys
def read(path):
    lines = [line.rstrip('\\n').rpartition('(') for line in open(path, encoding='utf-8')]
    return {id[:-1]: text.strip() for text, _, id in lines}
reference, hypothesis = read(sys.argv[1]), read(sys.argv[2])
for id, text in reference.items():
    found = jiwer.process_words(text, hypothesis[id])
    print(id, found.substitutions, found.deletions, found.insertions)
";

/// Pairs in which `sclite` counts more errors than are needed, because two deletions and two insertions weigh as much for it as
/// three substitutions, and three of each less than five; what it counts, and the fewest.
const HEAVIER: [(&str, &str, usize, usize); 2] =
    [("a a c b b d b c", "d a c d c a b", 6, 5), ("a b c a b c x y", "a b c x y p q r", 6, 5)];

fn from_environment(name: &str) -> PathBuf {
    let value = std::env::var_os(name).map(PathBuf::from);
    value.unwrap_or_else(|| panic!("{name} is not set: run these tests by `cargo xtask test`"))
}

/// Every `step`th text of the corpora.
fn corpora(step: usize) -> Transcripts {
    let mut texts = Transcripts::new();
    for corpus in ["asterisk", "game"] {
        let path = from_environment("STENTOR_CORPORA").join(corpus).join("text");
        let file = std::fs::File::open(path).expect("the corpus is there");
        texts.extend(read_text(std::io::BufReader::new(file)).unwrap().into_iter().step_by(step));
    }
    texts
}

/// Reference and hypothesis of some hundred utterances.
fn pairs() -> (Transcripts, Transcripts) {
    let mut reference = corpora(12);
    let mut hypothesis = drawn_errors(&reference, 1);
    let mut random = SplitMix64::new(2);
    let texts: Vec<String> = reference.values().cloned().collect();
    let mut add = |id: String, text: &str, recognised: &str| {
        reference.insert(id.clone(), text.to_owned());
        hypothesis.insert(id, recognised.to_owned());
    };
    for n in 0..200 {
        let [text, other] = [0; 2].map(|_| &texts[random.below(texts.len())]);
        add(format!("other-{n}"), text, other);
    }
    let edges = [
        ("", ""),
        ("", "a b"),
        ("a b", ""),
        ("a", "a"),
        ("a a", "a"),
        ("a", "a a a"),
        ("a a a a", "a a"),
        ("a b a b a", "b a b a b"),
        ("b a", "a b"),
        ("x y", "z"),
        ("a x y b", "a p b"),
        ("a b c d", "b c d e"),
        ("it's o'clock", "its clock"),
        ("qué naïve straße", "que naive straße"),
    ];
    for (n, (text, recognised)) in edges.into_iter().enumerate() {
        add(format!("edge-{n}"), text, recognised);
    }
    (reference, hypothesis)
}

fn write(path: &Path, write: impl FnOnce(&mut Vec<u8>) -> Result<(), stentor_evaluate::Error>) {
    let mut bytes = Vec::new();
    write(&mut bytes).unwrap();
    std::fs::write(path, bytes).unwrap();
}

fn write_texts(path: &Path, texts: &Transcripts) {
    write(path, |bytes| write_trn(bytes, texts.iter().map(|(id, text)| (id.as_str(), text.as_str()))));
}

/// Runs a program and returns what it prints.
fn output(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// The alignment of each utterance as `sclite` has it, as letters.
fn sclite(reference: (&Path, &str), hypothesis: (&Path, &str)) -> BTreeMap<String, String> {
    let mut command = Command::new(from_environment("STENTOR_SCLITE"));
    command.arg("-r").arg(reference.0).arg(reference.1).arg("-h").arg(hypothesis.0).arg(hypothesis.1);
    let said = output(command.args(["-i", "spu_id", "-s", "-e", "utf-8", "-o", "sgml", "stdout"]));
    let mut found = BTreeMap::new();
    for path in said.split("<PATH id=\"(").skip(1) {
        let (id, rest) = path.split_once(")\"").unwrap();
        let (_, rest) = rest.split_once(">\n").unwrap();
        let steps = rest.split_once("</PATH>").unwrap().0.trim();
        // `C,"a","a":D,"b",`: no word of ours has a colon.
        let letters = steps.split(':').filter_map(|step| step.chars().next()).collect();
        assert_eq!(found.insert(id.to_owned(), letters), None, "{id} stands twice");
    }
    found
}

fn letters(edits: &[Edit]) -> String {
    let letter = |edit: &Edit| match edit {
        Edit::Correct => 'C',
        Edit::Substitution => 'S',
        Edit::Deletion => 'D',
        Edit::Insertion => 'I',
    };
    edits.iter().map(letter).collect()
}

fn count(steps: &str, letter: char) -> u64 {
    steps.chars().filter(|step| *step == letter).count() as u64
}

/// Runs `stentor score` and returns its figures.
fn stentor_score(folder: &Path, reference: &Path, hypothesis: &Path) -> serde_json::Value {
    let json = folder.join("figures.json");
    let mut command = Command::new(program("stentor"));
    command.arg("score").arg("--reference").arg(reference).arg("--hypothesis").arg(hypothesis);
    output(command.arg("--json").arg(&json).arg("--trn").arg(folder));
    serde_json::from_slice(&std::fs::read(json).unwrap()).unwrap()
}

#[test]
fn every_alignment_is_the_one_of_sclite_and_every_total_the_one_of_jiwer() {
    let folder = tempfile::tempdir().unwrap();
    let (reference, hypothesis) = pairs();
    let at = |name: &str| folder.path().join(name);
    write_texts(&at("said.trn"), &reference);
    write_texts(&at("recognised.trn"), &hypothesis);
    let figures = stentor_score(folder.path(), &at("said.trn"), &at("recognised.trn"));
    // What the program compared, as it says: the judges get the same words.
    let [reference_trn, hypothesis_trn] = [at("reference.trn"), at("hypothesis.trn")];

    let theirs = sclite((&reference_trn, "trn"), (&hypothesis_trn, "trn"));
    let ours = score(&reference, &hypothesis, Labels::default()).unwrap();
    assert!(ours.utterances.len() > 700, "{} pairs are too few to judge by", ours.utterances.len());
    assert!(theirs.keys().eq(ours.utterances.iter().map(|utterance| &utterance.id)));
    for utterance in &ours.utterances {
        assert_eq!(letters(&utterance.edits), theirs[&utterance.id], "{utterance:?}");
    }
    let all: String = theirs.values().map(String::as_str).collect();
    let total = &figures["total"];
    for (key, letter) in [("substitutions", 'S'), ("deletions", 'D'), ("insertions", 'I')] {
        assert_eq!(total[key].as_u64(), Some(count(&all, letter)), "{key}");
    }
    assert_eq!(total["reference"].as_u64(), Some(all.len() as u64 - count(&all, 'I')));

    let mut jiwer = Command::new(from_environment("STENTOR_PYTHON"));
    let said = output(jiwer.args(["-c", JIWER]).arg(&reference_trn).arg(&hypothesis_trn));
    let totals: BTreeMap<&str, u64> = said
        .lines()
        .map(|line| {
            let (id, counts) = line.split_once(' ').unwrap();
            (id, counts.split(' ').map(|count| count.parse::<u64>().unwrap()).sum())
        })
        .collect();
    assert_eq!(totals.len(), ours.utterances.len());
    for utterance in &ours.utterances {
        assert_eq!(utterance.errors().errors(), totals[utterance.id.as_str()], "{utterance:?}");
    }
    let errors: u64 = totals.values().sum();
    let words = ours.total().words.reference as f64;
    assert!((figures["wer"].as_f64().unwrap() - 100.0 * errors as f64 / words).abs() < 1e-9);
}

#[test]
fn where_sclite_counts_more_errors_than_are_needed_ours_are_the_fewest() {
    let folder = tempfile::tempdir().unwrap();
    for (text, recognised, of_sclite, fewest) in HEAVIER {
        let [reference, hypothesis] =
            [text, recognised].map(|text| Transcripts::from([("s-1".to_owned(), text.to_owned())]));
        let [reference_trn, hypothesis_trn] = ["r.trn", "h.trn"].map(|name| folder.path().join(name));
        write_texts(&reference_trn, &reference);
        write_texts(&hypothesis_trn, &hypothesis);
        let theirs = sclite((&reference_trn, "trn"), (&hypothesis_trn, "trn"));
        let ours = score(&reference, &hypothesis, Labels::default()).unwrap();
        let errors = ours.total().words.errors() as usize;
        assert_eq!((theirs["s-1"].replace('C', "").len(), errors), (of_sclite, fewest));
    }
}

/// Words of a hypothesis get times within the segment, in pauses and on the edges of segments.
#[test]
fn words_with_times_are_given_to_the_segments_that_sclite_gives_them_to() {
    const SECOND: u64 = 1_000_000;
    let folder = tempfile::tempdir().unwrap();
    let (texts, mut random) = (corpora(40), SplitMix64::new(2));
    let (mut segments, mut words) = (Vec::new(), Vec::new());
    for (n, text) in texts.values().enumerate() {
        let begin = (n as u64 / 2) * 10 * SECOND;
        let channel = ["A", "B"][n % 2].to_owned();
        let ignored = n % 7 == 6;
        segments.push(StmSegment {
            file: "meeting".to_owned(),
            channel: channel.clone(),
            speaker: format!("s{}", n % 5),
            begin,
            end: begin + 8 * SECOND,
            labels: Some("<O,F0>".to_owned()),
            text: if ignored { "ignore_time_segment_in_scoring".to_owned() } else { text.clone() },
        });
        let count = text.split_whitespace().count() as u64;
        for (place, word) in text.split_whitespace().enumerate() {
            let start = begin + place as u64 * 11 * SECOND / (count + 1);
            // Halves of these are exact in binary, so that no judge has to round an edge.
            let (start, duration) = (start / 250_000 * 250_000, SECOND / 4);
            if random.below(8) > 0 {
                let (file, channel, word) = ("meeting".to_owned(), channel.clone(), word.to_owned());
                words.push(CtmWord { file, channel, start, duration, word, confidence: Some(0.5) });
            }
        }
    }
    let [reference, hypothesis] = ["ref.stm", "hyp.ctm"].map(|name| folder.path().join(name));
    write(&reference, |bytes| write_stm(bytes, &segments));
    write(&hypothesis, |bytes| write_ctm(bytes, &words));
    let figures = stentor_score(folder.path(), &reference, &hypothesis);
    let all: String = sclite((&reference, "stm"), (&hypothesis, "ctm")).into_values().collect();
    for (key, letter) in [("substitutions", 'S'), ("deletions", 'D'), ("insertions", 'I')] {
        assert_eq!(figures["total"][key].as_u64(), Some(count(&all, letter)), "{key}");
    }
    assert_eq!(figures["total"]["reference"].as_u64(), Some(all.len() as u64 - count(&all, 'I')));
    assert_eq!(figures["by_speaker"].as_object().unwrap().len(), 5);
}
