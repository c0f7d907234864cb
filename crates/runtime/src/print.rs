//! Output of programs. `println!` and `eprintln!` panic if the disk is full or the reader of a pipe has ended. The
//! macros here do not, so that printing never ends a program's work:
//!
//! - [`out!`](crate::out) and [`outln!`](crate::outln) write the output of a command to standard output. A reader that
//!   ends early (`stentor inspect RUN | head`) is not an error. Any other failure is reported once on standard error, in
//!   the words of [`tell_loss_as`] if the program has its own, and [`output_lost`] lets main end with an error.
//! - [`errln!`](crate::errln) writes a message to standard error. If that fails, the message is lost.
//!
//! Programs write their files before they print anything.

use std::borrow::Cow;
use std::fmt;
use std::io::{self, ErrorKind, Write};
use std::sync::OnceLock;

static LOST: OnceLock<io::Error> = OnceLock::new();
static WORDS: OnceLock<fn(&io::Error) -> String> = OnceLock::new();

/// Why text for standard output was lost first, if not because the reader had ended.
#[must_use]
pub fn output_lost() -> Option<&'static io::Error> {
    LOST.get()
}

/// Sets the words, a line, that report lost output. The first call counts.
pub fn tell_loss_as(words: fn(&io::Error) -> String) {
    // Of several calls any is as good.
    let _ = WORDS.set(words);
}

/// The words if the program has none of its own.
#[must_use]
pub fn told_loss(problem: &io::Error) -> String {
    format!("cannot write to standard output: {problem}; output was lost")
}

/// Text from elsewhere for a terminal: characters that would move its cursor, change its colors, or reverse the order of what follows
/// are written out as `\u{1b}`.
#[must_use]
pub fn printable(text: &str) -> Cow<'_, str> {
    if !text.contains(is_command) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len());
    for character in text.chars() {
        if is_command(character) {
            shown.extend(character.escape_default());
        } else {
            shown.push(character);
        }
    }
    Cow::Owned(shown)
}

/// Control characters, line and paragraph separators, and those that change the direction of text.
fn is_command(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Writes text to standard output; used by [`out!`](crate::out) and [`outln!`](crate::outln).
pub fn out(text: fmt::Arguments<'_>) {
    let Some(problem) = lost(io::stdout().lock(), text) else { return };
    let told = WORDS.get().copied().unwrap_or(told_loss)(&problem);
    if LOST.set(problem).is_ok() {
        err(format_args!("{told}\n"));
    }
}

/// Writes text to standard error; used by [`errln!`](crate::errln).
pub fn err(text: fmt::Arguments<'_>) {
    // There is no other place to report that this failed.
    let _ = write_whole(io::stderr().lock(), text);
}

/// The error if text was lost that the reader still expects.
fn lost(to: impl Write, text: fmt::Arguments<'_>) -> Option<io::Error> {
    write_whole(to, text).err().filter(|problem| problem.kind() != ErrorKind::BrokenPipe)
}

/// Writes the text in one piece, because several processes write to one terminal. It is flushed, because at the end of
/// the process a failure would not be noticed.
fn write_whole(mut to: impl Write, text: fmt::Arguments<'_>) -> io::Result<()> {
    to.write_all(text.to_string().as_bytes())?;
    to.flush()
}

/// Like `print!`, but never panics: see [`print`](crate::print).
#[macro_export]
macro_rules! out {
    ($($text:tt)*) => { $crate::print::out(::std::format_args!($($text)*)) };
}

/// Like `println!`, but never panics: see [`print`](crate::print).
#[macro_export]
macro_rules! outln {
    ($($text:tt)*) => { $crate::out!("{}\n", ::std::format_args!($($text)*)) };
}

/// Like `eprintln!`, but never panics: see [`print`](crate::print).
#[macro_export]
macro_rules! errln {
    ($($text:tt)*) => { $crate::print::err(::std::format_args!("{}\n", ::std::format_args!($($text)*))) };
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Broken(ErrorKind);

    impl Write for Broken {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(self.0.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_reader_that_has_gone_loses_nothing_and_a_full_disk_does() {
        assert!(lost(Broken(ErrorKind::BrokenPipe), format_args!("x")).is_none());
        let problem = lost(Broken(ErrorKind::StorageFull), format_args!("x"));
        assert_eq!(problem.map(|p| p.kind()), Some(ErrorKind::StorageFull));
    }

    #[test]
    fn what_would_command_a_terminal_is_written_out_and_words_of_any_language_are_not() {
        assert_eq!(printable("\u{1b}[2J\u{1b}]0;x\u{7}"), "\\u{1b}[2J\\u{1b}]0;x\\u{7}");
        assert_eq!(printable("one\ntwo\r\u{9b}A\u{202e}"), "one\\ntwo\\r\\u{9b}A\\u{202e}");
        for words in ["Müller liest 東京", "שלום", "a \\ b"] {
            assert!(matches!(printable(words), Cow::Borrowed(same) if same == words), "{words}");
        }
    }

    #[test]
    fn text_arrives_as_it_is() {
        let mut written = Vec::new();
        write_whole(&mut written, format_args!("{} of {}\n", 1, 2)).unwrap();
        assert_eq!(written, b"1 of 2\n");
    }
}
