//! Federated credentials where others have made some, make some, or Entra has no room.

use std::thread;

use aksbackup_shared::exit::Exit;
use aksbackup_tests::harness::{Stage, finish};
use serde_json::Value;

use crate::made;
use crate::meddling::{answered, asked};
use crate::part::Part;

const KIND: &str = "Microsoft.ManagedIdentity/userAssignedIdentities/federatedIdentityCredentials";
const PUT: (&str, &str) = ("PUT", "federatedIdentityCredentials");
const AUDIENCE: &str = "api://AzureADTokenExchange";

/// A stage where `prepare` comes next, under these switches.
fn stage(switches: &[&str]) -> Stage {
    let stage = Stage::with(switches).unwrap();
    stage.init("platform").ok();
    stage
}

fn credentials(stage: &Stage) -> Vec<Value> {
    stage.sandbox.azure().resources(KIND)
}

/// Each of the three service accounts has one credential of this cluster, which Entra would take.
fn three_are_good(stage: &Stage) {
    let issuer = stage.value("/cloud/prerequisites/issuer");
    let all = credentials(stage);
    let own: Vec<&Value> = all
        .iter()
        .filter(|own| own["properties"]["issuer"] == issuer.as_str())
        .collect();
    let mut subjects: Vec<&str> = own
        .iter()
        .map(|own| own["properties"]["subject"].as_str().unwrap())
        .collect();
    subjects.sort_unstable();
    subjects.dedup();
    assert_eq!((own.len(), subjects.len()), (3, 3), "{own:#?}");
    assert!(
        own.iter()
            .all(|own| own["properties"]["audiences"] == serde_json::json!([AUDIENCE])),
        "{own:#?}"
    );
}

/// What the file says this tool has made is what Azure granted it, and is there.
fn only_own_are_recorded(stage: &Stage, many: usize) {
    made::created_is_there(stage);
    let text = stage.state_text();
    let state: Value = toml::from_str(&text).unwrap();
    let created = state
        .pointer("/cloud/created")
        .and_then(Value::as_array)
        .unwrap()
        .iter();
    let own = created.filter(|own| own["step"] == "federated-credentials");
    assert_eq!(own.count(), many, "{text}");
}

#[test]
fn credentials_under_other_names_are_taken_as_they_are() {
    let stage = stage(&["credentials_there=renamed"]);
    Part::Prepare.run(&stage).ok();
    assert_eq!(asked(&stage, 0, PUT.0, PUT.1), []);
    assert!(
        stage.state_text().contains("by-hand-controller-sa"),
        "{}",
        stage.state_text()
    );
    only_own_are_recorded(&stage, 0);
    Part::Grant.run(&stage).ok();
    Part::Configure.run(&stage).ok();
}

#[test]
fn a_wrong_audience_is_corrected_where_it_is() {
    let stage = stage(&["credentials_there=wrong-audience"]);
    let run = Part::Prepare.run(&stage).ok();
    assert_eq!(answered(&stage, PUT, 200), 3, "{run}");
    let names: Vec<Value> = credentials(&stage).into_iter().map(|own| own["name"].clone()).collect();
    assert!(
        names.iter().all(|name| name.as_str().unwrap().starts_with("by-hand-")),
        "{names:?}"
    );
    run.says("correct the audience of federated credential by-hand-controller-sa");
    three_are_good(&stage);
    only_own_are_recorded(&stage, 0);
}

#[test]
fn a_name_that_is_taken_belongs_to_somebody() {
    let stage = stage(&["credentials_there=named-dataprotection-controller"]);
    let before = "system:serviceaccount:elsewhere:";
    Part::Prepare.run(&stage).ok();
    three_are_good(&stage);
    let all = credentials(&stage);
    let taken = all
        .iter()
        .find(|own| own["name"] == "dataprotection-controller")
        .unwrap();
    assert!(
        taken["properties"]["subject"].as_str().unwrap().starts_with(before),
        "{taken:#?}"
    );
    assert_eq!(all.len(), 4);
    only_own_are_recorded(&stage, 3);
}

