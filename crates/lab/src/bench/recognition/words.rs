//! Word errors against `jiwer` and NIST's `sclite`, on texts of both corpora with drawn errors.

use super::judge::{output, python};
use anyhow::{Context, Result};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::BufReader;
use std::path::Path;
use std::process::Command;
use stentor_evaluate::words::files::{read_text, write_trn};
use stentor_evaluate::words::{Labels, Transcripts, drawn_errors, score};
use stentor_tasks::Environment;

/// Prints each utterance's total of errors of two TRN files.
const JIWER: &str = "
import jiwer, sys
def read(path):
    lines = [line.rstrip('\\n').rpartition('(') for line in open(path, encoding='utf-8')]
    return {id[:-1]: text.strip() for text, _, id in lines}
reference, hypothesis = read(sys.argv[1]), read(sys.argv[2])
for id, text in reference.items():
    found = jiwer.process_words(text, hypothesis[id])
    print(id, found.substitutions + found.deletions + found.insertions)
";

/// Errors of each utterance.
type Errors = BTreeMap<String, u64>;

pub(super) fn run(environment: &Environment) -> Result<Value> {
    let mut reference = Transcripts::new();
    for corpus in ["asterisk", "game"] {
        let path = environment.corpora().join(corpus).join("text");
        let file = std::fs::File::open(&path).with_context(|| path.display().to_string())?;
        let texts = read_text(BufReader::new(file)).with_context(|| path.display().to_string())?;
        reference.extend(texts.into_iter().filter(|(_, text)| !text.is_empty()));
    }
    let hypothesis = drawn_errors(&reference, 1);
    let scored = score(&reference, &hypothesis, Labels::default())?;
    let ours: Errors = scored
        .utterances
        .iter()
        .map(|utterance| (utterance.id.clone(), utterance.errors().errors()))
        .collect();
    // The judges get the words as they were compared.
    let folder = environment.target.join("bench-recognition-words");
    stentor_tasks::create_folder(&folder)?;
    let write = |name: &str, words: &dyn Fn(usize) -> String| -> Result<()> {
        let mut bytes = Vec::new();
        for (number, utterance) in scored.utterances.iter().enumerate() {
            write_trn(&mut bytes, [(utterance.id.as_str(), words(number).as_str())])?;
        }
        std::fs::write(folder.join(name), bytes).with_context(|| folder.display().to_string())
    };
    write("ref.trn", &|number| scored.utterances[number].reference.join(" "))?;
    write("hyp.trn", &|number| scored.utterances[number].hypothesis.join(" "))?;
    let total = scored.total().words;
    Ok(json!({
        "jiwer": share(&ours, &jiwer(environment, &folder)?),
        "sclite": share(&ours, &sclite(environment, &folder)?),
        "utterances": ours.len(),
        "words": total.reference,
        "wer": total.rate(),
    }))
}

/// The share of utterances with the same number of errors.
fn share(ours: &Errors, judged: &Errors) -> f64 {
    let same = ours.iter().filter(|(id, errors)| judged.get(*id) == Some(errors)).count();
    same as f64 / ours.len().max(1) as f64
}

fn jiwer(environment: &Environment, folder: &Path) -> Result<Errors> {
    let [reference, hypothesis] = ["ref.trn", "hyp.trn"].map(|name| folder.join(name).display().to_string());
    let text = python(environment, JIWER, &[&reference, &hypothesis])?;
    let errors =
        |line: &str| Some((line.split_once(' ')?.0.to_owned(), line.split_once(' ')?.1.parse().ok()?));
    Ok(text.lines().filter_map(errors).collect())
}

fn sclite(environment: &Environment, folder: &Path) -> Result<Errors> {
    let program = environment.package("sctk").join("usr/lib/sctk/bin/sclite");
    let mut command = Command::new(program);
    command.current_dir(folder).args(["-r", "ref.trn", "trn", "-h", "hyp.trn", "trn", "-i", "spu_id"]);
    Ok(of_paths(&output(command.args(["-s", "-e", "utf-8", "-o", "sgml", "stdout"]))?))
}

/// Errors by utterance of elements `<PATH id="(UTTERANCE)" …>` with steps such as `C,"a","a":D,"b",`. No word has a colon.
fn of_paths(sgml: &str) -> Errors {
    let path = |path: &str| {
        let (id, rest) = path.split_once(")\"")?;
        let steps = rest.split_once(">\n")?.1.split_once("</PATH>")?.0.trim();
        let is_error = |step: &&str| !step.is_empty() && !step.starts_with('C');
        Some((id.to_owned(), steps.split(':').filter(is_error).count() as u64))
    };
    sgml.split("<PATH id=\"(").skip(1).filter_map(path).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_are_those_of_an_utterance_s_path() {
        let path = |id: &str, steps: &str| format!("<PATH id=\"({id})\" word_cnt=\"2\">\n{steps}\n</PATH>\n");
        let sgml = format!(
            "<SYSTEM>\n{}{}",
            path("a-1", "C,\"a\",\"a\":D,\"b\",:S,\"c\",\"d\""),
            path("a-2", "C,\"a\",\"a\"")
        );
        let errors = of_paths(&sgml);
        assert_eq!(errors, Errors::from([("a-1".to_owned(), 2), ("a-2".to_owned(), 0)]));
        let ours = Errors::from([("a-1".to_owned(), 2), ("a-2".to_owned(), 1), ("a-3".to_owned(), 0)]);
        assert_eq!(share(&ours, &errors), 1.0 / 3.0);
    }
}
