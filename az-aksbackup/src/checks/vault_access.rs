//! Where the vault reaches to: the cluster through trusted access, and the group of the snapshots.

use aksbackup_shared::chain::check::Check;
use aksbackup_shared::chain::link::Link;
use aksbackup_shared::command_line::az;

use crate::arm::trusted_access::Binding;
use crate::checks::locks;
use crate::checks::view::{Seen, View};

const LINK: Link = Link::Vault;

/// The checks.
pub(crate) fn checks(view: &View) -> Vec<Check> {
    let mut all = vec![trusted_access(view), snapshot_group(view)];
    all.extend(snapshot_locks(view));
    all
}

fn trusted_access(view: &View) -> Check {
    const NAME: &str = "trusted access";
    if let Some(check) = view
        .bindings
        .unread(LINK, NAME, "the Trusted Access role bindings of the cluster")
    {
        return check;
    }
    let all = view.bindings.here().map(Vec::as_slice).unwrap_or_default();
    let Some(vault) = &view.places.vault else {
        return Check::error(LINK, NAME, "no Backup vault has access to the cluster", az("prepare"))
            .proves("VLT-TRUSTED-ACCESS");
    };
    let own: Vec<&Binding> = all.iter().filter(|binding| binding.is_of(vault)).collect();
    let state = |binding: &Binding| {
        let state = binding.properties.provisioning_state.as_deref();
        state.unwrap_or("Succeeded").to_owned()
    };
    let fact = |binding: &Binding| {
        format!(
            "{}: properties.roles = {}, properties.provisioningState = {}",
            binding.name,
            binding.properties.roles.join(", "),
            state(binding)
        )
    };
    let works = |binding: &&&Binding| binding.lets_back_up() && state(binding) == "Succeeded";
    if let Some(binding) = own.iter().find(works) {
        return Check::ok(
            LINK,
            NAME,
            format!(
                "role binding {} grants vault {} access",
                binding.name,
                vault.with_group()
            ),
        )
        .because(fact(binding));
    }
    match own.first() {
        None => {
            let says = format!(
                "no role binding grants vault {} access to the cluster",
                vault.with_group()
            );
            Check::error(LINK, NAME, says, az("prepare"))
                .because(format!("{} role bindings, none for this vault", all.len()))
        }
        Some(binding) => {
            let says = format!(
                "role binding {} of vault {} doesn't allow backups",
                binding.name,
                vault.with_group()
            );
            Check::error(LINK, NAME, says, az("prepare")).because(fact(binding))
        }
    }
    .proves("VLT-TRUSTED-ACCESS")
}

fn snapshot_group(view: &View) -> Check {
    const NAME: &str = "snapshot resource group";
    if matches!(view.snapshots, Seen::Unasked) {
        return Check::ok(LINK, NAME, "no snapshot resource group in the target yet");
    }
    if let Some(check) = view.snapshots.unread(LINK, NAME, "the snapshot resource group") {
        return check;
    }
    let name = view
        .places
        .snapshots
        .as_ref()
        .map(|id| id.name().to_owned())
        .unwrap_or_default();
    match &view.snapshots {
        Seen::Here(_) => Check::ok(LINK, NAME, format!("{name} exists")),
        Seen::Absent | Seen::Hidden(_) | Seen::Unasked => Check::error(
            LINK,
            NAME,
            format!("snapshot resource group {name} doesn't exist"),
            az("prepare"),
        )
        .proves("ARM-NOT-FOUND"),
    }
}

fn snapshot_locks(view: &View) -> Option<Check> {
    const NAME: &str = "locks on snapshots";
    let group = view.places.snapshots.as_ref()?;
    let (_, seen) = view.locks.iter().find(|(scope, _)| scope == group)?;
    let what = format!("the locks on resource group {}", group.name());
    if let Some(check) = seen.unread(LINK, NAME, &what) {
        return Some(check);
    }
    let lock = seen.here().and_then(|locks| locks.first());
    Some(match lock {
        None => Check::ok(LINK, NAME, "none found"),
        Some(lock) => {
            let says = format!("lock {} prevents Azure Backup from removing old snapshots", lock.id);
            let hint = locks::whose_lock(lock);
            Check::error(LINK, NAME, says, hint)
                .because(format!("properties.level = {}", lock.properties.level))
                .proves("VLT-SNAPSHOT-LOCK")
        }
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::checks::view::tests::{failures, found, view};

    #[test]
    fn a_missing_wrong_or_failed_binding_is_told() {
        let mut view = view();
        let own = view.bindings.here().cloned().unwrap_or_default();
        view.bindings = Seen::Here(vec![]);
        assert_eq!(failures(&checks(&view)), ["VLT-TRUSTED-ACCESS"]);
        for state in ["Failed", "Updating"] {
            let mut own = own.clone();
            own[0].properties.provisioning_state = Some(state.into());
            view.bindings = Seen::Here(own);
            assert_eq!(failures(&checks(&view)), ["VLT-TRUSTED-ACCESS"]);
        }
        let mut own = own;
        own[0].properties.roles = vec!["Some/other".into()];
        view.bindings = Seen::Here(own);
        assert_eq!(failures(&checks(&view)), ["VLT-TRUSTED-ACCESS"]);
    }

    #[test]
    fn a_lock_on_the_snapshots_or_their_missing_group_is_told() {
        let mut view = view();
        for (scope, seen) in &mut view.locks {
            if Some(&*scope) == view.places.snapshots.as_ref() {
                *seen =
                    found(json!([{ "id": format!("{scope}/locks/keep"), "properties": { "level": "CanNotDelete" } }]));
            }
        }
        view.snapshots = Seen::Absent;
        assert_eq!(failures(&checks(&view)), ["ARM-NOT-FOUND", "VLT-SNAPSHOT-LOCK"]);
    }
}
