//! Role assignments, and what a caller may do.

use aksbackup_shared::failure::Outcome;
use aksbackup_shared::ids::{PrincipalId, ResourceId, SubscriptionId, folded};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::arm::answer::Answer;
use crate::arm::client::{Reader, Writer};
use crate::arm::versions;

/// A built-in role of Azure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Role {
    /// Its name for people.
    pub(crate) name: &'static str,
    /// The GUID of its definition, the same in every tenant.
    pub(crate) definition: &'static str,
}

/// Reads and writes blobs.
pub(crate) const STORAGE_BLOB_DATA_CONTRIBUTOR: Role = Role {
    name: "Storage Blob Data Contributor",
    definition: "ba92f5b4-2d11-453d-a403-e96b0029c9fe",
};
/// Reads blobs.
pub(crate) const STORAGE_BLOB_DATA_READER: Role = Role {
    name: "Storage Blob Data Reader",
    definition: "2a2b9908-6ea1-4ae2-8e65-a410df84e7d1",
};
/// Reads resources.
pub(crate) const READER: Role = Role {
    name: "Reader",
    definition: "acdd72a7-3385-48ef-bd42-f606fba81ae7",
};
/// Does everything with resources but assign roles.
pub(crate) const CONTRIBUTOR: Role = Role {
    name: "Contributor",
    definition: "b24988ac-6180-42a0-ab88-20f7382dd24c",
};
/// Makes and reads disk snapshots.
pub(crate) const DISK_SNAPSHOT_CONTRIBUTOR: Role = Role {
    name: "Disk Snapshot Contributor",
    definition: "7efff54f-a5b4-42b5-a1c5-5411624893ce",
};

/// Does everything with resources, and assigns roles.
pub(crate) const OWNER: Role = Role {
    name: "Owner",
    definition: "8e3af657-a8ff-443c-a75c-2fe8c4bcb635",
};
/// Manages storage accounts, without a right to their blobs.
pub(crate) const STORAGE_ACCOUNT_CONTRIBUTOR: Role = Role {
    name: "Storage Account Contributor",
    definition: "17d1049b-9a84-46fb-8f53-869881c3d3ab",
};
/// Reads and writes blobs, and their access control.
pub(crate) const STORAGE_BLOB_DATA_OWNER: Role = Role {
    name: "Storage Blob Data Owner",
    definition: "b7e6dc6d-f1e8-4753-8033-0f276bb0955b",
};

/// A role assignment.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct Assignment {
    /// Its id.
    #[serde(default)]
    pub(crate) id: String,
    /// What it assigns.
    pub(crate) properties: AssignmentProperties,
}

/// What an assignment assigns, to whom, and where.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct AssignmentProperties {
    /// The role definition, with or without a subscription in front.
    pub(crate) role_definition_id: String,
    /// The principal.
    pub(crate) principal_id: String,
    /// Where: a resource, a group, a subscription, a management group, or `/`.
    pub(crate) scope: String,
    /// A condition narrows it down to some requests.
    pub(crate) condition: Option<String>,
    /// When it was made.
    pub(crate) created_on: Option<Timestamp>,
}

impl Assignment {
    /// Whether it gives `principal` this role on `scope`, there or from above, without a condition.
    pub(crate) fn gives(&self, role: Role, principal: &PrincipalId, scope: &ResourceId) -> bool {
        self.is_of(role) && self.is_for(principal) && !self.is_conditional() && self.reaches(scope)
    }

    /// Whether it is one of this role.
    pub(crate) fn is_of(&self, role: Role) -> bool {
        let definition = self.properties.role_definition_id.rsplit('/').next();
        definition.unwrap_or_default().eq_ignore_ascii_case(role.definition)
    }

    /// Whether it is for this principal.
    pub(crate) fn is_for(&self, principal: &PrincipalId) -> bool {
        self.properties.principal_id.eq_ignore_ascii_case(principal.as_str())
    }

    /// Whether a condition narrows it down.
    pub(crate) fn is_conditional(&self) -> bool {
        !self.properties.condition.as_deref().unwrap_or_default().is_empty()
    }

    /// Whether it counts on `scope`: there, or from above.
    pub(crate) fn reaches(&self, scope: &ResourceId) -> bool {
        let own = &self.properties.scope;
        let groups = "/providers/microsoft.management/managementgroups/";
        own.to_ascii_lowercase().starts_with(groups) || scope.is_within(own)
    }
}

