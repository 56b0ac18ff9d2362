//! A command that goes on until it is interrupted, heard line by line.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// How long is waited for a line.
const PATIENCE: Duration = Duration::from_secs(60);

/// The command. It ends with its owner.
#[derive(Debug)]
pub struct Watched {
    child: Child,
    lines: Receiver<String>,
}

impl Watched {
    /// Starts it, and listens to its standard output.
    ///
    /// # Panics
    /// It cannot be started.
    #[must_use]
    #[expect(clippy::unwrap_used, reason = "a panic is how a test fails")]
    pub fn start(command: &mut Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        let (said, lines) = channel();
        std::thread::spawn(move || {
            let lines = output.lines().map_while(Result::ok);
            lines.for_each(|line| drop(said.send(line)));
        });
        Self { child, lines }
    }

    /// Passes over what is said until a line has these words.
    ///
    /// # Panics
    /// No line has them in time.
    pub fn says(&self, words: &str) {
        let mut heard = Vec::new();
        while !heard.last().is_some_and(|line: &String| line.contains(words)) {
            match self.lines.recv_timeout(PATIENCE) {
                Ok(line) => heard.push(line),
                Err(error) => panic!("{words}: {error}, but: {heard:#?}"),
            }
        }
    }

    /// Interrupts it as Ctrl-C does, and gives the code that it ends with.
    ///
    /// # Panics
    /// It cannot be interrupted.
    #[expect(clippy::unwrap_used, reason = "a panic is how a test fails")]
    pub fn interrupt(mut self) -> Option<i32> {
        let pid = i32::try_from(self.child.id()).unwrap();
        kill(Pid::from_raw(pid), Signal::SIGINT).unwrap();
        self.child.wait().unwrap().code()
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
