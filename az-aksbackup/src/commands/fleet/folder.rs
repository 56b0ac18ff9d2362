//! The folder of a fleet: one state file for each cluster.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use aksbackup_shared::args::{CommonArgs, quoted};
use aksbackup_shared::command_line::{CommandLine, az, on_state};
use aksbackup_shared::digest::Digest;
use aksbackup_shared::exit::Exit;
use aksbackup_shared::failure::{Failure, Outcome};
use aksbackup_shared::fix;
use aksbackup_shared::ids::{ResourceId, folded, same};
use aksbackup_shared::schema::{CloudTables, State, Target};
use aksbackup_shared::state::OutFile;
use toml::{Table, Value};

mod unusable;

pub(super) use self::unusable::Unusable;
use self::unusable::{of_shared, twice};
use super::template;
use crate::checks::policy::naming;
use crate::cli::{AzureArgs, Cli, Command};
use crate::commands::init::names::Names;
use crate::commands::session::TOOL;
use crate::target_ids;

/// A cluster with its state file. The file is read again when its turn comes: others can have written it by then.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Member {
    /// The state file.
    pub(super) file: PathBuf,
    /// The cluster.
    pub(super) cluster: ResourceId,
    /// Its vault.
    pub(super) vault: ResourceId,
    /// Its storage account.
    pub(super) account: ResourceId,
    /// The container of its backups.
    container: ResourceId,
    /// Of what the file wants.
    digest: Option<Digest>,
}

/// What a folder has.
#[derive(Debug, Default)]
pub(super) struct Folder {
    /// The clusters, by subscription and resource ID.
    pub(super) members: Vec<Member>,
    /// What can't be used: a file that can't be read, or a cluster with several files.
    pub(super) unusable: Vec<Unusable>,
}

impl Folder {
    /// Reads a folder.
    ///
    /// # Errors
    /// Exit 3: it doesn't exist. Exit 1: it can't be read.
    pub(super) fn read(cli: &Cli, folder: &Path) -> Outcome<Self> {
        let files = match files(folder) {
            Ok(files) => files,
            Err(error) if error.kind() == ErrorKind::NotFound => {
                return Failure::missing(format!("folder {} doesn't exist", folder.display()))
                    .hint(fix![
                        "create a state file for each cluster: ",
                        az(format!("fleet init {}", quoted(&folder.to_string_lossy())))
                    ])
                    .err();
            }
            Err(error) => {
                return Failure::failed(format!("cannot read folder {}", folder.display()))
                    .because(error.to_string())
                    .err();
            }
        };
        let mut own = Self::default();
        let mut by_cluster: BTreeMap<[String; 2], Vec<Member>> = BTreeMap::new();
        for file in files {
            match within(&file, folder).and_then(|()| target(cli, &file)) {
                Ok(target) => {
                    let key = [target.cluster.subscription().to_string(), target.cluster.to_string()];
                    let member = Member::of(file, &target);
                    by_cluster
                        .entry(key.map(|part| folded(&part)))
                        .or_default()
                        .push(member);
                }
                Err(failure) => own.unusable.push(Unusable {
                    file,
                    others: Vec::new(),
                    cluster: None,
                    counts_as: "with a state file that can't be used",
                    failure: *failure,
                }),
            }
        }
        for members in by_cluster.into_values() {
            match members.as_slice() {
                [_] => own.members.extend(members),
                [first, rest @ ..] => own.unusable.extend(twice(first, rest)),
                [] => {}
            }
        }
        Ok(own)
    }

    /// Clusters whose files name the same container: Azure Backup requires a separate one for each.
    pub(super) fn set_apart_shared(&mut self) {
        let mut uses: BTreeMap<String, usize> = BTreeMap::new();
        let key = |own: &Member| folded(own.container.as_str());
        self.members
            .iter()
            .for_each(|own| *uses.entry(key(own)).or_default() += 1);
        let (shared, alone) = self.members.drain(..).partition(|own| uses[&key(own)] > 1);
        self.members = alone;
        let shared: Vec<Member> = shared;
        self.unusable.extend(shared.iter().map(|own| of_shared(own, &shared)));
    }

    /// The files that can't be read, which are no clusters.
    pub(super) fn unread(&self) -> impl Iterator<Item = &Unusable> {
        self.unusable.iter().filter(|own| own.cluster.is_none())
    }

    /// How many clusters the files are about.
    pub(super) fn clusters(&self) -> usize {
        self.members.len() + self.unusable.len() - self.unread().count()
    }

    /// Whether the cluster has a file.
    pub(super) fn has(&self, cluster: &ResourceId) -> bool {
        let unusable = self.unusable.iter().filter_map(|own| own.cluster.as_ref());
        let mut all = self.members.iter().map(|own| &own.cluster).chain(unusable);
        all.any(|own| same(own.as_str(), cluster.as_str()))
    }

    /// Checks that a file for a result is none of the state files.
    ///
    /// # Errors
    /// As [`OutFile::check`].
    pub(super) fn is_apart<'a>(&'a self, out: impl Fn(&'a Path) -> OutFile<'a>) -> Outcome<()> {
        let used = self.members.iter().map(|own| &own.file);
        let mut all = used.chain(self.unusable.iter().flat_map(Unusable::files));
        all.try_for_each(|file| out(file).check())
    }

    /// The digest of what all files want, for `--expect-digest`. What the commands report of their progress isn't part of it.
    pub(super) fn digest(&self) -> Digest {
        let all = self.members.iter().filter_map(|own| {
            let digest = own.digest.as_ref()?.to_string();
            Some((folded(own.cluster.as_str()), Value::String(digest)))
        });
        Digest::of(&all.collect::<Table>())
    }
}

