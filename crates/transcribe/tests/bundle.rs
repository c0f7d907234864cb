//! Model folders: written, read, and refused.
#![allow(clippy::unwrap_used, reason = "helpers of tests are tests")]

mod world;

use std::path::Path;
use stentor_exit::{ExitStatus, ProgramError};
use stentor_inventory::{Inventory, Senone};
use stentor_recogniser::{Settings, Statistics};
use stentor_transcribe::{BUNDLE, Bundle, Description, Error, Parts};
use world::{contents, language, lexicon, packed, settings};

/// The description's keys in their order, which its fingerprint is of.
const KEYS: &str =
    "schema_version created_by run_id checkpoint model features normalisation senones parts fingerprint";

fn refused(description: Description, parts: &Parts) -> Error {
    Bundle::of(description, parts, "").unwrap_err()
}

/// A bundle in a folder; `spoil` changes one of its files.
fn spoilt(file: &str, spoil: impl FnOnce(&mut Vec<u8>)) -> Error {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("model");
    contents(&lexicon(), &language(), &settings()).write(&place).unwrap();
    let path = place.join(file);
    let mut bytes = std::fs::read(&path).unwrap();
    spoil(&mut bytes);
    std::fs::write(&path, bytes).unwrap();
    match Bundle::load(&place, "").unwrap_err() {
        Error::At { place, error, .. } => {
            assert_eq!(place, path.display().to_string(), "{error}");
            *error
        }
        error => error,
    }
}

#[test]
fn a_model_that_was_written_is_read_with_the_same_parts_and_cannot_be_overwritten() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("model");
    let written = contents(&lexicon(), &language(), &settings()).write(&place).unwrap();
    let read = Bundle::load(&place, "").unwrap();
    assert_eq!(read.description(), written.description());
    assert_eq!(read.recogniser().settings(), written.recogniser().settings());
    let files = std::fs::read_dir(&place).unwrap().count();
    assert_eq!(files, read.description().parts.len() + 1);
    let text = std::fs::read_to_string(place.join(BUNDLE)).unwrap();
    let keys = text.lines().filter_map(|line| line.strip_prefix("  \"")?.split('"').next());
    assert_eq!(keys.collect::<Vec<_>>().join(" "), KEYS);
    let again = contents(&lexicon(), &language(), &settings()).write(&place).unwrap_err();
    assert!(matches!(again, Error::Options(_)), "{again}");
}

#[test]
fn a_folder_with_other_files_keeps_them_and_what_an_interrupted_export_left_is_completed() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str| contents(&lexicon(), &language(), &settings()).write(&folder.path().join(name));
    let names: Vec<String> = packed().1.0.into_keys().collect();
    assert_eq!(names, ["lexicon.txt", "lm.arpa", "model.safetensors", "settings.json"]);
    for name in names {
        let own = folder.path().join(&name).join(&name);
        std::fs::create_dir(folder.path().join(&name)).unwrap();
        std::fs::write(&own, "my own").unwrap();
        let error = write(&name).unwrap_err();
        assert!(matches!(error, Error::Options(_)), "{error}");
        assert_eq!((error.id(), error.exit_status()), ("E1515", ExitStatus::Config));
        assert!(error.to_string().starts_with(&own.display().to_string()), "{error}");
        assert_eq!(std::fs::read_to_string(&own).unwrap(), "my own");
        assert_eq!(std::fs::read_dir(folder.path().join(&name)).unwrap().count(), 1, "nothing was written");
    }
    let nowhere = folder.path().join("link");
    std::fs::create_dir(&nowhere).unwrap();
    std::os::unix::fs::symlink("elsewhere", nowhere.join("lm.arpa")).unwrap();
    assert!(matches!(write("link"), Err(Error::Options(_))), "it would be written elsewhere");

    let place = folder.path().join("left");
    write("left").unwrap();
    std::fs::remove_file(place.join(BUNDLE)).unwrap();
    std::fs::remove_file(place.join("settings.json")).unwrap();
    std::fs::write(place.join("settings.json.unfinished"), "{").unwrap();
    std::fs::write(place.join("notes.txt"), "my own").unwrap();
    write("left").unwrap();
    Bundle::load(&place, "").unwrap();
    assert_eq!(std::fs::read_to_string(place.join("notes.txt")).unwrap(), "my own");
    assert_eq!(std::fs::read_dir(&place).unwrap().count(), 6);
}

