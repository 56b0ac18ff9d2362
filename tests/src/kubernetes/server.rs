//! The API server's front door: who calls, what is asked for, and the request log.

use std::sync::Arc;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri, header};
use axum::response::Response;
use serde_json::Value;
use tokio::task::JoinSet;

use super::access::{Attributes, User};
use super::cluster::Kubernetes;
use super::status::Refusal;
use super::target::{self, Named, Query, Target};
use super::{controllers, discovery, logs, protobuf, reviews, tokens, verbs, watch};
use crate::log::{Entry, RequestLog};
use crate::tls::TlsListener;

/// A request, as far as the verbs look at it.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) method: Method,
    pub(crate) query: Query,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    pub(crate) user: User,
}

impl Request {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
    }

    /// The body as JSON.
    ///
    /// # Errors
    /// 415 for another format, 400 for broken JSON.
    pub(crate) fn json(&self) -> Result<Value, Refusal> {
        if self.header("content-type").contains("protobuf") {
            return protobuf::decode(&self.body).ok_or_else(Refusal::unsupported_media_type);
        }
        serde_json::from_slice(&self.body).map_err(|error| Refusal::bad_request(&format!("invalid JSON: {error}")))
    }
}

/// What comes out of a request.
pub(crate) type Answer = Result<Response, Refusal>;

/// An answer of JSON.
pub(crate) fn json(code: StatusCode, value: &Value) -> Response {
    let mut response = Response::new(Body::from(value.to_string()));
    *response.status_mut() = code;
    response.headers_mut().insert(
        header::CONTENT_TYPE,
        header::HeaderValue::from_static("application/json"),
    );
    response
}

impl Kubernetes {
    /// Answers API requests on `listener` and runs the controllers (so once for each cluster), until `shut_down` or until the future is dropped.
    pub async fn serve(self: &Arc<Self>, listener: TlsListener, log: RequestLog) {
        let mut stopping = self.stopping();
        let router = Router::new().fallback(answer).with_state((Arc::clone(self), log));
        let mut stopped = self.stopping();
        let server = axum::serve(listener, router).with_graceful_shutdown(async move {
            let _ = stopping.wait_for(|stop| *stop).await;
        });
        // Controllers with much to do must not keep clients waiting; dropped, the set ends them.
        let (mut beside, cluster) = (JoinSet::new(), Arc::clone(self));
        beside.spawn(async move { controllers::run(&cluster).await });
        tokio::select! {
            _ = server => {}
            _ = beside.join_next() => {}
            _ = stopped.wait_for(|stop| *stop) => {}
        }
    }

    fn user(&self, headers: &HeaderMap) -> Result<User, Refusal> {
        let of = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        let text = |name: &str| of(name).unwrap_or_default();
        let token = text("authorization").strip_prefix("Bearer ").unwrap_or_default();
        let state = self.state().clone();
        let persona = state.personas.iter().find(|persona| persona.token == token);
        let known = persona
            .map(User::from_persona)
            .or_else(|| state.tokens.get(token).cloned());
        let caller = known.ok_or_else(Refusal::unauthorized)?;
        let wanted = text("impersonate-user");
        if wanted.is_empty() {
            return Ok(caller);
        }
        let (verb, resource) = ("impersonate", "users");
        if !caller.may(&Attributes {
            verb,
            group: "",
            resource,
            namespace: None,
            name: Some(wanted),
        }) {
            let why = format!(
                "users \"{wanted}\" is forbidden: User \"{}\" cannot impersonate resource \"users\" \
                 in API group \"\" at the cluster scope",
                caller.name
            );
            return Err(Refusal::new(403, "Forbidden", &why, Value::Null));
        }
        let groups = headers
            .get_all("impersonate-group")
            .iter()
            .filter_map(|value| value.to_str().ok());
        let groups = groups.map(str::to_owned).collect();
        let persona = state.personas.iter().find(|persona| persona.name == wanted);
        Ok(persona.map_or_else(|| User::named(wanted, groups), User::from_persona))
    }
}

