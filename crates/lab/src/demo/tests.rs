//! The demo with a stand-in for `stentor`: which commands it runs, in which order, and which it does not repeat.

use super::*;
use crate::runs::tests::write_features;
use stentor_tasks::Libtorch;

/// Writes the files that the real program would write, and appends its arguments to a log. Fails at the command named
/// in `fail`.
const STAND_IN: &str = r#"#!/bin/sh
home=$(dirname "$0")
echo "$*" >> "$home/log"
command=$1
file=$2
while [ $# -gt 0 ]; do
    case $1 in
        --out) out=$2 ;;
        --json) json=$2 ;;
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
    train)
        mkdir -p "${file%.toml}"
        cp "$home/train.json" "$json" ;;
    label)
        mkdir -p "$out"
        echo '{"bytes_per_frame": 50, "frames_per_s": 9000, "peak_rss_mb": 300}' > "$json" ;;
    evaluate)
        cp "$home/evaluation.json" "$json" ;;
    report)
        echo '<html>' > "$out" ;;
esac
[ -f "$home/fail" ] && [ "$command" = "$(cat "$home/fail")" ] && exit 1
exit 0
"#;

struct Stage {
    home: tempfile::TempDir,
    environment: Environment,
    options: Options,
}

impl Stage {
    fn new() -> Self {
        let home = tempfile::tempdir().unwrap();
        let text = home.path().join("stand-in");
        std::fs::write(&text, STAND_IN).unwrap();
        // While a thread of another test forks, a file that this process had open for writing cannot be executed. So
        // another process makes the copy.
        let mut install = Command::new("install");
        install.args(["-m", "755"]).arg(&text).arg(home.path().join("stentor"));
        process::run(&mut install, Deadline::minutes(1)).unwrap();
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

    /// The commands since the last call: each subcommand with its model.
    fn commands(&self) -> Vec<String> {
        let log = self.home.path().join("log");
        let text = std::fs::read_to_string(&log).unwrap_or_default();
        std::fs::write(log, "").unwrap();
        let model = |line: &str| {
            let words = || line.split(' ').map(|word| word.trim_end_matches(".toml"));
            let about = words()
                .filter_map(|word| word.rsplit_once("seed-1/"))
                .map(|(_, name)| name.to_owned())
                .next();
            format!("{} {}", words().next().unwrap_or_default(), about.unwrap_or_default()).trim().to_owned()
        };
        text.lines().map(model).collect()
    }

    fn fail_at(&self, command: &str) {
        std::fs::write(self.home.path().join("fail"), command).unwrap();
    }
}

const ALL: [&str; 13] = [
    "prepare",
    "train teacher",
    "label teacher",
    "evaluate teacher",
    "train annotated",
    "evaluate annotated",
    "train gtc",
    "evaluate gtc",
    "train bmuf",
    "evaluate bmuf",
    "train dense",
    "evaluate dense",
    "report",
];

#[test]
fn every_step_is_done_once_and_the_figures_are_written() {
    let stage = Stage::new();
    let figures = stage.demo().run().unwrap();
    assert_eq!(stage.commands(), ALL);
    assert_eq!((figures.teacher.fer, figures.students.gtc.bytes_per_frame), (50.0, 8.0));
    let out = stage.home.path().join("out");
    let written: Figures = summaries::read(&out.join("figures.json")).unwrap();
    // Compared without the measured seconds, whose last bit may differ after conversion to JSON.
    assert_eq!((written.teacher, written.students), (figures.teacher, figures.students));
    assert_eq!(written.seeds.len(), 1);
    assert_eq!((written.test_left_out["not_aligned"], written.test_heard_in_training), (2, Some(0.25)));
    assert!(out.join("report.html").is_file());
    stage.demo().run().unwrap();
    assert_eq!(stage.commands(), ["report"], "a finished demo only shows its table again");
}

#[test]
fn an_interrupted_demo_continues_where_it_stopped() {
    let stage = Stage::new();
    stage.fail_at("label");
    let error = format!("{:#}", stage.demo().run().unwrap_err());
    assert!(error.contains("seed 1 label"), "{error}");
    assert_eq!(stage.commands(), ALL[..3]);
    stage.fail_at("nothing");
    stage.demo().run().unwrap();
    assert_eq!(stage.commands(), ALL[2..]);
}

#[test]
fn a_changed_setting_redoes_what_depends_on_it_and_nothing_else() {
    let stage = Stage::new();
    stage.demo().run().unwrap();
    stage.commands();
    let mut students = stage.demo();
    students.recipe.student.passes += 1;
    students.run().unwrap();
    assert_eq!(stage.commands(), ALL[6..]);
    let mut teacher = stage.demo();
    teacher.recipe.student.passes += 1;
    teacher.recipe.teacher.width += 8;
    teacher.run().unwrap();
    let without_baseline = [&ALL[1..4], &ALL[6..]].concat();
    assert_eq!(stage.commands(), without_baseline);
}

#[test]
fn students_are_compared_with_the_baseline_on_the_same_test_data() {
    let stage = Stage::new();
    stage.demo().run().unwrap();
    let log = std::fs::read_to_string(stage.home.path().join("log")).unwrap();
    let compared = |line: &&str| line.starts_with("evaluate") && line.contains("annotated.evaluate.json");
    let lines: Vec<&str> = log.lines().filter(compared).collect();
    let with_baseline = lines.iter().filter(|line| line.contains("--baseline")).count();
    assert_eq!((lines.len(), with_baseline), (4, 3), "{log}");
    let test_data =
        |line: &&str| line.split(' ').skip_while(|word| *word != "--features").nth(1).map(str::to_owned);
    let sets: std::collections::BTreeSet<_> = lines.iter().map(test_data).collect();
    assert!(sets.len() == 1 && sets.iter().flatten().all(|set| set.ends_with("/test")), "{sets:?}");
}

#[test]
fn an_own_corpus_must_be_a_data_directory() {
    let mut stage = Stage::new();
    stage.options.corpus = Some(stage.home.path().to_owned());
    let error = stage.demo().run().unwrap_err().to_string();
    assert!(error.contains("found no wav.scp"), "{error}");
}
