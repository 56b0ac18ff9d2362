//! `restore`: what is checked before anything is requested, what is requested, and what a job comes to.

use aksbackup_shared::exit::Exit;
use aksbackup_tests::harness::{Run, Stage, finish};
use aksbackup_tests::terminal::answered;
use serde_json::{Value, json};

use crate::part::Part;
use crate::points::{backed_up, place};

pub(crate) const MAPPED: [&str; 2] = ["--namespace", "shop=shop-restored"];
const IN_PLACE: [&str; 4] = ["--namespace", "shop", "--in-place", "rg-aks/aks-demo"];
const JOBS: &str = "Microsoft.DataProtection/backupVaults/backupJobs";

pub(crate) fn restore(stage: &Stage, words: &[&str]) -> Run {
    stage.az(
        "platform",
        &[&["restore"], words, &["--yes", "--timeout", "90m"]].concat(),
    )
}

/// The requests of a restore: the last word of each.
pub(crate) fn acts(stage: &Stage, mark: usize) -> Vec<String> {
    let name = |target: &str| target.split('?').next().unwrap().rsplit('/').next().unwrap().to_owned();
    let all = stage.since(mark).into_iter().filter(|entry| entry.method == "POST");
    all.map(|entry| name(&entry.target))
        .filter(|name| name.ends_with("estore"))
        .collect()
}

/// The recovery point of the last restore.
fn source(stage: &Stage) -> Value {
    let started = |own: &Value| own["properties"]["startTime"].as_str().map(str::to_owned);
    let last = restores(stage).into_iter().max_by_key(started).unwrap();
    last["properties"]["extendedInfo"]["sourceRecoverPoint"]["recoveryPointID"].clone()
}

pub(crate) fn restores(stage: &Stage) -> Vec<Value> {
    let mut all = stage.sandbox.azure().resources(JOBS);
    all.retain(|own| own["properties"]["operationCategory"] == "Restore");
    all
}

pub(crate) fn intents(stage: &Stage) -> usize {
    stage.state_text().matches("step = \"restore\"").count()
}

#[test]
fn a_namespace_is_restored_next_to_it_and_again_only_when_asked_again() {
    let stage = backed_up();
    let mark = stage.mark();
    restore(&stage, &MAPPED)
        .ok()
        .says("restore: complete (2 of 2 steps, 2 changes)")
        .says("Completed")
        .says("namespace shop as shop-restored of cluster rg-aks/aks-demo from recovery point")
        .says("kubectl get persistentvolumeclaims --namespace shop-restored");
    assert_eq!(acts(&stage, mark), ["validateRestore", "restore"]);
    assert_eq!(intents(&stage), 1);
    // In place is another request: the first one's job isn't taken for it.
    restore(&stage, &IN_PLACE)
        .ok()
        .says("namespace shop in place")
        .says("2 changes");
    assert_eq!(restores(&stage).len(), 2);
    // Fails before: the same command restored again without being asked to.
    let mark = stage.mark();
    restore(&stage, &MAPPED)
        .ends(Exit::Pending.code())
        .says("this run didn't restore anything")
        .says("az aksbackup restore --again --namespace shop=shop-restored");
    assert_eq!((acts(&stage, mark), restores(&stage).len()), (Vec::new(), 2));
    let document = restore(&stage, &[&MAPPED[..], &["--again", "-o", "json"]].concat())
        .ok()
        .json();
    let step = &document["steps"][1];
    assert_eq!(
        (&step["step"], &step["outcome"]),
        (&json!("restore"), &json!("done")),
        "{document}"
    );
    assert_eq!(step["changed"].as_array().map(Vec::len), Some(2), "{document}");
    assert_eq!(restores(&stage).len(), 3);
    // The set-up is what it was.
    stage.az("platform", &["status", "--check"]).ok();
}

