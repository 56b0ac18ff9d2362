//! Which service a request is for, and its answer.

use std::collections::BTreeMap;

use serde_json::Value;

use super::answer::Answer;
use super::arm::authenticate;
use super::call::Call;
use super::engine::Azure;
use super::path::Target;
use super::{blob, entra, graph, metadata, personas};

/// A request, taken apart.
pub(crate) struct Asked {
    pub(crate) method: String,
    pub(crate) target: String,
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: Vec<u8>,
}

/// An answer with what the log wants to know.
pub(crate) struct Given {
    pub(crate) answer: Answer,
    pub(crate) service: &'static str,
    pub(crate) persona: String,
    /// Body in another type than JSON, with that type.
    pub(crate) text: Option<(&'static str, String)>,
}

fn service(target: &str) -> &'static str {
    let lower = target.to_ascii_lowercase();
    if lower.starts_with("/blob/") {
        "storage"
    } else if lower.starts_with(graph::PREFIX) {
        "graph"
    } else if lower.starts_with("/subscriptions")
        || lower.starts_with("/providers")
        || lower.starts_with("/tenants")
        || lower.starts_with("/metadata")
    {
        "arm"
    } else {
        "entra"
    }
}

impl Given {
    /// An answer without a known caller.
    pub(crate) fn plain(service: &'static str, answer: Answer) -> Self {
        Self {
            answer,
            service,
            persona: String::new(),
            text: None,
        }
    }
}

/// The answer to a request that a fault strikes.
pub(crate) fn struck(azure: &Azure, asked: &Asked, status: u16, code: &str) -> Given {
    let mut answer = Answer::error(status, code, "The request was struck by a fault of the sandbox.");
    if matches!(status, 429 | 503) {
        answer = azure.lock().retry_after(answer, 5.0);
    }
    Given::plain(service(&asked.target), answer)
}

/// The answer of the service that the path belongs to.
pub(crate) fn answer(azure: &Azure, asked: &Asked) -> Given {
    let target = Target::parse(&asked.target);
    if target.path().eq_ignore_ascii_case("/metadata/endpoints") {
        let shape = azure.lock().settings.metadata_shape.clone();
        return Given::plain("arm", metadata::answer(&azure.endpoint, &target, &shape));
    }
    match service(&asked.target) {
        "storage" => storage(azure, asked, &target),
        "entra" => sign_in(azure, asked, &target),
        "graph" => directory(azure, asked, &target),
        _ => arm(azure, asked, target),
    }
}

fn storage(azure: &Azure, asked: &Asked, target: &Target) -> Given {
    let blob = blob::answer(azure, &asked.method, target, &asked.headers);
    let mut answer = Answer::empty(blob.status);
    if !blob.code.is_empty() {
        answer = answer.with("x-ms-error-code", blob.code);
    }
    Given {
        answer,
        service: "storage",
        persona: blob.persona,
        text: Some(("application/xml", blob.body)),
    }
}

fn directory(azure: &Azure, asked: &Asked, target: &Target) -> Given {
    let authorization = asked.headers.get("authorization").map_or("", String::as_str);
    let token = authorization.strip_prefix("Bearer ").unwrap_or_default();
    let body = serde_json::from_slice(&asked.body).unwrap_or(Value::Null);
    let (answer, persona) = graph::answer(azure, &asked.method, target, token, &body);
    Given {
        persona,
        ..Given::plain("graph", answer)
    }
}

fn sign_in(azure: &Azure, asked: &Asked, target: &Target) -> Given {
    let (settings, path) = (azure.lock().settings.clone(), target.path());
    let answer = entra::answer(
        &settings,
        &azure.endpoint,
        &azure.mint,
        &asked.method,
        &path,
        &asked.body,
    );
    let answer = answer.unwrap_or_else(|| Answer::error(404, "NotFound", "There is nothing here."));
    Given {
        persona: client_of(&asked.body),
        ..Given::plain("entra", answer)
    }
}

fn client_of(form: &[u8]) -> String {
    let client = url::form_urlencoded::parse(form)
        .find(|(key, _)| key == "client_id")
        .map(|(_, value)| value.into_owned());
    let all = personas::all();
    all.into_iter()
        .find(|persona| Some(&persona.client_id) == client.as_ref())
        .map_or_else(String::new, |persona| persona.name)
}

fn arm(azure: &Azure, asked: &Asked, target: Target) -> Given {
    let given = |answer, persona| Given {
        answer,
        service: "arm",
        persona,
        text: None,
    };
    let authorization = asked.headers.get("authorization").map_or("", String::as_str);
    let caller = match authenticate(&azure.mint, &azure.endpoint, authorization) {
        Ok(caller) => caller,
        Err(refusal) => return given(refusal, String::new()),
    };
    let persona = caller.name.clone();
    // DataProtection answers a bare 406 where the Accept header carries parameters.
    let accept = asked.headers.get("accept").map_or("", String::as_str);
    if accept.contains(';') && asked.target.to_ascii_lowercase().contains("/microsoft.dataprotection/") {
        return given(Answer::empty(406), persona);
    }
    let body = if asked.body.is_empty() {
        Ok(Value::Null)
    } else {
        serde_json::from_slice(&asked.body)
    };
    let Ok(body) = body else {
        let message = "The request content was invalid and could not be deserialized.";
        return given(Answer::error(400, "InvalidRequestContent", message), persona);
    };
    let call = Call {
        method: asked.method.clone(),
        target,
        headers: asked.headers.clone(),
        body,
        caller,
        ..Call::default()
    };
    given(azure.answer(call), persona)
}
