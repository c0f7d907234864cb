//! Whole runs over corpora whose sound is not as it should be.

use super::corpus::Corpus;
use super::stories::run_ctm;
use std::process::Command;

#[test]
fn a_named_pipe_in_wav_scp_is_a_bad_recording_and_nobody_waits_for_it() {
    let corpus = Corpus::new(40, 16_000);
    let pipe = corpus.data().join("u011.wav");
    std::fs::remove_file(&pipe).unwrap();
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let refused = run_ctm(&corpus, &corpus.out("strict"), &[]).unwrap_err().to_string();
    assert!(refused.contains("u011") && refused.contains("named pipe"), "{refused}");
    let summary = run_ctm(&corpus, &corpus.out("out"), &["--max-bad", "0.1"]).unwrap();
    assert_eq!(summary.bad_files.keys().collect::<Vec<_>>(), ["u011"]);
}