#[test]
fn a_plan_is_validated_by_azure_and_restores_nothing() {
    let stage = backed_up();
    let (mark, state) = (stage.mark(), stage.state_text());
    let plan = |words: &[&str]| stage.az("platform", &[&["restore", "--plan"], words].concat());
    plan(&MAPPED)
        .ends(Exit::Pending.code())
        .says("has validated the request")
        .says("1 change pending");
    assert_eq!(acts(&stage, mark), ["validateRestore"]);
    stage.sandbox.set("restore_refusal=yes").unwrap();
    let refused = plan(&[&MAPPED[..], &["-o", "json"]].concat()).ends(Exit::Failed.code());
    let step = &refused.json()["steps"][1];
    assert_eq!(
        step["error"]["code"], "UserErrorSourceandTargetClusterCRDVersionMismatch",
        "{refused}"
    );
    restore(&stage, &MAPPED)
        .ends(Exit::Failed.code())
        .says("UserErrorSourceandTargetClusterCRDVersionMismatch");
    assert_eq!(acts(&stage, mark), ["validateRestore"; 3]);
    assert!(restores(&stage).is_empty());
    assert_eq!(stage.state_text(), state);
}

#[test]
fn nothing_is_requested_for_what_is_named_wrongly() {
    let stage = backed_up();
    let mark = stage.mark();
    let cases: [(&[&str], &str); 9] = [
        (&[], "--namespace shop=shop-restored"),
        (&["--namespace", "shop"], "--namespace shop=shop-restored"),
        (&["--namespace", "shop=shop"], "--in-place RESOURCE-GROUP/CLUSTER"),
        (
            &["--namespace", "shop=dataprotection-microsoft"],
            "is a system namespace",
        ),
        (
            &["--namespace", "a=x", "--namespace", "b=x"],
            "would both be restored to x",
        ),
        (&["--namespace", "shop=Shop"], "1 to 63 lowercase letters"),
        (
            &["--namespace", "shop", "--in-place", "rg-aks/other"],
            "the state file specifies cluster rg-aks/aks-demo",
        ),
        (
            &["--namespace", "shop", "--in-place", "aks-demo"],
            "RESOURCE-GROUP/NAME",
        ),
        (
            &[
                "--namespace",
                "a=b",
                "--include-resource-type",
                "v1/Secret",
                "--exclude-resource-type",
                "v1/Secret",
            ],
            "both specify v1/Secret",
        ),
    ];
    for (words, says) in cases {
        restore(&stage, words).ends(Exit::Usage.code()).says(says);
    }
    restore(&stage, &[&MAPPED[..], &["--point", "nope"]].concat())
        .ends(Exit::Missing.code())
        .says("has no recovery point nope");
    assert_eq!(acts(&stage, mark), [""; 0]);
}

#[test]
fn a_recovery_point_that_cannot_be_restored_is_refused_with_the_reason() {
    let stage = backed_up();
    let mark = stage.mark();
    for (fate, says) in [("partial", "Partial"), ("expired", "it expired on 2020-01-01")] {
        stage.sandbox.set(&format!("point_fate={fate}")).unwrap();
        restore(&stage, &MAPPED).ends(Exit::Failed.code()).says(says);
    }
    place(&stage, "good", |own| {
        own["recoveryPointState"] = Value::Null;
        own["expiryTime"] = Value::Null;
        own["recoveryPointTime"] = json!("2026-01-01T06:00:00Z");
    });
    restore(&stage, &MAPPED)
        .ends(Exit::Failed.code())
        .says("choose the newest recovery point that can be restored (2026-01-01 06:00:00 UTC): --point good");
    assert_eq!(acts(&stage, mark), [""; 0]);
    restore(&stage, &[&MAPPED[..], &["--at", "2026-01-01T06:00:00Z"]].concat()).ok();
    assert_eq!(source(&stage), "good");
    stage.sandbox.set("point_fate=vault").unwrap();
    restore(&stage, &MAPPED)
        .ends(Exit::Failed.code())
        .says("VaultStore only")
        .says("doesn't support restores from the vault tier");
}

