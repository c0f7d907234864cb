//! The cases of `cargo xtask abuse`, at their full size: prints what each has led to, as JSON.

// Only `lab` runs this program, and reads what it prints.
#![allow(clippy::print_stdout)]
// An internal tool: a panic shows where it failed.
#![allow(clippy::unwrap_used)]

use stentor_tests::abuse::{CASES, Size};

fn main() {
    let only: Vec<String> = std::env::args().skip(1).collect();
    for name in &only {
        let known: Vec<_> = CASES.iter().map(|case| case.name).collect();
        assert!(known.contains(&name.as_str()), "expected one of {}, found `{name}`", known.join(", "));
    }
    let wanted = CASES.iter().filter(|case| only.is_empty() || only.iter().any(|name| name == case.name));
    let cases: Vec<_> = wanted.map(|case| case.run(Size::Full)).collect();
    println!("{}", serde_json::json!({ "cases": cases }));
}
