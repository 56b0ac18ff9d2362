use aksbackup_shared::guide::Person;
use serde_json::{Value, json};

use super::*;
use crate::arm::visible::tests::refusal;
use crate::target_ids::tests::{example, state};

fn step() -> FederatedCredentials {
    FederatedCredentials {
        options: PrepareOptions::default(),
    }
}
const ISSUER: &str = "https://oidc.example/t/g/";

fn seen(credentials: Sight<Vec<FederatedCredential>>) -> Seen {
    let target = example();
    Seen {
        identity: target
            .cluster
            .resource("Microsoft.ManagedIdentity/userAssignedIdentities", "ext-1"),
        issuer: ISSUER.parse().unwrap(),
        wishes: subjects::wanted(&state(), &[]).unwrap().wishes,
        unnamed: vec![],
        credentials,
        recorded: None,
        target,
    }
}

fn credential(name: &str, change: impl FnOnce(&mut Value)) -> FederatedCredential {
    let account = aksbackup_shared::names::GUIDE_SERVICE_ACCOUNTS
        .iter()
        .find(|(_, own)| *own == name)
        .unwrap()
        .0;
    let mut body = json!({ "name": format!("by-hand-{name}"), "properties": {
        "issuer": ISSUER, "subject": format!("system:serviceaccount:dataprotection-microsoft:{account}"),
        "audiences": ["api://AzureADTokenExchange"] } });
    change(&mut body["properties"]);
    serde_json::from_value(body).unwrap()
}

fn all() -> Vec<FederatedCredential> {
    let names = [
        "dataprotection-controller",
        "dataprotection-agent",
        "dataprotection-geneva",
    ];
    names.map(|name| credential(name, |_| ())).into()
}

fn changes(credentials: Vec<FederatedCredential>) -> Vec<CredentialChange> {
    match step().decide(&seen(Sight::Here(credentials)), &state()).unwrap() {
        Decision::Change(changes) => changes,
        Decision::Done(_) | Decision::Differs(..) | Decision::Wait(_) | Decision::Blocked(..) => panic!("no change"),
    }
}

#[test]
fn satisfied_world_needs_nothing_whatever_the_names() {
    let seen = seen(Sight::Here(all()));
    let decision = step().decide(&seen, &state()).unwrap();
    assert_eq!(decision, Decision::Done("3 credentials on identity ext-1".into()));
    let mut tables = CloudTables::default();
    step().record(&seen, &mut tables);
    let table = tables.federation.unwrap();
    assert_eq!(table.credentials.len(), 3);
    assert_eq!(table.issuer.as_str(), ISSUER);
}

#[test]
fn an_issuer_without_its_slash_is_another_one() {
    let mut credentials = all();
    credentials[0] = credential("dataprotection-controller", |own| {
        own["issuer"] = json!("https://oidc.example/t/g");
    });
    let changes = changes(credentials);
    assert_eq!((changes.len(), changes[0].replaces.is_some()), (1, false));
}

#[test]
fn a_wrong_audience_is_corrected_under_the_credential_s_own_name() {
    let mut credentials = all();
    credentials[1] = credential("dataprotection-agent", |own| own["audiences"] = json!(["api://other"]));
    let changes = changes(credentials);
    assert_eq!((changes.len(), changes[0].replaces.is_some()), (1, true));
    assert_eq!(changes[0].name, "by-hand-dataprotection-agent");
}

#[test]
fn a_full_identity_fails_with_what_may_be_removed() {
    let stale = |_| credential("dataprotection-agent", |own| own["issuer"] = json!("https://old/"));
    let credentials = (0..18).map(stale).collect();
    let failure = step().decide(&seen(Sight::Here(credentials)), &state()).unwrap_err();
    assert!(
        failure.hints[0].to_string().contains("ask the owner of credential"),
        "{failure}"
    );
    assert_eq!(failure.hints.len(), 1, "18 and 3 are one more than there may be");
    let own = |number: usize| {
        credential("dataprotection-agent", |own| {
            own["subject"] = json!(format!("subject-{number}"));
        })
    };
    let failure = step().decide(&seen(Sight::Here((0..20).map(own).collect())), &state());
    let hints = failure.unwrap_err().hints;
    assert!(
        hints.len() == 1 && hints[0].to_string().contains("federated-credential list"),
        "{hints:?}"
    );
}

#[test]
fn a_missing_right_is_one_turn_and_a_locked_node_group_another() {
    let changes = changes(vec![]);
    let turns = changes
        .iter()
        .map(|change| step().hand_over(change, &refusal("AuthorizationFailed")).unwrap());
    assert!(turns.clone().all(|turn| turn == turns.clone().next().unwrap()));
    let locked = step()
        .hand_over(&changes[0], &refusal("DenyAssignmentAuthorizationFailed"))
        .unwrap();
    assert_eq!(locked.who, Person::PlatformTeam);
    assert!(
        locked
            .command
            .to_string()
            .contains("--nrg-lockdown-restriction-level Unrestricted")
    );
}

#[test]
fn credentials_that_may_not_be_read_are_the_turn_of_who_may() {
    let hidden = Sight::Hidden(Box::new(refusal("AuthorizationFailed")));
    let Decision::Blocked(_, turns) = step().decide(&seen(hidden), &state()).unwrap() else {
        panic!("not blocked")
    };
    assert_eq!(turns[0].command, "az aksbackup prepare");
}

#[test]
fn who_may_not_look_takes_the_file_s_word_for_the_same_identity_and_issuer() {
    let mut tables = CloudTables::default();
    step().record(&seen(Sight::Here(all())), &mut tables);
    let mut hidden = seen(Sight::Hidden(Box::new(refusal("AuthorizationFailed"))));
    hidden.recorded = tables.federation.clone();
    let Decision::Done(evidence) = step().decide(&hidden, &state()).unwrap() else {
        panic!("not done")
    };
    assert!(evidence.contains("as reported by the state file"));
    let mut kept = tables.clone();
    step().record(&hidden, &mut kept);
    assert_eq!(kept, tables);
    hidden.issuer = "https://oidc.example/other/".parse().unwrap();
    assert!(matches!(step().decide(&hidden, &state()), Ok(Decision::Blocked(..))));
}
