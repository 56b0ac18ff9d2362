//! An API server that is busy, restarts, forgets its history or refuses a login in the middle: `configure` goes on, and
//! rolls once.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use aksbackup_shared::exit::Exit;
use aksbackup_tests::backend::Backend;
use aksbackup_tests::harness::{Stage, finish};
use serde_json::{Value, json};

use crate::between::{Between, status};
use crate::looks::{ON, granted, own, until};

/// `configure` by somebody who confirms the client ID.
fn confirmed(stage: &Stage) -> [String; 4] {
    ["configure", "--yes", "--client-id", &stage.client_id()].map(str::to_owned)
}

fn rolls_once(stage: &Stage, run: impl FnOnce() -> String) {
    let before = own(stage, "ReplicaSet").len();
    let told = run();
    assert_eq!(
        own(stage, "ReplicaSet").len(),
        before + 3,
        "one rollout for each\n{told}"
    );
    stage.kubectl("viewer", &["verify"]).ok();
}

fn a_busy_api_server(backend: Backend) {
    let stage = granted(Stage::on(backend, ON).unwrap());
    let (asked, refused) = (AtomicUsize::new(0), std::sync::Arc::new(AtomicUsize::new(0)));
    let count = std::sync::Arc::clone(&refused);
    let between = Between::of(&stage, move |_| {
        // Every third request is one too many, at first.
        let many = asked.fetch_add(1, Ordering::SeqCst);
        (many % 3 == 0 && many < 90).then(|| {
            count.fetch_add(1, Ordering::SeqCst);
            match many % 2 {
                0 => status(429, "TooManyRequests", &Value::Null),
                _ => status(503, "ServiceUnavailable", &Value::Null),
            }
        })
    });
    rolls_once(&stage, || {
        between.run(&stage, &json!({}), &confirmed(&stage)).ok().to_string()
    });
    assert!(refused.load(Ordering::SeqCst) > 5);
    let always = Between::of(&stage, |_| Some(status(429, "TooManyRequests", &Value::Null)));
    let run = always.run(&stage, &json!({}), &["verify"]).ends(Exit::Failed.code());
    assert!(run.stderr.contains("TooManyRequests"), "{run}");
}

fn an_api_server_that_forgets(backend: Backend) {
    let stage = granted(Stage::on(backend, ON).unwrap());
    let seen = std::sync::Arc::new(AtomicUsize::new(0));
    let count = std::sync::Arc::clone(&seen);
    let between = Between::of(&stage, move |call| {
        call.line.contains("watch=true").then(|| {
            count.fetch_add(1, Ordering::SeqCst);
            status(410, "Expired", &Value::Null)
        })
    });
    rolls_once(&stage, || {
        between.run(&stage, &json!({}), &confirmed(&stage)).ok().to_string()
    });
    assert!(seen.load(Ordering::SeqCst) > 0, "something was watched");
}

/// A login that a plugin gives, `short-1` first, then `short-2`; how often it ran is in the file that it counts in.
fn plugin(stage: &Stage) -> Value {
    let script = concat!(
        "n=$(( $(cat \"$COUNT\" 2>/dev/null || echo 0) + 1 )); echo $n > \"$COUNT\"; ",
        "printf '{\"apiVersion\":\"client.authentication.k8s.io/v1\",\"kind\":\"ExecCredential\",",
        "\"status\":{\"token\":\"short-%s\"}}' $n",
    );
    let count = stage.folder().join("count").display().to_string();
    json!({ "exec": {
        "apiVersion": "client.authentication.k8s.io/v1", "command": "sh", "args": ["-c", script],
        "env": [{ "name": "COUNT", "value": count }], "interactiveMode": "Never",
    } })
}

fn a_login_that_expires(backend: Backend) {
    let stage = granted(Stage::on(backend, ON).unwrap());
    let good = Mutex::new("short-1".to_owned());
    let between = Between::of(&stage, move |call| {
        let mut good = good.lock().unwrap();
        let refused = (call.token != *good).then(|| status(401, "Unauthorized", &Value::Null));
        if refused.is_none() && call.line.starts_with("PATCH") && call.line.contains("/deployments/") {
            // The old one expires with the first deployment that rolls.
            *good = "short-2".to_owned();
        }
        refused
    });
    let user = plugin(&stage);
    rolls_once(&stage, || {
        between.run(&stage, &user, &confirmed(&stage)).ok().to_string()
    });
    let runs = std::fs::read_to_string(stage.folder().join("count")).unwrap();
    assert_eq!(runs.trim(), "2", "the plugin ran once for each login");
}

fn a_token_file_that_is_swapped(backend: Backend) {
    let stage = granted(Stage::on(backend, ON).unwrap());
    let file = stage.folder().join("token");
    std::fs::write(&file, "old").unwrap();
    let (good, own) = (Mutex::new("old"), file.clone());
    let between = Between::of(&stage, move |call| {
        let mut good = good.lock().unwrap();
        let refused = (call.token != *good).then(|| status(401, "Unauthorized", &Value::Null));
        if refused.is_none() && call.line.starts_with("PATCH") && call.line.contains("/deployments/") {
            *good = "new";
            std::fs::write(&own, "new").unwrap();
        }
        refused
    });
    let user = json!({ "tokenFile": file.display().to_string() });
    rolls_once(&stage, || {
        between.run(&stage, &user, &confirmed(&stage)).ok().to_string()
    });
}

on_both! {
    a_busy_api_server: busy_on_the_small_cluster, busy_on_a_real_control_plane;
    an_api_server_that_forgets: gone_on_the_small_cluster, gone_on_a_real_control_plane;
    a_login_that_expires: expired_on_the_small_cluster, expired_on_a_real_control_plane;
    a_token_file_that_is_swapped: token_file_on_the_small_cluster, token_file_on_a_real_control_plane;
}

#[test]
fn an_api_server_that_restarts_in_the_middle_is_borne() {
    let stage = granted(Stage::on(Backend::Real, ON).unwrap());
    let bed = stage.sandbox.bed().unwrap();
    rolls_once(&stage, || {
        thread::scope(|scope| {
            let mut command = stage.configure_command("cluster-admin", &[]);
            let run = scope.spawn(move || finish(&mut command));
            until("the first deployment rolls", || {
                let requests = bed.requests();
                let patched =
                    |own: &aksbackup_tests::bed::Request| own.verb == "patch" && own.uri.contains("/deployments/");
                requests.iter().any(patched).then_some(())
            });
            bed.restart_api_server().unwrap();
            run.join().unwrap().ok().to_string()
        })
    });
}
