//! Operations as the switches of the wire have them, and those that come to a bad end.

use serde_json::{Value, json};

use super::bodies::{account, account_body, vault, vault_body};
use super::stage::{Stage, header};
use crate::azure::doom::Doom;
use crate::azure::faults::Kind;

const STATUS: &str = "Azure-AsyncOperation";
const LOCATION: &str = "Location";

#[test]
fn every_provider_tells_of_its_operation_in_the_style_of_the_switch() {
    for (style, with, without) in [("async", STATUS, LOCATION), ("location", LOCATION, STATUS)] {
        let stage = Stage::new(&[&format!("operation_style={style}")]);
        for answer in [
            stage.make("PUT", &vault(""), vault_body()),
            stage.make("PUT", &account(""), account_body()),
        ] {
            assert!(!header(&answer, with).is_empty(), "{style}");
            assert!(header(&answer, without).is_empty(), "{style}");
        }
    }
    let stage = Stage::new(&["operation_style=state"]);
    let answer = stage.make("PUT", &vault(""), vault_body());
    assert!(header(&answer, STATUS).is_empty() && header(&answer, LOCATION).is_empty());
    assert_eq!(answer.body.unwrap()["properties"]["provisioningState"], "Provisioning");
}

#[test]
fn the_host_of_an_operation_and_its_word_are_switches() {
    let stage = Stage::new(&["operation_word=Fancy"]);
    let address = header(&stage.make("PUT", &vault(""), vault_body()), STATUS);
    assert_eq!(stage.read(&address)["status"], "Fancy");
    let stage = Stage::new(&["operation_host=https://elsewhere.example"]);
    let address = header(&stage.make("PUT", &vault(""), vault_body()), STATUS);
    assert!(
        address.starts_with("https://elsewhere.example/subscriptions/"),
        "{address}"
    );
}

#[test]
fn an_operation_fails_while_http_says_200_and_leaves_its_resource_failed() {
    for (kind, status) in [
        (Kind::Fails("Broken".to_owned()), "Failed"),
        (Kind::Cancels, "Canceled"),
    ] {
        let stage = Stage::new(&[]);
        let answer = stage.doomed("PUT", &vault(""), vault_body(), Doom::of(Some(&kind)));
        stage.skip(3.0);
        let ended = stage.make("GET", &header(&answer, STATUS), Value::Null);
        let body = ended.body.unwrap();
        assert_eq!((ended.status, &body["status"]), (200, &json!(status)));
        assert_eq!(
            body["error"]["code"].as_str(),
            matches!(kind, Kind::Fails(_)).then_some("Broken")
        );
        assert_eq!(stage.read(&vault(""))["properties"]["provisioningState"], "Failed");
        assert!(stage.make("PUT", &vault(""), vault_body()).status < 300);
    }
}
