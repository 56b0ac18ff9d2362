//! The client against a transport that answers from a script.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use aksbackup_shared::bounds::UNREADABLE;
use aksbackup_shared::deadline::Deadline;
use aksbackup_shared::exit::Exit;
use async_trait::async_trait;
use azure_core::error::ErrorKind;
use azure_core::http::headers::Headers;
use azure_core::http::{AsyncRawResponse, HttpClient, Request, StatusCode, Transport, Url};
use serde_json::{Value, json};

use super::{Reader, Told, Writer};
use crate::arm::versions;
use crate::cloud::Cloud;
use crate::login::{Caller, Login, Way};

mod graph;
mod operations;

const GROUP: &str = "/subscriptions/0b1f6471-1bf0-4dda-aec3-cb9272f09590/resourceGroups/rg";
const ARM: &str = "https://management.azure.com";

/// One answer of the script.
struct Line {
    status: u16,
    headers: Vec<(&'static str, String)>,
    body: Value,
}

fn line(status: u16, body: Value) -> Line {
    Line {
        status,
        headers: Vec::new(),
        body,
    }
}

impl Line {
    fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }
}

/// Answers ARM from the script and Entra with a new token each time; notes what was asked. Status 0 breaks the connection.
struct Script {
    lines: Mutex<VecDeque<Line>>,
    asked: Mutex<Vec<String>>,
}

impl std::fmt::Debug for Script {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Script").finish_non_exhaustive()
    }
}

impl Script {
    fn new(lines: impl IntoIterator<Item = Line>) -> Arc<Self> {
        Arc::new(Self {
            lines: Mutex::new(lines.into_iter().collect()),
            asked: Mutex::default(),
        })
    }

    fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }

    fn reader(self: &Arc<Self>) -> Reader {
        self.reader_until(Deadline::none())
    }

    fn reader_until(self: &Arc<Self>, deadline: Deadline) -> Reader {
        let transport = Transport::new(self.clone());
        let cloud = Cloud::known("AzureCloud").unwrap();
        let login = Login::new(Way::with_secret(&transport).at(&cloud));
        let id = "0b1f6471-1bf0-4dda-aec3-cb9272f09590";
        let caller = Caller {
            object_id: id.parse().unwrap(),
            tenant: id.parse().unwrap(),
            name: "ada".into(),
        };
        Reader::new(transport, cloud, &login, caller, Arc::new(|_| {}), deadline)
    }

    fn writer(self: &Arc<Self>) -> Writer {
        Writer::without_file(self.reader())
    }
}

#[async_trait]
impl HttpClient for Script {
    async fn execute_request(&self, request: &Request) -> azure_core::Result<AsyncRawResponse> {
        let mut asked = self.asked.lock().unwrap();
        let url = request.url();
        if url.host_str() == Some("login.microsoftonline.com") {
            let number = asked.iter().filter(|line| line.starts_with("token")).count() + 1;
            asked.push(format!("token {number}"));
            let body = json!({ "token_type": "Bearer", "expires_in": 3600, "access_token": format!("t{number}") });
            return Ok(AsyncRawResponse::from_bytes(
                StatusCode::Ok,
                Headers::new(),
                body.to_string(),
            ));
        }
        let bearer = request
            .headers()
            .get_optional_string(&"authorization".into())
            .unwrap_or_default();
        let bearer = bearer.trim_start_matches("Bearer ");
        asked.push(format!("{} {}{} {bearer}", request.method(), url.path(), query(url)));
        let line = self
            .lines
            .lock()
            .unwrap()
            .pop_front()
            .expect("the script has no more lines");
        if line.status == 0 {
            return Err(azure_core::Error::with_message(ErrorKind::Io, "connection reset"));
        }
        let mut headers = Headers::new();
        for (name, value) in line.headers {
            headers.insert(name, value);
        }
        let body = if line.body.is_null() {
            String::new()
        } else {
            line.body.to_string()
        };
        Ok(AsyncRawResponse::from_bytes(line.status.into(), headers, body))
    }
}

fn query(url: &Url) -> String {
    url.query()
        .map(|query| format!("?{}", query.trim_start_matches("api-version=")))
        .unwrap_or_default()
}

fn account() -> String {
    format!("{GROUP}/providers/Microsoft.Storage/storageAccounts/st1")
}

#[tokio::test]
async fn what_is_not_there_is_none_and_one_token_serves_all() {
    let script = Script::new([
        line(404, json!({ "error": { "code": "ResourceNotFound" } })),
        line(200, json!({ "name": "ST1" })),
    ]);
    let reader = script.reader();
    assert_eq!(reader.get::<Value>(&account(), "v1").await.unwrap(), None);
    assert_eq!(
        reader.get::<Value>(&account(), "v1").await.unwrap().unwrap()["name"],
        "ST1"
    );
    let expected = [
        "token 1".to_owned(),
        format!("GET {}?v1 t1", account()),
        format!("GET {}?v1 t1", account()),
    ];
    assert_eq!(script.asked(), expected);
}

