//! Files that commands read whole.

use anyhow::{Context, Error, Result, anyhow};
use std::fs::File;
use std::io::ErrorKind;
use std::path::Path;

/// Opens a file. `what`: what it is to contain, and the option that names it, for messages.
///
/// # Errors
/// With the path, what was expected, and what is there.
pub(crate) fn open(path: &Path, what: &str) -> Result<File> {
    let file = File::open(path).map_err(|error| missed(path, what, error))?;
    match file.metadata() {
        // A folder can be opened, and then not read.
        Ok(metadata) if metadata.is_dir() => Err(missed(path, what, ErrorKind::IsADirectory.into())),
        _ => Ok(file),
    }
}

/// The bytes of a file.
///
/// # Errors
/// As [`open`].
pub(crate) fn bytes(path: &Path, what: &str) -> Result<Vec<u8>> {
    std::fs::read(path).map_err(|error| missed(path, what, error))
}

/// The text of a file, without a byte-order mark, which some editors write before it.
///
/// # Errors
/// As [`open`]; with the line of the first bytes that are not UTF-8.
pub(crate) fn text(path: &Path, what: &str) -> Result<String> {
    stentor_transcribe::text::utf8(bytes(path, what)?).with_context(|| path.display().to_string())
}

fn missed(path: &Path, what: &str, error: std::io::Error) -> Error {
    let found = match error.kind() {
        ErrorKind::NotFound => "no such file",
        ErrorKind::IsADirectory => "a folder",
        ErrorKind::PermissionDenied => "one that this user may not read",
        ErrorKind::NotADirectory => "a file in place of one of its folders",
        _ => return Error::new(error).context(format!("{}: cannot read {what}", path.display())),
    };
    anyhow!("{}: expected {what}, found {found}", path.display())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_expected_and_what_is_there_instead_is_told_with_the_path() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("latin-1.txt");
        std::fs::write(&file, b"gr\xf6\xdfer").unwrap();
        let told = |path: &Path| format!("{:#}", text(path, "a lexicon (--lexicon)").unwrap_err());
        let ends = |path: &Path, words: &str| {
            let said = told(path);
            assert_eq!(said, format!("{}: {words}", path.display()));
        };
        ends(&folder.path().join("none"), "expected a lexicon (--lexicon), found no such file");
        ends(folder.path(), "expected a lexicon (--lexicon), found a folder");
        ends(&file.join("in"), "expected a lexicon (--lexicon), found a file in place of one of its folders");
        ends(&file, "line 1: expected text in UTF-8, found byte 0xf6: save the file as UTF-8");
        assert!(
            open(folder.path(), "a text")
                .unwrap_err()
                .to_string()
                .ends_with("expected a text, found a folder")
        );
    }
}
