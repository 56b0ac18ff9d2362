//! Role assignments and role definitions.

use serde_json::{Value, json};

use super::subscriptions::quoted;
use crate::azure::answer::{Answer, Outcome, missing};
use crate::azure::call::{Call, Route};
use crate::azure::ids;
use crate::azure::path::covers;
use crate::azure::rights::Assignment;
use crate::azure::roles::{self, Role};
use crate::azure::world::{World, text};

const READ: &str = "Microsoft.Authorization/roleAssignments/read";
const ONE: &str = "/{*scope}/providers/Microsoft.Authorization/roleAssignments/{name}";

pub(crate) const ROUTES: &[Route] = &[
    Route::new(
        "GET",
        "/{*scope}|/providers/Microsoft.Authorization/roleAssignments",
        READ,
        list,
    ),
    Route::new("GET", ONE, READ, get),
    Route::new("PUT", ONE, "Microsoft.Authorization/roleAssignments/write", put),
    Route::new("DELETE", ONE, "Microsoft.Authorization/roleAssignments/delete", delete),
    Route::new(
        "GET",
        "/{*scope}|/providers/Microsoft.Authorization/roleDefinitions",
        "Microsoft.Authorization/roleDefinitions/read",
        definitions,
    ),
    Route::open(
        "GET",
        "/{*scope}/providers/Microsoft.Authorization/roleDefinitions/{name}",
        definition,
    ),
];

/// At, above and below the scope; `atScope()` leaves out what is below; `principalId eq` and `assignedTo()` choose one.
fn list(world: &mut World, call: &Call) -> Outcome {
    let scope = call.get("scope");
    let filter = call.target.query("$filter").unwrap_or_default();
    let lower = filter.to_ascii_lowercase();
    let assigned = lower.find("assignedto('").map(|start| {
        let rest = &filter[start + "assignedto('".len()..];
        rest[..rest.find('\'').unwrap_or(rest.len())].to_owned()
    });
    let principal = quoted(filter, "principalId").or(assigned);
    if !filter.is_empty() && principal.is_none() && !lower.contains("atscope()") {
        let message = format!(
            "The filter '{filter}' is not supported. Supported: atScope(), assignedTo('{{id}}'), principalId eq '{{id}}'."
        );
        return Err(Answer::error(400, "UnsupportedQuery", &message));
    }
    let at_scope = lower.contains("atscope()");
    let all = world.assignments.iter().filter(|assignment| {
        let wanted = principal
            .as_ref()
            .is_none_or(|id| assignment.principal.eq_ignore_ascii_case(id));
        wanted && (covers(&assignment.scope, scope) || (!at_scope && covers(scope, &assignment.scope)))
    });
    let items = all.map(Assignment::body).collect();
    Ok(call.page(world, items))
}

fn position(world: &World, call: &Call) -> Option<usize> {
    let (scope, name) = (call.get("scope"), call.get("name"));
    world
        .assignments
        .iter()
        .position(|known| known.name.eq_ignore_ascii_case(name) && known.scope.eq_ignore_ascii_case(scope))
}

fn get(world: &mut World, call: &Call) -> Outcome {
    let missing = || {
        let message = format!("The role assignment '{}' is not found.", call.get("name"));
        Answer::error(404, "RoleAssignmentNotFound", &message)
    };
    position(world, call)
        .map(|index| Answer::ok(world.assignments[index].body()))
        .ok_or_else(missing)
}

fn put(world: &mut World, call: &Call) -> Outcome {
    let principal = call.text("/properties/principalId").to_ascii_lowercase();
    let role = wanted(call)?;
    conditioned(world, call, role)?;
    exists(world, call)?;
    compete(world, call, (&principal, role));
    if let Some(index) = position(world, call) {
        let known = &world.assignments[index];
        if known.principal == principal && known.role.id == role.id {
            return Ok(Answer::ok(known.body()));
        }
        let message = "Tenant ID, application ID, principal ID, and scope are not allowed to be updated.";
        return Err(Answer::error(400, "RoleAssignmentUpdateNotPermitted", message));
    }
    let scope = call.get("scope");
    let same = |known: &&Assignment| {
        known.principal == principal && known.role.id == role.id && known.scope.eq_ignore_ascii_case(scope)
    };
    if let Some(twin) = world.assignments.iter().find(same) {
        let twin = twin.name.replace('-', "");
        let message = format!("The role assignment already exists. The ID of the existing role assignment is {twin}.");
        return Err(Answer::error(409, "RoleAssignmentExists", &message));
    }
    let kind = call.text("/properties/principalType").to_owned();
    replicated(world, &principal, &kind)?;
    let kind = if kind.is_empty() { "ServicePrincipal" } else { &kind };
    world.assign(call.get("name"), &principal, kind, role, scope, false);
    let mut body = world.assignments.last().map_or(Value::Null, Assignment::body);
    // Who created it is known only to later reads.
    body["properties"]["createdBy"] = Value::Null;
    Ok(Answer::new(201, body))
}

