//! Operations behind addresses that belong to no provider, and how an answer tells of its operation.

use serde_json::Value;

use crate::azure::answer::{Answer, Outcome};
use crate::azure::call::{Call, Route};
use crate::azure::operations::Operation;
use crate::azure::world::World;

pub(crate) const ROUTES: &[Route] = &[
    Route::open("GET", "/subscriptions/{s}/operationresults/{o}", result),
    Route::open("GET", "/subscriptions/{s}/operationstatuses/{o}", status),
];

const STATUS: &str = "Azure-AsyncOperation";
const LOCATION: &str = "Location";

/// The answer to a request, with the addresses of the operation that it has begun as the switches want them.
pub(crate) fn told(world: &mut World, call: &Call, mut answer: Answer) -> Answer {
    let writes = matches!(call.method.as_str(), "PUT" | "PATCH" | "DELETE");
    let begun = world.begun.take().filter(|_| writes);
    if let Some(operation) = begun {
        answer = styled(world, call, answer, &operation);
    }
    let elsewhere = &world.settings.wire.operation_host;
    if !elsewhere.is_empty() {
        for (name, value) in &mut answer.headers {
            if *name == STATUS || *name == LOCATION {
                *value = value.replacen(&world.endpoint, elsewhere, 1);
            }
        }
    }
    answer
}

fn styled(world: &World, call: &Call, mut answer: Answer, operation: &str) -> Answer {
    let style = world.settings.wire.operation_style.as_str();
    let (kept, segment) = match style {
        "async" => (STATUS, "operationstatuses"),
        "location" => (LOCATION, "operationresults"),
        "state" => ("", ""),
        _ => return answer,
    };
    answer.headers.retain(|(name, _)| *name != STATUS && *name != LOCATION);
    if kept.is_empty() {
        return answer;
    }
    let subscription = call.get("s");
    let url = format!(
        "{}/subscriptions/{subscription}/{segment}/{operation}?api-version=2021-04-01",
        world.endpoint
    );
    answer.with(kept, url)
}

fn find<'a>(world: &'a World, call: &Call) -> Result<&'a Operation, Answer> {
    let missing = || Answer::error(404, "OperationNotFound", "The operation was not found.");
    world.operations.get(call.get("o")).ok_or_else(missing)
}

fn status(world: &mut World, call: &Call) -> Outcome {
    Ok(world.paced(Answer::ok(find(world, call)?.body("InProgress"))))
}

/// What `Location` leads to: 202 until the end, then the resource or the error.
fn result(world: &mut World, call: &Call) -> Outcome {
    let operation = find(world, call)?;
    if operation.end.is_none() {
        let url = format!(
            "{}{}?api-version={}",
            world.endpoint,
            call.target.path(),
            call.version()
        );
        return Ok(world.paced(Answer::empty(202).with(LOCATION, url)));
    }
    let answer = ended(world, operation)?;
    Ok(if is_group(&operation.resource) {
        Answer::empty(200)
    } else {
        answer
    })
}

/// A group's own id has no provider. Its deletion, which alone takes a while, ends without a body.
fn is_group(id: &str) -> bool {
    id.split('/').count() == "/subscriptions/s/resourceGroups/g".split('/').count()
}

/// The end of an operation in `Location`'s way.
///
/// # Errors
/// The error of one that failed, or was canceled.
pub(crate) fn ended(world: &World, operation: &Operation) -> Outcome {
    let end = operation.end.clone().unwrap_or_default();
    if let Some(error) = end.error {
        return Err(Answer::new(409, serde_json::json!({ "error": error })));
    }
    if end.canceled {
        return Err(Answer::error(409, "OperationCanceled", "The operation was canceled."));
    }
    let body = end.properties.or_else(|| world.get(&operation.resource).cloned());
    let body = body.filter(|body: &Value| !body.is_null());
    Ok(body.map_or_else(|| Answer::empty(204), Answer::ok))
}
