use crate::exit::Meaning;
use anyhow::{Result, anyhow};
use std::net::SocketAddr;
use stentor_runtime::ExitStatus;

/// Returns metrics addresses for `workers` workers of a coordinator with address `first`: the ports after it. Port 0
/// means any free port, for each worker.
///
/// # Errors
/// If there are too few ports, with the highest port that would be enough.
pub(super) fn after(first: SocketAddr, workers: u32) -> Result<Vec<SocketAddr>> {
    let last = u32::from(first.port()) + workers;
    if first.port() != 0 && last > u32::from(u16::MAX) {
        let most = u32::from(u16::MAX) - workers;
        let words = anyhow!(
            "--metrics {first}: expected a port of at most {most}, because {workers} workers use the {workers} \
             ports after it; or port 0, any free port for each"
        );
        return Err(words).meaning(ExitStatus::Config);
    }
    let port = |number: u32| match first.port() {
        0 => 0,
        // Checked above.
        port => (u32::from(port) + number) as u16,
    };
    Ok((1..=workers).map(|number| SocketAddr::new(first.ip(), port(number))).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ports(first: &str, workers: u32) -> Result<Vec<u16>> {
        Ok(after(first.parse().unwrap(), workers)?.iter().map(SocketAddr::port).collect())
    }

    #[test]
    fn workers_take_the_ports_after_the_coordinators_or_any_free_ones() {
        assert_eq!(ports("127.0.0.1:9400", 3).unwrap(), [9401, 9402, 9403]);
        assert_eq!(ports("127.0.0.1:65533", 2).unwrap(), [65_534, 65_535]);
        assert_eq!(ports("127.0.0.1:0", 2).unwrap(), [0, 0]);
    }

    #[test]
    fn a_port_with_too_few_after_it_is_rejected_with_the_highest_that_would_be_enough() {
        for (first, most) in [("127.0.0.1:65535", 65_533), ("127.0.0.1:65534", 65_533)] {
            let error = ports(first, 2).unwrap_err();
            assert_eq!(crate::exit::of(&error), ExitStatus::Config);
            let words = format!("--metrics {first}: expected a port of at most {most}, because 2 workers");
            assert!(error.to_string().starts_with(&words), "{error}");
        }
    }
}
