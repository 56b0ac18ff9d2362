//! The HTTPS port of Entra, ARM, the metadata document and the blob data plane.

use std::sync::Arc;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{ConnectInfo, Request, State};
use axum::http::{HeaderName, HeaderValue, Response, StatusCode};
use serde_json::Value;

use super::answer::Answer;
use super::conformance::{Case, judge};
use super::engine::Azure;
use super::faults::{Kind, strike};
use super::front::{Asked, Given, answer};
use super::path::Target;
use super::{control, ids, verbatim};
use crate::log::{Answered, Entry, RequestLog};
use crate::planes::Clock;
use crate::tls::{Breaker, TlsListener};

/// ARM's id of one request.
const REQUEST_ID: &str = "x-ms-request-id";
/// ARM's id of all requests that belong together.
const CORRELATION_ID: &str = "x-ms-correlation-request-id";

/// What every request needs.
#[derive(Clone)]
struct Site {
    azure: Arc<Azure>,
    log: RequestLog,
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
    let asked = take(request).await;
    if asked.target.starts_with("/_sandbox/") {
        let body = String::from_utf8_lossy(&asked.body).into_owned();
        let target = Target::parse(&asked.target);
        let answer = control::answer(&site.azure, &site.log, &asked.method, &target, &body);
        return response(&asked, Given::plain("", answer), false);
    }
    site.log.arrived(&asked.method, &asked.target);
    let fault = strike(&mut site.azure.lock().settings.faults, &asked.method, &asked.target);
    let mut given = match site.azure.replays.answer(&asked.method, &asked.target) {
        Some(played) if played.done => {
            let own = answer(&site.azure, &asked, fault.as_ref());
            if own.answer.status < 400 { played.given } else { own }
        }
        Some(played) => played.given,
        None => answer(&site.azure, &asked, fault.as_ref()),
    };
    identify(&asked, &mut given.answer);
    linger(&site.azure, given.answer.delay).await;
    record(&site, &asked, &given, arrived);
    match fault {
        Some(Kind::ResetBefore | Kind::ResetAfter) => breaker.trip(),
        // Until the client has had enough.
        Some(Kind::Hang | Kind::HangAfter) => std::future::pending().await,
        _ => {}
    }
    response(&asked, given, fault == Some(Kind::Truncated))
}

/// Adds ARM's own ids of the request.
fn identify(asked: &Asked, answer: &mut Answer) {
    let sent = asked.headers.get("x-ms-correlation-request-id").cloned();
    answer.headers.push((REQUEST_ID.into(), ids::fresh()));
    answer
        .headers
        .push((CORRELATION_ID.into(), sent.unwrap_or_else(ids::fresh)));
}

async fn take(request: Request) -> Asked {
    let (parts, body) = request.into_parts();
    let target = parts
        .uri
        .path_and_query()
        .map_or_else(|| "/".to_owned(), ToString::to_string);
    let text = |value: &HeaderValue| value.to_str().unwrap_or_default().to_owned();
    let headers = parts
        .headers
        .iter()
        .map(|(name, value)| (name.to_string(), text(value)));
    let body = to_bytes(body, 4 << 20).await.map(|bytes| bytes.to_vec());
    Asked {
        method: parts.method.to_string(),
        target,
        headers: headers.collect(),
        body: verbatim::taken(body.unwrap_or_default()),
    }
}

/// Lets an answer wait for the model's latency and for what its provider took.
async fn linger(azure: &Azure, delay: f64) {
    let (latency, scale) = {
        let world = azure.lock();
        (world.settings.latency, world.settings.time_scale)
    };
    let delay = Clock { scale }.real(latency + delay);
    if !delay.is_zero() {
        tokio::time::sleep(delay).await;
    }
}

/// Whether a request asks for a change of the world: the POSTs that only ask do not.
fn is_write(service: &str, asked: &Asked) -> bool {
    let path = asked.target.split('?').next().unwrap_or_default().to_ascii_lowercase();
    let asks = [
        "/validateforbackup",
        "/validaterestore",
        "/checknameavailability",
        "/checkaccess",
        "/listclusterusercredential",
        "/listclusteradmincredential",
        "/listkeys",
        "/microsoft.resourcegraph/resources",
    ];
    match asked.method.as_str() {
        "PUT" | "PATCH" | "DELETE" => true,
        "POST" => service == "arm" && !asks.iter().any(|end| path.ends_with(end)),
        _ => false,
    }
}

