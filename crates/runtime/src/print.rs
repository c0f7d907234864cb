//! What programs print. `println!` and `eprintln!` panic when the disk is full or the reader of a pipe has gone; the macros
//! here do not, so that printing never ends the work that it tells of:
//!
//! - [`out!`](crate::out) and [`outln!`](crate::outln) write what a command was asked for to standard output. A reader that
//!   has seen enough (`stentor inspect RUN | head`) is no error. Any other failure is told once on standard error, and
//!   [`is_output_lost`] lets main end with an error.
//! - [`errln!`](crate::errln) writes a message to standard error, and nobody misses it where it cannot be written.
//!
//! What goes into files is written before anything is printed.

use std::fmt;
use std::io::{self, ErrorKind, Write};
use std::sync::atomic::{AtomicBool, Ordering};

static LOST: AtomicBool = AtomicBool::new(false);

/// Whether text for standard output could not be written, for another reason than that its reader had gone.
#[must_use]
pub fn is_output_lost() -> bool {
    LOST.load(Ordering::Relaxed)
}

/// Writes text to standard output; [`out!`](crate::out) and [`outln!`](crate::outln) are short for it.
pub fn out(text: fmt::Arguments<'_>) {
    let Some(problem) = lost(io::stdout().lock(), text) else { return };
    if !LOST.swap(true, Ordering::Relaxed) {
        err(format_args!("cannot write to standard output: {problem}; what was to be printed is lost\n"));
    }
}

/// Writes text to standard error; [`errln!`](crate::errln) is short for it.
pub fn err(text: fmt::Arguments<'_>) {
    // There is no other place to tell that it failed.
    let _ = write_whole(io::stderr().lock(), text);
}

/// Why text is lost that somebody still waits for.
fn lost(to: impl Write, text: fmt::Arguments<'_>) -> Option<io::Error> {
    write_whole(to, text).err().filter(|problem| problem.kind() != ErrorKind::BrokenPipe)
}

/// In one piece: several processes write to one terminal. Flushed, for a failure must not wait for the end of the process,
/// where nobody sees it.
fn write_whole(mut to: impl Write, text: fmt::Arguments<'_>) -> io::Result<()> {
    to.write_all(text.to_string().as_bytes())?;
    to.flush()
}

/// As `print!`, but never panics: see [`print`](crate::print).
#[macro_export]
macro_rules! out {
    ($($text:tt)*) => { $crate::print::out(::std::format_args!($($text)*)) };
}

/// As `println!`, but never panics: see [`print`](crate::print).
#[macro_export]
macro_rules! outln {
    ($($text:tt)*) => { $crate::out!("{}\n", ::std::format_args!($($text)*)) };
}

/// As `eprintln!`, but never panics: see [`print`](crate::print).
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
    fn text_arrives_as_it_is() {
        let mut written = Vec::new();
        write_whole(&mut written, format_args!("{} of {}\n", 1, 2)).unwrap();
        assert_eq!(written, b"1 of 2\n");
    }
}
