use super::Object;
use anyhow::Result;
use stentor_checkpoint::verify_objects;
use stentor_store::Store;

/// Lists the objects of the checkpoint in `folder`, with `prefix` before their names. A damaged manifest is listed as
/// an object.
pub(super) async fn objects(folder: &Store, prefix: &str) -> Result<Vec<Object>> {
    match verify_objects(folder).await {
        Ok(objects) => Ok(objects
            .into_iter()
            .map(|(object, fault)| Object {
                name: format!("{prefix}{}", object.name),
                bytes: Some(object.bytes),
                row_groups: None,
                faults: fault.iter().map(ToString::to_string).collect(),
            })
            .collect()),
        Err(error) if error.is_damage() => Ok(vec![Object {
            name: format!("{prefix}{}", stentor_checkpoint::MANIFEST),
            bytes: None,
            row_groups: None,
            faults: vec![error.to_string()],
        }]),
        Err(error) => Err(error.into()),
    }
}
