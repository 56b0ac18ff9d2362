//! A real az of its own: own configuration for each persona, own folder of extensions, no network but the sandbox.

use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use aksbackup_tests::azure::ids;
use aksbackup_tests::azure::personas::persona;
use aksbackup_tests::harness::{Run, Stage, TIME_SCALE, binary, finish};

use aksbackup_tests::python::Python;
use aksbackup_tests::wheel;

/// Where az finds the certificates that it trusts by default on most systems.
const SYSTEM_CERTIFICATES: &str = "/etc/ssl/certs/ca-certificates.crt";

/// az with the extension, beside a sandbox.
pub(crate) struct Az {
    pub(crate) stage: Stage,
    environment: Python,
}

impl Az {
    /// A sandbox with `switches` and an az that has the universal wheel of the extension; nobody is logged in.
    pub(crate) fn new(switches: &[&str]) -> Self {
        let own = Self::bare(switches);
        let wheel = own.wheel();
        let add = ["extension", "add", "--yes", "--source", wheel.to_str().unwrap()];
        own.run("nobody", &add).ok();
        own
    }

    /// The same without the extension.
    pub(crate) fn bare(switches: &[&str]) -> Self {
        // az looks again after half a minute where it is not told when.
        let stage = Stage::with(&[switches, &["retry_after=1"]].concat())
            .unwrap()
            .hosting(&["AZURECLI/"]);
        let own = Self {
            stage,
            environment: Python::with("az").unwrap(),
        };
        own.trust();
        own
    }

    /// The same with `people` logged in.
    pub(crate) fn with(people: &[&str]) -> Self {
        let own = Self::new(&[]);
        people.iter().for_each(|name| own.login(name));
        own
    }

    /// az trusts the sandbox beside whatever it trusts otherwise: pip goes by the same file.
    fn trust(&self) {
        let mut trusted = fs::read_to_string(SYSTEM_CERTIFICATES).unwrap_or_default();
        trusted.push_str(&fs::read_to_string(self.stage.folder().join("ca.pem")).unwrap());
        fs::write(self.stage.folder().join("trusted.pem"), trusted).unwrap();
    }

    /// The universal wheel.
    pub(crate) fn wheel(&self) -> PathBuf {
        wheel::universal(self.stage.folder()).unwrap()
    }

    /// Signs a persona in to the sandbox's cloud.
    pub(crate) fn login(&self, name: &str) {
        let person = persona(name);
        let endpoint = self.stage.sandbox.endpoint();
        self.run(
            name,
            &[
                "cloud",
                "register",
                "-n",
                "AksBackupSandbox",
                "--endpoint-resource-manager",
                endpoint,
            ],
        )
        .ok();
        self.run(name, &["cloud", "set", "-n", "AksBackupSandbox"]).ok();
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
        self.run(name, &login).ok();
    }

    /// The command line `az ARGUMENTS` as `name`, ready for more.
    pub(crate) fn command(&self, name: &str, arguments: &[&str]) -> Command {
        let folder = self.stage.folder();
        let mut command = self.environment.command();
        command
            .args(["-m", "azure.cli"])
            .args(arguments)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", folder)
            .env("LANG", "C.UTF-8")
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .env("AZURE_CONFIG_DIR", folder.join("az").join(name))
            .env("AZURE_EXTENSION_DIR", folder.join("extensions"))
            .env("AZURE_CORE_COLLECT_TELEMETRY", "no")
            .env("AZURE_CORE_INSTANCE_DISCOVERY", "false")
            .env("AZURE_CORE_SURVEY_MESSAGE", "no")
            .env("AZURE_CORE_NO_COLOR", "yes")
            .env("AZURE_EXTENSION_USE_DYNAMIC_INSTALL", "no")
            .env("REQUESTS_CA_BUNDLE", folder.join("trusted.pem"))
            .env("SSL_CERT_FILE", folder.join("ca.pem"))
            .env("AKSBACKUP_BIN", binary("az-aksbackup"))
            .env("AKSBACKUP_STATE", self.stage.state())
            .env("AKSBACKUP_TIME_SCALE", TIME_SCALE.to_string())
            .current_dir(folder)
            .stdin(Stdio::null());
        command
    }

