//! Long-running operations of backup vaults, with their long signed addresses.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::azure::answer::{Answer, Outcome};
use crate::azure::call::{Call, Route};
use crate::azure::ids;
use crate::azure::world::World;

const STATUS: &str = "Microsoft.DataProtection/backupVaults/operationStatus/read";
const RESULT: &str = "Microsoft.DataProtection/backupVaults/operationResults/read";

pub(crate) const ROUTES: &[Route] = &[
    Route::new(
        "GET",
        "/subscriptions/{s}/resourceGroups/{g}/providers/Microsoft.DataProtection/backupVaults/{v}|/operationStatus/{o}",
        STATUS,
        status,
    ),
    Route::new(
        "GET",
        "/subscriptions/{s}/providers/Microsoft.DataProtection/locations/{l}/operationStatus/{o}",
        "Microsoft.DataProtection/locations/operationStatus/read",
        status,
    ),
    Route::new(
        "GET",
        "/subscriptions/{s}/providers/Microsoft.DataProtection/locations/{l}/operationResults/{o}",
        "Microsoft.DataProtection/locations/operationResults/read",
        result,
    ),
    Route::new(
        "GET",
        "/subscriptions/{s}/resourceGroups/{g}/providers/Microsoft.DataProtection/backupVaults/{v}|/operationResults/{o}",
        RESULT,
        result,
    ),
    Route::new(
        "GET",
        "/subscriptions/{s}/resourceGroups/{g}/providers/Microsoft.DataProtection/backupVaults/{v}/backupInstances/{i}|/operationResults/{o}",
        "Microsoft.DataProtection/backupVaults/backupInstances/operationResults/read",
        result,
    ),
];

/// The name of an operation in addresses: two GUIDs in Base64.
fn name(operation: &str) -> String {
    STANDARD.encode(format!("{operation};{}", ids::named(operation)))
}

fn operation_of(name: &str) -> Option<String> {
    let decoded = String::from_utf8(STANDARD.decode(name).ok()?).ok()?;
    let (operation, seal) = decoded.split_once(';')?;
    (seal == ids::named(operation)).then(|| operation.to_owned())
}

/// A signature that has to come back byte for byte, some four kilobytes long, with escapes that nobody needs.
fn signature(operation: &str) -> String {
    let certificate: String = (0..80)
        .map(|part| STANDARD.encode(ids::named(&format!("{operation}/{part}"))))
        .collect();
    let certificate = certificate.replace('=', "").replace('+', "-").replace('/', "_");
    let (s, h) = (
        ids::named(&format!("{operation}/s")),
        ids::named(&format!("{operation}/h")),
    );
    format!(
        "t=638943210000000000&c={certificate}%2d%3d&s={}&h={}",
        s.replace('-', ""),
        h.replace('-', "")
    )
}

/// Adds the addresses of an operation to its first answer: the status at the vault, the result at `at`.
pub(crate) fn asynchronous(world: &World, call: &Call, vault: &str, operation: &str, answer: Answer) -> Answer {
    let (name, tail) = (name(operation), signature(operation));
    let version = call.version();
    let status = format!(
        "{}{vault}/operationStatus/{name}?api-version={version}&{tail}",
        world.endpoint
    );
    let result = format!(
        "{}/subscriptions/{}/providers/Microsoft.DataProtection/locations/{}/operationResults/{name}?api-version={version}&{tail}",
        world.endpoint,
        ids::SUBSCRIPTION,
        ids::LOCATION
    );
    let answer = answer.with("Azure-AsyncOperation", status);
    // The answer to a PUT is the resource itself, so that there is no other result.
    world.paced(match call.method.as_str() {
        "PUT" => answer,
        _ => answer.with("Location", result),
    })
}

fn find<'a>(world: &'a World, call: &Call) -> Result<&'a crate::azure::operations::Operation, Answer> {
    let missing = || Answer::error(404, "OperationNotFound", "The operation was not found.");
    let id = operation_of(call.get("o")).ok_or_else(missing)?;
    let operation = world.operations.get(&id).ok_or_else(missing)?;
    if !call
        .target
        .has_query(&format!("api-version={}&{}", call.version(), signature(&id)))
    {
        return Err(Answer::error(
            403,
            "Forbidden",
            "The signature of the operation's address does not match.",
        ));
    }
    Ok(operation)
}

fn status(world: &mut World, call: &Call) -> Outcome {
    let operation = find(world, call)?;
    let mut body = operation.body("Inprogress");
    body["id"] = json!(format!("{}/operationStatus/{}", call.captures.scope, call.get("o")));
    body["name"] = json!(call.get("o"));
    if operation.end.is_none() {
        body["endTime"] = json!("0001-01-01T00:00:00Z");
    }
    Ok(world.paced(Answer::ok(body)))
}

fn result(world: &mut World, call: &Call) -> Outcome {
    let operation = find(world, call)?;
    let Some(end) = &operation.end else {
        let address = format!(
            "{}{}?api-version={}&{}",
            world.endpoint,
            call.target.path(),
            call.version(),
            signature(&operation.id)
        );
        return Ok(world.paced(Answer::empty(202).with("Location", address)));
    };
    if let Some(error) = &end.error {
        return Err(Answer::new(400, json!({ "error": error })));
    }
    // At the location only jobs are told of; the resource itself is behind the vault's own routes.
    let other = || match call.get("l") {
        "" => world.get(&operation.resource).cloned(),
        _ => Some(json!({ "objectType": "OperationJobExtendedInfo" })),
    };
    let body = end.properties.clone().or_else(other);
    let answer = body
        .filter(|body: &Value| !body.is_null())
        .map_or_else(|| Answer::empty(204), Answer::ok);
    if call.get("l").is_empty() {
        return Ok(answer);
    }
    // Recorded, although there is nothing left to wait for.
    let status = call.target.path().replace("/operationResults/", "/operationStatus/");
    let address = format!(
        "{}{status}?api-version={}&{}",
        world.endpoint,
        call.version(),
        signature(&operation.id)
    );
    Ok(answer.with("Azure-AsyncOperation", address))
}
