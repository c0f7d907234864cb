//! The documents are true: every command in them is understood, every link leads somewhere, and the tutorial works.

// Figures for whoever runs the test.
#![allow(clippy::print_stdout)]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use stentor_evaluate::words::files::read_ctm;
use stentor_evaluate::words::{Labels, Transcripts, normalise, score};
use stentor_tests::docs::{command_lines, documents, understood};
use stentor_tests::observe::in_checkout;
use stentor_tests::program;

fn all() -> Vec<PathBuf> {
    let mut found = ["README.md", "CONTRIBUTING.md", DRAWINGS].map(in_checkout).to_vec();
    found.extend(documents(&in_checkout("docs")));
    found.extend(documents(&in_checkout("deploy")));
    found
}

/// Its blocks are drawings and hold no commands.
const DRAWINGS: &str = "ARCHITECTURE.md";

fn name(path: &Path) -> String {
    path.strip_prefix(in_checkout("")).unwrap().display().to_string()
}

#[test]
fn every_command_in_the_documents_is_understood_by_its_program() {
    let (mut checked, mut problems) = (0, Vec::new());
    for path in all().into_iter().filter(|path| !path.ends_with(DRAWINGS)) {
        for line in command_lines(&name(&path), &std::fs::read_to_string(&path).unwrap()) {
            checked += 1;
            if let Err(words) = understood(&line.words) {
                problems.push(format!("{}: {}\n{words}", line.place, line.words.join(" ")));
            }
        }
    }
    println!("{checked} commands");
    assert!(problems.is_empty(), "{}", problems.join("\n"));
    assert!(checked > 50, "{checked} commands only: are they still found?");
}

#[test]
fn a_command_with_a_wrong_option_value_or_name_is_noticed() {
    for (wrong, said) in [
        ("stentor train FILE --resum", "unexpected argument '--resum'"),
        ("stentor status --coordinater http://HOST:7400", "unexpected argument '--coordinater'"),
        ("stentor label --model RUN --topk 3", "unexpected argument '--topk'"),
        ("stentor forecast FILE --bandwidth fast --rtt 2ms", "invalid value 'fast' for '--bandwidth"),
        ("worker --coordinator http://HOST:7400 --threads many", "invalid value 'many' for '--threads"),
        ("coordinator FILE --listen nowhere", "invalid value 'nowhere' for '--listen"),
        ("cargo xtask tset", "unrecognized subcommand 'tset'"),
    ] {
        let words: Vec<String> = wrong.split(' ').map(str::to_owned).collect();
        let error = understood(&words).unwrap_err();
        assert!(error.contains(said), "{wrong}: {error}");
    }
}

#[test]
fn the_readme_and_the_commands_help_say_the_same_of_times() {
    let read = |path: &str| std::fs::read_to_string(in_checkout(path)).unwrap();
    let joined = |text: String| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let (readme, help) = (joined(read("README.md")), joined(read("tests/help/cargo-xtask.txt")));
    for words in [
        "once built, it takes two minutes on two cores",
        "some twenty minutes",
        "four minutes before the first demo",
    ] {
        assert!(readme.contains(words), "README.md: {words}");
        assert!(help.to_lowercase().contains(words), "cargo xtask demo --help: {words}");
    }
}

#[test]
fn every_link_between_documents_leads_somewhere() {
    let mut problems = Vec::new();
    for path in all() {
        let text = std::fs::read_to_string(&path).unwrap();
        for (target, anchor) in links(&text) {
            let file = if target.is_empty() { path.clone() } else { path.parent().unwrap().join(&target) };
            let found = match anchor {
                _ if !file.exists() => false,
                Some(anchor) => anchors(&std::fs::read_to_string(&file).unwrap()).contains(&anchor),
                None => true,
            };
            if !found {
                problems.push(format!("{}: {target}", name(&path)));
            }
        }
    }
    assert!(problems.is_empty(), "these lead nowhere:\n{}", problems.join("\n"));
}

