use super::*;
use proptest::prelude::*;

fn states(list: &[(&str, u8)]) -> Vec<(String, u8)> {
    list.iter().map(|(phone, state)| ((*phone).to_owned(), *state)).collect()
}

/// Three senones as stored in the manifests of sets.
const WRITTEN: &str = r#"[{"name":"+BREATH+.1","phone":"+BREATH+","silence":true,"state":1},{"name":"AH.0","phone":"AH","silence":false,"state":0},{"name":"AH.2","phone":"AH","silence":false,"state":2}]"#;

#[test]
fn states_become_senones_in_their_order_with_names_and_silence() {
    let listed = states(&[("+BREATH+", 1), ("AH", 0), ("AH", 2), ("SIL", 0)]);
    let inventory = Inventory::of_states(listed, &[]).unwrap();
    let names: Vec<&str> = inventory.senones().iter().map(|s| s.name.as_str()).collect();
    assert_eq!(names, ["+BREATH+.1", "AH.0", "AH.2", "SIL.0"]);
    let silent: Vec<bool> = inventory.senones().iter().map(|s| s.silence).collect();
    assert_eq!(silent, [true, false, false, true]);
    assert_eq!(inventory.get(SenoneId::new(2)).unwrap().state, 2);
    assert_eq!(inventory.get(SenoneId::new(4)), None);
    assert_eq!(inventory.phones().collect::<Vec<_>>(), ["+BREATH+", "AH", "SIL"]);
}

#[test]
fn an_unseen_state_takes_the_nearest_one_of_its_phone() {
    // The order of states does not follow that of ids.
    let inventory = Inventory::of_states(states(&[("AH", 2), ("B", 1), ("AH", 0)]), &[]).unwrap();
    let [last, first] = [0, 2].map(SenoneId::new);
    assert_eq!(inventory.of_phone("AH"), [first, last]);
    assert_eq!(inventory.find("AH", 2), Ok(Match::Exact(last)));
    assert_eq!(inventory.find("AH", 1), Ok(Match::Nearest(first)));
    assert_eq!(inventory.find("AH", 9), Ok(Match::Nearest(last)));
}

#[test]
fn a_phone_that_is_not_there_is_named_with_what_to_do() {
    let error = Inventory::of_states(states(&[("AH", 0)]), &[]).unwrap().find("ZH", 0).unwrap_err();
    assert_eq!(error, Error::UnknownPhone { phone: "ZH".to_owned() });
    let message = error.to_string();
    assert!(message.contains("`ZH`") && message.contains("annotate"), "{message}");
}

#[test]
fn names_are_unique_and_ids_cover_every_senone() {
    let error = Inventory::of_states(states(&[("A", 0), ("B", 0), ("A", 0)]), &[]).unwrap_err();
    let expected =
        Error::RepeatedName { name: "A.0".to_owned(), first: SenoneId::new(0), second: SenoneId::new(2) };
    assert_eq!(error, expected);
    let message = error.to_string();
    assert!(message.contains("`A.0` at 0 and at 2") && message.contains("rename"), "{message}");

    let many = |count: usize| {
        let senone = |i: usize| Senone { name: i.to_string(), ..Senone::of_state("A".to_owned(), 0, &[]) };
        Inventory::new((0..count).map(senone).collect())
    };
    assert_eq!(many(MAX_SENONES).unwrap().of_phone("A").last(), Some(&SenoneId::new(u16::MAX)));
    assert_eq!(many(MAX_SENONES + 1).unwrap_err(), Error::TooManySenones { found: MAX_SENONES + 1 });
}

#[test]
fn earlier_manifests_are_read_and_written_again_byte_for_byte() {
    let inventory: Inventory = serde_json::from_str(WRITTEN).unwrap();
    assert_eq!(
        inventory,
        Inventory::of_states(states(&[("+BREATH+", 1), ("AH", 0), ("AH", 2)]), &[]).unwrap()
    );
    assert_eq!(serde_json::to_string(&inventory).unwrap(), WRITTEN);
    assert_eq!(inventory.fingerprint(), blake3::hash(WRITTEN.as_bytes()).to_hex().to_string());
    let empty: Inventory = serde_json::from_str("[]").unwrap();
    assert!(empty.is_empty() && empty == Inventory::default());
}

