//! What keeps the extension's pods from running is named with its cure, and the cure is enough.

use aksbackup_shared::exit::Exit;
use aksbackup_tests::backend::Backend;
use aksbackup_tests::harness::{Run, Stage};
use aksbackup_tests::kubernetes::Fault;
use aksbackup_tests::planes::Cluster as _;
use serde_json::json;

use crate::looks::{AGENT, NAMESPACE, ON, granted, own, rolled_out};

const CONTROLLER: &str = "dataprotection-microsoft-controller";
const GENEVA: &str = "dataprotection-microsoft-geneva-service";

fn configure(stage: &Stage) -> Run {
    stage.configure("cluster-admin", &[])
}

/// Types a command line of kubectl's, as it stands in a hint.
fn typed(stage: &Stage, line: &str) {
    let words: Vec<&str> = line.split_whitespace().skip(1).collect();
    stage.as_kubectl("cluster-admin", &words).ok();
}

/// The hint of a run that is kubectl's `verb`.
fn hint(run: &Run, verb: &str) -> String {
    let start = format!("kubectl {verb}");
    let text = format!("{}\n{}", run.stdout, run.stderr);
    let line = text
        .lines()
        .find_map(|line| Some(line.split_once(&start)?.1.to_owned()));
    format!("{start}{}", line.unwrap_or_else(|| panic!("no {start}\n{run}")))
}

fn rolled(stage: &Stage) -> usize {
    stage
        .changes()
        .iter()
        .filter(|line| {
            line.contains("PATCH") && line.contains("fieldManager=kubectl-aksbackup") && line.contains("/deployments/")
        })
        .count()
}

fn deployments_that_make_no_pods(backend: Backend) {
    let stage = granted(Stage::on(backend, ON).unwrap());
    stage
        .as_kubectl(
            "cluster-admin",
            &["scale", "deployment", CONTROLLER, "-n", NAMESPACE, "--replicas=0"],
        )
        .ok();
    let run = configure(&stage)
        .ends(Exit::Failed.code())
        .says(&format!("deployment {CONTROLLER} is scaled to zero"));
    assert_eq!(rolled(&stage), 0, "nothing rolls\n{run}");
    stage
        .kubectl("viewer", &["verify"])
        .ends(Exit::Pending.code())
        .says("is scaled to zero");
    typed(&stage, &hint(&run, "scale"));
    typed(
        &stage,
        &format!("kubectl rollout pause deployment {GENEVA} -n {NAMESPACE}"),
    );
    let run = configure(&stage)
        .ends(Exit::Failed.code())
        .says(&format!("deployment {GENEVA} is paused"));
    assert_eq!(rolled(&stage), 0, "nothing rolls\n{run}");
    typed(&stage, &hint(&run, "rollout resume"));
    rolled_out(&stage);
    let before = own(&stage, "ReplicaSet").len();
    configure(&stage).ok();
    assert_eq!(own(&stage, "ReplicaSet").len(), before + 3);
    stage.kubectl("viewer", &["verify"]).ok();
}

fn one_template_of_three(backend: Backend) {
    let stage = granted(Stage::on(backend, ON).unwrap());
    configure(&stage).ok();
    stage.sandbox.cluster().helm_upgrade_drops_label(CONTROLLER).unwrap();
    stage
        .kubectl("viewer", &["verify"])
        .ends(Exit::Pending.code())
        .says(&format!("{CONTROLLER} lacks label azure.workload.identity/use"));
    let before = stage.changes().len();
    configure(&stage).ok();
    let writes = stage.changes().split_off(before);
    assert!(writes.len() == 1 && writes[0].contains(CONTROLLER), "{writes:?}");
    stage.kubectl("viewer", &["verify"]).ok();
}

fn a_client_id_of_the_chart(backend: Backend) {
    let stage = granted(Stage::on(backend, ON).unwrap());
    let preset = "AZURE_CLIENT_ID=11111111-1111-1111-1111-111111111111";
    typed(
        &stage,
        &format!("kubectl set env deployment {AGENT} -n {NAMESPACE} -c velero {preset}"),
    );
    let run = configure(&stage)
        .ends(Exit::Failed.code())
        .says("container velero of deployment dataprotection-microsoft-kubernetes-agent sets AZURE_CLIENT_ID to");
    assert_eq!(rolled(&stage), 0);
    typed(&stage, &hint(&run, "set env"));
    configure(&stage).ok();
}

fn template_without_label(stage: &Stage) {
    stage.sandbox.cluster().helm_upgrade_drops_label(AGENT).unwrap();
    rolled_out(stage);
}