/// Writes the log. Requests to ARM are judged there, also those that a fault strikes, and every answer that leaves.
fn record(site: &Site, asked: &Asked, given: &Given, arrived: u64) {
    let number = site.log.open(Entry {
        arrived_ms: arrived,
        answered_ms: site.log.now_ms(),
        service: given.service.to_owned(),
        persona: given.persona.clone(),
        agent: asked.header("user-agent"),
        method: asked.method.clone(),
        target: asked.target.clone(),
        status: given.answer.status,
        write: is_write(given.service, asked),
        client_request_id: asked.header("x-ms-client-request-id"),
        request_id: given.answer.header(REQUEST_ID),
        correlation_id: given.answer.header(CORRELATION_ID),
        retry_after_ms: wish(&given.answer),
        recorded: given.recorded,
        violations: Vec::new(),
    });
    let metadata = asked.target.to_ascii_lowercase().starts_with("/metadata");
    if given.service == "arm" && !metadata {
        site.log.answered(|| answered(asked, &given.answer));
    }
    // Recordings are of other api-versions.
    if given.service != "arm" || metadata || given.recorded {
        return site.log.close(number, Vec::new());
    }
    judge(Case {
        log: site.log.clone(),
        number,
        method: asked.method.clone(),
        target: asked.target.clone(),
        sent: sent(&asked.body),
        status: given.answer.status,
        answered: given.answer.body.as_ref().map(verbatim::without),
    });
}

fn answered(asked: &Asked, answer: &Answer) -> Answered {
    let headers = answer.headers.iter();
    Answered {
        method: asked.method.clone(),
        target: asked.target.clone(),
        status: answer.status,
        headers: headers
            .map(|(name, value)| (name.to_ascii_lowercase(), value.clone()))
            .collect(),
        body: answer.body.as_ref().map(verbatim::without),
    }
}

/// What was sent, as JSON. What is none is a text, which no definition takes for a body.
fn sent(body: &[u8]) -> Option<Value> {
    let text = || Value::String(String::from_utf8_lossy(body).into_owned());
    let parsed = serde_json::from_slice(body).unwrap_or_else(|_| text());
    (!body.is_empty()).then(|| verbatim::without(&parsed))
}

/// How long an answer wants its client to wait, in milliseconds.
fn wish(answer: &Answer) -> Option<u64> {
    let milliseconds = answer.header("retry-after-ms").parse().ok();
    let seconds = || answer.header("Retry-After").parse::<u64>().ok();
    milliseconds.or_else(|| seconds().map(|seconds| seconds.saturating_mul(1000)))
}

/// The body as it is, or its first half, behind which the connection breaks.
fn body(text: String, truncated: bool) -> Body {
    if !truncated {
        return Body::from(text);
    }
    let half = text.as_bytes()[..text.len() / 2].to_vec();
    let parts = [Ok(half), Err(std::io::Error::from(std::io::ErrorKind::ConnectionReset))];
    Body::from_stream(futures::stream::iter(parts))
}

fn response(asked: &Asked, given: Given, truncated: bool) -> Response<Body> {
    let Given { answer, text, .. } = given;
    let (kind, content) = match (text, answer.body) {
        (Some((kind, text)), _) => (kind, text),
        (None, Some(body)) => ("application/json; charset=utf-8", verbatim::spelt(&body)),
        (None, None) => ("", String::new()),
    };
    let content = if asked.method == "HEAD" { String::new() } else { content };
    let mut headers = answer.headers;
    headers.push(("cache-control".into(), "no-cache".to_owned()));
    if truncated {
        headers.push(("content-length".into(), content.len().to_string()));
    }
    if !kind.is_empty() {
        headers.push(("content-type".into(), kind.to_owned()));
    }
    let mut response = Response::new(body(content, truncated));
    *response.status_mut() = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    for (name, value) in headers {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(&*name), HeaderValue::try_from(value)) {
            response.headers_mut().insert(name, value);
        }
    }
    response
}
