//! A command of the harness, carried out by the program for Windows.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use aksbackup_tests::harness::{Run, Stage, finish};

/// Returns the folder of the `.exe` files.
fn programs() -> PathBuf {
    let folder = std::env::var_os("AKSBACKUP_WINDOWS").map(PathBuf::from);
    folder
        .unwrap_or_else(|| panic!("AKSBACKUP_WINDOWS names no folder with the programs: tests/run windows builds them"))
}

/// Returns `command` with the program for Windows in place of the one for this system, in the same environment and folder.
pub(crate) fn windows(command: &Command) -> Command {
    let name = Path::new(command.get_program())
        .file_name()
        .unwrap()
        .to_string_lossy()
        .into_owned();
    let mut out = Command::new("wine");
    out.arg(programs().join(format!("{name}.exe")))
        .args(command.get_args())
        .env_clear()
        .stdin(Stdio::null());
    for (name, value) in command.get_envs() {
        if let Some(value) = value {
            out.env(name, value);
        }
    }
    // One configuration for all tests: making one takes seconds.
    out.env("WINEPREFIX", std::env::var_os("WINEPREFIX").unwrap_or_default())
        .env("WINEDEBUG", "-all")
        // Wine takes the names of files and the arguments of commands for what the locale says.
        .env("LC_ALL", "C.UTF-8");
    if let Some(folder) = command.get_current_dir() {
        out.current_dir(folder);
    }
    out
}

/// Runs `az-aksbackup.exe ARGUMENTS` as `persona`.
pub(crate) fn az(stage: &Stage, persona: &str, arguments: &[&str]) -> Run {
    finish(&mut windows(&stage.az_command(persona, arguments)))
}

/// Runs `kubectl-aksbackup.exe ARGUMENTS` as `persona`.
pub(crate) fn kubectl(stage: &Stage, persona: &str, arguments: &[&str]) -> Run {
    finish(&mut windows(&stage.kubectl_command(persona, arguments)))
}

/// Returns the path as Windows spells it in Wine, where `Z:` is the root of this system.
pub(crate) fn spelled(path: &Path) -> String {
    format!("Z:{}", path.display().to_string().replace('/', "\\"))
}
