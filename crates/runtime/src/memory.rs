use std::fs;

/// Peak resident memory of this process in bytes (`VmHWM` in `/proc/self/status`). `None` if the system does not
/// report it.
#[must_use]
pub fn peak_rss_bytes() -> Option<u64> {
    parse_peak(&fs::read_to_string("/proc/self/status").ok()?)
}

/// [`peak_rss_bytes`] in megabytes of 10⁶ bytes, for reports; 0 if the system does not report it.
#[must_use]
pub fn peak_rss_mb() -> f64 {
    peak_rss_bytes().map_or(0.0, |bytes| bytes as f64 / 1e6)
}

/// User and system time of this process so far, in seconds, with a resolution of 0.01 s; 0 if the system does not
/// report it.
#[must_use]
pub fn cpu_seconds() -> f64 {
    fs::read_to_string("/proc/self/stat").ok().and_then(|stat| parse_cpu(&stat)).unwrap_or(0.0)
}

/// `stat`: text of `/proc/<pid>/stat`. After the name in parentheses, which may contain any characters, user and
/// system time are fields 12 and 13. They are in ticks, of which Linux has 100 per second on every architecture.
fn parse_cpu(stat: &str) -> Option<f64> {
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let ticks = |n: usize| fields.get(n)?.parse::<f64>().ok();
    Some((ticks(11)? + ticks(12)?) / 100.0)
}

/// `status`: text of `/proc/<pid>/status`, with a line `VmHWM:     1234 kB` (kB means 1024 bytes there).
fn parse_peak(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_peak_is_read_from_its_line() {
        assert_eq!(
            parse_peak("VmPeak:\t  9000 kB\nVmHWM:\t    1234 kB\nVmRSS:\t 100 kB\n"),
            Some(1234 * 1024)
        );
    }

    #[test]
    fn a_status_without_a_peak_says_nothing() {
        for status in
            ["", "VmRSS:\t 100 kB\n", "VmHWM:\t kB\n", "VmHWM:\t 12 MB\n", "VmHWM: 99999999999999999999 kB"]
        {
            assert_eq!(parse_peak(status), None, "{status:?}");
        }
    }

    #[test]
    fn time_is_read_behind_the_name_and_grows_with_work() {
        assert_eq!(parse_cpu("7 (a) b) S 1 2 3 4 5 6 7 8 9 10 150 50 0"), Some(2.0));
        assert_eq!(parse_cpu("7 (a"), None);
        let before = cpu_seconds();
        let mut x = 1u64;
        while cpu_seconds() < before + 0.02 {
            (0..1_000_000).for_each(|n| x = std::hint::black_box(x).wrapping_mul(n | 1));
        }
        assert!(cpu_seconds() > before);
    }

    #[test]
    fn the_peak_grows_with_the_memory_touched_and_stays() {
        let before = peak_rss_bytes().unwrap();
        let touched = vec![1_u8; 64 << 20];
        let during = peak_rss_bytes().unwrap();
        assert!(during >= before + (32 << 20), "{before} → {during} with {} bytes touched", touched.len());
        drop(touched);
        // The kernel counts pages per processor and adds them up only now and then, so both figures may miss some.
        let slack = 4 << 20;
        let after = peak_rss_bytes().unwrap();
        assert!(after + slack >= during, "{during} → {after}");
        let megabytes = peak_rss_mb();
        assert!((megabytes - after as f64 / 1e6).abs() < 50.0, "{after} bytes are not {megabytes} MB");
    }
}
