//! Generates the wire types without a system-wide protoc.

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("cargo:rerun-if-changed=stentor/v1/coordinator.proto");
    let files = protox::compile(["stentor/v1/coordinator.proto"], ["."])?;
    tonic_prost_build::configure().bytes(".").compile_fds(files)?;
    Ok(())
}
