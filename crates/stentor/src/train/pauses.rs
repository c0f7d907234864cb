use std::time::Duration;

/// The first and the longest pause.
const FIRST: Duration = Duration::from_secs(5);
const LONGEST: Duration = Duration::from_secs(60);

/// Pauses before restarting a worker that ended for a transient reason (a full disk, a network failure): recovery takes
/// time, and restarts are limited. The pause doubles with each consecutive failure.
#[derive(Debug, Default)]
pub(super) struct Pauses {
    in_a_row: u32,
}

impl Pauses {
    /// Returns the pause after a process that ran for `ran`. A process that ran longer than the longest pause resets
    /// the sequence.
    pub(super) fn after(&mut self, ran: Duration) -> Duration {
        if ran > LONGEST {
            self.in_a_row = 0;
        }
        let pause = FIRST.saturating_mul(1 << self.in_a_row.min(8)).min(LONGEST);
        self.in_a_row += 1;
        pause
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_a_minute_and_restart_after_a_process_that_ran_for_long() {
        let mut pauses = Pauses::default();
        let soon = Duration::from_secs(1);
        let in_a_row: Vec<u64> = (0..6).map(|_| pauses.after(soon).as_secs()).collect();
        assert_eq!(in_a_row, [5, 10, 20, 40, 60, 60]);
        assert_eq!(pauses.after(Duration::from_secs(300)), FIRST);
        assert_eq!(pauses.after(soon), 2 * FIRST);
    }
}
