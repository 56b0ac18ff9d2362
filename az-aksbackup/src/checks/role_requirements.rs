//! The role assignments that a backup needs, as constants of this program.

use std::fmt;

use aksbackup_shared::failure::Outcome;
use aksbackup_shared::ids::{PrincipalId, ResourceId};
use aksbackup_shared::schema::{RoleRecord, Target};
use jiff::Timestamp;

use crate::arm::client::Reader;
use crate::arm::roles::{self, Assignment, Role};
use crate::target_ids;

/// Whose role it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Holder {
    /// The identity that came with the extension.
    ExtensionIdentity,
    /// The Backup vault.
    Vault,
    /// The cluster.
    Cluster,
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ExtensionIdentity => "extension identity",
            Self::Vault => "vault",
            Self::Cluster => "cluster",
        })
    }
}

/// A role assignment that is needed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Need {
    /// The role.
    pub(crate) role: Role,
    /// Whose.
    pub(crate) holder: Holder,
    /// The holder's principal.
    pub(crate) principal: PrincipalId,
    /// Where it is assigned if it is missing.
    pub(crate) scope: ResourceId,
    /// Where it has to be in force: for blobs a role on the container alone is enough.
    pub(crate) reach: ResourceId,
}

/// Whether the target requests the vault tier: by its retention, or by a policy file that has one.
pub(crate) fn asks_for_tier(target: &Target) -> bool {
    target.policy.uses_vault_tier()
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
    /// Whether the policy copies backups to the vault tier, as the target asks.
    pub(crate) vault_tier: bool,
}

/// A need with what Azure lists for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Checked {
    /// The need.
    pub(crate) need: Need,
    /// The assignment that meets it.
    pub(crate) met: Option<Assignment>,
    /// The ids of all assignments that meet it.
    pub(crate) ids: Vec<String>,
}

impl Checked {
    /// As the state file has it.
    pub(crate) fn record(&self) -> RoleRecord {
        let need = &self.need;
        RoleRecord {
            role: need.role.name.into(),
            holder: need.holder.to_string(),
            principal: need.principal.clone(),
            scope: need.scope.clone(),
        }
    }
}

/// A row of Microsoft's table of roles.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Row {
    /// The role.
    pub(crate) role: Role,
    /// Whose.
    pub(crate) holder: Holder,
    /// Where it is assigned.
    pub(crate) scope: ResourceId,
    /// Where it has to be in force.
    pub(crate) reach: ResourceId,
}

/// The places that roles are needed on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Scopes {
    /// The cluster.
    pub(crate) cluster: ResourceId,
    /// The storage account.
    pub(crate) account: ResourceId,
    /// The container in it.
    pub(crate) container: ResourceId,
    /// The group that snapshots go to.
    pub(crate) snapshots: ResourceId,
}

/// What a backup needs, as Microsoft documents it:
/// <https://learn.microsoft.com/azure/backup/azure-kubernetes-service-cluster-backup-concept#required-roles-and-permissions>.
/// With `on_container` the role for blobs is assigned on the container instead of the account.
pub(crate) fn rows(target: &Target, vault_tier: bool, on_container: bool) -> Vec<Row> {
    let scopes = Scopes {
        cluster: target.cluster.clone(),
        account: target_ids::account(target),
        container: target_ids::container(target),
        snapshots: target_ids::snapshot_group(target),
    };
    rows_on(&scopes, vault_tier, on_container)
}

/// As [`rows`], for a cluster whose places are known from elsewhere.
pub(crate) fn rows_on(scopes: &Scopes, vault_tier: bool, on_container: bool) -> Vec<Row> {
    let Scopes {
        cluster,
        account,
        container,
        snapshots,
    } = scopes;
    let row = |role, holder, scope: &ResourceId, reach: &ResourceId| {
        let (scope, reach) = (scope.clone(), reach.clone());
        Row {
            role,
            holder,
            scope,
            reach,
        }
    };
    let on = |role, holder, scope: &ResourceId| row(role, holder, scope, scope);
    let blobs = if on_container { container } else { account };
    let mut rows = vec![
        row(
            roles::STORAGE_BLOB_DATA_CONTRIBUTOR,
            Holder::ExtensionIdentity,
            blobs,
            container,
        ),
        on(roles::READER, Holder::Vault, cluster),
        on(roles::READER, Holder::Vault, snapshots),
        on(roles::CONTRIBUTOR, Holder::Cluster, snapshots),
    ];
    if vault_tier {
        rows.push(on(roles::DISK_SNAPSHOT_CONTRIBUTOR, Holder::Vault, snapshots));
        rows.push(on(roles::STORAGE_BLOB_DATA_READER, Holder::Vault, account));
    }
    rows
}

