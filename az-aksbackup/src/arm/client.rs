//! Reads and writes ARM. A reader cannot write: a dry run holds only that.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aksbackup_shared::bounds::{TOO_LARGE, UNREADABLE};
use aksbackup_shared::deadline::Deadline;
use aksbackup_shared::exit::Exit;
use aksbackup_shared::failure::{Failure, Outcome};
use aksbackup_shared::pace::Pace;
use azure_core::credentials::TokenCredential;
use azure_core::http::headers::{ACCEPT, CONTENT_TYPE, HeaderName, Headers, IF_MATCH};
use azure_core::http::policies::Policy;
use azure_core::http::policies::auth::BearerTokenAuthorizationPolicy;
use azure_core::http::{Context, Method, Pipeline, PipelineSendOptions, Request, Transport, Url};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::answer::Answer;
use super::call::{Call, Raw};
use super::{error, versions};
use crate::cloud::Cloud;
use crate::http::retry::{Attempts, Late, Once, Trace};
use crate::http::timeout::Limit;
use crate::http::transport;
use crate::login::{Caller, Login};

/// The longest that one call may take with all its tries and pauses.
const CALL_LIMIT: Duration = Duration::from_secs(420);
/// The most pages of a list.
const PAGES: usize = 1000;
/// The most bytes of all pages of a list together.
const OF_LIST: usize = 48 << 20;

mod kept;
mod write;

use kept::Kept;
pub(crate) use write::{Told, Writer};

/// Reads ARM: GETs, and POSTs that only read.
#[derive(Clone)]
pub(crate) struct Reader {
    inner: Arc<Inner>,
    /// What several clusters share, in a run that only reads.
    kept: Option<Arc<Kept>>,
}

struct Inner {
    pipeline: Pipeline,
    cloud: Cloud,
    caller: Caller,
    pace: Pace,
    deadline: Deadline,
    /// Versions that stand in for those that Azure did not offer, by kind and version.
    replaced: Mutex<HashMap<(String, String), &'static str>>,
}

impl std::fmt::Debug for Reader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reader")
            .field("cloud", &self.inner.cloud.name)
            .finish_non_exhaustive()
    }
}

impl Reader {
    /// A reader of `cloud` for `caller`, who is signed in by `login`. `trace` hears of each request; none goes on beyond
    /// `deadline`.
    pub(crate) fn new(
        transport: Transport,
        cloud: Cloud,
        login: &Arc<Login>,
        caller: Caller,
        trace: Trace,
        deadline: Deadline,
    ) -> Self {
        let pace = cloud.pace();
        let credential: Arc<dyn TokenCredential> = login.clone();
        let bearer = BearerTokenAuthorizationPolicy::new(credential, [cloud.scope()]);
        let attempts = Attempts::new(pace, Some(login.renewal()), trace, deadline);
        let policies: Vec<Arc<dyn Policy>> = vec![Arc::new(attempts), Arc::new(bearer), Arc::new(Limit::of_arm(pace))];
        let pipeline = transport::pipeline(transport, policies);
        let replaced = Mutex::new(HashMap::new());
        Self {
            inner: Arc::new(Inner {
                pipeline,
                cloud,
                caller,
                pace,
                deadline,
                replaced,
            }),
            kept: None,
        }
    }

    /// A reader with the same budgets that reads once what several clusters share, such as a vault, its resource group, and the
    /// permissions there. It is for runs that only read: a change that is made meanwhile isn't seen.
    pub(crate) fn reading_once(&self) -> Self {
        Self {
            inner: Arc::clone(&self.inner),
            kept: Some(Arc::default()),
        }
    }

    /// Reads the resource at `path`: absolute, without api-version, perhaps with a query. `None` where there is none.
    ///
    /// # Errors
    /// Exit 4: not permitted, with action and scope. Exit 1: everything else.
    pub(crate) async fn get<T: DeserializeOwned>(&self, path: &str, version: &str) -> Outcome<Option<T>> {
        let call = Call::new(Method::Get, path, version, None);
        let raw = self.once(&format!("{path} {version}"), self.send(&call)).await?;
        match raw.status {
            404 => Ok(None),
            200..300 => {
                names(&raw, &call)?;
                understood(&raw, &call).map(Some)
            }
            _ => raw.refused(&call.what()).err(),
        }
    }

