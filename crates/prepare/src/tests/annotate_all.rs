use super::corpus::{Corpus, held_out_groups};
use super::run::run_ctm;
use crate::Set::{Annotated, Dev, Test, Unannotated};
use crate::Summary;

#[test]
fn with_all_texts_annotated_dev_and_test_stay_and_only_utterances_without_text_are_unannotated() {
    let corpus = Corpus::new(60, 8_000);
    let [few, all] = ["few", "all"].map(|name| corpus.folder.path().join(name));
    let before = run_ctm(&corpus, &few, |_| ()).unwrap();
    let after = run_ctm(&corpus, &all, |options| options.annotate_all = true).unwrap();
    assert_ne!(before.prepared, after.prepared);
    assert_eq!(held_out_groups(&few), held_out_groups(&all));
    let count = |summary: &Summary, set| summary.sets.get(&set).map_or(0, |set| set.utterances);
    for set in [Dev, Test] {
        assert_eq!(count(&before, set), count(&after, set));
    }
    let training = |summary| count(summary, Annotated) + count(summary, Unannotated);
    assert_eq!(training(&before), training(&after));
    assert!(count(&before, Unannotated) > 20 && count(&after, Unannotated) <= 6, "{:?}", after.sets);
}
