//! Whose identity the pods are given is said by the person, never by the file alone.

use aksbackup_shared::exit::Exit;
use aksbackup_tests::harness::Stage;

const OTHER: &str = "00000000-1111-4222-8333-444444444444";

#[test]
fn yes_alone_does_not_confirm_the_client_id_of_a_file() {
    let stage = Stage::new().unwrap();
    stage.granted();
    let before = stage.changes().len();
    let configure = |flags: &[&str]| stage.kubectl("cluster-admin", &[&["configure"], flags].concat());
    let run = configure(&["--yes"]).ends(Exit::Usage.code());
    let run = run.says("--client-id CLIENT-ID").says("--expect-digest");
    let own = stage.client_id();
    let hints = run.stderr.lines().filter(|line| line.contains("--client-id"));
    assert!(
        hints.clone().count() > 0 && hints.clone().all(|line| !line.contains(&own)),
        "{run}"
    );
    let run = configure(&["--yes", "--client-id", OTHER]).ends(Exit::Usage.code());
    run.says(OTHER).says("cloud.identity.client_id");
    configure(&["--client-id", OTHER, "--dry-run"]).ends(Exit::Usage.code());
    assert_eq!(stage.changes().len(), before, "nothing was written");
    configure(&["--yes", "--client-id", &own.to_uppercase()]).ok();
    // Nothing is left to be confirmed.
    configure(&["--yes"]).ok();
}

#[test]
fn a_digest_that_was_handed_over_confirms_it_too() {
    let stage = Stage::new().unwrap();
    stage.granted();
    let message = stage.az("platform", &["handoff", "-o", "json"]).ok().json();
    let command = message["message"]["turn"]["command"].as_str().unwrap();
    assert!(
        command.contains("kubectl aksbackup configure --client-id CLIENT-ID"),
        "{command}"
    );
    let digest = message["message"]["digest"].as_str().unwrap();
    stage
        .kubectl("cluster-admin", &["configure", "--yes", "--expect-digest", digest])
        .ok();
}