impl Member {
    fn of(file: PathBuf, target: &Target) -> Self {
        Self {
            file,
            cluster: target.cluster.clone(),
            vault: target_ids::vault(target),
            account: target_ids::account(target),
            container: target_ids::container(target),
            digest: digest(target),
        }
    }

    /// Refuses a target that changed since the folder was read, by which a plan and its digest are.
    ///
    /// # Errors
    /// Exit 7: it changed; with the command that runs `again`.
    pub(super) fn must_be_as_read(&self, target: &Target, again: CommandLine) -> Outcome<()> {
        if self.allows(target) {
            return Ok(());
        }
        Failure::new(
            Exit::StateUnreadable,
            format!("[target] of state file {} was changed", self.file.display()),
        )
        .because("the table differs from the one that this command read when it started")
        .hint(fix!["run the command again: ", again])
        .err()
    }

    /// Whether the file wants the same with `target` as when the folder was read.
    pub(super) fn allows(&self, target: &Target) -> bool {
        self.digest.is_some() && self.digest == digest(target)
    }

    /// A cluster of a test, with its vault and its storage account, which are in one resource group.
    #[cfg(test)]
    pub(super) fn sample(name: &str, vault: &str, account: &str, resources: &str) -> Self {
        let mut target = target_ids::tests::example();
        let group = target.cluster.resource_group_id();
        target.cluster = group.resource("Microsoft.ContainerService/managedClusters", name);
        target.vault.name = format!("vault-{vault}").parse().unwrap();
        target.storage.account = format!("account{account}").parse().unwrap();
        target.vault.resource_group = resources.parse().unwrap();
        target.storage.resource_group = resources.parse().unwrap();
        Self::of(PathBuf::from(name), &target)
    }

    /// The command line as it would be for this cluster.
    pub(super) fn cli(&self, cli: &Cli) -> Cli {
        of_file(cli, &self.file)
    }

    /// The flag that names the file in a command.
    pub(super) fn state_flag(&self) -> String {
        state_flag(&self.file)
    }

    /// Runs `work` so that every command that is printed meanwhile names the file of this cluster.
    pub(super) async fn scope<T>(&self, work: impl Future<Output = T>) -> T {
        on_state(self.state_flag(), work).await
    }
}

/// Of what a file wants, without who wrote it and when. A name of a policy that this tool derives, of these rules or of others, stands for
/// nothing but the rules: `fleet apply` exchanges it for that of these rules, and can be repeated with the same digest.
fn digest(target: &Target) -> Option<Digest> {
    let mut bare = Target {
        written: None,
        ..target.clone()
    };
    if naming::origin(&bare.policy).is_derived() {
        bare.policy.name = naming::of_rules(&bare.policy).parse().ok()?;
    }
    Table::try_from(bare).ok().map(|table| Digest::of(&table))
}

/// The flag that names a state file in a command.
pub(super) fn state_flag(file: &Path) -> String {
    format!(" --state {}", quoted(&file.to_string_lossy()))
}

/// The command line as it would be with another state file.
pub(super) fn of_file(cli: &Cli, file: &Path) -> Cli {
    Cli {
        common: CommonArgs {
            state: file.to_owned(),
            // It is that of the whole folder.
            expect_digest: None,
            ..cli.common.clone()
        },
        azure: AzureArgs {
            subscription: None,
            ..cli.azure.clone()
        },
        command: Command::Version,
    }
}

/// Where the state file of a cluster is created: the same at every run, and different for each cluster.
pub(super) fn place(folder: &Path, cluster: &ResourceId) -> PathBuf {
    folder.join(format!("{}.toml", Names::of(cluster).instance()))
}

/// The files that can be state files, by name.
fn files(folder: &Path) -> std::io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned());
        let is_own =
            name.is_some_and(|name| name.ends_with(".toml") && !name.starts_with('.') && name != template::NAME);
        if is_own && !path.is_dir() {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

/// Refuses a link out of the folder: a user with write access to the folder might not be authorized to read its destination.
fn within(file: &Path, folder: &Path) -> Outcome<()> {
    let real = |path: &Path| path.canonicalize();
    match (real(file), real(folder)) {
        (Ok(file), Ok(folder)) if !file.starts_with(&folder) => {}
        // What can't be resolved can't be read, which says why.
        _ => return Ok(()),
    }
    Failure::new(
        Exit::StateUnreadable,
        format!("cannot use state file {}", file.display()),
    )
    .because("a symbolic link points outside the folder")
    .hint("copy the state file into the folder")
    .err()
}

fn target(cli: &Cli, file: &Path) -> Outcome<Target> {
    let state = read(cli, file)?;
    match state.target {
        Some(target) if same(target.subscription.as_str(), target.cluster.subscription().as_str()) => Ok(target),
        Some(target) => Failure::new(
            Exit::StateUnreadable,
            format!("state file {} contradicts itself", file.display()),
        )
        .because(format!(
            "its subscription is {}, but its cluster is in subscription {}",
            target.subscription,
            target.cluster.subscription()
        ))
        .err(),
        None => Failure::new(
            Exit::StateUnreadable,
            format!("state file {} has no [target]", file.display()),
        )
        .hint("move the file out of the folder if it isn't a state file")
        .err(),
    }
}

/// What a state file says.
///
/// # Errors
/// Exit 7: it can't be read. Exit 3: it was removed meanwhile.
pub(super) fn read(cli: &Cli, file: &Path) -> Outcome<State> {
    let own = of_file(cli, file);
    match own.common.store::<CloudTables>(TOOL).load_target()? {
        Some((state, _)) => Ok(state),
        None => Failure::missing(format!("state file {} was removed", file.display())).err(),
    }
}
