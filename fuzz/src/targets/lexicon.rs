use std::fmt::Write;
use stentor_inventory::{
    Case, Lexicon, LexiconError, LexiconFormat, Lookup, Normalise, PhoneTable, ReadLexicon, Stress,
    UnknownPhones,
};

/// The phones of the options in which a lexicon's phones must be known.
const PHONES: [&str; 6] = ["AH", "AH0", "B", "HH", "L", "OW"];

/// A lexicon in the format that the first byte says, which also chooses how it is read. If it is accepted, all words are found, and
/// it is written as Kaldi's `lexiconp.txt` and reads the same again.
pub(crate) fn run(data: &[u8]) {
    is_accepted(data);
}

pub(crate) fn is_accepted(data: &[u8]) -> bool {
    let Some((&options, text)) = data.split_first() else { return false };
    let Ok(text) = std::str::from_utf8(text) else { return false };
    let phones = PhoneTable::new(PHONES.map(str::to_owned).to_vec()).expect("names differ");
    let is_set = |bit: u8| options >> bit & 1 == 1;
    let read = ReadLexicon {
        format: match options % 3 {
            0 => LexiconFormat::Cmu,
            1 => LexiconFormat::Kaldi,
            _ => LexiconFormat::KaldiProbabilities,
        },
        stress: if is_set(2) { Stress::Strip } else { Stress::Keep },
        case: if is_set(3) { Case::Lower } else { Case::Keep },
        normalise: if is_set(4) { Normalise::Sum } else { Normalise::Maximum },
        phones: is_set(5).then_some(&phones),
        unknown_phones: if is_set(6) { UnknownPhones::LeaveOut } else { UnknownPhones::Refuse },
    };
    let Ok(lexicon) = read.read(text) else { return false };
    assert!(!lexicon.is_empty() && lexicon.len() <= text.len());
    for (id, word, said) in lexicon.words() {
        assert!(lexicon.id(word) == Some(id) && lexicon.look_up(word) == Lookup::Word(id), "{word}");
        assert!(!said.is_empty());
        for one in said {
            assert!(!one.phones.is_empty() && one.probability > 0.0 && one.probability <= 1.0, "{word}");
        }
    }
    if read.normalise == Normalise::Maximum {
        let again = ReadLexicon {
            format: LexiconFormat::KaldiProbabilities,
            stress: Stress::Keep,
            case: Case::Keep,
            normalise: Normalise::Maximum,
            phones: Some(lexicon.phones()),
            unknown_phones: UnknownPhones::Refuse,
        };
        match again.read(&written(&lexicon)) {
            Ok(again) => assert!(again.words().eq(lexicon.words()), "{text:?}"),
            // Probabilities make lines longer.
            Err(error) => assert!(matches!(error, LexiconError::LongLine { .. }), "{text:?}: {error}"),
        }
    }
    true
}

fn written(lexicon: &Lexicon) -> String {
    let mut text = String::new();
    for (_, word, said) in lexicon.words() {
        for one in said {
            write!(text, "{word} {}", one.probability).expect("memory can be written");
            for phone in &one.phones {
                write!(text, " {}", lexicon.phones().name(*phone).expect("a phone of the table"))
                    .expect("memory can be written");
            }
            text.push('\n');
        }
    }
    text
}

pub(crate) fn seeds() -> Vec<Vec<u8>> {
    let cmu = ";;; a comment\nHELLO HH AH0 L OW # guessed\nHELLO(2) HH AH0 L OW\n\nL\tL\n";
    let kaldi = "hello HH AH L OW\nhello HH OW L\n<unk> X\n";
    let probabilities = "hello 0.5 HH AH L OW\nhello 1.0 B\n[noise] 1e-3 L\n";
    // The lower bits choose a format together: 0 and 36 are the dictionary's, 1 Kaldi's, 98 leaves unknown phones out.
    let seeds = [(0, cmu), (36, cmu), (1, kaldi), (97, kaldi), (2, probabilities), (26, probabilities)];
    seeds.map(|(options, text)| [&[options], text.as_bytes()].concat()).to_vec()
}
