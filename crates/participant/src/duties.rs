use crate::io::Action;
use stentor_messages::{Boundary, Fence, Report, Written};
use stentor_scores::Sums;

/// A member's duties at a boundary, one after the other: it writes its state, and the model if it is the member to do so; it scores
/// its share of the dev data; it makes the reducers write theirs. What was done is reported when all of it is done.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Duties {
    fence: Fence,
    next: Next,
    writes_model: bool,
    dev_share: Option<(u32, u32)>,
    report: Report,
}

/// The duty that is under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Next {
    Save,
    Score,
    SaveSums,
    Report,
}

impl Duties {
    /// Begins with the duties of `boundary`; none without a checkpoint.
    pub(crate) fn begin(
        fence: Fence,
        boundary: &Boundary,
        identity: &str,
        actions: &mut Vec<Action>,
    ) -> Option<Self> {
        let checkpoint = boundary.checkpoint.clone()?;
        let model = boundary.writes_model;
        actions.push(Action::Save { checkpoint: checkpoint.clone(), model });
        let report = Report { identity: identity.to_owned(), checkpoint, written: Vec::new(), dev: None };
        Some(Self { fence, next: Next::Save, writes_model: model, dev_share: boundary.dev_share, report })
    }

    pub(crate) fn saved(&mut self, written: Vec<Written>, actions: &mut Vec<Action>) {
        match self.next {
            Next::Save => {
                self.report.written = written;
                self.score(actions);
            }
            Next::SaveSums => {
                self.report.written.extend(written);
                self.report(actions);
            }
            Next::Score | Next::Report => {}
        }
    }

    pub(crate) fn scored(&mut self, score: Sums, actions: &mut Vec<Action>) {
        if self.next == Next::Score {
            self.report.dev = Some(score);
            self.save_sums(actions);
        }
    }

    /// Whether the report is answered, and with it the boundary done.
    pub(crate) fn reported(&self) -> bool {
        self.next == Next::Report
    }

    fn score(&mut self, actions: &mut Vec<Action>) {
        let Some(share) = self.dev_share else { return self.save_sums(actions) };
        self.next = Next::Score;
        actions.push(Action::Score { checkpoint: self.report.checkpoint.clone(), share });
    }

    fn save_sums(&mut self, actions: &mut Vec<Action>) {
        if !self.writes_model {
            return self.report(actions);
        }
        self.next = Next::SaveSums;
        actions.push(Action::SaveSums { fence: self.fence, checkpoint: self.report.checkpoint.clone() });
    }

    fn report(&mut self, actions: &mut Vec<Action>) {
        self.next = Next::Report;
        actions.push(Action::Report { fence: self.fence, report: self.report.clone() });
    }
}
