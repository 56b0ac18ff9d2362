//! Every command twice: the second run writes nothing, anywhere.

use aksbackup_tests::harness::{INIT, Run, Stage};

/// Runs a command again and holds it to what a second run may do.
fn second_run(stage: &Stage, run: impl Fn() -> Run) -> Run {
    let before = (stage.state_text(), modified(stage));
    let replica_sets = replica_sets(stage);
    let mark = stage.mark();
    let run = run().ok();
    assert_eq!(
        stage.writes_since(mark),
        Vec::<String>::new(),
        "a second run sends no write\n{run}"
    );
    assert_eq!(
        (stage.state_text(), modified(stage)),
        before,
        "a second run does not touch the file\n{run}"
    );
    assert_eq!(self::replica_sets(stage), replica_sets);
    let said = run.stdout.lines().filter(|line| line.contains("nothing to do")).count();
    assert_eq!(said, 1, "a second run says so in one line\n{run}");
    run
}

fn replica_sets(stage: &Stage) -> usize {
    stage.sandbox.kubernetes().objects("ReplicaSet").len()
}

fn modified(stage: &Stage) -> std::time::SystemTime {
    std::fs::metadata(stage.state()).unwrap().modified().unwrap()
}

#[test]
fn a_second_run_of_anything_changes_nothing() {
    let stage = Stage::new().unwrap();
    stage.init("platform").ok();
    second_run(&stage, || stage.az("platform", &INIT));
    stage.az("platform", &["prepare", "--yes"]).ok();
    second_run(&stage, || stage.az("platform", &["prepare"]));
    stage.grant("owner").ok();
    second_run(&stage, || stage.grant("owner"));
    stage.configure("cluster-admin", &[]).ok();
    second_run(&stage, || stage.kubectl("cluster-admin", &["configure"]));
    stage.az("platform", &["protect", "--yes"]).ok();
    second_run(&stage, || stage.az("platform", &["protect"]));
    second_run(&stage, || stage.az("everything", &["up"]));
}

#[test]
fn status_and_verify_never_touch_the_file_or_the_world() {
    let stage = Stage::new().unwrap();
    stage.configured();
    let before = (stage.state_text(), modified(&stage));
    let mark = stage.mark();
    stage.az("reader", &["status"]).ok();
    stage.az("stranger", &["status", "--offline"]).ok();
    stage.kubectl("viewer", &["verify"]).ok();
    stage.kubectl("viewer", &["status"]).ok();
    assert_eq!(stage.writes_since(mark), Vec::<String>::new());
    assert_eq!((stage.state_text(), modified(&stage)), before);
}
