//! What a cluster does to `configure` on a bad day: it says what is wrong, and goes on once it is cured, with one rollout.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use aksbackup_shared::exit::Exit;
use aksbackup_tests::harness::{Run, Stage, finish};
use aksbackup_tests::kubernetes::Fault;
use serde_json::Value;

use crate::faults::wire::Wire;
use crate::made;
use crate::part::Part;

const AGENT: &str = "dataprotection-microsoft-kubernetes-agent";
/// Nothing in here takes longer, in real time.
const SOON: Duration = Duration::from_secs(90);
/// `--timeout` of what can end in no other way: on a busy machine the first look alone takes seconds.
const LATE: &str = "15s";

fn configure(stage: &Stage, timeout: &str) -> Run {
    stage.configure("cluster-admin", &["--timeout", timeout])
}

fn replica_sets(stage: &Stage) -> usize {
    stage.sandbox.kubernetes().objects("ReplicaSet").len()
}

/// Runs `configure` until its deadline or failure, then cures the world and runs it again: it ends 0, after one rollout
/// for each deployment.
fn ends_and_goes_on(stage: &Stage, cure: impl FnOnce(&Stage)) -> Run {
    let (before, begun) = (replica_sets(stage), Instant::now());
    let run = configure(stage, LATE);
    assert!(begun.elapsed() < SOON, "{run}");
    made::state_parses(stage);
    cure(stage);
    configure(stage, "90m").ok();
    assert_eq!(
        replica_sets(stage),
        before + 3,
        "one rollout for each of three deployments\n{run}"
    );
    stage.kubectl("viewer", &["verify"]).ok();
    run
}

#[test]
fn a_webhook_that_does_not_answer_is_named_before_anything_rolls() {
    let stage = Part::Configure.stage();
    stage.sandbox.kubernetes().set_webhook_down(true);
    let before = replica_sets(&stage);
    let run = ends_and_goes_on(&stage, |stage| {
        assert_eq!(replica_sets(stage), before, "nothing rolls into a webhook that is down");
        stage.sandbox.kubernetes().set_webhook_down(false);
    });
    run.ends(Exit::Failed.code())
        .says("failed calling webhook")
        .says("kubectl get pods --namespace kube-system");
}

/// Waits until the agent's deployment goes on: until then Kubernetes says what it said before the cause was gone.
fn no_deadline_is_exceeded(stage: &Stage) {
    let begun = Instant::now();
    let exceeded = || {
        let agent = stage
            .sandbox
            .kubernetes()
            .object("Deployment", "dataprotection-microsoft", AGENT);
        agent.unwrap_or_default()["status"]["conditions"]
            .to_string()
            .contains("ProgressDeadlineExceeded")
    };
    while exceeded() {
        assert!(begun.elapsed() < SOON * 2, "the agent does not go on");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn pods_that_do_not_start_are_named_with_their_reason() {
    let faults = [
        (Fault::ImagePullBackOff, "ImagePullBackOff"),
        (Fault::CrashLoopBackOff, "CrashLoopBackOff"),
        (Fault::Unschedulable, "Unschedulable"),
    ];
    made::beside_each_other(&faults, |(fault, reason)| {
        let stage = Part::Configure.stage();
        stage.sandbox.kubernetes().set_fault(AGENT, Some(*fault));
        let before = replica_sets(&stage);
        let run = configure(&stage, "90m").ends(Exit::Failed.code()).says(AGENT);
        assert!(run.stderr.contains(reason), "{reason} is said\n{run}");
        stage.sandbox.kubernetes().set_fault(AGENT, None);
        no_deadline_is_exceeded(&stage);
        configure(&stage, "90m").ok();
        assert_eq!(
            replica_sets(&stage),
            before + 3,
            "the cured pods need no rollout of their own\n{run}"
        );
    });
}

#[test]
fn a_webhook_that_lags_behind_costs_no_second_rollout() {
    let stage = Part::Configure.stage();
    stage.sandbox.kubernetes().set_webhook_lag(60.0);
    let before = replica_sets(&stage);
    configure(&stage, "90m").ok();
    assert_eq!(replica_sets(&stage), before + 3);
    stage.kubectl("viewer", &["verify"]).ok();
}

#[test]
fn watches_that_are_too_old_are_begun_anew() {
    let stage = Part::Configure.stage();
    let before = replica_sets(&stage);
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let log = stage.sandbox.log();
            let mut seen = stage.mark();
            while !over.load(Ordering::Relaxed) {
                if log.wait_until(Duration::from_millis(50), |entries| entries.len() > seen) {
                    seen += 1;
                    stage.sandbox.kubernetes().forget_history();
                }
            }
        });
        let run = configure(&stage, "90m");
        over.store(true, Ordering::Relaxed);
        run.ok();
    });
    assert_eq!(replica_sets(&stage), before + 3);
    stage.kubectl("viewer", &["verify"]).ok();
}

