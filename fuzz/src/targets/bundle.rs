use std::sync::OnceLock;
use stentor_transcribe::{BUNDLE, Bundle, Description, Parts};

#[path = "../../../crates/transcribe/tests/world/mod.rs"]
mod world;

/// The description of a model folder. If it can be understood, it is written and read again as the same, with a fingerprint that fits
/// it; and the folder that it describes, with the parts of the valid example, is refused or works.
pub(crate) fn run(data: &[u8]) {
    is_accepted(data);
}

pub(crate) fn is_accepted(data: &[u8]) -> bool {
    let whole = Description::read(data, BUNDLE);
    let Ok(description) = serde_json::from_slice::<Description>(data) else {
        assert!(whole.is_err());
        return false;
    };
    // Almost no change to a description has the right fingerprint.
    let description = description.sealed();
    match Description::read(&description.write(), BUNDLE) {
        Ok(again) => assert!(again == description, "it is read otherwise than it was written"),
        Err(error) => {
            assert!(
                is_of_another_version(&description) || has_numbers_that_are_none(&description),
                "{error}"
            );
        }
    }
    let (_, parts) = example();
    let Ok(bundle) = Bundle::of(description, parts, "") else { return false };
    assert!(bundle.words() > 0 && bundle.network().outputs() == bundle.recogniser().outputs());
    true
}

fn is_of_another_version(description: &Description) -> bool {
    description.schema_version != 1
}

/// A number with a large exponent is read as infinite, which JSON cannot express.
fn has_numbers_that_are_none(description: &Description) -> bool {
    let text = String::from_utf8(description.write()).expect("JSON");
    text.contains("null")
}

fn example() -> &'static (Description, Parts) {
    static EXAMPLE: OnceLock<(Description, Parts)> = OnceLock::new();
    EXAMPLE.get_or_init(world::packed)
}

pub(crate) fn seeds() -> Vec<Vec<u8>> {
    let (description, _) = example();
    vec![serde_json::to_vec(description).expect("plain JSON")]
}