#[test]
fn an_identity_without_room_is_said_before_anything_is_written_to_it() {
    let stage = stage(&["credentials_there=other-issuer-18"]);
    let run = Part::Prepare.run(&stage).ends(Exit::Failed.code());
    assert_eq!(asked(&stage, 0, PUT.0, PUT.1), [], "{run}");
    let run = run.says("can't have 3 more").says("it has 18, and Azure allows 20");
    let cures: Vec<&str> = run
        .stderr
        .lines()
        .filter(|line| line.contains("ask the owner of credential"))
        .collect();
    assert_eq!(cures.len(), 1, "one has to go\n{run}");
    let gone = credentials(&stage)
        .into_iter()
        .find(|own| cures[0].contains(own["name"].as_str().unwrap()));
    stage.sandbox.azure().remove(gone.unwrap()["id"].as_str().unwrap());
    Part::Prepare.run(&stage).ok();
    assert_eq!(credentials(&stage).len(), 20);
    three_are_good(&stage);
}

#[test]
fn twenty_credentials_with_the_three_among_them_are_enough() {
    let stage = stage(&["credentials_there=renamed,other-issuer-17"]);
    Part::Prepare.run(&stage).ok();
    assert_eq!(asked(&stage, 0, PUT.0, PUT.1), []);
    three_are_good(&stage);
}

#[test]
fn who_is_quicker_with_the_same_credential_has_made_it() {
    let stage = stage(&["credential_rivals=2"]);
    let run = Part::Prepare.run(&stage).ok();
    assert_eq!(answered(&stage, PUT, 409), 2, "{run}");
    assert_eq!(answered(&stage, PUT, 201), 1, "{run}");
    three_are_good(&stage);
    only_own_are_recorded(&stage, 1);
    let mark = stage.mark();
    Part::Prepare.run(&stage).ok().says("nothing to do");
    assert_eq!(stage.writes_since(mark), Vec::<String>::new());
}

#[test]
fn an_identity_that_takes_fewer_writes_is_asked_no_sooner_than_it_wants() {
    let stage = stage(&["credential_rate=0.002"]);
    let run = Part::Prepare.run(&stage).ok();
    let writes = stage
        .since(0)
        .into_iter()
        .filter(|entry| crate::meddling::is(entry, PUT.0, PUT.1));
    let writes: Vec<_> = writes.collect();
    let refused: Vec<_> = writes.windows(2).filter(|pair| pair[0].status == 429).collect();
    assert!(!refused.is_empty(), "{writes:#?}\n{run}");
    for pair in refused {
        let pause = pair[1].arrived_ms.saturating_sub(pair[0].answered_ms) + 1;
        assert!(
            Some(pause) >= pair[0].retry_after_ms,
            "sent again after {pause} ms\n{pair:#?}"
        );
    }
    three_are_good(&stage);
    only_own_are_recorded(&stage, 3);
}

#[test]
fn two_programs_at_the_same_time_make_three_credentials() {
    let stage = Part::Grant.stage();
    for credential in credentials(&stage) {
        stage.sandbox.azure().remove(credential["id"].as_str().unwrap());
    }
    stage.sandbox.set("credential_write=4").unwrap();
    let other = stage.folder().join("other.toml");
    std::fs::copy(stage.state(), &other).unwrap();
    let runs: Vec<_> = thread::scope(|scope| {
        let command = |state| {
            let mut command = Part::Prepare.command(&stage);
            command.env("AKSBACKUP_STATE", state);
            scope.spawn(move || finish(&mut command))
        };
        let both = [command(stage.state()), command(other.clone())];
        both.into_iter().map(|own| own.join().unwrap()).collect()
    });
    for run in runs {
        run.ok();
    }
    assert_eq!(answered(&stage, PUT, 201), 6, "three before, three now");
    three_are_good(&stage);
}