#[tokio::test]
async fn a_refused_token_is_replaced_once() {
    let refused = || {
        line(
            401,
            json!({ "error": { "code": "ExpiredAuthenticationToken", "message": "old" } }),
        )
    };
    let script = Script::new([refused(), line(200, json!({ "name": "st1" }))]);
    assert!(script.reader().get::<Value>(&account(), "v1").await.unwrap().is_some());
    assert!(script.asked().last().unwrap().ends_with(" t2"));
    let script = Script::new([refused(), refused()]);
    let failure = script.reader().get::<Value>(&account(), "v1").await.unwrap_err();
    assert_eq!(failure.exit, Exit::NotPermitted);
    assert!(failure.has_code("ExpiredAuthenticationToken"));
}

#[tokio::test]
async fn pages_are_followed_on_the_arm_host_only() {
    let page = |link: &str| line(200, json!({ "value": [1], "nextLink": link }));
    let script = Script::new([
        page(&format!("{ARM}/next?api-version=v1&$skipToken=a%2Fb")),
        line(200, json!({ "value": [2] })),
    ]);
    assert_eq!(
        script
            .reader()
            .list::<i32>(&format!("{GROUP}/resources"), "v1")
            .await
            .unwrap(),
        [1, 2]
    );
    assert!(script.asked()[2].contains("/next?v1&$skipToken=a%2Fb"));
    for elsewhere in [
        "https://evil.example/next",
        "http://management.azure.com/next",
        "https://x@management.azure.com/next",
    ] {
        let script = Script::new([page(elsewhere)]);
        assert!(script.reader().list::<i32>(GROUP, "v1").await.is_err(), "{elsewhere}");
        assert_eq!(script.asked().len(), 2, "{elsewhere}");
    }
}

#[tokio::test]
async fn a_body_that_does_not_name_the_object_says_nothing_of_it() {
    for body in [
        json!({}),
        json!({ "name": "st2", "id": "/x/st3" }),
        json!({ "name": 1 }),
        json!([]),
    ] {
        let script = Script::new([line(200, body.clone())]);
        let failure = script.reader().get::<Value>(&account(), "v1").await.unwrap_err();
        assert!(failure.has_code(UNREADABLE), "{body}: {failure:?}");
    }
}

#[tokio::test]
async fn a_list_without_items_is_not_empty_and_no_page_is_read_twice() {
    let refused = async |lines: Vec<Line>| {
        let script = Script::new(lines);
        let failure = script.reader().list::<i32>(GROUP, "v1").await.unwrap_err();
        assert!(failure.has_code(UNREADABLE), "{failure:?}");
        script.asked().len() - 1
    };
    let page = |link: &str| line(200, json!({ "value": [], "nextLink": format!("{ARM}/{link}") }));
    assert_eq!(refused(vec![line(200, json!({}))]).await, 1);
    assert_eq!(refused(vec![page("a"), page("a")]).await, 2);
    assert_eq!(refused(vec![page("a"), page("b"), page("a")]).await, 3);
}

#[tokio::test]
async fn what_is_asked_for_too_late_is_not_waited_for() {
    let script = Script::new([line(429, json!({})).with("retry-after", "30")]);
    let reader = script.reader_until(Deadline::new(
        std::time::Instant::now(),
        std::time::Duration::from_secs(5),
    ));
    let failure = reader.get::<Value>(&account(), "v1").await.unwrap_err();
    assert_eq!(failure.exit, Exit::Deadline);
    assert!(failure.why[0].contains("HTTP 429, retrying in 30s"), "{failure:?}");
}

#[tokio::test]
async fn a_version_that_is_not_offered_is_replaced_for_the_whole_run() {
    let message = "The supported api-versions are '2021-09-01, 2023-05-01'.";
    let refusal = line(
        400,
        json!({ "error": { "code": "NoRegisteredProviderFound", "message": message } }),
    );
    let script = Script::new([
        refusal,
        line(200, json!({ "id": account() })),
        line(200, json!({ "id": account() })),
    ]);
    let reader = script.reader();
    for _ in 0..2 {
        assert!(
            reader
                .get::<Value>(&account(), versions::STORAGE)
                .await
                .unwrap()
                .is_some()
        );
    }
    let asked: Vec<String> = script
        .asked()
        .iter()
        .skip(1)
        .map(|line| line.split(['?', ' ']).nth(2).unwrap().to_owned())
        .collect();
    assert_eq!(asked, [versions::STORAGE, "2023-05-01", "2023-05-01"]);
}

#[tokio::test]
async fn an_action_that_counts_is_not_sent_again_once_it_may_have_arrived_but_others_are() {
    let path = format!("{}/act", account());
    for unclear in [line(0, Value::Null), line(503, json!({}))] {
        let script = Script::new([unclear]);
        let told = script.writer().post_once(&path, "v1", None).await.unwrap();
        assert!(matches!(told, Told::Nothing(_)), "{told:?}");
        assert_eq!(script.asked().len(), 2);
    }
    let script = Script::new([line(400, json!({}))]);
    assert!(script.writer().post_once(&path, "v1", None).await.is_err());
    let script = Script::new([line(503, json!({})), line(202, json!({}))]);
    assert!(script.writer().post(&path, "v1", None).await.is_ok());
    assert_eq!(script.asked().len(), 3);
    let script = Script::new([line(0, Value::Null), line(200, json!({}))]);
    assert!(
        script
            .writer()
            .put(&account(), "v1", &json!({}), Some("tag"))
            .await
            .is_ok()
    );
    assert_eq!(script.asked().len(), 3);
}
