use crate::prepare::inventory::{Inventory, Match, is_silence};
use std::collections::BTreeSet;

fn states(list: &[(&str, u8)]) -> BTreeSet<(String, u8)> {
    list.iter().map(|(phone, state)| ((*phone).to_owned(), *state)).collect()
}

#[test]
fn ids_follow_phone_and_state() {
    let inventory =
        Inventory::new(&states(&[("SIL", 0), ("AH", 2), ("AH", 0), ("+BREATH+", 1)]), &[]).unwrap();
    let names: Vec<&str> = inventory.senones().iter().map(|s| s.name.as_str()).collect();
    assert_eq!(names, ["+BREATH+.1", "AH.0", "AH.2", "SIL.0"]);
    let silent: Vec<bool> = inventory.senones().iter().map(|s| s.silence).collect();
    assert_eq!(silent, [true, false, false, true]);
    assert_eq!(inventory.senones()[2].state, 2);
}

#[test]
fn an_unseen_state_takes_the_nearest_one_of_its_phone() {
    let inventory = Inventory::new(&states(&[("AH", 0), ("AH", 2), ("B", 1)]), &[]).unwrap();
    assert_eq!(inventory.find("AH", 2), Some(Match::Exact(1)));
    assert_eq!(inventory.find("AH", 1), Some(Match::Nearest(0)));
    assert_eq!(inventory.find("AH", 9), Some(Match::Nearest(1)));
    assert_eq!(inventory.find("ZH", 0), None);
}

#[test]
fn silence_is_known_by_its_usual_names_and_by_those_given() {
    for phone in ["SIL", "sil", "SIL_B", "sp", "spn", "NSN", "+NOISE+", "+SPN+", "pau"] {
        assert!(is_silence(phone, &[]), "{phone}");
    }
    for phone in ["S", "AH", "sil2", "S_B", "nix"] {
        assert!(!is_silence(phone, &[]), "{phone}");
    }
    assert!(is_silence("nix", &["nix".to_owned()]));
}

#[test]
fn without_a_single_alignment_there_is_no_inventory() {
    let error = Inventory::new(&BTreeSet::new(), &[]).unwrap_err();
    assert!(error.to_string().contains("nothing to train on"));
}
