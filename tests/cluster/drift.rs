//! What others undo is named by `verify` and mended by `configure`, which touches nothing else.

use aksbackup_shared::exit::Exit;
use aksbackup_tests::backend::Backend;
use aksbackup_tests::harness::Stage;
use serde_json::{Value, json};

use crate::looks::{NAMESPACE, pods, until, variable};
use crate::stages::{
    AGENT, AGENT_ACCOUNT, ANNOTATION, GENEVA, GENEVA_ACCOUNT, changes_of, configure, configured, granted, new_sets,
    once_each, replica_sets, short, verify,
};

/// `verify` names the drift, `configure` sends just `expected`, and then all is well and stays as it is.
fn named_and_mended(stage: &Stage, words: &[&str], expected: &[&str]) {
    let run = verify(stage).ends(Exit::Pending.code());
    for word in words {
        assert!(run.stdout.contains(word), "{word:?}\n{run}");
    }
    let (changes, run) = changes_of(stage, || configure(stage).ok());
    let mut changes = short(&changes);
    changes.sort();
    assert_eq!(changes, expected, "{run}");
    verify(stage).ok();
    let (changes, run) = changes_of(stage, || configure(stage).ok());
    assert_eq!(changes, [] as [String; 0], "{run}");
}

fn a_label_that_an_upgrade_took_comes_back(backend: Backend) {
    let stage = configured(backend);
    for deployment in [GENEVA, AGENT] {
        stage.sandbox.cluster().helm_upgrade_drops_label(deployment).unwrap();
        named_and_mended(
            &stage,
            &[&format!("{deployment} lacks label azure.workload.identity/use")],
            &[&format!("PATCH deployments/{deployment}")],
        );
    }
}

fn a_service_account_made_anew_is_annotated_and_nothing_is_rolled_out(backend: Backend) {
    let stage = configured(backend);
    let (sets, pods_before) = (replica_sets(&stage), pod_names(&stage));
    stage
        .sandbox
        .cluster()
        .recreate_service_account(GENEVA_ACCOUNT)
        .unwrap();
    named_and_mended(
        &stage,
        &[&format!("{GENEVA_ACCOUNT} has no client ID")],
        &[&format!("PATCH serviceaccounts/{GENEVA_ACCOUNT}")],
    );
    assert_eq!((replica_sets(&stage), pod_names(&stage)), (sets, pods_before));
}

fn an_annotation_of_somebody_else_s_is_told_and_taken_over_by_force_alone(backend: Backend) {
    let stage = configured(backend);
    let (wanted, other) = (
        stage.value("/cloud/identity/client_id"),
        "00000000-1111-4222-8333-444444444444",
    );
    let annotate = format!("{ANNOTATION}={other}");
    let arguments = [
        "annotate",
        "serviceaccount",
        "-n",
        NAMESPACE,
        GENEVA_ACCOUNT,
        "--overwrite",
        &annotate,
    ];
    stage.as_kubectl("cluster-admin", &arguments).ok();
    let words = format!("{GENEVA_ACCOUNT} has client ID {other}; expected {wanted}");
    verify(&stage).ends(Exit::Pending.code()).says(&words);
    let annotation = || {
        let account = stage
            .sandbox
            .cluster()
            .object("ServiceAccount", NAMESPACE, GENEVA_ACCOUNT)
            .unwrap();
        account["metadata"]["annotations"][ANNOTATION].clone()
    };
    let run = configure(&stage).ends(Exit::Failed.code());
    assert_eq!(annotation(), other, "{run}");
    run.says("kubectl-annotate")
        .says("--force-conflicts")
        .says(GENEVA_ACCOUNT);
    let forced = || stage.configure("cluster-admin", &["--force-conflicts"]);
    let (changes, run) = changes_of(&stage, || forced().ok());
    assert_eq!(
        short(&changes),
        [format!("PATCH serviceaccounts/{GENEVA_ACCOUNT}")],
        "{run}"
    );
    assert_eq!(annotation(), wanted.as_str());
    verify(&stage).ok();
}

