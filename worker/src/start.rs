//! The model that a run starts from; the coordinator keeps a copy in the run's folder.

use crate::Error;
use stentor_acoustic::{AcousticModel, NamedValues};
use stentor_checkpoint::{DeployedModel, Proof, start_store};
use stentor_dataset::Dataset;
use stentor_experiment::Experiment;
use stentor_shards::Normalisation;
use stentor_store::Store;

/// The data with the normalisation of the run's model: a run that starts from a model keeps its means and deviations. `proof`: what
/// shows that the copy is the coordinator's.
pub(crate) async fn seen_by_the_model(
    dataset: Dataset,
    run: &Store,
    experiment: &Experiment,
    proof: Proof<'_>,
) -> Result<Dataset, Error> {
    if experiment.model.start.is_none() {
        return Ok(dataset);
    }
    let own = DeployedModel::describe_in(&start_store(run), proof).await?.normalisation;
    Ok(match own {
        Some(own) => dataset.seen_with(Normalisation { mean: own.mean, std: own.std }),
        None => dataset,
    })
}

/// Loads the parameters that the run starts from into a new model: all, or all below the output layer. Without
/// `model.start` the model is not changed.
pub(crate) async fn load(
    model: &dyn AcousticModel,
    run: &Store,
    experiment: &Experiment,
    proof: Proof<'_>,
) -> Result<(), Error> {
    if experiment.model.start.is_none() {
        return Ok(());
    }
    let start = DeployedModel::load_in(&start_store(run), proof).await?;
    let is_left_out = |name: &str| experiment.model.new_output && model.shape().is_output(name);
    let drawn: Vec<NamedValues> =
        model.parameters().tensors().into_iter().filter(|p| is_left_out(&p.name)).collect();
    let drawn = drawn.iter().map(NamedValues::as_slices);
    let learned = start.parameters.tensors.iter().filter(|(name, _)| !is_left_out(name));
    let learned = learned.map(|(name, t)| (name.as_str(), t.shape.as_slice(), t.values.as_slice()));
    model.restore(learned.chain(drawn))?;
    tracing::info!(run = start.manifest.run_id, checkpoint = start.manifest.name, "started from");
    Ok(())
}
