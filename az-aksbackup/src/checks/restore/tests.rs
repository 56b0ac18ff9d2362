use super::*;
use crate::checks::protection::tests::instance;
use crate::target_ids;
use crate::target_ids::tests::example;

fn pairs(words: &[&str], in_place: bool) -> Outcome<Vec<(String, String)>> {
    let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
    let pairs = mapping(&words, in_place)?;
    Ok(pairs
        .iter()
        .map(|(source, target)| (source.to_string(), target.to_string()))
        .collect())
}

fn refused(words: &[&str], in_place: bool) -> String {
    let failure = pairs(words, in_place).unwrap_err();
    assert_eq!(failure.exit, aksbackup_shared::exit::Exit::Usage, "{failure}");
    failure.to_string()
}

fn criteria() -> Criteria {
    Criteria {
        namespaces: mapping(&["shop=shop-restored".to_owned()], false).unwrap(),
        cluster_scope: true,
        data: true,
        ..Criteria::default()
    }
}

fn configured() -> Instance {
    instance("ProtectionConfigured", |_| ())
}

#[test]
fn namespaces_are_mapped_or_restored_in_place() {
    let pair = |one: &str, other: &str| (one.to_owned(), other.to_owned());
    assert_eq!(
        pairs(&["shop=shop-restored", "web=web2"], false).unwrap(),
        [pair("shop", "shop-restored"), pair("web", "web2")]
    );
    assert_eq!(pairs(&["shop"], true).unwrap(), [pair("shop", "shop")]);
    assert!(pairs(&[], true).unwrap().is_empty());
}

#[test]
fn a_namespace_without_a_target_is_refused_with_a_proposal_that_kubernetes_takes() {
    for words in [["shop"], ["shop=shop"]] {
        let text = refused(&words, false);
        assert!(text.contains("--namespace shop=shop-restored"), "{text}");
        assert!(text.contains("--in-place RESOURCE-GROUP/CLUSTER"), "{text}");
    }
    let long = "x".repeat(63);
    let text = refused(&[&long], false);
    let proposal = format!("--namespace {long}={}-restored", "x".repeat(54));
    assert!(text.contains(&proposal), "{text}");
    assert!(pairs(&[&proposal["--namespace ".len()..]], false).is_ok());
}

#[test]
fn what_mixes_loses_or_breaks_is_refused() {
    let long = format!("shop={}", "x".repeat(64));
    let cases: [(&[&str], &str); 10] = [
        (&[], "no namespace specified"),
        (&["shop=Shop"], "shop=Shop"),
        (&["shop="], "shop="),
        (&["=shop"], "=shop"),
        (&[&long], "1 to 63"),
        (&["shop=a", "shop=b"], "twice"),
        (&["shop=a", "web=a"], "would both be restored to a"),
        (&["shop=web", "web=web2"], "which is itself restored"),
        (&["shop=kube-system"], "is a system namespace"),
        (&["shop=dataprotection-microsoft"], "is a system namespace"),
    ];
    for (words, says) in cases {
        let text = refused(words, false);
        assert!(text.contains(says), "{says} in {text}");
    }
    assert!(refused(&["kube-system=x"], false).contains("nothing can be restored from it"));
    assert!(refused(&["shop=x"], true).contains("can't be used together"));
    assert!(refused(&["kube-public"], true).contains("is a system namespace"));
}

#[test]
fn the_request_has_the_members_that_azure_took() {
    let body = criteria().body(&example(), &configured());
    let target = &body["restoreTargetInfo"];
    assert_eq!(body["sourceDataStoreType"], "OperationalStore");
    assert_eq!(target["datasourceInfo"]["resourceID"], example().cluster.as_str());
    assert_eq!(target["datasourceSetInfo"]["objectType"], "DatasourceSet");
    assert_eq!(target["restoreLocation"], "westeurope");
    assert_eq!(
        target["restoreCriteria"],
        json!([{
            "objectType": "KubernetesClusterRestoreCriteria", "includeClusterScopeResources": true,
            "conflictPolicy": "Skip", "persistentVolumeRestoreMode": "RestoreWithVolumeData",
            "includedNamespaces": ["shop"], "namespaceMappings": { "shop": "shop-restored" },
        }])
    );
    assert!(body.get("identityDetails").is_none());
}

