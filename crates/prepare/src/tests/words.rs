use crate::words::words;

#[test]
fn a_command_line_is_split_at_spaces_outside_quotes() {
    assert_eq!(words("python  align.py --beam 3").unwrap(), ["python", "align.py", "--beam", "3"]);
    assert_eq!(words("'my aligner' \"it's\" ''").unwrap(), ["my aligner", "it's", ""]);
    assert_eq!(words("a'b c'd").unwrap(), ["ab cd"]);
    assert_eq!(words("  ").unwrap(), Vec::<String>::new());
}

#[test]
fn an_open_quote_is_an_error() {
    assert!(words("sh 'oops").unwrap_err().to_string().contains("not closed"));
}
