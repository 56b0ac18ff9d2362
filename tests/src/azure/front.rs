//! Which service a request is for, and its answer.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use super::answer::Answer;
use super::arm::{authenticate, remaining};
use super::call::Call;
use super::doom::Doom;
use super::engine::Azure;
use super::faults::Kind;
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
    /// Whether it is a recorded answer of Azure.
    pub(crate) recorded: bool,
}

/// Leading slashes count as one, as Resource Manager takes them: SDKs that put a scope behind a slash send two.
fn service(target: &str) -> &'static str {
    let lower = format!("/{}", target.trim_start_matches('/').to_ascii_lowercase());
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

impl Asked {
    /// A header by its name in lower case, empty where it is missing.
    pub(crate) fn header(&self, name: &str) -> String {
        self.headers.get(name).cloned().unwrap_or_default()
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
            recorded: false,
        }
    }
}

/// The answer to a request that a fault strikes; one of a status 0 never leaves.
fn struck(azure: &Azure, asked: &Asked, status: u16, code: &str) -> Given {
    let own = "The request was struck by a fault of the \"sandbox\".\r\nIt says so in two lines.";
    let message = match azure.lock().settings.fault_message.clone() {
        said if said.is_empty() => own.to_owned(),
        said => said,
    };
    let mut answer = Answer::error(status, code, &message);
    if matches!(status, 429 | 503) {
        answer = azure.lock().retry_after(answer, 5.0);
    }
    if status == 429 {
        answer = answer.with("x-ms-failure-cause", "gateway");
    }
    // Resource Manager's own refusal says that its bucket is empty; a provider's says nothing about it (recorded: a
    // `ResourceRequestsThrottled` of Recovery Services).
    if code == "SubscriptionRequestsThrottled" {
        answer = answer.with(remaining(&asked.method), "0");
    }
    Given::plain(service(&asked.target), answer)
}

/// 401 of continuous access evaluation: a token that was good until now lacks claims.
/// <https://learn.microsoft.com/entra/identity-platform/claims-challenge>
fn challenged(azure: &Azure, asked: &Asked) -> Given {
    let claims = STANDARD.encode(r#"{"access_token":{"nbf":{"essential":true,"value":"1700000000"}}}"#);
    let challenge = format!(
        "Bearer realm=\"\", authorization_uri=\"{}/common/oauth2/authorize\", error=\"insufficient_claims\", \
         claims=\"{claims}\"",
        azure.endpoint
    );
    let message = "Continuous access evaluation resulted in challenge with result: InteractionRequired and code: \
                   TokenIssuedBeforeRevocationTimestamp";
    let answer = Answer::error(401, "InvalidAuthenticationToken", message);
    Given::plain(service(&asked.target), answer.with("WWW-Authenticate", challenge))
}

/// The answer of the service that the path belongs to, or of the fault that strikes.
pub(crate) fn answer(azure: &Azure, asked: &Asked, fault: Option<&Kind>) -> Given {
    match fault {
        Some(Kind::Status(status, code)) => return struck(azure, asked, *status, code),
        Some(Kind::ResetBefore | Kind::Hang) => return struck(azure, asked, 0, ""),
        Some(Kind::Claims) => return challenged(azure, asked),
        Some(Kind::ResetAfter | Kind::HangAfter | Kind::Truncated | Kind::Fails(_) | Kind::Cancels) | None => {}
    }
    let target = Target::parse(&asked.target);
    if target.path().eq_ignore_ascii_case("/metadata/endpoints") {
        let settings = azure.lock().settings.clone();
        return Given::plain("arm", metadata::answer(&azure.endpoint, &target, &settings));
    }
    match service(&asked.target) {
        "storage" => storage(azure, asked, &target),
        "entra" => sign_in(azure, asked, &target),
        "graph" => directory(azure, asked, &target),
        _ => arm(azure, asked, target, Doom::of(fault)),
    }
}

fn storage(azure: &Azure, asked: &Asked, target: &Target) -> Given {
    let blob = blob::answer(azure, &asked.method, (target, &asked.target), &asked.headers);
    let mut answer = Answer::empty(blob.status);
    if !blob.code.is_empty() {
        answer = answer.with("x-ms-error-code", blob.code);
    }
    Given {
        answer,
        service: "storage",
        persona: blob.persona,
        text: Some(("application/xml", blob.body)),
        recorded: false,
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

fn arm(azure: &Azure, asked: &Asked, target: Target, doom: Option<Doom>) -> Given {
    let given = |answer, persona| Given {
        persona,
        ..Given::plain("arm", answer)
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
        doom,
        ..Call::default()
    };
    given(azure.answer(call), persona)
}
