//! Screenshots of the live page of a real run on the small corpus: `cargo xtask page --screenshots DIR`.

// Only xtask runs this program, and its output is only progress.
#![allow(clippy::print_stderr)]
// An internal tool: a panic shows where it failed.
#![allow(clippy::unwrap_used)]

use std::path::{Path, PathBuf};
use std::process::Command;
use stentor_tests::browser::{Browser, Look};
use stentor_tests::cluster::Cluster;
use stentor_tests::program;

/// Settings that teacher and student share.
const COMMON: &str = "[batch]\nchunk_frames = 50\nleft_context = 5\nchunks = 8\nunit_batches = 4\n[optimizer]\nkind = \"adam\"\n";

fn main() {
    let folder = PathBuf::from(std::env::args_os().nth(1).expect("a folder for the pictures"));
    std::fs::create_dir_all(&folder).unwrap();
    let place = tempfile::tempdir().unwrap();
    let experiment = prepare(place.path());
    let cluster = Cluster::start(&experiment, 3, &[]);
    eprintln!("training until the fourth score on dev ...");
    while !cluster.ask("/api/status", "").is_some_and(|answer| {
        let status: serde_json::Value = serde_json::from_str(&answer.body).unwrap();
        status["curves"]["dev"].as_array().is_some_and(|dev| dev.len() >= 4)
    }) {
        std::thread::sleep(std::time::Duration::from_millis(500));
    }
    let mut browser = Browser::start();
    for (name, look) in [
        ("light", Look::DESK),
        ("dark", Look::DESK.dark()),
        ("phone-light", Look::PHONE),
        ("phone-dark", Look::PHONE.dark()),
    ] {
        browser.look(look);
        browser.open(&format!("http://{}/", cluster.http));
        browser.wait_for("curves", "document.querySelectorAll('#loss path').length >= 3");
        let path = folder.join(format!("page-{name}.png"));
        browser.picture(look, &path);
        eprintln!("{}", path.display());
    }
}

/// Prepares the small corpus, a teacher, its labels, and the student's experiment.
fn prepare(place: &Path) -> PathBuf {
    let setting =
        |name: &str| std::env::var(name).unwrap_or_else(|_| panic!("{name}: run this by `cargo xtask page`"));
    let stentor = |arguments: &[&str]| {
        let mut command = Command::new(program("stentor"));
        let status = command.current_dir(place).args(arguments).env("STENTOR_LOG", "warn").status().unwrap();
        assert!(status.success(), "stentor {arguments:?}: {status}");
    };
    let corpus = format!("{}/asterisk", setting("STENTOR_CORPORA"));
    let aligner = setting("STENTOR_ALIGNER");
    stentor(&[
        "prepare",
        "--corpus",
        &corpus,
        "--out",
        "data",
        "--aligner",
        &aligner,
        "--annotated",
        "0.3",
        "--dev",
        "0.1",
        "--test",
        "0.1",
        "--seed",
        "1",
        "--row-group-frames",
        "2048",
        "--shard-frames",
        "8192",
    ]);
    let teacher = format!(
        "[run]\nname = \"teacher\"\noutput = \"teacher\"\n[data]\nannotated = \"data/annotated\"\ndev = \"data/dev\"\n\
         [model]\nlayers = 1\nwidth = 128\nbidirectional = true\n[schedule]\npasses = 6\nlearning_rate = 0.004\n{COMMON}"
    );
    std::fs::write(place.join("teacher.toml"), teacher).unwrap();
    stentor(&["train", "teacher.toml"]);
    stentor(&[
        "label",
        "--model",
        "teacher",
        "--features",
        "data/unannotated",
        "--out",
        "labels",
        "--top-k",
        "20",
    ]);
    let student = format!(
        "[run]\nname = \"student-gtc\"\noutput = \"student-gtc\"\n\
         [data]\nannotated = \"data/annotated\"\nunannotated = \"data/unannotated\"\nlabels = \"labels\"\ndev = \"data/dev\"\n\
         [model]\nlayers = 2\nwidth = 192\n[schedule]\npasses = 40\nannotated_passes = 2\nsub_epoch_batches = 12\n\
         learning_rate = 0.003\n[exchange]\nstrategy = \"gtc\"\n[cluster]\nworkers = 3\n[checkpoint]\ncount = 40\n{COMMON}"
    );
    let experiment = place.join("student-gtc.toml");
    std::fs::write(&experiment, student).unwrap();
    experiment
}