/// The names of all roles that this program assigns.
pub(crate) const ASSIGNED: [&str; 5] = [
    roles::STORAGE_BLOB_DATA_CONTRIBUTOR.name,
    roles::READER.name,
    roles::CONTRIBUTOR.name,
    roles::DISK_SNAPSHOT_CONTRIBUTOR.name,
    roles::STORAGE_BLOB_DATA_READER.name,
];

/// The rows with the principals of their holders.
pub(crate) fn needs(target: &Target, proven: &Proven, on_container: bool) -> Vec<Need> {
    let principal = |holder| match holder {
        Holder::ExtensionIdentity => proven.extension.clone(),
        Holder::Vault => proven.vault.clone(),
        Holder::Cluster => proven.cluster.clone(),
    };
    let need = |Row {
                    role,
                    holder,
                    scope,
                    reach,
                }| {
        let principal = principal(holder);
        Need {
            role,
            holder,
            principal,
            scope,
            reach,
        }
    };
    rows(target, proven.vault_tier, on_container)
        .into_iter()
        .map(need)
        .collect()
}

/// Asks Azure which of the needs are met, one list for each principal and scope, all at the same time.
pub(crate) async fn check(reader: &Reader, needs: Vec<Need>) -> Outcome<Vec<Checked>> {
    let mut places: Vec<(ResourceId, PrincipalId)> = Vec::new();
    for need in &needs {
        let place = (need.reach.clone(), need.principal.clone());
        if !places.contains(&place) {
            places.push(place);
        }
    }
    let lists = places
        .iter()
        .map(|(scope, principal)| roles::assignments(reader, scope, principal));
    let listed: Vec<Assignment> = futures::future::try_join_all(lists)
        .await?
        .into_iter()
        .flatten()
        .collect();
    Ok(compare(needs, &listed))
}

fn compare(needs: Vec<Need>, listed: &[Assignment]) -> Vec<Checked> {
    let check = |need: Need| {
        let meeting = listed
            .iter()
            .filter(|own| own.gives(need.role, &need.principal, &need.reach));
        Checked {
            met: meeting.clone().next().cloned(),
            ids: meeting.map(|own| own.id.clone()).collect(),
            need,
        }
    };
    needs.into_iter().map(check).collect()
}

/// When the last of the met needs was assigned, as far as Azure says.
pub(crate) fn youngest(checked: &[Checked]) -> Option<Timestamp> {
    let times = checked.iter().filter_map(|own| own.met.as_ref()?.properties.created_on);
    times.max()
}

#[cfg(test)]
pub(crate) mod tests {
    use serde_json::json;

    use super::*;
    use crate::target_ids::tests::example;

    /// Principals for tests.
    pub(crate) fn proven(vault_tier: bool) -> Proven {
        Proven {
            extension: "33333333-3333-4333-8333-333333333333".parse().unwrap(),
            vault: "55555555-5555-4555-8555-555555555555".parse().unwrap(),
            cluster: "11111111-1111-4111-8111-111111111111".parse().unwrap(),
            vault_tier,
        }
    }

    /// Needs that no assignment meets.
    pub(crate) fn unmet(needs: Vec<Need>) -> Vec<Checked> {
        compare(needs, &[])
    }

    /// The needs of the example, `met` or not.
    pub(crate) fn checked(met: bool) -> Vec<Checked> {
        let needs = needs(&example(), &proven(false), false);
        let listed: Vec<Assignment> = needs
            .iter()
            .filter(|_| met)
            .map(|need| assignment(need, &need.scope))
            .collect();
        compare(needs, &listed)
    }

    fn assignment(need: &Need, scope: &ResourceId) -> Assignment {
        serde_json::from_value(json!({ "properties": {
            "roleDefinitionId": format!("/x/{}", need.role.definition), "principalId": need.principal,
            "scope": scope, "condition": null, "createdOn": "2026-01-01T00:00:00.1234567Z" } }))
        .unwrap()
    }

    #[test]
    fn the_vault_tier_adds_two_roles_of_the_vault() {
        assert_eq!(needs(&example(), &proven(false), false).len(), 4);
        let needs = needs(&example(), &proven(true), false);
        assert_eq!(needs[4].role.name, "Disk Snapshot Contributor");
        assert_eq!(
            (needs[5].role.name, needs[5].holder),
            ("Storage Blob Data Reader", Holder::Vault)
        );
    }

    #[test]
    fn a_role_on_the_container_alone_is_enough_for_blobs() {
        let needs = needs(&example(), &proven(false), false);
        assert_eq!(needs[0].scope, target_ids::account(&example()));
        let listed = vec![assignment(&needs[0], &target_ids::container(&example()))];
        assert!(compare(needs, &listed)[0].met.is_some());
    }

    #[test]
    fn the_youngest_assignment_is_known() {
        assert_eq!(youngest(&checked(false)), None);
        assert_eq!(youngest(&checked(true)), "2026-01-01T00:00:00.1234567Z".parse().ok());
    }
}