/// The role assignments of a principal at, above and below a scope.
pub(crate) async fn assignments(
    reader: &Reader,
    scope: &ResourceId,
    principal: &PrincipalId,
) -> Outcome<Vec<Assignment>> {
    let path =
        format!("{scope}/providers/Microsoft.Authorization/roleAssignments?$filter=principalId%20eq%20'{principal}'");
    reader.list(&path, versions::AUTHORIZATION).await
}

/// The role assignments of a principal in a whole subscription.
pub(crate) async fn of_principal(
    reader: &Reader,
    subscription: &SubscriptionId,
    principal: &PrincipalId,
) -> Outcome<Vec<Assignment>> {
    let path = format!(
        "/subscriptions/{subscription}/providers/Microsoft.Authorization/roleAssignments?$filter=principalId%20eq%20'{principal}'"
    );
    reader.list(&path, versions::AUTHORIZATION).await
}

/// The role assignments of everybody at a scope and above it.
pub(crate) async fn at_scope(reader: &Reader, scope: &ResourceId) -> Outcome<Vec<Assignment>> {
    let path = format!("{scope}/providers/Microsoft.Authorization/roleAssignments?$filter=atScope()");
    reader.list(&path, versions::AUTHORIZATION).await
}

/// The name of an assignment, the same for the same scope, principal and role, so that a repeated PUT makes no second
/// one. The principal is part of it because Azure does not let an assignment's principal be changed. Of the names that it
/// could have, the first that is not among the `taken`.
pub(crate) fn assignment_name(role: Role, principal: &PrincipalId, scope: &ResourceId, taken: &[Uuid]) -> Uuid {
    let mut name = folded(&format!("{scope}|{principal}|{}", role.definition));
    loop {
        let uuid = Uuid::new_v5(&Uuid::NAMESPACE_URL, name.as_bytes());
        if !taken.contains(&uuid) {
            return uuid;
        }
        name.push('|');
    }
}

/// Assigns a role to a service principal under this name. Naming the principal's type spares Azure a look-up that fails for a fresh
/// one, and satisfies conditions on who may be given roles.
pub(crate) async fn assign(
    writer: &Writer,
    name: Uuid,
    (role, principal, scope): (Role, &PrincipalId, &ResourceId),
    subscription: &SubscriptionId,
) -> Outcome<Answer> {
    let path = format!("{scope}/providers/Microsoft.Authorization/roleAssignments/{name}");
    let definition = role.definition;
    let body = body(
        &format!("/subscriptions/{subscription}/providers/Microsoft.Authorization/roleDefinitions/{definition}"),
        principal.as_str(),
    );
    writer.put(&path, versions::AUTHORIZATION, &body, None).await
}

/// The body of an assignment to a service principal.
pub(crate) fn body(definition: &str, principal: &str) -> Value {
    json!({ "properties": {
        "roleDefinitionId": definition, "principalId": principal, "principalType": "ServicePrincipal",
    } })
}

/// Returns a role assignment; `None` where it doesn't exist.
pub(crate) async fn assignment(reader: &Reader, id: &ResourceId) -> Outcome<Option<Assignment>> {
    reader.get(id.as_str(), versions::AUTHORIZATION).await
}

/// Removes an assignment by its ID.
pub(crate) async fn unassign(writer: &Writer, id: &str) -> Outcome<Answer> {
    writer.delete(id, versions::AUTHORIZATION).await
}

/// One of the caller's roles on a scope.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Permission {
    /// What it allows.
    #[serde(default)]
    pub(crate) actions: Vec<String>,
    /// What it takes away from that.
    #[serde(default)]
    pub(crate) not_actions: Vec<String>,
}

/// What the caller may do on a scope. Deny assignments, locks and conditions are not in it.
pub(crate) async fn permissions(reader: &Reader, scope: &ResourceId) -> Outcome<Vec<Permission>> {
    let path = format!("{scope}/providers/Microsoft.Authorization/permissions");
    reader.list(&path, versions::AUTHORIZATION).await
}

/// What the caller may do in a whole subscription. It is published for groups and resources only, and no recording shows that Azure
/// answers it here.
pub(crate) async fn permissions_in(reader: &Reader, subscription: &SubscriptionId) -> Outcome<Vec<Permission>> {
    let path = format!("/subscriptions/{subscription}/providers/Microsoft.Authorization/permissions");
    reader.list(&path, versions::AUTHORIZATION).await
}

