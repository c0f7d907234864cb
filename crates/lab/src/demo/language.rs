//! What words are recognised with: the text of a language model, a lexicon of its words, and the model.

use super::{Call, Demo, options, summaries};
use crate::journal::{Done, Leftovers, Step};
use anyhow::{Context, Result, ensure};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use stentor_inventory::{Case, LexiconFormat as Format, Normalise, ReadLexicon, Stress, UnknownPhones};
use stentor_tasks::create_folder;
use stentor_tasks::options::demo::LexiconFormat;

/// Whether words are recognised.
#[derive(Debug)]
pub(crate) enum Words {
    /// With a lexicon and a language model.
    Recognised(Language),
    /// Not, for this reason, a sentence.
    LeftOut(String),
}

impl Words {
    pub(crate) fn language(&self) -> Option<&Language> {
        match self {
            Words::Recognised(language) => Some(language),
            Words::LeftOut(_) => None,
        }
    }
}

/// A lexicon and a language model.
#[derive(Debug)]
pub(crate) struct Language {
    pub(crate) lexicon: PathBuf,
    pub(crate) format: LexiconFormat,
    pub(crate) model: PathBuf,
    /// The last step, which depends on all others.
    pub(crate) done: Done,
    /// For all steps together.
    pub(crate) seconds: f64,
    pub(crate) text: TextFigures,
    /// Whether the text is of the corpus, without the groups of dev and test.
    pub(crate) is_of_corpus: bool,
    pub(crate) words: LexiconFigures,
    pub(crate) estimate: EstimateFigures,
}

/// The keys of `stentor lm text --json` that are used here.
#[derive(Debug, Clone, Default, Deserialize)]
pub(crate) struct TextFigures {
    pub(crate) sentences: u64,
    pub(crate) words: u64,
    /// Utterances with a text in groups of dev and test.
    pub(crate) held_out: u64,
}

/// The keys of `lexicon.py --json` that are used here, or those of a lexicon of the user.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct LexiconFigures {
    pub(crate) words: u64,
    /// Words whose pronunciation was guessed from their letters, with how often the text has them.
    pub(crate) guessed: BTreeMap<String, u64>,
    /// Words without a pronunciation.
    pub(crate) left_out: BTreeMap<String, u64>,
}

/// The keys of `stentor lm estimate --json` that are used here.
#[derive(Debug, Clone, Default, Deserialize)]
pub(crate) struct EstimateFigures {
    /// Words of the text.
    pub(crate) words: u64,
    /// Of these, words that the lexicon does not have.
    pub(crate) unknown: u64,
    /// 1-grams first.
    pub(crate) ngrams: Vec<u64>,
}

