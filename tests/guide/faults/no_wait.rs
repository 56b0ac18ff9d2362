//! `--no-wait`: what goes on by itself is left to itself, and the next run takes it up.

use aksbackup_shared::exit::Exit;
use aksbackup_tests::harness::{Run, Stage};
use serde_json::Value;

/// Longer than any test: whoever waits for it ends by the deadline.
const FOR_EVER: &str = "1000000";

fn started(stage: &Stage, mark: usize) -> usize {
    let writes = stage.writes_since(mark);
    writes.iter().filter(|write| write.contains("/backup?")).count()
}

#[test]
fn protect_leaves_azure_to_configure_the_protection() {
    let stage = Stage::new().unwrap();
    stage.configured();
    stage.sandbox.set(&format!("instance_configure={FOR_EVER}")).unwrap();
    let begun = stage
        .az("platform", &["protect", "--yes", "--no-wait", "-o", "json"])
        .ok()
        .says("Azure continues by itself");
    let step = &begun.json()["steps"][1];
    assert_eq!(step["outcome"], "begun", "{begun}");
    assert!(
        step["why"].as_str().unwrap().contains("ConfiguringProtection"),
        "{begun}"
    );
    assert_eq!(
        stage.value("/cloud/instance/protection"),
        "",
        "nothing is recorded that was not seen"
    );
    stage.az("platform", &["status"]).ok().says("ConfiguringProtection");
    let again = stage.az("platform", &["protect", "--yes", "--no-wait"]).ok();
    assert!(again.stdout.contains("started, no changes"), "{again}");
    stage
        .az("platform", &["protect", "--yes", "--timeout", "10s"])
        .ends(124)
        .says("ConfiguringProtection");
}

#[test]
fn backup_leaves_the_job_and_the_next_one_follows_it() {
    let stage = Stage::new().unwrap();
    stage.configured();
    stage.az("platform", &["protect", "--yes"]).ok();
    stage.sandbox.set("backup_job=600").unwrap();
    let mark = stage.mark();
    let begun = stage.az("platform", &["backup", "--yes", "--no-wait"]).ok();
    assert!(begun.says("InProgress").stdout.contains("backup: started, 1 change"));
    assert_eq!(stage.value("/cloud/backup/job"), "");
    stage.az("platform", &["backup", "--yes"]).ok().says("Completed");
    assert_eq!(stage.value("/cloud/backup/status"), "Completed");
    assert_eq!(
        started(&stage, mark),
        1,
        "one backup was started, the second run followed it"
    );
}

/// How often `prepare` is run at most: once for each operation that others need.
const ROUNDS: usize = 6;

fn outcomes(run: &Run) -> Vec<(String, String)> {
    let document = run.json();
    let text = |own: &Value, key: &str| own[key].as_str().unwrap().to_owned();
    let steps = document["steps"].as_array().unwrap();
    steps
        .iter()
        .map(|own| (text(own, "step"), text(own, "outcome")))
        .collect()
}

/// Fails before: only `protect` and `backup` had the flag, so that a pipeline held a runner for the installation of the extension.
#[test]
fn prepare_leaves_the_cluster_and_the_extension_to_azure_and_continues() {
    for command in ["prepare", "up"] {
        let stage = Stage::new().unwrap();
        stage.init("platform").ok();
        for duration in ["cluster_update", "extension_install", "trusted_access_write"] {
            stage.sandbox.set(&format!("{duration}={FOR_EVER}")).unwrap();
        }
        let once = || stage.az("platform", &[command, "--yes", "--no-wait", "-o", "json"]);
        // Fails before: exit 0, although most steps were never requested and nothing continues them.
        let first = once()
            .ends(Exit::Pending.code())
            .says("not requested yet: ")
            .says("once Azure has finished");
        assert_eq!(first.json()["exit"], "pending", "{first}");
        assert!(!first.stderr.contains("continues by itself"), "{first}");
        let is = |step: &str, outcome: &str| {
            let all = outcomes(&first);
            assert!(all.contains(&(step.to_owned(), outcome.to_owned())), "{all:?}");
        };
        // Everything that nothing else holds up is there.
        is("storage", "done");
        is("vault-and-policy", "done");
        is("cluster-prerequisites", "begun");
        is("extension", "held");
        // What remains is said with the command that continues.
        first.says(&format!("Run: az aksbackup {command} --no-wait --yes"));
        let mut last = once().ends(Exit::Pending.code());
        assert!(last.stderr.contains("no changes"), "{last}");
        for _ in 0..ROUNDS {
            stage.sandbox.azure().skip(2_000_000.0);
            last = once();
            let goes_on = ["not requested yet", "continues by itself"];
            if !goes_on.iter().any(|own| last.stderr.contains(own)) {
                break;
            }
        }
        for step in ["trusted-access", "federated-credentials"] {
            let done = outcomes(&last);
            assert!(done.contains(&(step.to_owned(), "done".to_owned())), "{last}");
        }
        let writes = stage.writes_since(0);
        let installs = writes
            .iter()
            .filter(|write| write.starts_with("PUT ") && write.contains("/extensions/"));
        assert_eq!(installs.count(), 1);
    }
}

#[test]
fn grant_takes_the_flag_and_configure_leaves_the_rollout() {
    // No pod is ready before the program has looked again.
    let stage = Stage::with(&["kubernetes.pod_start=3000"]).unwrap();
    stage.prepared();
    stage.grant_with("owner", &["--no-wait"]).ok().says("grant: complete");
    let begun = stage
        .configure("cluster-admin", &["--no-wait", "-o", "json"])
        .ends(Exit::Pending.code())
        .says("once Kubernetes has finished")
        .says("Run: kubectl aksbackup configure");
    for (step, outcome) in [("rollout", "begun"), ("verification", "held")] {
        let own = (step.to_owned(), outcome.to_owned());
        assert!(outcomes(&begun).contains(&own), "{begun}");
    }
    stage.configure("cluster-admin", &[]).ok();
}