/// Whether one of the roles allows `action`: it matches its actions and not its own exceptions.
pub(crate) fn allows(permissions: &[Permission], action: &str) -> bool {
    let matches = |patterns: &[String]| patterns.iter().any(|pattern| is_like(pattern, action));
    permissions
        .iter()
        .any(|role| matches(&role.actions) && !matches(&role.not_actions))
}

/// Whether `action` is like a pattern with `*` for any text, without regard to case.
fn is_like(pattern: &str, action: &str) -> bool {
    let (pattern, action) = (pattern.to_ascii_lowercase(), action.to_ascii_lowercase());
    let mut parts = pattern.split('*');
    let Some(mut rest) = parts.next().and_then(|first| action.strip_prefix(first)) else {
        return false;
    };
    let mut parts: Vec<&str> = parts.collect();
    let Some(last) = parts.pop() else {
        return rest.is_empty();
    };
    for part in parts {
        match rest.split_once(part) {
            Some((_, after)) => rest = after,
            None => return false,
        }
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PRINCIPAL: &str = "11111111-1111-4111-8111-111111111111";
    const GROUP: &str = "/subscriptions/0b1f6471-1bf0-4dda-aec3-cb9272f09590/resourceGroups/rg";

    fn assignment(definition: &str, scope: &str, condition: Option<&str>) -> Assignment {
        Assignment {
            id: String::new(),
            properties: AssignmentProperties {
                role_definition_id: format!("/providers/Microsoft.Authorization/roleDefinitions/{definition}"),
                principal_id: PRINCIPAL.to_ascii_uppercase(),
                scope: scope.into(),
                condition: condition.map(Into::into),
                created_on: None,
            },
        }
    }

    #[test]
    fn a_role_counts_on_its_scope_and_below_but_not_elsewhere_or_under_a_condition() {
        let (principal, scope) = (PRINCIPAL.parse().unwrap(), GROUP.parse().unwrap());
        let gives =
            |at: &str, condition| assignment(READER.definition, at, condition).gives(READER, &principal, &scope);
        assert!(gives(GROUP, None));
        assert!(gives("/subscriptions/0b1f6471-1bf0-4dda-aec3-cb9272f09590", None));
        assert!(gives("/providers/Microsoft.Management/managementGroups/contoso", None));
        assert!(!gives(
            &format!("{GROUP}/providers/Microsoft.Storage/storageAccounts/st"),
            None
        ));
        assert!(!gives(GROUP, Some("@Resource[x] StringEquals 'y'")));
        assert!(!assignment(CONTRIBUTOR.definition, GROUP, None).gives(READER, &principal, &scope));
    }

    #[test]
    fn the_name_of_an_assignment_depends_on_all_three_and_on_no_letter_case() {
        let principal: PrincipalId = PRINCIPAL.parse().unwrap();
        let scope: ResourceId = GROUP.parse().unwrap();
        let upper: ResourceId = GROUP.to_uppercase().parse().unwrap();
        let name = assignment_name(READER, &principal, &scope, &[]);
        assert_eq!(name, assignment_name(READER, &principal, &upper, &[]));
        assert_ne!(name, assignment_name(CONTRIBUTOR, &principal, &scope, &[]));
        let next = assignment_name(READER, &principal, &scope, &[name]);
        assert_ne!(next, name);
        assert_eq!(next, assignment_name(READER, &principal, &upper, &[name]));
        assert_ne!(
            name,
            assignment_name(
                READER,
                &principal,
                &"/subscriptions/0b1f6471-1bf0-4dda-aec3-cb9272f09590/resourceGroups/rg2"
                    .parse()
                    .unwrap(),
                &[]
            )
        );
    }

    #[test]
    fn a_role_allows_what_matches_it_and_none_of_its_exceptions() {
        let role = |actions: &[&str], not_actions: &[&str]| Permission {
            actions: actions.iter().map(ToString::to_string).collect(),
            not_actions: not_actions.iter().map(ToString::to_string).collect(),
        };
        let contributor = role(&["*"], &["Microsoft.Authorization/*/Write"]);
        let write = "Microsoft.Authorization/roleAssignments/write";
        assert!(!allows(std::slice::from_ref(&contributor), write));
        assert!(allows(
            &[contributor, role(&["microsoft.authorization/roleAssignments/*"], &[])],
            write
        ));
        assert!(allows(
            &[role(&["*/read"], &[])],
            "Microsoft.Storage/storageAccounts/read"
        ));
        assert!(!allows(
            &[role(&["*/read"], &[])],
            "Microsoft.Storage/storageAccounts/write"
        ));
    }
}