    /// Reads all pages of the list at `path`. Further pages are read from the ARM host only.
    ///
    /// # Errors
    /// As [`Reader::get`]; a list that is not there (a missing group) is exit 3.
    pub(crate) async fn list<T: DeserializeOwned>(&self, path: &str, version: &str) -> Outcome<Vec<T>> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase", bound = "T: DeserializeOwned")]
        struct Page<T> {
            value: Vec<T>,
            next_link: Option<String>,
        }
        let call = Call::new(Method::Get, path, version, None);
        let mut raw = self.once(&format!("{path} {version}"), self.send(&call)).await?;
        let (mut items, mut seen, mut read) = (Vec::new(), HashSet::new(), 0);
        loop {
            if !(200..300).contains(&raw.status) {
                return raw.refused(&call.what()).err();
            }
            let page: Page<T> = understood(&raw, &call)?;
            read += raw.body().len();
            items.extend(page.value);
            let Some(link) = page.next_link.filter(|link| !link.is_empty()) else {
                return Ok(items);
            };
            let next = Url::parse(&link).ok().filter(|url| self.is_arm(url));
            let Some(next) = next else {
                return unreadable(
                    &raw,
                    &call,
                    "the URL of the next page isn't on the host of Azure Resource Manager",
                )
                .err();
            };
            if !seen.insert(next.clone()) {
                return unreadable(&raw, &call, "the next page was already read").err();
            }
            if seen.len() >= PAGES || read > OF_LIST {
                let most = format!("{PAGES} pages or {} MiB", OF_LIST >> 20);
                let failure = Failure::failed(call.what()).code(TOO_LARGE);
                return failure
                    .because(format!("the list of {} has more than {most}", self.host()))
                    .err();
            }
            let (url, words) = (next.as_str(), call.object().words);
            raw = self.once(url, self.fetch(&next, &words)).await?;
        }
    }

    /// Asks a question by POST that changes nothing, such as whether a name is free.
    ///
    /// # Errors
    /// As [`Reader::get`]; an object that is not there is exit 3.
    pub(crate) async fn ask<T: DeserializeOwned>(&self, path: &str, version: &str, body: &Value) -> Outcome<T> {
        let call = Call::new(Method::Post, path, version, Some(body));
        let raw = self.send(&call).await?;
        match raw.status {
            200..300 => understood(&raw, &call),
            _ => raw.refused(&call.what()).err(),
        }
    }

    /// Asks a question as [`Reader::ask`] does, one that Azure might answer by an operation.
    ///
    /// # Errors
    /// As [`Reader::ask`].
    pub(crate) async fn inquire(&self, path: &str, version: &str, body: &Value) -> Outcome<Answer> {
        let call = Call::new(Method::Post, path, version, Some(body));
        let place = format!("{path} {version} {body}");
        Answer::of(self.once(&place, self.send(&call)).await?, &call)
    }

    /// Who is signed in.
    pub(crate) fn caller(&self) -> &Caller {
        &self.inner.caller
    }

    /// The cloud.
    pub(crate) fn cloud(&self) -> &Cloud {
        &self.inner.cloud
    }

    /// How fast time runs.
    pub(crate) fn pace(&self) -> Pace {
        self.inner.pace
    }

    /// Whether a URL is on the ARM host: tokens go nowhere else.
    pub(crate) fn is_arm(&self, url: &Url) -> bool {
        url.scheme() == "https" && url.origin() == self.inner.cloud.arm.origin() && url.username().is_empty()
    }

    /// The address in a header of an answer, if it is on the ARM host.
    pub(crate) fn address(&self, headers: &Headers, header: &'static str) -> Option<Url> {
        let text = headers.get_optional_str(&HeaderName::from_static(header))?;
        let url = Url::parse(text).ok()?;
        self.is_arm(&url).then_some(url)
    }

    fn host(&self) -> &str {
        self.inner.cloud.arm.host_str().unwrap_or_default()
    }

    /// Reads a URL of ARM's own, verbatim. The caller has seen to it that it is on the ARM host.
    pub(crate) async fn fetch(&self, url: &Url, what: &str) -> Outcome<Raw> {
        let what = format!("cannot read {what}");
        if !self.is_arm(url) {
            return Failure::failed(what)
                .because("the URL isn't on the host of Azure Resource Manager")
                .err();
        }
        self.transfer(Request::new(url.clone(), Method::Get), &Context::new(), &what)
            .await
    }

    /// What is at a path or URL: by `read`, or as it was kept.
    async fn once(&self, place: &str, read: impl Future<Output = Outcome<Raw>>) -> Outcome<Raw> {
        // Boxed, since the future of each look at a cluster holds many of them.
        let read = Box::pin(read);
        match &self.kept {
            Some(kept) => kept.read(place, read).await,
            None => read.await,
        }
    }

    async fn send(&self, call: &Call<'_>) -> Outcome<Raw> {
        let kind = call.object().kind;
        let mut version = self.replacement(&kind, call.version).unwrap_or(call.version).to_owned();
        loop {
            let raw = self.send_as(call, &version).await?;
            if raw.status != 400 && raw.status != 404 {
                return Ok(raw);
            }
            let failure = raw.refused("");
            let offered = failure.code.as_deref().filter(|code| versions::is_refusal(code));
            let Some(next) = offered.and_then(|_| versions::fallback(&kind, &version, &failure.why.join(" "))) else {
                return Ok(raw);
            };
            if let Ok(mut replaced) = self.inner.replaced.lock() {
                replaced.insert((kind.clone(), call.version.to_owned()), next);
            }
            next.clone_into(&mut version);
        }
    }

    fn replacement(&self, kind: &str, version: &str) -> Option<&'static str> {
        let replaced = self.inner.replaced.lock().ok()?;
        replaced.get(&(kind.to_owned(), version.to_owned())).copied()
    }

    async fn send_as(&self, call: &Call<'_>, version: &str) -> Outcome<Raw> {
        let mut request = Request::new(self.url(call.path, version)?, call.method);
        if let Some(body) = call.body {
            request.insert_header(CONTENT_TYPE, "application/json");
            request.set_body(body.to_string());
        }
        if let Some(tag) = call.if_match {
            request.insert_header(IF_MATCH, tag.to_owned());
        }
        let mut context = Context::new();
        if call.once {
            context.insert(Once);
        }
        self.transfer(request, &context, &call.what()).await
    }

    fn url(&self, path: &str, version: &str) -> Outcome<Url> {
        let base = self.inner.cloud.arm.as_str().trim_end_matches('/');
        let url = Url::parse(&format!("{base}{path}"))
            .ok()
            .filter(|url| path.starts_with('/') && self.is_arm(url));
        let Some(mut url) = url else {
            return Failure::failed(format!("cannot request {path}"))
                .because("the path isn't an Azure Resource Manager path")
                .err();
        };
        url.query_pairs_mut().append_pair("api-version", version);
        Ok(url)
    }

    async fn transfer(&self, mut request: Request, context: &Context<'_>, what: &str) -> Outcome<Raw> {
        request.insert_header(ACCEPT, "application/json");
        let options = PipelineSendOptions {
            skip_checks: true,
            ..PipelineSendOptions::default()
        };
        let sending = self.inner.pipeline.send(context, &mut request, Some(options));
        let (host, deadline) = (self.host(), self.inner.deadline);
        match tokio::time::timeout(CALL_LIMIT.min(deadline.left()), sending).await {
            Ok(Ok(response)) => {
                let (status, headers, body) = response.deconstruct();
                Ok(Raw::new(u16::from(status), headers, Vec::from(body.as_ref())))
            }
            Ok(Err(error)) => match error.downcast_ref::<Late>() {
                Some(late) => deadline.reached(format!("{what}: {host}: {late}")).err(),
                None => error::from_transport(what, host, &error).err(),
            },
            Err(_) if deadline.is_over() => deadline.reached(format!("{what}: waiting for {host}")).err(),
            Err(_) => Failure::new(Exit::Deadline, what)
                .because(format!("{host} didn't respond within {}s", CALL_LIMIT.as_secs()))
                .err(),
        }
    }
}

