use crate::Environment;
use clap::ValueEnum;
use std::path::PathBuf;

/// A corpus in Debian's packages: set-up fetches them, and `lab` makes a data directory of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Corpus {
    /// Telephone prompts by one clear voice: a small corpus, for tests.
    Asterisk,
    /// The lines of a talking adventure game: the demo's corpus.
    Game,
}

impl Corpus {
    /// Name of its folder.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Corpus::Asterisk => "asterisk",
            Corpus::Game => "game",
        }
    }

    /// Its packages; the licence of the first is copied into the corpus.
    #[must_use]
    pub fn packages(self) -> &'static [&'static str] {
        match self {
            Corpus::Asterisk => &["asterisk-core-sounds-en-wav", "asterisk-core-sounds-en"],
            Corpus::Game => &["flight-of-the-amazon-queen"],
        }
    }

    /// Changed when the data directory is made in another way: older ones are then made again.
    #[must_use]
    pub fn version(self) -> &'static str {
        match self {
            Corpus::Asterisk | Corpus::Game => "1",
        }
    }

    /// Its data directory.
    #[must_use]
    pub fn folder(self, environment: &Environment) -> PathBuf {
        environment.corpora().join(self.name())
    }

    /// Whether the data directory is made.
    #[must_use]
    pub fn is_ready(self, environment: &Environment) -> bool {
        let stamp = self.folder(environment).join("version");
        std::fs::read_to_string(stamp).is_ok_and(|version| version.trim() == self.version())
    }
}
