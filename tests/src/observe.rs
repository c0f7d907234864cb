//! Reads the dashboards and alerts of `deploy/` for tests.

use promql_parser::label::Matchers;
use promql_parser::parser::{Expr, LabelModifier, VectorMatchCardinality, VectorSelector, parse};
use promql_parser::util::{ExprVisitor, walk_expr};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

/// The path of a file or folder of the checkout.
#[must_use]
pub fn in_checkout(path: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..").join(path)
}

/// A panel of a dashboard.
#[derive(Debug)]
pub struct Panel {
    /// File name of the dashboard and title of the panel.
    pub name: String,
    /// Its queries, which contain Grafana's variables.
    pub queries: Vec<String>,
}

/// All panels of all dashboards.
///
/// # Panics
/// If a dashboard cannot be read, or a panel has no title, no description or no query.
#[must_use]
pub fn panels() -> Vec<Panel> {
    let folder = in_checkout("deploy/grafana/dashboards");
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let mut panels = Vec::new();
    for file in files {
        let text = std::fs::read_to_string(&file).unwrap();
        let dashboard: serde_json::Value = serde_json::from_str(&text).unwrap();
        let mut waiting: Vec<_> = dashboard["panels"].as_array().unwrap().iter().rev().collect();
        while let Some(panel) = waiting.pop() {
            // A collapsed row contains its panels.
            waiting.extend(panel["panels"].as_array().into_iter().flatten().rev());
            if panel["type"] == "row" {
                continue;
            }
            let name =
                format!("{}: {}", file.file_name().unwrap().display(), panel["title"].as_str().unwrap());
            assert!(
                panel["description"].as_str().is_some_and(|words| !words.is_empty()),
                "{name} says nothing"
            );
            let targets = panel["targets"].as_array().unwrap();
            let queries: Vec<_> = targets.iter().map(|t| t["expr"].as_str().unwrap().to_owned()).collect();
            assert!(!queries.is_empty(), "{name} asks for nothing");
            panels.push(Panel { name, queries });
        }
    }
    panels
}

/// A query as Grafana sends it if everything is selected; `window` replaces `$__rate_interval`.
#[must_use]
pub fn filled_in(query: &str, window: &str) -> String {
    query.replace("$__rate_interval", window).replace("$namespace", ".*").replace("$run", ".*")
}

#[derive(Debug, Deserialize)]
struct RuleFile {
    groups: Vec<RuleGroup>,
}

#[derive(Debug, Deserialize)]
struct RuleGroup {
    rules: Vec<Rule>,
}

/// A rule for an alert or a recorded series.
#[derive(Debug, Deserialize)]
pub struct Rule {
    /// Name of the alert.
    pub alert: Option<String>,
    /// Name of the recorded series.
    pub record: Option<String>,
    /// The rule's PromQL expression.
    pub expr: String,
    /// The alert's annotations, for people.
    #[serde(default)]
    pub annotations: BTreeMap<String, String>,
    /// Labels that the rule adds.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
}

impl Rule {
    /// The name of the alert or the series.
    ///
    /// # Panics
    /// If it has neither.
    #[must_use]
    pub fn name(&self) -> &str {
        self.alert.as_deref().or(self.record.as_deref()).unwrap()
    }
}

/// All rules of `deploy/prometheus/alerts.yml`.
///
/// # Panics
/// If the file cannot be read.
#[must_use]
pub fn rules() -> Vec<Rule> {
    let text = std::fs::read_to_string(in_checkout("deploy/prometheus/alerts.yml")).unwrap();
    let file: RuleFile = serde_yaml_ng::from_str(&text).unwrap();
    file.groups.into_iter().flat_map(|group| group.rules).collect()
}

/// The metrics and labels that a query uses.
#[derive(Debug, Default)]
pub struct References {
    /// Each metric with the labels by which it is selected, and the values that are compared with `=` or listed in
    /// `=~`.
    pub selected: Vec<(String, BTreeMap<String, BTreeSet<String>>)>,
    /// Labels of `by`, `on`, `group_left`, `without` and `ignoring`.
    pub grouped: BTreeSet<String>,
}

/// Finds the metrics and labels in a PromQL query.
///
/// # Errors
/// The parser's error message, if the query is not valid.
pub fn references(query: &str) -> Result<References, String> {
    let mut references = References::default();
    walk_expr(&mut references, &parse(query)?)?;
    Ok(references)
}

impl References {
    fn select(&mut self, VectorSelector { name, matchers, .. }: &VectorSelector) -> Result<(), String> {
        let Matchers { matchers, or_matchers } = matchers;
        let name = name.clone().ok_or("a selector without a metric's name")?;
        let mut labels = BTreeMap::<_, BTreeSet<String>>::new();
        for matcher in matchers.iter().chain(or_matchers.iter().flatten()) {
            let values = matcher.value.split('|').filter(|value| *value != ".*").map(str::to_owned);
            labels.entry(matcher.name.clone()).or_default().extend(values);
        }
        self.selected.push((name, labels));
        Ok(())
    }

    fn group(&mut self, modifier: Option<&LabelModifier>) {
        self.grouped.extend(modifier.into_iter().flat_map(|m| m.labels().labels.clone()));
    }
}

impl ExprVisitor for References {
    type Error = String;

    fn pre_visit(&mut self, expression: &Expr) -> Result<bool, String> {
        match expression {
            Expr::VectorSelector(selector) => self.select(selector)?,
            Expr::MatrixSelector(matrix) => self.select(&matrix.vs)?,
            Expr::Aggregate(aggregate) => self.group(aggregate.modifier.as_ref()),
            Expr::Binary(binary) => {
                let modifier = binary.modifier.as_ref();
                self.group(modifier.and_then(|m| m.matching.as_ref()));
                if let Some(
                    VectorMatchCardinality::ManyToOne(more) | VectorMatchCardinality::OneToMany(more),
                ) = modifier.map(|m| &m.card)
                {
                    self.grouped.extend(more.labels.clone());
                }
            }
            _ => {}
        }
        Ok(true)
    }
}
