use crate::error::{Error, require};
use crate::{Experiment, StoreKind};

/// Checks a location. No shell expands it: `~` or a variable would be taken literally as a folder's name.
pub(crate) fn validate(key: &'static str, location: &str) -> Result<(), Error> {
    require(!location.trim().is_empty(), key, "a folder or URL", format!("`{location}`"))?;
    require(
        !lacks_a_slash(location),
        key,
        "a folder, or a URL with two slashes after its scheme, such as s3://BUCKET/FOLDER",
        format!("`{location}`"),
    )?;
    require(
        !(location == "~" || location.starts_with("~/") || variable(location) == Some(0)),
        key,
        "a folder, absolute or relative to the experiment file, or a URL: `~` and variables are not expanded here, so \
         write the folder out, or `./~` for one of that name",
        format!("`{location}`"),
    )
}

/// Returns whether a location is a folder of this machine.
pub(crate) fn is_local(location: &str) -> bool {
    location.split_once("://").is_none_or(|(scheme, _)| StoreKind::of(scheme) == Some(StoreKind::Folder))
}

/// Returns whether a location is a URL with a missing slash, which would be taken for a folder's name.
fn lacks_a_slash(location: &str) -> bool {
    let is_scheme = |scheme: &str| StoreKind::of(scheme).is_some() || ["http", "https"].contains(&scheme);
    location.split_once(':').is_some_and(|(scheme, rest)| is_scheme(scheme) && !rest.starts_with("//"))
}

/// Returns where a location contains what a shell would take for a variable: `$HOME`, `${HOME}`.
pub(crate) fn variable(location: &str) -> Option<usize> {
    let is_name = |c: char| c.is_ascii_alphabetic() || c == '_' || c == '{';
    location.match_indices('$').map(|(at, _)| at).find(|at| location[at + 1..].starts_with(is_name))
}

/// A location in normal form, so that locations can be compared by name.
#[derive(Debug, PartialEq, Eq)]
struct Place<'a> {
    /// `/`, `s3://`, or empty if it is relative.
    root: &'a str,
    folders: Vec<&'a str>,
}

impl<'a> Place<'a> {
    fn of(location: &'a str) -> Self {
        let path = location.strip_prefix("file://").unwrap_or(location);
        let (root, path) = match path.find("://") {
            Some(at) => path.split_at(at + 3),
            None if path.starts_with('/') => path.split_at(1),
            None => ("", path),
        };
        let mut folders = Vec::new();
        for part in path.split('/') {
            match part {
                "" | "." => {}
                ".." if folders.last().is_some_and(|last| *last != "..") => {
                    folders.pop();
                }
                ".." if !root.is_empty() => {}
                part => folders.push(part),
            }
        }
        Self { root, folders }
    }

    fn is_within(&self, other: &Self) -> bool {
        self.root == other.root && self.folders.starts_with(&other.folders)
    }

    /// Returns whether it names a folder: not the root, not the base of relative locations, and not one above that.
    fn has_a_name(&self) -> bool {
        self.folders.last().is_some_and(|last| *last != "..")
    }
}

impl Experiment {
    /// Checks that the run has its own folder: its files must not be mixed with those of a set, or with unrelated ones.
    /// Locations are compared by name, so call it again once they are [rebased](Self::rebased).
    ///
    /// # Errors
    /// [`Error::Value`] for `run.output`.
    pub fn check_output(&self) -> Result<(), Error> {
        let output = Place::of(&self.run.output);
        let expected = "a separate folder for the run, outside the folders of data";
        let found = &self.run.output;
        require(output.has_a_name(), "run.output", expected, format!("`{found}`"))?;
        let sets = self.locations().filter(|(key, _)| key.starts_with("data."));
        for (key, set) in sets {
            let within = format!("`{found}`, which is inside `{key}`, `{set}`");
            require(!output.is_within(&Place::of(set)), "run.output", expected, within)?;
        }
        Ok(())
    }
}
