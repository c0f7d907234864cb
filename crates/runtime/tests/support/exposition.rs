//! A parser for Prometheus' text format, version 0.0.4, as strict as the tests need.
#![allow(dead_code, reason = "each story uses a part")]

use std::collections::BTreeMap;

/// A metric with its samples.
#[derive(Debug, Default)]
pub(crate) struct Family {
    pub(crate) help: String,
    pub(crate) kind: String,
    pub(crate) samples: Vec<Sample>,
}

#[derive(Debug)]
pub(crate) struct Sample {
    /// The name, with `_bucket`, `_sum` or `_count` for histograms.
    pub(crate) name: String,
    pub(crate) labels: BTreeMap<String, String>,
    pub(crate) value: f64,
}

impl Family {
    /// The value of the sample with exactly these labels.
    pub(crate) fn value(&self, labels: &[(&str, &str)]) -> Option<f64> {
        let wanted: BTreeMap<String, String> = owned(labels);
        self.samples.iter().find(|sample| sample.labels == wanted).map(|sample| sample.value)
    }

    /// Like [`Family::value`], for a sample of a histogram.
    pub(crate) fn part(&self, suffix: &str, labels: &[(&str, &str)]) -> Option<f64> {
        let wanted: BTreeMap<String, String> = owned(labels);
        let found =
            self.samples.iter().find(|sample| sample.name.ends_with(suffix) && sample.labels == wanted);
        found.map(|sample| sample.value)
    }
}

fn owned(labels: &[(&str, &str)]) -> BTreeMap<String, String> {
    labels.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

/// Parses the text; panics on a line that is out of order or not valid.
pub(crate) fn parse(text: &str) -> BTreeMap<String, Family> {
    let mut families: BTreeMap<String, Family> = BTreeMap::new();
    let mut current = String::new();
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("# HELP ") {
            let (name, help) = rest.split_once(' ').unwrap();
            assert!(!families.contains_key(name), "{name} is described twice");
            families.entry(name.to_owned()).or_default().help = help.to_owned();
            current = name.to_owned();
        } else if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').unwrap();
            assert_eq!(name, current, "type without help");
            families.get_mut(name).unwrap().kind = kind.to_owned();
        } else {
            let family = families.get_mut(&current).unwrap();
            let sample = sample(line);
            let stem =
                sample.name.strip_prefix(current.as_str()).unwrap_or_else(|| panic!("{line} in {current}"));
            let histogram = family.kind == "histogram";
            assert_eq!(histogram, matches!(stem, "_bucket" | "_sum" | "_count"), "{line}");
            assert!(histogram || stem.is_empty(), "{line}");
            family.samples.push(sample);
        }
    }
    families
}

/// `name{label="value",...} number`, without escapes in values.
fn sample(line: &str) -> Sample {
    let (series, value) = line.rsplit_once(' ').unwrap();
    let (name, labels) = match series.split_once('{') {
        Some((name, labels)) => (name, labels.strip_suffix('}').unwrap()),
        None => (series, ""),
    };
    let labels = labels.split(',').filter(|label| !label.is_empty()).map(|label| {
        let (name, value) = label.split_once('=').unwrap();
        (name.to_owned(), value.strip_prefix('"').unwrap().strip_suffix('"').unwrap().to_owned())
    });
    let value = if value == "+Inf" { f64::INFINITY } else { value.parse().unwrap() };
    Sample { name: name.to_owned(), labels: labels.collect(), value }
}