/// Runs `configure` over a wire that is cut at its request number `number`, until it has come twice in vain.
fn cut_at(stage: &Stage, number: usize) -> Run {
    let text = std::fs::read_to_string(stage.folder().join("kubeconfig")).unwrap();
    let description = std::fs::read_to_string(stage.folder().join("sandbox.json")).unwrap();
    let description: Value = serde_json::from_str(&description).unwrap();
    let server = description["kubernetes"]["server"].as_str().unwrap();
    let wire = Wire::to(server.trim_start_matches("https://").parse().unwrap());
    let own = stage.folder().join(format!("kubeconfig-{number}"));
    let wired = text.replace(server, &format!("https://{}", wire.address()));
    assert_ne!(wired, text);
    std::fs::write(&own, wired).unwrap();
    let mut command = stage.configure_command("cluster-admin", &[]);
    command.env("KUBECONFIG", own);
    let (log, mark) = (stage.sandbox.log(), stage.mark());
    std::thread::scope(|scope| {
        let cut = scope.spawn(|| {
            let reached = log.wait_until(SOON, |entries| entries.len() >= mark + number);
            reached && wire.cut_until_came(2)
        });
        let run = finish(&mut command);
        wire.end();
        assert!(
            cut.join().unwrap(),
            "nobody was turned away after request {number}\n{run}"
        );
        run
    })
}

#[test]
fn an_api_server_that_restarts_is_borne_and_costs_no_second_rollout() {
    made::beside_each_other(&[2, 16, 30], |number| {
        let stage = Part::Configure.stage();
        let before = replica_sets(&stage);
        let run = cut_at(&stage, *number).ok();
        assert_eq!(replica_sets(&stage), before + 3, "cut at request {number}\n{run}");
        stage.kubectl("viewer", &["verify"]).ok();
    });
}

#[test]
fn a_firewall_of_the_storage_account_is_quoted_before_anything_rolls() {
    let stage = Part::Configure.stage();
    stage.sandbox.set("storage_default_action=Deny").unwrap();
    let before = replica_sets(&stage);
    let run = ends_and_goes_on(&stage, |stage| {
        assert_eq!(replica_sets(stage), before);
        stage.sandbox.set("storage_default_action=Allow").unwrap();
    });
    run.ends(Exit::Deadline.code())
        .says("AuthorizationFailure")
        .says("network rules");
}

#[test]
fn roles_that_never_take_effect_end_at_the_deadline_with_the_last_state() {
    let stage = Part::Grant.stage();
    stage.sandbox.set("roles_never_effective=true").unwrap();
    Part::Grant.run(&stage).ok();
    let before = replica_sets(&stage);
    let run = configure(&stage, LATE)
        .ends(Exit::Deadline.code())
        .says("AuthorizationPermissionMismatch");
    assert_eq!(
        replica_sets(&stage),
        before,
        "nothing rolls before the role works\n{run}"
    );
}

#[test]
fn an_upgrade_that_takes_the_label_is_repaired_by_one_rollout() {
    let stage = Part::Protect.stage();
    stage.sandbox.kubernetes().helm_upgrade_drops_label(AGENT);
    stage
        .kubectl("viewer", &["verify"])
        .ends(Exit::Pending.code())
        .says(AGENT);
    let before = replica_sets(&stage);
    configure(&stage, "90m").ok();
    let made = replica_sets(&stage) - before;
    assert!(made <= 1, "one deployment lost its label, {made} new ReplicaSets");
    stage.kubectl("viewer", &["verify"]).ok();
}
