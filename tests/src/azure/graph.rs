//! The corner of Microsoft Graph that az asks when a role is assigned to a name: service principals by name or id.

use serde_json::{Value, json};

use super::answer::Answer;
use super::engine::Azure;
use super::ids;
use super::path::Target;
use super::personas;
use super::world::{World, text};

/// Path in front of Graph, and with the endpoint its audience.
pub(crate) const PREFIX: &str = "/graph";

/// Answers a request below `/graph/v1.0`, by whoever holds a token for Graph. Gives the persona too.
pub(crate) fn answer(azure: &Azure, method: &str, target: &Target, token: &str, body: &Value) -> (Answer, String) {
    let Ok(claims) = azure.mint.open(token) else {
        let message = "Access token is empty, invalid or expired.";
        return (Answer::error(401, "InvalidAuthenticationToken", message), String::new());
    };
    let persona = text(&claims, "/name").to_owned();
    if !text(&claims, "/aud").trim_end_matches('/').ends_with(PREFIX) {
        let message = "Access token validation failure. Invalid audience.";
        return (Answer::error(401, "InvalidAuthenticationToken", message), persona);
    }
    let all = principals(&azure.lock());
    let path = target.path();
    let answer = match (method, path.trim_start_matches("/graph/v1.0/")) {
        ("GET", "servicePrincipals") => list(&all, target.query("$filter").unwrap_or_default()),
        ("POST", "directoryObjects/getByIds") => by_ids(&all, body),
        ("GET", one) if one.starts_with("servicePrincipals/") => get(&all, &one["servicePrincipals/".len()..]),
        _ => Answer::error(404, "Request_ResourceNotFound", "The sandbox has nothing there."),
    };
    (answer, persona)
}

fn principal(object: &str, client: &str, name: &str, kind: &str) -> Value {
    json!({
        "@odata.type": "#microsoft.graph.servicePrincipal", "id": object, "appId": client, "displayName": name,
        "servicePrincipalType": kind, "servicePrincipalNames": [client], "appOwnerOrganizationId": ids::TENANT,
    })
}

/// The personas, and the identities of resources once the directory has heard of them.
fn principals(world: &World) -> Vec<Value> {
    let personas = personas::all().into_iter();
    let personas = personas.map(|known| principal(&known.object_id, &known.client_id, &known.name, "Application"));
    let now = world.now();
    let old = world
        .resources
        .values()
        .filter(|known| known.born + world.settings.durations.principal_replication <= now);
    let identities = old.filter_map(|known| {
        let body = &known.body;
        let own = if body["identity"].is_object() {
            &body["identity"]
        } else {
            &body["properties"]
        };
        let object = Some(text(own, "/principalId")).filter(|object| !object.is_empty())?;
        let client = text(own, "/clientId");
        let client = if client.is_empty() {
            ids::named(&format!("{object}/client"))
        } else {
            client.to_owned()
        };
        Some(principal(object, &client, text(body, "/name"), "ManagedIdentity"))
    });
    personas.chain(identities).collect()
}

/// Filters by any quoted text of the filter that is the name or an id of a principal.
fn list(all: &[Value], filter: &str) -> Answer {
    let wanted: Vec<&str> = filter.split('\'').skip(1).step_by(2).collect();
    let fits = |known: &&Value| {
        let own = ["/appId", "/id", "/displayName"].map(|pointer| text(known, pointer));
        wanted
            .iter()
            .any(|wanted| own.iter().any(|own| own.eq_ignore_ascii_case(wanted)))
    };
    Answer::ok(json!({ "value": all.iter().filter(fits).collect::<Vec<_>>() }))
}

fn by_ids(all: &[Value], body: &Value) -> Answer {
    let wanted = body["ids"].as_array().cloned().unwrap_or_default();
    let found = all
        .iter()
        .filter(|known| wanted.contains(&known["id"]))
        .collect::<Vec<_>>();
    Answer::ok(json!({ "value": found }))
}

fn get(all: &[Value], id: &str) -> Answer {
    let missing = || {
        let message =
            format!("Resource '{id}' does not exist or one of its queried reference-property objects are not present.");
        Answer::error(404, "Request_ResourceNotFound", &message)
    };
    all.iter()
        .find(|known| text(known, "/id") == id)
        .cloned()
        .map_or_else(missing, Answer::ok)
}