#[test]
fn a_place_that_cannot_hold_or_be_a_model_folder_is_the_command_line_s_fault() {
    let write = |place: &str| {
        let error = contents(&lexicon(), &language(), &settings()).write(Path::new(place)).unwrap_err();
        (error.id(), error.exit_status())
    };
    assert_eq!(write("/dev/null/x"), ("E1501", ExitStatus::Config));
    assert_eq!(write("/proc/x"), ("E1501", ExitStatus::Config));
    let error = Bundle::load(Path::new("/dev/null"), "").unwrap_err();
    assert!(matches!(error, Error::NoBundle { .. }), "{error}");
    assert_eq!((error.id(), error.exit_status()), ("E1502", ExitStatus::Config));
    let full = std::io::Error::from(std::io::ErrorKind::StorageFull);
    let full = Error::File { action: "write", path: "x".to_owned(), source: full };
    assert_eq!(full.exit_status(), ExitStatus::Retryable);
}

#[test]
fn counts_of_another_number_of_outputs_are_named_with_their_file() {
    let told = |outputs: Vec<u64>| {
        let statistics = settings().statistics.map(|counts| Statistics { outputs, ..counts });
        let given = Settings { statistics, ..settings() };
        let (description, parts) = contents(&lexicon(), &language(), &given).pack().unwrap();
        let error = refused(description, &parts);
        assert!(matches!(&error, Error::Content { part, .. } if part == "settings.json"), "{error}");
        error.to_string()
    };
    let counts = "`statistics` of the settings: expected counts of the model's 4 outputs, found";
    for (outputs, found) in [(vec![1; 8], "those of 8"), (vec![], "those of 0"), (vec![0; 4], "no frame")] {
        let error = told(outputs);
        assert!(error.contains(&format!("{counts} {found}")), "{error}");
    }
}

#[test]
fn a_part_that_was_cut_changed_or_lost_is_named() {
    let cut = spoilt("lm.arpa", |bytes| bytes.truncate(100));
    assert!(matches!(&cut, Error::Part { part, .. } if part == "lm.arpa"), "{cut}");
    let changed = spoilt("model.safetensors", |bytes| *bytes.last_mut().unwrap() ^= 1);
    assert!(matches!(&changed, Error::Part { part, .. } if part == "model.safetensors"), "{changed}");
    let (description, mut parts) = packed();
    parts.0.remove("settings.json");
    let lost = refused(description.clone(), &parts);
    assert!(matches!(&lost, Error::Part { part, .. } if part == "settings.json"), "{lost}");
    let (_, mut parts) = packed();
    parts.0.insert("other.bin".to_owned(), vec![1]);
    let more = refused(description, &parts);
    assert!(matches!(&more, Error::Part { part, .. } if part == "other.bin"), "{more}");
}

#[test]
fn a_description_that_was_edited_or_is_of_another_version_is_refused() {
    let edit = |from: &str, to: &str| {
        spoilt(BUNDLE, |bytes| {
            let text = String::from_utf8(bytes.clone()).unwrap();
            assert!(text.contains(from));
            *bytes = text.replacen(from, to, 1).into_bytes();
        })
    };
    assert!(matches!(edit("\"std\": [\n      5.0", "\"std\": [\n      6.0"), Error::Fingerprint { .. }));
    assert!(matches!(
        edit("\"schema_version\": 1", "\"schema_version\": 2"),
        Error::Version { found: 2, .. }
    ));
    assert!(matches!(edit("run_id", "run"), Error::Description { .. }));
    let unknown = edit("\"parts\"", "\"more\": 1, \"parts\"");
    assert!(matches!(&unknown, Error::Description { reason, .. } if reason.contains("`more`")), "{unknown}");
    assert!(matches!(spoilt(BUNDLE, |bytes| bytes.truncate(40)), Error::Description { .. }));
    let nothing = Bundle::load(Path::new("/nowhere/at/all"), "").unwrap_err();
    assert!(matches!(nothing, Error::NoBundle { .. }));
}

