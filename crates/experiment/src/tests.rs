use super::*;

const SMALL: &str = "[run]\nname = \"a\"\noutput = \"runs/a\"\n[data]\nannotated = \"x\"\n";

#[test]
fn a_short_file_is_enough_and_its_long_form_reads_back_the_same() {
    let experiment = Experiment::parse(SMALL).unwrap();
    assert_eq!(Experiment::parse(&experiment.to_toml()).unwrap(), experiment);
}

#[test]
fn one_word_toggles_the_strategy_while_both_tables_stay() {
    let tables = "[exchange.gtc]\ndensity = 0.01\n[exchange.bmuf]\nblock = 10\n";
    for (word, strategy, batches) in [("gtc", Strategy::Gtc, 1), ("bmuf", Strategy::Bmuf, 10)] {
        let text = format!("{SMALL}[exchange]\nstrategy = \"{word}\"\n{tables}");
        let exchange = Experiment::parse(&text).unwrap().exchange;
        assert_eq!((exchange.strategy, exchange.batches_per_round()), (strategy, batches));
    }
}

#[test]
fn a_misspelt_key_is_named_with_its_line_and_the_nearest_known_one() {
    let text = format!("{SMALL}[schedule]\npasses = 2\nlerning_rate = 0.1\n");
    let error = Experiment::parse(&text).unwrap_err();
    assert_eq!(
        error,
        Error::UnknownKey { line: 8, key: "lerning_rate".into(), nearest: Some("learning_rate".into()) }
    );
    assert_eq!(error.to_string(), "line 8: unknown key `lerning_rate`; did you mean `learning_rate`?");
}

#[test]
fn a_value_of_the_wrong_type_or_out_of_bounds_says_what_was_expected() {
    let wrong_type = Experiment::parse(&format!("{SMALL}[schedule]\npasses = \"two\"\n")).unwrap_err();
    assert!(matches!(wrong_type, Error::Syntax { line: 7, .. }), "{wrong_type}");
    let bounds = Experiment::parse(&format!("{SMALL}[exchange.gtc]\ndensity = 0.9\n")).unwrap_err();
    assert_eq!(bounds.to_string(), "`exchange.gtc.density`: expected above 0, at most 0.5, found 0.9");
}

#[test]
fn unannotated_data_needs_labels() {
    let error = Experiment::parse(&format!("{SMALL}unannotated = \"u\"\n")).unwrap_err();
    assert!(error.to_string().starts_with("`data.labels`"), "{error}");
}

#[test]
fn the_published_sizes_override_layers_and_width() {
    let text = format!("{SMALL}[model]\npreset = \"teacher-78m\"\nwidth = 8\n");
    let model = Experiment::parse(&text).unwrap().model.resolved();
    assert_eq!((model.layers, model.width, model.bidirectional), (5, 832, true));
}

#[test]
fn the_learning_rate_rises_then_falls_linearly() {
    let schedule =
        Schedule { warmup_fraction: 0.1, final_fraction: 0.0, learning_rate: 1.0, ..Schedule::default() };
    assert!((schedule.learning_rate_at(0.05) - 0.5 * 0.95).abs() < 1e-12);
    assert!((schedule.learning_rate_at(0.5) - 0.5).abs() < 1e-12);
    assert!(schedule.learning_rate_at(1.0).abs() < 1e-12);
}

#[test]
fn the_presets_have_the_published_numbers_of_parameters() {
    let of = |preset| Model { preset: Some(preset), ..Model::default() }.parameters(192, 3000);
    assert_eq!(of(Preset::Student24M), 24_161_208);
    assert!((78_000_000..79_000_000).contains(&of(Preset::Teacher78M)));
}

#[test]
fn relative_locations_are_meant_from_the_experiment_file() {
    let text = "[run]\nname = \"a\"\noutput = \"runs/a\"\n[data]\nannotated = \"/x\"\ndev = \"s3://b/dev\"\n";
    let experiment = Experiment::parse(text).unwrap().rebased("/base");
    assert_eq!(experiment.run.output, "/base/runs/a");
    assert_eq!(experiment.data.annotated, "/x");
    assert_eq!(experiment.data.dev.as_deref(), Some("s3://b/dev"));
}
