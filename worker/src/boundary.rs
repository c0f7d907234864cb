use crate::Error;
use crate::client::Doing;
use crate::replica::Replica;
use crate::unit::UnitData;
use std::sync::Arc;
use stentor_acoustic::{Score, score};
use stentor_dataset::{Dataset, UnitRows};
use stentor_experiment::Experiment;
use stentor_scores::{FRAMES, PENALTY_SUM, Sums, frame_sums};
use stentor_store::Store;

/// What a session uses besides its model.
pub(crate) struct Surroundings {
    pub(crate) identity: String,
    pub(crate) run: Store,
    pub(crate) dataset: Arc<Dataset>,
    pub(crate) experiment: Arc<Experiment>,
}

/// The named sums of a score. The penalty on weights is added once for each frame, so that the mean over frames is the mean
/// penalty of the batches.
pub(crate) fn counted(score: Score) -> Sums {
    let mut sums = frame_sums(score.frames as u64, score.loss, score.correct as u64);
    // A penalty that is not finite must be seen by the coordinator as well.
    if score.penalty > 0.0 || score.penalty.is_nan() {
        sums.add(PENALTY_SUM, score.penalty * score.frames as f64);
    }
    sums
}

/// Scores dev data at a round's boundary.
pub(crate) struct Scoring<'a> {
    pub(crate) replica: &'a Replica,
    pub(crate) around: &'a Surroundings,
    /// Reports each step, because a member without progress is dropped after `cluster.boundary_deadline_s`.
    pub(crate) doing: &'a Doing,
}

impl Scoring<'_> {
    /// Scores a share of the dev data, whole utterances with `index % .1 == .0`, with the parameters to deploy.
    pub(crate) async fn score_share(
        &self,
        checkpoint: &str,
        (share, shares): (u32, u32),
    ) -> Result<Sums, Error> {
        let mut total = Sums::default();
        let Some(dev) = self.around.dataset.dev() else { return Ok(total) };
        let manifest = dev.manifest();
        let all: usize = manifest.shards.iter().map(|info| info.row_groups.len()).sum();
        let (mut index, mut begun) = (0u32, 0);
        for (shard, info) in manifest.shards.iter().enumerate() {
            for group in 0..info.row_groups.len() {
                let at = |source| {
                    let location = dev.location().to_owned();
                    Error::Data(stentor_dataset::Error::Shards { location, source: Box::new(source) })
                };
                let mut features = dev.read(shard, group).await.map_err(at)?;
                features.retain(|_| {
                    index += 1;
                    (index - 1) % shares.max(1) == share
                });
                let rows = UnitRows { features, ..UnitRows::default() };
                let data = UnitData::new(rows, self.around.dataset.normalisation());
                begun += 1;
                let told = |frames: u64| {
                    let done = total.count(FRAMES) + frames;
                    self.doing.now(format!(
                        "scoring dev data for checkpoint {checkpoint}: {done} frames, in row group {begun} of {all}"
                    ));
                };
                told(0);
                let part = stentor_runtime::busy(|| self.score(&data, told))?;
                total.merge(&part);
            }
        }
        Ok(total)
    }

    /// Calls `told` after each piece with the number of frames that are done.
    fn score(&self, data: &UnitData, told: impl Fn(u64)) -> Result<Sums, Error> {
        let utterances = data.aligned()?;
        let told = |score: &Score| told(score.frames as u64);
        let score = self.replica.with_deployed(|model| Ok(score(model, &utterances, told)?))?;
        Ok(counted(score))
    }
}
