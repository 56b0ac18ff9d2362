//! Well-formed files that lie: each claim is one that nothing in the file itself speaks against.

use aksbackup_tests::harness::{Run, Stage, measured};
use toml::Value;

use crate::hostile::steers;
use crate::hostile_values::with;

const FOREIGN: &str = "99999999-9999-4999-8999-999999999999";
const ELSEWHERE: &str = "/subscriptions/5d2e9f0a-7c3b-4e61-8a55-0f4c1b7e9d22/resourceGroups/rg-aks";

/// Claims about Azure: key and foreign value.
fn claims(base: &Value) -> Vec<(&'static str, String)> {
    let own = |key: &str| {
        let pointer: Vec<&str> = key.split('.').collect();
        let value = pointer.iter().try_fold(base, |value, key| value.get(key));
        value.and_then(Value::as_str).unwrap().to_owned()
    };
    let moved = |key: &str| {
        own(key).replacen(
            "0b1f6471-1bf0-4dda-aec3-cb9272f09590",
            "5d2e9f0a-7c3b-4e61-8a55-0f4c1b7e9d22",
            1,
        )
    };
    let twin = |key: &str| format!("{}1", own(key));
    vec![
        ("target.cloud", "AzureChinaCloud".into()),
        ("target.cloud", "evil.example".into()),
        ("target.tenant", FOREIGN.into()),
        ("target.subscription", FOREIGN.into()),
        ("target.cluster", moved("target.cluster")),
        ("target.cluster", twin("target.cluster")),
        ("target.storage.account", twin("target.storage.account")),
        ("target.vault.name", twin("target.vault.name")),
        ("target.vault.resource_group", "rg-elsewhere".into()),
        ("target.snapshots.resource_group", "rg-elsewhere".into()),
        ("cloud.prerequisites.cluster_principal", FOREIGN.into()),
        ("cloud.prerequisites.issuer", "https://evil.example/".into()),
        ("cloud.prerequisites.node_resource_group", "rg-elsewhere".into()),
        ("cloud.vault.principal", FOREIGN.into()),
        ("cloud.vault.vault", moved("cloud.vault.vault")),
        ("cloud.vault.vault", ELSEWHERE.into()),
        ("cloud.identity.principal", FOREIGN.into()),
        ("cloud.vault.policy", twin("cloud.vault.policy")),
        ("cloud.identity.client_id", FOREIGN.into()),
        ("cloud.identity.identity", moved("cloud.identity.identity")),
        ("cloud.identity.identity", twin("cloud.identity.identity")),
        ("cloud.identity.identity", ELSEWHERE.into()),
        ("cloud.extension.extension", moved("cloud.extension.extension")),
        ("cloud.extension.extension", twin("cloud.extension.extension")),
        ("cloud.storage.account", moved("cloud.storage.account")),
        ("cloud.storage.snapshot_group", ELSEWHERE.into()),
        ("cloud.trusted_access.vault", moved("cloud.trusted_access.vault")),
    ]
}

fn refused(run: &Run, peak: u64, claim: &str) {
    assert_ne!(run.code, 0, "{claim}\n{run}");
    assert!(
        !steers(&run.stdout) && !steers(&run.stderr) && !run.stderr.contains("panicked"),
        "{claim}\n{run}"
    );
    assert!(peak <= aksbackup_tests::bars::MUCH, "{peak} KiB: {claim}");
}

#[test]
fn no_lie_about_azure_brings_a_grant() {
    let stage = Stage::new().unwrap();
    stage.prepared();
    let base: Value = toml::from_str(&stage.state_text()).unwrap();
    // The owner vouches for what they know, whatever the file says.
    let vouchers = stage.vouchers();
    let mark = stage.mark();
    for (key, value) in claims(&base) {
        let claim = format!("{key} = {value}");
        std::fs::write(stage.state(), with(&base, key, &value)).unwrap();
        let mut command = stage.az_command("owner", &["grant", "--yes", "--timeout", "20s"]);
        command.args(&vouchers);
        let (run, peak) = measured(&command);
        refused(&run, peak, &claim);
        assert_eq!(stage.writes_since(mark), Vec::<String>::new(), "{claim}\n{run}");
        // Of a part that Azure does not have it is somebody's turn to make it.
        let absent = [
            "target.cluster",
            "target.vault.resource_group",
            "target.snapshots.resource_group",
        ];
        assert!(absent.contains(&key) || is_placed(&run, key), "{claim}\n{run}");
    }
}

