//! What Azure itself says about the parts that roles connect. `grant` trusts nothing else: the state file may come from
//! somebody with fewer rights than its reader.

use crate::checks::role_requirements::{Proven, asks_for_tier};
use aksbackup_shared::command_line::az;
use aksbackup_shared::failure::{Failure, Outcome};
use aksbackup_shared::fix;
use aksbackup_shared::guide::Person;
use aksbackup_shared::ids::PrincipalId;
use aksbackup_shared::schema::{State, Target};
use aksbackup_shared::step::Turn;
use serde_json::Value;

use crate::arm::client::Reader;
use crate::arm::clusters::{self, Cluster};
use crate::arm::extensions::{self, Extension};
use crate::arm::groups::{self, Group};
use crate::arm::identities::Identity;
use crate::arm::storage::{self, Account};
use crate::arm::trusted_access::{self, Binding};
use crate::arm::vaults::{self, Vault};
use crate::arm::visible::Sight;
use crate::checks::extension_settings::{self, Stored};
use crate::checks::policy;
use crate::checks::sole_extension::sole;
use crate::steps::claims::{self, Lie};
use crate::target_ids;

/// The parts as Azure has them.
pub(crate) struct World {
    pub(crate) cluster: Cluster,
    pub(crate) extensions: Vec<Extension>,
    pub(crate) bindings: Vec<Binding>,
    pub(crate) vault: Option<Vault>,
    pub(crate) policy: Option<Value>,
    pub(crate) account: Option<Account>,
    pub(crate) snapshot_group: Option<Group>,
    /// The identity that the file claims; absent where it claims none.
    pub(crate) identity: Sight<Identity>,
}

impl World {
    /// Whether the live policy copies backups to the vault tier.
    fn has_tier(&self) -> bool {
        self.policy.as_ref().is_some_and(policy::has_vault_tier)
    }

    /// Whether it does so without being asked by the target.
    pub(crate) fn has_unasked_tier(&self, target: &Target) -> bool {
        self.has_tier() && !asks_for_tier(target)
    }
}

/// Whether everything is there to be proven.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Proof {
    /// It is, and it is proven.
    Proven(Proven),
    /// Something has to be made first.
    NotYet(Turn),
}

/// Reads the parts that `target` names, and the identity that the file claims, all at the same time.
///
/// # Errors
/// As the reads; who may not read the identity goes without.
pub(crate) async fn look(reader: &Reader, state: &State, target: &Target) -> Outcome<World> {
    let (vault, policy) = (target_ids::vault(target), target_ids::policy(target));
    let (account, snapshot_group) = (target_ids::account(target), target_ids::snapshot_group(target));
    let (cluster, extensions, bindings, vault, policy, account, snapshot_group, identity) = futures::join!(
        clusters::existing(reader, &target.cluster),
        extensions::of_backup(reader, &target.cluster),
        trusted_access::bindings(reader, &target.cluster),
        vaults::vault(reader, &vault),
        vaults::policy(reader, &policy),
        storage::account(reader, &account),
        groups::group(reader, &snapshot_group),
        claims::identity(reader, state, target),
    );
    Ok(World {
        // A missing cluster explains every other failure.
        cluster: cluster?,
        extensions: extensions?,
        bindings: bindings?,
        vault: vault?,
        policy: policy?,
        account: account?,
        snapshot_group: snapshot_group?,
        identity: identity?,
    })
}

/// Proves that the parts belong together and are what the file claims.
///
/// # Errors
/// They do not, or are not: claim and reality are named.
pub(crate) fn prove(world: &World, state: &State, target: &Target) -> Outcome<Proof> {
    let parts = match parts(world, target)? {
        Ok(parts) => parts,
        Err(why) => {
            return Ok(Proof::NotYet(Turn {
                who: Person::PlatformTeam,
                why,
                command: az("prepare"),
                right: None,
                also: Vec::new(),
            }));
        }
    };
    let (Some(extension), Some(cluster)) = (parts.extension.principal(), world.cluster.principal()) else {
        return Failure::failed("the extension or the cluster has no identity to assign roles to")
            .hint(fix!["to find the cause: ", az("prepare --dry-run")])
            .err();
    };
    let proven = Proven {
        extension: extension.clone(),
        vault: parts.vault.clone(),
        cluster,
        vault_tier: asks_for_tier(target) && world.has_tier(),
    };
    claims::refuse(claims::lies(world, parts.extension, state, target, &proven))?;
    Ok(Proof::Proven(proven))
}

/// Parts that are there and belong together.
struct Parts<'a> {
    extension: &'a Extension,
    vault: PrincipalId,
}

/// The parts of the target, or which of them is not there yet.
fn parts<'a>(world: &'a World, target: &Target) -> Outcome<Result<Parts<'a>, String>> {
    let (cluster, vault) = (target.cluster.with_group(), target_ids::vault(target));
    let name = vault.with_group();
    let sole = sole(&target.cluster, &world.extensions)?;
    let Some(extension) = sole.filter(|own| own.is_installed()) else {
        return Ok(Err(format!("the extension on cluster {cluster} isn't installed yet")));
    };
    match extension_settings::stored(target, extension) {
        Stored::There => {}
        Stored::Nowhere => {
            return Ok(Err(format!(
                "the extension on cluster {cluster} has no storage settings yet"
            )));
        }
        Stored::Elsewhere(failure) => return failure.hint(claims::ask()).err(),
    }
    let identity = target.vault.identity.as_ref();
    let Some(principal) = world.vault.as_ref().and_then(|own| own.principal_of(identity)) else {
        return Ok(Err(format!("vault {name} doesn't exist yet, or has no identity")));
    };
    let operators: Vec<&Binding> = world.bindings.iter().filter(|binding| binding.lets_back_up()).collect();
    if operators.is_empty() {
        return Ok(Err(format!(
            "vault {name} has no Trusted Access role binding for cluster {cluster} yet"
        )));
    }
    if !operators.iter().any(|binding| binding.is_of(&vault)) {
        let reality = operators.iter().map(|own| own.properties.source_resource_id.as_str());
        let reality = reality.collect::<Vec<_>>().join(", ");
        let lie = Lie::new(
            "target.vault",
            vault.as_str(),
            format!("but the cluster grants access to {reality}"),
        );
        return claims::refuse(vec![lie]).map(|()| Err(String::new()));
    }
    if world.account.is_none() || world.snapshot_group.is_none() {
        let (account, group) = (
            target_ids::account(target).with_group(),
            &target.snapshots.resource_group,
        );
        return Ok(Err(format!(
            "storage account {account} or snapshot resource group {group} doesn't exist yet"
        )));
    }
    Ok(Ok(Parts {
        extension,
        vault: principal,
    }))
}

/// What the file's tables claim the principals to be, where it has all of them.
pub(crate) fn claim(state: &State) -> Option<Proven> {
    let cloud = &state.cloud;
    Some(Proven {
        extension: cloud.identity.as_ref()?.principal.clone(),
        vault: cloud.vault.as_ref()?.principal.clone(),
        cluster: cloud.prerequisites.as_ref()?.cluster_principal.clone(),
        vault_tier: cloud.vault.as_ref()?.vault_tier && state.target.as_ref().is_some_and(asks_for_tier),
    })
}

#[cfg(test)]
pub(crate) mod tests;
