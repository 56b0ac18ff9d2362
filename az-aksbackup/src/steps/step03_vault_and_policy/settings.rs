//! The settings of a vault that exists are changed to what the target says.
//!
//! Stands for `az dataprotection backup-vault update`. What can never be changed back is a change of its own, which comes last and which
//! the person agrees to by the vault's name.

use aksbackup_shared::command_line::az;
use aksbackup_shared::failure::{Failure, Outcome};
use aksbackup_shared::fix;
use aksbackup_shared::ids::ResourceId;
use aksbackup_shared::schema::Target;
use aksbackup_shared::step::{ChangeNote, Right, Turn};
use serde_json::Value;

use super::Seen;
use crate::arm::answer::Answer;
use crate::arm::client::{Reader, Writer};
use crate::arm::guards;
use crate::arm::vaults::{self, Vault};
use crate::checks::guard::{self, Critical, Guard};
use crate::checks::vault_drift::{self, Difference, IRREVERSIBLE};
use crate::steps::confirm::{Named, REDUCED};
use crate::steps::options::PrepareOptions;
use crate::target_ids;

/// What the person says to changes that can never be changed back.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) enum Irreversible {
    /// Nothing is changed: they are only shown.
    #[default]
    Shown,
    /// Nothing, so that they are refused.
    Unconfirmed,
    /// The vault that may be changed so.
    Confirmed(Named),
}

impl Irreversible {
    /// Refuses to change a vault for good that the person didn't name to `command`.
    ///
    /// # Errors
    /// Exit 2: what would be changed, or the two vaults.
    fn must_cover(&self, target: &Target, changes: &[Difference], command: &str) -> Outcome<()> {
        let vault = &target_ids::vault(target);
        let named = match self {
            Self::Shown => return Ok(()),
            Self::Unconfirmed => {
                let failure = Failure::usage(format!(
                    "the permanent change of Backup vault {} isn't confirmed, and --yes doesn't confirm it",
                    vault.with_group()
                ));
                let failure = changes.iter().fold(failure, |failure, own| {
                    failure.because(format!("{}: {}", own.step(), own.lasting.unwrap_or_default()))
                });
                return failure
                    .hint(fix![
                        "check that you want these changes, then specify the vault from your own records: ",
                        az(format!("{command}{IRREVERSIBLE}")).again()
                    ])
                    .err();
            }
            Self::Confirmed(named) => named,
        };
        let is_it = match named {
            Named::Id(id) => id == vault,
            // A name alone is one of the cluster's subscription: a file can lead to another one.
            Named::InGroup(group, name) => {
                ResourceId::group(&target.subscription, group).resource(&vault.kind(), name) == *vault
            }
        };
        match is_it {
            true => Ok(()),
            false => Failure::usage(format!(
                "--irreversible is {named}, but the state file specifies vault {vault}"
            ))
            .at_key(
                "target.vault.name",
                format!("the file has {}; no changes were made", vault.with_group()),
            )
            .hint("check the value of --irreversible: these changes can't be reverted")
            .err(),
        }
    }
}

/// What this run has sent already.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Written {
    others: bool,
    lasting: bool,
}

impl Written {
    /// Returns the same with an update.
    pub(super) fn with(self, update: &Update) -> Self {
        Self {
            others: self.others || !update.lasting,
            lasting: self.lasting || update.lasting,
        }
    }
}

/// Returns the groups of settings that a new vault is created with, besides soft delete: those that can be reverted.
pub(super) fn of_new(target: &Target) -> Value {
    let mut all = vault_drift::differences(&target.vault, &Vault::default(), true);
    all.retain(|own| own.refused.is_none() && own.lasting.is_none());
    vault_drift::properties(&Value::Null, &all)
}

/// Changes of a vault's settings.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Update {
    /// The vault.
    pub(super) vault: ResourceId,
    differences: Vec<Difference>,
    /// Whether they can never be changed back.
    pub(super) lasting: bool,
    requests: Vec<ResourceId>,
}

impl Update {
    /// How people read it.
    pub(super) fn note(&self) -> ChangeNote {
        let steps: Vec<String> = self.differences.iter().map(Difference::step).collect();
        let lasting: Vec<&str> = self.differences.iter().filter_map(|own| own.lasting).collect();
        ChangeNote {
            summary: format!("update Backup vault {} ({})", self.vault.with_group(), steps.join("; ")),
            right: Right::new("Microsoft.DataProtection/backupVaults/write", &self.vault),
            creates: None,
            warning: (!lasting.is_empty()).then(|| format!("this can't be reverted: {}", lasting.join("; "))),
            reduces: self.differences.iter().filter_map(|own| own.reduces.clone()).collect(),
            keeps: vault_drift::keeping(&self.differences),
        }
    }

