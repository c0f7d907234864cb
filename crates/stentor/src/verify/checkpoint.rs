use super::Object;
use anyhow::Result;
use stentor_checkpoint::{LogHead, Proof, verify_objects_with};
use stentor_store::Store;

/// The objects of a checkpoint.
#[derive(Debug, Default)]
pub(super) struct Listed {
    pub(super) objects: Vec<Object>,
    pub(super) is_signed: bool,
    /// The newest segment of the event log that it knows.
    pub(super) events: Option<LogHead>,
}

/// Lists the objects of the checkpoint in `folder`, with `prefix` before their names. A manifest that is damaged, or lacks the proof,
/// is listed as an object.
pub(super) async fn objects(folder: &Store, prefix: &str, proof: Proof<'_>) -> Result<Listed> {
    let verified = match verify_objects_with(folder, proof).await {
        Ok(verified) => verified,
        Err(error) if error.is_damage() => {
            let name = format!("{prefix}{}", stentor_checkpoint::MANIFEST);
            let objects = vec![Object::without_bytes(name, error.to_string())];
            return Ok(Listed { objects, ..Listed::default() });
        }
        Err(error) => return Err(error.into()),
    };
    let object = |(object, fault): (stentor_checkpoint::Object, Option<stentor_checkpoint::Error>)| Object {
        name: format!("{prefix}{}", object.name),
        bytes: Some(object.bytes),
        row_groups: None,
        faults: fault.iter().map(ToString::to_string).collect(),
    };
    Ok(Listed {
        objects: verified.objects.into_iter().map(object).collect(),
        is_signed: verified.key.is_some(),
        events: verified.manifest.signed.and_then(|signed| signed.events),
    })
}
