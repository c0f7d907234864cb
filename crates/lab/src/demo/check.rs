//! Conditions on the figures of the demo loop on the small corpus.

use super::figures::Figures;
use anyhow::{Result, bail, ensure};

/// A model of the quick demo with a frame error rate above this, in percent, has not learned: always answering
/// "silence" gives 87, and a successful run well below 40.
const QUICK_FER_BOUND: f64 = 60.0;

/// A model whose words are wrong more often than this, in percent, does not lead to words: a recogniser that finds nothing
/// has 100, and a successful run well below.
const QUICK_WER_BOUND: f64 = 80.0;

/// So few data cannot show a gain; but they do show that every model has learned, that words come of it, and that
/// compression reduces bytes.
pub(crate) fn judge(figures: &Figures) -> Result<()> {
    let students = &figures.students;
    let all = [
        ("teacher", figures.teacher),
        ("annotated", students.annotated),
        ("gtc", students.gtc.rates),
        ("bmuf", students.bmuf.rates),
        ("dense", students.dense.rates),
    ];
    for (name, rates) in all {
        ensure!(
            rates.fer > 0.0 && rates.fer < QUICK_FER_BOUND,
            "expected a frame error rate below {QUICK_FER_BOUND} % of {name}, found {:.1} %",
            rates.fer
        );
        let Some(wer) = rates.wer else { bail!("expected a word error rate of {name}, found none") };
        ensure!(
            wer < QUICK_WER_BOUND,
            "expected a word error rate below {QUICK_WER_BOUND} % of {name}, found {wer:.1} %"
        );
    }
    for (name, student) in [("gtc", &students.gtc), ("bmuf", &students.bmuf)] {
        ensure!(
            student.bytes_per_frame < students.dense.bytes_per_frame,
            "expected fewer bytes per frame of {name} than of dense ({:.0}), found {:.0}",
            students.dense.bytes_per_frame,
            student.bytes_per_frame
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::figures::{Student, Students};
    use crate::demo::rates::Rates;

    fn figures(fer: f64, wer: Option<f64>, gtc_bytes: f64) -> Figures {
        let rates = Rates { fer, fer_speech: fer, per: fer, wer, dev_wer: wer };
        let student = |bytes_per_frame| Student { rates, bytes_per_frame, ..Student::default() };
        Figures {
            teacher: rates,
            students: Students {
                annotated: rates,
                gtc: student(gtc_bytes),
                bmuf: student(10.0),
                dense: student(100.0),
                ceiling: None,
            },
            ..Figures::default()
        }
    }

    #[test]
    fn a_loop_that_learned_and_compressed_passes() {
        judge(&figures(40.0, Some(30.0), 10.0)).unwrap();
    }

    #[test]
    fn a_model_that_learned_nothing_words_that_are_missing_or_a_compression_that_does_not_compress_fail() {
        for (fer, wer, gtc_bytes, expected) in [
            (96.0, Some(30.0), 10.0, "of teacher, found 96.0"),
            (f64::NAN, Some(30.0), 10.0, "of teacher, found NaN"),
            (40.0, Some(100.0), 10.0, "a word error rate below 80 % of teacher, found 100.0"),
            (40.0, None, 10.0, "a word error rate of teacher, found none"),
            (40.0, Some(30.0), 100.0, "of gtc than of dense (100), found 100"),
        ] {
            let error = judge(&figures(fer, wer, gtc_bytes)).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
    }
}
