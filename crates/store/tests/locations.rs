//! How locations are interpreted, and what only local folders do.

use bytes::Bytes;
use stentor_store::{Error, Store};

#[test]
fn a_location_that_cannot_be_opened_says_why() {
    for (location, reason) in [
        ("", "empty"),
        ("~/runs/a", "write the folder out"),
        ("$HOME/runs/a", "only shells expand variables"),
        ("${HOME}", "write the folder out"),
        ("gopher://x/y", "gopher"),
        ("https://host/x", "https"),
        ("file://otherhost/x", "no local path"),
        #[cfg(feature = "cloud")]
        ("az://container/x", "account"),
        #[cfg(not(feature = "cloud"))]
        ("az://container/x", "feature `cloud`"),
    ] {
        let error = Store::open_with(location, [], None).unwrap_err();
        assert!(matches!(error, Error::Location { .. }), "{location}");
        assert!(error.to_string().to_lowercase().contains(reason), "{location}: {error}");
    }
}

#[cfg(feature = "cloud")]
#[test]
fn only_settings_of_the_provider_count() {
    let open = |name: &str, value: &str| {
        Store::open_with("s3://bucket/x", [(name.to_owned(), value.to_owned())], None)
    };
    for others in ["TIMEOUT", "timeout", "GOOGLE_TIMEOUT"] {
        open(others, "soon").unwrap();
    }
    open("AWS_TIMEOUT", "10 minutes").unwrap();
    let error = open("AWS_TIMEOUT", "soon").unwrap_err().to_string();
    assert!(error.contains("s3://bucket/x") && error.contains("soon"), "{error}");
}

#[tokio::test]
async fn dots_in_a_local_path_are_resolved_and_the_location_stays_as_written() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().to_str().unwrap();
    let store = Store::open(&format!("{root}/./not-there/../here/")).unwrap();
    assert_eq!(store.location(), format!("{root}/./not-there/../here"));
    store.put("x", Bytes::from_static(b"1")).await.unwrap();
    assert_eq!(std::fs::read(folder.path().join("here/x")).unwrap(), b"1");
}

#[tokio::test]
async fn a_folder_with_spaces_percent_signs_and_umlauts_works() {
    let folder = tempfile::tempdir().unwrap();
    let odd = folder.path().join("a b%20ü#");
    let store = Store::open(odd.to_str().unwrap()).unwrap();
    store.put("x y.json", Bytes::from_static(b"1")).await.unwrap();
    assert_eq!(std::fs::read(odd.join("x y.json")).unwrap(), b"1");
    assert_eq!(store.list("").await.unwrap(), ["x y.json"]);
}

#[tokio::test]
async fn a_file_where_a_folder_should_be_is_reported_with_its_place() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("file"), b"x").unwrap();
    let store = Store::open(folder.path().join("file").to_str().unwrap()).unwrap();
    let error = store.put("x", Bytes::from_static(b"1")).await.unwrap_err();
    assert!(matches!(error, Error::Unusable { operation: "write", .. }), "{error:?}");
    assert!(error.to_string().contains("file/x"), "{error}");
}

#[tokio::test]
async fn a_name_too_long_for_the_file_system_is_distinguished_from_transient_faults() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path().join("n".repeat(300)).to_str().unwrap()).unwrap();
    let write = store.put("x", Bytes::from_static(b"1")).await.unwrap_err();
    assert!(matches!(write, Error::Unusable { operation: "write", .. }), "{write:?}");
    let read = store.get("x").await.unwrap_err();
    assert!(matches!(read, Error::Unusable { operation: "read", .. }), "{read:?}");
}

#[tokio::test]
async fn nothing_half_written_is_ever_listed() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path().to_str().unwrap()).unwrap();
    store.put("m.json", Bytes::from_static(b"1")).await.unwrap();
    // The staging file of a writer that was killed.
    std::fs::write(folder.path().join("m.json#1"), b"half").unwrap();
    assert_eq!(store.list("").await.unwrap(), ["m.json"]);
    assert!(!store.exists("m.json#1").await.unwrap_or(false));
}
