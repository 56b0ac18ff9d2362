//! The terminal as spinners see it.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};

use dialoguer::console::Term;
use indicatif::{ProgressDrawTarget, TermLike};

use crate::exit::Exit;
use crate::failure::{Failure, Outcome};

/// Standard error, with the cursor left behind the text. indicatif fills a spinner's line up with spaces, so that the next
/// one begins below; the `^C` of a person who stops us would then begin a line of its own, and the spinner would stay.
#[derive(Debug)]
struct Terminal {
    term: Term,
    /// Whether a line has been filled up, which the next one has to begin below.
    filled: AtomicBool,
}

impl Terminal {
    const fn new(term: Term) -> Self {
        Self {
            term,
            filled: AtomicBool::new(false),
        }
    }
}

/// Where spinners are drawn: nowhere, unless on a `terminal`.
pub(super) fn target(terminal: bool) -> ProgressDrawTarget {
    match terminal {
        true => ProgressDrawTarget::term_like_with_hz(Box::new(Terminal::new(Term::buffered_stderr())), 20),
        false => ProgressDrawTarget::hidden(),
    }
}

/// Nothing here fails: indicatif panics where its target does, and a terminal that is gone must not end the run.
impl TermLike for Terminal {
    fn width(&self) -> u16 {
        self.term.size().1
    }

    fn height(&self) -> u16 {
        self.term.size().0
    }

    fn move_cursor_up(&self, lines: usize) -> io::Result<()> {
        let _ = self.term.move_cursor_up(lines);
        Ok(())
    }

    fn move_cursor_down(&self, lines: usize) -> io::Result<()> {
        let _ = self.term.move_cursor_down(lines);
        Ok(())
    }

    fn move_cursor_right(&self, columns: usize) -> io::Result<()> {
        let _ = self.term.move_cursor_right(columns);
        Ok(())
    }

    fn move_cursor_left(&self, columns: usize) -> io::Result<()> {
        let _ = self.term.move_cursor_left(columns);
        Ok(())
    }

    fn write_line(&self, text: &str) -> io::Result<()> {
        let _ = self.term.write_line(text);
        Ok(())
    }

    fn write_str(&self, text: &str) -> io::Result<()> {
        if text.trim_matches(' ').is_empty() {
            self.filled.store(true, Ordering::Relaxed);
            return Ok(());
        }
        if self.filled.swap(false, Ordering::Relaxed) {
            let _ = self.term.write_line("");
        }
        let _ = self.term.write_str(text);
        Ok(())
    }

    fn clear_line(&self) -> io::Result<()> {
        let _ = self.term.clear_line();
        Ok(())
    }

    fn flush(&self) -> io::Result<()> {
        self.filled.store(false, Ordering::Relaxed);
        let _ = self.term.flush();
        Ok(())
    }
}

/// Forgets what was typed before a question was shown, so that it answers nothing: the letter `y` answers a question by itself,
/// and the line break that people type behind it would say no to the next one.
pub(super) fn forget_typed() {
    // Where the terminal can't do it, the question is asked all the same.
    #[cfg(unix)]
    let _flushed = rustix::termios::tcflush(std::io::stdin(), rustix::termios::QueueSelector::IFlush);
}

/// Returns the answer to a question, or why there is none.
pub(super) fn answered<T>(answer: dialoguer::Result<T>) -> Outcome<T> {
    answer.or_else(|dialoguer::Error::IO(error)| {
        if error.kind() == std::io::ErrorKind::Interrupted {
            return Failure::new(Exit::Interrupted, "interrupted; no changes were made").err();
        }
        Failure::failed("cannot read the input")
            .because(error.to_string())
            .err()
    })
}

#[cfg(all(test, unix))]
mod tests {
    use std::io::{Read as _, Seek as _};

    use super::*;

    #[test]
    fn each_spinner_has_a_line_and_the_cursor_stays_behind_the_last() {
        let mut written = tempfile::tempfile().unwrap();
        let (input, output) = (written.try_clone().unwrap(), written.try_clone().unwrap());
        let terminal = Terminal::new(Term::read_write_pair(input, output));
        for _ in 0..2 {
            for text in ["one", "     ", "two", "     "] {
                terminal.write_str(text).unwrap();
            }
            terminal.flush().unwrap();
        }
        let mut text = String::new();
        written.rewind().unwrap();
        written.read_to_string(&mut text).unwrap();
        assert_eq!(text, "one\ntwoone\ntwo");
    }
}
