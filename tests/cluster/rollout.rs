//! What `configure` waits for, in which order it writes, and how soon it sees that it is done.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use aksbackup_shared::exit::Exit;
use aksbackup_tests::backend::Backend;
use aksbackup_tests::bed::Request;
use aksbackup_tests::harness::{Stage, finish};
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use crate::looks::{location, own, pods, time, until};
use crate::stages::{changes_of, configure, granted, granted_with, new_sets, once_each, replica_sets, short};

fn a_storage_location_that_the_node_s_identity_reaches_proves_nothing(backend: Backend) {
    let stage = granted(backend);
    assert_eq!(location(&stage)["status"]["phase"], "Available");
    let run = stage.kubectl("viewer", &["verify"]).ends(Exit::Pending.code());
    run.says("runs without workload identity")
        .says("has no client ID")
        .says("lacks label");
}

fn role_and_network_are_proved_before_anything_is_rolled_out(backend: Backend) {
    let switches = [
        "issuer_on=true",
        "workload_identity_on=true",
        "roles_never_effective=true",
    ];
    let stage = Stage::on(backend, &switches).unwrap();
    stage.granted();
    until("three deployments", || (replica_sets(&stage).len() == 3).then_some(()));
    let sets = replica_sets(&stage);
    let (changes, run) = changes_of(&stage, || {
        stage
            .configure("cluster-admin", &["--timeout", "15s"])
            .ends(Exit::Deadline.code())
    });
    let kinds: Vec<String> = short(&changes);
    assert_eq!(kinds.len(), 3, "{run}");
    assert!(
        kinds.iter().all(|own| own.starts_with("PATCH serviceaccounts/")),
        "{kinds:?}\n{run}"
    );
    assert_eq!(replica_sets(&stage), sets, "{run}");
    run.says("AuthorizationPermissionMismatch");
    stage.sandbox.set("roles_never_effective=false").unwrap();
    configure(&stage).ok();
    assert_eq!(new_sets(&stage, &sets), once_each(&stage));
}

/// The requests of one `configure`, in order.
fn requests_of(stage: &Stage, act: impl FnOnce()) -> Vec<Request> {
    let bed = stage.sandbox.bed().unwrap();
    let before = bed.requests().len();
    act();
    bed.requests().split_off(before)
}

fn about(request: &Request, verb: &str, kind: &str) -> bool {
    request.verb == verb && request.uri.contains(&format!("/{kind}"))
}

#[test]
fn accounts_come_first_then_a_trial_of_the_webhook_then_one_patch_each() {
    let stage = granted(Backend::Real);
    let requests = requests_of(&stage, || {
        configure(&stage).ok();
    });
    let all = |verb: &str, kind: &str| -> Vec<usize> {
        // Patches are sent for trial first, all of them before the first write.
        let kept = |own: &Request| verb != "patch" || !own.uri.contains("dryRun");
        let found = requests
            .iter()
            .enumerate()
            .filter(|(_, own)| about(own, verb, kind) && kept(own));
        found.map(|(at, _)| at).collect()
    };
    let (accounts, trials, patches) = (
        all("patch", "serviceaccounts/"),
        all("create", "pods"),
        all("patch", "deployments/"),
    );
    assert_eq!((accounts.len(), patches.len()), (3, 3));
    assert!(
        trials.iter().all(|at| requests[*at].uri.contains("dryRun=All")),
        "no pod is kept"
    );
    let seen = trials
        .iter()
        .filter(|at| requests[**at].status == 201 && **at > accounts[2] && **at < patches[0]);
    assert!(
        seen.count() >= 3,
        "each template was tried between the last annotation and the first patch"
    );
    assert_eq!(
        requests.iter().filter(|own| own.write).count(),
        6,
        "and nothing else was written"
    );
    for at in patches {
        let template = &requests[at].body["spec"]["template"]["metadata"];
        assert!(
            template["labels"].is_object() && template["annotations"].is_object(),
            "{:?}",
            requests[at]
        );
    }
}

#[test]
fn waits_end_by_watching_and_not_by_looking_again_and_again() {
    // At its own pace the program would look every two seconds; the cluster takes six from pod to pod.
    let slow = [
        "kubernetes.pod_start=3000",
        "kubernetes.validation_start=600",
        "kubernetes.validation_period=3000",
    ];
    let stage = granted_with(Backend::Real, &slow);
    let requests = requests_of(&stage, || {
        let mut command = stage.configure_command("cluster-admin", &[]);
        finish(command.env_remove("AKSBACKUP_TIME_SCALE")).ok();
    });
    let gets = requests
        .iter()
        .filter(|own| own.verb == "get" && own.uri.contains("/namespaces/"));
    assert_eq!(gets.count(), 0);
    for kind in ["pods", "deployments"] {
        let lists: Vec<Timestamp> = requests
            .iter()
            .filter(|own| about(own, "list", kind))
            .map(|own| own.at)
            .collect();
        let longest = lists
            .windows(2)
            .map(|pair| pair[1].duration_since(pair[0]))
            .max()
            .unwrap();
        assert!(
            longest > SignedDuration::from_millis(3500),
            "{kind} were listed all the time: {lists:?}"
        );
        // Each wait watches the pods; the other looks are the first ones of the steps, and those before a write.
        let watches = requests.iter().filter(|own| about(own, "watch", "pods")).count();
        assert!(
            watches > 0 && watches + 7 >= lists.len(),
            "{kind}: {watches} watches, {} lists",
            lists.len()
        );
    }
}

