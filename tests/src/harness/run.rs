//! What a finished process left behind, and what is asked of it.

use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

use crate::advice::destructive_command;

/// Returns what a result of `verify` or `doctor` has that `docs/examination.schema.json` does not allow.
#[cfg(feature = "definitions")]
#[expect(clippy::expect_used, reason = "a test fails by it")]
fn not_an_examination(document: &Value) -> Vec<String> {
    static EXAMINATION: std::sync::LazyLock<jsonschema::Validator> = std::sync::LazyLock::new(|| {
        let schema = include_str!("../../../docs/examination.schema.json");
        let schema = serde_json::from_str(schema).expect("a JSON document");
        jsonschema::validator_for(&schema).expect("a JSON Schema")
    });
    let errors = EXAMINATION.iter_errors(document);
    errors
        .map(|error| format!("{}: {error}", error.instance_path()))
        .collect()
}

/// A build without the checker runs no tests.
#[cfg(not(feature = "definitions"))]
fn not_an_examination(_document: &Value) -> Vec<String> {
    vec!["this build cannot check it: the feature `definitions` is off".to_owned()]
}

/// What a finished process left behind.
#[derive(Debug)]
pub struct Run {
    /// The command line, for messages.
    pub line: String,
    /// Exit code; -1 if a signal ended it.
    pub code: i32,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

/// Runs a command to its end.
///
/// # Panics
/// The command cannot be started.
pub fn finish(command: &mut Command) -> Run {
    let line = format!("{command:?}");
    let line = line
        .rsplit_once("env -i")
        .map_or(line.clone(), |(_, rest)| rest.to_owned());
    match command.output() {
        Ok(output) => Run::from_output(line, &output),
        Err(error) => panic!("{line}: {error}"),
    }
}

/// Runs a command, and gives its peak memory in KiB. The benchmark's inner process is small and starts nothing but this one command, so that
/// the kernel's figure is that of the command.
///
/// # Panics
/// It cannot be started or measured.
#[must_use]
pub fn measured(command: &Command) -> (Run, u64) {
    let mut inner = Command::new(super::binary("aksbackup-bench"));
    inner
        .arg("--inside")
        .arg(command.get_program())
        .args(command.get_args())
        .env_clear();
    for (name, value) in command.get_envs().filter_map(|(name, value)| Some((name, value?))) {
        inner.env(name, value);
    }
    inner.current_dir(command.get_current_dir().unwrap_or(Path::new(".")));
    let run = finish(inner.stdin(std::process::Stdio::null()));
    let used = run
        .stderr
        .lines()
        .find_map(|line| line.strip_prefix("used: ")?.split(' ').nth(1)?.parse().ok());
    match used {
        Some(used) => (run, used),
        None => panic!("nothing was measured\n{run}"),
    }
}

impl Run {
    /// What `output` holds.
    #[must_use]
    pub fn from_output(line: String, output: &Output) -> Self {
        Self {
            line,
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// The run, if it ended 0.
    ///
    /// # Panics
    /// It did not.
    pub fn ok(self) -> Self {
        self.ends(0)
    }

    /// The run, if it ended with `code` and printed no command that destroys something.
    ///
    /// # Panics
    /// It did not; the message holds both streams.
    pub fn ends(self, code: u8) -> Self {
        let destructive = [&self.stdout, &self.stderr].map(|text| destructive_command(text));
        assert!(destructive == [None, None], "it prints {destructive:?}\n{self}");
        assert!(self.code == i32::from(code), "expected exit {code}\n{self}");
        self
    }

    /// The run, if one of its streams holds `text`.
    ///
    /// # Panics
    /// Neither does.
    pub fn says(self, text: &str) -> Self {
        assert!(
            self.stdout.contains(text) || self.stderr.contains(text),
            "expected {text:?}\n{self}"
        );
        self
    }

    /// The one JSON document on standard output.
    ///
    /// # Panics
    /// It is not one document, has no `version`, or is a result of `verify` or `doctor` that its schema does not allow.
    #[must_use]
    pub fn json(&self) -> Value {
        let document: Value = match serde_json::from_str(&self.stdout) {
            Ok(document) => document,
            Err(error) => panic!("standard output is not one JSON document: {error}\n{self}"),
        };
        assert!(
            document.get("version").is_some_and(Value::is_u64),
            "the document has no version\n{self}"
        );
        let is_look = matches!(document["command"].as_str(), Some("verify" | "doctor"));
        if is_look && document.get("error").is_none() {
            let errors = not_an_examination(&document);
            assert!(
                errors.is_empty(),
                "not as docs/examination.schema.json says: {errors:#?}\n{self}"
            );
        }
        document
    }
}

impl std::fmt::Display for Run {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            line,
            code,
            stdout,
            stderr,
        } = self;
        write!(f, "{line}\nexit {code}\n--- stdout\n{stdout}\n--- stderr\n{stderr}")
    }
}
