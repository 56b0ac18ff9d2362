//! `completion`: the completion script of a shell.

use clap::CommandFactory as _;
use clap_complete::Shell;

use crate::cli::Cli;

/// What a shell calls this program.
const PROGRAM: &str = "az-aksbackup";

/// The script that completes `az-aksbackup` in `shell`. Within `az` it is az that completes.
pub(crate) fn script(shell: Shell) -> String {
    let mut script = Vec::new();
    let mut command = Cli::command().name(PROGRAM);
    clap_complete::generate(shell, &mut command, PROGRAM, &mut script);
    String::from_utf8_lossy(&script).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_shell_gets_the_commands() {
        for shell in [Shell::Bash, Shell::Zsh, Shell::Fish, Shell::PowerShell] {
            let script = script(shell);
            assert!(script.contains("az-aksbackup") && script.contains("prepare"), "{shell}");
        }
    }
}