    /// Sends the settings, each group with what the vault has in it at this moment.
    ///
    /// # Errors
    /// As the requests; or the vault is gone.
    pub(super) async fn apply(&self, writer: &Writer) -> Outcome<Answer> {
        let live = vaults::properties(writer.reader(), &self.vault).await?;
        let Some(live) = live else {
            return Failure::missing(format!("cannot update Backup vault {}", self.vault.with_group()))
                .because("it no longer exists")
                .err();
        };
        let mut properties = vault_drift::properties(&live, &self.differences);
        guards::add(&mut properties, &self.requests);
        vaults::update(writer, &self.vault, &properties).await
    }
}

/// Returns the changes of a vault that exists, or of one that will have been created: what can be reverted first.
///
/// # Errors
/// Exit 2: no one agreed to what can't be reverted. Exit 1: Azure accepted a change and didn't make it.
pub(super) fn updates(seen: &Seen, options: &PrepareOptions, written: Written) -> Outcome<Vec<Update>> {
    let vault = target_ids::vault(&seen.target);
    let blank = Vault::default();
    let own = seen.vault.as_ref();
    let mut all = vault_drift::differences(&seen.target.vault, own.unwrap_or(&blank), seen.ours);
    all.retain(|own| own.refused.is_none());
    let (lasting, others): (Vec<_>, Vec<_>) = all.into_iter().partition(|own| own.lasting.is_some());
    // A new vault is created with what can be reverted.
    let others = if own.is_some() { others } else { Vec::new() };
    let mut unmade = Vec::new();
    if written.others {
        unmade.extend(others.iter().filter(|own| !own.is_unreported()));
    }
    if written.lasting {
        unmade.extend(&lasting);
    }
    if !unmade.is_empty() {
        return not_made(&vault, &unmade).err();
    }
    if !lasting.is_empty() {
        options
            .irreversible
            .must_cover(&seen.target, &lasting, options.command())?;
    }
    let others = if written.others { Vec::new() } else { others };
    let update = |differences: Vec<Difference>, lasting| {
        (!differences.is_empty()).then(|| Update {
            vault: vault.clone(),
            differences,
            lasting,
            requests: options.requests.clone(),
        })
    };
    Ok([update(others, false), update(lasting, true)]
        .into_iter()
        .flatten()
        .collect())
}

/// Returns the turn of the owner of the Resource Guard, if it protects what these updates reduce.
pub(super) fn guarded(seen: &Seen, updates: &[Update], options: &PrepareOptions) -> Option<Turn> {
    let reduces = updates.iter().any(|own| !own.note().reduces.is_empty());
    let guard = seen.guard.as_ref().filter(|_| reduces)?;
    let vault = target_ids::vault(&seen.target);
    guard.blocks(
        Critical::Vault,
        &options.requests,
        &vault,
        &format!("{}{REDUCED}", options.command()),
    )
}

/// Returns the Resource Guard of the vault, where a setting would be changed to one that protects less.
///
/// # Errors
/// As the read.
pub(super) async fn guard(
    reader: &Reader,
    target: &Target,
    (own, ours): (Option<&Vault>, bool),
) -> Outcome<Option<Guard>> {
    let reduces = own.is_some_and(|own| {
        let all = vault_drift::differences(&target.vault, own, ours);
        all.iter().any(|own| own.reduces.is_some() && own.refused.is_none())
    });
    match reduces {
        true => guard::of_vault(reader, &target_ids::vault(target), own).await,
        false => Ok(None),
    }
}

fn not_made(vault: &ResourceId, unmade: &[&Difference]) -> Failure {
    let failure = Failure::failed(format!(
        "cannot update Backup vault {}: Azure accepted the change, but the vault still differs",
        vault.with_group()
    ));
    let all: Vec<Difference> = unmade.iter().map(|own| (*own).clone()).collect();
    all.iter()
        .map(ToString::to_string)
        .fold(failure, Failure::because)
        .hint(fix!["to retry: ", az("prepare")])
        .hint(fix!["to keep the settings in Azure: ", vault_drift::adopting(&all)])
}
