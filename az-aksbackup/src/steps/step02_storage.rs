//! Step 2, "Prepare Storage Infrastructure": the storage account, the container of this cluster alone, and the snapshot
//! group that the guide leaves to chance.
//!
//! Stands for `az group create`, `az storage account create`, `az storage container create --auth-mode login`. What exists
//! is adopted by name after comparing it. Everything goes through ARM, so that neither an account key nor a data role is
//! needed.
//!
//! Rights: `Microsoft.Storage/storageAccounts/{read,write}` and `…/blobServices/containers/{read,write}` on the account's
//! group; `Microsoft.Resources/subscriptions/resourceGroups/write` where a group has to be made. Microsoft's constraints:
//! <https://learn.microsoft.com/azure/backup/azure-kubernetes-service-cluster-backup-support-matrix>.

use aksbackup_shared::command_line::az;
use aksbackup_shared::failure::{Failure, Outcome};
use aksbackup_shared::guide::StepName;
use aksbackup_shared::ids::{Region, ResourceId, SubscriptionId};
use aksbackup_shared::schema::{CloudTables, State, StorageTable, Target};
use aksbackup_shared::step::{Applied, Change, ChangeNote, Decision, Right, Step, Turn};

use crate::arm::client::{Reader, Writer};
use crate::arm::container_clusters::{self as in_container, ContainerClusters};
use crate::arm::extensions::Extension;
use crate::arm::groups::{self, Group, Lock};
use crate::arm::marker::Origin;
use crate::arm::storage::{self, Account};
use crate::arm::versions;
use crate::arm::visible::{self, Sight};
use crate::checks::account;
use crate::checks::creation_settings::{self, KeptSetting};
use crate::platform::{self, Azure};
use crate::steps::fresh::JustRead;
use crate::steps::options::PrepareOptions;
use crate::steps::registration;
use crate::steps::turns;
use crate::target_ids;

const NAMESPACE: &str = "Microsoft.Storage";

/// Step 2.
pub(crate) struct Storage {
    /// What `prepare` was told.
    pub(crate) options: PrepareOptions,
    /// What preflight has read: the extensions prove which storage was in use.
    pub(crate) read: JustRead,
}

/// What is there.
pub(crate) struct Seen {
    target: Target,
    account: Option<Account>,
    container: bool,
    /// The clusters that store backups in the container, where it isn't in use for this one yet; none where that can't be read.
    container_clusters: ContainerClusters,
    /// The extensions that preflight has read; none where it couldn't.
    extensions: Vec<Extension>,
    group: Sight<Group>,
    snapshot_group: Sight<Group>,
    /// Locks on the snapshot group and above; hidden ones are unknown.
    locks: Sight<Vec<Lock>>,
    /// Why the name of a missing account cannot be had.
    refused_name: Option<String>,
}

/// What can be made: each creates one thing.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum StorageChange {
    /// A resource group.
    Group {
        group: ResourceId,
        region: Region,
        origin: Origin,
    },
    /// The account; `group` where its group has to be made first.
    Account {
        account: ResourceId,
        region: Region,
        sku: String,
        origin: Origin,
        group: Option<Turn>,
    },
    /// The container; `group` as above.
    Container {
        container: ResourceId,
        account: ResourceId,
        group: Option<Turn>,
    },
}

impl StorageChange {
    fn subscription(&self) -> SubscriptionId {
        match self {
            Self::Group { group: id, .. } | Self::Account { account: id, .. } | Self::Container { account: id, .. } => {
                id.subscription()
            }
        }
    }
}

impl Change for StorageChange {
    fn note(&self) -> ChangeNote {
        let (summary, action, scope, creates) = match self {
            Self::Group { group, region, .. } => (
                format!("create resource group {} in {region}", group.name()),
                "Microsoft.Resources/subscriptions/resourceGroups/write",
                format!("/subscriptions/{}", group.subscription()),
                group,
            ),
            Self::Account {
                account, region, sku, ..
            } => (
                format!(
                    "create storage account {} ({sku}, no shared keys, no public blobs) in resource group {}, {region}",
                    account.name(),
                    account.resource_group()
                ),
                "Microsoft.Storage/storageAccounts/write",
                account.resource_group_id().to_string(),
                account,
            ),
            Self::Container { container, account, .. } => (
                format!(
                    "create container {} in storage account {}",
                    container.name(),
                    account.with_group()
                ),
                "Microsoft.Storage/storageAccounts/blobServices/containers/write",
                account.to_string(),
                container,
            ),
        };
        ChangeNote {
            reduces: Vec::new(),
            keeps: None,
            summary,
            right: Right::new(action, scope),
            creates: Some(creates.to_string()),
            warning: None,
        }
    }
}

