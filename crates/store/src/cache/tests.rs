use super::files::Files;
use super::*;
use std::time::{Duration, SystemTime};

fn size(folder: &Path) -> u64 {
    std::fs::read_dir(folder).unwrap().flatten().map(|entry| entry.metadata().unwrap().len()).sum()
}

#[test]
fn the_folder_stays_below_its_limit_and_what_was_used_last_stays_in_it() {
    let folder = tempfile::tempdir().unwrap();
    let files = Files::new(folder.path(), 10_000);
    let used = |name: &str, ago: u64| {
        let file = std::fs::File::open(folder.path().join(name)).unwrap();
        file.set_modified(SystemTime::now() - Duration::from_secs(ago)).unwrap();
    };
    for number in 0..8u64 {
        files.write(&format!("old-{number}"), &[number as u8; 1000]).unwrap();
        used(&format!("old-{number}"), 1000 - number);
    }
    assert_eq!(files.read("old-0").unwrap(), [0; 1000], "used just now");
    for number in 0..50 {
        files.write(&format!("new-{number}"), &[1; 1000]).unwrap();
        used(&format!("new-{number}"), 500 - number);
        assert!(size(folder.path()) <= 10_000, "{} after {number}", size(folder.path()));
    }
    assert!(files.read("old-0").is_some());
    assert!(files.read("old-1").is_none());
    assert!(files.read("new-49").is_some());
}

#[test]
fn several_programs_share_a_folder_and_its_limit() {
    let folder = tempfile::tempdir().unwrap();
    let (one, other) = (Files::new(folder.path(), 10_000), Files::new(folder.path(), 10_000));
    for number in 0..40 {
        one.write(&format!("one-{number}"), &[1; 500]).unwrap();
        other.write(&format!("other-{number}"), &[2; 500]).unwrap();
    }
    // Each looks through the folder after a tenth of the limit: so far they may exceed it together.
    assert!(size(folder.path()) <= 11_000, "{}", size(folder.path()));
    one.write("shared", b"what both read").unwrap();
    assert_eq!(other.read("shared").unwrap(), b"what both read");
}

#[test]
fn what_was_damaged_on_disk_is_dropped_and_what_is_too_large_is_not_kept() {
    let folder = tempfile::tempdir().unwrap();
    let files = Files::new(folder.path(), 10_000);
    files.write("a", b"0123456789").unwrap();
    let path = folder.path().join("a");
    let mut bytes = std::fs::read(&path).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    std::fs::write(&path, bytes).unwrap();
    assert!(files.read("a").is_none() && !path.exists());
    std::fs::write(&path, b"short").unwrap();
    assert!(files.read("a").is_none());
    files.write("large", &[0; 6000]).unwrap();
    assert!(files.read("large").is_none());
}

#[test]
fn a_draft_that_was_given_up_is_removed() {
    let folder = tempfile::tempdir().unwrap();
    let draft = folder.path().join("1-0.draft");
    std::fs::write(&draft, b"half").unwrap();
    std::fs::File::open(&draft).unwrap().set_modified(SystemTime::now() - Duration::from_secs(7200)).unwrap();
    Files::new(folder.path(), 10_000).write("a", b"whole").unwrap();
    assert!(!draft.exists());
}

#[test]
fn keys_differ_in_every_part() {
    let keys = [
        Key::new("s3://a/b", "1", &(0..4)),
        Key::new("s3://a/b", "2", &(0..4)),
        Key::new("s3://a/b", "1", &(0..5)),
        Key::new("s3://a/b 1", "", &(0..4)),
        Key::new("s3://a", "/b1", &(0..4)),
    ];
    for (index, key) in keys.iter().enumerate() {
        assert!(!keys[..index].contains(key), "{index}");
    }
}
