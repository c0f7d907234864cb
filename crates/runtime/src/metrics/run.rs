//! The run that a process works for, as a label of all its metrics: so that one Prometheus can observe several runs.

use prometheus::proto::{LabelPair, MetricFamily};
use std::sync::{PoisonError, RwLock};

/// Name of the label.
pub const RUN: &str = "run";

static NAME: RwLock<String> = RwLock::new(String::new());

/// From now on all metrics of this process are of the run with this name. A worker knows its run when it has joined; until then its
/// metrics have no such label.
pub fn of_run(name: &str) {
    let mut current = NAME.write().unwrap_or_else(PoisonError::into_inner);
    name.clone_into(&mut current);
}

/// Adds the label to all samples.
pub(crate) fn labelled(families: Vec<MetricFamily>) -> Vec<MetricFamily> {
    let name = NAME.read().unwrap_or_else(PoisonError::into_inner).clone();
    with_label(families, &name)
}

fn with_label(mut families: Vec<MetricFamily>, name: &str) -> Vec<MetricFamily> {
    if name.is_empty() {
        return families;
    }
    for metric in families.iter_mut().flat_map(MetricFamily::mut_metric) {
        let mut run = LabelPair::default();
        run.set_name(RUN.to_owned());
        run.set_value(name.to_owned());
        let mut labels = metric.take_label();
        labels.push(run);
        metric.set_label(labels);
    }
    families
}

#[cfg(test)]
mod tests {
    use super::*;
    use prometheus::{Encoder, IntCounterVec, Opts, Registry, TextEncoder};

    #[test]
    fn every_sample_gets_the_run_beside_its_own_labels() {
        let registry = Registry::new();
        let rounds = IntCounterVec::new(Opts::new("rounds", "Rounds."), &["source"]).unwrap();
        registry.register(Box::new(rounds.clone())).unwrap();
        for source in ["annotated", "machine-labeled"] {
            rounds.with_label_values(&[source]).inc();
        }
        let text = |name: &str| {
            let mut text = Vec::new();
            TextEncoder::new().encode(&with_label(registry.gather(), name), &mut text).unwrap();
            String::from_utf8(text).unwrap()
        };
        assert!(text("").contains("rounds{source=\"annotated\"} 1"));
        let labelled = text("student \"2\"");
        for source in ["annotated", "machine-labeled"] {
            let line = format!("rounds{{source=\"{source}\",run=\"student \\\"2\\\"\"}} 1");
            assert!(labelled.contains(&line), "{labelled}");
        }
    }
}
