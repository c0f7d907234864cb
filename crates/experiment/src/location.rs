use crate::StoreKind;
use crate::error::{Error, require};

/// No shell reads the file: a home or a variable would become a folder of that very name.
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

/// Whether a location is a folder of this machine.
pub(crate) fn is_local(location: &str) -> bool {
    location.split_once("://").is_none_or(|(scheme, _)| StoreKind::of(scheme) == Some(StoreKind::Folder))
}

/// A URL that would become a folder of that very name.
fn lacks_a_slash(location: &str) -> bool {
    let is_scheme = |scheme: &str| StoreKind::of(scheme).is_some() || ["http", "https"].contains(&scheme);
    location.split_once(':').is_some_and(|(scheme, rest)| is_scheme(scheme) && !rest.starts_with("//"))
}

/// Where a location has what a shell would take for a variable: `$HOME`, `${HOME}`.
pub(crate) fn variable(location: &str) -> Option<usize> {
    let is_name = |c: char| c.is_ascii_alphabetic() || c == '_' || c == '{';
    location.match_indices('$').map(|(at, _)| at).find(|at| location[at + 1..].starts_with(is_name))
}
