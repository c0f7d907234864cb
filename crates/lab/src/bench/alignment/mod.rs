//! Alignments of a trained model (`stentor align`), after a first pass with the outside aligner: how far both agree on real speech,
//! and how far the boundaries of both are from the true ones of synthetic speech.

mod boundaries;
mod flite;
mod recipe;

use super::figures::{Figures, number};
use crate::corpora;
use anyhow::Result;
use boundaries::Boundaries;
use recipe::Recipe;
use serde_json::{Value, json};
use std::path::Path;
use stentor_tasks::options::bench::Alignment;
use stentor_tasks::{Corpus, Environment, create_folder, progress, remove_folder};

pub(super) fn run(environment: &Environment, programs: &Path, options: &Alignment) -> Result<Figures> {
    let out = options.out.clone().unwrap_or_else(|| environment.root.join("runs/alignment"));
    remove_folder(&out)?;
    create_folder(&out)?;
    let real = progress::step("real speech", || {
        corpora::make(environment, Corpus::Asterisk)?;
        let recipe = Recipe { environment, programs, folder: out.join("real") };
        recipe.run(&Corpus::Asterisk.folder(environment))
    })?;
    let synthetic = progress::step("synthetic speech", || {
        let corpus = out.join("flite");
        let truth = flite::speak(environment, &Corpus::Asterisk.folder(environment), &corpus)?;
        let recipe = Recipe { environment, programs, folder: out.join("synthetic") };
        let agreement = recipe.run(&corpus)?;
        let errors = |set: &str| Boundaries::of(&truth, &recipe.phones(set)?);
        let (aligner, model) = (errors("tied/annotated")?, errors("again/annotated")?);
        anyhow::Ok(json!({"agreement": agreement, "aligner": aligner.figures(), "model": model.figures()}))
    })?;
    let mut figures = Figures::new();
    figures.insert("real".to_owned(), real);
    figures.insert("synthetic".to_owned(), synthetic);
    println!("{}", table(&figures)?);
    Ok(figures)
}

/// A Markdown table of the boundaries, and a line about each corpus.
fn table(figures: &Figures) -> Result<String> {
    let figures = Value::Object(figures.clone());
    let mut out = String::new();
    for (what, path) in [("real speech", "real"), ("synthetic speech", "synthetic/agreement")] {
        let of = |key: &str| number(&figures, &format!("{path}/{key}"));
        out += &format!(
            "{what}: {} utterances aligned, {} left out; {:.1} % of frames have the aligner's phone, {:.1} % its senone\n\n",
            of("aligned")?,
            of("left_out")?,
            100.0 * of("same_phone")?,
            100.0 * of("same_senone")?
        );
    }
    out += "| against the true boundaries | boundaries | median, ms | median with sign, ms | within 20 ms | within 30 ms | within 50 ms |\n\
            |---|---|---|---|---|---|---|\n";
    for (who, key) in [("outside aligner", "aligner"), ("trained model", "model")] {
        let of = |figure: &str| number(&figures, &format!("synthetic/{key}/{figure}"));
        let percent = |figure: &str| Ok::<_, anyhow::Error>(100.0 * of(figure)?);
        out += &format!(
            "| {who} | {} | {:.1} | {:+.1} | {:.1} % | {:.1} % | {:.1} % |\n",
            of("boundaries")?,
            of("median_ms")?,
            of("median_signed_ms")?,
            percent("within_20_ms")?,
            percent("within_30_ms")?,
            percent("within_50_ms")?
        );
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_has_both_aligners_and_names_a_missing_figure() {
        let agreement = json!({"aligned": 400, "left_out": 2, "same_phone": 0.75, "same_senone": 0.5});
        let errors = json!({
            "boundaries": 9000, "median_ms": 12.5, "median_signed_ms": -2.0, "within_20_ms": 0.7, "within_30_ms": 0.85,
            "within_50_ms": 0.97,
        });
        let synthetic = json!({"agreement": agreement, "aligner": errors, "model": errors});
        let mut figures = Figures::new();
        figures.insert("real".to_owned(), agreement);
        assert!(format!("{:#}", table(&figures).unwrap_err()).contains("synthetic"));
        figures.insert("synthetic".to_owned(), synthetic);
        let shown = table(&figures).unwrap();
        assert!(shown.contains("400 utterances aligned, 2 left out; 75.0 % of frames"), "{shown}");
        assert!(
            shown.contains("| trained model | 9000 | 12.5 | -2.0 | 70.0 % | 85.0 % | 97.0 % |"),
            "{shown}"
        );
    }
}
