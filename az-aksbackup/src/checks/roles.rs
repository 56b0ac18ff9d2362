//! The role assignments: who has which role where.

use aksbackup_shared::chain::check::Check;
use aksbackup_shared::chain::link::Link;
use aksbackup_shared::command_line::shell;
use aksbackup_shared::fix;
use aksbackup_shared::ids::PrincipalId;
use jiff::Timestamp;

use crate::arm::clusters::Cluster;
use crate::arm::roles::{self, Assignment, Role};
use crate::checks::policy;
use crate::checks::role_requirements::asks_for_tier;
use crate::checks::role_requirements::{self, Holder, Need, Row, Scopes};
use crate::checks::view::{Listed, Seen, View, hidden};

/// The roles that hold what `role` holds, itself first.
fn as_good(role: Role) -> &'static [Role] {
    const BLOBS: &[Role] = &[roles::STORAGE_BLOB_DATA_CONTRIBUTOR, roles::STORAGE_BLOB_DATA_OWNER];
    const READ_BLOBS: &[Role] = &[
        roles::STORAGE_BLOB_DATA_READER,
        roles::STORAGE_BLOB_DATA_CONTRIBUTOR,
        roles::STORAGE_BLOB_DATA_OWNER,
    ];
    const READ: &[Role] = &[roles::READER, roles::CONTRIBUTOR, roles::OWNER];
    const WRITE: &[Role] = &[roles::CONTRIBUTOR, roles::OWNER];
    const SNAPSHOTS: &[Role] = &[roles::DISK_SNAPSHOT_CONTRIBUTOR, roles::CONTRIBUTOR, roles::OWNER];
    match role {
        roles::STORAGE_BLOB_DATA_READER => READ_BLOBS,
        roles::READER => READ,
        roles::CONTRIBUTOR => WRITE,
        roles::DISK_SNAPSHOT_CONTRIBUTOR => SNAPSHOTS,
        _ => BLOBS,
    }
}

/// Roles of the control plane that people take for rights on blobs.
const CONTROL: [Role; 3] = [roles::CONTRIBUTOR, roles::OWNER, roles::STORAGE_ACCOUNT_CONTRIBUTOR];

/// The assignments that the places and principals that were seen call for.
pub(crate) fn needs(view: &View) -> Vec<Need> {
    let places = &view.places;
    let scope = |place: &Option<_>| place.clone().unwrap_or_else(|| view.id.clone());
    let scopes = Scopes {
        cluster: view.id.clone(),
        account: scope(&places.account),
        container: scope(&places.container),
        snapshots: scope(&places.snapshots),
    };
    let known = |row: &Row| match row.holder {
        Holder::ExtensionIdentity => places.container.is_some(),
        Holder::Vault | Holder::Cluster => {
            places.snapshots.is_some() && places.account.is_some()
                || row.scope == view.id && row.holder == Holder::Vault
        }
    };
    // `grant` assigns none for a tier that the target doesn't ask for.
    let asked = view.target().is_none_or(asks_for_tier);
    let tier = asked && view.policy.here().is_some_and(policy::has_vault_tier);
    let rows = role_requirements::rows_on(&scopes, tier, false)
        .into_iter()
        .filter(known);
    let need = |row: Row| {
        Some(Need {
            principal: principal(view, row.holder)?,
            role: row.role,
            holder: row.holder,
            scope: row.scope,
            reach: row.reach,
        })
    };
    rows.filter_map(need).collect()
}

fn principal(view: &View, holder: Holder) -> Option<PrincipalId> {
    match holder {
        Holder::ExtensionIdentity => view.extension()?.principal().cloned(),
        Holder::Vault => view.vault_principal(),
        Holder::Cluster => view.cluster.here().and_then(Cluster::principal),
    }
}

/// The checks, one for each assignment that is needed.
pub(crate) fn checks(view: &View) -> Vec<Check> {
    needs(view).iter().map(|need| check(view, need)).collect()
}

/// When the youngest of the assignments that are in use was made.
pub(crate) fn youngest(view: &View) -> Option<Timestamp> {
    let met = needs(view)
        .into_iter()
        .filter_map(|need| Some(meeting(&need, listed(view, &need)?)?.properties.created_on));
    met.flatten().max()
}

fn listed<'a>(view: &'a View, need: &Need) -> Option<&'a [Assignment]> {
    place(view, need)?.assignments.here().map(Vec::as_slice)
}

