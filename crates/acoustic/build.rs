//! Adds libtorch's folder to the rpath of this package's tests and examples, so that they run without
//! `LD_LIBRARY_PATH`.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-env-changed=LIBTORCH");
    println!("cargo::rerun-if-env-changed=LIBTORCH_LIB");
    // torch-sys looks for `lib` in the same two places.
    let Some(root) = std::env::var_os("LIBTORCH_LIB").or_else(|| std::env::var_os("LIBTORCH")) else {
        return;
    };
    // An absolute path, because the programs can be started from any folder.
    match std::path::Path::new(&root).join("lib").canonicalize() {
        Ok(lib) => println!("cargo::rustc-link-arg=-Wl,-rpath,{}", lib.display()),
        Err(e) => println!("cargo::warning=no folder `lib` in LIBTORCH={}: {e}", root.display()),
    }
}
