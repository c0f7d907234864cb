//! From a corpus with texts to a model that aligns it again.

use super::boundaries::{Phone, Phones};
use anyhow::{Context, Result};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::Command;
use stentor_shards::{Column, FeatureSet, Span};
use stentor_store::Store;
use stentor_tasks::process::{self, Deadline};
use stentor_tasks::{Environment, create_folder};

/// Where, and with which programs.
pub(super) struct Recipe<'a> {
    pub(super) environment: &'a Environment,
    pub(super) programs: &'a Path,
    pub(super) folder: PathBuf,
}

/// A bidirectional teacher for half an hour of speech.
const TEACHER: &str = "[run]\nname = \"teacher\"\noutput = \"teacher\"\n\
    [data]\nannotated = \"tied/annotated\"\ndev = \"tied/dev\"\n\
    [model]\nlayers = 2\nwidth = 128\nbidirectional = true\n[batch]\nchunks = 4\nright_context = 10\n\
    [schedule]\npasses = 10\nlearning_rate = 0.004\n[checkpoint]\ncount = 4\n";

impl Recipe<'_> {
    /// A first pass with the outside aligner, tied senones, a teacher, and its alignment of the annotated set. Returns how far the
    /// alignments agree.
    pub(super) fn run(&self, corpus: &Path) -> Result<Value> {
        create_folder(&self.folder)?;
        let shares = ["--annotated", "0.9", "--dev", "0.1", "--test", "0"];
        let aligner = self.environment.aligner();
        self.stentor(
            &["prepare", "--corpus", &corpus.display().to_string(), "--out", "data", "--aligner", &aligner],
            &shares,
        )?;
        self.lexicon(corpus)?;
        self.stentor(
            &["senones", "grow", "--features", "data/annotated", "--out", "senones.tree"],
            &["--leaves", "400"],
        )?;
        for set in ["annotated", "dev"] {
            let [from, to] = ["data", "tied"].map(|folder| format!("{folder}/{set}"));
            self.stentor(
                &["senones", "apply", "--tree", "senones.tree", "--features", &from, "--out", &to],
                &["--unknown-phones", "leave-out"],
            )?;
        }
        let experiment = self.folder.join("teacher.toml");
        std::fs::write(&experiment, TEACHER).with_context(|| experiment.display().to_string())?;
        self.stentor(&["train", "teacher.toml"], &[])?;
        self.stentor(
            &[
                "align",
                "--model",
                "teacher",
                "--features",
                "tied/annotated",
                "--lexicon",
                "words.dict",
                "--out",
                "again/annotated",
            ],
            &["--unknown-phones", "leave-out", "--unknown-words", "leave-out", "--json", "align.json"],
        )?;
        let text = std::fs::read_to_string(self.folder.join("align.json"))?;
        let found: Value = serde_json::from_str(&text)?;
        let number =
            |key: &str| found[key].as_f64().with_context(|| format!("`{key}` of stentor align --json"));
        let compared = number("compared_frames")?;
        let left_out = found["left_out"].as_object().context("`left_out` of stentor align --json")?;
        let left_out: usize = left_out.values().filter_map(Value::as_array).map(Vec::len).sum();
        Ok(json!({
            "aligned": number("utterances")?,
            "retried": number("retried")?,
            "left_out": left_out,
            "frames": number("frames")?,
            "same_phone": number("same_phone_frames")? / compared,
            "same_senone": number("same_senone_frames")? / compared,
        }))
    }

    /// The phones of a set with their times, as the model's frames have them.
    pub(super) fn phones(&self, set: &str) -> Result<Phones> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let place = self.folder.join(set).display().to_string();
        runtime.block_on(async {
            let set = FeatureSet::open(&Store::open(&place)?).await?;
            let shift = set.manifest().notes.get("alignment_shift_us").context("the set has no shift")?;
            let shift_ms = shift.parse::<f64>()? / 1_000.0;
            let mut phones = Phones::new();
            for (shard, info) in set.manifest().shards.iter().enumerate() {
                for row_group in 0..info.row_groups.len() {
                    for mut row in set.rows(shard, row_group, &[Column::PHONES]).await? {
                        let phone = |span: Span| {
                            let start_ms = f64::from(span.start_ms) + shift_ms;
                            Phone {
                                name: span.text,
                                start_ms,
                                end_ms: start_ms + f64::from(span.duration_ms),
                            }
                        };
                        let spans: Vec<Span> = row.take(Column::PHONES)?;
                        phones.insert(row.utterance, spans.into_iter().map(phone).collect());
                    }
                }
            }
            Ok(phones)
        })
    }

    /// Pronunciations of all words of the texts: those of the aligner's dictionary, and guesses.
    fn lexicon(&self, corpus: &Path) -> Result<()> {
        let path = corpus.join("text");
        let texts = std::fs::read_to_string(&path).with_context(|| path.display().to_string())?;
        let words = texts.lines().filter_map(|line| Some(format!("{}\n", line.split_once(' ')?.1)));
        std::fs::write(self.folder.join("said.txt"), words.collect::<String>())?;
        self.stentor(&["lm", "text", "--text", "said.txt", "--out", "text.txt"], &[])?;
        let mut command = Command::new(self.environment.python());
        command
            .arg(self.environment.lexicon_program())
            .args(["--text", "text.txt", "--out", "words.dict", "--vocabulary", "words.txt"])
            .current_dir(&self.folder);
        process::run(&mut command, Deadline::minutes(10))
    }

    fn stentor(&self, arguments: &[&str], more: &[&str]) -> Result<()> {
        let mut command = Command::new(self.programs.join("stentor"));
        command.args(arguments).args(more).current_dir(&self.folder);
        process::run(&mut command, Deadline::minutes(60))
    }
}