/// File and anchor of the links of a text that stay in the checkout.
fn links(text: &str) -> Vec<(String, Option<String>)> {
    let targets = text.split("](").skip(1).filter_map(|rest| rest.split(')').next());
    let ours = targets.filter(|target| !target.contains("://"));
    ours.map(|target| match target.split_once('#') {
        Some((file, anchor)) => (file.to_owned(), Some(anchor.to_owned())),
        None => (target.to_owned(), None),
    })
    .collect()
}

/// As GitHub makes them of headings.
fn anchors(text: &str) -> Vec<String> {
    let headings = text.lines().filter(|line| line.starts_with('#'));
    let kept = |c: char| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_');
    let anchor = |line: &str| {
        let title = line.trim_start_matches('#').trim().to_lowercase();
        title.chars().filter(|c| kept(*c)).collect::<String>().replace(' ', "-")
    };
    headings.map(anchor).collect()
}

/// What a reader of `docs/tutorial.md` types, in order: files as they stand there, commands in one shell.
fn script(text: &str) -> String {
    let mut script = String::from("set -euo pipefail\n");
    let (mut file, mut block) = (None, None::<(String, Vec<&str>)>);
    for line in text.lines() {
        match (&mut block, line.strip_prefix("```")) {
            (None, Some(language)) => block = Some((language.to_owned(), Vec::new())),
            (Some(_), Some(_)) => {
                let Some((language, lines)) = block.take() else { continue };
                let lines = lines.join("\n");
                match (language.as_str(), file.take()) {
                    ("sh", _) => script += &format!("{lines}\n"),
                    (_, Some(file)) => script += &format!("cat > {file} <<'END'\n{lines}\nEND\n"),
                    (other, None) => panic!("a block of `{other}` that is neither a file nor typed"),
                }
            }
            (Some((_, lines)), None) => lines.push(line),
            (None, None) => {
                if let Some(name) = line.strip_prefix("<!-- file: ") {
                    file = Some(name.trim_end_matches(" -->").to_owned());
                }
            }
        }
    }
    script
}

#[test]
fn the_tutorial_leads_from_audio_to_a_deployed_student_and_to_words() {
    let folder = tempfile::tempdir().unwrap();
    std::os::unix::fs::symlink(in_checkout("deploy").canonicalize().unwrap(), folder.path().join("deploy"))
        .unwrap();
    // As a reader has it: the programs on the path, and what `cargo xtask setup` left in the user's cache folder.
    let programs = program("stentor");
    let path = programs.parent().unwrap().display();
    let script = script(&std::fs::read_to_string(in_checkout("docs/tutorial.md")).unwrap());
    let output = Command::new("bash")
        .args(["-c", &script])
        .current_dir(folder.path())
        .env("PATH", format!("{path}:{}", std::env::var("PATH").unwrap()))
        .output()
        .unwrap();
    let words =
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{words}");

    let text = std::fs::read_to_string(folder.path().join("tutorial/student.json")).unwrap();
    let figures: serde_json::Value = serde_json::from_str(&text).unwrap();
    let rate = |key: &str| figures[key].as_f64().unwrap();
    let (frames, phones) = (rate("fer"), rate("per"));
    println!("the tutorial's student: {frames:.1} % of frames and {phones:.1} % of phones wrong");
    assert!(frames < 60.0, "{frames} % of frames wrong, where guessing silence gives 87 %");
    assert!(folder.path().join("tutorial/deployed/student").is_dir());
    assert!(folder.path().join("tutorial/posteriors/manifest.json").is_file());
    the_model_folder_recognises_what_was_scored(&folder.path().join("tutorial"));
}

