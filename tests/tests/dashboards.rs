//! Dashboards and alerts ask only for what the programs can tell: each metric, label and value of a label in them is in
//! the catalogue.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::{BTreeMap, BTreeSet};
use stentor_experiment::{Source, Strategy};
use stentor_runtime::metrics::{CATALOGUE, CheckpointEnd, Direction, Kind, Label, MemberState, Phase, RUN};
use stentor_tests::observe::{References, filled_in, in_checkout, panels, references, rules};

/// Labels that Prometheus or Kubernetes adds to every series.
const OF_TARGETS: [&str; 3] = ["job", "instance", "namespace"];

/// Series by name, with their labels.
fn known() -> BTreeMap<String, BTreeSet<String>> {
    let mut known = BTreeMap::new();
    for metric in CATALOGUE {
        let labels = metric.labels.iter().chain(&OF_TARGETS).chain(&[RUN]).map(|label| (*label).to_owned());
        let labels: BTreeSet<String> = labels.collect();
        let name = metric.exposed_name();
        if metric.kind == Kind::Histogram {
            let mut of_buckets = labels.clone();
            of_buckets.insert("le".to_owned());
            known.insert(format!("{name}_bucket"), of_buckets);
            known.insert(format!("{name}_sum"), labels.clone());
            known.insert(format!("{name}_count"), labels);
        } else {
            known.insert(name, labels);
        }
    }
    // Prometheus' own.
    known.insert("up".to_owned(), OF_TARGETS.map(str::to_owned).into());
    for rule in rules() {
        let Some(record) = &rule.record else { continue };
        known.insert(record.clone(), references(&rule.expr).unwrap().grouped);
    }
    known
}

/// Values that a label can have; none where they are not listed anywhere in the code.
fn values(label: &str) -> Option<BTreeSet<String>> {
    fn texts<L: Label>(all: &[L]) -> Option<BTreeSet<String>> {
        Some(all.iter().map(|value| value.text().into_owned()).collect())
    }
    match label {
        "phase" => texts(Phase::ALL),
        "direction" => texts(Direction::ALL),
        "state" => texts(MemberState::ALL),
        "end" => texts(CheckpointEnd::ALL),
        "source" => texts(&Source::ALL),
        "strategy" => texts(&Strategy::ALL),
        "job" => Some(["coordinator", "reducer", "worker", "teacher-labeler"].map(str::to_owned).into()),
        _ => None,
    }
}

/// What is wrong with a query.
fn faults(query: &str, known: &BTreeMap<String, BTreeSet<String>>) -> Vec<String> {
    let references = match references(query) {
        Ok(references) => references,
        Err(words) => return vec![words],
    };
    let mut faults = Vec::new();
    let mut labels_at_hand = BTreeSet::new();
    for (metric, selectors) in &references.selected {
        let Some(labels) = known.get(metric) else {
            faults.push(format!("no metric `{metric}`"));
            continue;
        };
        labels_at_hand.extend(labels.clone());
        for (label, wanted) in selectors {
            if !labels.contains(label) {
                faults.push(format!("`{metric}` has no label `{label}`"));
            }
            let strange = values(label).map(|all| wanted.difference(&all).cloned().collect::<Vec<_>>());
            if let Some(strange) = strange.filter(|strange| !strange.is_empty()) {
                faults.push(format!("`{label}` is never {}", strange.join(" or ")));
            }
        }
    }
    let missing = references.grouped.difference(&labels_at_hand);
    faults.extend(missing.map(|label| format!("none of its metrics has a label `{label}`")));
    faults
}

#[test]
fn every_panel_asks_for_metrics_and_labels_of_the_catalogue() {
    let (known, panels) = (known(), panels());
    for panel in &panels {
        for query in &panel.queries {
            let query = filled_in(query, "1m");
            assert!(!query.contains('$'), "{}: an unknown variable in {query}", panel.name);
            assert_eq!(faults(&query, &known), Vec::<String>::new(), "{}: {query}", panel.name);
        }
    }
    println!("{} panels", panels.len());
}

