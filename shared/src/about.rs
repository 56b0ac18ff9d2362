//! What both programs say of themselves in the same way: version, completion and man pages.

use std::path::Path;

use clap::Command;
use clap_complete::Shell;
use serde_json::{Value, json};

use crate::args::Format;
use crate::console::Console;
use crate::exit::Exit;
use crate::failure::{Failure, Outcome};
use crate::process::document;

/// Prints the version: `spoken` is how people call the program.
pub fn version(console: &Console, spoken: &str, version: &str, format: Format) {
    match format.is_document() {
        false => console.result(&format!("{spoken} {version}")),
        true => console.document(&document(of_version(version))),
    }
}

fn of_version(version: &str) -> Value {
    json!({ "command": "version", "exit": Exit::Done, "aksbackup": version })
}

/// The script that completes `program` in `shell`.
#[must_use]
pub fn completion(command: Command, program: &'static str, shell: Shell) -> String {
    // The generators offer hidden commands too, and before all others.
    let shown = command.get_subcommands().filter(|own| !own.is_hide_set()).cloned();
    let mut command = Command::new(program)
        .disable_help_subcommand(true)
        .version(env!("CARGO_PKG_VERSION"))
        .args(command.get_arguments().cloned())
        .subcommands(shown);
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut command, program, &mut script);
    let script = String::from_utf8_lossy(&script);
    // The generator for bash looks for the options of a command under another name than it gives to the command, where the name of the
    // program has a dash. In the other scripts there is no such text.
    script.replace(&program.replace('-', "__subcmd__"), &program.replace('-', "__"))
}

/// Writes the man pages of `program` into `folder`, one for itself and one for each command.
///
/// # Errors
/// Exit 1: a page cannot be written.
pub fn man_pages(command: Command, program: &'static str, folder: &Path) -> Outcome<Exit> {
    let written = std::fs::create_dir_all(folder)
        .and_then(|()| clap_mangen::generate_to(command.name(program).bin_name(program), folder));
    match written {
        Ok(()) => Ok(Exit::Done),
        Err(error) => Failure::failed(format!("cannot write the man pages into {}", folder.display()))
            .because(error.to_string())
            .err(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_shell_gets_the_commands_of_the_program() {
        for shell in [Shell::Bash, Shell::Zsh, Shell::Fish, Shell::PowerShell, Shell::Elvish] {
            let script = completion(
                Command::new("x").subcommand(Command::new("prepare")),
                "az-aksbackup",
                shell,
            );
            assert!(script.contains("az-aksbackup") && script.contains("prepare"), "{shell}");
        }
    }

    #[test]
    fn the_version_is_a_document_for_machines() {
        let document: Value = serde_json::from_str(&document(of_version("1.2.3"))).unwrap();
        assert_eq!(document["aksbackup"], "1.2.3");
        assert_eq!(document["version"], 1);
    }
}
