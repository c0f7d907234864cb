//! What the figures say, in a few sentences: computed, so that they cannot flatter.

use super::format::{decimal, three_digits};
use super::{ReportData, Role, Row};

/// One result worth saying first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The number, with its unit.
    pub value: String,
    /// What it is.
    pub caption: String,
}

/// The findings that the rows allow: the gain of learning from machine labels, what compression saves, and how much of the
/// way to the teacher was gone. A loss is called a loss.
#[must_use]
pub fn findings(data: &ReportData) -> Vec<Finding> {
    [gain(data), saving(data), way_to_the_teacher(data)].into_iter().flatten().collect()
}

fn fer(row: &Row) -> Option<f64> {
    row.fer().map(|f| f.mean)
}

fn baseline(data: &ReportData) -> Option<(&Row, f64)> {
    data.rows.iter().filter(|r| r.role == Role::AnnotatedOnly).find_map(|r| Some((r, fer(r)?)))
}

fn best_student(data: &ReportData) -> Option<(&Row, f64)> {
    let students = data.rows.iter().filter(|r| r.role == Role::SemiSupervised);
    students.filter_map(|r| Some((r, fer(r)?))).min_by(|a, b| a.1.total_cmp(&b.1))
}

fn gain(data: &ReportData) -> Option<Finding> {
    let ((_, from), (row, to)) = (baseline(data)?, best_student(data)?);
    let points = to - from;
    let relative = decimal((100.0 * points / from).abs(), 1);
    let verdict =
        if points < 0.0 { format!("{relative} % fewer errors") } else { format!("{relative} % more errors") };
    Some(Finding {
        value: format!("{}{} points", if points > 0.0 { "+" } else { "" }, decimal(points, 1)),
        caption: format!(
            "frame error rate of {} ({} %) against annotated audio alone ({} %): {verdict}",
            row.name,
            decimal(to, 1),
            decimal(from, 1)
        ),
    })
}

fn saving(data: &ReportData) -> Option<Finding> {
    let cost = |r: &Row| r.bytes_per_frame.filter(|b| *b > 0.0 && b.is_finite());
    let students = || data.rows.iter().filter(|r| r.role == Role::SemiSupervised);
    let strategy = |r: &Row, name: &str| r.strategy.as_deref() == Some(name);
    let dense = students().filter(|r| strategy(r, "dense")).find_map(cost)?;
    let (row, least) = students()
        .filter(|r| !strategy(r, "dense"))
        .filter_map(|r| Some((r, cost(r)?)))
        .min_by(|a, b| a.1.total_cmp(&b.1))?;
    Some(Finding {
        value: format!(
            "{} ×",
            if dense / least < 9.95 { decimal(dense / least, 1) } else { decimal(dense / least, 0) }
        ),
        caption: format!(
            "{} bytes than dense between the machines: {} a frame with {}, {} with dense",
            if least < dense { "fewer" } else { "as many" },
            three_digits(least),
            row.name,
            three_digits(dense)
        ),
    })
}

fn way_to_the_teacher(data: &ReportData) -> Option<Finding> {
    let ((_, from), (row, to)) = (baseline(data)?, best_student(data)?);
    let teacher = data.rows.iter().filter(|r| r.role == Role::Teacher).find_map(fer)?;
    let way = from - teacher;
    (way > 0.0 && to < from).then(|| Finding {
        value: format!("{} %", decimal(100.0 * (from - to) / way, 0)),
        caption: format!(
            "of the way from annotated audio alone to the teacher ({} %) gone by {}",
            decimal(teacher, 1),
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

    fn values(rows: Vec<Row>) -> Vec<String> {
        findings(&ReportData { rows, ..ReportData::default() }).into_iter().map(|f| f.value).collect()
    }

    #[test]
    fn gain_saving_and_the_way_to_the_teacher_are_told() {
        let rows = vec![
            row("teacher", Role::Teacher, 47.0, None),
            row("annotated", Role::AnnotatedOnly, 57.0, Some(220.0)),
            row("dense", Role::SemiSupervised, 50.5, Some(210.0)),
            row("gtc", Role::SemiSupervised, 51.0, Some(5.0)),
        ];
        assert_eq!(values(rows), ["−6.5 points", "42 ×", "65 %"]);
    }

    #[test]
    fn a_loss_is_called_a_loss() {
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
    fn without_both_sides_nothing_is_claimed() {
        assert!(values(vec![row("gtc", Role::SemiSupervised, 50.0, Some(5.0))]).is_empty());
        assert!(values(vec![]).is_empty());
    }
}
