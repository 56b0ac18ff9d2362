//! A headless Chromium, asked through its debugging pipe: no port, no web socket, no program between.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;

/// Names under which it is installed.
const NAMES: [&str; 4] = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];

/// How it is started: nothing of it leaves the machine, and it reads commands from descriptor 3 and answers on 4.
const START: &str = r#"exec "$0" --headless --no-sandbox --disable-gpu --disable-quic --no-first-run \
    --disable-background-networking --disable-component-update --disable-sync --hide-scrollbars \
    --user-data-dir="$1/profile" --remote-debugging-pipe about:blank 3<"$1/commands" 4>"$1/answers" 2>"$1/log""#;

/// How long an answer may take on a machine that does much else.
const PATIENCE: Duration = Duration::from_secs(120);

/// The browser with one page.
pub(crate) struct Browser {
    process: Child,
    commands: File,
    answers: Receiver<Value>,
    asked: u64,
    session: String,
    events: Vec<Value>,
    folder: TempDir,
}

impl Browser {
    /// Starts one.
    pub(crate) fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let [commands, answers] = ["commands", "answers"].map(|name| folder.path().join(name));
        let made = Command::new("mkfifo").args([&commands, &answers]).status().unwrap();
        assert!(made.success(), "mkfifo makes the pipes");
        let mut sh = Command::new("sh");
        sh.args(["-c", START])
            .arg(installed())
            .arg(folder.path())
            .stdin(Stdio::null());
        let process = sh.spawn().unwrap();
        let commands = File::options().write(true).open(commands).unwrap();
        let answers = listen(File::open(answers).unwrap());
        let mut browser = Self {
            process,
            commands,
            answers,
            asked: 0,
            session: String::new(),
            events: Vec::new(),
            folder,
        };
        let target = browser.ask("Target.createTarget", json!({ "url": "about:blank" }));
        let attached = browser.ask(
            "Target.attachToTarget",
            json!({ "targetId": target["targetId"], "flatten": true }),
        );
        attached["sessionId"].as_str().unwrap().clone_into(&mut browser.session);
        for domain in ["Page", "Runtime", "Log", "Network", "Accessibility"] {
            browser.ask(&format!("{domain}.enable"), json!({}));
        }
        browser
    }

    /// Asks for something and gives the answer; events that come before it are kept.
    pub(crate) fn ask(&mut self, method: &str, params: Value) -> Value {
        self.asked += 1;
        let mut message = json!({ "id": self.asked, "method": method, "params": params });
        if !self.session.is_empty() {
            message["sessionId"] = json!(self.session);
        }
        self.commands.write_all(format!("{message}\0").as_bytes()).unwrap();
        loop {
            let mut answer = self.hear(method);
            match answer["id"].as_u64() {
                Some(id) if id == self.asked => {
                    assert!(answer["error"].is_null(), "{method}: {}", answer["error"]);
                    return answer["result"].take();
                }
                _ => self.events.push(answer),
            }
        }
    }

    fn hear(&self, waiting_for: &str) -> Value {
        self.answers.recv_timeout(PATIENCE).unwrap_or_else(|error| {
            let log = std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default();
            panic!("the browser does not answer {waiting_for}: {error}\n{log}")
        })
    }

    /// Opens a file, and waits until it is whole.
    pub(crate) fn open(&mut self, page: &Path) {
        self.events.clear();
        let url = format!("file://{}", page.display());
        let answer = self.ask("Page.navigate", json!({ "url": url }));
        assert!(answer["errorText"].is_null(), "{url}: {answer}");
        let begun = Instant::now();
        while !self.events.iter().any(|event| event["method"] == "Page.loadEventFired") {
            assert!(begun.elapsed() < PATIENCE, "{url} was not loaded");
            let event = self.hear("Page.loadEventFired");
            self.events.push(event);
        }
    }

    /// Makes the window so wide, in this colour scheme.
    pub(crate) fn resize(&mut self, width: u32, scheme: &str) {
        let mobile = width < 600;
        let size = json!({ "width": width, "height": 900, "deviceScaleFactor": 1, "mobile": mobile });
        self.ask("Emulation.setDeviceMetricsOverride", size);
        let features = json!([{ "name": "prefers-color-scheme", "value": scheme }]);
        self.ask(
            "Emulation.setEmulatedMedia",
            json!({ "media": "screen", "features": features }),
        );
    }

    /// What an expression comes to in the page.
    pub(crate) fn evaluate(&mut self, expression: &str) -> Value {
        let params = json!({ "expression": expression, "returnByValue": true });
        let answer = self.ask("Runtime.evaluate", params);
        assert!(answer["exceptionDetails"].is_null(), "{answer:#}");
        answer["result"]["value"].clone()
    }

    /// What was said on the console or went wrong since the page was opened.
    pub(crate) fn complaints(&self) -> Vec<&Value> {
        let loud = ["Runtime.consoleAPICalled", "Runtime.exceptionThrown", "Log.entryAdded"];
        let of = |event: &&Value| loud.iter().any(|method| event["method"] == *method);
        self.events.iter().filter(of).collect()
    }

    /// What was asked for since the page was opened, the page itself included.
    pub(crate) fn requests(&self) -> Vec<String> {
        let sent = self
            .events
            .iter()
            .filter(|event| event["method"] == "Network.requestWillBeSent");
        sent.map(|event| {
            event["params"]["request"]["url"]
                .as_str()
                .unwrap_or_default()
                .to_owned()
        })
        .collect()
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn installed() -> &'static str {
    let runs = |name: &&&str| {
        let version = Command::new(name)
            .arg("--version")
            .stderr(Stdio::null())
            .stdout(Stdio::null())
            .status();
        version.is_ok_and(|status| status.success())
    };
    let found = NAMES.iter().find(runs);
    found.unwrap_or_else(|| panic!("there is no browser: on Debian, apt-get install chromium"))
}

/// Messages end with NUL.
fn listen(answers: File) -> Receiver<Value> {
    let (sender, receiver) = channel();
    std::thread::spawn(move || {
        for message in BufReader::new(answers).split(0) {
            let Ok(message) = message else { break };
            let Ok(message) = serde_json::from_slice(&message) else {
                break;
            };
            if sender.send(message).is_err() {
                break;
            }
        }
    });
    receiver
}