#[test]
fn a_list_that_is_no_inventory_says_why() {
    let refused = |text: &str| serde_json::from_str::<Inventory>(text).unwrap_err().to_string();
    let twice = WRITTEN.replace("AH.2", "AH.0");
    assert!(refused(&twice).contains("`AH.0` at 1 and at 2"), "{}", refused(&twice));
    let more = WRITTEN.replace("\"state\":1", "\"state\":1,\"colour\":1");
    assert!(refused(&more).contains("colour"), "{}", refused(&more));
    let far = WRITTEN.replace("\"state\":2", "\"state\":256");
    assert!(refused(&far).contains("256"), "{}", refused(&far));
}

#[test]
fn senones_of_a_tree_name_it_in_manifests() {
    let tree = "0123456789abcdef".repeat(4);
    let senones: Vec<Senone> = serde_json::from_str(WRITTEN).unwrap();
    let tied = Inventory::of_tree(senones.clone(), tree.clone()).unwrap();
    let text = serde_json::to_string(&tied).unwrap();
    assert_eq!(text, format!("{{\"tree\":\"{tree}\",\"senones\":{WRITTEN}}}"));
    let read: Inventory = serde_json::from_str(&text).unwrap();
    assert_eq!((read.tree(), &read), (Some(tree.as_str()), &tied));
    assert_eq!(tied.to_string(), "3 senones of tree 0123456789ab");

    let untied = Inventory::new(senones.clone()).unwrap();
    let other = Inventory::of_tree(senones, "f".repeat(64)).unwrap();
    assert_eq!((untied.tree(), untied.to_string().as_str()), (None, "3 senones"));
    for different in [&untied, &other] {
        assert!(*different != tied && different.fingerprint() != tied.fingerprint());
    }
    let refused = |from: &str, to: &str| {
        let text = text.replace(from, to);
        serde_json::from_str::<Inventory>(&text).unwrap_err().to_string()
    };
    assert!(refused(&tree, "0123").contains("found `0123`"));
    assert!(refused("AH.2", "AH.0").contains("`AH.0` at 1 and at 2"));
    assert!(refused("\"tree\"", "\"tere\"").contains("tere"));
    let number = serde_json::from_str::<Inventory>("7").unwrap_err().to_string();
    assert!(
        number.contains("expected a list of senones, or an object with `tree` and `senones`"),
        "{number}"
    );
}

fn any_senone() -> impl Strategy<Value = Senone> {
    ("[a-fé\"]{1,2}", "[ABC_SIL+]{1,4}", any::<bool>(), any::<u8>())
        .prop_map(|(name, phone, silence, state)| Senone { name, phone, silence, state })
}

proptest! {
    #[test]
    fn any_inventory_survives_a_round_trip_and_other_lists_are_rejected(senones in prop::collection::vec(any_senone(), 0..20)) {
        let names: std::collections::BTreeSet<&str> = senones.iter().map(|s| s.name.as_str()).collect();
        let unique = names.len() == senones.len();
        match Inventory::new(senones.clone()) {
            Ok(inventory) => {
                prop_assert!(unique);
                let text = serde_json::to_string(&inventory).unwrap();
                prop_assert_eq!(&text, &serde_json::to_string(&senones).unwrap());
                let read: Inventory = serde_json::from_str(&text).unwrap();
                prop_assert_eq!(read.fingerprint(), inventory.fingerprint());
                prop_assert_eq!(read, inventory);
            }
            Err(error) => prop_assert!(!unique && matches!(error, Error::RepeatedName { .. }), "{}", error),
        }
    }

    #[test]
    fn each_senone_is_found_by_its_phone_and_state(phones in prop::collection::btree_set(("[A-C]", 0u8..6), 1..12)) {
        let inventory = Inventory::of_states(phones.clone(), &[]).unwrap();
        for (number, (phone, state)) in (0u16..).zip(&phones) {
            prop_assert_eq!(inventory.find(phone, *state), Ok(Match::Exact(SenoneId::new(number))));
        }
        let listed: usize = inventory.phones().map(|phone| inventory.of_phone(phone).len()).sum();
        prop_assert_eq!(listed, inventory.len());
    }
}
