use std::time::Duration;

/// The first pause, and the longest.
const FIRST: Duration = Duration::from_secs(5);
const LONGEST: Duration = Duration::from_secs(60);

/// How long a worker that ended for a passing reason (a full disk, a network that is down) is left alone before it is started
/// again: what is to pass needs time, and restarts are few. Twice as long each time in a row.
#[derive(Debug, Default)]
pub(super) struct Pauses {
    in_a_row: u32,
}

impl Pauses {
    /// The pause after a process that ran for `ran`. One that ran for longer than any pause is the first of a new row.
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
    fn pauses_double_up_to_a_minute_and_begin_anew_after_a_process_that_ran_for_long() {
        let mut pauses = Pauses::default();
        let soon = Duration::from_secs(1);
        let in_a_row: Vec<u64> = (0..6).map(|_| pauses.after(soon).as_secs()).collect();
        assert_eq!(in_a_row, [5, 10, 20, 40, 60, 60]);
        assert_eq!(pauses.after(Duration::from_secs(300)), FIRST);
        assert_eq!(pauses.after(soon), 2 * FIRST);
    }
}