#[test]
fn every_rule_asks_for_metrics_and_labels_of_the_catalogue() {
    let known = known();
    for rule in rules() {
        assert_eq!(faults(&rule.expr, &known), Vec::<String>::new(), "{}: {}", rule.name(), rule.expr);
    }
}

/// So that one Prometheus can observe several runs.
#[test]
fn every_panel_is_of_the_selected_run_and_no_alert_mixes_runs() {
    let is_ours = |metric: &str| metric.starts_with("stentor");
    for panel in panels() {
        for query in &panel.queries {
            let selected = references(&filled_in(query, "1m")).unwrap().selected;
            for (metric, labels) in selected.iter().filter(|(metric, _)| is_ours(metric)) {
                assert!(labels.contains_key(RUN), "{}: {metric} of all runs: {query}", panel.name);
            }
        }
    }
    for rule in rules() {
        let References { selected, grouped } = references(&rule.expr).unwrap();
        // What is told apart by instance is of one program, and so of one run.
        let mixes = !grouped.is_empty() && !grouped.contains("instance") && !grouped.contains(RUN);
        assert!(!mixes, "{}: {}", rule.name(), rule.expr);
        assert!(selected.iter().any(|(metric, _)| is_ours(metric) || metric == "up"), "{}", rule.name());
    }
}

#[test]
fn a_query_for_what_is_not_there_is_a_fault() {
    let known = known();
    for (query, fault) in [
        ("stentor_losses", "no metric `stentor_losses`"),
        ("stentor_loss{phase=\"compute\"}", "`stentor_loss` has no label `phase`"),
        ("sum by (member) (stentor_loss)", "none of its metrics has a label `member`"),
        ("rate(stentor_phase_time_seconds_sum{phase=~\"send|recieve\"}[1m])", "`phase` is never recieve"),
        ("stentor_phase_time_seconds", "no metric `stentor_phase_time_seconds`"),
    ] {
        assert_eq!(faults(query, &known), [fault], "{query}");
    }
    assert_eq!(faults("sum(", &known).len(), 1);
}

/// What a catalogue is for: a metric that no panel and no alert looks at is looked at by nobody.
#[test]
fn every_metric_of_the_catalogue_is_in_a_panel_or_an_alert() {
    let queries = panels().into_iter().flat_map(|panel| panel.queries).map(|query| filled_in(&query, "1m"));
    let rules = rules();
    let queries = queries.chain(rules.iter().map(|rule| rule.expr.clone()));
    let used: BTreeSet<String> =
        queries.flat_map(|query| references(&query).unwrap().selected).map(|(name, _)| name).collect();
    for metric in CATALOGUE {
        let name = metric.exposed_name();
        let is_used =
            ["", "_bucket", "_sum", "_count"].iter().any(|part| used.contains(&format!("{name}{part}")));
        assert!(is_used, "nobody looks at {name}");
    }
}

#[test]
fn every_alert_has_a_severity_a_summary_a_section_for_those_on_call_and_a_test_both_ways() {
    let guide = std::fs::read_to_string(in_checkout("docs/guides/on-call.md")).unwrap();
    let cases = std::fs::read_to_string(in_checkout("deploy/prometheus/alerts.test.yml")).unwrap();
    let headings: BTreeSet<&str> = guide.lines().filter_map(|line| line.strip_prefix("### ")).collect();
    let rules = rules();
    let alerts: BTreeSet<&str> = rules.iter().filter_map(|rule| rule.alert.as_deref()).collect();
    for rule in rules.iter().filter(|rule| rule.alert.is_some()) {
        let name = rule.name();
        assert!(matches!(rule.labels["severity"].as_str(), "page" | "ticket"), "{name}");
        assert!(!rule.annotations["summary"].is_empty(), "{name}");
        // As GitHub makes the anchor of a heading of one word.
        let expected = format!("docs/guides/on-call.md#{}", name.to_lowercase());
        assert_eq!(rule.annotations["runbook_url"], expected);
        for case in ["fires", "is quiet"] {
            assert!(cases.contains(&format!("name: {name} {case}")), "no test in which {name} {case}");
        }
    }
    assert_eq!(headings, alerts, "sections of docs/guides/on-call.md against alerts");
}
