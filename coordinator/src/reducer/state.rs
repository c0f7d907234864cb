use super::Refusal;
use stentor_checkpoint::{NamedTensor, Proof, TensorFile, checkpoint_store, read_manifest_with, read_object};
use stentor_exchange::{Error, Reducer, Rethreshold, Summation};
use stentor_proto::v1::WrittenObject;
use stentor_rounds::Fence;
use stentor_signature::Digest;
use stentor_store::Store;

const RESIDUAL: &str = "residual";

/// The state of a reducer between rounds: memory for sums of signs and, with a re-thresholded downlink, the residual.
///
/// The residual before a round is what the rounds before it have left: that of the checkpoint from which the lineage started,
/// changed by each sum since. A process that has not made these sums cannot know it, and refuses the round. Its members then join
/// again, and the run falls back to a checkpoint, which contains the residual.
#[derive(Debug, Default)]
pub(super) struct Kept {
    rethresholds: bool,
    /// `None` if nothing is left from earlier rounds.
    residual: Option<Rethreshold>,
    reducer: Option<Reducer>,
    /// The first round of the lineage that the residual belongs to.
    since: Option<Fence>,
}

impl Kept {
    pub(super) fn new(rethresholds: bool) -> Self {
        Self { rethresholds, ..Self::default() }
    }

    /// A member stages to the round of `fence`. A new lineage continues from `start`, a checkpoint, or without one from the
    /// beginning, and so does the residual. `proof`: what shows that it is the coordinator's checkpoint.
    pub(super) async fn follow(
        &mut self,
        run: &Store,
        index: usize,
        fence: Fence,
        (start, proof): (&str, Proof<'_>),
    ) -> Result<(), Refusal> {
        match self.since {
            Some(since) if since.lineage == fence.lineage => return Ok(()),
            Some(since) if since.lineage > fence.lineage => {
                return Err(Refusal::Stale { found: fence, newest: since });
            }
            _ => {}
        }
        if self.rethresholds {
            self.residual = Self::residual_before(run, index, fence, (start, proof)).await?;
        }
        self.since = Some(fence);
        Ok(())
    }

    /// The residual of `start`, if the round of `fence` is the first one after it.
    async fn residual_before(
        run: &Store,
        index: usize,
        fence: Fence,
        (start, proof): (&str, Proof<'_>),
    ) -> Result<Option<Rethreshold>, Refusal> {
        let lost = Refusal::ResidualLost { index, lineage: fence.lineage, round: fence.round };
        if start.is_empty() {
            return if fence.round == 0 { Ok(None) } else { Err(lost) };
        }
        let manifest = read_manifest_with(run, start, proof).await?;
        if manifest.round != fence.round {
            return Err(lost);
        }
        let name = object(index);
        if !manifest.objects.iter().any(|o| o.name == name) {
            return Ok(None);
        }
        let file = TensorFile::from_bytes(&read_object(run, &manifest, &name).await?)?;
        let values = file.tensors.get(RESIDUAL).map(|t| t.values.clone()).unwrap_or_default();
        Ok(Some(Rethreshold::from_residual(values)))
    }

    /// Whether the residual is that of `fence`'s lineage; without a residual there is none to confuse.
    fn belongs_to(&self, fence: Fence) -> bool {
        !self.rethresholds || self.since.is_some_and(|since| since.lineage == fence.lineage)
    }

    /// Refuses to make a sum of another lineage: it would change this one's residual.
    pub(super) fn check(&self, fence: Fence) -> Result<(), Refusal> {
        if self.belongs_to(fence) {
            return Ok(());
        }
        Err(Refusal::Stale { found: fence, newest: self.since.unwrap_or(fence) })
    }

    /// Takes the state, and leaves one that does not know the residual.
    pub(super) fn take(&mut self) -> Self {
        let rethresholds = self.rethresholds;
        std::mem::replace(self, Self::new(rethresholds))
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

    /// Writes the residual after the round of `fence`, if there is one, into the folder of checkpoint `name`.
    pub(super) async fn save(
        &self,
        run: &Store,
        index: usize,
        fence: Fence,
        name: &str,
    ) -> Result<Vec<WrittenObject>, Refusal> {
        if !self.belongs_to(fence) {
            // A checkpoint without it would seem complete.
            return Err(Refusal::ResidualLost { index, lineage: fence.lineage, round: fence.round + 1 });
        }
        let Some(residual) = &self.residual else { return Ok(Vec::new()) };
        let values = residual.residual().to_vec();
        let mut file = TensorFile::default();
        file.tensors.insert(RESIDUAL.to_owned(), NamedTensor { shape: vec![values.len()], values });
        let bytes = file.to_bytes()?;
        let (length, digest) = (bytes.len() as u64, stentor_checkpoint::digest(&bytes));
        let blake3 = Digest::of(&bytes).bytes().to_vec().into();
        let name_of_object = object(index);
        checkpoint_store(run, name).put(&name_of_object, bytes).await?;
        Ok(vec![WrittenObject { name: name_of_object, bytes: length, digest, blake3 }])
    }
}

fn object(index: usize) -> String {
    format!("reducer-{index:04}.safetensors")
}
