//! The sections `[model]`, `[augment]` and what they warn of.

use super::*;

#[test]
fn the_published_sizes_override_layers_and_width() {
    let text = format!("{SMALL}[model]\npreset = \"teacher-78m\"\nwidth = 8\n");
    let Architecture::Lstm(lstm) = Experiment::parse(&text).unwrap().model.architecture.resolved();
    assert_eq!((lstm.layers, lstm.width, lstm.bidirectional), (5, 832, true));
}

#[test]
fn the_presets_have_the_published_numbers_of_parameters() {
    let of = |preset| {
        let lstm = Lstm { preset: Some(preset), ..Lstm::default() };
        Architecture::from(lstm).parameter_count(192, 3000)
    };
    assert_eq!(of(Preset::Student24M), 24_161_208);
    assert!((78_000_000..79_000_000).contains(&of(Preset::Teacher78M)));
}

#[test]
fn a_model_that_started_from_another_is_described_as_itself_and_a_fresh_one_as_ever() {
    let read = |keys: &str| Experiment::parse(&format!("{SMALL}[model]\nwidth = 32\n{keys}"));
    let (fresh, started) = (read("").unwrap(), read("start = \"runs/b\"\nnew_output = true\n").unwrap());
    assert_eq!(started.model.architecture, fresh.model.architecture);
    assert_eq!((started.model.start.as_deref(), started.model.new_output), (Some("runs/b"), true));
    let written = fresh.to_toml();
    assert!(!written.contains("start = ") && !written.contains("new_output"), "{written}");
    assert_eq!(Experiment::parse(&started.to_toml()).unwrap(), started);
    let error = read("start = \"\"\n").unwrap_err().to_string();
    assert!(error.starts_with("`model.start`: expected a folder or URL, found ``"), "{error}");
    let error = read("strat = \"runs/b\"\n").unwrap_err().to_string();
    assert_eq!(error, "line 8: unknown key `strat`; did you mean `start`?");
    let alone = read("new_output = true\n").unwrap();
    assert_eq!(alone.warnings(), [Warning::NewOutputOfNothing], "a warning that it has no effect");
    assert_eq!(started.warnings(), []);
}

#[test]
fn masks_that_mask_nothing_give_a_warning() {
    let read =
        |augment: &str| Experiment::parse(&format!("{SMALL}[augment]\n{augment}\n")).unwrap().warnings();
    assert_eq!(read("frequency_width = 4"), [Warning::NoMasks]);
    // 60 frames with the context before them: a sixtieth is one frame.
    assert_eq!(read("time_masks = 2\ntime_share = 0.016"), [Warning::NoTimeMasks { frames: 60 }]);
    assert_eq!(read("time_masks = 2\ntime_share = 0.0"), [Warning::NoTimeMasks { frames: 60 }]);
    let words = read("frequency_width = 4")[0].to_string();
    assert!(words.contains("expected 1 or more of one of them"), "{words}");
    for some in
        ["time_masks = 2\ntime_share = 0.017", "time_masks = 1", "frequency_masks = 1\ntime_share = 0.0", ""]
    {
        assert_eq!(read(some), [], "{some}");
    }
}

#[test]
fn a_backward_direction_without_right_context_gives_a_warning() {
    let read = |model: &str, batch: &str| {
        let text = format!(
            "[run]\nname = \"a\"\noutput = \"o\"\n[data]\nannotated = \"a\"\n[model]\n{model}\n[batch]\n{batch}\n"
        );
        Experiment::parse(&text).unwrap().warnings()
    };
    assert_eq!(read("bidirectional = true", ""), [Warning::NoRightContext]);
    assert_eq!(read("preset = \"teacher-78m\"", "right_context = 0"), [Warning::NoRightContext]);
    assert_eq!(read("bidirectional = true", "right_context = 1"), []);
    assert_eq!(read("", ""), []);
    assert_eq!(read("preset = \"student-24m\"\nbidirectional = true", ""), [], "the preset decides");
}

#[test]
fn look_ahead_is_of_models_that_stream_and_brings_the_frames_that_it_hears() {
    let read = |model: &str, batch: &str| {
        let text = format!(
            "[run]\nname = \"a\"\noutput = \"o\"\n[data]\nannotated = \"a\"\n[model]\n{model}\n[batch]\n{batch}\n"
        );
        Experiment::parse(&text)
    };
    let read_twice = |text: &str| Experiment::parse(text).unwrap();
    let experiment = read("look_ahead = 3", "right_context = 3").unwrap();
    assert_eq!(experiment.model.architecture.look_ahead(), 3);
    assert_eq!(read_twice(&experiment.to_toml()), experiment);
    let error = |model: &str, batch: &str| read(model, batch).unwrap_err().to_string();
    let right = |batch: &str| read("look_ahead = 3", batch).unwrap().batch.right_context;
    assert_eq!([right(""), right("right_context = 2"), right("right_context = 5")], [3, 3, 5]);
    let mut without = experiment;
    without.batch.right_context = 2;
    let said = without.validate().unwrap_err().to_string();
    assert!(said.contains("`batch.right_context`: expected at least `model.look_ahead`"), "{said}");
    let said = error("bidirectional = true\nlook_ahead = 1", "right_context = 9");
    assert!(said.contains("`model.look_ahead`: expected 0 for a bidirectional model"), "{said}");
    assert!(error("look_ahead = 33", "right_context = 99").contains("0 to 32 frames"));
    // Programs that do not know the key read files that do not use it.
    assert!(!read("", "").unwrap().to_toml().contains("look_ahead"));
}