/// Whether a refusal names the key, and the line and column of its value.
fn is_placed(run: &Run, key: &str) -> bool {
    run.stderr.lines().any(|line| {
        let Some((named, rest)) = line
            .trim_start()
            .strip_prefix("because: key ")
            .and_then(|line| line.split_once(" ("))
        else {
            return false;
        };
        let place = rest
            .split_once("aksbackup.toml:")
            .and_then(|(_, place)| place.split_once("): "));
        let is_place = |(place, _): (&str, &str)| {
            place
                .split(':')
                .filter(|number| number.parse::<usize>().is_ok_and(|number| number > 0))
                .count()
                == 2
        };
        named == key && place.is_some_and(is_place)
    })
}

/// Role, principal and scope of each assignment.
fn assigned(stage: &Stage) -> Vec<String> {
    let of = |own: &serde_json::Value| {
        let text = |key: &str| own["properties"][key].as_str().unwrap().to_lowercase();
        format!("{} {} {}", text("roleDefinitionId"), text("principalId"), text("scope"))
    };
    stage.sandbox.role_assignments().iter().map(of).collect()
}

/// What may be of an extension that is gone, or is of no use for roles, is not compared: nothing is assigned by it.
#[test]
fn what_is_not_compared_brings_no_grant_either() {
    let (honest, lied_to) = (Stage::new().unwrap(), Stage::new().unwrap());
    let own = |stage: &Stage, pointer: &str| stage.value(pointer).to_lowercase();
    let [expected, got] = [&honest, &lied_to].map(|stage| {
        stage.prepared();
        let before = assigned(stage);
        let mut text = stage.state_text();
        if std::ptr::eq(stage, &lied_to) {
            for (key, value) in not_compared() {
                text = with(&toml::from_str(&text).unwrap(), key, value);
            }
            std::fs::write(stage.state(), &text).unwrap();
        }
        stage.grant("owner").ok();
        let mut new = assigned(stage);
        new.retain(|own| !before.contains(own));
        // The principals are drawn anew in each sandbox.
        for (pointer, name) in [
            ("/cloud/identity/principal", "extension"),
            ("/cloud/vault/principal", "vault"),
        ] {
            let principal = own(stage, pointer);
            new = new.iter().map(|own| own.replace(&principal, name)).collect();
        }
        new.sort();
        new
    });
    assert_eq!((got.len(), &got), (4, &expected));
    let mark = lied_to.mark();
    let mut text = lied_to.state_text();
    for (key, value) in [("principal", FOREIGN), ("scope", ELSEWHERE)] {
        text = with(
            &toml::from_str(&text).unwrap(),
            &format!("cloud.roles.assignments[0].{key}"),
            value,
        );
    }
    std::fs::write(lied_to.state(), text).unwrap();
    lied_to.grant("owner").ok();
    assert_eq!(lied_to.writes_since(mark), Vec::<String>::new());
}

fn not_compared() -> [(&'static str, &'static str); 9] {
    let identity = "/subscriptions/5d2e9f0a-7c3b-4e61-8a55-0f4c1b7e9d22/resourceGroups/rg-aks/providers/Microsoft.ManagedIdentity/userAssignedIdentities/evil";
    [
        ("cloud.federation.identity", identity),
        ("cloud.federation.issuer", "https://evil.example/"),
        (
            "cloud.federation.credentials[0].subject",
            "system:serviceaccount:kube-system:default",
        ),
        ("cloud.storage.blob_endpoint", "https://evil.example/"),
        ("cloud.storage.container", "evil"),
        ("cloud.extension.version", "99.0.0"),
        ("cloud.extension.namespace", "kube-system"),
        ("cloud.trusted_access.binding", identity),
        ("cloud.vault.rule", "Evil"),
    ]
}

#[test]
fn no_lie_about_the_cluster_brings_a_patch() {
    let stage = Stage::new().unwrap();
    stage.granted();
    let base: Value = toml::from_str(&stage.state_text()).unwrap();
    let issuer = stage.value("/cloud/prerequisites/issuer");
    let mark = stage.mark();
    for other in [
        issuer.trim_end_matches('/').to_owned(),
        format!("{issuer}/"),
        issuer.to_uppercase().replacen("HTTPS", "https", 1),
        issuer.replacen("westeurope", "northeurope", 1),
        issuer.replacen("azure.com", "azure.com.evil.example", 1),
    ] {
        std::fs::write(stage.state(), with(&base, "cloud.prerequisites.issuer", &other)).unwrap();
        for command in ["configure", "unconfigure", "status"] {
            let (run, peak) = measured(&stage.kubectl_command("cluster-admin", &[command, "--yes"]));
            refused(&run, peak, &other);
            assert!(run.stderr.contains(&other), "{other}\n{run}");
        }
    }
    assert_eq!(stage.writes_since(mark), Vec::<String>::new());
}
