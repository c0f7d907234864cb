//! The decoder on real texts and made-up sound, for `cargo xtask bench recognition`. Prints JSON.
//!
//!     recognition speed TEXT DICTIONARY FOLDER    search a static graph; graph and scores go to FOLDER, for a judge
//!     recognition size TEXT DICTIONARY            sizes of prefix trees across words, and how fast they are searched
//!     recognition equal TEXT DICTIONARY           static graph and prefix tree, without pruning

mod corpus;
mod equal;
mod graph;
mod size;
mod speed;
mod tying;

use anyhow::{Result, bail};
use std::path::Path;

#[allow(clippy::print_stdout, reason = "the figures are the program's output")]
fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let figures = match arguments[..] {
        ["speed", text, dictionary, folder] => {
            speed::run(Path::new(text), Path::new(dictionary), Path::new(folder))?
        }
        ["size", text, dictionary] => size::run(Path::new(text), Path::new(dictionary))?,
        ["equal", text, dictionary] => equal::run(Path::new(text), Path::new(dictionary))?,
        _ => bail!("expected speed, size or equal with their files, found {arguments:?}"),
    };
    println!("{figures:#}");
    Ok(())
}