    /// Runs `az ARGUMENTS` as `name`.
    pub(crate) fn run(&self, name: &str, arguments: &[&str]) -> Run {
        finish(&mut self.command(name, arguments))
    }

    /// Runs a line of a shell as `name`, in which `az` is the real one.
    pub(crate) fn shell(&self, name: &str, line: &str) -> Run {
        let az = self.command(name, &[]);
        let python = az.get_program().to_string_lossy().into_owned();
        let mut command = Command::new("bash");
        command
            .arg("-c")
            .arg(format!("az() {{ '{python}' -m azure.cli \"$@\"; }}\n{line}"))
            .env_clear()
            .envs(az.get_envs().filter_map(|(key, value)| Some((key, value?))))
            .current_dir(self.stage.folder())
            .stdin(Stdio::null());
        finish(&mut command)
    }

    /// Runs `az aksbackup ARGUMENTS` as `name`.
    pub(crate) fn aksbackup(&self, name: &str, arguments: &[&str]) -> Run {
        self.run(name, &[&["aksbackup"], arguments].concat())
    }

    /// What az offers for the last word of `line`, as a shell's completion asks it.
    pub(crate) fn completed(&self, name: &str, line: &str) -> Vec<String> {
        let out = self.stage.folder().join("completed");
        let mut command = self.command(name, &[]);
        command
            .env("_ARGCOMPLETE", "1")
            .env("_ARGCOMPLETE_IFS", "\n")
            .env("_ARGCOMPLETE_STDOUT_FILENAME", &out)
            .env("_ARGCOMPLETE_SUPPRESS_SPACE", "1")
            .env("ARGCOMPLETE_USE_TEMPFILES", "1")
            .env("COMP_LINE", line)
            .env("COMP_POINT", line.len().to_string())
            .env("COMP_TYPE", "9");
        let run = finish(&mut command);
        let text = fs::read_to_string(&out).unwrap_or_default();
        assert!(!text.is_empty() || run.code == 0, "{run}");
        text.lines().map(|word| word.trim().replace('\\', "")).collect()
    }

    /// A program `az` in a folder of its own, for scripts: this az, as nobody.
    pub(crate) fn program(&self) -> PathBuf {
        self.program_as("nobody")
    }

    /// The same as `name`.
    pub(crate) fn program_as(&self, name: &str) -> PathBuf {
        let command = self.command(name, &[]);
        let mut script = "#!/bin/sh\n".to_owned();
        for (name, value) in command.get_envs() {
            let value = value.unwrap_or_default().to_str().unwrap();
            if !["PATH", "HOME", "AKSBACKUP_BIN", "AKSBACKUP_STATE"].contains(&name.to_str().unwrap()) {
                script.push_str(&format!("export {}='{value}'\n", name.to_str().unwrap()));
            }
        }
        let python = command.get_program().to_str().unwrap();
        script.push_str(&format!("exec '{python}' -m azure.cli \"$@\"\n"));
        self.script(name, &script)
    }

    /// A program `az` in a folder of its own that has nothing set: what it needs is the caller's business.
    pub(crate) fn unset_program(&self) -> PathBuf {
        let command = self.command("nobody", &[]);
        let script = format!(
            "#!/bin/sh\nexec '{}' -m azure.cli \"$@\"\n",
            command.get_program().to_str().unwrap()
        );
        self.script("unset", &script)
    }

    fn script(&self, name: &str, text: &str) -> PathBuf {
        let folder = self.stage.folder().join("az-program").join(name);
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("az"), text).unwrap();
        fs::set_permissions(folder.join("az"), fs::Permissions::from_mode(0o755)).unwrap();
        folder
    }

    /// Every program that a test may want to find in a folder of its own.
    pub(crate) fn folder(&self) -> &Path {
        self.stage.folder()
    }

    /// `PATH` with `folder` first.
    pub(crate) fn path_with(folder: &Path) -> OsString {
        let rest = std::env::var_os("PATH").unwrap_or_default();
        let all = std::iter::once(folder.to_owned()).chain(std::env::split_paths(&rest));
        std::env::join_paths(all).unwrap()
    }
}
