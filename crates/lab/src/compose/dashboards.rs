//! Checks dashboards and alerts: evaluates their expressions with the stack's Prometheus.

use super::images::Images;
use crate::http;
use anyhow::{Context, Result, ensure};
use serde_json::Value;
use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use stentor_tasks::Environment;
use stentor_tasks::process;

/// The number of panels, and those that show nothing.
#[derive(Debug)]
pub(super) struct Panels {
    pub(super) all: usize,
    pub(super) silent: Vec<String>,
}

/// Panels without data in this test: all data are in the bucket, and no program writes to a disk.
const SPEECHLESS: [&str; 1] = ["Free disk space"];

impl Panels {
    /// Panels that should show data and do not.
    pub(super) fn failed(&self) -> Vec<&str> {
        let silent = self.silent.iter().map(String::as_str);
        silent.filter(|title| !SPEECHLESS.contains(title)).collect()
    }
}

/// The number of alerts, and of those with a test for `promtool`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Alerts {
    pub(super) all: usize,
    pub(super) tested: usize,
}

/// A panel of a dashboard.
#[derive(Debug, PartialEq, Eq)]
struct Panel {
    title: String,
    expressions: Vec<String>,
}

/// A scrape takes place every five seconds, and rates need two of them.
const PATIENCE: Duration = Duration::from_secs(60);

/// Evaluates every panel's queries over the time of the whole test, because the labeler has already ended.
pub(super) fn ask(environment: &Environment) -> Result<Panels> {
    let panels = panels(&environment.root.join("deploy/grafana"))?;
    ensure!(!panels.is_empty(), "deploy/grafana has no dashboards");
    let started = Instant::now();
    loop {
        let mut silent = Vec::new();
        for panel in &panels {
            let mut speaks = false;
            for expression in &panel.expressions {
                speaks |= has_data(expression).with_context(|| format!("panel `{}`", panel.title))?;
            }
            if !speaks {
                silent.push(panel.title.clone());
            }
        }
        let found = Panels { all: panels.len(), silent };
        if found.failed().is_empty() || started.elapsed() > PATIENCE {
            return Ok(found);
        }
        std::thread::sleep(Duration::from_secs(5));
    }
}

fn has_data(expression: &str) -> Result<bool> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let path = format!(
        "/api/v1/query_range?query={}&start={}&end={now}&step=15",
        http::encoded(expression),
        now - 3600
    );
    let answer: Value =
        serde_json::from_str(&http::get(9090, &path)?).context("Prometheus answers in JSON")?;
    Ok(answer["data"]["result"].as_array().is_some_and(|series| !series.is_empty()))
}

/// Runs the rules' tests with the `promtool` of the stack's Prometheus.
pub(super) fn alerts(environment: &Environment, images: &Images) -> Result<Alerts> {
    let folder = environment.root.join("deploy/prometheus");
    let mut test = Command::new("docker");
    test.args(["run", "--rm", "--entrypoint", "promtool", "--workdir", "/rules"]);
    test.arg("--volume").arg(format!("{}:/rules:ro", folder.display()));
    process::output(test.args([&images.prometheus, "test", "rules", "alerts.test.yml"]))?;
    let names = |file: &str, key: &str| -> Result<BTreeSet<String>> {
        let path = folder.join(file);
        let text =
            std::fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        let value = |line: &str| {
            let line = line.trim_start().trim_start_matches("- ");
            Some(line.strip_prefix(key)?.trim().trim_matches('"').to_owned())
        };
        Ok(text.lines().filter_map(value).collect())
    };
    let all = names("alerts.yml", "alert:")?;
    let tested = names("alerts.test.yml", "alertname:")?;
    Ok(Alerts { all: all.len(), tested: all.intersection(&tested).count() })
}

/// The panels of all dashboards in `folder`.
fn panels(folder: &Path) -> Result<Vec<Panel>> {
    let mut panels = Vec::new();
    let reading = || format!("cannot read {}", folder.display());
    for entry in std::fs::read_dir(folder).with_context(reading)? {
        let path = entry.with_context(reading)?.path();
        if path.is_dir() {
            panels.extend(self::panels(&path)?);
        } else if path.extension().is_some_and(|extension| extension == "json") {
            let text =
                std::fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
            let dashboard: Value =
                serde_json::from_str(&text).with_context(|| format!("{} is not JSON", path.display()))?;
            collect(&dashboard, &mut panels);
        }
    }
    Ok(panels)
}

/// Collects panels recursively, because rows contain panels.
fn collect(within: &Value, panels: &mut Vec<Panel>) {
    for panel in within["panels"].as_array().into_iter().flatten() {
        let expressions: Vec<String> = panel["targets"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|target| target["expr"].as_str().map(filled))
            .collect();
        if !expressions.is_empty() {
            let title = panel["title"].as_str().unwrap_or("without a title").to_owned();
            panels.push(Panel { title, expressions });
        }
        collect(panel, panels);
    }
}

/// Replaces Grafana's variables in an expression: durations by a minute, others by a pattern that matches everything.
fn filled(expression: &str) -> String {
    let mut text = String::new();
    let mut rest = expression;
    while let Some((before, after)) = rest.split_once('$') {
        let after = after.trim_start_matches('{');
        let end = after.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(after.len());
        let is_duration = ["__rate_interval", "__interval", "__range"].contains(&&after[..end]);
        text.push_str(before);
        text.push_str(if is_duration { "1m" } else { ".*" });
        rest = after[end..].trim_start_matches('}');
    }
    text + rest
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn panels_in_rows_are_found_and_text_panels_are_ignored() {
        let dashboard = json!({"panels": [
            {"title": "loss", "targets": [{"expr": "stentor_loss{run=~\"$run\"}"}]},
            {"title": "words", "type": "text"},
            {"type": "row", "panels": [{"title": "bytes", "targets": [{"expr": "rate(a_total[$__rate_interval])"}]}]},
        ]});
        let mut panels = Vec::new();
        collect(&dashboard, &mut panels);
        let expected = [("loss", "stentor_loss{run=~\".*\"}"), ("bytes", "rate(a_total[1m])")];
        let expected = expected.map(|(title, e)| Panel { title: title.into(), expressions: vec![e.into()] });
        assert_eq!(panels, expected);
    }
}
