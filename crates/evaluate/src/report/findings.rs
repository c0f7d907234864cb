//! The main results in a few sentences, computed from the figures without a choice by hand.

use super::{ReportData, Role, Row};
use crate::format::{decimal, three_digits};

/// A headline result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The number, with its unit.
    pub value: String,
    /// What it measures.
    pub caption: String,
}

/// Returns the findings that the rows permit: the gain from machine labels, the traffic that compression saves, and how
/// much of the distance to the ceiling or the teacher is closed. A loss is reported as a loss.
#[must_use]
pub fn findings(data: &ReportData) -> Vec<Finding> {
    [gain(data), saving(data), distance_closed(data)].into_iter().flatten().collect()
}

/// The error rate of the findings.
#[derive(Clone, Copy)]
enum Yardstick {
    Words,
    Frames,
}

impl Yardstick {
    /// Words if all students' words were recognised: what counts is what a recogniser writes.
    fn of(data: &ReportData) -> Self {
        let students = data.rows.iter().filter(|row| row.role != Role::Teacher);
        match students.clone().all(|row| row.wer().is_some()) {
            true => Self::Words,
            false => Self::Frames,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Words => "word error rate",
            Self::Frames => "frame error rate",
        }
    }

    fn rate(self, row: &Row) -> Option<f64> {
        match self {
            Self::Words => row.wer(),
            Self::Frames => row.fer(),
        }
        .map(|rate| rate.mean)
    }

    fn on_dev(self, row: &Row) -> Option<f64> {
        match self {
            Self::Words => row.dev_wer,
            Self::Frames => row.dev_fer,
        }
        .filter(|error| error.is_finite())
    }
}

/// Returns the first row of a role, with its error on the test set.
fn first(data: &ReportData, role: Role) -> Option<(&Row, f64)> {
    let yardstick = Yardstick::of(data);
    data.rows.iter().filter(|r| r.role == role).find_map(|r| Some((r, yardstick.rate(r)?)))
}

/// Returns the student of the headline, with its error on the test set. It is chosen by its error on dev, because the
/// lowest of several test errors would be biased. If there are several students and not all have a dev error, none is
/// chosen.
fn chosen_student(data: &ReportData) -> Option<(&Row, f64)> {
    let yardstick = Yardstick::of(data);
    let students: Vec<&Row> = data.rows.iter().filter(|r| r.role == Role::SemiSupervised).collect();
    let row = match students[..] {
        [only] => only,
        _ => {
            let on_dev = students.into_iter().map(|r| Some((r, yardstick.on_dev(r)?)));
            on_dev.collect::<Option<Vec<_>>>()?.into_iter().min_by(|a, b| a.1.total_cmp(&b.1))?.0
        }
    };
    Some((row, yardstick.rate(row)?))
}

/// Returns how it was chosen, if there were others.
fn choice(data: &ReportData) -> &'static str {
    let students = data.rows.iter().filter(|r| r.role == Role::SemiSupervised).count();
    if students > 1 { ", chosen on dev" } else { "" }
}

fn gain(data: &ReportData) -> Option<Finding> {
    let ((_, from), (row, to)) = (first(data, Role::AnnotatedOnly)?, chosen_student(data)?);
    let points = to - from;
    let relative = decimal((100.0 * points / from).abs(), 1);
    Some(Finding {
        value: format!("{}{} points", if points > 0.0 { "+" } else { "" }, decimal(points, 1)),
        caption: format!(
            "{} of {}{} ({} %) against annotated audio alone ({} %): {relative} % {} errors",
            Yardstick::of(data).name(),
            row.name,
            choice(data),
            decimal(to, 1),
            decimal(from, 1),
            if points < 0.0 { "fewer" } else { "more" }
        ),
    })
}

fn saving(data: &ReportData) -> Option<Finding> {
    let cost = |r: &Row| r.bytes_per_frame.filter(|b| *b > 0.0 && b.is_finite());
    let students = || data.rows.iter().filter(|r| r.role == Role::SemiSupervised);
    let is_dense = |r: &&Row| r.strategy.as_deref() == Some("dense");
    let dense = students().filter(is_dense).find_map(cost)?;
    let others = students().filter(|r| !is_dense(r)).filter_map(|r| Some((r, cost(r)?)));
    let (row, least) = others.min_by(|a, b| a.1.total_cmp(&b.1))?;
    let (ratio, word) = if least <= dense { (dense / least, "less") } else { (least / dense, "more") };
    Some(Finding {
        value: format!("{} × {word}", decimal(ratio, usize::from(ratio < 9.95))),
        caption: format!(
            "network traffic than dense: {} bytes a frame with {}, {} with dense",
            three_digits(least),
            row.name,
            three_digits(dense)
        ),
    })
}

