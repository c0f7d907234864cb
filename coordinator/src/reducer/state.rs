use super::Refusal;
use stentor_checkpoint::{NamedTensor, TensorFile, checkpoint_store, read_manifest, read_object};
use stentor_exchange::{Error, Reducer, Rethreshold, Summation};
use stentor_proto::v1::WrittenObject;
use stentor_store::Store;

const RESIDUAL: &str = "residual";

/// The state of a reducer between rounds: memory for sums of signs and, with a re-thresholded downlink, the residual.
#[derive(Debug, Default)]
pub(super) struct Kept {
    rethresholds: bool,
    /// `None` if nothing is left from earlier rounds.
    residual: Option<Rethreshold>,
    reducer: Option<Reducer>,
    /// The lineage that the residual belongs to.
    lineage: Option<u64>,
}

impl Kept {
    pub(super) fn new(rethresholds: bool) -> Self {
        Self { rethresholds, ..Self::default() }
    }

    /// A new lineage continues from a checkpoint or from the beginning, and so does the residual.
    pub(super) async fn follow(
        &mut self,
        run: &Store,
        index: usize,
        lineage: u64,
        start: &str,
    ) -> Result<(), Refusal> {
        if self.lineage == Some(lineage) {
            return Ok(());
        }
        self.residual = None;
        if self.rethresholds && !start.is_empty() {
            let manifest = read_manifest(run, start).await?;
            let name = object(index);
            if manifest.objects.iter().any(|o| o.name == name) {
                let file = TensorFile::from_bytes(&read_object(run, &manifest, &name).await?)?;
                let values = file.tensors.get(RESIDUAL).map(|t| t.values.clone()).unwrap_or_default();
                self.residual = Some(Rethreshold::from_residual(values));
            }
        }
        self.lineage = Some(lineage);
        Ok(())
    }

    /// Whether the downlink's residual is not empty; a round that is exchanged whole includes it.
    pub(super) fn holds(&self) -> bool {
        self.residual.is_some()
    }

    /// Empty memory for a sum of signs.
    pub(super) fn reducer(&mut self, summation: &Summation, values: usize) -> &mut Reducer {
        let reducer = self.reducer.get_or_insert_with(|| Reducer::new(summation, values));
        reducer.restart(summation);
        reducer
    }

    /// Closes the sum of signs.
    pub(super) fn reduce(&mut self, values: usize) -> Result<Vec<u8>, String> {
        let Some(reducer) = &mut self.reducer else { return Ok(Vec::new()) };
        let reduction = if self.rethresholds {
            reducer.finish_rethresholded(self.residual.get_or_insert_with(|| Rethreshold::new(values)))
        } else {
            reducer.finish()
        };
        match reduction {
            Ok(reduction) => Ok(reduction.payload),
            // No member had a frame.
            Err(Error::NothingToReduce) => Ok(Vec::new()),
            Err(error) => Err(error.to_string()),
        }
    }

    /// Adds the downlink's residual to a round that is exchanged whole.
    pub(super) fn flush_into(&mut self, payload: &mut [u8]) {
        let Some(residual) = self.residual.take() else { return };
        for (bytes, rest) in payload.chunks_exact_mut(4).zip(residual.residual()) {
            let value = f32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
            bytes.copy_from_slice(&(value + rest).to_le_bytes());
        }
    }

    /// Writes the residual, if there is one, into the folder of checkpoint `name`.
    pub(super) async fn save(
        &self,
        run: &Store,
        index: usize,
        name: &str,
    ) -> Result<Vec<WrittenObject>, Refusal> {
        let Some(residual) = &self.residual else { return Ok(Vec::new()) };
        let values = residual.residual().to_vec();
        let mut file = TensorFile::default();
        file.tensors.insert(RESIDUAL.to_owned(), NamedTensor { shape: vec![values.len()], values });
        let bytes = file.to_bytes()?;
        let (length, digest) = (bytes.len() as u64, stentor_checkpoint::digest(&bytes));
        let name_of_object = object(index);
        checkpoint_store(run, name).put(&name_of_object, bytes).await?;
        Ok(vec![WrittenObject { name: name_of_object, bytes: length, digest }])
    }
}

fn object(index: usize) -> String {
    format!("reducer-{index:04}.safetensors")
}