impl Step for Storage {
    type Platform = Azure;
    type Seen = Seen;
    type Change = StorageChange;

    fn name(&self) -> StepName {
        StepName::Storage
    }

    async fn observe(&self, reader: &Reader, state: &State) -> Outcome<Seen> {
        let target = target_ids::target(state)?.clone();
        let (account_id, container_id) = (target_ids::account(&target), target_ids::container(&target));
        let (group_id, snapshot_id) = (target_ids::storage_group(&target), target_ids::snapshot_group(&target));
        let extensions = self.read.extensions.peek().unwrap_or_default();
        let is_used = account::is_in_use(&target, &extensions);
        let container_clusters = async {
            match is_used {
                true => ContainerClusters::default(),
                // Without an answer, `prepare` continues, and `verify` reports that it isn't known.
                false => in_container::of(reader, &container_id).await.unwrap_or_default(),
            }
        };
        let (account, container, group, snapshot_group, locks, container_clusters) = futures::join!(
            storage::account(reader, &account_id),
            storage::has_container(reader, &container_id),
            groups::group(reader, &group_id),
            groups::group(reader, &snapshot_id),
            groups::locks(reader, &snapshot_id),
            container_clusters,
        );
        let account = account?;
        let refused_name = match &account {
            Some(_) => None,
            None => {
                let asked = storage::refusal_of_name(reader, &target.subscription, &target.storage.account).await;
                // Who may not ask finds out by trying.
                Sight::of(asked)?.here().cloned()
            }
        };
        Ok(Seen {
            account,
            container: container?,
            container_clusters,
            extensions,
            group: Sight::of(group)?,
            snapshot_group: Sight::of(snapshot_group)?,
            locks: Sight::of(locks.map(Some))?,
            refused_name,
            target,
        })
    }

    fn decide(&self, seen: &Seen, state: &State) -> Outcome<Decision<StorageChange>> {
        if !self.options.recreate_storage {
            let there = (seen.account.is_some(), seen.container);
            account::must_not_have_vanished(account::vanished(state, &seen.target, &seen.extensions, there))?;
        }
        if let Some(account) = &seen.account {
            account::usable(account, &seen.target)?;
            if let Some(wait) = account::not_ready(account, &seen.target) {
                return Ok(Decision::Wait(wait));
            }
        }
        account::must_be_separate(&seen.container_clusters, &seen.target)?;
        let changes = Self::changes(seen)?;
        let locks: Vec<Turn> = seen.locks.here().into_iter().flatten().map(turns::unlock).collect();
        Ok(match (changes.is_empty(), locks.is_empty()) {
            (true, true) => KeptSetting::finished(
                seen.account
                    .as_ref()
                    .and_then(|own| creation_settings::of_account(&seen.target, own))
                    .as_ref(),
                account::evidence(seen.account.as_ref(), &seen.target, seen.locks.here().is_some()),
            ),
            (_, false) => Decision::Blocked(changes, locks),
            (false, true) => Decision::Change(changes),
        })
    }

    async fn apply(&self, writer: &Writer, change: &StorageChange) -> Outcome<Applied> {
        let note = change.note();
        let answer = match change {
            StorageChange::Group { group, region, origin } => groups::put_group(writer, group, region, origin).await,
            StorageChange::Account {
                account,
                region,
                sku,
                origin,
                ..
            } => storage::put_account(writer, account, (region, sku), origin).await,
            StorageChange::Container { container, .. } => storage::put_container(writer, container).await,
        };
        match answer {
            Ok(answer) => match change {
                StorageChange::Account { account, .. } => {
                    Ok(answer.applied(writer, note.summary, (account.to_string(), versions::STORAGE)))
                }
                StorageChange::Group { .. } | StorageChange::Container { .. } => Ok(Applied::Done),
            },
            Err(failure) if failure.has_code("StorageAccountAlreadyTaken") => {
                Err(Box::new(account::other_name(*failure)))
            }
            Err(failure) => {
                const CODES: [&str; 4] = [
                    "StorageAccountBeingCreated",
                    "StorageAccountIsNotProvisioned",
                    "StorageAccountOperationInProgress",
                    "ResourceGroupBeingDeleted",
                ];
                let refused = (failure, &CODES[..], note.summary.as_str());
                registration::patience(writer, &change.subscription(), NAMESPACE, refused).await
            }
        }
    }

