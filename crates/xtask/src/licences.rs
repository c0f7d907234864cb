//! Checks that the licence of every dependency is compatible with a product under Apache-2.0.

use anyhow::{Context, Result, bail, ensure};
use serde::Deserialize;
use std::process::Command;
use stentor_tasks::{Environment, process};

/// Permissive licences, and the MPL, which only covers changes to its own files.
const ALLOWED: [&str; 14] = [
    "0BSD",
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "BSL-1.0",
    "CC0-1.0",
    "CDLA-Permissive-2.0",
    "ISC",
    "MIT",
    "MPL-2.0",
    "Unicode-3.0",
    "Unlicense",
    "Zlib",
];

#[derive(Debug, Deserialize)]
struct Metadata {
    packages: Vec<Package>,
}

#[derive(Debug, Deserialize)]
struct Package {
    name: String,
    version: String,
    license: Option<String>,
}

/// Checks all packages that cargo builds on this machine.
pub(crate) fn check(environment: &Environment) -> Result<()> {
    let version = process::output(Command::new("rustc").arg("-vV"))?;
    let host =
        version.lines().find_map(|line| line.strip_prefix("host: ")).context("`rustc -vV` names no host")?;
    let arguments = ["metadata", "--format-version=1", "--locked", "--filter-platform", host];
    let mut cargo = environment.cargo(&arguments)?;
    let metadata: Metadata = serde_json::from_str(&process::output(&mut cargo)?)
        .context("`cargo metadata` wrote something unexpected")?;
    let refused: Vec<String> = metadata.packages.iter().filter_map(refusal).collect();
    ensure!(
        refused.is_empty(),
        "licences outside the list in crates/xtask/src/licences.rs:\n  {}",
        refused.join("\n  ")
    );
    eprintln!("{} packages, all under allowed licences", metadata.packages.len());
    Ok(())
}

fn refusal(package: &Package) -> Option<String> {
    let name = format!("{} {}", package.name, package.version);
    match package.license.as_deref() {
        None => Some(format!("{name}: no licence named")),
        Some(expression) => match is_allowed(expression) {
            Ok(true) => None,
            Ok(false) => Some(format!("{name}: {expression}")),
            Err(error) => Some(format!("{name}: {error}")),
        },
    }
}

/// Whether an SPDX expression can be satisfied with allowed licences. `/` is the old form of `OR`.
fn is_allowed(expression: &str) -> Result<bool> {
    let spaced = expression.replace('/', " OR ").replace('(', " ( ").replace(')', " ) ");
    let mut words = spaced.split_whitespace().peekable();
    let allowed = any(&mut words)?;
    match words.next() {
        None => Ok(allowed),
        Some(word) => bail!("unexpected `{word}` in licence `{expression}`"),
    }
}

type Words<'a> = std::iter::Peekable<std::str::SplitWhitespace<'a>>;

fn any(words: &mut Words<'_>) -> Result<bool> {
    let mut allowed = all(words)?;
    while words.next_if(|word| word.eq_ignore_ascii_case("or")).is_some() {
        allowed |= all(words)?;
    }
    Ok(allowed)
}

fn all(words: &mut Words<'_>) -> Result<bool> {
    let mut allowed = one(words)?;
    while words.next_if(|word| word.eq_ignore_ascii_case("and")).is_some() {
        allowed &= one(words)?;
    }
    Ok(allowed)
}

fn one(words: &mut Words<'_>) -> Result<bool> {
    match words.next() {
        Some("(") => {
            let allowed = any(words)?;
            ensure!(words.next() == Some(")"), "expected `)` in a licence expression");
            Ok(allowed)
        }
        Some(licence) => {
            let mut name = licence.to_owned();
            if words.next_if(|word| word.eq_ignore_ascii_case("with")).is_some() {
                let exception =
                    words.next().context("expected an exception after `WITH` in a licence expression")?;
                name = format!("{name} WITH {exception}");
            }
            Ok(ALLOWED.contains(&name.as_str()))
        }
        None => bail!("expected a licence, found the end of the expression"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_choice_needs_one_allowed_licence_and_a_sum_needs_all() {
        for (expression, expected) in [
            ("MIT", true),
            ("GPL-3.0", false),
            ("MIT/Apache-2.0", true),
            ("GPL-3.0 OR MIT", true),
            ("MIT AND GPL-3.0", false),
            ("(MIT OR GPL-3.0) AND Unicode-3.0", true),
            ("(MIT OR Apache-2.0) AND (GPL-3.0)", false),
            ("Apache-2.0 WITH LLVM-exception", true),
            ("GPL-2.0 WITH Classpath-exception-2.0", false),
        ] {
            assert_eq!(is_allowed(expression).unwrap(), expected, "{expression}");
        }
    }

    #[test]
    fn nonsense_is_an_error() {
        for (expression, expected) in [
            ("", "expected a licence, found the end"),
            ("MIT OR", "expected a licence, found the end"),
            ("(MIT", "expected `)`"),
            ("MIT MIT", "unexpected `MIT` in licence `MIT MIT`"),
            ("Apache-2.0 WITH", "expected an exception after `WITH`"),
        ] {
            let error = is_allowed(expression).unwrap_err().to_string();
            assert!(error.contains(expected), "{expression}: {error}");
        }
    }

    #[test]
    fn a_package_without_a_licence_is_refused() {
        let package = Package { name: "a".into(), version: "1.0.0".into(), license: None };
        assert_eq!(refusal(&package).unwrap(), "a 1.0.0: no licence named");
    }
}