#[test]
fn parts_of_another_model_are_refused_by_name() {
    let (lexicon, language, settings) = (lexicon(), language(), settings());
    let given = || contents(&lexicon, &language, &settings);
    let phones = ["SIL", "a", "b", "d"].map(|phone| Senone::of_state(phone.to_owned(), 0, &[]));
    let others = Inventory::new(phones.to_vec()).unwrap();
    let mut foreign = given();
    foreign.trained.senones = others;
    let (description, parts) = foreign.pack().unwrap();
    let error = refused(description, &parts).to_string();
    assert!(error.contains("expected the statistics of the acoustic model's inventory"), "{error}");

    let mut short = given();
    short.trained.normalisation.mean.pop();
    let (description, parts) = short.pack().unwrap();
    let error = refused(description, &parts);
    assert!(
        matches!(error, Error::Mismatch { what: "values of a frame, by model and means", .. }),
        "{error}"
    );

    let mut open = given();
    open.trained.features.high_hz = 0.0;
    let (description, parts) = open.pack().unwrap();
    assert!(matches!(refused(description, &parts), Error::Mismatch { what: "features", .. }));

    let bare = Settings { statistics: None, ..settings.clone() };
    let (description, parts) = contents(&lexicon, &language, &bare).pack().unwrap();
    assert!(matches!(refused(description, &parts), Error::Content { part, .. } if part == "settings.json"));
}

#[test]
fn senones_and_tree_must_be_of_each_other() {
    let (lexicon, language, settings) = (lexicon(), language(), settings());
    let mut more = contents(&lexicon, &language, &settings);
    more.tree = Some(b"{}".to_vec());
    let (description, parts) = more.pack().unwrap();
    let error = refused(description, &parts);
    assert!(matches!(&error, Error::Content { part, .. } if part == "tree.json"), "{error}");
    let mut less = contents(&lexicon, &language, &settings);
    less.trained.senones =
        Inventory::of_tree(less.trained.senones.senones().to_vec(), "0".repeat(64)).unwrap();
    let (description, parts) = less.pack().unwrap();
    let error = refused(description, &parts);
    assert!(matches!(&error, Error::Part { part, .. } if part == "tree.json"), "{error}");
}

#[test]
fn a_network_that_has_diverged_and_a_lexicon_with_unknown_phones_are_refused_by_name() {
    let (lexicon, language, settings) = (lexicon(), language(), settings());
    let mut file = world::parameters(world::SMALL);
    file.tensors.get_mut("output.bias").unwrap().values[2] = f32::NAN;
    let mut diverged = contents(&lexicon, &language, &settings);
    diverged.parameters = file.to_bytes().unwrap().to_vec();
    let (description, parts) = diverged.pack().unwrap();
    let error = refused(description, &parts).to_string();
    assert!(error.contains("`output.bias`: value 2 is NaN"), "{error}");

    let read = stentor_inventory::ReadLexicon {
        format: stentor_inventory::LexiconFormat::Kaldi,
        stress: stentor_inventory::Stress::Keep,
        case: stentor_inventory::Case::Keep,
        normalise: stentor_inventory::Normalise::Maximum,
        phones: None,
        unknown_phones: stentor_inventory::UnknownPhones::Refuse,
    };
    let odd = read.read("ab a b\nxy a x\n").unwrap();
    let (description, parts) = contents(&odd, &language, &settings).pack().unwrap();
    let error = refused(description, &parts);
    assert!(matches!(&error, Error::Content { part, .. } if part == "lexicon.txt"), "{error}");
    assert!(error.to_string().contains('x'), "{error}");
}

#[test]
fn a_bidirectional_model_is_not_exported_for_streams() {
    let (lexicon, language, settings) = (lexicon(), language(), settings());
    let architecture =
        stentor_experiment::Lstm { layers: 1, width: 8, bidirectional: true, ..Default::default() };
    let architecture = stentor_experiment::Architecture::from(architecture);
    let mut both = contents(&lexicon, &language, &settings);
    both.trained.model.model = serde_json::to_value(architecture.resolved()).unwrap();
    let mut file = stentor_checkpoint::TensorFile::default();
    for (name, shape) in architecture.parameters(both.trained.model.inputs, both.trained.model.senones) {
        let values = vec![0.0; shape.iter().product()];
        file.tensors.insert(name, stentor_checkpoint::NamedTensor { shape, values });
    }
    both.parameters = file.to_bytes().unwrap().to_vec();
    let folder = tempfile::tempdir().unwrap();
    let error = both.write(&folder.path().join("model")).unwrap_err();
    assert!(matches!(error, Error::Network(stentor_forward::Error::NotStreaming)), "{error}");
    assert!(!folder.path().join("model").exists());
}
