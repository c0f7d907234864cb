use crate::aligner::Answer;
use crate::memo::{MEMO, Memo};
use proptest::prelude::*;
use std::collections::HashMap;

fn answer(n: u32) -> Answer {
    match n % 3 {
        0 => Answer::Error(format!("unknown word {n}\nand a line break")),
        _ => Answer::States(vec![("AH".to_owned(), 1, n, 7), ("+NOISE+".to_owned(), 0, n + 7, 1)]),
    }
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
