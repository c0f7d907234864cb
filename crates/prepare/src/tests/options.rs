use super::corpus::Corpus;
use super::run::run_ctm;
use crate::{Error, Options, Source};
use stentor_runtime::{ExitStatus, ProgramError};

#[test]
fn impossible_options_are_refused_before_any_work() {
    let corpus = Corpus::new(4, 16_000);
    let out = corpus.out("out");
    type Change = fn(&mut Options);
    let cases: [(Change, &str, &str); 6] = [
        (|o| o.fractions.annotated = 0.9, "--annotated, --test and --unannotated together", "whole corpus"),
        (|o| o.fractions.annotated = 0.0, "--annotated", "training needs annotated data"),
        (|o| o.fractions.dev = 0.6, "--dev", "0.5 of the annotated part"),
        (|o| o.shard_frames = 1, "--shard-frames", "at least --row-group-frames"),
        (|o| o.shift = 2_000_000, "--alignment-shift-ms", "-1000 to 1000 ms"),
        (|o| o.source = Source::Aligner("sh 'oops".to_owned()), "--aligner", "not closed"),
    ];
    for (change, flag, words) in cases {
        let error = run_ctm(&corpus, &out, change).unwrap_err();
        let said = error.to_string();
        assert!(matches!(error, Error::Option { option, .. } if option == flag), "{said}");
        assert!(said.contains(words), "{said} does not say `{words}`");
        assert_eq!(error.exit_status(), ExitStatus::Config, "{said}");
    }
    assert!(!out.exists());
}
