use super::*;
use clap::Parser;

const EXPERIMENT: &str = "[run]\nname = \"a\"\noutput = \"runs/a\"\n[data]\nannotated = \"x\"\n\
    [exchange]\nstrategy = \"bmuf\"\n[exchange.bmuf]\nblock = 4\n";

#[derive(Debug, Parser)]
struct Line {
    #[command(flatten)]
    args: Args,
}

fn parsed(words: &str) -> Result<Args, String> {
    let line = std::iter::once("forecast").chain(words.split_whitespace());
    Line::try_parse_from(line).map(|l| l.args).map_err(|e| e.to_string())
}

fn in_folder() -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("experiment.toml");
    std::fs::write(&file, EXPERIMENT).unwrap();
    let file = file.display().to_string();
    (folder, file)
}

#[test]
fn a_forecast_needs_a_network_and_the_time_of_a_batch() {
    assert!(parsed("e.toml --rtt 2ms --batch-seconds 0.3").unwrap_err().contains("--bandwidth"));
    assert!(parsed("e.toml --bandwidth 1gbit --rtt 2ms").unwrap_err().contains("--batch-seconds"));
    let wrong = parsed("e.toml --bandwidth 100 --rtt 2ms --batch-seconds 0.3").unwrap_err();
    assert!(wrong.contains("expected one of the units"), "{wrong}");
    let wrong = parsed("e.toml --bandwidth 1gbit --rtt 2ms --batch-seconds 0").unwrap_err();
    assert!(wrong.contains("above 0"), "{wrong}");
    let args = parsed("e.toml --workers 8 --bandwidth 25gbit --rtt 150us --batch-seconds 0.3").unwrap();
    assert_eq!((args.workers, args.bandwidth), (Some(8), Bandwidth::bits_per_s(25e9)));
}

#[test]
fn a_forecast_is_a_table_of_all_strategies_advice_and_figures() {
    let (folder, file) = in_folder();
    let json = folder.path().join("forecast.json");
    let words = format!(
        "{file} --workers 4 --bandwidth 100mbit --rtt 2ms --batch-seconds 0.3 --parameters 200000 --json {}",
        json.display()
    );
    run(&parsed(&words).unwrap()).unwrap();
    let figures: Figures = serde_json::from_slice(&std::fs::read(json).unwrap()).unwrap();
    assert_eq!((figures.forecasts.len(), figures.workers, figures.block), (10, 4, 4));
    assert!(figures.advice[0].starts_with("The fastest is "), "{:?}", figures.advice);
}

#[test]
fn without_features_the_number_of_parameters_is_required() {
    let (_folder, file) = in_folder();
    let words = format!("{file} --bandwidth 100mbit --rtt 2ms --batch-seconds 0.3");
    let error = run(&parsed(&words).unwrap()).unwrap_err();
    assert!(error.to_string().contains("give --parameters"), "{error:#}");
}

#[tokio::test]
async fn the_time_of_a_batch_is_the_median_round_of_a_run_over_its_batches() {
    let (folder, _) = in_folder();
    let run = folder.path().display().to_string();
    let error = compute::batch_seconds(&run).await.unwrap_err().to_string();
    assert!(error.contains("contains no computing time") && error.contains("--batch-seconds"), "{error}");
    std::fs::create_dir(folder.path().join("events")).unwrap();
    let round = |seconds: f64| format!("{{\"event\":\"round\",\"round\":3,\"compute_s\":{seconds}}}\n");
    let members = "{\"event\":\"members\",\"reason\":\"joined\"}\n";
    std::fs::write(folder.path().join("events/000001-000000.jsonl"), round(90.0) + members).unwrap();
    std::fs::write(folder.path().join("events/000001-000001.jsonl"), round(2.0) + &round(1.0) + "torn")
        .unwrap();
    assert_eq!(compute::batch_seconds(&run).await.unwrap(), 0.5, "2 s for a block of 4");
    let nowhere = folder.path().join("nothing").display().to_string();
    let error = compute::batch_seconds(&nowhere).await.unwrap_err().to_string();
    assert!(error.contains("is not a run: it has no experiment.toml"), "{error}");
}
