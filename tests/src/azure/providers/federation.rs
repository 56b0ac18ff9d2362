//! Federated identity credentials.

use serde_json::{Value, json};

use super::identities;
use crate::azure::answer::{Answer, Outcome, missing};
use crate::azure::call::{Call, Route};
use crate::azure::others;
use crate::azure::world::{World, text};

/// Type of a federated credential.
pub(crate) const KIND: &str = "Microsoft.ManagedIdentity/userAssignedIdentities/federatedIdentityCredentials";
const ONE: &str = "/subscriptions/{s}/resourceGroups/{g}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/{i}/federatedIdentityCredentials/{f}";
const LIMIT: usize = 20;

pub(crate) const ROUTES: &[Route] = &[
    Route::new(
        "GET",
        "/subscriptions/{s}/resourceGroups/{g}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/{i}|/federatedIdentityCredentials",
        "Microsoft.ManagedIdentity/userAssignedIdentities/federatedIdentityCredentials/read",
        list,
    ),
    Route::new(
        "GET",
        ONE,
        "Microsoft.ManagedIdentity/userAssignedIdentities/federatedIdentityCredentials/read",
        get,
    ),
    Route::new(
        "PUT",
        ONE,
        "Microsoft.ManagedIdentity/userAssignedIdentities/federatedIdentityCredentials/write",
        put,
    ),
    Route::new(
        "DELETE",
        ONE,
        "Microsoft.ManagedIdentity/userAssignedIdentities/federatedIdentityCredentials/delete",
        delete,
    ),
];

fn identity(world: &World, call: &Call) -> Result<String, Answer> {
    Ok(text(identities::find(world, call)?, "/id").to_owned())
}

fn list(world: &mut World, call: &Call) -> Outcome {
    let identity = identity(world, call)?;
    let items = world.list(&identity, KIND).into_iter().cloned().collect();
    Ok(call.page(world, items))
}

fn get(world: &mut World, call: &Call) -> Outcome {
    let id = format!(
        "{}/federatedIdentityCredentials/{}",
        identity(world, call)?,
        call.get("f")
    );
    let missing = || {
        let message = format!("The Federated Identity Credential '{}' was not found.", call.get("f"));
        Answer::error(404, "NotFound", &message)
    };
    world.get(&id).cloned().map(Answer::ok).ok_or_else(missing)
}

fn name_fits(name: &str) -> bool {
    let first = name.bytes().next().is_some_and(|byte| byte.is_ascii_alphanumeric());
    let rest = name
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
    first && rest && (3..=120).contains(&name.len())
}

fn concurrent() -> Answer {
    let message = "Too many Federated Identity Credentials are written concurrently for the managed identity. \
                   Concurrent Federated Identity Credentials writes under the same managed identity are not supported.";
    let code = "ConcurrentFederatedIdentityCredentialsWritesForSingleManagedIdentity";
    Answer::error(409, code, message)
}

/// One write at a time on an identity, and no more of them than its rate allows.
fn occupy(world: &mut World, identity: &str, limited: bool) -> Result<f64, Answer> {
    let (now, key) = (world.now(), identity.to_ascii_lowercase());
    if world.identity_writes.get(&key).is_some_and(|until| *until > now) {
        return Err(concurrent());
    }
    let rate = world.settings.credential_rate;
    if limited && rate > 0.0 {
        let taken = world.buckets.take(&format!("credentials/{key}"), 1.0, rate, now);
        // A few milliseconds of the wall clock are jitter, and not the fault of a client that paces itself.
        if let Some(wait) = taken.err().filter(|wait| wait * world.settings.time_scale > 0.004) {
            let message = "The request is throttled: too many create or update requests for the managed identity.";
            return Err(world.retry_after(Answer::error(429, "TooManyRequests", message), wait.max(1.0)));
        }
    }
    let lasts = world.settings.durations.credential_write;
    world.identity_writes.insert(key, now + lasts);
    Ok(lasts)
}

fn put(world: &mut World, call: &Call) -> Outcome {
    let identity = identity(world, call)?;
    check(call)?;
    let id = format!("{identity}/federatedIdentityCredentials/{}", call.get("f"));
    let lasts = occupy(world, &identity, true)?;
    if others::outruns_credential(world, &identity, &call.body) {
        return Err(concurrent());
    }
    let known = world.list(&identity, KIND);
    let twin = known.iter().find(|other| {
        text(other, "/properties/issuer") == call.text("/properties/issuer")
            && text(other, "/properties/subject") == call.text("/properties/subject")
            && !text(other, "/id").eq_ignore_ascii_case(&id)
    });
    if twin.is_some() {
        let message = "Issuer and subject combination already exists for this Managed Identity.";
        return Err(Answer::error(400, "BadRequest", message));
    }
    let created = world.get(&id).is_none();
    if created && known.len() >= LIMIT {
        let message = format!("Too many Federated Identity Credentials: a managed identity can have {LIMIT} at most.");
        return Err(Answer::error(400, "BadRequest", &message));
    }
    let properties = &call.body["properties"];
    let body = json!({
        "id": id, "name": call.get("f"), "type": KIND,
        "properties": {
            "issuer": properties["issuer"], "subject": properties["subject"], "audiences": properties["audiences"],
        },
    });
    let same = world.get(&id) == Some(&body);
    if !created && !same {
        world.remove(&id);
    }
    let delay = world.settings.durations.credential_propagation;
    world.put(body.clone(), delay);
    let mut answer = Answer::new(if created { 201 } else { 200 }, body);
    if created {
        // A path without a host, as recorded: no address of an operation.
        answer = answer.with("Location", id);
    }
    answer.delay = lasts;
    Ok(answer)
}

fn check(call: &Call) -> Result<(), Answer> {
    if !name_fits(call.get("f")) {
        let message = format!("The Federated Identity Credential name '{}' is invalid.", call.get("f"));
        return Err(Answer::error(400, "BadRequest", &message));
    }
    for member in ["issuer", "subject"] {
        if call.text(&format!("/properties/{member}")).is_empty() {
            return Err(missing(&format!("properties.{member}")));
        }
    }
    let audiences = call.body["properties"]["audiences"].as_array().map_or(0, Vec::len);
    if audiences != 1
        || !call.body["properties"]["audiences"]
            .as_array()
            .into_iter()
            .flatten()
            .all(Value::is_string)
    {
        let message = "The Federated Identity Credential must have exactly one audience.";
        return Err(Answer::error(400, "BadRequest", message));
    }
    Ok(())
}

fn delete(world: &mut World, call: &Call) -> Outcome {
    let identity = identity(world, call)?;
    let id = format!("{identity}/federatedIdentityCredentials/{}", call.get("f"));
    if world.get(&id).is_none() {
        return Ok(Answer::empty(204));
    }
    let lasts = occupy(world, &identity, false)?;
    world.remove(&id);
    Ok(Answer {
        delay: lasts,
        ..Answer::empty(200)
    })
}
