use crate::Error;

/// Checks a name from another machine or a file: it must not lead out of its folder.
pub(crate) fn check_name(name: &str) -> Result<(), Error> {
    let wrong = |found: String| Err(Error::Name { name: name.to_owned(), found });
    let allowed = |c: char| c.is_ascii_alphanumeric() || "-_.@+=:".contains(c);
    match name.chars().find(|&c| !allowed(c)) {
        _ if name.is_empty() => wrong("nothing".into()),
        _ if name.len() > 200 => wrong(format!("{} bytes; at most 200", name.len())),
        _ if name.starts_with('.') => wrong("a dot in front".into()),
        Some(other) => wrong(format!("{other:?}")),
        None => Ok(()),
    }
}