async fn answer(
    State((cluster, log)): State<(Arc<Kubernetes>, RequestLog)>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let arrived_ms = log.now_ms();
    log.arrived(method.as_str(), uri.path());
    let target = target::parse(uri.path());
    let query = Query::parse(uri.query().unwrap_or_default());
    let name = method.to_string();
    let agent = headers.get("user-agent").and_then(|value| value.to_str().ok());
    let agent = agent.unwrap_or_default().to_owned();
    let request = cluster.user(&headers).map(|user| Request {
        method,
        query,
        headers,
        body,
        user,
    });
    let persona = request
        .as_ref()
        .map(|request| request.user.name.clone())
        .unwrap_or_default();
    let write = request.as_ref().is_ok_and(|request| is_write(request, &target));
    let outcome = request.and_then(|request| dispatch(&cluster, &request, &target));
    let response = outcome.unwrap_or_else(refused);
    let latency = cluster.state().latency;
    if latency > 0.0 {
        tokio::time::sleep(cluster.clock.real(latency)).await;
    }
    log.push(Entry {
        arrived_ms,
        answered_ms: log.now_ms(),
        service: "kubernetes".to_owned(),
        persona,
        agent,
        method: name,
        target: uri.to_string(),
        status: response.status().as_u16(),
        write,
        ..Entry::default()
    });
    response
}

fn refused(refusal: Refusal) -> Response {
    let code = StatusCode::from_u16(refusal.code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    json(code, &refusal.body)
}

fn is_write(request: &Request, target: &Target) -> bool {
    let Target::Resource(named) = target else { return false };
    let changes = request.method != Method::GET && request.method != Method::HEAD;
    let token = named.subresource.as_deref() == Some("token");
    changes && !request.query.dry_run() && !named.resource.review && !token
}

fn dispatch(cluster: &Arc<Kubernetes>, request: &Request, target: &Target) -> Answer {
    let named = match target {
        Target::Path(path) if !request.user.may_get_path(path) => {
            let why = format!("forbidden: User \"{}\" cannot get path \"{path}\"", request.user.name);
            return Err(Refusal::new(403, "Forbidden", &why, serde_json::json!({})));
        }
        Target::Path(path) => {
            unknown_resource(request, path)?;
            return discovery::answer(cluster, path);
        }
        Target::Resource(named) => named,
    };
    let verb = verb(request, named)?;
    if !discovery::served(cluster, named.resource) {
        return Err(Refusal::no_such_path());
    }
    let path = named.resource_path();
    let asked = Attributes {
        verb,
        group: named.resource.group,
        resource: &path,
        namespace: named.namespace.as_deref(),
        name: named.name.as_deref(),
    };
    if !request.user.may(&asked) {
        return Err(request.user.refusal(named.resource, &asked));
    }
    match (verb, named.subresource.as_deref()) {
        ("create", None) if named.resource.review => reviews::answer(cluster, request, named),
        ("create", Some("token")) => tokens::request(cluster, request, named),
        ("get", Some("log")) => logs::answer(cluster, request, named),
        ("watch", None) => watch::answer(cluster, request, named),
        _ => verbs::answer(cluster, request, named, verb),
    }
}

/// Rights are looked at before anything else, so that nobody learns which resources there are.
fn unknown_resource(request: &Request, path: &str) -> Result<(), Refusal> {
    let Some((group, namespace, resource, name)) = target::unknown(path) else {
        return Ok(());
    };
    let verb = match (request.method.as_str(), name.is_some()) {
        ("GET", true) => "get",
        ("GET", false) => "list",
        ("POST", _) => "create",
        ("PUT", _) => "update",
        ("DELETE", _) => "delete",
        _ => "patch",
    };
    let asked = Attributes {
        verb,
        group,
        resource,
        namespace,
        name,
    };
    if request.user.may(&asked) {
        return Ok(());
    }
    let why = format!(
        "{resource} is forbidden: User \"{}\" cannot {verb} resource \"{resource}\" in API group \"{group}\"",
        request.user.name
    );
    Err(Refusal::new(403, "Forbidden", &why, Value::Null))
}

/// The verb of role-based access control that a request stands for.
fn verb(request: &Request, named: &Named) -> Result<&'static str, Refusal> {
    let known = |wanted: &str| named.resource.subresources.iter().any(|(own, _)| *own == wanted);
    if named.subresource.as_deref().is_some_and(|wanted| !known(wanted)) {
        return Err(Refusal::no_such_path());
    }
    match (request.method.as_str(), named.name.is_some()) {
        ("GET" | "HEAD", _) if request.query.flag("watch") => Ok("watch"),
        ("GET" | "HEAD", true) => Ok("get"),
        ("GET" | "HEAD", false) => Ok("list"),
        ("POST", false) => Ok("create"),
        ("POST", true) if named.subresource.is_some() => Ok("create"),
        ("PUT", true) => Ok("update"),
        ("PATCH", true) => Ok("patch"),
        ("DELETE", true) => Ok("delete"),
        _ => Err(Refusal::method_not_allowed(named.resource)),
    }
}
