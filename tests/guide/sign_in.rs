//! Other ways to sign in than a secret, other subscriptions than the first, and other tenants.

use std::fs;

use aksbackup_shared::exit::Exit;
use aksbackup_tests::azure::certificate;
use aksbackup_tests::azure::ids::{FOREIGN_SUBSCRIPTION, OTHER_SUBSCRIPTION, OTHER_TENANT, SUBSCRIPTION, TENANT};
use aksbackup_tests::harness::{INIT, Run, Stage, finish};

/// `init` as the pipeline, with this certificate and key.
fn init_with(stage: &Stage, pem: &str) -> Run {
    let file = stage.folder().join("own.pem");
    fs::write(&file, pem).unwrap();
    let mut command = stage.az_command("pipeline", &INIT);
    finish(command.env("AZURE_CLIENT_CERTIFICATE_PATH", &file))
}

#[test]
fn a_certificate_of_the_application_signs_in_and_prepares() {
    let stage = Stage::new().unwrap();
    let names: Vec<String> = stage
        .sandbox
        .env("pipeline")
        .into_iter()
        .map(|(name, _)| name)
        .collect();
    assert!(!names.contains(&"AZURE_CLIENT_SECRET".to_owned()), "{names:?}");
    stage.az("pipeline", &INIT).ok();
    stage.az("pipeline", &["prepare", "--yes"]).ok();
}

#[test]
fn another_certificate_and_another_key_are_told_apart_from_the_registered_one() {
    /// A certificate that is registered nowhere.
    const OTHER: &str = include_str!("../../az-aksbackup/src/login/certificate/example.pem");
    const KEY: &str = "-----BEGIN PRIVATE KEY";
    let stage = Stage::new().unwrap();
    let own = certificate::of("pipeline").unwrap();
    let (registered, _) = own.split_once(KEY).unwrap();
    let (_, key) = OTHER.split_once(KEY).unwrap();
    let strange = init_with(&stage, OTHER).ends(Exit::NotPermitted.code());
    let forged = init_with(&stage, &format!("{registered}{KEY}{key}")).ends(Exit::NotPermitted.code());
    for (run, words) in [
        (strange, "is not registered on application"),
        (
            forged,
            "Key was found, but use of the key to verify the signature failed",
        ),
    ] {
        for part in [
            words,
            "AADSTS700027",
            "hint: check that the application has the certificate in AZURE_CLIENT_CERTIFICATE_PATH",
        ] {
            assert!(run.stderr.contains(part), "{part:?} is missing\n{run}");
        }
    }
    init_with(&stage, own).ok();
}

/// `init` with a subscription, by name or ID.
fn init_in(stage: &Stage, who: &str, subscription: &str) -> Run {
    stage.az(who, &[&INIT[..], &["--subscription", subscription]].concat())
}

#[test]
fn a_subscription_is_chosen_by_name_among_several() {
    let stage = Stage::new().unwrap();
    let run = init_in(&stage, "consultant", "contoso other").ends(Exit::Missing.code());
    assert!(
        run.stderr.contains("rg-aks") && run.stderr.contains(OTHER_SUBSCRIPTION),
        "{run}"
    );
    let asked = stage.since(0);
    let own = format!("/subscriptions/{SUBSCRIPTION}");
    assert!(!asked.iter().any(|entry| entry.target.starts_with(&own)), "{asked:#?}");
    init_in(&stage, "consultant", "Contoso Backup").ok();
    assert_eq!(stage.value("/target/subscription"), SUBSCRIPTION);
    // Its name is one of another tenant.
    init_in(&stage, "everything", "Fabrikam Backup").ends(Exit::Missing.code());
}

#[test]
fn a_token_of_another_tenant_ends_4_and_names_the_tenant_to_sign_in_to() {
    let stage = Stage::new().unwrap();
    let foreign = init_in(&stage, "everything", FOREIGN_SUBSCRIPTION);
    let mut mistaken = stage.az_command("everything", &[&INIT[..], &["--subscription", SUBSCRIPTION]].concat());
    let mistaken = finish(mistaken.env("AZURE_TENANT_ID", OTHER_TENANT));
    for (run, tenant) in [(foreign, OTHER_TENANT), (mistaken, TENANT)] {
        let run = run.ends(Exit::NotPermitted.code());
        for part in [
            "code: InvalidAuthenticationTokenTenant".to_owned(),
            format!("az login --tenant {tenant}"),
            format!("AZURE_TENANT_ID={tenant}"),
        ] {
            assert!(run.stderr.contains(&part), "{part:?} is missing\n{run}");
        }
    }
    // Where the token is of the subscription's tenant, there is only no such cluster.
    init_in(&stage, "partner", FOREIGN_SUBSCRIPTION).ends(Exit::Missing.code());
}
