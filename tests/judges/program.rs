//! The sandbox as a process of its own, where a test is about the program and its environment.

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};

use aksbackup_tests::harness::{Run, TIME_SCALE, binary, finish};
use aksbackup_tests::log::Entry;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tempfile::TempDir;

/// Asks without a token; the answer is a refusal, which is all the same to who judges the question.
const GET: &str = "
import ssl, sys, urllib.error, urllib.request
try:
    urllib.request.urlopen(sys.argv[1], context=ssl.create_default_context(cafile=sys.argv[2]))
except urllib.error.HTTPError:
    pass
";

/// A running `aksbackup-sandbox serve`, stopped when it is dropped.
pub(crate) struct SandboxProgram {
    folder: TempDir,
    child: Child,
}

impl SandboxProgram {
    /// Starts the program with `variables` added to its environment, and waits until it answers.
    pub(crate) fn start(variables: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let stderr = File::create(folder.path().join("stderr")).unwrap();
        let mut command = Command::new(binary("aksbackup-sandbox"));
        command
            .args(["serve", "--time-scale", &TIME_SCALE.to_string(), "--dir"])
            .arg(folder.path())
            .envs(variables.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(stderr);
        let mut child = command.spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        assert!(line.starts_with("ready "), "the sandbox did not start: {line:?}");
        Self { folder, child }
    }

    /// Runs `az aksbackup ARGUMENTS` as `persona`, in the environment that the sandbox wrote for them.
    pub(crate) fn az(&self, persona: &str, arguments: &[&str]) -> Run {
        let lines = fs::read_to_string(self.folder.path().join(format!("env/{persona}.sh"))).unwrap();
        let pairs = lines
            .lines()
            .filter_map(|line| line.strip_prefix("export ")?.split_once('='))
            .map(|(key, value)| (key, value.trim_matches('\'')));
        let mut command = Command::new(binary("az-aksbackup"));
        command
            .args(arguments)
            .env_clear()
            .env("HOME", self.folder.path())
            .envs(pairs)
            .current_dir(self.folder.path())
            .stdin(Stdio::null());
        finish(&mut command)
    }

    /// Sends a GET for a path of ARM, without a token.
    pub(crate) fn get(&self, target: &str) {
        let description = fs::read_to_string(self.folder.path().join("sandbox.json")).unwrap();
        let description: serde_json::Value = serde_json::from_str(&description).unwrap();
        let url = format!("{}{target}", description["endpoint"].as_str().unwrap());
        let mut command = Command::new("python3");
        command.args(["-c", GET, &url]).arg(self.folder.path().join("ca.pem"));
        finish(&mut command).ok();
    }

    /// Stops the program and waits for its end: its log is complete then.
    pub(crate) fn stop(&mut self) {
        let pid = Pid::from_raw(i32::try_from(self.child.id()).unwrap());
        let _ = kill(pid, Signal::SIGTERM);
        self.child.wait().unwrap();
    }

    /// What it wrote to standard error so far.
    pub(crate) fn stderr(&self) -> String {
        fs::read_to_string(self.folder.path().join("stderr")).unwrap()
    }

    /// Its request log.
    pub(crate) fn requests(&self) -> Vec<Entry> {
        let text = fs::read_to_string(self.folder.path().join("requests.jsonl")).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

impl Drop for SandboxProgram {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The environments that it writes are read from other folders than the one that it was started in.
#[test]
fn a_relative_folder_is_named_whole() {
    let folder = tempfile::tempdir().unwrap();
    let mut child = Command::new(binary("aksbackup-sandbox"))
        .args(["serve", "--dir", "below"])
        .current_dir(folder.path())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap())
        .read_line(&mut line)
        .unwrap();
    let text = fs::read_to_string(folder.path().join("below/env/platform.sh")).unwrap();
    let _ = child.kill();
    let _ = child.wait();
    let whole = folder.path().canonicalize().unwrap().join("below/ca.pem");
    assert!(
        text.contains(&format!("SSL_CERT_FILE='{}'", whole.display())),
        "{line}\n{text}"
    );
}