fn understood<T: DeserializeOwned>(raw: &Raw, call: &Call<'_>) -> Outcome<T> {
    serde_json::from_slice(raw.body()).or_else(|error| unreadable(raw, call, &error.to_string()).err())
}

/// The failure of an answer that cannot be understood, and why.
fn unreadable(raw: &Raw, call: &Call<'_>, why: &str) -> Failure {
    Failure::failed(call.what())
        .because(format!("unexpected response from Azure: {why}"))
        .code(UNREADABLE)
        .request_id(raw.request_id())
}

/// Refuses an object that is not the one that was asked for: nothing is said of an object by the body of another, or by one
/// that names none.
fn names(raw: &Raw, call: &Call<'_>) -> Outcome<()> {
    #[derive(Deserialize)]
    struct Named {
        id: Option<String>,
        name: Option<String>,
    }
    let own: Named = understood(raw, call)?;
    let last = |path: &str| path.rsplit('/').next().unwrap_or_default().to_ascii_lowercase();
    let asked = last(call.path.split('?').next().unwrap_or_default());
    let told = [own.id.as_deref().map(last), own.name.as_deref().map(last)];
    match told.iter().flatten().any(|name| *name == asked) {
        true => Ok(()),
        false if told.iter().flatten().next().is_none() => {
            unreadable(raw, call, "the response has neither an ID nor a name").err()
        }
        false => unreadable(raw, call, "the response describes a different object").err(),
    }
}

#[cfg(test)]
mod tests;
