//! What the world holds at the end, however often it was asked for: each thing once.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use aksbackup_tests::harness::Stage;
use aksbackup_tests::log::Entry;
use serde_json::Value;

/// How many things of each kind a whole hand-off makes.
const KINDS: [(&str, usize); 9] = [
    ("Microsoft.Storage/storageAccounts", 1),
    ("Microsoft.Storage/storageAccounts/blobServices/containers", 1),
    ("Microsoft.DataProtection/backupVaults", 1),
    ("Microsoft.DataProtection/backupVaults/backupPolicies", 1),
    ("Microsoft.KubernetesConfiguration/extensions", 1),
    (
        "Microsoft.ManagedIdentity/userAssignedIdentities/federatedIdentityCredentials",
        3,
    ),
    (
        "Microsoft.ContainerService/managedClusters/trustedAccessRoleBindings",
        1,
    ),
    ("Microsoft.DataProtection/backupVaults/backupInstances", 1),
    ("Microsoft.DataProtection/backupVaults/backupJobs", 1),
];

/// The state file can be read, whatever happens to whoever writes it.
pub(crate) fn state_parses(stage: &Stage) {
    let text = stage.state_text();
    let parsed = toml::from_str::<toml::Value>(&text);
    assert!(parsed.is_ok(), "the state file cannot be read: {parsed:?}\n{text}");
    assert!(text.contains("[target]"), "the state file lost its head\n{text}");
}

/// No kind of thing is there more often than a hand-off makes it.
pub(crate) fn nothing_twice(stage: &Stage) {
    for (kind, most) in KINDS {
        let there = stage.sandbox.azure().resources(kind);
        assert!(there.len() <= most, "{} of {kind}: {there:#?}", there.len());
    }
    let assignments = stage.sandbox.role_assignments();
    let mut triples: Vec<String> = assignments
        .iter()
        .map(|own| {
            let of = |name: &str| {
                own["properties"][name]
                    .as_str()
                    .unwrap_or_default()
                    .to_ascii_lowercase()
            };
            format!("{} {} {}", of("principalId"), of("roleDefinitionId"), of("scope"))
        })
        .collect();
    triples.sort();
    let all = triples.len();
    triples.dedup();
    assert_eq!(triples.len(), all, "a role was assigned twice");
}

/// Every successful PUT and POST to ARM, by its path in lower case, with how often it was sent.
pub(crate) fn makings(stage: &Stage) -> BTreeMap<String, usize> {
    let mut makings = BTreeMap::new();
    let made = stage.since(0).into_iter().filter(is_making);
    for entry in made {
        *makings.entry(format!("{} {}", entry.method, path(&entry))).or_insert(0) += 1;
    }
    makings
}

fn is_making(entry: &Entry) -> bool {
    let method = matches!(entry.method.as_str(), "PUT" | "POST");
    entry.write && entry.service == "arm" && method && (200..300).contains(&entry.status)
}

fn path(entry: &Entry) -> String {
    entry.target.split('?').next().unwrap_or_default().to_ascii_lowercase()
}

/// Azure granted each request that makes something exactly once.
pub(crate) fn each_asked_for_once(stage: &Stage) {
    for (request, times) in makings(stage) {
        assert_eq!(times, 1, "{request}");
    }
}

/// The file says of each thing that was made that this tool made it, and holds no intent any more.
pub(crate) fn all_recorded(stage: &Stage) {
    let state: Value = toml::from_str(&stage.state_text()).unwrap();
    let created: Vec<String> = state
        .pointer("/cloud/created")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(|own| own["object"].as_str())
        .map(str::to_ascii_lowercase)
        .collect();
    let cluster = stage.value("/target/cluster").to_ascii_lowercase();
    let resources = makings(stage).into_keys();
    for request in resources.filter(|request| request.starts_with("PUT ")) {
        let object = request.trim_start_matches("PUT ");
        let times = created.iter().filter(|own| *own == object).count();
        let expected = usize::from(object != cluster);
        assert_eq!(times, expected, "{object} in what was created\n{}", stage.state_text());
    }
    let intents = state.pointer("/cloud/intents").and_then(Value::as_array);
    assert!(
        intents.is_none_or(Vec::is_empty),
        "an intent is left\n{}",
        stage.state_text()
    );
}

/// Everything that the file says this tool has made is there.
pub(crate) fn created_is_there(stage: &Stage) {
    let state: Value = toml::from_str(&stage.state_text()).unwrap();
    let assignments = stage.sandbox.role_assignments();
    for own in state
        .pointer("/cloud/created")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
    {
        let object = own["object"].as_str().unwrap();
        let is_own = |other: &Value| other["id"].as_str().is_some_and(|id| id.eq_ignore_ascii_case(object));
        let there = stage.sandbox.resource(object).is_some() || assignments.iter().any(is_own);
        assert!(there, "{object} was never made\n{}", stage.state_text());
    }
}

/// Runs `act` for every case, some beside each other: a case mostly waits.
pub(crate) fn beside_each_other<T: Sync>(cases: &[T], act: impl Fn(&T) + Sync) {
    const HANDS: usize = 5;
    let (next, failures) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..HANDS.min(cases.len()) {
            scope.spawn(|| {
                while let Some(case) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| act(case)));
                    if let Err(cause) = outcome {
                        let text = cause.downcast_ref::<String>().cloned();
                        failures.lock().unwrap().push(text.unwrap_or_default());
                    }
                }
            });
        }
    });
    let failures = failures.into_inner().unwrap();
    assert!(
        failures.is_empty(),
        "{} of {} cases failed:\n{}",
        failures.len(),
        cases.len(),
        failures.join("\n\n")
    );
}
