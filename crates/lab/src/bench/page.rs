//! Writes the benchmarks' tables and pictures into the docs.

use anyhow::{Context, Result};
use std::path::Path;

const PAGE: &str = "docs/experiments.md";
/// The line after every table.
const END: &str = "<!-- end -->\n";

/// Prints a benchmark's table and writes it into the page, and the picture beside the page.
pub(super) fn publish(root: &Path, bench: &str, picture: &str, table: &str) -> Result<()> {
    println!("{table}");
    let (page, drawn) = (root.join(PAGE), root.join(format!("docs/{bench}.svg")));
    std::fs::write(&drawn, picture).with_context(|| format!("cannot write {}", drawn.display()))?;
    let text = std::fs::read_to_string(&page).with_context(|| page.display().to_string())?;
    let text = replaced(&text, bench, table)
        .with_context(|| format!("{PAGE} has no lines `{}` and `{}`", begin(bench).trim(), END.trim()))?;
    std::fs::write(&page, text).with_context(|| format!("cannot write {}", page.display()))?;
    eprintln!("written: {} and the table in {PAGE}", drawn.display());
    Ok(())
}

/// The line before a benchmark's table.
fn begin(bench: &str) -> String {
    format!("<!-- cargo xtask bench {bench} -->\n")
}

/// The page with a new table of this benchmark; `None` if the page has no place for it.
fn replaced(page: &str, bench: &str, table: &str) -> Option<String> {
    let begin = begin(bench);
    let (before, rest) = page.split_once(&begin)?;
    let (_, after) = rest.split_once(END)?;
    Some(format!("{before}{begin}\n{table}\n{END}{after}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_benchmarks_own_table_in_the_page_is_replaced() {
        let page = format!("<!-- other -->\nkept\n{END}{}old\n{END}rest\n", begin("scale"));
        let new = replaced(&page, "scale", "new\n").unwrap();
        assert_eq!(new, format!("<!-- other -->\nkept\n{END}{}\nnew\n\n{END}rest\n", begin("scale")));
        assert_eq!(replaced(&new, "scale", "new\n").unwrap(), new);
        assert_eq!(replaced(&page, "convergence", "new"), None);
    }
}
