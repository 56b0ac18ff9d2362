//! What the tests of the real binaries stand on: a sandbox, a folder, and a way to be one of its people.

use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;
use tempfile::TempDir;

use crate::backend::Backend;
use crate::log::Entry;
use crate::sandbox::Sandbox;
use crate::schema::is_undefined_version;
use crate::settings::Settings;

mod run;

pub use run::{Run, finish, measured};

/// How fast time runs in tests, unless one asks for something else: Azure's four minutes are half a second.
pub const TIME_SCALE: f64 = 0.002;

/// Where the binaries under test are: beside the test's own executable.
///
/// # Panics
/// The binary was not built; `tests/run` does that first.
#[must_use]
pub fn binary(name: &str) -> PathBuf {
    let own = std::env::current_exe().unwrap_or_default();
    let folder = own.ancestors().find(|folder| folder.join(name).is_file());
    let Some(folder) = folder else {
        panic!(
            "there is no {name} beside {}: run tests/run, or cargo build --workspace first",
            own.display()
        )
    };
    folder.join(name)
}

/// A sandbox with a folder for the state file.
pub struct Stage {
    /// The simulated Azure and Kubernetes.
    pub sandbox: Sandbox,
    folder: TempDir,
    guests: &'static [&'static str],
    new_word: Option<&'static str>,
}

impl Stage {
    /// A sandbox with the default world.
    ///
    /// # Errors
    /// The sandbox does not start.
    pub fn new() -> io::Result<Self> {
        Self::with(&[])
    }

    /// A sandbox with `switches` such as `issuer_on=true`.
    ///
    /// # Errors
    /// A switch is unknown, or the sandbox does not start.
    pub fn with(switches: &[&str]) -> io::Result<Self> {
        Self::on(Backend::Small, switches)
    }

    /// The same with the cluster of `backend` behind it.
    ///
    /// # Errors
    /// As [`Stage::with`]; for a real control plane as [`crate::bed::Bed::start`].
    pub fn on(backend: Backend, switches: &[&str]) -> io::Result<Self> {
        let folder = tempfile::tempdir()?;
        let mut settings = Settings {
            time_scale: TIME_SCALE,
            ..Settings::default()
        };
        for switch in switches {
            settings.set(switch).map_err(io::Error::other)?;
        }
        let sandbox = Sandbox::start_on(backend, settings, folder.path())?;
        let guests = &[];
        Ok(Self {
            sandbox,
            folder,
            guests,
            new_word: None,
        })
    }

