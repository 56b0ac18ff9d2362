//! The resource groups, if this tool created them and nothing is left in them. Storage account and container are left in any case:
//! they hold the backups, also those of instances that were deleted in the portal.
//!
//! Right: `Microsoft.Resources/subscriptions/resourceGroups/{read,delete}` and `*/read` on the group.

use aksbackup_shared::failure::{Failure, Outcome};
use aksbackup_shared::guide::{Person, StepName};
use aksbackup_shared::ids::{ResourceId, folded, same};
use aksbackup_shared::schema::{CloudTables, State, Target};
use aksbackup_shared::step::{Applied, Change, ChangeNote, Decision, Step, Turn};

use super::{Common, Memory, deletion, vault_and_policy};
use crate::arm::client::{Reader, Writer};
use crate::arm::groups::{self, Group, Lock};
use crate::arm::inventory::{self, Listed};
use crate::arm::marker;
use crate::arm::roles;
use crate::arm::storage::{self, Account};
use crate::arm::visible::Sight;
use crate::platform::{self, Azure};
use crate::target_ids;

/// An action of no provider: who has it can read everything.
const ANYTHING: &str = "Any.Provider/anything/read";

/// The step.
pub(crate) struct ResourceGroups(pub(crate) Memory);

/// A group of the target.
#[derive(Debug, Clone)]
pub(crate) struct Content {
    pub(super) id: ResourceId,
    pub(super) group: Sight<Group>,
    /// What is in it; hidden where the account can't read all of it.
    pub(super) content: Sight<Vec<Listed>>,
}

/// What is there.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    pub(super) common: Common,
    pub(super) groups: Vec<Content>,
    pub(super) account: Option<Account>,
    /// Whether the container is there.
    pub(super) container: bool,
    /// Why the vault will stay, as far as that can be told before the backups are deleted.
    pub(super) vault_stays: Option<String>,
}

impl AsRef<Common> for Seen {
    fn as_ref(&self) -> &Common {
        &self.common
    }
}

/// A group to be deleted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct DeleteGroup {
    pub(super) group: ResourceId,
}

impl Change for DeleteGroup {
    fn note(&self) -> ChangeNote {
        deletion(
            format!("delete resource group {}", self.group.name()),
            "Microsoft.Resources/subscriptions/resourceGroups/delete",
            &self.group,
            "only if it is empty".to_owned(),
        )
    }
}

impl Step for ResourceGroups {
    type Platform = Azure;
    type Seen = Seen;
    type Change = DeleteGroup;

    fn name(&self) -> StepName {
        StepName::Storage
    }

    fn after(&self) -> &'static [StepName] {
        &[
            StepName::BackupInstance,
            StepName::Roles,
            StepName::Extension,
            StepName::VaultAndPolicy,
        ]
    }

    fn looks_ahead(&self) -> bool {
        true
    }

    async fn observe(&self, reader: &Reader, state: &State) -> Outcome<Seen> {
        let all = |target: &Target| {
            vec![
                target_ids::storage_group(target),
                target_ids::vault_group(target),
                target_ids::snapshot_group(target),
            ]
        };
        let common = self.0.common(reader, state, all).await?;
        let target = &common.claims.target;
        let (storage, vault) = (target_ids::storage_group(target), target_ids::vault_group(target));
        let mut ids: Vec<ResourceId> = Vec::new();
        for id in [storage, vault.clone(), target_ids::snapshot_group(target)] {
            if common.claims.has_made(id.as_str()) && !ids.contains(&id) {
                ids.push(id);
            }
        }
        let (account, container) = (target_ids::account(target), target_ids::container(target));
        let (groups, account, container) = futures::join!(
            futures::future::join_all(ids.into_iter().map(|id| content(reader, id))),
            storage::account(reader, &account),
            storage::has_container(reader, &container),
        );
        let vault_stays = match common.ahead && common.claims.has_made(vault.as_str()) {
            true => vault_and_policy::Seen::look(common.clone(), reader).await?.stays(),
            false => None,
        };
        Ok(Seen {
            vault_stays,
            groups: groups.into_iter().collect::<Outcome<_>>()?,
            account: account?,
            container: container?,
            common,
        })
    }

    fn decide(&self, seen: &Seen, _: &State) -> Outcome<Decision<DeleteGroup>> {
        let mut notes = kept(seen);
        match seen.common.gate::<DeleteGroup>() {
            Some(Decision::Done(why)) => {
                let text = format!("{notes}{why}");
                return Ok(Decision::Done(text.trim_end_matches("; ").to_owned()));
            }
            // As long as the account can't see whether there are backups, nothing is planned either.
            Some(other) => return Ok(other),
            None => {}
        }
        let mut changes = Vec::new();
        for own in &seen.groups {
            match fit(own, seen) {
                Ok(true) => match lock_on(&own.id, &seen.common.locks) {
                    None => changes.push(DeleteGroup { group: own.id.clone() }),
                    Some(lock) => notes.push_str(&format!("kept: resource group {} (lock {lock}); ", own.id.name())),
                },
                Ok(false) => {}
                Err(why) => notes.push_str(&format!("kept: resource group {} ({why}); ", own.id.name())),
            }
        }
        Ok(match changes.is_empty() {
            false => Decision::Change(changes),
            true if notes.is_empty() => Decision::Done("no resource group that this tool created is left".into()),
            true => Decision::Done(notes.trim_end_matches("; ").to_owned()),
        })
    }

    async fn apply(&self, writer: &Writer, change: &DeleteGroup) -> Outcome<Applied> {
        let delete = async || {
            let answer = groups::delete_group(writer, &change.group).await?;
            Ok(answer.deleted(writer, change.note().summary))
        };
        self.0.make(self, writer, change, delete).await
    }

    fn record(&self, seen: &Seen, tables: &mut CloudTables) {
        if seen.account.is_none() {
            tables.storage = None;
        }
        self.record_blocked(seen, tables);
    }

    fn record_blocked(&self, seen: &Seen, tables: &mut CloudTables) {
        let is_gone = |object: &str| {
            let mut gone = seen.groups.iter().filter(|own| matches!(own.group, Sight::Absent));
            gone.any(|own| same(own.id.as_str(), object))
        };
        let target = &seen.common.claims.target;
        let (account, container) = (target_ids::account(target), target_ids::container(target));
        let is_unmade = |object: &str| {
            (seen.account.is_none() && same(account.as_str(), object))
                || (!seen.container && same(container.as_str(), object))
        };
        platform::forget(tables, |made| {
            matches!(made.step, StepName::Storage | StepName::VaultAndPolicy)
                && (is_gone(&made.object) || is_unmade(&made.object))
        });
    }

    fn unseen(&self, failure: &Failure) -> Option<Turn> {
        self.0.unseen(failure)
    }

    fn hand_over(&self, change: &DeleteGroup, failure: &Failure) -> Option<Turn> {
        self.0.refused(Person::PlatformTeam, change, failure)
    }
}

