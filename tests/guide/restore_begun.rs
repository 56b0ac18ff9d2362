//! A restore whose run ended early: one that Azure has named is taken up, and of any other job nothing says whose it is.

use aksbackup_shared::exit::Exit;
use aksbackup_tests::harness::Stage;

use crate::faults::killed::{is_request, killed_at};
use crate::points::backed_up;
use crate::restore::{MAPPED, acts, intents, restore, restores};

const UNTOLD: &str = "cannot determine whether this command started restore job ";

/// Runs the same command again, which finds a job that might be another person's, and then as its hint says.
fn left_to_the_person(stage: &Stage) {
    let (mark, before) = (stage.mark(), restores(stage).len());
    restore(stage, &MAPPED)
        .ends(Exit::Failed.code())
        .says(UNTOLD)
        .says("another user might have started it")
        .says("az monitor activity-log list --resource-id ")
        // Fails before: the hint dropped the flags of this run.
        .says("az aksbackup restore --again --namespace shop=shop-restored --timeout 90m --yes");
    assert_eq!(acts(stage, mark), [""; 0]);
    stage.sandbox.azure().skip(600.0);
    let again = restore(stage, &[&MAPPED[..], &["--again"]].concat()).ok();
    again.says("2 changes");
    assert_eq!((restores(stage).len(), intents(stage)), (before + 1, 1));
}

/// Fails before: the run reported the job of a colleague, from the same recovery point, and nothing of its own was restored.
#[test]
fn the_job_of_a_colleague_is_never_reported_as_the_result() {
    let stage = backed_up();
    stage.sandbox.set("fault=reset-before@POST:/restore?:1").unwrap();
    restore(&stage, &MAPPED)
        .ends(Exit::Failed.code())
        .says("unknown whether a restore was started");
    assert_eq!((restores(&stage).len(), intents(&stage)), (0, 1));
    let others = stage.folder().join("others.toml");
    let text = stage.state_text();
    std::fs::write(&others, text.split("[[cloud.intents]]").next().unwrap()).unwrap();
    let theirs = ["--namespace", "other=copy", "--state", others.to_str().unwrap()];
    restore(&stage, &theirs).ok();
    left_to_the_person(&stage);
}

/// Fails before: an older job that the file named was reported as the result.
#[test]
fn a_job_that_is_older_than_the_request_is_not_its_own() {
    let stage = backed_up();
    restore(&stage, &["--namespace", "other=copy"]).ok();
    let first = restores(&stage).remove(0);
    let old = first["name"].as_str().unwrap().to_owned();
    let long_ago = "2026-01-01T00:00:00Z".into();
    let azure = stage.sandbox.azure();
    assert!(azure.change(first["id"].as_str().unwrap(), "/properties/startTime", long_ago));
    restore(&stage, &[&MAPPED[..], &["--no-wait"]].concat()).ok();
    let own = restores(&stage)
        .iter()
        .map(|job| job["name"].as_str().unwrap().to_owned())
        .find(|name| *name != old)
        .unwrap();
    let text = stage.state_text();
    std::fs::write(
        stage.state(),
        text.replace(&format!("/job/{own}"), &format!("/job/{old}")),
    )
    .unwrap();
    stage.sandbox.azure().skip(600.0);
    restore(&stage, &MAPPED).ok().says("2 changes");
    assert_eq!(restores(&stage).len(), 3);
}

#[test]
fn a_request_without_an_answer_is_never_called_a_success() {
    let stage = backed_up();
    stage.sandbox.set("fault=reset-after@POST:/restore?:1").unwrap();
    restore(&stage, &MAPPED).ends(Exit::Failed.code()).says(UNTOLD);
    assert_eq!(restores(&stage).len(), 1);
    left_to_the_person(&stage);
}

#[test]
fn a_restore_killed_at_any_request_is_never_begun_twice_unasked() {
    let stage = backed_up();
    let command = || stage.az_command("platform", &[&["restore"], &MAPPED[..], &["--yes"]].concat());
    let mut killed = 0;
    for number in 8..17 {
        // With a new recovery point, the last restore isn't what the command means.
        stage.az("platform", &["backup", "--yes"]).ok();
        let before = restores(&stage).len();
        killed += usize::from(killed_at(&stage, command(), number, is_request));
        // The job of the killed run is the one that this run reports, also if it is over.
        if number % 2 == 0 {
            stage.sandbox.azure().skip(600.0);
        }
        let run = restore(&stage, &MAPPED);
        let made = restores(&stage).len() - before;
        assert_eq!(made, 1, "killed at request {number}: one job each time\n{run}");
        if run.code == i32::from(Exit::Failed.code()) {
            run.says(UNTOLD);
            left_to_the_person(&stage);
        } else {
            run.ok();
            assert_eq!(intents(&stage), 1);
        }
    }
    assert!(killed >= 7, "only {killed} of 9 kills struck");
}
