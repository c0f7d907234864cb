//! The share of a model that each exchange of a run sent: values sent, from its event log, divided by contributors and
//! parameters.

use super::summaries;
use anyhow::{Context, Result, ensure};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::Path;

/// Values that a worker sent in an exchange, as a share of the parameters; means over all contributions of a run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Density {
    /// For all exchanges, including the dense ones of a warm-up; `None` for a run without a log.
    #[serde(default)]
    pub(crate) density: Option<f64>,
    /// For the exchanges that sent signs; `None` if none did.
    #[serde(default)]
    pub(crate) density_of_signs: Option<f64>,
}

/// Number of contributions and of the values in them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Sent {
    pub(crate) contributions: u64,
    pub(crate) values: u64,
}

impl Sent {
    pub(crate) fn add(&mut self, contributions: usize, values: u64) {
        self.contributions += contributions as u64;
        self.values += values;
    }

    fn share(self, parameters: u64) -> Option<f64> {
        (self.contributions > 0).then(|| self.values as f64 / (self.contributions * parameters) as f64)
    }
}

impl Density {
    /// The densities of `all` contributions, and of those among them that were sent as `signs`, for a model with
    /// `parameters` values.
    fn of(all: Sent, signs: Sent, parameters: u64) -> Self {
        Self { density: all.share(parameters), density_of_signs: signs.share(parameters) }
    }

    /// Means over seeds.
    pub(crate) fn mean(seeds: &[Density]) -> Self {
        let mean = |of: fn(&Density) -> Option<f64>| {
            let known: Vec<f64> = seeds.iter().filter_map(of).collect();
            (!known.is_empty()).then(|| known.iter().sum::<f64>() / known.len() as f64)
        };
        Self { density: mean(|d| d.density), density_of_signs: mean(|d| d.density_of_signs) }
    }
}

/// The density of the finished run in `folder`.
pub(crate) fn read(folder: &Path) -> Result<Density> {
    let curves = super::curves::read(folder)?;
    if curves.sent.contributions == 0 {
        return Ok(Density::default());
    }
    Ok(Density::of(curves.sent, curves.signs, parameters(folder)?))
}

#[derive(Deserialize)]
struct Final {
    checkpoint: String,
}

#[derive(Deserialize)]
struct Tensor {
    shape: Vec<u64>,
}

/// Number of values of the run's result, from the header of its safetensors file: eight bytes of length, then JSON.
fn parameters(run: &Path) -> Result<u64> {
    let deployed: Final = summaries::read(&run.join("final.json"))?;
    let file = run.join("checkpoints").join(deployed.checkpoint).join("model.safetensors");
    let named = || format!("{}: expected a safetensors file", file.display());
    let bytes = std::fs::read(&file).with_context(named)?;
    let (length, rest) = bytes.split_first_chunk().with_context(named)?;
    let length = usize::try_from(u64::from_le_bytes(*length)).with_context(named)?;
    let mut header: BTreeMap<String, serde_json::Value> =
        serde_json::from_slice(rest.get(..length).with_context(named)?).with_context(named)?;
    header.remove("__metadata__");
    let mut values = 0;
    for tensor in header.into_values() {
        let Tensor { shape } = serde_json::from_value(tensor).with_context(named)?;
        values += shape.iter().product::<u64>();
    }
    ensure!(values > 0, "{}: expected parameters, found none", file.display());
    Ok(values)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A finished run of a model with 100 parameters.
    fn run(events: &str) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, bytes: &[u8]| {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, bytes).unwrap();
        };
        let header = r#"{"__metadata__":{"format":"pt"},"w":{"dtype":"F32","shape":[9,10],"data_offsets":[0,360]},
            "b":{"dtype":"F32","shape":[10],"data_offsets":[360,400]}}"#;
        write("final.json", br#"{"checkpoint":"last"}"#);
        let model = [&(header.len() as u64).to_le_bytes()[..], header.as_bytes()].concat();
        write("checkpoints/last/model.safetensors", &model);
        write("events/1.jsonl", events.as_bytes());
        folder
    }

    #[test]
    fn dense_rounds_of_the_warm_up_count_and_signs_are_told_apart() {
        let round = |encoding: &str, contributors: &str, sent: u64| {
            format!(
                "{{\"event\":\"round\",\"source\":\"annotated\",\"committed_frames\":1,\"loss\":1.0,\"frames\":1,\
                 \"contributors\":{contributors},\"values_sent\":{sent},\"encoding\":{encoding}}}\n"
            )
        };
        let signs = r#"{"kind":"threshold","tau":0.01,"density":0.1}"#;
        let log = round(r#"{"kind":"dense","density":0.1}"#, "[0,1]", 200)
            + &round(signs, "[0,1]", 30)
            + &round(signs, "[0]", 3);
        let folder = run(&log);
        let found = read(folder.path()).unwrap();
        assert_eq!(found.density, Some(233.0 / 500.0));
        assert_eq!(found.density_of_signs, Some(33.0 / 300.0));
    }

    #[test]
    fn a_block_whose_deltas_go_up_as_signs_counts_as_signs_and_a_whole_model_does_not() {
        let block = |deltas: &str, sent: u64| {
            format!(
                "{{\"event\":\"round\",\"source\":\"annotated\",\"committed_frames\":1,\"loss\":1.0,\"frames\":1,\
                 \"contributors\":[0],\"values_sent\":{sent},\"encoding\":{{\"kind\":\"block\",\"momentum\":0.5,\
                 \"learning_rate\":1.0,\"deltas\":{deltas},\"density\":0.0}}}}\n"
            )
        };
        let log = block(r#"{"kind":"model"}"#, 100) + &block(r#"{"kind":"threshold","tau":0.01}"#, 7);
        let folder = run(&log);
        let found = read(folder.path()).unwrap();
        assert_eq!((found.density, found.density_of_signs), (Some(107.0 / 200.0), Some(0.07)));
    }

    #[test]
    fn a_run_without_a_log_has_none_and_a_log_without_a_model_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(read(folder.path()).unwrap(), Density::default());
        let event = r#"{"event":"round","source":"annotated","committed_frames":1,"loss":1.0,"frames":1,"contributors":[0]}"#;
        let folder = run(event);
        std::fs::remove_file(folder.path().join("checkpoints/last/model.safetensors")).unwrap();
        let error = format!("{:#}", read(folder.path()).unwrap_err());
        assert!(error.contains("model.safetensors"), "{error}");
        let mean =
            Density::mean(&[Density { density: Some(0.2), density_of_signs: None }, Density::default()]);
        assert_eq!(mean, Density { density: Some(0.2), density_of_signs: None });
    }
}
