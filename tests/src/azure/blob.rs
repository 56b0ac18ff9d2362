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
    let token = headers
        .get("authorization")
        .and_then(|value| value.strip_prefix("Bearer "))
        .unwrap_or_default();
    let Ok(claims) = azure.mint.open(token) else {
        return refuse(
            401,
            "NoAuthenticationInformation",
            "Server failed to authenticate the request.",
            "",
        );
    };
    let persona = text(&claims, "/name").to_owned();
    if text(&claims, "/aud").trim_end_matches('/') != STORAGE_AUDIENCE {
        return refuse(
            401,
            "InvalidAuthenticationInfo",
            "Authentication scheme Bearer: audience validation failed.",
            &persona,
        );
    }
    let Some(captures) = target.matches("/blob/{account}/{container}") else {
        return refuse(
            400,
            "InvalidUri",
            "The requested URI does not represent any resource on the server.",
            &persona,
        );
    };
    let (principal, account, container) = (
        text(&claims, "/oid"),
        captures.get("account"),
        captures.get("container"),
    );
    let seen = touch_container(&azure.lock(), principal, account, container);
    match (method, seen) {
        ("GET" | "HEAD", Ok(())) => listing(account, container, &persona),
        ("PUT", Ok(())) => refuse(
            409,
            "ContainerAlreadyExists",
            "The specified container already exists.",
            &persona,
        ),
        ("PUT", Err(("ContainerNotFound", _))) => make(azure, account, container, &persona),
        (_, Err((code, message))) => {
            let status = if matches!(code, "ContainerNotFound" | "InvalidUri") {
                404
            } else {
                403
            };
            refuse(status, code, &message, &persona)
        }
        _ => refuse(
            405,
            "UnsupportedHttpVerb",
            "The resource doesn't support specified Http Verb.",
            &persona,
        ),
    }
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