fn an_extension_installed_anew_is_rolled_out_once_for_its_new_client_id(backend: Backend) {
    let stage = configured(backend);
    let old = stage.value("/cloud/identity/client_id");
    stage.sandbox.set("extension_reinstalled=true").unwrap();
    stage.az("platform", &["prepare", "--yes"]).ok();
    stage.grant("owner").ok();
    stage.sandbox.cluster().settled().unwrap();
    let new = stage.value("/cloud/identity/client_id");
    assert_ne!(new, old);
    verify(&stage).ends(Exit::Pending.code()).says("has no client ID");
    rolled_once_for(&stage, &new);
}

fn a_new_client_id_alone_is_a_cause_of_exactly_one_rollout(backend: Backend) {
    const OLD: &str = "00000000-1111-4222-8333-444444444444";
    let stage = granted(backend);
    let new = stage.value("/cloud/identity/client_id");
    // What an identity leaves behind that is not the extension's any more: labels, causes and annotations.
    let copy = stage.folder().join("old.toml");
    std::fs::write(&copy, stage.state_text().replace(&new, OLD)).unwrap();
    let old = [
        "configure",
        "--yes",
        "--client-id",
        OLD,
        "--state",
        copy.to_str().unwrap(),
    ];
    stage
        .kubectl("cluster-admin", &old)
        .ends(Exit::Failed.code())
        .says("AADSTS");
    let run = verify(&stage).ends(Exit::Pending.code());
    for account in [AGENT_ACCOUNT, GENEVA_ACCOUNT] {
        let words = format!("{account} has client ID {OLD}; expected {new}");
        assert!(run.stdout.contains(&words), "{run}");
    }
    assert!(run.stdout.contains(&format!("uses client ID {OLD}")), "{run}");
    rolled_once_for(&stage, &new);
}

/// `configure` annotates each service account, rolls each deployment out once, and every pod then uses `client_id`.
fn rolled_once_for(stage: &Stage, client_id: &str) {
    let sets = replica_sets(stage);
    let (changes, run) = changes_of(stage, || configure(stage).ok());
    let mut kinds: Vec<String> = short(&changes)
        .iter()
        .map(|own| own.split('/').next().unwrap().to_owned())
        .collect();
    kinds.dedup();
    let expected = ["PATCH serviceaccounts", "PATCH deployments"];
    assert_eq!(
        (changes.len(), kinds),
        (6, expected.map(str::to_owned).to_vec()),
        "{run}"
    );
    assert_eq!(new_sets(stage, &sets), once_each(stage), "{run}");
    for pod in pods(stage) {
        for container in pod["spec"]["containers"].as_array().unwrap() {
            assert_eq!(variable(container, "AZURE_CLIENT_ID"), client_id);
        }
    }
    verify(stage).ok();
}

fn a_label_set_by_hand_before_does_not_save_and_does_not_double_the_rollout(backend: Backend) {
    let stage = granted(backend);
    let label =
        json!({ "spec": { "template": { "metadata": { "labels": { "azure.workload.identity/use": "true" } } } } });
    for deployment in once_each(&stage).keys() {
        let patch = [
            "patch",
            "deployment",
            "-n",
            NAMESPACE,
            deployment,
            "-p",
            &label.to_string(),
        ];
        stage.as_kubectl("cluster-admin", &patch).ok();
    }
    until("the pods have a token file and no client ID", || {
        let pods = pods(&stage);
        let bare = pods
            .iter()
            .filter(|pod| injected(pod) && client_id(pod).is_null())
            .count();
        (bare == 3 && pods.len() == 3).then_some(())
    });
    let sets = replica_sets(&stage);
    verify(&stage).ends(Exit::Pending.code()).says("has no client ID");
    let run = configure(&stage).ok();
    assert_eq!(new_sets(&stage, &sets), once_each(&stage), "{run}");
    verify(&stage).ok();
}

fn injected(pod: &Value) -> bool {
    variable(&pod["spec"]["containers"][0], "AZURE_FEDERATED_TOKEN_FILE").is_string()
}

fn client_id(pod: &Value) -> Value {
    variable(&pod["spec"]["containers"][0], "AZURE_CLIENT_ID").clone()
}

