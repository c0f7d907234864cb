//! The demo with a stand-in for `stentor`: which commands it runs, in which order, and which it does not repeat.

mod steps;
mod words;

use super::*;
use crate::runs::tests::write_features;
use std::process::Command;
use stentor_evaluate::{Figures as Evaluation, RecognisedUtterance, RecognitionFigures};
use stentor_runlog::Summary;
use stentor_tasks::Libtorch;

/// Writes the files that the real program would write, and appends its arguments to a log. Fails at the command named
/// in `fail`.
const STAND_IN: &str = r#"#!/bin/sh
home=$(dirname "$0")
echo "$*" >> "$home/log"
command=$1
file=$2
case $command in
    senones|lm) command="$1 $2" ;;
esac
while [ $# -gt 0 ]; do
    case $1 in
        --out) out=$2 ;;
        --json) json=$2 ;;
        --labels) labels=$2 ;;
    esac
    shift
done
case $command in
    prepare)
        for set in annotated unannotated dev test; do
            mkdir -p "$out"
            cp -r "$home/set" "$out/$set"
        done
        echo '{"left_out": {"test": {"not_aligned": 2}}, "test_heard_in_training": 0.25}' \
            > "$json" ;;
    "senones grow")
        echo tree > "$out"
        echo '{"senones": 150}' > "$json" ;;
    "senones apply")
        mkdir -p "$(dirname "$out")"
        cp -r "$home/set" "$out" ;;
    "lm text")
        echo 'hold the line' > "$out"
        echo '{"sentences": 1, "words": 3, "held_out": 4}' > "$json" ;;
    "lm estimate")
        echo '\data\' > "$out"
        cp "$home/estimate.json" "$json" ;;
    train)
        mkdir -p "${file%.toml}"
        cp "$home/train.json" "$json" ;;
    label)
        mkdir -p "$out"
        echo '{"bytes_per_frame": 50, "frames_per_s": 9000, "peak_rss_mb": 300}' > "$json" ;;
    evaluate)
        [ -e "$labels" ] && echo "found labels of an earlier model" >&2 && exit 1
        mkdir -p "$labels"
        cp "$home/evaluation.json" "$json" ;;
    recognise)
        [ -e "$labels" ] || exit 1
        mkdir -p "$out"
        cp "$home/recognition.json" "$json" ;;
    report)
        echo '<html>' > "$out" ;;
esac
[ -f "$home/fail" ] && [ "$command" = "$(cat "$home/fail")" ] && exit 1
exit 0
"#;

/// Stands in for the Python of set-up.
const PYTHON: &str = r#"#!/bin/sh
home=$(dirname "$0")/../../..
program=$(basename "$1")
echo "$program" >> "$home/log"
while [ $# -gt 0 ]; do
    case $1 in
        --out) out=$2 ;;
        --vocabulary) vocabulary=$2 ;;
        --json) json=$2 ;;
    esac
    shift
done
echo 'hold HH OW L D' > "$out"
echo hold > "$vocabulary"
echo '{"words": 1, "guessed": {}, "left_out": {}}' > "$json"
"#;

struct Stage {
    home: tempfile::TempDir,
    environment: Environment,
    options: Options,
}

