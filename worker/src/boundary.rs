use crate::Error;
use crate::client::Doing;
use crate::learned::counted;
use crate::replica::Replica;
use crate::state;
use crate::unit::UnitData;
use std::sync::Arc;
use stentor_acoustic::{Score, score};
use stentor_dataset::{Dataset, UnitRows};
use stentor_experiment::Experiment;
use stentor_proto::{sum_messages, v1};
use stentor_scores::{FRAMES, Sums};
use stentor_store::Store;

/// What a session uses besides its model.
pub(crate) struct Surroundings {
    pub(crate) identity: String,
    pub(crate) run: Store,
    pub(crate) dataset: Arc<Dataset>,
    pub(crate) experiment: Arc<Experiment>,
}

/// The duties of a member at a round's boundary: write its state, evaluate its share of the dev data.
pub(crate) struct Duties<'a> {
    pub(crate) replica: &'a Replica,
    pub(crate) around: &'a Surroundings,
    /// Told of each step: whoever does not get on is waited for no longer than `cluster.boundary_deadline_s`.
    pub(crate) doing: &'a Doing,
}

impl Duties<'_> {
    /// Performs the duties and returns the report.
    pub(crate) async fn fulfil(
        &self,
        fence: v1::Fence,
        boundary: &v1::Boundary,
    ) -> Result<v1::BoundaryReport, Error> {
        let Surroundings { identity, run, .. } = self.around;
        let (checkpoint, writes_model) = (&boundary.checkpoint, boundary.writes_model);
        let written = state::save(self.replica, run, checkpoint, identity, writes_model, self.doing).await?;
        let dev = match boundary.dev_shares {
            0 => None,
            _ => Some(v1::DevScore { sums: sum_messages(&self.evaluate(boundary).await?) }),
        };
        Ok(v1::BoundaryReport {
            fence: Some(fence),
            identity: identity.clone(),
            checkpoint: boundary.checkpoint.clone(),
            written,
            dev,
            peak_rss_mb: stentor_runtime::peak_rss_mb(),
            traffic: None,
        })
    }

    /// Scores every `dev_shares`-th utterance of the dev data, whole, with the parameters to deploy.
    async fn evaluate(&self, boundary: &v1::Boundary) -> Result<Sums, Error> {
        let v1::Boundary { checkpoint, dev_share: share, dev_shares: shares, .. } = boundary;
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
                    (index - 1) % shares == *share
                });
                let rows = UnitRows { features, ..UnitRows::default() };
                let data = UnitData::new(&rows, self.around.dataset.normalisation());
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

    /// `told` hears after each piece how many frames are done.
    fn score(&self, data: &UnitData, told: impl Fn(u64)) -> Result<Sums, Error> {
        let utterances = data.aligned()?;
        let told = |score: &Score| told(score.frames as u64);
        let score = self.replica.with_deployed(|model| Ok(score(model, &utterances, told)?))?;
        Ok(counted(score))
    }
}