fn pod_names(stage: &Stage) -> Vec<String> {
    let names = pods(stage)
        .into_iter()
        .map(|pod| pod["metadata"]["name"].as_str().unwrap().to_owned());
    names.collect()
}

/// Deletes the only pod of a deployment; gives the name of the one that came in its place.
fn replaced(stage: &Stage, deployment: &str) -> String {
    let prefix = format!("{deployment}-");
    let of = || pod_names(stage).into_iter().find(|name| name.starts_with(&prefix));
    let old = of().unwrap();
    stage
        .as_kubectl(
            "cluster-admin",
            &["delete", "pod", "-n", NAMESPACE, &old, "--wait=false"],
        )
        .ok();
    until("a pod in its place", || of().filter(|name| *name != old))
}

fn a_pod_that_the_webhook_s_cache_missed_is_deleted_and_its_deployment_not_rolled_again(backend: Backend) {
    let stage = configured(backend);
    let sets = replica_sets(&stage);
    // What a pod gets that is made before the webhook has heard of the annotation.
    stage.sandbox.cluster().recreate_service_account(AGENT_ACCOUNT).unwrap();
    let missed = until("a pod without client ID", || {
        let name = replaced(&stage, AGENT);
        let pod = stage.sandbox.cluster().object("Pod", NAMESPACE, &name)?;
        client_id(&pod).is_null().then_some(name)
    });
    named_and_mended(
        &stage,
        &[
            &format!("pod {missed} has a token file but no client ID"),
            &format!("{AGENT_ACCOUNT} has no client ID"),
        ],
        &[
            &format!("DELETE pods/{missed}"),
            &format!("PATCH serviceaccounts/{AGENT_ACCOUNT}"),
        ],
    );
    assert_eq!(replica_sets(&stage), sets);
}

#[test]
fn pods_from_before_the_webhook_are_deleted_and_nothing_is_rolled_again() {
    const WEBHOOK: &str = "azure-wi-webhook-mutating-webhook-configuration";
    let stage = configured(Backend::Real);
    let (bed, sets) = (stage.sandbox.bed().unwrap(), replica_sets(&stage));
    let mut webhook = bed.object("MutatingWebhookConfiguration", "", WEBHOOK).unwrap();
    bed.delete("MutatingWebhookConfiguration", "", WEBHOOK).unwrap();
    let bare = until("a pod without token file", || {
        let name = replaced(&stage, AGENT);
        let pod = bed.object("Pod", NAMESPACE, &name)?;
        (!injected(&pod)).then_some(name)
    });
    let metadata = webhook["metadata"].as_object_mut().unwrap();
    metadata.retain(|key, _| key == "name" || key == "labels");
    bed.create(&webhook).unwrap();
    named_and_mended(
        &stage,
        &[&format!("pod {bare} runs without workload identity")],
        &[&format!("DELETE pods/{bare}")],
    );
    assert_eq!(replica_sets(&stage), sets);
}

on_both! {
    a_label_that_an_upgrade_took_comes_back: label_on_the_small_cluster, label_on_a_real_control_plane;
    a_service_account_made_anew_is_annotated_and_nothing_is_rolled_out: account_on_the_small_cluster, account_on_a_real_control_plane;
    an_annotation_of_somebody_else_s_is_told_and_taken_over_by_force_alone: conflict_on_the_small_cluster, conflict_on_a_real_control_plane;
    an_extension_installed_anew_is_rolled_out_once_for_its_new_client_id: installed_anew_on_the_small_cluster, installed_anew_on_a_real_control_plane;
    a_new_client_id_alone_is_a_cause_of_exactly_one_rollout: new_client_id_on_the_small_cluster, new_client_id_on_a_real_control_plane;
    a_label_set_by_hand_before_does_not_save_and_does_not_double_the_rollout: label_by_hand_on_the_small_cluster, label_by_hand_on_a_real_control_plane;
    a_pod_that_the_webhook_s_cache_missed_is_deleted_and_its_deployment_not_rolled_again: missed_pod_on_the_small_cluster, missed_pod_on_a_real_control_plane;
}
