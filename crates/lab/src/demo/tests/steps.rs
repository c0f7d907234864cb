//! The order of steps, and which of them are repeated.

use super::*;

#[test]
fn every_step_is_done_once_and_the_figures_are_written() {
    let stage = Stage::new();
    let figures = stage.demo().run().unwrap();
    assert_eq!(stage.commands(), all());
    assert_eq!((figures.teacher.fer, figures.students.gtc.bytes_per_frame), (50.0, 8.0));
    let out = stage.home.path().join("out");
    let written: Figures = summaries::read(&out.join("figures.json")).unwrap();
    // Compared without the measured seconds, whose last bit may differ after conversion to JSON.
    assert_eq!((written.teacher, written.students), (figures.teacher, figures.students));
    assert_eq!(written.seeds.len(), 1);
    assert_eq!(written.students.gtc.rates.wer.map(f64::round), Some(67.0));
    assert_eq!(written.students.annotated.dev_wer, Some(50.0));
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
    let label = GROUND.len() + 1;
    assert_eq!(stage.commands(), all()[..=label]);
    stage.fail_at("nothing");
    stage.demo().run().unwrap();
    assert_eq!(stage.commands(), all()[label..]);
    // What a step has left that must start from the beginning is removed.
    for failing in ["senones apply", "evaluate", "recognise"] {
        let stage = Stage::new();
        stage.fail_at(failing);
        stage.demo().run().unwrap_err();
        let before = stage.commands().len();
        stage.fail_at("nothing");
        stage.demo().run().unwrap();
        assert_eq!(stage.commands(), all()[before - 1..], "{failing}");
    }
}

#[test]
fn a_changed_setting_redoes_what_depends_on_it_and_nothing_else() {
    let stage = Stage::new();
    stage.demo().run().unwrap();
    stage.commands();
    let mut students = stage.demo();
    students.recipe.student.passes += 1;
    students.run().unwrap();
    let report = ["report"];
    assert_eq!(stage.commands(), [&MODELS[SEMI_SUPERVISED..], &report].concat());
    let mut teacher = stage.demo();
    teacher.recipe.student.passes += 1;
    teacher.recipe.teacher.width += 8;
    teacher.run().unwrap();
    let without_baseline = [&MODELS[..4], &MODELS[SEMI_SUPERVISED..], &report].concat();
    assert_eq!(stage.commands(), without_baseline);
}

#[test]
fn another_tree_trains_everything_anew_and_another_language_model_nothing() {
    let stage = Stage::new();
    stage.demo().run().unwrap();
    stage.commands();
    let mut order = stage.demo();
    order.recipe.lm_order = 2;
    order.run().unwrap();
    let recognised = MODELS.into_iter().filter(|command| command.starts_with("recognise"));
    let expected: Vec<&str> = ["lm estimate"].into_iter().chain(recognised).chain(["report"]).collect();
    assert_eq!(stage.commands(), expected);
    let mut tree = stage.demo();
    (tree.recipe.lm_order, tree.recipe.tying.leaves) = (2, 77);
    tree.run().unwrap();
    assert_eq!(stage.commands(), [&GROUND[1..6], &MODELS, &["report"]].concat());
}

#[test]
fn a_ceiling_is_trained_on_a_set_of_its_own_with_the_same_tree() {
    let stage = Stage::new();
    let mut demo = stage.demo();
    demo.recipe.has_ceiling = true;
    let figures = demo.run().unwrap();
    assert!(figures.students.ceiling.is_some());
    let commands = stage.commands();
    let expected = [
        &["prepare", "prepare all"],
        &GROUND[1..6],
        &["senones apply all annotated"],
        &GROUND[6..],
        &MODELS,
        &["train ceiling", "evaluate ceiling", "recognise ceiling", "report"],
    ];
    assert_eq!(commands, expected.concat());
    let toml = std::fs::read_to_string(stage.home.path().join("out/seed-1/ceiling.toml")).unwrap();
    assert!(toml.contains("\"../tied-all/annotated\"") && toml.contains("\"../tied/dev\""), "{toml}");
    assert!(!toml.contains("labels"), "{toml}");
}

#[test]
fn students_are_compared_with_the_baseline_on_the_same_test_data() {
    let stage = Stage::new();
    stage.demo().run().unwrap();
    let log = stage.log();
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
