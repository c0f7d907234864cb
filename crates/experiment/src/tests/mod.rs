//! The experiment file as a whole.

mod exchange;
mod model;

use super::*;

const SMALL: &str = "[run]\nname = \"a\"\noutput = \"runs/a\"\n[data]\nannotated = \"x\"\n";

#[test]
fn a_short_file_is_enough_and_its_long_form_reads_back_the_same() {
    let experiment = Experiment::parse(SMALL).unwrap();
    assert_eq!(Experiment::parse(&experiment.to_toml()).unwrap(), experiment);
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
fn slips_of_the_fingers_are_nearer_than_words_that_merely_begin_alike() {
    let nearest = |section: &str, key: &str| {
        let error = Experiment::parse(&format!("{SMALL}[{section}]\n{key} = 1\n")).unwrap_err();
        let Error::UnknownKey { nearest, .. } = error else { panic!("{error}") };
        nearest
    };
    for (section, key, meant) in [
        ("exchange", "startegy", Some("strategy")),
        ("schedule", "psases", Some("passes")),
        ("checkpoint", "coutn", Some("count")),
        ("cluster", "wrokers", Some("workers")),
        ("cluster", "zzzz", None),
    ] {
        assert_eq!(nearest(section, key).as_deref(), meant, "{section}.{key}");
    }
}

#[test]
fn a_value_of_the_wrong_type_or_out_of_bounds_says_what_was_expected() {
    let wrong_type = Experiment::parse(&format!("{SMALL}[schedule]\npasses = \"two\"\n")).unwrap_err();
    assert!(matches!(wrong_type, Error::Type { line: 7, .. }), "{wrong_type}");
    let bounds = Experiment::parse(&format!("{SMALL}[exchange.gtc]\ndensity = 0.9\n")).unwrap_err();
    assert_eq!(bounds.to_string(), "`exchange.gtc.density`: expected above 0, at most 0.5, found 0.9");
}

#[test]
fn the_criterion_of_the_best_checkpoint_is_one_of_those_that_exist() {
    let best = |value: &str| Experiment::parse(&format!("{SMALL}[checkpoint]\nbest = {value}\n"));
    assert_eq!(Experiment::parse(SMALL).unwrap().checkpoint.best, stentor_scores::FRAME_ERROR);
    assert_eq!(best("\"loss\"").unwrap().checkpoint.best, stentor_scores::LOSS);
    assert_eq!(
        best("\"frame-eror\"").unwrap_err().to_string(),
        "line 7: `checkpoint.best`: expected `loss` or `frame-error`, found \"frame-eror\"; did you mean `frame-error`?"
    );
    let error = best("1").unwrap_err().to_string();
    assert_eq!(error, "line 7: `checkpoint.best`: expected a string in quotes, found 1");
}

#[test]
fn checkpoints_by_time_are_a_number_with_a_unit_within_bounds() {
    let every = |value: &str| Experiment::parse(&format!("{SMALL}[checkpoint]\nevery = {value}\n"));
    let said = |value: &str| every(value).unwrap_err().to_string();
    assert_eq!(Experiment::parse(SMALL).unwrap().checkpoint.every, None);
    let experiment = every("\"15min\"").unwrap();
    assert_eq!(experiment.checkpoint.every, Some(Interval::of_seconds(900)));
    assert_eq!(Experiment::parse(&experiment.to_toml()).unwrap(), experiment);
    let expected =
        "line 7: `checkpoint.every`: expected a whole number and a unit in quotes: `s`, `min`, `h` or `d`";
    assert_eq!(said("\"15 minutes\""), format!("{expected}, found \"15 minutes\""));
    assert_eq!(said("\"0s\""), "`checkpoint.every`: expected 1s to 30d, found 0s");
    assert_eq!(said("\"31d\""), "`checkpoint.every`: expected 1s to 30d, found 31d");
    assert_eq!(said("900"), "line 7: `checkpoint.every`: expected a string in quotes, found 900");
}

#[test]
fn unannotated_data_needs_labels() {
    let error = Experiment::parse(&format!("{SMALL}unannotated = \"u\"\n")).unwrap_err();
    assert!(error.to_string().starts_with("`data.labels`"), "{error}");
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
fn relative_locations_are_resolved_against_the_experiment_file() {
    let text = "[run]\nname = \"a\"\noutput = \"runs/a\"\n[data]\nannotated = \"/x\"\ndev = \"s3://b/dev\"\n\
                [model]\nstart = \"runs/b/checkpoints/1\"\n";
    let experiment = Experiment::parse(text).unwrap().rebased("/base");
    assert_eq!(experiment.model.start.as_deref(), Some("/base/runs/b/checkpoints/1"));
    assert_eq!(experiment.run.output, "/base/runs/a");
    assert_eq!(experiment.data.annotated, "/x");
    assert_eq!(experiment.data.dev.as_deref(), Some("s3://b/dev"));
}

#[test]
fn config_show_prints_every_value_of_a_preset_and_reads_back_the_same() {
    for preset in ["bmuf", "slowmo", "diloco"] {
        let text = format!("{SMALL}[exchange.bmuf]\npreset = \"{preset}\"\nwarmup = 0.1\n");
        let experiment = Experiment::parse(&text).unwrap();
        let shown = experiment.to_toml();
        assert_eq!(Experiment::parse(&shown).unwrap(), experiment);
        for key in ["preset", "block", "learning_rate", "kind", "moments", "weights", "deltas"] {
            assert!(shown.contains(&format!("\n{key} = ")), "{key} in {shown}");
        }
    }
}

#[test]
fn a_run_without_a_separate_folder_is_refused() {
    let read = |output: &str, annotated: &str| {
        let text =
            format!("[run]\nname = \"a\"\noutput = \"{output}\"\n[data]\nannotated = \"{annotated}\"\n");
        Experiment::parse(&text).unwrap()
    };
    for output in [".", "./", "..", "../..", "a/..", "/", "//", "/..", "file:///", "s3://"] {
        let said = read(output, "x").check_output().unwrap_err().to_string();
        assert_eq!(
            said,
            format!(
                "`run.output`: expected a separate folder for the run, outside the folders of data, found `{output}`"
            )
        );
    }
    let inside = [
        ("x", "x"),
        ("x/run", "./x/"),
        ("y/../x/run", "x"),
        ("runs/a", "."),
        ("/data/x/run", "file:///data/x"),
        ("s3://b/x/run", "s3://b/x/"),
    ];
    for (output, set) in inside {
        let said = read(output, set).check_output().unwrap_err().to_string();
        assert!(
            said.ends_with(&format!("found `{output}`, which is inside `data.annotated`, `{set}`")),
            "{said}"
        );
    }
    let sound =
        [("x", "x/set"), ("xs", "x"), ("../a", "b"), ("s3://b/a", "s3://c/a"), ("/x", "x"), ("s3://b", "x")];
    for (output, set) in sound {
        read(output, set).check_output().unwrap();
    }
    // If one location is absolute, the conflict shows only after rebasing.
    let mixed = read("sets/x/run", "/home/sets/x");
    mixed.check_output().unwrap();
    assert!(mixed.rebased("/home").check_output().is_err());
}

#[test]
fn a_home_or_a_variable_in_a_location_is_refused_and_never_becomes_a_folder() {
    let keys = ["output", "annotated", "unannotated", "labels", "annotated_labels", "dev", "start"];
    let read = |key: &str, location: &str| {
        let of = |name: &str| if name == key { location.to_owned() } else { format!("some/{name}") };
        let [output, data @ .., start] = keys.map(|name| format!("{name} = \"{}\"\n", of(name)));
        let data = data.concat();
        Experiment::parse(&format!("[run]\nname = \"a\"\n{output}[data]\n{data}[model]\n{start}"))
    };
    for key in keys {
        for location in ["~", "~/runs/a", "$HOME/runs/a", "${SCRATCH}/a", "", "  "] {
            let error = read(key, location).unwrap_err().to_string();
            let found = format!("found `{location}`");
            assert!(
                error.contains(&format!(".{key}`: expected a folder")) && error.ends_with(&found),
                "{error}"
            );
        }
        for location in ["s3:/bucket/x", "file:runs/x", "gs:bucket"] {
            let error = read(key, location).unwrap_err().to_string();
            assert!(
                error.contains("two slashes") && error.ends_with(&format!("found `{location}`")),
                "{error}"
            );
        }
        for location in
            ["./~/a", "./s3:/bucket", "a:b", "a b/c d", "~a", "a$", "$1", "s3://bucket/a b", "/a~/b"]
        {
            let experiment = read(key, location).unwrap_or_else(|error| panic!("{key}: {error}"));
            assert_eq!(experiment.warnings(), [], "{location}");
        }
        let [Warning::Variable { key: named }] = read(key, "/scratch/$USER/a").unwrap().warnings()[..] else {
            panic!("{key}");
        };
        assert!(named.ends_with(key), "{named}");
    }
}

/// Keys that the version of the protocol before this one knows: a coordinator sends experiments to its workers.
const WRITTEN: &str = include_str!("../written_keys.txt");

#[test]
fn a_key_that_workers_of_the_version_before_do_not_know_is_not_written_while_it_has_its_default() {
    let written = Experiment::parse(SMALL).unwrap().to_toml();
    let mut section = "";
    let mut new = Vec::new();
    for line in written.lines() {
        if let Some(name) = line.strip_prefix('[') {
            section = name.trim_end_matches(']');
        } else if let Some((key, _)) = line.split_once(" = ") {
            let key = format!("{section}.{key}");
            new.extend((!WRITTEN.lines().any(|known| known == key)).then_some(key));
        }
    }
    assert!(
        new.is_empty(),
        "{new:?}: give them `skip_serializing_if`, or raise the version of the protocol (docs/versions.md) and add them to \
         written_keys.txt with the next one"
    );
}