/// Whether Velero, as it runs now, has proved the storage, as the cluster's own times tell it.
fn proved(stage: &Stage, old: &[String]) -> bool {
    let pods = pods(stage);
    let fresh = pods.len() == 3 && pods.iter().all(|pod| !old.contains(&uid(pod)) && is_ready(pod));
    let velero = pods.iter().find(|pod| pod["metadata"]["labels"]["name"] == "velero");
    let started = |pod: &Value| {
        let all = pod["status"]["containerStatuses"].as_array()?.clone();
        let velero = all.into_iter().find(|own| own["name"] == "velero")?;
        velero["state"]["running"]["startedAt"]
            .as_str()?
            .parse::<Timestamp>()
            .ok()
    };
    let settled = own(stage, "Deployment").iter().all(|own| {
        let status = &own["status"];
        status["observedGeneration"] == own["metadata"]["generation"]
            && status["replicas"] == 1
            && status["updatedReplicas"] == 1
            && status["availableReplicas"] == 1
    });
    let location = location(stage);
    fresh
        && settled
        && location["status"]["phase"] == "Available"
        && velero
            .and_then(started)
            .is_some_and(|since| time(&location, "/status/lastValidationTime") > since)
}

fn uid(pod: &Value) -> String {
    pod["metadata"]["uid"].as_str().unwrap_or_default().to_owned()
}

fn is_ready(pod: &Value) -> bool {
    let mut conditions = pod["status"]["conditions"].as_array().into_iter().flatten();
    conditions.any(|own| own["type"] == "Ready" && own["status"] == "True")
}

/// How much longer the program takes than the cluster's own rollout: what goes before its first deployment, and what
/// follows the cluster's proof.
fn overhead(stage: &Stage) -> SignedDuration {
    let old: Vec<String> = pods(stage).iter().map(uid).collect();
    let over = AtomicBool::new(false);
    let (mut begun, mut done, mut proof) = (Timestamp::now(), Timestamp::now(), Timestamp::now());
    let requests = requests_of(stage, || {
        (begun, done, proof) = std::thread::scope(|scope| {
            let cluster = scope.spawn(|| {
                while !proved(stage, &old) && !over.load(Ordering::Relaxed) {
                    std::thread::sleep(Duration::from_millis(10));
                }
                Timestamp::now()
            });
            let mut command = stage.configure_command("cluster-admin", &[]);
            let begun = Timestamp::now();
            finish(command.env_remove("AKSBACKUP_TIME_SCALE")).ok();
            let done = Timestamp::now();
            over.store(true, Ordering::Relaxed);
            (begun, done, cluster.join().unwrap())
        });
    });
    let rolls = |own: &&Request| about(own, "patch", "deployments/") && !own.uri.contains("dryRun");
    let rolled = requests.iter().find(rolls).unwrap().at;
    rolled.duration_since(begun) + done.duration_since(proof).max(SignedDuration::ZERO)
}

#[test]
fn the_program_takes_no_second_more_than_the_rollout_itself() {
    let slow = ["kubernetes.pod_start=1000", "kubernetes.validation_start=600"];
    let stage = granted_with(Backend::Real, &slow);
    let mut overheads = Vec::new();
    // Other work on the machine can only make one longer: the shortest of three counts.
    for _ in 0..3 {
        overheads.push(overhead(&stage));
        if overheads.last().is_some_and(|own| *own <= SignedDuration::from_secs(1)) {
            println!("beside the rollout itself: {overheads:?}");
            return;
        }
        stage.kubectl("cluster-admin", &["unconfigure", "--yes"]).ok();
        until("rolled back", || {
            let old = pods(&stage).len() == 3
                && own(&stage, "Deployment")
                    .iter()
                    .all(|own| own["status"]["replicas"] == 1);
            (old && location(&stage)["status"]["phase"] == "Available").then_some(())
        });
    }
    panic!("so long beside the rollout itself: {overheads:?}");
}

on_both! {
    a_storage_location_that_the_node_s_identity_reaches_proves_nothing: node_identity_on_the_small_cluster, node_identity_on_a_real_control_plane;
    role_and_network_are_proved_before_anything_is_rolled_out: role_first_on_the_small_cluster, role_first_on_a_real_control_plane;
}
