//! Who may do what: role assignments, deny assignments and locks.

use serde_json::{Value, json};

use super::answer::Answer;
use super::ids;
use super::path::covers;
use super::roles::{self, Role, permits};
use super::world::{World, text};

/// A role assignment.
#[derive(Debug, Clone)]
pub(crate) struct Assignment {
    pub(crate) name: String,
    pub(crate) scope: String,
    pub(crate) principal: String,
    pub(crate) principal_type: String,
    pub(crate) role: &'static Role,
    pub(crate) created: String,
    /// Empty where there is none.
    pub(crate) condition: String,
    /// Model time from which on the control plane honours it.
    pub(crate) effective: f64,
    /// Model time from which on the blob data plane honours it.
    pub(crate) data_effective: f64,
}

/// Who calls.
#[derive(Debug, Clone, Default)]
pub(crate) struct Principal {
    pub(crate) name: String,
    pub(crate) client_id: String,
    pub(crate) object_id: String,
    /// Tenant of its token.
    pub(crate) tenant: String,
}

impl Assignment {
    /// As the API shows it.
    pub(crate) fn body(&self) -> Value {
        let id = format!(
            "{}/providers/Microsoft.Authorization/roleAssignments/{}",
            self.scope, self.name
        );
        let role = format!(
            "/subscriptions/{}/providers/Microsoft.Authorization/roleDefinitions/{}",
            ids::SUBSCRIPTION,
            self.role.id
        );
        let mut body = json!({
            "id": id, "name": self.name, "type": "Microsoft.Authorization/roleAssignments",
            "properties": {
                "roleDefinitionId": role, "principalId": self.principal, "principalType": self.principal_type,
                "scope": self.scope, "createdOn": self.created, "updatedOn": self.created, "createdBy": "", "updatedBy": "",
                "condition": null, "conditionVersion": null, "description": null,
                "delegatedManagedIdentityResourceId": null,
            },
        });
        if !self.condition.is_empty() {
            body["properties"]["condition"] = json!(self.condition);
            body["properties"]["conditionVersion"] = json!("2.0");
        }
        body
    }
}

impl World {
    /// Assigns a role, to be honoured after the delays of the settings; `at_once` for the hand of the portal's past.
    pub(crate) fn assign(
        &mut self,
        name: &str,
        principal: &str,
        kind: &str,
        role: &'static Role,
        scope: &str,
        at_once: bool,
    ) {
        let (mut control, mut data) = (
            self.settings.durations.role_propagation,
            self.settings.durations.data_role_propagation,
        );
        if at_once {
            (control, data) = (0.0, 0.0);
        } else if self.settings.roles_never_effective {
            (control, data) = (f64::INFINITY, f64::INFINITY);
        }
        let now = if at_once { 0.0 } else { self.now() };
        self.assignments.push(Assignment {
            name: name.to_owned(),
            scope: scope.trim_end_matches('/').to_owned(),
            principal: principal.to_ascii_lowercase(),
            principal_type: kind.to_owned(),
            role,
            created: super::world::stamp(),
            condition: String::new(),
            effective: now + control,
            data_effective: now + data,
        });
    }

    /// Lets every assignment have its effect from now on, however late it was to have it.
    pub(crate) fn bring_into_force(&mut self) {
        let now = self.now();
        for assignment in &mut self.assignments {
            assignment.effective = assignment.effective.min(now);
            assignment.data_effective = assignment.data_effective.min(now);
        }
    }

