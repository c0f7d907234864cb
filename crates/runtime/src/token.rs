use crate::error::Error;
use std::fmt;
use std::path::Path;
use subtle::ConstantTimeEq;

/// Minimum length in characters; a shorter token could be guessed.
const SHORTEST: usize = 16;

/// The secret with which a person, or a program that acts for one, proves that they may watch and control a run.
///
/// It comes from a file or from `STENTOR_TOKEN`, never from the command line, which everyone on the machine can read.
/// Neither [`fmt::Debug`] nor an error reveals it.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(String);

impl Token {
    /// The token in `file` (from `--token-file` or `STENTOR_TOKEN_FILE`), otherwise the one in `value` (of
    /// `STENTOR_TOKEN`), otherwise `None`. Surrounding white space is ignored.
    ///
    /// # Errors
    /// [`Error::TokenFile`] if the file cannot be read; [`Error::Token`] if both are set, or one is not a valid token.
    pub fn from_settings(file: Option<&Path>, value: Option<&str>) -> Result<Option<Token>, Error> {
        Token::from_either(file, value, "STENTOR_TOKEN")
    }

    /// Like [`Token::from_settings`]; `variable` is the name of the variable that contains `value`.
    fn from_either(file: Option<&Path>, value: Option<&str>, variable: &str) -> Result<Option<Token>, Error> {
        let (text, place) = match (file, value) {
            (None, None) => return Ok(None),
            (Some(file), None) => {
                let read = |source| Error::TokenFile { path: file.to_owned(), source };
                crate::secret_file::warn_if_exposed(file, "this token");
                (std::fs::read_to_string(file).map_err(read)?, file.display().to_string())
            }
            (None, Some(value)) => (value.to_owned(), variable.to_owned()),
            (Some(file), Some(_)) => {
                let place = format!("{} and {variable}", file.display());
                return Err(Error::Token { place, found: "two tokens where one is expected".to_owned() });
            }
        };
        let token = text.trim();
        let found = if token.len() < SHORTEST {
            format!("{} characters", token.len())
        } else if token.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Ok(Some(Token(token.to_owned())));
        } else {
            "characters that are not ASCII, or white space within".to_owned()
        };
        Err(Error::Token { place, found })
    }

    /// Like [`Token::from_settings`], with `STENTOR_TOKEN` of this process; an empty value counts as unset.
    ///
    /// # Errors
    /// As [`Token::from_settings`].
    pub fn from_environment(file: Option<&Path>) -> Result<Option<Token>, Error> {
        Token::from_variable(file, "STENTOR_TOKEN")
    }

    /// Like [`Token::from_environment`], with another variable.
    pub(crate) fn from_variable(file: Option<&Path>, variable: &str) -> Result<Option<Token>, Error> {
        let value = std::env::var(variable).ok().filter(|value| !value.is_empty());
        Token::from_either(file, value.as_deref(), variable)
    }

    /// Whether the value of an `Authorization` header contains this token: `Bearer TOKEN`. Takes the same time
    /// wherever the first wrong character is.
    #[must_use]
    pub fn matches_bearer(&self, header: &str) -> bool {
        let Some((scheme, found)) = header.split_once(' ') else { return false };
        scheme.eq_ignore_ascii_case("bearer") && bool::from(self.0.as_bytes().ct_eq(found.trim().as_bytes()))
    }

    /// The value of an `Authorization` header with this token.
    #[must_use]
    pub fn bearer(&self) -> String {
        format!("Bearer {}", self.0)
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Token(***)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "correct-horse-battery";

    fn file(text: &[u8]) -> (tempfile::TempDir, std::path::PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token");
        std::fs::write(&path, text).unwrap();
        (folder, path)
    }

    #[test]
    fn a_token_comes_from_a_file_or_from_the_environment_and_else_there_is_none() {
        let (_folder, path) = file(format!("{SECRET}\n").as_bytes());
        let by_file = Token::from_settings(Some(&path), None).unwrap().unwrap();
        let by_value = Token::from_settings(None, Some(SECRET)).unwrap().unwrap();
        assert_eq!(by_file, by_value);
        assert_eq!(Token::from_settings(None, None).unwrap(), None);
    }

    #[test]
    fn only_the_whole_token_after_the_right_scheme_matches() {
        let token = Token::from_settings(None, Some(SECRET)).unwrap().unwrap();
        assert!(token.matches_bearer(&token.bearer()));
        assert!(token.matches_bearer(&format!("bearer  {SECRET}")), "schemes have no case");
        for wrong in [
            "",
            "Bearer",
            "Bearer ",
            SECRET,
            &format!("Basic {SECRET}"),
            &format!("Bearer {SECRET}x"),
            &format!("Bearer {}", &SECRET[1..]),
            &format!("Bearer {}", SECRET.to_uppercase()),
        ] {
            assert!(!token.matches_bearer(wrong), "{wrong}");
        }
    }

    #[test]
    fn what_is_no_token_is_refused_with_its_place_and_what_to_do_and_never_shown() {
        let (_folder, short) = file(b"hunter2");
        let (_other, spaced) = file(b"correct horse battery staple");
        for (path, expected) in [(&short, "7 characters"), (&spaced, "white space within")] {
            let error = Token::from_settings(Some(path), None).unwrap_err().to_string();
            assert!(error.contains(expected) && error.contains(&path.display().to_string()), "{error}");
            assert!(error.contains("openssl rand -hex 32"), "{error}");
            assert!(!error.contains("hunter2") && !error.contains("horse"), "{error}");
        }
        let (_third, good) = file(SECRET.as_bytes());
        let error = Token::from_settings(Some(&good), Some(SECRET)).unwrap_err().to_string();
        assert!(error.contains("two tokens") && !error.contains(SECRET), "{error}");
        let (_fourth, binary) = file(&[0xff; 40]);
        for path in [&good.with_file_name("nowhere"), &binary] {
            let error = Token::from_settings(Some(path), None).unwrap_err().to_string();
            assert!(error.contains(&path.display().to_string()), "{error}");
        }
    }

    #[test]
    fn debug_output_does_not_show_it() {
        let token = Token::from_settings(None, Some(SECRET)).unwrap();
        assert_eq!(format!("{token:?}"), "Some(Token(***))");
    }
}
