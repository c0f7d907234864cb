//! Stores on the network. Their clients, with HTTP and TLS, are a third of a program's code. The demo runs on local
//! folders, so the clients are in the feature `cloud`.

use crate::opened::Opened;
use stentor_experiment::StoreKind;
use url::Url;

/// Returns the prefixes of a provider's environment variables.
fn variables(kind: StoreKind) -> &'static [&'static str] {
    match kind {
        StoreKind::Folder => &[],
        StoreKind::S3 => &["AWS_"],
        StoreKind::Gcs => &["GOOGLE_", "SERVICE_ACCOUNT"],
        StoreKind::Azure => &["AZURE_", "IDENTITY_ENDPOINT"],
    }
}

/// Opens the store on the network at `url`, which is of `kind`, with the `settings` of its provider only: a variable
/// `TOKEN` belongs to another program.
pub(crate) fn open(
    kind: StoreKind,
    url: &Url,
    settings: impl IntoIterator<Item = (String, String)>,
) -> Result<Opened, String> {
    let owned = variables(kind);
    let is_theirs = |(name, _): &(String, String)| owned.iter().any(|prefix| name.starts_with(prefix));
    client(url, settings.into_iter().filter(is_theirs))
}

/// How long one request may take, including its body; `AWS_TIMEOUT`, `GOOGLE_TIMEOUT` and `AZURE_TIMEOUT` override it.
/// A large model on a slow link takes longer than object_store's default of 30 seconds.
#[cfg(feature = "cloud")]
const TIMEOUT: (&str, &str) = ("timeout", "2 minutes");

#[cfg(feature = "cloud")]
fn client(url: &Url, settings: impl Iterator<Item = (String, String)>) -> Result<Opened, String> {
    let (name, value) = TIMEOUT;
    let settings = std::iter::once((name.to_owned(), value.to_owned())).chain(settings);
    let (objects, path) = object_store::parse_url_opts(url, settings).map_err(|e| e.to_string())?;
    Ok(Opened { objects: std::sync::Arc::from(objects), path, is_remote: true })
}

#[cfg(not(feature = "cloud"))]
fn client(url: &Url, _: impl Iterator<Item = (String, String)>) -> Result<Opened, String> {
    Err(format!(
        "this program was built without stores on the network, as the demo needs none, and `{}://` is one; build it with the \
         feature `cloud`, as `cargo xtask programs --release` does",
        url.scheme()
    ))
}

/// Whether a request may have taken effect although it failed: after it was sent, the connection broke or the answer
/// timed out.
#[cfg(feature = "cloud")]
pub(crate) fn is_answer_lost(error: &object_store::Error) -> bool {
    use object_store::client::{HttpError, HttpErrorKind};
    let broken = crate::error::chain(error).find_map(|e| e.downcast_ref::<HttpError>());
    broken.is_some_and(|line| line.kind() != HttpErrorKind::Connect)
}

/// A local folder always answers, so no answer is lost.
#[cfg(not(feature = "cloud"))]
pub(crate) fn is_answer_lost(_: &object_store::Error) -> bool {
    false
}
