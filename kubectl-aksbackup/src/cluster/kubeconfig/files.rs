//! The files of the kubeconfig: where they are looked for, and how they are merged.

use std::path::{Path, PathBuf};

use aksbackup_shared::failure::{Failure, Outcome};
use kube::config::{Kubeconfig, KubeconfigError};

use crate::cluster::flags::ConnectionFlags;

/// Every kubeconfig file that exists, merged; `None` where there is none. As with kubectl, only the file of the flag
/// must exist.
pub(super) fn read(flags: &ConnectionFlags) -> Outcome<Option<Kubeconfig>> {
    if let Some(path) = &flags.kubeconfig {
        if !path.exists() || path.is_dir() {
            return Failure::missing(format!("kubeconfig {} doesn't exist", path.display())).err();
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
        true => "neither --kubeconfig nor KUBECONFIG is set, and ~/.kube/config doesn't exist".to_owned(),
        false => format!("KUBECONFIG refers to {}, which doesn't exist", listed.join(", ")),
    }
}

fn read_all(paths: &[PathBuf]) -> Outcome<Option<Kubeconfig>> {
    let mut merged = None;
    for path in paths.iter().filter(|path| path.exists()) {
        let one = Kubeconfig::read_from(path).or_else(|error| unreadable(path, &error))?;
        let one = usable(one);
        merged = Some(match merged {
            None => one,
            Some(earlier) => Kubeconfig::merge(earlier, one).or_else(|error| unreadable(path, &error))?,
        });
    }
    Ok(merged)
}

/// Without an empty current context: `kubectl config unset current-context` writes one, and the next file may name another.
fn usable(mut one: Kubeconfig) -> Kubeconfig {
    one.current_context = one.current_context.filter(|name| !name.is_empty());
    one
}

/// The parser's own text quotes the file, which may hold tokens: only the place is told.
fn unreadable<T>(path: &Path, error: &KubeconfigError) -> Outcome<T> {
    let failure = Failure::usage(format!("cannot read kubeconfig {}", path.display()));
    match error {
        KubeconfigError::ReadConfig(why, _) => failure.because(why.to_string()),
        KubeconfigError::Parse(why) => match why.location() {
            Some(at) => failure.because(format!("it is invalid at line {}, column {}", at.line(), at.column())),
            None => failure.because("it isn't a valid kubeconfig"),
        },
        KubeconfigError::KindMismatch | KubeconfigError::ApiVersionMismatch => {
            failure.because("its kind or API version differs from that of the preceding files")
        }
        _ => failure.because("it isn't a valid kubeconfig"),
    }
    .err()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_current_context_leaves_it_to_the_next_file() {
        let one = |text: &str| usable(Kubeconfig::from_yaml(text).unwrap());
        let (empty, null) = (one("current-context: \"\"\n"), one("clusters: null\n"));
        let merged = Kubeconfig::merge(empty, null).unwrap();
        assert_eq!(merged.current_context, None);
        let merged = Kubeconfig::merge(merged, one("current-context: b\n")).unwrap();
        assert_eq!(merged.current_context.as_deref(), Some("b"));
    }
}
