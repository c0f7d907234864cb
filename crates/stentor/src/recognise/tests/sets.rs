//! Sets, labels and files that do not go together.

use super::*;

#[test]
fn sets_that_do_not_belong_together_or_have_no_texts_are_refused_before_the_model_runs() {
    let world = World::new();
    world.write_set("other", &TEST, &["SIL", "a", "c"]);
    world.write_set("mute", &[("g", None, "ab")], &["SIL", "a", "b"]);
    let error = refused(Args { train_features: world.at("other"), ..world.unlabeled() });
    assert!(error.contains("other: expected the test set's senones"), "{error}");
    let error = refused(Args { tune_on: Some(world.at("other")), ..world.unlabeled() });
    assert!(error.contains("other: expected the test set's senones"), "{error}");
    let mute = Tested { features: world.at("mute"), ..world.unlabeled().tested };
    for arguments in [
        Args { tested: mute, ..world.unlabeled() },
        Args { tune_on: Some(world.at("mute")), ..world.unlabeled() },
    ] {
        let error = refused(arguments);
        assert!(error.contains("mute: expected utterances with a text"), "{error}");
    }
    let error = refused(Args { train_features: world.at("mute"), ..world.unlabeled() });
    assert!(error.contains("mute: expected aligned utterances"), "{error}");
    let others = Tested { labels: Some(world.at("other-labels")), ..world.tested() };
    let error = refused(Args { tested: others, ..world.arguments() });
    assert!(error.contains("other-labels and "), "{error}");
    let error = refused(Args { tune_on: Some(world.at("train")), ..world.arguments() });
    assert!(error.contains("--dev-labels"), "{error}");
    assert!(!world.path("figures.json").exists());
}

#[test]
fn scales_are_not_chosen_on_the_test_set_even_if_it_lies_elsewhere_too() {
    let world = World::new();
    world.write_set("copy", &TEST, &["SIL", "a", "b"]);
    for dev in ["test", "copy"] {
        let error = run(Args { tune_on: Some(world.at(dev)), ..world.unlabeled() }).unwrap_err();
        assert_eq!(crate::exit::of(&error), stentor_runtime::ExitStatus::Data);
        let words = format!("{}: expected a dev set, found the test set of --features", world.at(dev));
        assert!(format!("{error:#}").contains(&words), "{error:#}");
    }
}

#[test]
fn labels_of_dev_and_test_are_of_one_model() {
    let world = World::new();
    world.write_set_of("another", "train", &[("t", Some("ab"), "ab")], &["SIL", "a", "b"]);
    let arguments = Args {
        tune_on: Some(world.at("train")),
        dev_labels: Some(world.at("train-labels")),
        ..world.arguments()
    };
    let error = run(arguments).unwrap_err();
    assert_eq!(crate::exit::of(&error), stentor_runtime::ExitStatus::Data);
    let words = format!("{error:#}");
    for part in ["train-labels: expected labels of the model", "(fingerprint model)", "(fingerprint another)"]
    {
        assert!(words.contains(part), "{words}");
    }
    assert!(!world.path("figures.json").exists());
}

#[test]
fn labels_that_keep_few_outputs_are_said_to_be_so() {
    let world = World::new();
    run(world.arguments()).unwrap();
    let found = world.figures();
    assert_eq!((found.outputs, found.outputs_kept), (3, 3));
    assert!(!found.to_text().contains("labels keep"), "{}", found.to_text());
    world.write_few("test", &TEST, 2);
    run(world.arguments()).unwrap();
    let found = world.figures();
    assert_eq!((found.outputs, found.outputs_kept), (3, 2));
    assert!(
        found.to_text().contains("the labels keep only 2 of 3 outputs of each frame"),
        "{}",
        found.to_text()
    );
}

#[test]
fn what_is_read_is_not_written_over_and_nothing_is_written_twice() {
    let world = World::new();
    world.write("figures.json", "{}");
    let kept = world.read("words.dict");
    let json = |name: &str| Args { json: Some(world.path(name)), ..world.arguments() };
    for (arguments, words) in [
        (
            json("words.dict"),
            "words.dict: expected a file or folder of its own for --json, found the one that --lexicon reads",
        ),
        (json("out/settings.json"), "found the one that --out writes, too"),
        (json("test/manifest.json"), "test, which --features reads"),
        (Args { baseline: Some(world.path("figures.json")), ..world.arguments() }, "--baseline reads"),
        (
            Args { settings: Some(world.path("out/./settings.json")), ..world.arguments() },
            "settings.json: expected a file or folder of its own for --out, found the one that --settings reads",
        ),
    ] {
        let error = run(arguments).unwrap_err();
        assert!(format!("{error:#}").contains(words), "{error:#}");
        assert_eq!(crate::exit::of(&error), stentor_runtime::ExitStatus::Config);
    }
    assert_eq!((world.read("words.dict"), world.read("figures.json")), (kept, "{}".to_owned()));
    assert!(!world.path("out").exists());
}