    /// The roles that `principal` has at `scope`, inherited ones included, that are in force.
    pub(crate) fn roles_at<'a>(
        &'a self,
        principal: &'a str,
        scope: &'a str,
    ) -> impl Iterator<Item = &'static Role> + 'a {
        let now = self.now();
        let own = self
            .assignments
            .iter()
            .filter(move |assignment| assignment.principal.eq_ignore_ascii_case(principal));
        own.filter(move |assignment| assignment.effective <= now && covers(&assignment.scope, scope))
            .map(|assignment| assignment.role)
    }

    /// Whether `principal` may do `action` at `scope` now.
    pub(crate) fn may(&self, principal: &str, action: &str, scope: &str) -> bool {
        self.roles_at(principal, scope).any(|role| {
            let any = |patterns: &[&str]| patterns.iter().any(|pattern| permits(pattern, action));
            any(role.actions) && !any(role.not_actions)
        })
    }

    /// Whether the data plane lets `principal` do `action` at `scope` now.
    pub(crate) fn may_with_data(&self, principal: &str, action: &str, scope: &str) -> bool {
        let now = self.now();
        self.assignments.iter().any(|assignment| {
            assignment.principal.eq_ignore_ascii_case(principal)
                && assignment.data_effective <= now
                && assignment.condition.is_empty()
                && covers(&assignment.scope, scope)
                && assignment
                    .role
                    .data_actions
                    .iter()
                    .any(|pattern| permits(pattern, action))
        })
    }

    /// Whether `principal` has any role at, above or below `scope`: it then sees subscriptions and groups.
    pub(crate) fn sees(&self, principal: &str, scope: &str) -> bool {
        let mut own = self
            .assignments
            .iter()
            .filter(|assignment| assignment.principal.eq_ignore_ascii_case(principal));
        own.any(|assignment| covers(&assignment.scope, scope) || covers(scope, &assignment.scope))
    }

    /// Lets a call through or says why not, in ARM's own words.
    pub(crate) fn authorize(&self, caller: &Principal, action: &str, scope: &str, path: &str) -> Result<(), Answer> {
        if !self.may(&caller.object_id, action, scope) {
            return Err(self.unauthorized(caller, action, path));
        }
        self.deny_assignment(caller, action, path)?;
        self.lock(action, path)
    }

    /// Why a caller lacks a right, in ARM's own words.
    pub(crate) fn unauthorized(&self, caller: &Principal, action: &str, path: &str) -> Answer {
        let message = format!(
            "The client '{}' with object id '{}' does not have authorization to perform action '{action}' over scope \
             '{path}' or the scope is invalid. If access was recently granted, please refresh your credentials.",
            caller.client_id, caller.object_id
        );
        Answer::error(403, "AuthorizationFailed", &message)
    }

    fn deny_assignment(&self, caller: &Principal, action: &str, path: &str) -> Result<(), Answer> {
        let locked = self.text(
            &ids::cluster_id(),
            "/properties/nodeResourceGroupProfile/restrictionLevel",
        ) == "ReadOnly";
        let all = [
            (locked, ids::NODE_GROUP, "AKS NRG Lockdown"),
            (
                self.settings.protection.backup_group_denied,
                ids::BACKUP_GROUP,
                "Frozen by the landing zone",
            ),
        ];
        let here = |group: &str| covers(&ids::group_id(group), path);
        let mut striking = all.into_iter().filter(|(on, group, _)| *on && here(group));
        let Some((_, group, name)) = striking
            .next()
            .filter(|_| !action.to_ascii_lowercase().ends_with("/read"))
        else {
            return Ok(());
        };
        let (group, deny) = (ids::group_id(group), ids::named(name));
        let message = format!(
            "The client '{}' with object id '{}' has permission to perform action '{action}' on scope '{path}'; however, \
             the access is denied because of the deny assignment with name '{name}' and Id '{}' at scope \
             '{group}'.",
            caller.client_id,
            caller.object_id,
            deny.replace('-', "")
        );
        Err(Answer::error(403, "DenyAssignmentAuthorizationFailed", &message))
    }

    /// Locks at or above `path`: ReadOnly stops every write, both kinds stop a delete.
    fn lock(&self, action: &str, path: &str) -> Result<(), Answer> {
        let verb = action.rsplit('/').next().unwrap_or_default().to_ascii_lowercase();
        if verb == "read" || action.to_ascii_lowercase().starts_with("microsoft.authorization/locks") {
            return Ok(());
        }
        let locks = self
            .locks_over(path)
            .into_iter()
            .filter(|(_, level)| level == "ReadOnly" || verb == "delete");
        let scopes: Vec<String> = locks.map(|(scope, _)| scope).collect();
        if scopes.is_empty() {
            return Ok(());
        }
        let message = format!(
            "The scope '{path}' cannot perform {verb} operation because following scope(s) are locked: '{}'. Please remove \
             the lock and try again.",
            scopes.join(",")
        );
        Err(Answer::error(409, "ScopeLocked", &message))
    }

    /// Scope and level of every lock at or above `path`.
    pub(crate) fn locks_over(&self, path: &str) -> Vec<(String, String)> {
        let all = self.list("/", "Microsoft.Authorization/locks").into_iter();
        let pairs = all.map(|lock| {
            let id = text(lock, "/id");
            let end = id
                .to_ascii_lowercase()
                .rfind("/providers/microsoft.authorization/locks")
                .unwrap_or(id.len());
            (id[..end].to_owned(), text(lock, "/properties/level").to_owned())
        });
        pairs.filter(|(scope, _)| covers(scope, path)).collect()
    }
}

/// A role by name, for the sandbox's own hand.
///
/// # Errors
/// No such role in the model.
pub(crate) fn role(name: &str) -> Result<&'static Role, String> {
    roles::find(name).ok_or_else(|| format!("the sandbox knows no role '{name}'"))
}