/// Reads a group, and what is in it if the account can read whatever that is: a list leaves out what it can't.
async fn content(reader: &Reader, id: ResourceId) -> Outcome<Content> {
    let (group, all, own) = futures::join!(
        groups::group(reader, &id),
        inventory::in_group(reader, &id),
        roles::permissions(reader, &id),
    );
    let all = Sight::of(all.map(Some))?;
    let sees = Sight::of(own.map(Some))?
        .here()
        .is_some_and(|own| roles::allows(own, ANYTHING));
    Ok(Content {
        group: Sight::of(group)?,
        content: match sees {
            true => all,
            false => Sight::Absent,
        },
        id,
    })
}

/// What is said of the storage, which stays.
fn kept(seen: &Seen) -> String {
    let target = &seen.common.claims.target;
    let account = target_ids::account(target);
    match &seen.account {
        Some(_) => format!(
            "kept: container {} in storage account {}, which might contain backups; ",
            target.storage.container,
            account.with_group()
        ),
        None => String::new(),
    }
}

/// Whether a group can be deleted; `false` where it is gone.
///
/// # Errors
/// Why it stays, in words.
fn fit(own: &Content, seen: &Seen) -> Result<bool, String> {
    let target = &seen.common.claims.target;
    let group = match &own.group {
        Sight::Here(group) => group,
        Sight::Absent => return Ok(false),
        Sight::Hidden(_) => return Err("the signed-in account can't read it".into()),
    };
    if !marker::is_in(group.tags.as_ref(), &target.cluster, &own.id) {
        return Err(format!(
            "nothing in Azure confirms that this tool created it for this cluster: it lacks tag {}",
            marker::TAG
        ));
    }
    let Some(content) = own.content.here() else {
        return Err("the signed-in account can't read everything in it".into());
    };
    // In a plan the vault is still there.
    let vault = target_ids::vault(target);
    let has_vault = content.iter().any(|own| own.id == vault);
    if let (true, Some(why)) = (has_vault, &seen.vault_stays) {
        return Err(format!("vault {} is kept in it: {why}", vault.with_group()));
    }
    let rest = content.iter().filter(|own| !(seen.common.ahead && own.id == vault));
    let names: Vec<&str> = rest.map(|own| own.name.as_str()).collect();
    match names.is_empty() {
        true => Ok(true),
        false => Err(format!("it still contains {}", names.join(", "))),
    }
}

/// The lock that forbids the deletion of a resource group: its own, or one of the subscription.
fn lock_on<'a>(group: &ResourceId, locks: &'a [Lock]) -> Option<&'a str> {
    let group = folded(group.as_str());
    let forbids = |lock: &&Lock| {
        let id = folded(&lock.id);
        id.starts_with(&format!("{group}/")) || !id.contains("/resourcegroups/")
    };
    locks.iter().find(forbids).map(|lock| lock.id.as_str())
}
