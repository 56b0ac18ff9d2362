//! What Azure itself says about the parts that roles connect. `grant` trusts nothing else: the state file may come from
//! somebody with fewer rights than its reader.

use aksbackup_shared::failure::{Failure, Outcome};
use aksbackup_shared::guide::Person;
use aksbackup_shared::ids::{PrincipalId, ResourceId};
use aksbackup_shared::state::schema::{State, Target};
use aksbackup_shared::step::Turn;
use serde_json::Value;

use crate::arm::client::Reader;
use crate::arm::clusters::{self, Cluster};
use crate::arm::extensions::{self, Extension};
use crate::arm::groups::{self, Group};
use crate::arm::storage::{self, Account};
use crate::arm::trusted_access::{self, Binding};
use crate::arm::vaults::{self, Vault};
use crate::steps::{needed, policy, settings, wanted};

/// The parts as Azure has them.
pub(crate) struct World {
    pub(crate) cluster: Cluster,
    pub(crate) extensions: Vec<Extension>,
    pub(crate) bindings: Vec<Binding>,
    pub(crate) vault: Option<Vault>,
    pub(crate) policy: Option<Value>,
    pub(crate) account: Option<Account>,
    pub(crate) snapshot_group: Option<Group>,
}

/// The principals that roles are for, read from Azure and proven to belong to the target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Proven {
    /// Of the extension's identity.
    pub(crate) extension: PrincipalId,
    /// Of the vault.
    pub(crate) vault: PrincipalId,
    /// Of the cluster.
    pub(crate) cluster: PrincipalId,
    /// Whether the policy copies backups to the vault tier.
    pub(crate) vault_tier: bool,
}

/// Whether everything is there to be proven.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Proof {
    /// It is, and it is proven.
    Proven(Proven),
    /// Something has to be made first.
    NotYet(Turn),
}

/// Reads the parts that `target` names, all at the same time.
pub(crate) async fn look(reader: &Reader, target: &Target) -> Outcome<World> {
    let (vault, policy) = (wanted::vault(target), wanted::policy(target));
    let (account, snapshot_group) = (wanted::account(target), wanted::snapshot_group(target));
    let (cluster, extensions, bindings, vault, policy, account, snapshot_group) = futures::join!(
        clusters::existing(reader, &target.cluster),
        extensions::of_backup(reader, &target.cluster),
        trusted_access::bindings(reader, &target.cluster),
        vaults::vault(reader, &vault),
        vaults::policy(reader, &policy),
        storage::account(reader, &account),
        groups::group(reader, &snapshot_group),
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
    })
}

/// Proves that the parts belong together and are what the file claims.
///
/// # Errors
/// They do not, or are not: claim and reality are named.
pub(crate) fn prove(world: &World, state: &State, target: &Target, state_flag: &str) -> Outcome<Proof> {
    let parts = match parts(world, target)? {
        Ok(parts) => parts,
        Err(why) => {
            let command = format!("az aksbackup prepare{state_flag}");
            return Ok(Proof::NotYet(Turn {
                who: Person::PlatformTeam,
                why,
                command,
                right: None,
            }));
        }
    };
    let (Some(extension), Some(cluster)) = (parts.extension.principal(), world.cluster.principal()) else {
        return Failure::failed("the extension or the cluster has no identity that roles could be given to")
            .hint("see what is wrong: az aksbackup prepare --dry-run")
            .err();
    };
    let proven = Proven {
        extension: extension.clone(),
        vault: parts.vault.clone(),
        cluster,
        vault_tier: world.policy.as_ref().is_some_and(policy::has_vault_tier),
    };
    claims(state, target, &proven)?;
    Ok(Proof::Proven(proven))
}

/// Parts that are there and belong together.
struct Parts<'a> {
    extension: &'a Extension,
    vault: &'a PrincipalId,
}