fn place<'a>(view: &'a View, need: &Need) -> Option<&'a Listed> {
    view.roles
        .iter()
        .find(|own| own.scope == need.reach && own.principal == need.principal)
}

fn meeting<'a>(need: &Need, all: &'a [Assignment]) -> Option<&'a Assignment> {
    let gives = |own: &&Assignment| {
        as_good(need.role)
            .iter()
            .any(|role| own.gives(*role, &need.principal, &need.reach))
    };
    all.iter().find(gives)
}

fn check(view: &View, need: &Need) -> Check {
    let link = match need.holder {
        Holder::ExtensionIdentity => Link::StorageRole,
        Holder::Vault | Holder::Cluster => Link::Vault,
    };
    let name = format!("{} of the {} on {}", need.role.name, need.holder, need.reach.name());
    let what = format!("role assignments on {}", need.reach.name());
    let all = match place(view, need).map(|own| &own.assignments) {
        Some(Seen::Here(all)) => all,
        Some(Seen::Hidden(failure)) => return hidden(link, &name, &what, failure),
        Some(Seen::Absent) => return Check::unknown(link, name, format!("{} doesn't exist", need.reach.name())),
        Some(Seen::Unasked) | None => return Check::unknown(link, name, format!("{what} weren't read")),
    };
    if let Some(own) = meeting(need, all) {
        let since = own
            .properties
            .created_on
            .map(|at| format!(", properties.createdOn = {at}"))
            .unwrap_or_default();
        return Check::ok(link, name, format!("assigned on {}", own.properties.scope))
            .because(format!("properties.principalId = {}{since}", need.principal));
    }
    let (id, why) = match need.holder {
        Holder::ExtensionIdentity => blobs(view, need, all),
        Holder::Vault | Holder::Cluster => (other(need), conditional(need, all)),
    };
    let says = format!(
        "the {} doesn't have role {} on {}{why}",
        need.holder,
        need.role.name,
        need.reach.name()
    );
    // Azure takes no second assignment of the same role next to one with a condition.
    let hint = match conditional(need, all).is_empty() {
        true => view.grant().into(),
        false => fix![
            "ask the owner of the condition to change or remove it: ",
            shell(format!(
                "az role assignment list --assignee {} --scope {} --include-inherited",
                need.principal, need.reach
            ))
        ],
    };
    Check::error(link, name, says, hint)
        .because(format!(
            "no assignment with properties.principalId = {} matches",
            need.principal
        ))
        .proves(id)
}

fn other(need: &Need) -> &'static str {
    match (need.holder, need.role) {
        (Holder::Cluster, _) => "RBAC-SNAPSHOT-CLUSTER",
        (_, roles::STORAGE_BLOB_DATA_READER) => "RBAC-VAULT-BLOB-READER",
        (_, roles::READER) if need.reach.is_kind("Microsoft.ContainerService/managedClusters") => "EXT-LIST-DENIED",
        _ => "RBAC-SNAPSHOT-VAULT",
    }
}

fn is_role(own: &Assignment, need: &Need) -> bool {
    as_good(need.role).iter().any(|role| own.is_of(*role))
}

fn conditional(need: &Need, all: &[Assignment]) -> String {
    let mut own = all.iter().filter(|own| is_role(own, need) && own.reaches(&need.reach));
    match own.any(|own| own.is_for(&need.principal) && own.is_conditional()) {
        true => ": the condition of an assignment might exclude this access".to_owned(),
        false => String::new(),
    }
}

