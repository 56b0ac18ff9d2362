//! A sandbox whose answers are instant, with the real az signed in to it and the real kubectl beside it.

use std::io;
use std::path::PathBuf;
use std::process::Command;

use aksbackup_tests::azure::ids;
use aksbackup_tests::azure::personas::persona;
use aksbackup_tests::python::Python;
use aksbackup_tests::sandbox::Sandbox;
use aksbackup_tests::settings::Settings;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::{NAMESPACE, TIME_SCALE};

/// A sandbox in which the guide's prerequisites hold, and an az that is signed in to it.
pub(super) struct World {
    pub(super) sandbox: Sandbox,
    pub(super) folder: TempDir,
    python: Python,
}

impl World {
    pub(super) fn new() -> io::Result<Self> {
        let folder = tempfile::tempdir()?;
        let sandbox = Sandbox::start(instant()?, folder.path())?;
        let python = Python::with("az")?;
        let world = Self {
            sandbox,
            folder,
            python,
        };
        let person = persona("everything");
        world.quiet(&[
            "cloud",
            "register",
            "-n",
            "AksBackupSandbox",
            "--endpoint-resource-manager",
            world.sandbox.endpoint(),
        ])?;
        world.quiet(&["cloud", "set", "-n", "AksBackupSandbox"])?;
        let login = [
            "login",
            "--service-principal",
            "-u",
            &person.client_id,
            "-p",
            &person.secret,
            "--tenant",
            ids::TENANT,
        ];
        world.quiet(&login)?;
        Ok(world)
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(super) fn az(&self, words: &[&str]) -> Command {
        let mut command = self.python.command();
        let own = [
            ("AZURE_CONFIG_DIR", self.path("az")),
            ("AZURE_EXTENSION_DIR", self.path("extensions")),
            ("REQUESTS_CA_BUNDLE", self.path("ca.pem")),
            ("SSL_CERT_FILE", self.path("ca.pem")),
            ("HOME", self.path("")),
        ];
        let settings = [
            ("AZURE_CORE_COLLECT_TELEMETRY", "no"),
            ("AZURE_CORE_INSTANCE_DISCOVERY", "false"),
            ("AZURE_CORE_SURVEY_MESSAGE", "no"),
            ("AZURE_EXTENSION_USE_DYNAMIC_INSTALL", "no"),
        ];
        command
            .args(["-m", "azure.cli"])
            .args(words)
            .envs(own)
            .envs(settings)
            .current_dir(self.folder.path());
        command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command
    }

    /// Runs az and gives what it printed; for what the guide does not count.
    pub(super) fn quiet(&self, words: &[&str]) -> io::Result<String> {
        let output = self.az(words).output()?;
        if output.status.success() {
            return Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned());
        }
        Err(io::Error::other(format!(
            "az {}: {}",
            words.join(" "),
            String::from_utf8_lossy(&output.stderr)
        )))
    }

    pub(super) fn kubectl(&self, words: &[&str]) -> Command {
        let mut command = Command::new("kubectl");
        command
            .args(words)
            .args(["-n", NAMESPACE])
            .current_dir(self.folder.path());
        command
            .env("KUBECONFIG", self.path("kubeconfig"))
            .env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command.env("HOME", self.path(""));
        command
    }

    /// Sends `body` to a resource of the vault's group or of the cluster.
    pub(super) fn rest(&self, method: &str, id: &str, version: &str, body: Option<&Value>) -> Command {
        let url = format!("{id}?api-version={version}");
        let body = body.map(ToString::to_string);
        let sent = body.as_deref().map_or(Vec::new(), |body| vec!["--body", body]);
        self.az(&[&["rest", "--method", method, "--url", &url], sent.as_slice()].concat())
    }
}

/// Everything takes no time, and nothing has to wait for its effect.
fn instant() -> io::Result<Settings> {
    let mut settings = Settings {
        time_scale: TIME_SCALE,
        credential_rate: 0.0,
        ..Settings::default()
    };
    let durations = serde_json::to_value(&settings.durations)?;
    let none: serde_json::Map<String, Value> = durations
        .as_object()
        .into_iter()
        .flatten()
        .map(|(key, _)| (key.clone(), json!(0.0)))
        .collect();
    settings.durations = serde_json::from_value(Value::Object(none))?;
    settings.start.issuer_on = true;
    settings.start.workload_identity_on = true;
    Ok(settings)
}
