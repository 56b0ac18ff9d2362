//! Which records no longer hold, as the file itself shows: they were made for values that are others by now.

use crate::ids::{ResourceId, same};
use crate::schema::State;

pub(super) fn storage(state: &State) -> Option<String> {
    let (own, target) = (state.cloud.storage.as_ref()?, state.target.as_ref()?);
    let account = differs("account", own.account.name(), target.storage.account.as_str());
    let container = || differs("container", own.container.as_str(), target.storage.container.as_str());
    let snapshots = || {
        let group = target.snapshots.resource_group.as_str();
        differs(
            "snapshot resource group",
            own.snapshot_group.resource_group().as_str(),
            group,
        )
    };
    account.or_else(container).or_else(snapshots)
}

pub(super) fn vault(state: &State) -> Option<String> {
    let (own, target) = (state.cloud.vault.as_ref()?, state.target.as_ref()?);
    let vault = differs("vault", own.vault.name(), target.vault.name.as_str());
    let vault = vault.or_else(|| {
        let (own, target) = (own.vault.subscription(), target.vault_subscription());
        differs("subscription of the vault", own.as_str(), target.as_str())
    });
    vault.or_else(|| differs("policy", own.policy.name(), target.policy.name.as_str()))
}

pub(super) fn federation(state: &State) -> Option<String> {
    let own = state.cloud.federation.as_ref()?;
    let issuer = state.cloud.prerequisites.as_ref().map(|table| table.issuer.as_str());
    let identity = state.cloud.identity.as_ref().map(|table| &table.identity);
    let of_identity = identity.and_then(|identity| moved("identity", &own.identity, identity));
    // The issuer counts byte for byte, unlike every name of Azure's.
    let other = issuer.filter(|issuer| *issuer != own.issuer.as_str());
    of_identity.or_else(|| other.map(|issuer| was_for("issuer", own.issuer.as_str(), issuer)))
}

pub(super) fn trusted_access(state: &State) -> Option<String> {
    let own = state.cloud.trusted_access.as_ref()?;
    moved("vault", &own.vault, &state.cloud.vault.as_ref()?.vault)
}

pub(super) fn roles(state: &State) -> Option<String> {
    let (own, cloud) = (state.cloud.roles.as_ref()?, &state.cloud);
    // Of the vault's roles, all but Reader are for the vault tier.
    let has_tier = own
        .assignments
        .iter()
        .any(|role| role.holder == "vault" && role.role != "Reader");
    if cloud.vault.as_ref().is_some_and(|vault| vault.vault_tier) && !has_tier {
        return Some(
            "completed for a policy without the vault tier; the roles for the vault tier are missing".to_owned(),
        );
    }
    own.assignments.iter().find_map(|role| {
        let holder = match role.holder.as_str() {
            "extension identity" => cloud.identity.as_ref().map(|table| &table.principal),
            "vault" => cloud.vault.as_ref().map(|table| &table.principal),
            "cluster" => cloud.prerequisites.as_ref().map(|table| &table.cluster_principal),
            _ => None,
        }?;
        differs(
            &format!("principal of the {}", role.holder),
            role.principal.as_str(),
            holder.as_str(),
        )
    })
}

/// Returns a reason if `az aksbackup` removed the identity's table: what was done in the cluster for the extension went with it.
fn uninstalled(state: &State) -> Option<String> {
    let removed = state.cloud.removed.iter().any(|own| own.table.ends_with("identity"));
    (state.cloud.identity.is_none() && removed).then(|| "the extension has been removed since then".to_owned())
}

pub(super) fn annotated(state: &State) -> Option<String> {
    let own = state.cluster.workload_identity.as_ref()?;
    let Some(identity) = state.cloud.identity.as_ref() else {
        return uninstalled(state);
    };
    differs("client ID", own.client_id.as_str(), identity.client_id.as_str())
}

pub(super) fn verification(state: &State) -> Option<String> {
    let own = state.cluster.verification.as_ref()?;
    if let Some(why) = uninstalled(state) {
        return Some(why);
    }
    let identity = state.cloud.identity.as_ref();
    let storage = state.cloud.storage.as_ref();
    identity
        .and_then(|table| differs("client ID", own.client_id.as_str(), table.client_id.as_str()))
        .or_else(|| storage.and_then(|table| differs("account", &own.account, table.account.name())))
        .or_else(|| storage.and_then(|table| differs("container", &own.container, table.container.as_str())))
}

pub(super) fn instance(state: &State) -> Option<String> {
    let own = state.cloud.instance.as_ref()?;
    let vault = state.cloud.vault.as_ref().map(|table| &table.vault);
    let elsewhere = vault.filter(|vault| !own.instance.is_within(vault.as_str()));
    let unprotected = own.protection != "ProtectionConfigured";
    let target = state.target.as_ref();
    let policy = || differs("policy", own.policy.as_ref()?.as_str(), target?.policy.name.as_str());
    let settings = || {
        let changed = own.settings.is_some() && own.settings != target?.instance.digest();
        changed.then(|| "the settings in [target.instance] have changed since then".to_owned())
    };
    elsewhere
        .map(|vault| was_for("vault", own.instance.as_str(), vault.as_str()))
        .or_else(|| unprotected.then(|| format!("its state was {}", own.protection)))
        .or_else(policy)
        .or_else(settings)
}

pub(super) fn backup(state: &State) -> Option<String> {
    let own = state.cloud.backup.as_ref()?;
    let completed = own.status.to_ascii_lowercase().starts_with("completed");
    (!completed).then(|| format!("its state was {}", own.status))
}

fn moved(what: &str, was: &ResourceId, is: &ResourceId) -> Option<String> {
    (was != is).then(|| was_for(what, was.as_str(), is.as_str()))
}

fn differs(what: &str, was: &str, is: &str) -> Option<String> {
    (!same(was, is)).then(|| was_for(what, was, is))
}

fn was_for(what: &str, was: &str, is: &str) -> String {
    format!("completed for {what} {was}, which is now {is}")
}
