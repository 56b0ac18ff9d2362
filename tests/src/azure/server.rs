//! The HTTPS port of Entra, ARM, the metadata document and the blob data plane.

use std::sync::Arc;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{ConnectInfo, Request, State};
use axum::http::{HeaderName, HeaderValue, Response, StatusCode};

use super::conformance::{Case, judge};
use super::engine::Azure;
use super::faults::{Kind, strike};
use super::front::{Asked, Given, answer, struck};
use super::path::Target;
use super::{control, ids};
use crate::log::{Entry, RequestLog};
use crate::planes::Clock;
use crate::tls::{Breaker, TlsListener};

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
        return response(&asked, Given::plain("", answer));
    }
    let fault = strike(&mut site.azure.lock().settings.faults, &asked.method, &asked.target);
    let given = match fault {
        Some(Kind::Status(status, ref code)) => struck(&site.azure, &asked, status, code),
        Some(Kind::ResetBefore) => struck(&site.azure, &asked, 0, ""),
        Some(Kind::ResetAfter) | None => answer(&site.azure, &asked),
    };
    linger(&site.azure, given.answer.delay).await;
    record(&site, &asked, &given, arrived, fault.is_some());
    if matches!(fault, Some(Kind::ResetBefore | Kind::ResetAfter)) {
        breaker.trip();
    }
    response(&asked, given)
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
        body: body.unwrap_or_default(),
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

/// Writes the log. Requests to ARM are judged there, unless a fault of the sandbox answered.
fn record(site: &Site, asked: &Asked, given: &Given, arrived: u64, struck: bool) {
    let number = site.log.open(Entry {
        arrived_ms: arrived,
        answered_ms: site.log.now_ms(),
        service: given.service.to_owned(),
        persona: given.persona.clone(),
        agent: asked.headers.get("user-agent").cloned().unwrap_or_default(),
        method: asked.method.clone(),
        target: asked.target.clone(),
        status: given.answer.status,
        write: is_write(given.service, asked),
        violations: Vec::new(),
    });
    let metadata = asked.target.to_ascii_lowercase().starts_with("/metadata");
    if given.service != "arm" || metadata || struck {
        return site.log.close(number, Vec::new());
    }
    judge(Case {
        log: site.log.clone(),
        number,
        method: asked.method.clone(),
        target: asked.target.clone(),
        sent: serde_json::from_slice(&asked.body).ok(),
        status: given.answer.status,
        answered: given.answer.body.clone(),
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