/// What came instead of the role for blobs.
fn blobs(view: &View, need: &Need, all: &[Assignment]) -> (&'static str, String) {
    let condition = conditional(need, all);
    if !condition.is_empty() {
        return ("RBAC-CONDITION", condition);
    }
    let everywhere = || {
        all.iter()
            .chain(&view.culprits.elsewhere)
            .filter(|own| own.is_for(&need.principal))
    };
    if let Some(own) = everywhere().find(|own| is_role(own, need) && !own.reaches(&need.reach)) {
        return ("RBAC-WRONG-SCOPE", format!(", but on {}", own.properties.scope));
    }
    let old = view.state.cloud.roles.iter().flat_map(|table| &table.assignments);
    let old = old
        .filter(|row| row.holder == Holder::ExtensionIdentity.to_string())
        .map(|row| &row.principal);
    let cluster = view.cluster.here().and_then(Cluster::principal);
    let known: Vec<&PrincipalId> = view.culprits.principals.iter().chain(&cluster).chain(old).collect();
    let others = view
        .culprits
        .others
        .iter()
        .filter(|own| is_role(own, need) && own.reaches(&need.reach));
    if let Some(own) = others
        .into_iter()
        .find(|own| known.iter().any(|known| own.is_for(known)))
    {
        return (
            "RBAC-WRONG-PRINCIPAL",
            format!(", but principal {} has that role", own.properties.principal_id),
        );
    }
    let control = everywhere().find_map(|own| {
        CONTROL
            .into_iter()
            .find(|role| own.is_of(*role) && own.reaches(&need.reach))
    });
    match control {
        Some(role) => (
            "RBAC-CONTROL-ROLE-ONLY",
            format!("; {} includes no data actions on blobs", role.name),
        ),
        None => ("RBAC-BLOB-ROLE", String::new()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::view::tests::{assignment, failures, view};

    fn with(change: impl Fn(&mut View, &Need)) -> Vec<String> {
        let mut view = view();
        let need = needs(&view).remove(0);
        for own in view.roles.iter_mut().filter(|own| own.principal == need.principal) {
            own.assignments = Seen::Here(vec![]);
        }
        change(&mut view, &need);
        failures(&checks(&view))
    }

    fn give(view: &mut View, assignment: Assignment) {
        if let Seen::Here(all) = &mut view.roles[0].assignments {
            all.push(assignment);
        }
    }

    #[test]
    fn a_missing_blob_role_is_told_by_what_came_instead() {
        assert_eq!(with(|_, _| ()), ["RBAC-BLOB-ROLE"]);
        let own = |role: Role, scope: &str| {
            let scope = scope.to_owned();
            move |view: &mut View, need: &Need| {
                give(view, assignment(role, &need.principal, &scope));
            }
        };
        let container = view().places.container.unwrap().to_string();
        assert_eq!(with(own(roles::CONTRIBUTOR, &container)), ["RBAC-CONTROL-ROLE-ONLY"]);
        let blobs = roles::STORAGE_BLOB_DATA_CONTRIBUTOR;
        let other = container.replace("/containers/aks", "/containers/other");
        assert_eq!(with(own(blobs, &other)), ["RBAC-WRONG-SCOPE"]);
        assert_eq!(
            with(|view, need| {
                let mut own = assignment(blobs, &need.principal, &container);
                own.properties.condition = Some("@Resource[x]".into());
                give(view, own);
            }),
            ["RBAC-CONDITION"]
        );
        assert_eq!(
            with(|view, _| {
                let cluster = view.cluster.here().and_then(Cluster::principal).unwrap();
                view.culprits.others = vec![assignment(blobs, &cluster, &container)];
            }),
            ["RBAC-WRONG-PRINCIPAL"]
        );
    }

    #[test]
    fn a_greater_role_from_above_will_do() {
        let mut view = view();
        let subscription = format!("/subscriptions/{}", view.id.subscription());
        for own in &mut view.roles {
            let all = [roles::OWNER, roles::STORAGE_BLOB_DATA_OWNER];
            own.assignments = Seen::Here(all.map(|role| assignment(role, &own.principal, &subscription)).to_vec());
        }
        assert_eq!(failures(&checks(&view)), Vec::<String>::new());
    }

    #[test]
    fn each_other_role_has_its_failure() {
        let mut view = view();
        if let Some(target) = &mut view.state.target {
            target.policy.vault_tier_retention = Some("P30D".into());
        }
        view.policy = Seen::Here(
            serde_json::json!({ "policyRules": [{ "objectType": "AzureRetentionRule", "lifecycles": [
            { "sourceDataStore": { "dataStoreType": "VaultStore" } } ] }] }),
        );
        let empty = |need: Need| Listed {
            scope: need.reach,
            principal: need.principal,
            assignments: Seen::Here(vec![]),
        };
        view.roles = needs(&view).into_iter().map(empty).collect();
        assert_eq!(
            failures(&checks(&view)),
            [
                "RBAC-BLOB-ROLE",
                "EXT-LIST-DENIED",
                "RBAC-SNAPSHOT-VAULT",
                "RBAC-SNAPSHOT-CLUSTER",
                "RBAC-SNAPSHOT-VAULT",
                "RBAC-VAULT-BLOB-READER"
            ]
        );
    }
}
