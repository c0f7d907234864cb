use stentor_inventory::{PhoneId, PhoneTable};
use stentor_senones::{
    Context, Gaussian, Growth, Questions, Roots, Scheme, Statistics, Topology, Tree, TriphoneState,
};

/// Phones of a triphone that are tried, at most.
const TRIED: usize = 6;

/// The file of a tying tree, and the text that such a file has a digest of. A tree that is accepted maps every triphone to a
/// senone, and is written and read again as the same.
pub(crate) fn run(data: &[u8]) {
    is_accepted(data);
}

pub(crate) fn is_accepted(data: &[u8]) -> bool {
    // Almost no change to a file has the right digest.
    let texts = std::str::from_utf8(data).map(sealed);
    let trees = [Tree::decode(data).ok(), texts.ok().and_then(|file| Tree::decode(&file).ok())];
    trees.iter().flatten().for_each(used);
    trees.iter().any(Option::is_some)
}

fn used(tree: &Tree) {
    let again = Tree::decode(&tree.encode().expect("a tree that was read")).expect("a tree that was written");
    assert!(again == *tree, "a tree is read otherwise than it was written");
    let phones: Vec<PhoneId> = tree.scheme().phones.ids().take(TRIED).collect();
    for &left in &phones {
        for &centre in &phones {
            for &right in &phones {
                for state in 0..tree.scheme().topology.states() {
                    let of = TriphoneState { centre, state, left, right };
                    let senone = tree.senone(of).expect("a senone for every triphone");
                    assert!(senone.index() < tree.senones());
                }
            }
        }
    }
    // Names of phones may make two senones' names equal.
    if let Ok(inventory) = tree.inventory() {
        assert_eq!(inventory.len(), tree.senones());
    }
}

fn sealed(text: &str) -> Vec<u8> {
    let digest = blake3::hash(text.trim().as_bytes()).to_hex();
    format!("{{\"blake3\":\"{digest}\",\"tree\":{text}}}").into_bytes()
}

/// Whole files, and the texts in them.
pub(crate) fn seeds() -> Vec<Vec<u8>> {
    let trees = [Roots::PhoneState, Roots::Phone].map(|roots| grown(roots).encode().expect("finite numbers"));
    let text = |file: &Vec<u8>| {
        let file = std::str::from_utf8(file).expect("JSON");
        let (_, tree) = file.split_once("\"tree\":").expect("a sealed tree");
        tree.trim_end().strip_suffix('}').expect("an object").as_bytes().to_vec()
    };
    trees.iter().map(text).chain(trees.clone()).collect()
}

/// A tree of few states of three phones.
fn grown(roots: Roots) -> Tree {
    let silence = PhoneId::new(0);
    let scheme = Scheme {
        phones: PhoneTable::new(["SIL", "a", "b"].map(str::to_owned).to_vec()).expect("names differ"),
        context_independent: vec![silence],
        boundary: silence,
        context: Context::WithinWords,
        topology: Topology::FirstThenRest,
    };
    let mut statistics = Statistics::new(1).expect("frames have a value");
    for number in 0..18_u16 {
        let [left, centre, right] = [number % 3, number / 3 % 3, number / 9].map(PhoneId::new);
        for state in 0..2 {
            let mut gaussian = Gaussian::new(1);
            for frame in 0..4_u16 {
                gaussian.add_frame(&[f32::from(number * 5 % 7) + f32::from(frame) / 9.0 - f32::from(state)]);
            }
            statistics.add(TriphoneState { centre, state, left, right }, &gaussian).expect("one value");
        }
    }
    let growth = Growth {
        scheme: &scheme,
        roots,
        leaves: 9,
        minimum_count: 2.0,
        minimum_gain: 0.0,
        merge_below: None,
        variance_floor: 0.01,
    };
    let questions =
        Questions::from_data(&statistics, &scheme, growth.variance_floor).expect("a floor above 0");
    growth.grow(&statistics, &questions).expect("a tree").tree
}
