//! Operations against the script.

use std::sync::Arc;

use aksbackup_shared::failure::Outcome;
use aksbackup_shared::step::{Applied, Progress};
use serde_json::{Value, json};

use super::{ARM, Line, Script, account, line};
use crate::arm::operation::Polled;

fn accepted(header: &'static str, url: &str) -> Line {
    line(202, Value::Null).with(header, url)
}

async fn operation(lines: impl IntoIterator<Item = Line>) -> (Vec<Outcome<Polled>>, Arc<Script>) {
    let script = Script::new(lines);
    let writer = script.writer();
    let answer = writer.put(&account(), "v1", &json!({}), None).await.unwrap();
    let Applied::Running(mut running) = answer.applied(&writer, "create x".into(), (account(), "v1")) else {
        panic!("it is not running");
    };
    let mut polls = Vec::new();
    loop {
        match running.check().await {
            Ok(Progress::Running { retry_after, status }) => {
                polls.push(Ok(Polled::Running { retry_after, status }));
            }
            Ok(Progress::Finished) => {
                polls.push(Ok(Polled::Finished(Value::Null)));
                return (polls, script);
            }
            Err(failure) => {
                polls.push(Err(failure));
                return (polls, script);
            }
        }
    }
}

#[tokio::test]
async fn an_operation_goes_on_until_one_of_azure_s_three_words() {
    let url = format!("{ARM}/operations/1?t=1&c=%2B&s=SIG");
    let (polls, script) = operation([
        accepted("azure-asyncoperation", &url).with("location", format!("{ARM}/results/1")),
        line(200, json!({ "status": "Fancy" })).with("retry-after", "3"),
        line(200, json!({ "status": "succeeded" })),
    ])
    .await;
    assert_eq!(polls.len(), 2);
    assert!(
        matches!(&polls[0], Ok(Polled::Running { retry_after: Some(wish), status }) if wish.as_secs() == 3 && status == "Fancy")
    );
    assert!(
        script.asked()[2].starts_with("GET /operations/1?t=1&c=%2B&s=SIG "),
        "{:?}",
        script.asked()
    );
}

#[tokio::test]
async fn an_operation_that_failed_keeps_azure_s_reason_although_http_says_200() {
    let error =
        json!({ "code": "Outer", "message": "it failed", "details": [{ "code": "Inner", "message": "because" }] });
    let (polls, _) = operation([
        accepted("azure-asyncoperation", &format!("{ARM}/operations/1")),
        line(200, json!({ "status": "Failed", "error": error })),
    ])
    .await;
    let failure = polls.into_iter().next().unwrap().unwrap_err();
    assert_eq!(
        (failure.what.as_str(), failure.code.as_deref()),
        ("cannot create x", Some("Outer"))
    );
    assert_eq!(failure.why, ["it failed", "Inner: because"]);
}

#[tokio::test]
async fn an_operation_that_may_not_be_seen_or_is_elsewhere_is_followed_by_its_resource() {
    let state = |word: &str| {
        line(
            200,
            json!({ "name": "st1", "properties": { "provisioningState": word } }),
        )
    };
    let refused = line(
        403,
        json!({ "error": { "code": "AuthorizationFailed", "message": "no" } }),
    );
    let (polls, script) = operation([
        accepted("azure-asyncoperation", &format!("{ARM}/o")),
        refused,
        state("Succeeded"),
    ])
    .await;
    assert!(matches!(polls.as_slice(), [Ok(Polled::Finished(_))]));
    assert!(
        script
            .asked()
            .last()
            .unwrap()
            .starts_with(&format!("GET {}", account()))
    );
    let asked = |script: &Script| script.asked().iter().filter(|line| line.starts_with("GET /o ")).count();
    let again = line(
        403,
        json!({ "error": { "code": "AuthorizationFailed", "message": "no" } }),
    );
    let lines = [
        accepted("azure-asyncoperation", &format!("{ARM}/o")),
        again,
        state("Updating"),
        state("Updating"),
        state("Succeeded"),
    ];
    let (_, script) = operation(lines).await;
    assert_eq!(asked(&script), 1, "it was refused once, and is not asked for again");
    let created = line(201, json!({ "properties": { "provisioningState": "Creating" } }))
        .with("azure-asyncoperation", "https://evil.example/o");
    let (polls, script) = operation([created, state("Creating"), state("Failed")]).await;
    assert!(polls.last().unwrap().is_err());
    assert!(
        script
            .asked()
            .iter()
            .all(|line| !line.contains("/o?") && !line.contains(" /o "))
    );
}

#[tokio::test]
async fn a_location_runs_while_it_answers_202_and_may_move() {
    let (polls, script) = operation([
        accepted("location", &format!("{ARM}/results/1")).with("retry-after", "17"),
        line(202, Value::Null),
        accepted("location", &format!("{ARM}/results/2")),
        accepted("location", "https://evil.example/results/3"),
        line(200, json!({})),
    ])
    .await;
    let asked = script.asked();
    let mut paths: Vec<&str> = asked.iter().filter_map(|line| line.split(' ').nth(1)).collect();
    paths.retain(|path| path.starts_with("/results/"));
    assert_eq!(paths, ["/results/1", "/results/1", "/results/2", "/results/2"]);
    assert!(matches!(&polls[0], Ok(Polled::Running { retry_after: Some(wish), .. }) if wish.as_secs() == 17));
    assert!(matches!(
        polls.as_slice(),
        [_, Ok(Polled::Running { .. }), Ok(_), Ok(_), Ok(Polled::Finished(_))]
    ));
}

#[tokio::test]
async fn the_result_of_a_post_is_in_its_operation_or_behind_its_location() {
    let url = format!("{ARM}/operations/1");
    let post = || accepted("azure-asyncoperation", &url).with("location", format!("{ARM}/results/1"));
    for (lines, expected) in [
        (
            vec![
                post(),
                line(200, json!({ "status": "Succeeded", "properties": { "jobId": "j" } })),
            ],
            "/properties/jobId",
        ),
        (
            vec![
                post(),
                line(200, json!({ "status": "Succeeded" })),
                line(200, json!({ "jobId": "j" })),
            ],
            "/jobId",
        ),
    ] {
        let script = Script::new(lines);
        let writer = script.writer();
        let answer = writer.post(&format!("{}/backup", account()), "v1", None).await.unwrap();
        let mut operation = answer.operation(writer.reader(), "back up".into()).unwrap();
        let Polled::Finished(body) = operation.poll().await.unwrap() else {
            panic!("it is not finished");
        };
        assert_eq!(body.pointer(expected), Some(&json!("j")));
    }
}
