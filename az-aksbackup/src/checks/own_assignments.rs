//! Which role assignments this program makes: their names are derived from all that they assign, so that a file can't claim others.

use aksbackup_shared::ids::{PrincipalId, ResourceId, same};
use aksbackup_shared::schema::Target;

use crate::arm::clusters::Cluster;
use crate::arm::extensions::Extension;
use crate::arm::roles::{self, Assignment, Role};
use crate::arm::vaults::Vault;
use crate::checks::role_requirements::{self, Holder};

/// How many names of an assignment are tried: the first is taken if it is another assignment's.
const NAMES: usize = 4;

/// An assignment as this program would make it.
pub(crate) struct Name {
    /// The role.
    pub(crate) role: Role,
    /// Where.
    pub(crate) scope: ResourceId,
    /// Its ID.
    pub(crate) id: String,
}

/// The assignments of `principal` that this program would make, under each name that it would give them.
pub(crate) fn names(target: &Target, (holder, principal): &(Holder, PrincipalId)) -> Vec<Name> {
    let mut rows = role_requirements::rows(target, true, false);
    rows.extend(role_requirements::rows(target, true, true));
    let mut all = Vec::new();
    for row in rows.into_iter().filter(|row| row.holder == *holder) {
        let mut taken = Vec::new();
        for _ in 0..NAMES {
            let name = roles::assignment_name(row.role, principal, &row.scope, &taken);
            taken.push(name);
            all.push(Name {
                role: row.role,
                id: format!("{}/providers/Microsoft.Authorization/roleAssignments/{name}", row.scope),
                scope: row.scope.clone(),
            });
        }
    }
    all
}

/// Who gets roles, according to Azure: the extension's identity if there is one extension, the identity with which the vault protects the
/// cluster, and the cluster's.
pub(crate) fn holders(
    target: &Target,
    cluster: &Cluster,
    extensions: &[Extension],
    vault: Option<&Vault>,
) -> Vec<(Holder, PrincipalId)> {
    let extension = match extensions {
        [own] => own.principal().cloned(),
        _ => None,
    };
    let vault = vault.and_then(|own| own.principal_of(target.vault.identity.as_ref()));
    let all = [
        (Holder::ExtensionIdentity, extension),
        (Holder::Vault, vault),
        (Holder::Cluster, cluster.principal()),
    ];
    all.into_iter()
        .filter_map(|(holder, principal)| Some((holder, principal?)))
        .collect()
}

/// The principals of the vault, whichever of them protects the cluster now: each had the roles while the target named it.
pub(crate) fn vault_principals(vault: Option<&Vault>) -> Vec<PrincipalId> {
    let Some(vault) = vault else { return Vec::new() };
    let assigned = vault.assigned_identities();
    let assigned = assigned.iter().filter_map(|id| vault.assigned(id));
    vault.principal().cloned().into_iter().chain(assigned).collect()
}

/// As [`holders`], with those of the vault that protected the cluster before.
pub(crate) fn former_holders(now: &[(Holder, PrincipalId)], vault: Option<&Vault>) -> Vec<(Holder, PrincipalId)> {
    let former = vault_principals(vault).into_iter().map(|own| (Holder::Vault, own));
    let mut all = now.to_vec();
    for own in former {
        if !all.contains(&own) {
            all.push(own);
        }
    }
    all
}

/// Whether the GUID of the assignment is the one of exactly what Azure says that it assigns to this holder.
pub(crate) fn is_own(target: &Target, holder: &(Holder, PrincipalId), own: &Assignment) -> bool {
    let Ok(scope) = own.properties.scope.parse::<ResourceId>() else {
        return false;
    };
    let is_it = |name: &Name| name.scope == scope && same(&name.id, &own.id) && own.is_of(name.role);
    own.is_for(&holder.1) && names(target, holder).iter().any(is_it)
}
