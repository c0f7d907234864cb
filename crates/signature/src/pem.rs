//! PEM: base64 of bytes between two lines that say what they are.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// Characters of base64 in a line.
const WIDTH: usize = 64;

/// The bytes with their label, such as `PUBLIC KEY`.
pub(crate) fn encode(label: &str, bytes: &[u8]) -> String {
    let body = STANDARD.encode(bytes);
    let mut text = format!("-----BEGIN {label}-----\n");
    let mut rest = body.as_str();
    while !rest.is_empty() {
        let (line, others) = rest.split_at(rest.len().min(WIDTH));
        text.push_str(line);
        text.push('\n');
        rest = others;
    }
    text.push_str(&format!("-----END {label}-----\n"));
    text
}

/// All blocks with this label; text between blocks and blocks with other labels are skipped. `None`: a block has no end or is not
/// base64.
pub(crate) fn decode(label: &str, text: &str) -> Option<Vec<Vec<u8>>> {
    let (begin, end) = (format!("-----BEGIN {label}-----"), format!("-----END {label}-----"));
    let mut found = Vec::new();
    let mut body: Option<String> = None;
    for line in text.lines().map(str::trim) {
        match &mut body {
            None if line == begin => body = Some(String::new()),
            None => {}
            Some(lines) if line == end => {
                found.push(STANDARD.decode(&*lines).ok()?);
                body = None;
            }
            Some(lines) => lines.push_str(line),
        }
    }
    body.is_none().then_some(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn bytes_come_back(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let text = encode("PUBLIC KEY", &bytes);
            prop_assert!(text.lines().all(|line| line.len() <= WIDTH));
            prop_assert_eq!(decode("PUBLIC KEY", &text), Some(vec![bytes.clone()]));
            prop_assert_eq!(decode("PRIVATE KEY", &text), Some(vec![]));
            let two = format!("a comment\n{text}\n{text}");
            prop_assert_eq!(decode("PUBLIC KEY", &two), Some(vec![bytes.clone(), bytes]));
        }

        #[test]
        fn no_text_makes_the_reader_fall_over(text in any::<String>()) {
            let _ = decode("PUBLIC KEY", &text);
            let _ = decode("PUBLIC KEY", &format!("-----BEGIN PUBLIC KEY-----\n{text}"));
        }
    }

    #[test]
    fn a_block_that_is_cut_off_is_refused() {
        let text = encode("PUBLIC KEY", b"some bytes");
        assert_eq!(decode("PUBLIC KEY", text.trim_end().trim_end_matches('-')), None);
        assert_eq!(decode("PUBLIC KEY", "-----BEGIN PUBLIC KEY-----\n?\n-----END PUBLIC KEY-----\n"), None);
    }
}
