//! The blob data plane over HTTP: listing and making a container, with an Entra token or an account key.

use std::collections::BTreeMap;

use super::answer::Answer;
use super::call::Call;
use super::cloud::{reach_container, touch_container};
use super::engine::Azure;
use super::entra::STORAGE_AUDIENCE;
use super::path::Target;
use super::providers::{account_keys, accounts};
use super::shared_key;
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

/// Who sent a request.
enum Caller {
    /// Somebody with a token: object id.
    Principal(String),
    /// Whoever knows a key of the account.
    Key,
}

/// Answers `/blob/{account}/{container}?restype=container`; `raw` is the target as it was sent, which a key signs.
pub(crate) fn answer(
    azure: &Azure,
    method: &str,
    (target, raw): (&Target, &str),
    headers: &BTreeMap<String, String>,
) -> BlobAnswer {
    azure.settle();
    let caller = match shared_key::presented(headers) {
        Some(key) => by_key(azure, key, (method, raw), headers),
        None => caller(azure, headers),
    };
    let (persona, caller) = match caller {
        Ok(caller) => caller,
        Err(refusal) => return refusal,
    };
    let Some(captures) = target.matches("/blob/{account}/{container}") else {
        let message = "The requested URI does not represent any resource on the server.";
        return refuse(400, "InvalidUri", message, &persona);
    };
    let (account, container) = (captures.get("account"), captures.get("container"));
    let seen = match &caller {
        Caller::Principal(id) => touch_container(&azure.lock(), id, account, container),
        Caller::Key => reach_container(&azure.lock(), account, container, |_| true),
    };
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

/// Checks a signature with the keys of the account that it names, where the account takes keys.
fn by_key(
    azure: &Azure,
    (account, signature): (&str, &str),
    request: (&str, &str),
    headers: &BTreeMap<String, String>,
) -> Result<(String, Caller), BlobAnswer> {
    let (keys, taken) = {
        let world = azure.lock();
        let body = accounts::by_name(&world, account);
        let keys = body.map(account_keys::keys).unwrap_or_default();
        (keys, body.is_none_or(account_keys::taken))
    };
    let own = request.1.to_ascii_lowercase().starts_with(&format!("/blob/{account}/"));
    if !own || !shared_key::signed_by(&keys, account, signature, request, headers) {
        let message = "Server failed to authenticate the request. Make sure the value of Authorization header is formed \
                       correctly including the signature.";
        return Err(refuse(403, "AuthenticationFailed", message, ""));
    }
    if !taken {
        let message = "Key based authentication is not permitted on this storage account.";
        return Err(refuse(403, "KeyBasedAuthenticationNotPermitted", message, ""));
    }
    Ok((String::new(), Caller::Key))
}

/// Name and object id of the caller with a token.
fn caller(azure: &Azure, headers: &BTreeMap<String, String>) -> Result<(String, Caller), BlobAnswer> {
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
    Ok((persona, Caller::Principal(text(&claims, "/oid").to_owned())))
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
