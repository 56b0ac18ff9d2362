//! Federated credentials, and Entra's exchange.

use serde_json::{Value, json};

use super::bodies::extension;
use super::stage::{Stage, header};
use crate::azure::ids;
use crate::planes::{Cloud, ServiceAccountToken};

const SUBJECT: &str = "system:serviceaccount:dataprotection-microsoft:controller";

fn credential(stage: &Stage, name: &str) -> String {
    let identity = stage.read(&extension())["properties"]["aksAssignedIdentity"]["resourceId"].clone();
    format!(
        "{}/federatedIdentityCredentials/{name}?api-version=2024-11-30",
        identity.as_str().unwrap()
    )
}

fn body(subject: &str) -> Value {
    let audiences = ["api://AzureADTokenExchange"];
    json!({ "properties": { "issuer": "https://issuer/", "subject": subject, "audiences": audiences } })
}

fn put(stage: &Stage, name: &str, subject: &str) -> (u16, String) {
    let answer = stage.call("everything", "PUT", &credential(stage, name), body(subject));
    (answer.status, answer.code().to_owned())
}

#[test]
fn issuer_and_subject_are_unique_on_an_identity() {
    let stage = Stage::prepared(&[]);
    assert_eq!(put(&stage, "first", SUBJECT).0, 201);
    stage.skip(5.0);
    let answer = stage.call("everything", "PUT", &credential(&stage, "second"), body(SUBJECT));
    assert_eq!(answer.status, 400);
    assert!(
        answer.body.unwrap()["error"]["message"]
            .as_str()
            .unwrap()
            .contains("already exists for this Managed Identity")
    );
    stage.skip(5.0);
    assert_eq!(put(&stage, "first", SUBJECT).0, 200);
}

#[test]
fn writes_at_the_same_time_conflict_and_fast_ones_are_throttled() {
    let stage = Stage::prepared(&[]);
    assert_eq!(put(&stage, "first", "a").0, 201);
    let (status, code) = put(&stage, "second", "b");
    assert_eq!(
        (status, code.as_str()),
        (
            409,
            "ConcurrentFederatedIdentityCredentialsWritesForSingleManagedIdentity"
        )
    );
    stage.skip(1.0);
    let answer = stage.call("everything", "PUT", &credential(&stage, "second"), body("b"));
    assert_eq!((answer.status, header(&answer, "Retry-After").as_str()), (429, "3"));
    stage.skip(3.0);
    assert_eq!(put(&stage, "second", "b").0, 201);
}

#[test]
fn the_twenty_first_is_refused() {
    let stage = Stage::prepared(&["credential_rate=0"]);
    for number in 0..20 {
        assert_eq!(
            put(&stage, &format!("credential-{number}"), &format!("s{number}")).0,
            201
        );
        stage.skip(1.0);
    }
    assert_eq!(put(&stage, "one-more", "more").0, 400);
}

#[test]
fn malformed_credentials_are_refused() {
    let stage = Stage::prepared(&["credential_rate=0"]);
    assert_eq!(put(&stage, "-x", SUBJECT).0, 400);
    let mut two = body(SUBJECT);
    two["properties"]["audiences"] = json!(["api://a", "api://b"]);
    assert_eq!(
        stage.call("everything", "PUT", &credential(&stage, "two"), two).status,
        400
    );
}

fn exchange(stage: &Stage, issuer: &str) -> String {
    let client = stage.read(&extension())["properties"]["aksAssignedIdentity"]["clientId"]
        .as_str()
        .unwrap()
        .to_owned();
    let token = ServiceAccountToken {
        issuer: issuer.to_owned(),
        subject: SUBJECT.to_owned(),
        audience: "api://AzureADTokenExchange".to_owned(),
    };
    let refusal = stage
        .azure
        .exchange(&client, ids::TENANT, &token)
        .err()
        .unwrap_or_default();
    refusal.split(':').next().unwrap_or_default().to_owned()
}

#[test]
fn entra_honours_a_credential_only_once_it_has_replicated() {
    let stage = Stage::prepared(&[]);
    put(&stage, "first", SUBJECT);
    assert_eq!(exchange(&stage, "https://issuer/"), "AADSTS70021");
    stage.skip(30.0);
    assert_eq!(exchange(&stage, "https://issuer/"), "");
    assert_eq!(exchange(&stage, "https://issuer"), "AADSTS700211");
}

#[test]
fn a_question_asked_too_early_can_be_remembered() {
    let stage = Stage::prepared(&["credential_negative_cache=100"]);
    put(&stage, "first", SUBJECT);
    assert_eq!(exchange(&stage, "https://issuer/"), "AADSTS70021");
    stage.skip(31.0);
    assert_eq!(exchange(&stage, "https://issuer/"), "AADSTS70021");
    stage.skip(70.0);
    assert_eq!(exchange(&stage, "https://issuer/"), "");
}

#[test]
fn a_changed_credential_replicates_anew() {
    let stage = Stage::prepared(&[]);
    put(&stage, "first", "other");
    stage.skip(60.0);
    put(&stage, "first", SUBJECT);
    assert_eq!(exchange(&stage, "https://issuer/"), "AADSTS70021");
    stage.skip(31.0);
    assert_eq!(exchange(&stage, "https://issuer/"), "");
}

#[test]
fn the_metadata_service_knows_the_extensions_identity_by_its_client_id_only() {
    let stage = Stage::prepared(&[]);
    let client = stage.read(&extension())["properties"]["aksAssignedIdentity"]["clientId"]
        .as_str()
        .unwrap()
        .to_owned();
    assert!(stage.azure.instance_metadata(Some(&client)).is_ok());
    assert!(
        stage
            .azure
            .instance_metadata(None)
            .unwrap_err()
            .contains("Multiple user assigned identities exist")
    );
    assert!(
        stage
            .azure
            .instance_metadata(Some("nobody"))
            .unwrap_err()
            .contains("Identity not found")
    );
}
