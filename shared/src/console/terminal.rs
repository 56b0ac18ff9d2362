//! The terminal as spinners see it.

use std::io;

use dialoguer::console::Term;
use indicatif::{ProgressDrawTarget, TermLike};

/// Standard error, with the cursor left behind the text. indicatif fills a spinner's line up with spaces; the `^C` of a
/// person who stops us would then begin a line of its own, and the spinner would stay.
#[derive(Debug)]
struct Terminal(Term);

/// Where spinners are drawn: nowhere, unless on a `terminal`.
pub(super) fn target(terminal: bool) -> ProgressDrawTarget {
    match terminal {
        true => ProgressDrawTarget::term_like_with_hz(Box::new(Terminal(Term::buffered_stderr())), 20),
        false => ProgressDrawTarget::hidden(),
    }
}

impl TermLike for Terminal {
    fn width(&self) -> u16 {
        self.0.size().1
    }

    fn height(&self) -> u16 {
        self.0.size().0
    }

    fn move_cursor_up(&self, lines: usize) -> io::Result<()> {
        self.0.move_cursor_up(lines)
    }

    fn move_cursor_down(&self, lines: usize) -> io::Result<()> {
        self.0.move_cursor_down(lines)
    }

    fn move_cursor_right(&self, columns: usize) -> io::Result<()> {
        self.0.move_cursor_right(columns)
    }

    fn move_cursor_left(&self, columns: usize) -> io::Result<()> {
        self.0.move_cursor_left(columns)
    }

    fn write_line(&self, text: &str) -> io::Result<()> {
        self.0.write_line(text)
    }

    fn write_str(&self, text: &str) -> io::Result<()> {
        match text.trim_matches(' ').is_empty() {
            true => Ok(()),
            false => self.0.write_str(text),
        }
    }

    fn clear_line(&self) -> io::Result<()> {
        self.0.clear_line()
    }

    fn flush(&self) -> io::Result<()> {
        self.0.flush()
    }
}
