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
    for (word, strategy) in [("gtc", Strategy::Gtc), ("bmuf", Strategy::Bmuf)] {
        let text = format!("{SMALL}[exchange]\nstrategy = \"{word}\"\n{tables}");
        let exchange = Experiment::parse(&text).unwrap().exchange;
        assert_eq!((exchange.strategy, exchange.gtc.density, exchange.bmuf.block), (strategy, 0.01, 10));
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
fn the_published_sizes_override_layers_and_width() {
    let text = format!("{SMALL}[model]\npreset = \"teacher-78m\"\nwidth = 8\n");
    let Architecture::Lstm(lstm) = Experiment::parse(&text).unwrap().model.architecture.resolved();
    assert_eq!((lstm.layers, lstm.width, lstm.bidirectional), (5, 832, true));
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
    let of = |preset| {
        let lstm = Lstm { preset: Some(preset), ..Lstm::default() };
        Architecture::from(lstm).parameter_count(192, 3000)
    };
    assert_eq!(of(Preset::Student24M), 24_161_208);
    assert!((78_000_000..79_000_000).contains(&of(Preset::Teacher78M)));
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

fn bmuf(table: &str) -> Result<Bmuf, Error> {
    Experiment::parse(&format!("{SMALL}[exchange.bmuf]\n{table}")).map(|e| e.exchange.bmuf)
}

#[test]
fn a_preset_gives_defaults_and_keys_in_the_file_take_precedence() {
    assert_eq!(bmuf("").unwrap(), Bmuf::default());
    let diloco = bmuf("preset = \"diloco\"\n").unwrap();
    assert_eq!(diloco, BlockPreset::Diloco.settings());
    assert_eq!((diloco.block, diloco.momentum, diloco.learning_rate), (500, Some(0.9), 0.7));
    let slowmo = bmuf("preset = \"slowmo\"\nblock = 12\nmoments = \"keep\"\n").unwrap();
    let expected = Bmuf { block: 12, moments: BlockMoments::Keep, ..BlockPreset::Slowmo.settings() };
    assert_eq!(slowmo, expected);
    assert_eq!((slowmo.kind, slowmo.momentum), (BmufMomentum::Classical, Some(0.7)));
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
fn unknown_keys_and_impossible_values_of_a_block_are_still_named() {
    let error = bmuf("preset = \"slowmo\"\nmomentom = 0.5\n").unwrap_err();
    assert_eq!(
        error,
        Error::UnknownKey { line: 8, key: "momentom".into(), nearest: Some("momentum".into()) }
    );
    for (table, key) in [
        ("warmup = 1.5\n", "exchange.bmuf.warmup"),
        ("delta_density = 0.0\n", "exchange.bmuf.delta_density"),
        ("momentum = 1.0\n", "exchange.bmuf.momentum"),
        ("block = 0\n", "exchange.bmuf.block"),
    ] {
        let error = bmuf(table).unwrap_err().to_string();
        assert!(error.starts_with(&format!("`{key}`")), "{error}");
    }
    let error = bmuf("deltas = \"f16\"\n").unwrap_err().to_string();
    assert_eq!(
        error,
        "line 7: `exchange.bmuf.deltas`: expected one of `f32`, `bf16`, `threshold`, found \"f16\"; did you mean `bf16`?"
    );
}

#[test]
fn block_momentum_follows_the_members_and_is_zero_in_the_warm_up() {
    let rule = Bmuf { warmup: 0.2, ..Bmuf::default() };
    assert_eq!(
        (rule.momentum_for(4, 0.1), rule.momentum_for(4, 0.2), rule.momentum_for(2, 1.0)),
        (0.0, 0.75, 0.5)
    );
    assert_eq!((rule.momentum_for(1, 0.5), rule.momentum_for(0, 0.5)), (0.0, 0.0));
    assert_eq!(BlockPreset::Diloco.settings().momentum_for(64, 0.0), 0.9);
}

#[test]
fn two_tier_is_one_word_and_uses_the_tables_of_gtc_and_bmuf() {
    let text = format!("{SMALL}[exchange]\nstrategy = \"two-tier\"\n[exchange.two_tier]\ngroup = 8\n");
    let exchange = Experiment::parse(&text).unwrap().exchange;
    assert_eq!((exchange.strategy, exchange.strategy.name()), (Strategy::TwoTier, "two-tier"));
    assert_eq!(exchange.two_tier.group, 8);
    let error = Experiment::parse(&text.replace('8', "0")).unwrap_err();
    assert_eq!(error.to_string(), "`exchange.two_tier.group`: expected 1 to 1024, found 0");
}

#[test]
fn workers_are_distributed_evenly_and_each_to_one_group() {
    let tiers = TwoTier { group: 4 };
    let sizes =
        |workers| (0..tiers.groups(workers)).map(|g| tiers.members(g, workers).len()).collect::<Vec<_>>();
    assert_eq!((sizes(8), sizes(6), sizes(5), sizes(3)), (vec![4, 4], vec![3, 3], vec![2, 3], vec![3]));
    for workers in 0..40 {
        let all = (0..tiers.groups(workers)).flat_map(|g| tiers.members(g, workers));
        assert!(all.eq(0..workers), "{workers} workers");
        for position in 0..workers {
            assert!(tiers.members(tiers.group_of(position, workers), workers).contains(&position));
        }
        assert!(sizes(workers).iter().all(|&size| size <= 4), "{workers} workers");
    }
}

#[test]
fn two_tiers_refuse_settings_that_would_let_replicas_of_a_group_diverge() {
    let parse = |more: &str| {
        Experiment::parse(&format!("{SMALL}[exchange]\nstrategy = \"two-tier\"\n{more}")).map(drop)
    };
    // Plain SGD has no state, and with Adam each worker thresholds its own updates.
    for fine in ["[optimizer]\nkind = \"sgd\"\n", ""] {
        assert_eq!(parse(fine), Ok(()), "{fine}");
    }
    let heavy = "[optimizer]\nkind = \"sgd\"\nmomentum = 0.9\n";
    let error = parse(heavy).unwrap_err().to_string();
    assert!(error.starts_with("`exchange.bmuf.moments`: expected \"reset\" or \"average\""), "{error}");
    assert_eq!(parse(&format!("{heavy}[exchange.bmuf]\nmoments = \"average\"\n")), Ok(()));
    let error = parse("[exchange.gtc]\ndownlink = \"rethreshold\"\n").unwrap_err().to_string();
    assert!(error.starts_with("`exchange.gtc.downlink`: expected \"exact\""), "{error}");
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
fn reducers_are_urls_each_once() {
    let of = |list: &str| {
        Experiment::parse(&format!("{SMALL}[exchange]\nreducers = {list}\n")).map(|e| e.exchange.reducers)
    };
    assert_eq!(of("[]").unwrap(), Vec::<String>::new());
    assert_eq!(of("[\"http://a:1\", \"https://b:2\"]").unwrap(), ["http://a:1", "https://b:2"]);
    let error = of("[\"http://a:1\", \"a:2\"]").unwrap_err().to_string();
    assert_eq!(error, "`exchange.reducers`: expected URLs that begin with http:// or https://, found `a:2`");
    for url in ["http://a:99999", "https://[::1]:0", "http://a:"] {
        let error = of(&format!("[\"{url}\"]")).unwrap_err().to_string();
        let expected = "`exchange.reducers`: expected URLs with a port from 1 to 65535";
        assert_eq!(error, format!("{expected}, found `{url}`"));
    }
    of("[\"http://[::1]\", \"http://a\"]").unwrap();
    let error = of("[\"http://a:1\", \"http://a:1\"]").unwrap_err().to_string();
    assert_eq!(error, "`exchange.reducers`: expected each reducer only once, found `http://a:1` twice");
}

#[test]
fn replicas_are_compared_every_16_rounds_unless_the_file_says_otherwise() {
    assert_eq!(Experiment::parse(SMALL).unwrap().cluster.digest_every, 16);
    let error = Experiment::parse(&format!("{SMALL}[cluster]\ndigest_every = 0\n")).unwrap_err();
    assert_eq!(error.to_string(), "`cluster.digest_every`: expected 1 to 10000 rounds, found 0");
}

#[test]
fn a_deadline_that_follows_lags_has_bounds_and_a_poison_policy_has_two_words() {
    let of = |keys: &str| Experiment::parse(&format!("{SMALL}[cluster]\n{keys}\n")).map(|e| e.cluster);
    let cluster = of("deadline_mads = 0\npoison = \"stop\"").unwrap();
    assert_eq!((cluster.deadline_mads, cluster.poison), (0.0, crate::Poison::Stop));
    let error = of("deadline_mads = -1.0").unwrap_err().to_string();
    assert_eq!(error, "`cluster.deadline_mads`: expected 0 to 1000, found -1");
    let error = of("deadline_floor_s = 0.0").unwrap_err().to_string();
    assert_eq!(error, "`cluster.deadline_floor_s`: expected above 0, at most a day, found 0");
    let error = of("boundary_deadline_s = -1.0").unwrap_err().to_string();
    assert_eq!(error, "`cluster.boundary_deadline_s`: expected above 0, at most a day, found -1");
    assert!(of("poison = \"ignore\"").unwrap_err().to_string().contains("`drop` or `stop`"));
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

#[test]
fn two_tiers_of_which_one_is_idle_give_a_warning() {
    let read = |strategy: &str, workers: u32, group: u32| {
        let text = format!(
            "{SMALL}[exchange]\nstrategy = \"{strategy}\"\n[exchange.two_tier]\ngroup = {group}\n\
             [cluster]\nworkers = {workers}\n"
        );
        Experiment::parse(&text).unwrap().warnings()
    };
    let one = |workers, group, one_group| [Warning::OneTier { workers, group, one_group }];
    assert_eq!(read("two-tier", 2, 4), one(2, 4, true));
    assert_eq!(read("two-tier", 2, 1), one(2, 1, false));
    assert_eq!(read("two-tier", 1, 1), one(1, 1, true));
    assert_eq!(read("two-tier", 4, 2), []);
    assert_eq!(read("two-tier", 3, 2), [], "one group of one and one of two");
    assert_eq!(read("gtc", 2, 4), []);
    let words = read("two-tier", 2, 4)[0].to_string();
    assert!(words.contains("one group") && words.contains("this is \"gtc\""), "{words}");
    let words = read("two-tier", 2, 1)[0].to_string();
    assert!(words.contains("a group by itself") && words.contains("this is \"bmuf\""), "{words}");
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

/// Keys that the version of the protocol before this one knows: a coordinator sends experiments to its workers.
const WRITTEN: &str = include_str!("written_keys.txt");

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