/// The condition on the right of the persona `owner`, as the portal makes it.
fn conditioned(world: &World, call: &Call, role: &Role) -> Result<(), Answer> {
    let condition = world.settings.others.owner_condition.as_str();
    if condition.is_empty() || call.caller.name != "owner" {
        return Ok(());
    }
    let typed = call
        .text("/properties/principalType")
        .eq_ignore_ascii_case("ServicePrincipal");
    if typed && (condition != "blob-roles" || role.name.starts_with("Storage Blob Data ")) {
        return Ok(());
    }
    let scope = format!(
        "{}/providers/Microsoft.Authorization/roleAssignments/{}",
        call.get("scope"),
        call.get("name")
    );
    Err(world.unauthorized(&call.caller, "Microsoft.Authorization/roleAssignments/write", &scope))
}

/// What others assign just before, where the settings say so: the same, or something else under the wanted name.
fn compete(world: &mut World, call: &Call, (principal, role): (&str, &'static Role)) {
    let (scope, others) = (call.get("scope"), &mut world.settings.others);
    if others.role_rivals > 0 {
        others.role_rivals -= 1;
        world.assign(&ids::fresh(), principal, "ServicePrincipal", role, scope, false);
    } else if others.role_names_taken > 0 {
        others.role_names_taken -= 1;
        let other = ids::named(&format!("stranger/{}", others.role_names_taken));
        world.assign(call.get("name"), &other, "ServicePrincipal", role, scope, false);
    }
}

/// The role that a well-formed request asks for.
fn wanted(call: &Call) -> Result<&'static Role, Answer> {
    let wanted = call.text("/properties/roleDefinitionId");
    if call.text("/properties/principalId").is_empty() || wanted.is_empty() {
        return Err(missing("properties.principalId"));
    }
    let name = call.get("name");
    if !is_guid(name) {
        let message = format!("The role assignment ID '{name}' is not valid. The role assignment ID must be a GUID.");
        return Err(Answer::error(400, "InvalidRoleAssignmentId", &message));
    }
    roles::find(wanted).ok_or_else(|| {
        let id = wanted.rsplit('/').next().unwrap_or(wanted);
        let message = format!("The specified role definition with ID '{id}' does not exist.");
        Answer::error(400, "RoleDefinitionDoesNotExist", &message)
    })
}

fn is_guid(name: &str) -> bool {
    uuid::Uuid::parse_str(name).is_ok()
}

/// The resource at the scope has to be there.
fn exists(world: &World, call: &Call) -> Result<(), Answer> {
    let scope = call.get("scope");
    let segments = scope.split('/').count();
    if segments <= 5 || world.get(scope).is_some() {
        return Ok(());
    }
    let message = format!(
        "The Resource '{}' was not found.",
        scope.rsplit("/providers/").next().unwrap_or(scope)
    );
    Err(Answer::error(404, "ResourceNotFound", &message))
}

/// Without a principal type the directory is asked, and it hears of fresh principals late.
fn replicated(world: &mut World, principal: &str, kind: &str) -> Result<(), Answer> {
    let refuse = || {
        let message = format!(
            "Principal {} does not exist in the directory {}. Check that you have the correct principal ID. If you are \
             creating this principal and then immediately assigning a role, this error might be related to a replication \
             delay. In this case, set the role assignment principalType property to a value, such as ServicePrincipal, User, \
             or Group. See https://aka.ms/docs-principaltype",
            principal.replace('-', ""),
            ids::TENANT
        );
        Err(Answer::error(400, "PrincipalNotFound", &message))
    };
    if world.settings.principal_not_found > 0 {
        world.settings.principal_not_found -= 1;
        return refuse();
    }
    let now = world.now();
    let fresh = world.resources.values().any(|resource| {
        let own = [
            text(&resource.body, "/properties/principalId"),
            text(&resource.body, "/identity/principalId"),
        ];
        own.contains(&principal) && resource.born + world.settings.durations.principal_replication > now
    });
    if kind.is_empty() && fresh { refuse() } else { Ok(()) }
}

fn delete(world: &mut World, call: &Call) -> Outcome {
    let Some(index) = position(world, call) else {
        return Ok(Answer::empty(204));
    };
    let body = world.assignments.remove(index).body();
    Ok(Answer::ok(body))
}

fn shown(role: &Role, scope: &str) -> Value {
    json!({
        "id": format!("{scope}/providers/Microsoft.Authorization/roleDefinitions/{}", role.id), "name": role.id,
        "type": "Microsoft.Authorization/roleDefinitions",
        "properties": {
            "roleName": role.name, "type": "BuiltInRole", "description": role.name, "assignableScopes": ["/"],
            "permissions": [{
                "actions": role.actions, "notActions": role.not_actions, "dataActions": role.data_actions,
                "notDataActions": [],
            }],
        },
    })
}

fn home(scope: &str) -> String {
    scope.split('/').take(3).collect::<Vec<_>>().join("/")
}

fn definitions(world: &mut World, call: &Call) -> Outcome {
    let name = quoted(call.target.query("$filter").unwrap_or_default(), "roleName");
    let all = roles::ROLES
        .iter()
        .filter(|role| name.as_ref().is_none_or(|name| role.name.eq_ignore_ascii_case(name)));
    let items = all.map(|role| shown(role, &home(call.get("scope")))).collect();
    Ok(call.page(world, items))
}

fn definition(_: &mut World, call: &Call) -> Outcome {
    let missing = || {
        Answer::error(
            404,
            "RoleDefinitionDoesNotExist",
            "The specified role definition does not exist.",
        )
    };
    roles::find(call.get("name"))
        .map(|role| Answer::ok(shown(role, &home(call.get("scope")))))
        .ok_or_else(missing)
}
