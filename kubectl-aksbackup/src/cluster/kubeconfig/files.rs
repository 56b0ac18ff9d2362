//! The files of the kubeconfig: where they are looked for, and how they are merged.

use std::path::{Path, PathBuf};

use aksbackup_shared::failure::{Failure, Outcome};
use kube::config::{Kubeconfig, KubeconfigError};

use crate::cluster::flags::ConnectionFlags;

/// Every kubeconfig file that exists, merged; `None` where there is none. As with kubectl, only the file of the flag
/// must exist.
pub(super) fn read(flags: &ConnectionFlags) -> Outcome<Option<Kubeconfig>> {
    if let Some(path) = &flags.kubeconfig {
        if !path.is_file() {
            return Failure::missing(format!("there is no kubeconfig {}", path.display())).err();
        }
        return read_all(std::slice::from_ref(path));
    }
    let listed = listed();
    if !listed.is_empty() {
        return read_all(&listed);
    }
    let home = std::env::home_dir().map(|home| home.join(".kube").join("config"));
    read_all(home.as_slice())
}

/// The files that KUBECONFIG names.
fn listed() -> Vec<PathBuf> {
    let list = std::env::var_os("KUBECONFIG").unwrap_or_default();
    std::env::split_paths(&list)
        .filter(|path| !path.as_os_str().is_empty())
        .collect()
}

/// Where a kubeconfig was looked for in vain.
pub(super) fn nowhere() -> String {
    let listed: Vec<String> = listed().iter().map(|path| path.display().to_string()).collect();
    match listed.is_empty() {
        true => "neither --kubeconfig nor KUBECONFIG names one, and ~/.kube/config does not exist".to_owned(),
        false => format!("KUBECONFIG names {}, which does not exist", listed.join(", ")),
    }
}

fn read_all(paths: &[PathBuf]) -> Outcome<Option<Kubeconfig>> {
    let mut merged = None;
    for path in paths.iter().filter(|path| path.exists()) {
        let one = Kubeconfig::read_from(path).or_else(|error| unreadable(path, &error))?;
        merged = Some(match merged {
            None => one,
            Some(earlier) => Kubeconfig::merge(earlier, one).or_else(|error| unreadable(path, &error))?,
        });
    }
    Ok(merged)
}

/// The parser's own text quotes the file, which may hold tokens: only the place is told.
fn unreadable<T>(path: &Path, error: &KubeconfigError) -> Outcome<T> {
    let failure = Failure::usage(format!("cannot read kubeconfig {}", path.display()));
    match error {
        KubeconfigError::ReadConfig(why, _) => failure.because(why.to_string()),
        KubeconfigError::Parse(why) => match why.location() {
            Some(at) => failure.because(format!("it is not valid at line {}, column {}", at.line(), at.column())),
            None => failure.because("it is not a valid kubeconfig"),
        },
        KubeconfigError::KindMismatch | KubeconfigError::ApiVersionMismatch => {
            failure.because("it is of another kind than the files before it")
        }
        _ => failure.because("it is not a valid kubeconfig"),
    }
    .err()
}