/// The ceiling shows what annotations of all audio would bring; without one the teacher stands for what could be learned.
fn distance_closed(data: &ReportData) -> Option<Finding> {
    let ((_, from), (row, to)) = (first(data, Role::AnnotatedOnly)?, chosen_student(data)?);
    let (goal, reached) = match first(data, Role::Ceiling) {
        Some((_, rate)) => (rate, "annotation of all audio"),
        None => (first(data, Role::Teacher)?.1, "the teacher"),
    };
    let distance = from - goal;
    (distance > 0.0 && to < from).then(|| Finding {
        value: format!("{} %", decimal(100.0 * (from - to) / distance, 0)),
        caption: format!(
            "of the distance between annotated audio alone and {reached} ({} %) closed by {}",
            decimal(goal, 1),
            row.name
        ),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::Rates;

    fn row(name: &str, role: Role, fer: f64, bytes_per_frame: Option<f64>) -> Row {
        let runs = vec![Rates { fer: Some(fer), ..Rates::default() }];
        let strategy = Some(name.to_owned());
        Row { name: name.to_owned(), role, runs, strategy, bytes_per_frame, ..Row::default() }
    }

    fn on_dev(dev_fer: f64, row: Row) -> Row {
        Row { dev_fer: Some(dev_fer), ..row }
    }

    fn values(rows: Vec<Row>) -> Vec<String> {
        findings(&ReportData { rows, ..ReportData::default() }).into_iter().map(|f| f.value).collect()
    }

    #[test]
    fn gain_saving_and_the_distance_to_the_teacher_are_reported() {
        let rows = vec![
            row("teacher", Role::Teacher, 47.0, None),
            row("annotated", Role::AnnotatedOnly, 57.0, Some(220.0)),
            on_dev(60.1, row("dense", Role::SemiSupervised, 50.5, Some(210.0))),
            on_dev(60.2, row("gtc", Role::SemiSupervised, 51.0, Some(5.0))),
        ];
        assert_eq!(values(rows), ["−6.5 points", "42 × less", "65 %"]);
    }

    #[test]
    fn the_headline_student_is_chosen_by_dev_error_not_by_test_error() {
        let students = |dense: Row| {
            let gtc = on_dev(59.0, row("gtc", Role::SemiSupervised, 51.0, None));
            let rows = vec![row("annotated", Role::AnnotatedOnly, 57.0, None), dense, gtc];
            findings(&ReportData { rows, ..ReportData::default() })
        };
        let dense = row("dense", Role::SemiSupervised, 50.5, None);
        let found = students(on_dev(60.0, dense.clone()));
        assert_eq!(found[0].value, "−6.0 points");
        assert!(found[0].caption.starts_with("frame error rate of gtc, chosen on dev (51.0 %)"), "{found:?}");
        assert!(students(dense).is_empty(), "without dev figures of all nothing is chosen");
    }

    #[test]
    fn once_words_are_recognised_the_headline_is_in_words_and_the_goal_is_the_ceiling() {
        let words = |name: &str, role, fer, wer, dev_wer| {
            let runs = vec![Rates { fer: Some(fer), wer: Some(wer), ..Rates::default() }];
            Row { runs, dev_wer, ..row(name, role, fer, None) }
        };
        let mut rows = vec![
            words("teacher", Role::Teacher, 47.0, 61.0, None),
            words("annotated", Role::AnnotatedOnly, 57.0, 70.0, None),
            words("dense", Role::SemiSupervised, 50.0, 60.0, Some(66.0)),
            words("gtc", Role::SemiSupervised, 51.0, 62.0, Some(65.0)),
            words("ceiling", Role::Ceiling, 45.0, 50.0, None),
        ];
        let found = findings(&ReportData { rows: rows.clone(), ..ReportData::default() });
        assert_eq!(found.iter().map(|f| f.value.as_str()).collect::<Vec<_>>(), ["−8.0 points", "40 %"]);
        assert!(found[0].caption.starts_with("word error rate of gtc, chosen on dev (62.0 %)"), "{found:?}");
        assert!(found[1].caption.contains("annotation of all audio (50.0 %) closed by gtc"), "{found:?}");
        rows[4].runs[0].wer = None;
        rows[2].dev_fer = Some(58.0);
        rows[3].dev_fer = Some(59.0);
        let found = findings(&ReportData { rows, ..ReportData::default() });
        assert!(found[0].caption.starts_with("frame error rate of dense"), "not all have words: {found:?}");
    }

    #[test]
    fn a_loss_is_reported_as_a_loss() {
        let rows = vec![
            row("annotated", Role::AnnotatedOnly, 50.0, None),
            row("gtc", Role::SemiSupervised, 52.0, None),
        ];
        let found = findings(&ReportData { rows, ..ReportData::default() });
        assert_eq!(found.len(), 1);
        assert!(
            found[0].value == "+2.0 points" && found[0].caption.ends_with("4.0 % more errors"),
            "{found:?}"
        );
    }

    #[test]
    fn without_both_systems_there_is_no_finding() {
        assert!(values(vec![row("gtc", Role::SemiSupervised, 50.0, Some(5.0))]).is_empty());
        assert!(values(vec![]).is_empty());
    }
}
