use super::*;

/// Writes an entry of 1000 bytes that was last used `ago` seconds ago.
fn keep(files: &Files, number: u16, ago: u64) -> Hash {
    let (digest, bytes) = entry(number);
    files.write(digest, &bytes).unwrap();
    let file = File::open(files.path(digest)).unwrap();
    file.set_modified(SystemTime::now() - Duration::from_secs(ago)).unwrap();
    digest
}

fn entry(number: u16) -> (Hash, Vec<u8>) {
    let bytes = number.to_le_bytes().repeat(500);
    (blake3::hash(&bytes), bytes)
}

fn size(folder: &Path) -> u64 {
    fs::read_dir(folder).unwrap().flatten().map(|entry| entry.metadata().unwrap().len()).sum()
}

#[test]
fn the_folder_stays_below_its_limit_and_keeps_the_most_recently_used_entries() {
    let folder = tempfile::tempdir().unwrap();
    let files = Files::new(folder.path(), 10_000);
    let old: Vec<_> = (0..8).map(|number| keep(&files, number, 1000 - u64::from(number))).collect();
    assert_eq!(files.read(old[0]).unwrap(), entry(0).1, "used just now");
    let mut newest = old[0];
    for number in 100..150 {
        newest = keep(&files, number, 500 - u64::from(number));
        assert!(size(folder.path()) <= 10_000, "{} after {number}", size(folder.path()));
    }
    assert!(files.read(old[0]).is_some() && files.read(newest).is_some());
    assert!(files.read(old[1]).is_none());
}

#[test]
fn several_programs_share_a_folder_and_its_limit() {
    let folder = tempfile::tempdir().unwrap();
    let (one, other) = (Files::new(folder.path(), 10_000), Files::new(folder.path(), 10_000));
    for number in 0..40 {
        keep(&one, number, 0);
        keep(&other, 100 + number, 0);
    }
    // Each scans the folder after writing a tenth of the limit, so together they may exceed the limit by that much.
    assert!(size(folder.path()) <= 11_000, "{}", size(folder.path()));
    let digest = keep(&one, 500, 0);
    assert_eq!(other.read(digest).unwrap(), entry(500).1);
}

#[test]
fn damaged_entries_are_dropped_and_too_large_ones_are_not_kept() {
    let folder = tempfile::tempdir().unwrap();
    let files = Files::new(folder.path(), 10_000);
    let digest = keep(&files, 1, 0);
    let mut bytes = entry(1).1;
    bytes[999] ^= 1;
    for damaged in [&bytes[..], b"short", b""] {
        fs::write(files.path(digest), damaged).unwrap();
        assert!(files.read(digest).is_none() && !files.path(digest).exists());
    }
    let large = [0; 6000];
    files.write(blake3::hash(&large), &large).unwrap();
    assert!(files.read(blake3::hash(&large)).is_none());
}

#[test]
fn a_draft_is_kept_until_its_writer_has_abandoned_it() {
    let folder = tempfile::tempdir().unwrap();
    let files = Files::new(folder.path(), 10_000);
    let (digest, bytes) = entry(1);
    let draft = folder.path().join(format!("{digest}{DRAFT}"));
    fs::write(&draft, b"half").unwrap();
    files.write(digest, &bytes).unwrap();
    assert!(draft.exists() && files.read(digest).is_none());

    File::open(&draft).unwrap().set_modified(SystemTime::now() - 2 * ABANDONED).unwrap();
    let files = Files::new(folder.path(), 10_000);
    files.write(digest, &bytes).unwrap();
    assert!(!draft.exists() && files.read(digest).is_some());
}

#[test]
fn files_of_others_in_the_folder_are_neither_counted_nor_removed() {
    let folder = tempfile::tempdir().unwrap();
    let files = Files::new(folder.path(), 3_000);
    let thesis = folder.path().join("thesis.tex");
    fs::write(&thesis, [0; 50_000]).unwrap();
    File::open(&thesis).unwrap().set_modified(SystemTime::UNIX_EPOCH).unwrap();
    let kept: Vec<_> = (0..5).map(|number| keep(&files, number, 9 - u64::from(number))).collect();
    assert!(thesis.exists());
    assert!(files.read(kept[4]).is_some() && files.read(kept[0]).is_none());
}
