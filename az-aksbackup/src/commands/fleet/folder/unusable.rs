//! What a command can't work with, although it is in the folder.

use std::path::PathBuf;

use aksbackup_shared::args::quoted;
use aksbackup_shared::command_line::az;
use aksbackup_shared::exit::Exit;
use aksbackup_shared::failure::Failure;
use aksbackup_shared::fix;
use aksbackup_shared::ids::{ResourceId, same};

use super::Member;
use crate::checks::account::shared_container;

/// A file that can't be read, the files of a cluster that has several, or a cluster with the container of another one.
#[derive(Debug)]
pub(in crate::commands::fleet) struct Unusable {
    /// The file.
    pub(in crate::commands::fleet) file: PathBuf,
    /// The other files of the cluster.
    pub(in crate::commands::fleet) others: Vec<PathBuf>,
    /// The cluster, where it is known.
    pub(in crate::commands::fleet) cluster: Option<ResourceId>,
    /// How the last line of a command counts it.
    pub(in crate::commands::fleet) counts_as: &'static str,
    /// The reason.
    pub(in crate::commands::fleet) failure: Failure,
}

impl Unusable {
    /// All files that it is about.
    pub(in crate::commands::fleet) fn files(&self) -> impl Iterator<Item = &PathBuf> {
        std::iter::once(&self.file).chain(&self.others)
    }

    /// Its JSON object.
    pub(in crate::commands::fleet) fn document(&self) -> serde_json::Value {
        let files: Vec<&PathBuf> = self.files().collect();
        serde_json::json!({ "file": self.file, "files": files, "cluster": self.cluster, "error": self.failure })
    }
}

/// A cluster whose container is that of others, too.
pub(super) fn of_shared(member: &Member, shared: &[Member]) -> Unusable {
    let is_other =
        |own: &&Member| own.cluster != member.cluster && same(own.container.as_str(), member.container.as_str());
    let others: Vec<String> = shared
        .iter()
        .filter(is_other)
        .map(|own| own.file.display().to_string())
        .collect();
    let why = format!("this one is also in {}", others.join(", "));
    let failure = shared_container(member.container.name(), &member.account, &why).hint(fix![
        "choose another container for the cluster whose extension isn't installed yet: ",
        az(format!(
            "init --container NAME --state {}",
            quoted(&member.file.to_string_lossy())
        ))
    ]);
    Unusable {
        file: member.file.clone(),
        others: Vec::new(),
        cluster: Some(member.cluster.clone()),
        counts_as: "with a shared container",
        failure,
    }
}

/// Several files for one cluster: none is used, because another might be the one that is meant.
pub(super) fn twice(first: &Member, rest: &[Member]) -> Option<Unusable> {
    let names = std::iter::once(first).chain(rest);
    let names: Vec<String> = names.map(|own| own.file.display().to_string()).collect();
    let path = |own: &Member| quoted(&own.file.to_string_lossy());
    let failure = Failure::new(
        Exit::StateUnreadable,
        format!("cluster {} has several state files", first.cluster.with_group()),
    )
    .because(names.join(", "))
    .hint(fix![
        "merge the files into one, and move the other file out of the folder: ",
        az(format!("merge {} --state {}", path(rest.first()?), path(first)))
    ]);
    Some(Unusable {
        file: first.file.clone(),
        others: rest.iter().map(|own| own.file.clone()).collect(),
        cluster: Some(first.cluster.clone()),
        counts_as: "with several state files",
        failure,
    })
}