    /// The stage with clients that are not ours, known by a part of their `User-Agent`.
    ///
    /// They choose their api-versions themselves, and these move with their releases, past those that the definitions at hand
    /// hold. A guest may therefore ask in a version without definition; nothing else is forgiven to it, and nothing at all to
    /// anybody else.
    #[must_use]
    pub fn hosting(mut self, guests: &'static [&'static str]) -> Self {
        self.guests = guests;
        self
    }

    /// Accepts `word` of Azure, which the definitions do not know: Azure may begin to say it any day.
    #[must_use]
    pub fn accepting(mut self, word: &'static str) -> Self {
        self.new_word = Some(word);
        self
    }

    /// What the definitions hold against a request and its answer, without what is forgiven to guests.
    #[must_use]
    pub fn violations<'a>(&self, entry: &'a Entry) -> Vec<&'a str> {
        let guest = self.guests.iter().any(|guest| entry.agent.contains(guest));
        let all = entry.violations.iter().map(String::as_str);
        let new = |violation: &str| self.new_word.is_some_and(|word| violation.contains(word));
        all.filter(|violation| !(new(violation) || guest && is_undefined_version(violation)))
            .collect()
    }

    /// The folder of the sandbox's files and of the state file.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The state file that every command uses unless it names another.
    #[must_use]
    pub fn state(&self) -> PathBuf {
        self.folder.path().join("aksbackup.toml")
    }

    /// The state file's bytes, empty if there is none.
    #[must_use]
    pub fn state_text(&self) -> String {
        std::fs::read_to_string(self.state()).unwrap_or_default()
    }

    /// A command as `persona` of Azure, ready for more.
    #[must_use]
    pub fn az_command(&self, persona: &str, arguments: &[&str]) -> Command {
        let mut command = self.bare("az-aksbackup", arguments);
        command.envs(self.sandbox.env(persona));
        command
    }

    /// A command as `persona` of Kubernetes, who has no Azure login. The cluster has done by then what Azure told it.
    ///
    /// # Panics
    /// It could not.
    #[must_use]
    pub fn kubectl_command(&self, persona: &str, arguments: &[&str]) -> Command {
        if let Err(error) = self.sandbox.cluster().settled() {
            panic!("the cluster did not do what Azure told it: {error}");
        }
        let mut command = self.bare("kubectl-aksbackup", arguments);
        command
            .env("KUBECONFIG", self.folder.path().join("kubeconfig"))
            .env("AKSBACKUP_TIME_SCALE", self.sandbox.time_scale().to_string());
        if !arguments.contains(&"--context") {
            command.args(["--context", persona]);
        }
        command
    }

    fn bare(&self, name: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new(binary(name));
        command
            .args(arguments)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", self.folder.path())
            .env("AKSBACKUP_STATE", self.state())
            .current_dir(self.folder.path())
            .stdin(Stdio::null());
        command
    }

    /// Runs `az aksbackup ARGUMENTS` as `persona`.
    pub fn az(&self, persona: &str, arguments: &[&str]) -> Run {
        finish(&mut self.az_command(persona, arguments))
    }

    /// Runs `kubectl aksbackup ARGUMENTS` as `persona`.
    pub fn kubectl(&self, persona: &str, arguments: &[&str]) -> Run {
        finish(&mut self.kubectl_command(persona, arguments))
    }

    /// `init` with the flags that name the demo world.
    pub fn init(&self, persona: &str) -> Run {
        self.az(persona, &INIT)
    }

    /// The hand-off up to and including `prepare`.
    pub fn prepared(&self) -> Run {
        self.init("platform").ok();
        self.az("platform", &["prepare", "--yes"]).ok()
    }

    /// The hand-off up to and including `grant`.
    pub fn granted(&self) -> Run {
        self.prepared();
        self.grant("owner").ok()
    }

    /// `grant` as `persona`, who confirms by flags what the state file names.
    pub fn grant(&self, persona: &str) -> Run {
        self.grant_with(persona, &[])
    }

    /// As [`Stage::grant`], with more flags.
    pub fn grant_with(&self, persona: &str, more: &[&str]) -> Run {
        let flags = self.vouchers();
        let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
        self.az(persona, &[&["grant", "--yes"], flags.as_slice(), more].concat())
    }

    /// The flags that confirm cluster, vault, storage account, snapshot resource group and the vault's user-assigned identity, and
    /// the subscription that they are in, as the state file names them now.
    #[must_use]
    pub fn vouchers(&self) -> Vec<String> {
        let cluster = self.value("/target/cluster");
        let parts: Vec<&str> = cluster.split('/').collect();
        let part = |at: usize| parts.get(at).copied().unwrap_or_default();
        let pair = |group: &str, name: &str| format!("{}/{}", self.value(group), self.value(name));
        let vault = pair("/target/vault/resource_group", "/target/vault/name");
        let state: toml::Table = self.state_text().parse().unwrap_or_default();
        let target = state.get("target").and_then(|target| target.get("vault"));
        let vault = match target.and_then(|vault| vault.get("subscription")?.as_str()) {
            Some(other) => format!(
                "/subscriptions/{other}/resourceGroups/{}",
                vault.replace('/', "/providers/Microsoft.DataProtection/backupVaults/")
            ),
            None => vault,
        };
        let flags = [
            ("--subscription", self.value("/target/subscription")),
            ("--cluster", format!("{}/{}", part(4), part(8))),
            ("--vault", vault),
            (
                "--storage-account",
                pair("/target/storage/resource_group", "/target/storage/account"),
            ),
            (
                "--snapshot-resource-group",
                self.value("/target/snapshots/resource_group"),
            ),
        ];
        let identity = target.and_then(|vault| vault.get("identity")?.as_str());
        let identity = identity.map(|own| ("--vault-identity", own.to_owned()));
        flags
            .into_iter()
            .chain(identity)
            .flat_map(|(flag, value)| [flag.to_owned(), value])
            .collect()
    }

    /// The hand-off up to and including `configure`.
    pub fn configured(&self) -> Run {
        self.granted();
        self.configure("cluster-admin", &[]).ok()
    }

    /// `configure --yes` as `persona`, who confirms the client ID by flag.
    pub fn configure(&self, persona: &str, arguments: &[&str]) -> Run {
        finish(&mut self.configure_command(persona, arguments))
    }

    /// The command of [`Stage::configure`].
    #[must_use]
    pub fn configure_command(&self, persona: &str, arguments: &[&str]) -> Command {
        let own = self.client_id();
        let named: &[&str] = match own.is_empty() {
            true => &["configure", "--yes"],
            false => &["configure", "--yes", "--client-id", &own],
        };
        self.kubectl_command(persona, &[named, arguments].concat())
    }

    /// The client ID of the extension's identity, as the state file names it now; empty before `prepare`.
    #[must_use]
    pub fn client_id(&self) -> String {
        self.value("/cloud/identity/client_id")
    }

    /// A text of the state file by its JSON pointer, empty if it is not there.
    #[must_use]
    pub fn value(&self, pointer: &str) -> String {
        let state: Value = toml::from_str(&self.state_text()).unwrap_or_default();
        state
            .pointer(pointer)
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned()
    }

    /// A place in the request log to count from.
    #[must_use]
    pub fn mark(&self) -> usize {
        self.sandbox.log().entries().len()
    }

    /// How many writes Azure refused for lack of rights.
    #[must_use]
    pub fn writes_refused(&self) -> usize {
        self.since(0)
            .iter()
            .filter(|entry| entry.write && entry.status == 403)
            .count()
    }

    /// The requests since `mark`.
    #[must_use]
    pub fn since(&self, mark: usize) -> Vec<Entry> {
        self.sandbox.log().entries().split_off(mark)
    }

    /// The writes since `mark`, each as `METHOD target`.
    #[must_use]
    pub fn writes_since(&self, mark: usize) -> Vec<String> {
        let writes = self.since(mark).into_iter().filter(|entry| entry.write);
        writes
            .map(|entry| format!("{} {}", entry.method, entry.target))
            .collect()
    }
}

impl Drop for Stage {
    /// Whatever a test was about: no request and no answer may break Microsoft's own definitions.
    fn drop(&mut self) {
        let entries = self.sandbox.log().entries();
        let broken: Vec<_> = entries
            .iter()
            .filter(|entry| !self.violations(entry).is_empty())
            .collect();
        if !std::thread::panicking() {
            assert!(
                broken.is_empty(),
                "these break Microsoft's definitions of ARM:\n{broken:#?}"
            );
        }
    }
}

/// The printed `grant`, whose values its reader fills in.
pub const PRINTED_GRANT: &str = "az aksbackup grant --subscription SUBSCRIPTION --cluster RESOURCE-GROUP/NAME \
    --vault RESOURCE-GROUP/NAME --storage-account RESOURCE-GROUP/NAME --snapshot-resource-group RESOURCE-GROUP";

/// `init` for the demo world without a question.
pub const INIT: [&str; 12] = [
    "init",
    "--resource-group",
    "rg-aks",
    "--cluster-name",
    "aks-demo",
    "--storage-resource-group",
    "rg-backup",
    "--vault-resource-group",
    "rg-backup",
    "--snapshot-group",
    "rg-snapshots",
    "--yes",
];
