use crate::Error;

/// Splits a command line into words; `'…'` and `"…"` group words. No shell is involved.
pub(crate) fn words(command: &str) -> Result<Vec<String>, Error> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    for c in command.chars() {
        match quote {
            Some(open) if c == open => quote = None,
            Some(_) => word.get_or_insert_default().push(c),
            None if c == '\'' || c == '"' => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            None if c.is_whitespace() => words.extend(word.take()),
            None => word.get_or_insert_default().push(c),
        }
    }
    if let Some(open) = quote {
        let expected = format!("a second {open}: the quote is not closed");
        return Err(Error::Option { option: "--aligner", value: format!("`{command}`"), expected });
    }
    words.extend(word);
    Ok(words)
}
