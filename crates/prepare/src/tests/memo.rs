use crate::answer::{Answer, Outcome};
use crate::memo::{MEMO, Memo};
use proptest::prelude::*;
use std::collections::HashMap;

fn answer(n: u32) -> Answer {
    let outcome = match n % 3 {
        0 => Outcome::Error(format!("unknown word {n}\nand a line break")),
        _ => Outcome::States(vec![("AH".to_owned(), 1, n, 7), ("+NOISE+".to_owned(), 0, n + 7, 1)]),
    };
    Answer { outcome, words: (n % 3 == 2).then(|| vec![("uh".to_owned(), n, 7)]) }
}

#[test]
fn answers_stored_before_words_had_times_are_read() {
    let folder = tempfile::tempdir().unwrap();
    let lines = "{\"utterance\":\"a\",\"key\":\"k\",\"states\":[[\"AH\",1,0,7]]}\n\
                 {\"utterance\":\"b\",\"key\":\"k\",\"error\":\"unknown word\"}\n";
    std::fs::write(folder.path().join(MEMO), lines).unwrap();
    let memo = Memo::open(folder.path()).unwrap();
    assert!(memo.knows("a", "k") && memo.knows("b", "k"));
    let states = Outcome::States(vec![("AH".to_owned(), 1, 0, 7)]);
    assert_eq!(memo.recall("a").unwrap(), Some(Answer { outcome: states, words: None }));
    let error = Outcome::Error("unknown word".to_owned());
    assert_eq!(memo.recall("b").unwrap(), Some(Answer { outcome: error, words: None }));
}

proptest! {
    #[test]
    fn stored_answers_survive_an_interruption_at_any_byte(
        asked in prop::collection::vec((0u32..12, 0u32..3), 1..30),
        cut in any::<prop::sample::Index>(),
    ) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(MEMO);
        let memo = Memo::open(folder.path()).unwrap();
        let mut ends = vec![0];
        for (n, key) in &asked {
            memo.keep(&format!("utt-{n}"), &key.to_string(), answer(n + key)).unwrap();
            ends.push(std::fs::metadata(&path).unwrap().len());
        }
        drop(memo);
        // Simulate a power failure at any byte.
        let length = cut.index(*ends.last().unwrap() as usize + 1) as u64;
        std::fs::File::options().write(true).open(&path).unwrap().set_len(length).unwrap();
        let whole = ends.iter().filter(|end| **end <= length).count() - 1;

        let memo = Memo::open(folder.path()).unwrap();
        let newest: HashMap<u32, u32> = asked[..whole].iter().copied().collect();
        for n in 0..12 {
            let id = format!("utt-{n}");
            prop_assert_eq!(memo.recall(&id).unwrap(), newest.get(&n).map(|key| answer(n + key)));
            for key in 0..3 {
                prop_assert_eq!(memo.knows(&id, &key.to_string()), newest.get(&n) == Some(&key));
            }
        }
        memo.keep("new", "k", answer(1)).unwrap();
        prop_assert_eq!(Memo::open(folder.path()).unwrap().recall("new").unwrap(), Some(answer(1)));
    }
}
