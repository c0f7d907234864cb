//! The checked-in wire types are what the generator makes of the `.proto` file.

use std::path::Path;

/// Set to 1, it has the generator's result written in place of the checked-in file.
const RENEW: &str = "STENTOR_RENEW";

#[test]
fn the_checked_in_wire_types_are_generated_from_the_proto_file() {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    let checked_in = package.join("src/generated/stentor.v1.rs");
    let folder = tempfile::tempdir().unwrap();

    let messages = protox::compile(["stentor/v1/coordinator.proto"], [package]).unwrap();
    let mut generator = tonic_prost_build::configure().bytes(".").out_dir(folder.path());
    generator = generator.emit_rerun_if_changed(false);
    generator.compile_fds(messages).unwrap();
    let generated = std::fs::read_to_string(folder.path().join("stentor.v1.rs")).unwrap();

    if std::env::var_os(RENEW).is_some_and(|value| value == "1") {
        std::fs::write(&checked_in, &generated).unwrap();
    }
    assert!(
        generated == std::fs::read_to_string(&checked_in).unwrap(),
        "{} does not match `coordinator.proto`: run this test once with {RENEW}=1",
        checked_in.display()
    );
}