/// What `stentor transcribe` recognises in the recordings of the test set, with the folder that `stentor export` made, is what
/// `stentor recognise` found in the prepared set. Two things may differ, by little: the forward pass is another one, within 1e-4 of
/// libtorch's logits, and labels have probabilities in steps of 0.4 %. A path that is hardly better than another may then lose.
fn the_model_folder_recognises_what_was_scored(tutorial: &Path) {
    let text = std::fs::read_to_string(tutorial.join("words.json")).unwrap();
    let figures: stentor_evaluate::RecognitionFigures = serde_json::from_str(&text).unwrap();
    println!("{}", figures.to_text());
    let wer = figures.wer.unwrap();
    assert!(wer < 95.0, "{wer} % of words wrong: nothing was understood");
    assert!(figures.words.errors() >= figures.unknown_words, "words that cannot be recognised are wrong");
    assert!(figures.dev_wer.is_some(), "the scales were tuned");

    let scp = std::fs::read_to_string(corpus().join("wav.scp")).unwrap();
    let recordings: BTreeMap<&str, &str> = scp.lines().map(|line| line.split_once(' ').unwrap()).collect();
    let files: Vec<&str> =
        figures.utterances.iter().map(|utterance| recordings[utterance.id.as_str()]).collect();
    let output = Command::new(program("stentor"))
        .args(["transcribe", "--whole", "--format", "json", "--model"])
        .arg(tutorial.join("model"))
        .args(&files)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let mut transcribed: BTreeMap<String, Vec<(String, u64)>> = BTreeMap::new();
    for line in String::from_utf8(output.stdout).unwrap().lines() {
        let event: serde_json::Value = serde_json::from_str(line).unwrap();
        if event["event"] != "final" {
            continue;
        }
        let words = event["words"].as_array().unwrap().iter();
        let words =
            words.map(|word| (word["word"].as_str().unwrap().to_owned(), word["start_ms"].as_u64().unwrap()));
        transcribed.entry(event["file"].as_str().unwrap().to_owned()).or_default().extend(words);
    }

    let ctm = std::fs::File::open(tutorial.join("recognised/hypothesis.ctm")).unwrap();
    let mut recognised: BTreeMap<String, Vec<(String, u64)>> = BTreeMap::new();
    for word in read_ctm(std::io::BufReader::new(ctm)).unwrap() {
        recognised.entry(word.file).or_default().push((word.word, word.start / 1000));
    }
    let (mut expected, mut found, mut latest) = (Transcripts::new(), Transcripts::new(), 0);
    for utterance in &figures.utterances {
        let of = |words: Option<&Vec<(String, u64)>>| words.cloned().unwrap_or_default();
        let (own, theirs) =
            (of(recognised.get(&utterance.id)), of(transcribed.get(recordings[utterance.id.as_str()])));
        let text = |words: &[(String, u64)]| {
            words.iter().map(|(word, _)| word.as_str()).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(text(&own), normalise(&utterance.hypothesis).words.join(" "), "{}", utterance.id);
        if text(&own) == text(&theirs) {
            let apart = own.iter().zip(&theirs).map(|((_, a), (_, b))| a.abs_diff(*b));
            latest = latest.max(apart.max().unwrap_or(0));
        }
        expected.insert(utterance.id.clone(), text(&own));
        found.insert(utterance.id.clone(), text(&theirs));
    }
    let total = score(&expected, &found, Labels::default()).unwrap().total();
    println!(
        "transcribed against recognised: {} of {} words differ, in {} of {} utterances; equal words begin at most {latest} ms apart",
        total.words.errors(),
        total.words.reference,
        total.wrong_utterances,
        total.utterances
    );
    assert!(total.words.reference > 50, "enough words to compare: {}", total.words.reference);
    assert!(total.words.rate().unwrap() < 2.0 && total.wrong_rate().unwrap() < 5.0, "{total:?}");
    assert!(latest <= 60, "equal words begin {latest} ms apart");
}

/// The corpus of the tutorial, as its first block names it.
fn corpus() -> PathBuf {
    let cache = std::env::var_os("XDG_CACHE_HOME").filter(|cache| !cache.is_empty()).map(PathBuf::from);
    let home = || PathBuf::from(std::env::var_os("HOME").unwrap()).join(".cache");
    cache.unwrap_or_else(home).join("stentor/corpora/asterisk")
}