/// The parts of the target, or which of them is not there yet.
fn parts<'a>(world: &'a World, target: &Target) -> Outcome<Result<Parts<'a>, String>> {
    let (cluster, vault, name) = (target.cluster.name(), wanted::vault(target), &target.vault.name);
    let Some(extension) = world.extensions.iter().find(|own| own.is_installed()) else {
        return Ok(Err(format!("the extension on cluster {cluster} is not installed yet")));
    };
    settings::same_storage(target, extension).map_err(|failure| failure.hint(ASK))?;
    let Some(principal) = world.vault.as_ref().and_then(Vault::principal) else {
        return Ok(Err(format!("vault {name} does not exist yet, or has no identity")));
    };
    let operators: Vec<&Binding> = world.bindings.iter().filter(|binding| binding.lets_back_up()).collect();
    if operators.is_empty() {
        return Ok(Err(format!(
            "vault {name} has no trusted access to cluster {cluster} yet"
        )));
    }
    if !operators.iter().any(|binding| binding.is_of(&vault)) {
        let reality = operators.iter().map(|own| own.properties.source_resource_id.as_str());
        let reality = reality.collect::<Vec<_>>().join(", ");
        return differs("vault", vault.as_str(), "the cluster lets in", &reality);
    }
    if world.account.is_none() || world.snapshot_group.is_none() {
        let (account, group) = (&target.storage.account, &target.snapshots.resource_group);
        return Ok(Err(format!(
            "storage account {account} or snapshot group {group} does not exist yet"
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
        vault_tier: cloud.vault.as_ref()?.vault_tier,
    })
}

/// Compares what the file's tables claim.
fn claims(state: &State, target: &Target, proven: &Proven) -> Outcome<()> {
    let cloud = &state.cloud;
    let of_azure = |what: &str, claim: &str, own: &str| same(what, claim, "Azure says", own);
    let of_target = |what: &str, claim: &ResourceId, own: ResourceId| same(what, claim.as_str(), TARGET, own.as_str());
    if let Some(table) = &cloud.identity {
        of_azure(
            "principal of the extension",
            table.principal.as_str(),
            proven.extension.as_str(),
        )?;
    }
    if let Some(table) = &cloud.vault {
        of_azure(
            "principal of the vault",
            table.principal.as_str(),
            proven.vault.as_str(),
        )?;
        of_target("vault", &table.vault, wanted::vault(target))?;
    }
    if let Some(table) = &cloud.prerequisites {
        of_azure(
            "principal of the cluster",
            table.cluster_principal.as_str(),
            proven.cluster.as_str(),
        )?;
    }
    if let Some(table) = &cloud.storage {
        of_target("storage account", &table.account, wanted::account(target))?;
        of_target("snapshot group", &table.snapshot_group, wanted::snapshot_group(target))?;
    }
    // Scopes and principals of old rows change with the target and the extension; roles never do.
    let rows = cloud.roles.iter().flat_map(|table| &table.assignments);
    if let Some(row) = rows
        .into_iter()
        .find(|row| !needed::ASSIGNED.contains(&row.role.as_str()))
    {
        let place = format!("role of {} on {}", row.holder, row.scope);
        return differs(
            &place,
            &row.role,
            "this program only assigns",
            &needed::ASSIGNED.join(", "),
        );
    }
    let subscription = target.cluster.subscription();
    of_azure(
        "subscription of the cluster",
        target.subscription.as_str(),
        subscription.as_str(),
    )
}

/// A file whose tables contradict its target was tampered with, or its target was changed and nothing prepared since.
const TARGET: &str = "its [target] says";

fn same(what: &str, claim: &str, who: &str, reality: &str) -> Outcome<()> {
    match claim.eq_ignore_ascii_case(reality) {
        true => Ok(()),
        false => differs(what, claim, who, reality),
    }
}

const ASK: &str = "ask where the file comes from; whoever runs az aksbackup prepare again brings it up to date";

fn differs<T>(what: &str, claim: &str, who: &str, reality: &str) -> Outcome<T> {
    Failure::failed("the state file claims what is not so; no role was assigned")
        .because(format!("{what}: the file says {claim}, {who} {reality}"))
        .hint(ASK)
        .err()
}

#[cfg(test)]
mod tests;