impl Stage {
    fn new() -> Self {
        let home = tempfile::tempdir().unwrap();
        install(home.path(), STAND_IN, "stentor");
        install(home.path(), PYTHON, "cache/venv/bin/python");
        write_features(&home.path().join("set"), &[200; 5]);
        let evaluation = Evaluation {
            fer: Some(50.0),
            fer_speech: Some(60.0),
            per: Some(45.0),
            audio_hours_per_s: Some(0.1),
            ..Evaluation::default()
        };
        let evaluation = serde_json::to_string(&evaluation).unwrap();
        std::fs::write(home.path().join("evaluation.json"), evaluation).unwrap();
        let said = RecognisedUtterance {
            id: "u0".to_owned(),
            group: "g".to_owned(),
            reference: "hold the line".to_owned(),
            hypothesis: "hold a line please".to_owned(),
        };
        let (recognition, _) = RecognitionFigures::score(vec![said], 10, 1).unwrap();
        let recognition = RecognitionFigures { dev_wer: Some(50.0), ..recognition };
        let recognition = serde_json::to_string(&recognition).unwrap();
        std::fs::write(home.path().join("recognition.json"), recognition).unwrap();
        let estimate = r#"{"words": 3, "unknown": 1, "ngrams": [3, 4, 5]}"#;
        std::fs::write(home.path().join("estimate.json"), estimate).unwrap();
        let train = Summary { frames: 100, seconds: 1.5, bytes_per_frame: 8.0, ..Summary::default() };
        std::fs::write(home.path().join("train.json"), serde_json::to_string(&train).unwrap()).unwrap();
        let cache = home.path().join("cache");
        let environment = Environment {
            root: home.path().to_owned(),
            target: cache.join("target"),
            libtorch: Libtorch::Fetched(cache.join("libtorch")),
            cache,
        };
        let mut options = Options::for_tests(home.path().join("out"));
        options.fresh = false;
        Self { home, environment, options }
    }

    fn demo(&self) -> Demo<'_> {
        Demo::new(&self.environment, &self.options, self.home.path().to_owned()).unwrap()
    }

    /// The commands since the last call: each subcommand with its model or set.
    fn commands(&self) -> Vec<String> {
        let log = self.home.path().join("log");
        let text = std::fs::read_to_string(&log).unwrap_or_default();
        std::fs::write(log, "").unwrap();
        let about = |line: &str| {
            let mut words = line.split(' ').map(|word| word.trim_end_matches(".toml"));
            // Of `gtc.posteriors/test` the model.
            let name = |word: &str| word.split_once('.').map_or(word, |(name, _)| name).to_owned();
            let after = |part: &str| words.clone().find_map(|word| Some(name(word.rsplit_once(part)?.1)));
            let about = after("seed-1/").or_else(|| after("out/tied/")).or_else(|| after("out/tied-all/"));
            let command = words.next().unwrap_or_default().to_owned();
            let second = if ["senones", "lm"].contains(&command.as_str()) { words.next() } else { None };
            let all = line.contains("--annotate-all") || line.contains("tied-all/");
            let parts = [Some(command), second.map(str::to_owned), all.then(|| "all".to_owned()), about];
            parts.into_iter().flatten().collect::<Vec<_>>().join(" ")
        };
        text.lines().map(about).collect()
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.home.path().join("log")).unwrap()
    }

    fn fail_at(&self, command: &str) {
        std::fs::write(self.home.path().join("fail"), command).unwrap();
    }
}

/// Writes a program. While a thread of another test forks, a file that this process had open for writing cannot be executed.
/// So another process makes the copy.
fn install(home: &Path, text: &str, name: &str) {
    let source = home.join("source");
    std::fs::write(&source, text).unwrap();
    let mut install = Command::new("install");
    install.args(["-D", "-m", "755"]).arg(&source).arg(home.join(name));
    process::run(&mut install, Deadline::minutes(1)).unwrap();
}

/// What comes before the first model.
const GROUND: [&str; 9] = [
    "prepare",
    "senones grow",
    "senones apply annotated",
    "senones apply dev",
    "senones apply test",
    "senones apply unannotated",
    "lm text",
    "lexicon.py",
    "lm estimate",
];

const MODELS: [&str; 16] = [
    "train teacher",
    "label teacher",
    "evaluate teacher",
    "recognise teacher",
    "train annotated",
    "evaluate annotated",
    "recognise annotated",
    "train gtc",
    "evaluate gtc",
    "recognise gtc",
    "train bmuf",
    "evaluate bmuf",
    "recognise bmuf",
    "train dense",
    "evaluate dense",
    "recognise dense",
];

/// Where the students begin that learn from the teacher's labels.
const SEMI_SUPERVISED: usize = 7;

fn all() -> Vec<&'static str> {
    [&GROUND[..], &MODELS, &["report"]].concat()
}
