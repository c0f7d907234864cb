//! The number of files and connections that a process may have open.

use crate::connections::Bounds;
use crate::error::Error;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Descriptors for other things than accepted connections: the store, logs, `/metrics`, reducers.
const OTHERS: u64 = 512;
/// A listener for fewer connections serves no cluster.
const FEWEST_CONNECTIONS: u64 = 64;

/// Raises this process's limit of open files as far as `bounds` need and the system allows. Returns bounds that fit the limit, with a
/// warning where they are smaller.
///
/// # Errors
/// [`Error::Descriptors`] if the limit is too low for a small cluster.
pub fn for_connections(bounds: Bounds) -> Result<Bounds, Error> {
    let needed = bounds.total() as u64 + OTHERS;
    let found = raise(needed);
    let fitting = fit(bounds, found)?;
    if fitting != bounds {
        tracing::warn!(
            found,
            needed,
            connections = fitting.total(),
            "the limit of open files is too low for {} connections, so fewer are accepted; raise the hard limit before the \
             start: `ulimit -Hn {needed}`, LimitNOFILE={needed} of systemd, or `ulimits` of compose",
            bounds.total()
        );
    }
    Ok(fitting)
}

/// Raises the soft limit to `wanted`, or as far as the hard limit allows. Returns the limit in force.
pub fn raise(wanted: u64) -> u64 {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    // None: there is no limit.
    let Some(found) = current else { return u64::MAX };
    if found >= wanted {
        return found;
    }
    let possible = maximum.map_or(wanted, |maximum| wanted.min(maximum));
    match setrlimit(Resource::Nofile, Rlimit { current: Some(possible), maximum }) {
        Ok(()) => possible,
        Err(error) => {
            tracing::debug!(%error, possible, "cannot raise the limit of open files");
            found
        }
    }
}

/// The bounds, scaled down to a limit of open files.
fn fit(bounds: Bounds, limit: u64) -> Result<Bounds, Error> {
    let spare = limit.saturating_sub(OTHERS);
    if spare >= bounds.total() as u64 {
        return Ok(bounds);
    }
    if spare < FEWEST_CONNECTIONS {
        return Err(Error::Descriptors { needed: OTHERS + FEWEST_CONNECTIONS, found: limit });
    }
    let most_unproven = (spare / 4).min(bounds.most_unproven as u64) as usize;
    let most = spare as usize - most_unproven;
    Ok(Bounds { most, most_of_address: (most / 2).max(1).min(bounds.most_of_address), most_unproven })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_fit_the_limit_and_are_whole_where_it_is_high_enough() {
        let whole = Bounds::default();
        assert_eq!(fit(whole, 1 << 20).unwrap(), whole);
        for limit in [576, 1024, 2048, 4096, 5119] {
            let fitting = fit(whole, limit).unwrap();
            assert!(fitting.total() as u64 + OTHERS <= limit, "{limit}: {fitting:?}");
            assert!(fitting.most >= 32 && fitting.most_unproven >= 16, "{limit}: {fitting:?}");
            assert!(fitting.most_of_address <= fitting.most, "{limit}: {fitting:?}");
        }
        let words = fit(whole, 575).unwrap_err().to_string();
        assert!(words.contains("at least 576") && words.contains("found 575"), "{words}");
    }

    #[test]
    fn a_limit_that_is_high_enough_is_left_as_it_is() {
        let before = getrlimit(Resource::Nofile);
        assert!(raise(1) >= 1);
        assert_eq!(getrlimit(Resource::Nofile), before);
    }
}
