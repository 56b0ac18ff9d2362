//! The blob data plane over HTTP: listing and making a container with an Entra token.

use std::collections::BTreeMap;

use super::answer::Answer;
use super::call::Call;
use super::cloud::touch_container;
use super::engine::Azure;
use super::entra::STORAGE_AUDIENCE;
use super::path::Target;
use super::providers::accounts;
use super::world::text;

/// An answer of the data plane: status, error code, XML.
pub(crate) struct BlobAnswer {
    pub(crate) status: u16,
    pub(crate) code: &'static str,
    pub(crate) body: String,
    pub(crate) persona: String,
}

fn refuse(status: u16, code: &'static str, message: &str, persona: &str) -> BlobAnswer {
    let body = format!(
        "<?xml version=\"1.0\" encoding=\"utf-8\"?><Error><Code>{code}</Code><Message>{message}</Message></Error>"
    );
    BlobAnswer {
        status,
        code,
        body,
        persona: persona.to_owned(),
    }
}

/// Answers `/blob/{account}/{container}?restype=container`.
pub(crate) fn answer(azure: &Azure, method: &str, target: &Target, headers: &BTreeMap<String, String>) -> BlobAnswer {
    azure.settle();
    let (persona, principal) = match caller(azure, headers) {
        Ok(caller) => caller,
        Err(refusal) => return refusal,
    };
    let Some(captures) = target.matches("/blob/{account}/{container}") else {
        let message = "The requested URI does not represent any resource on the server.";
        return refuse(400, "InvalidUri", message, &persona);
    };
    let (account, container) = (captures.get("account"), captures.get("container"));
    let seen = touch_container(&azure.lock(), &principal, account, container);
    match (method, seen) {
        ("GET" | "HEAD", Ok(())) => listing(account, container, &persona),
        ("PUT", Ok(())) => {
            let message = "The specified container already exists.";
            refuse(409, "ContainerAlreadyExists", message, &persona)
        }
        ("PUT", Err(("ContainerNotFound", _))) => make(azure, account, container, &persona),
        (_, Err((code, message))) => {
            let missing = matches!(code, "ContainerNotFound" | "InvalidUri");
            refuse(if missing { 404 } else { 403 }, code, &message, &persona)
        }
        _ => {
            let message = "The resource doesn't support specified Http Verb.";
            refuse(405, "UnsupportedHttpVerb", message, &persona)
        }
    }
}

/// Name and object id of the caller.
fn caller(azure: &Azure, headers: &BTreeMap<String, String>) -> Result<(String, String), BlobAnswer> {
    let token = headers
        .get("authorization")
        .and_then(|value| value.strip_prefix("Bearer "));
    let claims = azure.mint.open(token.unwrap_or_default()).map_err(|_| {
        let message = "Server failed to authenticate the request.";
        refuse(401, "NoAuthenticationInformation", message, "")
    })?;
    let persona = text(&claims, "/name").to_owned();
    if text(&claims, "/aud").trim_end_matches('/') != STORAGE_AUDIENCE {
        let message = "Authentication scheme Bearer: audience validation failed.";
        return Err(refuse(401, "InvalidAuthenticationInfo", message, &persona));
    }
    Ok((persona, text(&claims, "/oid").to_owned()))
}

fn listing(account: &str, container: &str, persona: &str) -> BlobAnswer {
    let body = format!(
        "<?xml version=\"1.0\" encoding=\"utf-8\"?><EnumerationResults ServiceEndpoint=\"/blob/{account}/\" \
         ContainerName=\"{container}\"><Blobs /><NextMarker /></EnumerationResults>"
    );
    BlobAnswer {
        status: 200,
        code: "",
        body,
        persona: persona.to_owned(),
    }
}

/// Makes a container the way ARM would; the data role was checked before.
fn make(azure: &Azure, account: &str, container: &str, persona: &str) -> BlobAnswer {
    let mut world = azure.lock();
    let Some(id) = accounts::by_name(&world, account).map(|body| text(body, "/id").to_owned()) else {
        return refuse(
            404,
            "ResourceNotFound",
            "The specified resource does not exist.",
            persona,
        );
    };
    let target = format!("{id}/blobServices/default/containers/{container}?api-version=2023-05-01");
    let call = Call {
        method: "PUT".to_owned(),
        target: Target::parse(&target),
        ..Call::default()
    };
    let made: Answer = super::providers::containers::make(&mut world, call);
    let body = String::new();
    BlobAnswer {
        status: made.status,
        code: "",
        body,
        persona: persona.to_owned(),
    }
}