#[test]
fn the_state_of_instance_and_cluster_decides_before_anything_is_requested() {
    let stage = backed_up().accepting("BackupsSuspended");
    let set = |switch: &str| stage.sandbox.set(switch).unwrap();
    let mark = stage.mark();
    let refused = |says: &str, fix: &str| {
        restore(&stage, &MAPPED).ends(Exit::Failed.code()).says(says).says(fix);
        assert_eq!(acts(&stage, mark), [""; 0]);
    };
    set("instance_state=ProtectionError");
    refused("is in state ProtectionError", "az aksbackup protect");
    set("instance_state=BackupsSuspended");
    set("cluster_stopped=true");
    refused("stopped", "az aks start");
    set("cluster_stopped=false");
    restore(&stage, &MAPPED).ok();
    set("instance_state=ProtectionStopped");
    // Who stopped the protection had a reason: a restore doesn't ask for scheduled backups.
    stage.az("platform", &["status"]).ok().says("az aksbackup resume");
    let run = restore(&stage, &[&MAPPED[..], &["--again"]].concat()).ok();
    assert!(
        !run.stdout.contains("resume") && !run.stderr.contains("resume"),
        "{run}"
    );
    let mark = stage.mark();
    set("instance_state=SoftDeleted");
    restore(&stage, &MAPPED)
        .ends(Exit::Failed.code())
        .says("is in state SoftDeleted")
        .says("az aksbackup undelete --keep-stopped");
    assert_eq!(acts(&stage, mark), [""; 0]);
}

#[test]
fn ten_restores_are_a_day_s_and_another_one_that_runs_is_not_taken_for_this_one() {
    let stage = backed_up();
    restore(&stage, &MAPPED).ok();
    let job = restores(&stage).remove(0);
    let copy = |name: &str, status: &str| {
        let mut job = job.clone();
        job["id"] = json!(job["id"].as_str().unwrap().rsplit_once('/').unwrap().0.to_owned() + "/" + name);
        job["name"] = json!(name);
        job["properties"]["status"] = json!(status);
        stage.sandbox.azure().place(job);
    };
    copy("other", "InProgress");
    let mark = stage.mark();
    let again = [&MAPPED[..], &["--again"]].concat();
    restore(&stage, &again)
        .ends(Exit::Failed.code())
        .says("another restore is running: job other")
        .says("az aksbackup jobs other");
    copy("other", "Completed");
    (2..10).for_each(|at| copy(&format!("copy-{at}"), "Completed"));
    restore(&stage, &again)
        .ends(Exit::Failed.code())
        .says("10 restores of the backup instance were started today (UTC)");
    assert_eq!(acts(&stage, mark), [""; 0]);
}

#[test]
fn a_job_with_warnings_is_no_success_and_a_failed_one_names_the_cause() {
    let stage = backed_up();
    stage.sandbox.set("restore_warnings=1").unwrap();
    restore(&stage, &MAPPED)
        .ends(Exit::Pending.code())
        .says("CompletedWithWarnings")
        .says("persistentvolumeclaim/data: The volume claim was not restored: it exists.")
        .says("az aksbackup jobs ");
    stage.sandbox.set("restore_failures=1").unwrap();
    restore(&stage, &MAPPED)
        .ends(Exit::Failed.code())
        .says("UserErrorBackupPluginPodRestartedDuringRestore")
        .says("fix the cause, then run: az aksbackup restore --namespace shop=shop-restored");
    // Fails before: another person's restore from the same point was taken for this one.
    let others = stage.folder().join("others.toml");
    let text = stage.state_text();
    let without = text.split("[[cloud.intents]]").next().unwrap();
    std::fs::write(&others, without).unwrap();
    restore(
        &stage,
        &["--namespace", "other=copy", "--state", others.to_str().unwrap()],
    )
    .ok();
    // A failed one is over.
    let again = restore(&stage, &MAPPED).ok();
    again.says("2 changes");
    assert_eq!(restores(&stage).len(), 4);
    assert_eq!(intents(&stage), 1);
}

