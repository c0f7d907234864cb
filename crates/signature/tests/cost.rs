//! What digests of a checkpoint's objects cost beside writing them. Run with `--release`, as training is.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "figures for whoever runs it")]

use std::io::Write;
use std::time::Instant;
use stentor_signature::Digest;

/// 24 million parameters.
const BYTES: usize = 96_000_000;

#[test]
#[ignore = "a measurement"]
fn a_digest_of_a_model_beside_writing_it() {
    let bytes: Vec<u8> = (0..BYTES as u32).map(|at| at.wrapping_mul(2_654_435_761) as u8).collect();
    let folder = tempfile::tempdir().unwrap();
    let (mut digests, mut writes) = (Vec::new(), Vec::new());
    for repetition in 0..5 {
        let started = Instant::now();
        let digest = Digest::of(&bytes);
        digests.push(started.elapsed());
        let path = folder.path().join(format!("{repetition}-{digest}"));
        let started = Instant::now();
        let mut file = std::fs::File::create(&path).unwrap();
        file.write_all(&bytes).and_then(|()| file.sync_all()).unwrap();
        writes.push(started.elapsed());
        std::fs::remove_file(path).unwrap();
    }
    digests.sort();
    writes.sort();
    println!(
        "{BYTES} bytes, median of 5: digest {:.1?}, write to a local file {:.1?}",
        digests[2], writes[2]
    );
}