#[test]
fn the_model_s_table_is_written_as_ever_and_a_manifest_holds_the_architecture_alone() {
    let text = format!(
        "{SMALL}[model]\npreset = \"teacher-78m\"\ndropout = 0.25\nstart = \"runs/b\"\nnew_output = true\n"
    );
    let experiment = Experiment::parse(&text).unwrap();
    let written = "[model]\nfamily = \"lstm\"\npreset = \"teacher-78m\"\nlayers = 3\nwidth = 192\nbidirectional = false\n\
                   dropout = 0.25\nstart = \"runs/b\"\nnew_output = true\n";
    assert!(experiment.to_toml().contains(written), "{}", experiment.to_toml());
    let written = "[model]\nfamily = \"lstm\"\nlayers = 3\nwidth = 192\nbidirectional = false\n\n";
    let plain = Experiment::parse(SMALL).unwrap().to_toml();
    assert!(plain.contains(written), "{plain}");
    let manifest = serde_json::to_value(experiment.model.architecture.resolved()).unwrap();
    let expected = serde_json::json!({ "family": "lstm", "layers": 5, "width": 832, "bidirectional": true });
    assert_eq!(manifest, expected);
    let read: Architecture = serde_json::from_value(manifest).unwrap();
    assert_eq!(read, experiment.model.architecture.resolved());
}

#[test]
fn parameters_are_laid_out_layer_by_layer_and_the_output_layer_last() {
    let lstm = Lstm { layers: 2, width: 8, bidirectional: true, ..Lstm::default() };
    let architecture = Architecture::from(lstm);
    let parameters = architecture.parameters(3, 5);
    let named = |name: &str| parameters.iter().find(|(found, _)| found == name).unwrap().1.clone();
    assert_eq!(parameters.len(), 2 * 2 * 4 + 2);
    assert_eq!(named("layer.0.backward.input_weight"), [32, 3]);
    assert_eq!(named("layer.1.forward.input_weight"), [32, 16]);
    assert_eq!(named("layer.1.forward.recurrent_bias"), [32]);
    assert_eq!(parameters[16..], [("output.weight".into(), vec![5, 16]), ("output.bias".into(), vec![5])]);
    let outputs = parameters.iter().filter(|(name, _)| architecture.is_output(name));
    assert_eq!(outputs.count(), 2);
    assert!(!architecture.streams() && Architecture::default().streams());
}

#[test]
fn dropout_that_would_leave_nothing_is_refused() {
    let error = Experiment::parse(&format!("{SMALL}[model]\ndropout = 1.0\n")).unwrap_err().to_string();
    assert_eq!(error, "`model.dropout`: expected 0 to 1, 1 excluded, found 1");
}

#[test]
fn masks_are_off_by_default_and_no_wider_than_what_they_mask() {
    let read =
        |keys: &str| Experiment::parse(&format!("{SMALL}[features]\nmel_bins = 40\n[augment]\n{keys}\n"));
    let plain = Experiment::parse(SMALL).unwrap();
    assert_eq!((plain.augment.frequency_masks, plain.augment.time_masks), (0, 0));
    assert!(!plain.to_toml().contains("[augment]"), "workers of the version before do not know it");
    assert!(plain.to_complete_toml().contains("[augment]\nfrequency_masks = 0\n"));
    assert_eq!(Experiment::parse(&plain.to_complete_toml()).unwrap(), plain);
    let found =
        read("frequency_masks = 2\nfrequency_width = 40\ntime_masks = 1\ntime_width = 25\ntime_share = 1.0");
    let expected =
        Augment { frequency_masks: 2, frequency_width: 40, time_masks: 1, time_width: 25, time_share: 1.0 };
    assert_eq!(found.unwrap().augment, expected);
    for (keys, expected) in [
        ("frequency_masks = 17", "`augment.frequency_masks`: expected 0 to 16, found 17"),
        ("frequency_width = 41", "`augment.frequency_width`: expected 1 to `features.mel_bins`, found 41"),
        ("time_masks = 17", "`augment.time_masks`: expected 0 to 16, found 17"),
        ("time_width = 0", "`augment.time_width`: expected 1 to 1000 frames, found 0"),
        ("time_share = 1.5", "`augment.time_share`: expected 0 to 1, found 1.5"),
    ] {
        assert_eq!(read(keys).unwrap_err().to_string(), expected);
    }
}