/// Fails before: each of these reported the restore of another wish, or restored twice.
#[test]
fn another_wish_is_another_restore_and_one_in_between_hides_none() {
    let stage = backed_up();
    let point = || {
        let document = stage.az("platform", &["points", "-o", "json"]).ok().json();
        document["points"][0]["id"].as_str().unwrap().to_owned()
    };
    let begin = |words: &[&str]| restore(&stage, &[words, &["--no-wait"]].concat()).ok();
    let other = ["--namespace", "web=web-restored"];
    begin(&MAPPED);
    stage.sandbox.azure().skip(600.0);
    begin(&other);
    stage.sandbox.azure().skip(600.0);
    restore(&stage, &MAPPED)
        .ends(Exit::Pending.code())
        .says("started by an earlier run on");
    assert_eq!(
        (restores(&stage).len(), intents(&stage)),
        (2, 2),
        "the other one is still to be reported"
    );
    let by_id = point();
    let named = [&other[..], &["--point", &by_id]].concat();
    restore(&stage, &named).ok().says("2 changes");
    assert_eq!(restores(&stage).len(), 3);
    // What is latest has changed since: the job of last night isn't the answer.
    stage.az("platform", &["backup", "--yes"]).ok();
    assert_ne!(point(), by_id);
    let plan = stage.az("platform", &[&["restore", "--plan"][..], &other].concat());
    plan.ends(Exit::Pending.code()).says("has validated the request");
    restore(&stage, &other).ok().says("2 changes");
    assert_eq!((restores(&stage).len(), intents(&stage)), (4, 3));
}

#[test]
fn a_run_that_does_not_wait_is_taken_up_by_the_same_command() {
    let stage = backed_up();
    stage.sandbox.set("restore_job=2000").unwrap();
    let begun = restore(&stage, &[&MAPPED[..], &["--no-wait"]].concat()).ok();
    begun.says("InProgress").says("Azure continues by itself");
    assert_eq!(intents(&stage), 1);
    // What another command asks for is another restore.
    restore(&stage, &IN_PLACE)
        .ends(Exit::Failed.code())
        .says("another restore is running");
    let mark = stage.mark();
    let run = restore(&stage, &MAPPED).ok();
    run.says("started by an earlier run on").says("Completed");
    assert_eq!((acts(&stage, mark), intents(&stage)), (Vec::<String>::new(), 1));
    assert_eq!(restores(&stage).len(), 1);
}

#[test]
fn whoever_may_not_restore_hears_who_may_and_what_is_missing() {
    let stage = backed_up();
    let mark = stage.mark();
    for words in [&["restore", "--yes"][..], &["restore", "--plan"]] {
        let run = stage
            .az("reader", &[words, &MAPPED[..]].concat())
            .ends(Exit::TheirTurn.code());
        run.says("Backup Operator or Contributor role")
            .says("Requires: Microsoft.DataProtection/backupVaults/backupInstances/validateRestore/action at scope ")
            .says("Requires: Microsoft.DataProtection/backupVaults/backupInstances/restore/action at scope ")
            .says("Run: az aksbackup restore --namespace shop=shop-restored");
    }
    assert_eq!(acts(&stage, mark), [""; 0]);
}

#[test]
fn the_person_is_asked_and_a_file_of_somebody_else_is_confirmed_by_name() {
    let stage = backed_up();
    let mark = stage.mark();
    let ask = || stage.az_command("platform", &[&["restore"], &MAPPED[..]].concat());
    answered(ask(), "Apply these changes?", "n\n")
        .unwrap()
        .ends(Exit::Pending.code());
    let elsewhere = tempfile::tempdir().unwrap();
    let mut other = stage.az_command("platform", &[&["restore"], &MAPPED[..], &["--yes"]].concat());
    finish(other.env("HOME", elsewhere.path()))
        .ends(Exit::Usage.code())
        .says("az aksbackup restore --subscription SUBSCRIPTION")
        .says("--namespace shop=shop-restored --yes")
        .says("--cluster RESOURCE-GROUP/NAME");
    assert_eq!(acts(&stage, mark), [""; 0]);
    answered(ask(), "Apply these changes?", "y\n").unwrap().ok();
    assert_eq!(restores(&stage).len(), 1);
}

#[test]
fn a_cluster_that_nothing_protects_has_nothing_to_restore() {
    let stage = Part::Protect.stage();
    restore(&stage, &MAPPED)
        .ends(Exit::Missing.code())
        .says("has no backup instance")
        .says("az aksbackup protect");
}