fn storage_that_takes_no_backup(backend: Backend) {
    let stage = granted(Stage::on(backend, ON).unwrap());
    configure(&stage).ok();
    let location = |patch: &str| {
        let arguments = ["patch", "bsl", "default", "-n", NAMESPACE, "--type=merge", "-p", patch];
        stage.as_kubectl("cluster-admin", &arguments).ok();
    };
    location(r#"{"spec":{"accessMode":"ReadOnly"}}"#);
    let finding = stage
        .kubectl("viewer", &["verify"])
        .ends(Exit::Pending.code())
        .says("is read-only");
    let run = configure(&stage).ends(Exit::Failed.code()).says("is read-only");
    for run in [&finding, &run] {
        assert!(hint(run, "patch backupstoragelocation").contains(r#"'{"spec":{"accessMode":"ReadWrite"}}'"#));
    }
    location(r#"{"spec":{"accessMode":"ReadWrite","validationFrequency":"0s"}}"#);
    stage
        .kubectl("viewer", &["verify"])
        .ends(Exit::Pending.code())
        .says("is never validated");
    let before = rolled(&stage);
    template_without_label(&stage);
    let run = configure(&stage)
        .ends(Exit::Failed.code())
        .says("its validationFrequency is 0");
    assert_eq!(rolled(&stage), before, "nothing rolls that could not be proved\n{run}");
    assert!(hint(&run, "patch backupstoragelocation").contains(r#"'{"spec":{"validationFrequency":null}}'"#));
    location(r#"{"spec":{"validationFrequency":null}}"#);
    configure(&stage).ok();
    stage.kubectl("viewer", &["verify"]).ok();
    stage
        .as_kubectl("cluster-admin", &["delete", "bsl", "default", "-n", NAMESPACE])
        .ok();
    stage
        .kubectl("viewer", &["verify"])
        .ends(Exit::Pending.code())
        .says("backup storage location default doesn't exist")
        .says("only reinstalling it creates the location again");
    configure(&stage)
        .ends(Exit::TheirTurn.code())
        .says("az aksbackup prepare");
}

fn pods_that_do_not_start(backend: Backend) {
    let stage = granted(Stage::on(backend, ON).unwrap());
    if backend == Backend::Real {
        // Ten minutes by default, which only a simulated clock makes short.
        let patch = json!({ "spec": { "progressDeadlineSeconds": 8 } });
        stage
            .sandbox
            .bed()
            .unwrap()
            .patch("Deployment", NAMESPACE, AGENT, &patch)
            .unwrap();
    }
    let faults = [
        (Fault::ImagePullBackOff, "ImagePullBackOff"),
        (Fault::CrashLoopBackOff, "CrashLoopBackOff"),
        (Fault::Unschedulable, "Unschedulable"),
    ];
    for (fault, word) in faults {
        let cluster = stage.sandbox.cluster();
        cluster.set_fault(AGENT, Some(fault));
        configure(&stage)
            .ends(Exit::Failed.code())
            .says(&format!("the new pods of deployment {AGENT} aren't becoming ready"))
            .says("ProgressDeadlineExceeded")
            .says(word)
            .says(&format!("kubectl describe pods --namespace {NAMESPACE}"));
        stage
            .kubectl("viewer", &["verify"])
            .ends(Exit::Pending.code())
            .says(word);
        cluster.set_fault(AGENT, None);
        rolled_out(&stage);
        configure(&stage).ok();
        cluster.helm_upgrade_drops_label(AGENT).unwrap();
        rolled_out(&stage);
    }
}

fn a_webhook_that_is_down_or_gone(backend: Backend) {
    let stage = granted(Stage::on(backend, ON).unwrap());
    let cluster = stage.sandbox.cluster();
    cluster.set_webhook_down(true).unwrap();
    configure(&stage)
        .ends(Exit::Failed.code())
        .says("failed calling webhook")
        .says("kubectl get pods --namespace kube-system")
        .says("az aks update");
    cluster.set_webhook_down(false).unwrap();
    match stage.sandbox.bed() {
        Some(bed) => {
            let configuration = bed.objects("MutatingWebhookConfiguration").remove(0);
            let name = configuration["metadata"]["name"].as_str().unwrap();
            bed.delete("MutatingWebhookConfiguration", "", name).unwrap();
        }
        None => stage.sandbox.kubernetes().set_workload_identity(false),
    }
    configure(&stage)
        .ends(Exit::Failed.code())
        .says("aren't injected with workload identity")
        .says("az aksbackup prepare")
        .says("--enable-workload-identity");
    assert_eq!(rolled(&stage), 0);
    stage
        .kubectl("viewer", &["verify", "--pre"])
        .ends(Exit::Pending.code())
        .says("the workload identity webhook isn't installed");
}

on_both! {
    deployments_that_make_no_pods: halted_on_the_small_cluster, halted_on_a_real_control_plane;
    one_template_of_three: one_template_on_the_small_cluster, one_template_on_a_real_control_plane;
    a_client_id_of_the_chart: preset_on_the_small_cluster, preset_on_a_real_control_plane;
    storage_that_takes_no_backup: location_on_the_small_cluster, location_on_a_real_control_plane;
    pods_that_do_not_start: pods_on_the_small_cluster, pods_on_a_real_control_plane;
    a_webhook_that_is_down_or_gone: webhook_gone_on_the_small_cluster, webhook_gone_on_a_real_control_plane;
}

#[test]
fn a_quota_that_is_used_up_is_named_before_anything_rolls() {
    let stage = granted(Stage::on(Backend::Real, ON).unwrap());
    stage
        .as_kubectl(
            "cluster-admin",
            &["create", "quota", "frugal", "-n", NAMESPACE, "--hard=pods=3"],
        )
        .ok();
    crate::looks::until("the quota is counted", || {
        let quota = stage
            .as_kubectl(
                "cluster-admin",
                &["get", "quota", "frugal", "-n", NAMESPACE, "-o", "json"],
            )
            .ok();
        quota.stdout.contains(r#""used""#).then_some(())
    });
    configure(&stage)
        .ends(Exit::Failed.code())
        .says("exceeded quota: frugal")
        .says(&format!("kubectl describe resourcequota --namespace {NAMESPACE}"));
    assert_eq!(rolled(&stage), 0);
    stage
        .kubectl("viewer", &["verify", "--pre"])
        .ends(Exit::Pending.code())
        .says("quota frugal: 3 of 3 pods used");
    stage
        .as_kubectl("cluster-admin", &["delete", "quota", "frugal", "-n", NAMESPACE])
        .ok();
    configure(&stage).ok();
}