impl Demo<'_> {
    /// Makes lexicon and language model, or finds that there can be no lexicon.
    pub(super) fn language(&self, prepared: Done) -> Result<Words> {
        if self.options.phones.is_some() && self.options.lexicon.is_none() {
            return Ok(Words::LeftOut(
                "No words were recognised: the phones are those of --phones, for which there is no lexicon; give one with \
                 --lexicon."
                    .to_owned(),
            ));
        }
        let folder = self.folder.join("language");
        create_folder(&folder)?;
        let at = |name: &str| folder.join(name);
        let text = self.text(prepared, &at("text.txt"), &at("text.json"))?;
        let words = at("words.txt");
        let (lexicon, format, lexical, of_words) = match &self.options.lexicon {
            Some(own) => {
                let own = options::file(own, "--lexicon")?;
                let (done, figures) = self.own_words(&own, &words)?;
                (own, self.options.lexicon_format, done, figures)
            }
            None => {
                let lexicon = at("lexicon.dict");
                let done = self.lexicon(text, &at("text.txt"), &lexicon, &words, &at("lexicon.json"))?;
                (lexicon, LexiconFormat::Cmu, done, summaries::read(&at("lexicon.json"))?)
            }
        };
        let model = at("model.arpa");
        let mut command = self.stentor("lm");
        command.arg("estimate").arg("--text").arg(at("text.txt"));
        command.args(["--order", &self.recipe.lm_order.to_string()]).arg("--vocabulary").arg(&words);
        command.arg("--out").arg(&model).arg("--json").arg(at("model.json"));
        let done = self.call(Call::new("lm estimate", &[text, lexical], &model, command))?;
        let estimate: EstimateFigures = summaries::read(&at("model.json"))?;
        ensure!(
            estimate.unknown < estimate.words,
            "expected words of the language model's text in {}, found none of {}: write them in small letters, or check \
             --lexicon-format",
            lexicon.display(),
            estimate.words
        );
        Ok(Words::Recognised(Language {
            lexicon,
            format,
            model,
            done,
            seconds: text.seconds + lexical.seconds + done.seconds,
            text: summaries::read(&at("text.json"))?,
            is_of_corpus: self.options.lm_text.is_none(),
            words: of_words,
            estimate,
        }))
    }

    /// The text of the language model: that of the user, or those of the corpus without the groups of dev and test.
    fn text(&self, prepared: Done, out: &Path, json: &Path) -> Result<Done> {
        let mut command = self.stentor("lm");
        command.arg("text");
        let after = match &self.options.lm_text {
            Some(own) => {
                let own = options::file(own, "--lm-text")?;
                command.arg("--text").arg(&own);
                options::version(&own)?
            }
            None => {
                command.arg("--corpus").arg(options::corpus_folder(self.options, self.environment)?);
                command.arg("--prepared").arg(self.folder.join("data"));
                String::new()
            }
        };
        command.arg("--out").arg(out).arg("--json").arg(json);
        self.call(Call::new("lm text", &[prepared], out, command).with(&after))
    }

    /// A lexicon of the text's words in the aligner's phones.
    fn lexicon(&self, text: Done, of: &Path, out: &Path, words: &Path, json: &Path) -> Result<Done> {
        let mut command = Command::new(self.environment.python());
        command.arg(self.environment.lexicon_program()).current_dir(&self.environment.root);
        command.arg("--text").arg(of).arg("--out").arg(out);
        command.arg("--vocabulary").arg(words).arg("--json").arg(json);
        self.call(Call::new("lexicon", &[text], out, command))
    }

    /// The words of the user's lexicon, as the language model has to write them.
    fn own_words(&self, lexicon: &Path, out: &Path) -> Result<(Done, LexiconFigures)> {
        let words = words_of(lexicon, self.options.lexicon_format)?;
        let figures = LexiconFigures { words: words.len() as u64, ..LexiconFigures::default() };
        let inputs = format!("words of {}, {}", lexicon.display(), options::version(lexicon)?);
        let step = Step { name: "lexicon", inputs, output: out, leftovers: Leftovers::Discard };
        let done = self.journal.step(&step, || {
            std::fs::write(out, words.join("\n") + "\n")
                .with_context(|| format!("cannot write {}", out.display()))
        })?;
        Ok((done, figures))
    }
}

/// The words of a lexicon in small letters, as texts are normalised. Marks in brackets, such as `<unk>`, are none.
fn words_of(path: &Path, format: LexiconFormat) -> Result<Vec<String>> {
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    let read = ReadLexicon {
        format: match format {
            LexiconFormat::Cmu => Format::Cmu,
            LexiconFormat::Kaldi => Format::Kaldi,
            LexiconFormat::KaldiProbabilities => Format::KaldiProbabilities,
        },
        stress: Stress::Keep,
        case: Case::Lower,
        normalise: Normalise::Maximum,
        phones: None,
        unknown_phones: UnknownPhones::Refuse,
    };
    let lexicon = read.read(&text).with_context(|| path.display().to_string())?;
    let is_word = |word: &&str| !word.starts_with(['<', '[', '(', '{', '!', '+']);
    Ok(lexicon.words().map(|(_, word, _)| word).filter(is_word).map(str::to_owned).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_of_a_lexicon_are_in_small_letters_without_marks_for_sounds() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lexicon.txt");
        std::fs::write(&path, "!SIL sil\n<UNK> spn\nHouse h aU s\nHouse h aU z\nof Q v\n").unwrap();
        assert_eq!(words_of(&path, LexiconFormat::Kaldi).unwrap(), ["house", "of"]);
        std::fs::write(&path, "House 1.0 h aU s\nof 0.5\n").unwrap();
        let error = format!("{:#}", words_of(&path, LexiconFormat::KaldiProbabilities).unwrap_err());
        assert!(error.contains("lexicon.txt"), "{error}");
    }
}
