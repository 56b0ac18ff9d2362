use super::*;

fn goal() -> Goal {
    Goal {
        generation: 2,
        replicas: 1,
        paused: false,
    }
}

fn status(observed: i64, updated: i32, replicas: i32, available: i32) -> DeploymentStatus {
    DeploymentStatus {
        observed_generation: Some(observed),
        updated_replicas: Some(updated),
        replicas: Some(replicas),
        available_replicas: Some(available),
        ..DeploymentStatus::default()
    }
}

#[test]
fn a_rollout_is_complete_when_only_new_pods_are_left_and_available() {
    assert_eq!(rollout(&goal(), &status(2, 1, 1, 1)), Rollout::Complete);
    for unfinished in [
        status(1, 1, 1, 1),
        status(2, 0, 1, 1),
        status(2, 1, 2, 2),
        status(2, 1, 1, 0),
    ] {
        assert!(
            matches!(rollout(&goal(), &unfinished), Rollout::Going(_)),
            "{unfinished:?}"
        );
    }
}

#[test]
fn a_rollout_that_kubernetes_gave_up_is_stuck_and_tells_why() {
    let mut stuck = status(2, 0, 1, 1);
    stuck.conditions = serde_json::from_value(serde_json::json!([
        { "type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded" },
        { "type": "ReplicaFailure", "status": "True", "message": "exceeded quota" },
    ]))
    .unwrap();
    assert_eq!(rollout(&goal(), &stuck), Rollout::Stuck("exceeded quota".into()));
    stuck.observed_generation = Some(1);
    assert!(
        matches!(rollout(&goal(), &stuck), Rollout::Going(_)),
        "that was the rollout before"
    );
}

#[test]
fn a_paused_deployment_never_finishes() {
    let paused = Goal { paused: true, ..goal() };
    assert_eq!(rollout(&paused, &status(2, 1, 1, 1)), Rollout::Paused);
}

fn live(name: &str, release: Option<&str>) -> Deployment {
    let annotations = release.map(|release| serde_json::json!({ RELEASE_ANNOTATION: release }));
    let live = serde_json::json!({
        "metadata": { "name": name, "annotations": annotations },
        "spec": { "selector": {}, "template": { "spec": { "containers": [] } } },
    });
    Deployment::from_live(serde_json::from_value(live).unwrap()).unwrap()
}

#[test]
fn the_release_s_deployments_are_found_by_the_agent_s_release() {
    let names = |found: Vec<Deployment>| found.iter().map(|own| own.name.to_string()).collect::<Vec<_>>();
    let all = [
        live(AGENT_DEPLOYMENT, Some("r")),
        live("new-one", Some("r")),
        live("other", Some("x")),
        live("own", None),
    ];
    assert_eq!(names(of_release(&all)), [AGENT_DEPLOYMENT, "new-one"]);
    let plain = [
        live(AGENT_DEPLOYMENT, None),
        live("dataprotection-microsoft-controller", None),
        live("own", None),
    ];
    assert_eq!(of_release(&plain).len(), 2);
    assert!(of_release(&[live("other", Some("x"))]).is_empty());
}

#[test]
fn an_agent_of_another_name_is_known_by_velero_s_container() {
    let mut renamed = live("backup-agent", Some("r"));
    assert!(of_release(std::slice::from_ref(&renamed)).is_empty());
    let spec = serde_json::json!({ "spec": { "containers": [{ "name": "velero" }] } });
    renamed.template = serde_json::from_value(spec).unwrap();
    let all = [live("other", Some("x")), renamed.clone(), live("helper", Some("r"))];
    assert_eq!(of_release(&all).len(), 2);
    let image = "mcr.microsoft.com/oss/velero/velero:v1";
    let spec = serde_json::json!({ "spec": { "containers": [{ "name": "velero-server", "image": image }] } });
    let mut by_image = live("dataprotection-microsoft-backup-agent", Some("e"));
    by_image.template = serde_json::from_value(spec).unwrap();
    let all = [renamed, by_image, live("helper", Some("e"))];
    assert_eq!(
        agent(&all).unwrap().name,
        all[1].name,
        "a name of the extension's goes first"
    );
    assert_eq!(without_velero(&all, "ns"), None);
}

#[test]
fn an_extension_without_velero_is_told_and_not_called_absent() {
    let all = [
        live("dataprotection-microsoft-agent", Some("r")),
        live("other", Some("x")),
    ];
    let told = without_velero(&all, "ns").unwrap();
    assert!(
        told.contains("release r") && told.contains("dataprotection-microsoft-agent"),
        "{told}"
    );
    assert!(!told.contains("other"), "{told}");
    assert_eq!(without_velero(&all[1..], "ns"), None);
}
