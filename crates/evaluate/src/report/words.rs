//! Recognised words: rates with their intervals, what they were recognised with, and some utterances to read and hear.

use super::{Fact, ReportData, Row, bars, tables};
use crate::format::{Text, decimal};
use crate::words::{Edit, align, normalise};
use serde::{Deserialize, Serialize};
use std::fmt::Write;

/// How words were recognised, and examples.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Recognition {
    /// Lexicon, language model and their fit to the test set, in names and values.
    pub facts: Vec<Fact>,
    /// How the examples were chosen, as a sentence.
    pub choice: String,
    /// Utterances of the test set, in the order of presentation.
    pub examples: Vec<Example>,
}

/// What was said in an utterance, and what each system recognised.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Example {
    /// Name of the utterance.
    pub utterance: String,
    /// Its text.
    pub reference: String,
    /// Names of systems, as in their rows, and what they recognised.
    pub hypotheses: Vec<(String, String)>,
    /// The sound; absent if it was too large for the page.
    pub clip: Option<Clip>,
}

/// Sound that a browser can play.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Clip {
    /// Its format.
    pub format: ClipFormat,
    /// The bytes of the file in base64.
    pub base64: String,
}

/// Formats that all browsers play.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ClipFormat {
    /// WAV with 16-bit samples.
    Wav,
    /// MP3.
    Mp3,
    /// FLAC.
    Flac,
}

impl ClipFormat {
    fn media_type(self) -> &'static str {
        match self {
            Self::Wav => "audio/wav",
            Self::Mp3 => "audio/mpeg",
            Self::Flac => "audio/flac",
        }
    }
}

/// The section's content; `None` if no words were recognised.
pub(super) fn body(data: &ReportData) -> Option<String> {
    let rates = rates(data)?;
    let mean = |row: &Row| row.wer().map(|rate| rate.mean);
    let chart = bars::bars(data, "Word error rate on test", "percent", mean, |v| decimal(v, 1));
    let mut out = match chart {
        Some(chart) => format!("<div class=\"split\">{rates}<div>{chart}</div></div>"),
        None => rates,
    };
    if let Some(recognition) = &data.recognition {
        let facts = recognition.facts.iter().map(|f| (f.name.as_str(), f.value.clone()));
        out += &tables::facts("Recognised with", facts).unwrap_or_default();
        out += &examples(data, recognition);
    }
    Some(out)
}

/// The table of word error rates.
fn rates(data: &ReportData) -> Option<String> {
    let rows: Vec<&Row> = data.rows.iter().filter(|row| row.wer().is_some()).collect();
    let words = rows.iter().find_map(|row| row.word_errors)?.reference;
    let recovered = rows.iter().any(|row| row.recovery.is_some());
    let mut out = String::new();
    let caption = format!(
        "Word errors, percent of {} reference words{}. Change: errors relative to annotated audio alone.{}",
        decimal(words as f64, 0),
        if rows.iter().any(|row| row.runs.len() > 1) { " of all seeds" } else { "" },
        if recovered {
            " Recovered: the share of the errors between annotated audio alone and annotation of all audio that a student \
             avoids without those annotations, with its 95 % interval."
        } else {
            ""
        }
    );
    let mut columns = vec!["System", "Words", "95 % interval", "Change"];
    columns.extend(recovered.then_some("Recovered"));
    columns.extend(["Substituted", "Inserted", "Deleted"]);
    tables::open(&mut out, &caption, &columns);
    for row in rows {
        let interval = row.wer_interval.map(|i| format!("{} to {}", decimal(i.low, 1), decimal(i.high, 1)));
        let errors = row.word_errors.filter(|errors| errors.reference > 0);
        let share = |of: u64, all: u64| decimal(100.0 * of as f64 / all as f64, 1);
        let kinds = [
            errors.map(|e| share(e.substitutions, e.reference)),
            errors.map(|e| share(e.insertions, e.reference)),
            errors.map(|e| share(e.deletions, e.reference)),
        ];
        let recovery = row.recovery.map(|recovery| {
            let ends = recovery
                .interval
                .map(|(low, high)| format!("<small>{} to {}</small>", decimal(low, 0), decimal(high, 0)));
            format!("<td>{} %{}</td>", decimal(recovery.percent, 0), ends.unwrap_or_default())
        });
        let recovery = recovered.then(|| recovery.unwrap_or_else(|| tables::cell(None)));
        let _ = write!(
            out,
            "<tr>{}{}{}{}{}{}</tr>",
            tables::system(data, row, ""),
            tables::rate(row.wer()),
            tables::cell(interval),
            tables::cell(tables::change(data, row, Row::wer)),
            recovery.unwrap_or_default(),
            kinds.map(tables::cell).concat()
        );
    }
    tables::close(&mut out);
    Some(out)
}

/// Utterances with what each system recognised.
fn examples(data: &ReportData, recognition: &Recognition) -> String {
    if recognition.examples.is_empty() {
        return String::new();
    }
    let mut out = format!(
        "<h3 class=\"apart\">What was recognised</h3><p class=\"lead\">{} Marked: <mark>another word</mark>, \
         <ins>a word too many</ins>, <del>a word that is missing</del>.</p><ol class=\"heard\">",
        Text(&recognition.choice)
    );
    for example in &recognition.examples {
        out += "<li><div class=\"said\">";
        if let Some(clip) = &example.clip {
            let _ = write!(
                out,
                "<audio controls preload=\"none\" aria-label=\"{}\" src=\"data:{};base64,{}\"></audio>",
                Text(&example.utterance),
                clip.format.media_type(),
                Text(&clip.base64)
            );
        }
        let reference = normalise(&example.reference).words;
        let _ = write!(
            out,
            "<p>{}</p><small>{}</small></div><table><caption class=\"hidden\">{1}</caption><tbody>",
            Text(&reference.join(" ")),
            Text(&example.utterance)
        );
        for (system, text) in &example.hypotheses {
            let class = data.palette(system).class();
            let _ = write!(
                out,
                "<tr><th scope=\"row\"><span class=\"key {class}\" aria-hidden=\"true\"></span>{}</th>{}</tr>",
                Text(system),
                compared(&reference, &normalise(text).words)
            );
        }
        out += "</tbody></table></li>";
    }
    out + "</ol>"
}

/// The words of a hypothesis with errors marked, and the number of errors.
fn compared(reference: &[String], hypothesis: &[String]) -> String {
    // An utterance so long that it cannot be aligned is shown as it is.
    let Some(edits) = align(reference, hypothesis) else {
        return format!("<td class=\"words\">{}</td><td class=\"wrong\"></td>", Text(&hypothesis.join(" ")));
    };
    let (mut expected, mut found) = (reference.iter(), hypothesis.iter());
    let mut words = Vec::with_capacity(edits.len());
    let mut wrong = 0;
    for edit in edits {
        let (tag, word) = match edit {
            Edit::Correct => {
                expected.next();
                ("", found.next())
            }
            Edit::Substitution => {
                expected.next();
                ("mark", found.next())
            }
            Edit::Insertion => ("ins", found.next()),
            Edit::Deletion => ("del", expected.next()),
        };
        let word = Text(word.map_or("", String::as_str));
        wrong += usize::from(edit != Edit::Correct);
        words.push(if tag.is_empty() { word.to_string() } else { format!("<{tag}>{word}</{tag}>") });
    }
    let count = match wrong {
        0 => "right".to_owned(),
        1 => "1 error".to_owned(),
        n => format!("{n} errors"),
    };
    format!("<td class=\"words\">{}</td><td class=\"wrong\">{count}</td>", words.join(" "))
}
