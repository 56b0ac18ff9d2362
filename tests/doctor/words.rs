//! `doctor list` and `doctor explain`, which look at nothing.

use aksbackup_shared::exit::Exit;
use aksbackup_tests::harness::{Run, Stage};

/// Both programs, without a login and without a cluster.
fn both(stage: &Stage, words: &[&str]) -> [Run; 2] {
    [stage.az("nobody-at-all", words), stage.kubectl("nobody-at-all", words)]
}

#[test]
fn every_row_is_listed_and_told_whole_without_a_request() {
    let stage = Stage::new().unwrap();
    for run in both(&stage, &["doctor", "list"]) {
        run.ok().says("FIC-ISSUER").says("(no source)");
    }
    for run in both(&stage, &["doctor", "explain", "fic-issuer"]) {
        run.ok()
            .says("confirm:")
            .says("T8 = ")
            .says("docs/failures/federated-credentials.md#fic-issuer");
    }
    for run in both(&stage, &["doctor", "explain", "K8S-CRASHLOOP", "-o", "json"]) {
        let document = run.ok().json();
        assert_eq!(document["version"], 1);
        assert_eq!(document["failure"]["unverified"], true);
    }
    let [az, kubectl] = both(&stage, &["doctor", "list", "-o", "json"]).map(|run| run.ok().json()["failures"].clone());
    assert_eq!(az, kubectl);
    assert_eq!(stage.mark(), 0, "{:?}", stage.since(0));
}

#[test]
fn what_is_not_known_is_told_with_what_may_have_been_meant() {
    let stage = Stage::new().unwrap();
    for run in both(&stage, &["doctor", "explain", "FIC-ISUER"]) {
        run.ends(Exit::Missing.code()).says("similar IDs: FIC-ISSUER");
    }
    let [az, kubectl] = both(&stage, &["doctor", "explain", "NO-SUCH-THING"]);
    for (run, program) in [(az, "az"), (kubectl, "kubectl")] {
        let run = run.ends(Exit::Missing.code());
        let run = run.says(&format!("list the known failures: {program} aksbackup doctor"));
        assert!(!run.stderr.contains("similar IDs"), "{run}");
    }
    for words in [
        &["doctor", "explain"][..],
        &["doctor", "lst"],
        &["doctor", "list", "all"],
    ] {
        for run in both(&stage, words) {
            run.ends(Exit::Usage.code());
        }
    }
}
