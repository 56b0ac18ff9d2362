use serde_json::{Value, json};

use super::*;
use crate::arm::clusters::tests::cluster;
use crate::arm::visible::tests::refusal;
use crate::target_ids::tests::{example, state};

fn step() -> ClusterPrerequisites {
    ClusterPrerequisites {
        asked: Cell::default(),
        read: JustRead::default(),
    }
}

fn provider(state: &str) -> Sight<Provider> {
    Sight::Here(Provider {
        registration_state: Some(state.into()),
    })
}

fn seen(change: impl FnOnce(&mut Value)) -> Seen {
    let providers = PROVIDERS
        .iter()
        .map(|namespace| (*namespace, provider("Registered")))
        .collect();
    Seen {
        target: example(),
        cluster: cluster(change),
        providers,
    }
}

fn off(body: &mut Value) {
    body["properties"]["oidcIssuerProfile"] = json!({ "enabled": false });
    body["properties"]["securityProfile"] = json!({});
}

#[test]
fn satisfied_world_needs_nothing() {
    let seen = seen(|_| ());
    let evidence = "issuer https://oidc.example/t/g/, workload identity enabled, 5 resource providers registered";
    assert_eq!(step().decide(&seen, &state()).unwrap(), Decision::Done(evidence.into()));
    let mut tables = CloudTables::default();
    step().record(&seen, &mut tables);
    let table = tables.prerequisites.unwrap();
    assert_eq!(
        (table.issuer.as_str(), table.providers.len()),
        ("https://oidc.example/t/g/", 5)
    );
}

#[test]
fn both_flags_are_one_change_that_warns() {
    let Decision::Change(changes) = step().decide(&seen(off), &state()).unwrap() else {
        panic!("no change")
    };
    let note = changes[0].note();
    assert_eq!(
        (changes.len(), note.summary.as_str()),
        (1, "enable OIDC issuer and workload identity on cluster rg-aks/aks")
    );
    let warning = note.warning.unwrap();
    assert!(warning.contains("API server restarts") && warning.contains("can't be disabled again"));
    assert!(matches!(&changes[0], PrerequisiteChange::Enable { etag: Some(etag), .. } if etag == "e-1"));
}

#[test]
fn a_cluster_that_is_busy_is_waited_for() {
    let busy = seen(|body| {
        off(body);
        body["properties"]["provisioningState"] = json!("Updating");
    });
    assert_eq!(
        step().decide(&busy, &state()).unwrap(),
        Decision::Wait(Wait::for_("cluster rg-aks/aks: Updating"))
    );
}

#[test]
fn a_provider_is_registered_then_waited_for_and_an_unknown_one_is_said() {
    let mut seen = seen(|_| ());
    seen.providers[1].1 = provider("NotRegistered");
    let Decision::Change(changes) = step().decide(&seen, &state()).unwrap() else {
        panic!("no change")
    };
    let turn = step().hand_over(&changes[0], &refusal("AuthorizationFailed")).unwrap();
    assert!(
        turn.command
            .to_string()
            .starts_with("az provider register --namespace Microsoft.DataProtection")
    );
    seen.providers[1].1 = provider("Registering");
    assert!(matches!(step().decide(&seen, &state()), Ok(Decision::Wait(_))));
    seen.providers[1].1 = Sight::Hidden(Box::new(refusal("AuthorizationFailed")));
    let Decision::Done(evidence) = step().decide(&seen, &state()).unwrap() else {
        panic!("not done")
    };
    assert!(evidence.ends_with("registration of Microsoft.DataProtection: unknown"));
}

#[test]
fn a_service_principal_cannot_be_built_on() {
    let seen = seen(|body| body["identity"] = Value::Null);
    assert!(step().decide(&seen, &state()).unwrap_err().why[0].contains("managed identity"));
}
