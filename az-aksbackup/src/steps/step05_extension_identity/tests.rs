use aksbackup_shared::guide::Person;
use serde_json::json;

use super::*;
use crate::arm::visible::tests::refusal;
use crate::steps::step04_extension::tests::extension;
use crate::target_ids::tests::{example, state};

fn step() -> ExtensionIdentity {
    ExtensionIdentity {
        read: JustRead::default(),
    }
}
const GROUP: &str = "/subscriptions/0b1f6471-1bf0-4dda-aec3-cb9272f09590/resourceGroups/MC_rg-aks_aks";

fn identity() -> Identity {
    let id = format!("{GROUP}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/ext-1");
    serde_json::from_value(json!({ "id": id, "properties": {
        "principalId": "33333333-3333-4333-8333-333333333333", "clientId": "44444444-4444-4444-8444-444444444444",
    } }))
    .unwrap()
}

fn seen(identity: Sight<Identity>) -> Seen {
    Seen {
        extension: target_ids::extension(&example()),
        principal: "33333333-3333-4333-8333-333333333333".parse().unwrap(),
        node_group: GROUP.parse().unwrap(),
        identity,
    }
}

#[test]
fn satisfied_world_needs_nothing() {
    let seen = seen(Sight::Here(identity()));
    let evidence = "identity ext-1 with client ID 44444444-4444-4444-8444-444444444444";
    assert_eq!(step().decide(&seen, &state()).unwrap(), Decision::Done(evidence.into()));
    let mut tables = CloudTables::default();
    step().record(&seen, &mut tables);
    assert_eq!(tables.identity.unwrap().identity, identity().id);
}

#[test]
fn an_identity_that_may_not_be_read_is_the_turn_of_who_may() {
    let hidden = Sight::Hidden(Box::new(refusal("AuthorizationFailed")));
    let Decision::Blocked(_, turns) = step().decide(&seen(hidden), &state()).unwrap() else {
        panic!("not blocked")
    };
    assert_eq!(turns[0].who, Person::SubscriptionContributor);
    assert_eq!(turns[0].command, "az aksbackup prepare");
    assert_eq!(turns[0].right.as_ref().unwrap().scope, GROUP);
}

#[test]
fn an_identity_that_is_gone_is_a_failure() {
    assert!(step().decide(&seen(Sight::Absent), &state()).is_err());
}

#[test]
fn newer_answers_name_the_identity_and_older_ones_only_its_principal() {
    assert_eq!(named_by(&extension(|_| ())), None);
    let newer = extension(|body| {
        let own = &mut body["properties"]["aksAssignedIdentity"];
        own["clientId"] = json!("44444444-4444-4444-8444-444444444444");
        own["resourceId"] = json!(identity().id.as_str());
    });
    assert_eq!(named_by(&newer), Some(identity()));
}

#[test]
fn the_file_is_believed_only_about_an_identity_that_may_not_be_looked_at() {
    let own = identity();
    let mut state = state();
    state.cloud.identity = Some(IdentityTable {
        identity: own.id.clone(),
        client_id: own.properties.client_id.clone(),
        principal: own.properties.principal_id.clone(),
        written: None,
    });
    let principal = own.properties.principal_id.clone();
    let hidden = Sight::Hidden(Box::new(refusal("AuthorizationFailed")));
    assert_eq!(believed(&state, &principal, &hidden), Some(own.clone()));
    assert_eq!(
        believed(
            &state,
            &"99999999-9999-4999-8999-999999999999".parse().unwrap(),
            &hidden
        ),
        None
    );

    let mut victim = own;
    victim.properties.principal_id = "99999999-9999-4999-8999-999999999999".parse().unwrap();
    assert_eq!(believed(&state, &principal, &Sight::Here(victim)), None);
    assert_eq!(believed(&state, &principal, &Sight::Absent), None);
}

#[test]
fn a_new_identity_has_none_of_the_old_one_s_roles() {
    let assignments = json!({ "assignments": [{ "role": "r", "holder": Holder::ExtensionIdentity.to_string(),
        "principal": "99999999-9999-4999-8999-999999999999", "scope": GROUP }] });
    let mut tables = CloudTables {
        roles: Some(serde_json::from_value(assignments).unwrap()),
        ..CloudTables::default()
    };
    step().record(&seen(Sight::Here(identity())), &mut tables);
    assert_eq!(tables.roles, None);
}