    fn record(&self, seen: &Seen, tables: &mut CloudTables) {
        let endpoint = seen.account.as_ref().and_then(Account::blob_endpoint);
        tables.storage = endpoint.map(|endpoint| StorageTable {
            account: target_ids::account(&seen.target),
            container: seen.target.storage.container.clone(),
            blob_endpoint: endpoint.to_owned(),
            snapshot_group: target_ids::snapshot_group(&seen.target),
            written: None,
        });
    }

    fn record_blocked(&self, seen: &Seen, tables: &mut CloudTables) {
        let target = &seen.target;
        let account = seen.account.is_some();
        let there = [
            (
                target_ids::storage_group(target),
                account || seen.group.here().is_some(),
            ),
            (target_ids::snapshot_group(target), seen.snapshot_group.here().is_some()),
            (target_ids::account(target), account),
            (target_ids::container(target), seen.container),
        ];
        platform::settle(tables, StepName::Storage, |object| {
            there.iter().any(|(id, there)| *there && object == id.as_str())
        });
    }

    /// The only wait is for an account that Azure is still creating.
    fn goes_on(&self, seen: &Seen) -> bool {
        let account = seen.account.as_ref();
        account.is_some_and(|own| account::not_ready(own, &seen.target).is_some())
    }

    /// A policy, a lock, or a missing permission rejects the account; an account that could create it can create its container.
    fn is_assured(&self, accepted: &StorageChange) -> bool {
        matches!(accepted, StorageChange::Account { .. })
    }

    fn hand_over(&self, change: &StorageChange, failure: &Failure) -> Option<Turn> {
        let refused = visible::is_refused(failure);
        match change {
            StorageChange::Group { group, region, .. } => refused.then(|| turns::create_group(group, region)),
            StorageChange::Account { group, .. } | StorageChange::Container { group, .. } => {
                turns::without_group(group.as_ref(), failure)
                    .or_else(|| registration::of_failure(failure, NAMESPACE, &change.subscription()))
                    .or_else(|| refused.then(|| turns::not_ours(change.note(), az("prepare"))))
            }
        }
    }
}

impl Storage {
    fn changes(seen: &Seen) -> Outcome<Vec<StorageChange>> {
        let (target, mut changes) = (&seen.target, Vec::new());
        let region = target.region.clone();
        let (group, snapshot_group) = (target_ids::storage_group(target), target_ids::snapshot_group(target));
        let mut new_group = None;
        if seen.account.is_none() && seen.group.here().is_none() {
            new_group = Some(turns::create_group(&group, &region));
            changes.push(StorageChange::Group {
                group: group.clone(),
                region: region.clone(),
                origin: Origin::of(target),
            });
        }
        if seen.snapshot_group.here().is_none() && (snapshot_group != group || new_group.is_none()) {
            changes.push(StorageChange::Group {
                group: snapshot_group,
                region: region.clone(),
                origin: Origin::of(target),
            });
        }
        let account = target_ids::account(target);
        if seen.account.is_none() {
            account::must_be_free(account.name(), seen.refused_name.as_deref())?;
            let (account, sku, group) = (account.clone(), target.storage.sku.clone(), new_group.clone());
            changes.push(StorageChange::Account {
                account,
                region,
                sku,
                origin: Origin::of(target),
                group,
            });
        }
        if !seen.container {
            let container = target_ids::container(target);
            changes.push(StorageChange::Container {
                container,
                account,
                group: new_group,
            });
        }
        Ok(changes)
    }
}

#[cfg(test)]
mod tests;