#[test]
fn what_is_asked_for_is_in_the_request_and_nothing_else() {
    let criteria = Criteria {
        namespaces: mapping(&["shop".to_owned()], true).unwrap(),
        labels: vec!["app=web".parse().unwrap()],
        included: vec!["v1/ConfigMap".parse().unwrap()],
        excluded: vec!["v1/Secret".parse().unwrap()],
        patch: true,
        modifier: Some("dataprotection-microsoft/changes".parse().unwrap()),
        hooks: vec!["shop/thaw".parse().unwrap()],
        ..Criteria::default()
    };
    let own = instance("ProtectionConfigured", |body| {
        body["properties"]["identityDetails"] = json!({
            "useSystemAssignedIdentity": false, "userAssignedIdentityArmUrl": "/subscriptions/s/id" });
    });
    let body = criteria.body(&example(), &own);
    assert_eq!(
        body["identityDetails"]["userAssignedIdentityArmUrl"],
        "/subscriptions/s/id"
    );
    assert_eq!(
        body["restoreTargetInfo"]["restoreCriteria"],
        json!([{
            "objectType": "KubernetesClusterRestoreCriteria", "includeClusterScopeResources": false,
            "conflictPolicy": "Patch", "persistentVolumeRestoreMode": "RestoreWithoutVolumeData",
            "includedNamespaces": ["shop"], "labelSelectors": ["app=web"], "includedResourceTypes": ["v1/ConfigMap"],
            "excludedResourceTypes": ["v1/Secret"],
            "resourceModifierReference": { "namespace": "dataprotection-microsoft", "name": "changes" },
            "restoreHookReferences": [{ "namespace": "shop", "name": "thaw" }],
        }])
    );
}

#[test]
fn the_warnings_name_the_commands_that_list_volume_claims() {
    let text = |criteria: &Criteria, own: &Instance| criteria.warnings(own).join("; ");
    let mapped = text(&criteria(), &configured());
    assert!(
        mapped.contains("kubectl get persistentvolumeclaims --namespace shop-restored"),
        "{mapped}"
    );
    assert!(mapped.contains("still reports Completed"), "{mapped}");
    let all = Criteria {
        namespaces: Vec::new(),
        ..criteria()
    };
    assert!(text(&all, &configured()).contains("kubectl get persistentvolumeclaims --all-namespaces"));
    let empty = text(
        &Criteria {
            data: false,
            ..criteria()
        },
        &configured(),
    );
    assert!(
        empty.contains("volumes are created empty") && !empty.contains("kubectl"),
        "{empty}"
    );
    let narrow = text(
        &Criteria {
            cluster_scope: false,
            ..criteria()
        },
        &configured(),
    );
    assert!(narrow.contains("no persistent volumes"), "{narrow}");
}

#[test]
fn what_the_backups_lack_is_said() {
    let own = instance("ProtectionConfigured", |body| {
        let own = &mut body["properties"]["policyInfo"]["policyParameters"]["backupDatasourceParametersList"][0];
        own["snapshotVolumes"] = json!(false);
        own["excludedResourceTypes"] = json!(["v1/Secret"]);
        own["includedNamespaces"] = json!(["web"]);
    });
    let gaps = gaps(&own, &criteria());
    assert_eq!(gaps.len(), 3, "{gaps:?}");
    assert!(gaps[2].contains("namespace shop"), "{gaps:?}");
    assert!(super::gaps(&configured(), &criteria()).is_empty());
}

fn job(name: &str, status: &str, start: &str, kind: &str) -> Job {
    let target = example();
    let vault = target_ids::vault(&target);
    serde_json::from_value(json!({ "id": format!("{vault}/backupJobs/{name}"), "properties": {
        "status": status, "startTime": start, "operationCategory": kind, "isUserTriggered": true,
        "backupInstanceId": target_ids::instance(&target).as_str().to_uppercase() } }))
    .unwrap()
}

#[test]
fn ten_restores_a_day_and_one_at_a_time() {
    let now = "2026-01-02T12:00:00Z".parse().unwrap();
    let own = target_ids::instance(&example());
    let jobs = |count: usize, day: &str| -> Vec<Job> {
        (0..count)
            .map(|at| job(&format!("j{at}"), "Completed", day, "Restore"))
            .collect()
    };
    let today = "2026-01-02T00:00:01Z";
    assert!(must_be_free(&restores(jobs(9, today), &own), now).is_ok());
    assert!(must_be_free(&restores(jobs(20, "2026-01-01T23:59:59Z"), &own), now).is_ok());
    let failure = must_be_free(&restores(jobs(10, today), &own), now).unwrap_err();
    assert!(failure.what.starts_with("10 restores"), "{failure}");
    let backups: Vec<Job> = (0..20).map(|_| job("b", "Completed", today, "Backup")).collect();
    assert!(restores(backups, &own).is_empty());
    let running = restores(vec![job("r", "InProgress", "2025-12-01T00:00:00Z", "Restore")], &own);
    let failure = must_be_free(&running, now).unwrap_err();
    assert!(
        failure.hints[0].to_string().ends_with("az aksbackup jobs r"),
        "{failure}"
    );
}
