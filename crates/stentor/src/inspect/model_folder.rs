use super::checkpoint::described;
use crate::text::Text;
use anyhow::Result;
use indicatif::{DecimalBytes, HumanCount};
use serde::Serialize;
use stentor_checkpoint::ModelDescription;
use stentor_store::Store;
use stentor_transcribe::{BUNDLE, Description};

/// A model folder, as its description says.
#[derive(Debug, Serialize)]
pub(super) struct ModelFolder {
    location: String,
    created_by: String,
    run_id: String,
    checkpoint: String,
    model: ModelDescription,
    sample_rate_hz: u32,
    frame_ms: u32,
    fingerprint: String,
    parts: Vec<Part>,
}

#[derive(Debug, Serialize)]
struct Part {
    name: String,
    bytes: u64,
}

pub(super) async fn model_folder(store: &Store) -> Result<ModelFolder> {
    let path = format!("{}/{BUNDLE}", store.location());
    let Description { created_by, trained, parts, fingerprint, .. } =
        Description::read(&store.get(BUNDLE).await?, &path)?;
    Ok(ModelFolder {
        location: store.location().to_owned(),
        created_by,
        run_id: trained.run_id,
        checkpoint: trained.checkpoint,
        model: trained.model,
        sample_rate_hz: trained.features.sample_rate_hz,
        frame_ms: trained.features.hop_ms.saturating_mul(trained.features.stack),
        fingerprint,
        parts: parts.into_iter().map(|part| Part { name: part.name, bytes: part.bytes }).collect(),
    })
}

impl ModelFolder {
    pub(super) fn render(&self, text: &mut Text) {
        text.heading(format_args!("model folder {}", self.location));
        text.item("made by", &self.created_by);
        text.item("run", format_args!("{}, checkpoint {}", self.run_id, self.checkpoint));
        text.item("model", described(&self.model));
        text.item(
            "audio",
            format_args!("{} Hz, a frame every {} ms", HumanCount(self.sample_rate_hz.into()), self.frame_ms),
        );
        text.item("fingerprint", &self.fingerprint);
        text.heading("parts");
        for Part { name, bytes } in &self.parts {
            text.row([name.clone(), DecimalBytes(*bytes).to_string()]);
        }
    }
}
