//! The kubelet's own port, as far as the API server asks it: `pods/log`.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, RawQuery, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;

use super::cluster::Inner;
use crate::kubernetes::{Query, logs, place, uid};
use crate::tls::TlsListener;

/// Answers for as long as the future is polled.
pub(crate) async fn serve(inner: Arc<Inner>, listener: TlsListener) {
    let path = "/containerLogs/{namespace}/{pod}/{container}";
    let router = Router::new().route(path, get(answer)).with_state(inner);
    let _ = axum::serve(listener, router).await;
}

async fn answer(
    State(inner): State<Arc<Inner>>,
    Path((namespace, name, container)): Path<(String, String, String)>,
    RawQuery(query): RawQuery,
) -> Response {
    let pods = inner.pods.list();
    let Some(pod) = pods
        .iter()
        .find(|pod| place(pod) == (namespace.as_str(), name.as_str()))
    else {
        let text = format!("pod \"{name}\" not found");
        return (StatusCode::NOT_FOUND, text).into_response();
    };
    let mut statuses = pod["status"]["containerStatuses"].as_array().into_iter().flatten();
    let status = statuses.find(|status| status["name"] == container.as_str());
    let reason = status.and_then(|status| status["state"]["waiting"]["reason"].as_str());
    let waits = reason.filter(|reason| *reason != "CrashLoopBackOff");
    if let Some(why) = waits {
        // The API server hands the kubelet's text on as it is.
        let text = format!("container \"{container}\" in pod \"{name}\" is waiting to start: {why}");
        return (StatusCode::BAD_REQUEST, text).into_response();
    }
    let query = Query::parse(&query.unwrap_or_default());
    let stopping = inner.stopping.subscribe();
    let key = (uid(pod), container);
    Response::new(logs::body(&inner.logs, stopping, &query, key))
}
