use super::Object;
use anyhow::Result;
use std::collections::BTreeMap;
use stentor_checkpoint::digest;
use stentor_store::Store;
use stentor_transcribe::{BUNDLE, Bundle, Description, Parts};

/// The parts of a model folder, and its description, which also bears what is wrong with parts that do not go together.
pub(super) async fn objects(folder: &Store) -> Result<Vec<Object>> {
    let text = folder.get(BUNDLE).await?;
    let whole =
        |faults| Object { name: BUNDLE.to_owned(), bytes: Some(text.len() as u64), row_groups: None, faults };
    let description = match Description::read(&text, BUNDLE) {
        Ok(description) => description,
        Err(error) => return Ok(vec![whole(vec![error.to_string()])]),
    };
    let (mut objects, mut parts) = (Vec::new(), BTreeMap::new());
    for part in &description.parts {
        let fault = match folder.get(&part.name).await {
            Ok(bytes) if bytes.len() as u64 != part.bytes => {
                Some(format!("expected {} bytes, found {}", part.bytes, bytes.len()))
            }
            Ok(bytes) if digest(&bytes) != part.digest => {
                Some(format!("expected digest {:016x}, found {:016x}", part.digest, digest(&bytes)))
            }
            Ok(bytes) => {
                parts.insert(part.name.clone(), bytes.to_vec());
                None
            }
            Err(error) if error.is_not_found() => Some("missing".to_owned()),
            Err(error) => return Err(error.into()),
        };
        objects.push(Object {
            name: part.name.clone(),
            bytes: Some(part.bytes),
            row_groups: None,
            faults: fault.into_iter().collect(),
        });
    }
    // Parts that are whole may still be of different models.
    let are_whole = objects.iter().all(|object| object.faults.is_empty());
    let apart = are_whole.then(|| Bundle::of(description, &Parts(parts), "").err()).flatten();
    objects.insert(0, whole(apart.iter().map(ToString::to_string).collect()));
    Ok(objects)
}
