//! That no file of a command is written over another one of the same command.

use crate::exit::Meaning;
use anyhow::{Result, anyhow};
use std::path::{Component, Path, PathBuf};
use stentor_runtime::ExitStatus;
use stentor_shards::MANIFEST;

/// Files in the folders of sets and runs that Stentor's programs read again, besides shards.
const PARTS: [&str; 4] = [MANIFEST, "experiment.toml", "final.json", "summary.json"];

/// What the options of a command name: what it reads, and what it writes.
#[derive(Debug, Default)]
pub(crate) struct Files {
    inputs: Vec<Named>,
    outputs: Vec<Named>,
}

/// A file or folder.
#[derive(Debug)]
struct Named {
    option: &'static str,
    /// As it was given, for messages.
    given: PathBuf,
    /// Without links and detours.
    place: PathBuf,
}

impl Files {
    /// Adds files or folders that are read: paths, or locations of sets and runs.
    pub(crate) fn reads<P: AsRef<Path>>(
        mut self,
        option: &'static str,
        paths: impl IntoIterator<Item = P>,
    ) -> Self {
        self.inputs.extend(named(option, paths));
        self
    }

    /// The same of what is written.
    pub(crate) fn writes<P: AsRef<Path>>(
        mut self,
        option: &'static str,
        paths: impl IntoIterator<Item = P>,
    ) -> Self {
        self.outputs.extend(named(option, paths));
        self
    }

    /// Checks that no output is an input, nor part of a set or run that is one, and that no two outputs are one.
    ///
    /// # Errors
    /// The first pair, with both options, for exit code 2.
    pub(crate) fn check_apart(self) -> Result<()> {
        let mut others = self.inputs;
        let inputs = others.len();
        for output in self.outputs {
            if let Some(number) = others.iter().position(|other| output.collides(other)) {
                let refused = output.refused(&others[number], number < inputs);
                return Err(anyhow!(refused)).meaning(ExitStatus::Config);
            }
            others.push(output);
        }
        Ok(())
    }
}

fn named<P: AsRef<Path>>(
    option: &'static str,
    paths: impl IntoIterator<Item = P>,
) -> impl Iterator<Item = Named> {
    let path = move |path: P| {
        let given = path.as_ref().to_owned();
        // Pipes, terminals and `/dev/null` keep nothing that could be lost.
        let is_special = given.metadata().is_ok_and(|there| !there.is_file() && !there.is_dir());
        let place = place(&given);
        (!is_special).then_some(Named { option, given, place })
    };
    paths.into_iter().filter_map(path)
}

impl Named {
    fn collides(&self, other: &Self) -> bool {
        self.place == other.place || self.is_part_of(other) || other.is_part_of(self)
    }

    /// Whether this is a file by which the folder of a set or run is known.
    fn is_part_of(&self, folder: &Self) -> bool {
        let is_part = |name: &str| PARTS.contains(&name) || name.ends_with(".parquet");
        let name = self.place.file_name().map(|name| name.to_string_lossy());
        self.place.parent() == Some(&folder.place) && name.is_some_and(|name| is_part(&name))
    }

    fn refused(&self, other: &Self, is_input: bool) -> String {
        let Self { option, given, .. } = self;
        let given = given.display();
        let does = if is_input { "reads" } else { "writes, too" };
        let found = match (self.place == other.place, self.is_part_of(other)) {
            (true, _) => format!("the one that {} {does}", other.option),
            (false, true) => format!("a part of {}, which {} {does}", other.given.display(), other.option),
            (false, false) => {
                format!("the folder of {}, which {} {does}", other.given.display(), other.option)
            }
        };
        format!(
            "{given}: expected a file or folder of its own for {option}, found {found}; name another place"
        )
    }
}

/// The absolute path without links, of what need not be there yet.
fn place(path: &Path) -> PathBuf {
    let path = path.to_str().and_then(|url| url.strip_prefix("file://")).map_or(path, Path::new);
    let whole = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let mut place = PathBuf::new();
    for part in whole.components() {
        match part {
            Component::ParentDir => {
                place.pop();
            }
            part => place.push(part),
        }
        // A link is followed before `..` after it is.
        place = place.canonicalize().unwrap_or(place);
    }
    place
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exit::End;
    use std::fs;

    fn refused(files: Files) -> String {
        let error = files.check_apart().unwrap_err();
        assert_eq!(
            End::of(&error, ExitStatus::Data),
            End { id: "E1102", status: ExitStatus::Config },
            "{error:#}"
        );
        format!("{error:#}")
    }

    #[test]
    fn a_file_is_known_again_by_any_of_its_names_whether_it_is_there_or_not() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::create_dir(at("sub")).unwrap();
        fs::write(at("there"), "text").unwrap();
        std::os::unix::fs::symlink(at("there"), at("link")).unwrap();
        std::os::unix::fs::symlink(at("sub"), at("linked")).unwrap();
        for (one, other) in [
            ("there", "there"),
            ("there", "./sub/../there"),
            ("link", "there"),
            ("new", "sub/../new"),
            ("sub/new", "linked/new"),
            ("linked/../new", "new"),
            ("none/new", "none//./new"),
        ] {
            let message = refused(Files::default().reads("--text", [at(one)]).writes("--out", [at(other)]));
            assert!(message.contains("for --out, found the one that --text reads"), "{message}");
            assert!(message.starts_with(&at(other).display().to_string()), "{message}");
            let message = refused(Files::default().writes("--out", [at(one)]).writes("--json", [at(other)]));
            assert!(message.contains("for --json, found the one that --out writes, too"), "{message}");
        }
        let apart = Files::default().reads("--text", [at("there"), at("there")]).writes("--out", [at("new")]);
        apart.writes("--json", [at("sub/new")]).check_apart().unwrap();
    }

    #[test]
    fn figures_may_lie_in_the_folder_of_a_set_but_not_in_place_of_its_manifest_or_a_shard() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name).display().to_string();
        let url = format!("file://{}", at("set"));
        for set in [at("set"), url] {
            let files = |json: &str| Files::default().reads("--labels", [&set]).writes("--json", [at(json)]);
            files("set/figures.json").check_apart().unwrap();
            for part in ["set/manifest.json", "set/part-00000.parquet", "set/final.json"] {
                let message = refused(files(part));
                assert!(
                    message.contains("for --json, found a part of ") && message.contains("--labels reads"),
                    "{message}"
                );
            }
            let message = refused(files("set"));
            assert!(message.contains("the one that --labels reads"), "{message}");
        }
        let out = Files::default().writes("--json", [at("new/manifest.json")]).writes("--out", [at("new")]);
        let message = refused(out);
        assert!(
            message.contains("for --out, found the folder of ") && message.contains("--json writes"),
            "{message}"
        );
    }

    #[test]
    fn what_keeps_nothing_may_be_named_twice() {
        let null = Path::new("/dev/null");
        Files::default().writes("--out", [null]).writes("--json", [null]).check_apart().unwrap();
    }
}
