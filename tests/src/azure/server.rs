//! The HTTPS port of Entra, ARM, the metadata document and the blob data plane.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{ConnectInfo, Request, State};
use axum::http::{HeaderName, HeaderValue, Response, StatusCode};
use serde_json::Value;

use super::answer::Answer;
use super::arm::authenticate;
use super::call::Call;
use super::engine::Azure;
use super::faults::{Kind, strike};
use super::path::Target;
use super::{blob, control, entra, ids, metadata};
use crate::log::{Entry, RequestLog};
use crate::planes::Clock;
use crate::tls::{Breaker, TlsListener};

/// What every request needs.
#[derive(Clone)]
struct Site {
    azure: Arc<Azure>,
    log: RequestLog,
}

/// A request, taken apart.
struct Asked {
    method: String,
    target: String,
    headers: BTreeMap<String, String>,
    body: Vec<u8>,
}

/// An answer with what the log wants to know.
struct Given {
    answer: Answer,
    service: &'static str,
    persona: String,
    /// Body in another type than JSON, with that type.
    text: Option<(&'static str, String)>,
}

impl Azure {
    /// Serves until the listener's runtime ends.
    pub async fn serve(self: Arc<Self>, listener: TlsListener, log: RequestLog) {
        let site = Site { azure: self, log };
        let router = Router::new().fallback(handle).with_state(site);
        let service = router.into_make_service_with_connect_info::<Breaker>();
        let _ = axum::serve(listener, service).await;
    }
}

async fn handle(
    State(site): State<Site>,
    ConnectInfo(breaker): ConnectInfo<Breaker>,
    request: Request,
) -> Response<Body> {
    let arrived = site.log.now_ms();
    let (parts, body) = request.into_parts();
    let target = parts
        .uri
        .path_and_query()
        .map_or_else(|| "/".to_owned(), ToString::to_string);
    let headers = parts
        .headers
        .iter()
        .map(|(name, value)| (name.to_string(), value.to_str().unwrap_or_default().to_owned()));
    let body = to_bytes(body, 4 << 20)
        .await
        .map(|bytes| bytes.to_vec())
        .unwrap_or_default();
    let asked = Asked {
        method: parts.method.to_string(),
        target,
        headers: headers.collect(),
        body,
    };
    if asked.target.starts_with("/_sandbox/") {
        let body = String::from_utf8_lossy(&asked.body).into_owned();
        let answer = control::answer(
            &site.azure,
            &site.log,
            &asked.method,
            &Target::parse(&asked.target),
            &body,
        );
        return response(
            &asked,
            Given {
                answer,
                service: "",
                persona: String::new(),
                text: None,
            },
        );
    }
    let fault = strike(&mut site.azure.lock().settings.faults, &asked.method, &asked.target);
    let given = match fault {
        Some(Kind::Status(status)) => struck(&site, &asked, status),
        Some(Kind::ResetBefore) => struck(&site, &asked, 0),
        Some(Kind::ResetAfter) | None => answer(&site, &asked),
    };
    let (latency, scale) = {
        let world = site.azure.lock();
        (world.settings.latency, world.settings.time_scale)
    };
    let delay = Clock { scale }.real(latency + given.answer.delay);
    if !delay.is_zero() {
        tokio::time::sleep(delay).await;
    }
    record(&site, &asked, &given, arrived);
    if matches!(fault, Some(Kind::ResetBefore | Kind::ResetAfter)) {
        breaker.trip();
    }
    response(&asked, given)
}

fn service(target: &str) -> &'static str {
    let lower = target.to_ascii_lowercase();
    if lower.starts_with("/blob/") {
        "storage"
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

fn struck(site: &Site, asked: &Asked, status: u16) -> Given {
    let code = match status {
        429 => "TooManyRequests",
        500 => "InternalServerError",
        502 => "BadGateway",
        503 => "ServiceUnavailable",
        _ => "SandboxFault",
    };
    let mut answer = Answer::error(status, code, "The request was struck by a fault of the sandbox.");
    if matches!(status, 429 | 503) {
        answer = site.azure.lock().retry_after(answer, 5.0);
    }
    Given {
        answer,
        service: service(&asked.target),
        persona: String::new(),
        text: None,
    }
}

fn answer(site: &Site, asked: &Asked) -> Given {
    let target = Target::parse(&asked.target);
    let azure = &site.azure;
    let service = service(&asked.target);
    let plain = |answer: Answer| Given {
        answer,
        service,
        persona: String::new(),
        text: None,
    };
    if service == "storage" {
        let blob = blob::answer(azure, &asked.method, &target, &asked.headers);
        let mut answer = Answer::empty(blob.status);
        if !blob.code.is_empty() {
            answer = answer.with("x-ms-error-code", blob.code);
        }
        return Given {
            answer,
            service,
            persona: blob.persona,
            text: Some(("application/xml", blob.body)),
        };
    }
    if target.path().eq_ignore_ascii_case("/metadata/endpoints") {
        let shape = azure.lock().settings.metadata_shape.clone();
        return plain(metadata::answer(&azure.endpoint, &target, &shape));
    }
    if service == "entra" {
        let settings = azure.lock().settings.clone();
        let path = target.path();
        let answer = entra::answer(
            &settings,
            &azure.endpoint,
            &azure.mint,
            &asked.method,
            &path,
            &asked.body,
        );
        let persona = client_of(&asked.body);
        let answer = answer.unwrap_or_else(|| Answer::error(404, "NotFound", "There is nothing here."));
        return Given {
            answer,
            service,
            persona,
            text: None,
        };
    }
    arm(azure, asked, target)
}

fn client_of(form: &[u8]) -> String {
    let client = url::form_urlencoded::parse(form)
        .find(|(key, _)| key == "client_id")
        .map(|(_, value)| value.into_owned());
    let all = super::personas::all();
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

/// Whether a request asks for a change of the world: the POSTs that only ask do not.
fn is_write(service: &str, asked: &Asked) -> bool {
    let path = asked.target.split('?').next().unwrap_or_default().to_ascii_lowercase();
    let asks = [
        "/validateforbackup",
        "/checknameavailability",
        "/checkaccess",
        "/listclusterusercredential",
    ];
    match asked.method.as_str() {
        "PUT" | "PATCH" | "DELETE" => true,
        "POST" => service == "arm" && !asks.iter().any(|end| path.ends_with(end)),
        _ => false,
    }
}

fn record(site: &Site, asked: &Asked, given: &Given, arrived: u64) {
    site.log.push(Entry {
        arrived_ms: arrived,
        answered_ms: site.log.now_ms(),
        service: given.service.to_owned(),
        persona: given.persona.clone(),
        method: asked.method.clone(),
        target: asked.target.clone(),
        status: given.answer.status,
        write: is_write(given.service, asked),
        violations: Vec::new(),
    });
}

fn response(asked: &Asked, given: Given) -> Response<Body> {
    let Given { answer, text, .. } = given;
    let (kind, body) = match (text, answer.body) {
        (Some((kind, text)), _) => (kind, text),
        (None, Some(body)) => ("application/json; charset=utf-8", body.to_string()),
        (None, None) => ("", String::new()),
    };
    let body = if asked.method == "HEAD" { String::new() } else { body };
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let correlation = asked
        .headers
        .get("x-ms-correlation-request-id")
        .cloned()
        .unwrap_or_else(ids::fresh);
    let request = ids::fresh();
    let mut headers = answer.headers;
    headers.push(("x-ms-request-id", request));
    headers.push(("x-ms-correlation-request-id", correlation));
    headers.push(("cache-control", "no-cache".to_owned()));
    if !kind.is_empty() {
        headers.push(("content-type", kind.to_owned()));
    }
    for (name, value) in headers {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
            response.headers_mut().insert(name, value);
        }
    }
    response
}
