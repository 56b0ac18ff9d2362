//! `tests/run live` in a stage: the program that asks a real cluster, before the simulated one.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::azure::ids;
use crate::harness::{Stage, binary};

impl Stage {
    /// The program of `tests/run live`, signed in to Azure as `persona` and to the cluster as `context`.
    ///
    /// # Errors
    /// The stand-in for the Azure CLI cannot be written.
    pub fn live(&self, persona: &str, context: &str, arguments: &[&str]) -> io::Result<Command> {
        let mut path = vec![self.azure_cli(persona)?];
        path.extend(std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default()));
        let mut command = Command::new(binary("aksbackup-live"));
        command
            .args(["--subscription", ids::SUBSCRIPTION, "-g", ids::CLUSTER_GROUP])
            .args(if arguments.contains(&"-n") {
                &[][..]
            } else {
                &["-n", ids::CLUSTER]
            })
            .args(["--context", context])
            .args(arguments)
            .env_clear()
            .envs(self.sandbox.env(persona))
            .env("PATH", std::env::join_paths(path).map_err(io::Error::other)?)
            .env("HOME", self.folder())
            .env("AKSBACKUP_STATE", self.state())
            .current_dir(self.folder())
            .stdin(std::process::Stdio::null());
        Ok(command)
    }

    /// A folder with a program `az` that is signed in as `persona`. The real one takes two seconds for each answer, and is what the
    /// suite `native` is about.
    fn azure_cli(&self, persona: &str) -> io::Result<PathBuf> {
        let (endpoint, token) = (self.sandbox.endpoint(), self.sandbox.azure().sign_in(persona));
        let script = format!(
            "#!/bin/sh\ncase \"$1 $2\" in\n'cloud show') echo '{endpoint}/' ;;\n'account get-access-token') echo '{token}' ;;\n\
             *) echo \"az: unknown: $*\" >&2; exit 2 ;;\nesac\n"
        );
        let folder = self.folder().join("azure-cli").join(persona);
        write_program(&folder, &script)?;
        Ok(folder)
    }
}

/// Writes a program by a process of its own: a file that this one has open for writing, a test beside it can inherit between its fork and
/// its exec, and Linux then refuses to run it (`ETXTBSY`).
fn write_program(folder: &Path, script: &str) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    let written = Command::new("sh")
        .args(["-c", "printf %s \"$1\" > \"$0\" && chmod 755 \"$0\""])
        .arg(folder.join("az"))
        .arg(script)
        .status()?;
    match written.success() {
        true => Ok(()),
        false => Err(io::Error::other("the stand-in for az cannot be written")),
    }
}
