//! `--no-wait`: what goes on by itself is left to itself, and the next run takes it up.

use aksbackup_tests::harness::Stage;

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
