//! The programs before recorded answers of Azure.
//!
//! A world is the simulator, except for the requests of which there is a recording: those are answered by it, with its own status,
//! headers, words and casing. Only names, IDs of the subscription, the region and the host are those of the simulator. What the
//! simulator answers in between is invented, and proves nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use aksbackup_shared::exit::Exit;
use aksbackup_tests::azure::{RecordedAnswer, Replay, ids};
use aksbackup_tests::harness::{Run, Stage};
use aksbackup_tests::recordings::Exchange;
use serde_json::{Value, json};

use crate::recorded::exchanges;
use crate::replayed_setup::{is_granted, is_prepared};

const AKS: &str = "dataprotection/test_dataprotection_backup_and_restore_aks";
const SUSPENDED: &str = "dataprotection/test_dataprotection_backup_instance_update_protection";

/// Which exchanges a test replays.
pub(crate) type Chosen = fn(&Exchange) -> bool;

/// The tests with what each replays.
const TESTS: [(&str, Chosen); 10] = [
    ("keys refused", is_keys_refused),
    ("protected", is_protected),
    ("backed up", is_backed_up),
    ("restored", is_restored),
    ("suspended", is_suspended),
    ("stopped, suspended, resumed", is_paused),
    ("throttled", is_throttled),
    ("clusters", is_cluster),
    ("prepared", is_prepared),
    ("granted", is_granted),
];

fn is_keys_refused(one: &Exchange) -> bool {
    one.source == AKS && one.at.contains("03 Nov 2025") && one.method != "DELETE"
}

/// From the validation to the instance that is configured.
fn is_protected(one: &Exchange) -> bool {
    one.source == AKS && between(one, "07:51:54", "07:53:05") && !one.operation().ends_with("/backupInstances")
        || one.source == AKS && between(one, "07:49:43", "07:50:47")
}

/// From the request for a backup to the end of its job.
fn is_backed_up(one: &Exchange) -> bool {
    one.source == AKS && between(one, "07:53:06", "07:56:12")
}

/// From the list of recovery points to the end of the restore job.
fn is_restored(one: &Exchange) -> bool {
    one.source == AKS && between(one, "07:56:13", "08:01:02") && !one.operation().ends_with("/backupInstances/{}")
}

fn is_suspended(one: &Exchange) -> bool {
    one.source == SUSPENDED && one.text.contains("\"BackupsSuspended\"")
}

/// A disk is stopped, resumed, suspended and resumed; each request with its operation.
pub(crate) fn is_paused(one: &Exchange) -> bool {
    one.source == SUSPENDED && !one.operation().ends_with("/backupInstances/{}")
}

fn is_throttled(one: &Exchange) -> bool {
    one.status == 429
}

pub(crate) fn is_cluster(one: &Exchange) -> bool {
    one.status == 200 && one.operation() == "GET Microsoft.ContainerService/managedClusters/{}"
}

/// Of the day on which a cluster was backed up and restored.
fn between(one: &Exchange, begin: &str, end: &str) -> bool {
    let time = one.at.strip_prefix("Wed, 26 Jun 2024 ").and_then(|rest| rest.get(..8));
    time.is_some_and(|time| begin <= time && time <= end)
}

/// The tests that replay an answer to an operation with a status.
pub(crate) fn operations() -> BTreeMap<(String, u16), BTreeSet<&'static str>> {
    let mut all: BTreeMap<_, BTreeSet<_>> = BTreeMap::new();
    for one in exchanges().unwrap_or_default() {
        for (name, chosen) in TESTS {
            if chosen(&one) {
                all.entry((one.operation(), one.status)).or_default().insert(name);
            }
        }
    }
    all
}

pub(crate) fn chosen(chosen: Chosen) -> Option<Vec<Exchange>> {
    let all: Vec<Exchange> = exchanges()?.into_iter().filter(chosen).collect();
    assert!(!all.is_empty(), "no such recording");
    Some(all)
}

/// The names of the recordings, and those of the simulator's world.
pub(crate) struct Names(pub(crate) Vec<(String, String)>);

impl Names {
    pub(crate) fn of(stage: &Stage) -> Self {
        let recorded = "clitest-cluster1-donotdelete";
        let snapshots = format!(
            "\"resourceGroupId\":\"{}\"",
            ids::group_id(&stage.value("/target/snapshots/resource_group"))
        );
        let pairs = [
            ("https://management.azure.com", stage.sandbox.endpoint().to_owned()),
            ("00000000-0000-0000-0000-000000000000", ids::SUBSCRIPTION.to_owned()),
            ("eastus2euap", ids::LOCATION.to_owned()),
            ("faec6818-0720-11ec-bd1b-c8f750f92764", "ID".to_owned()),
            (
                "clitest-cluster1-donotdelete-clitest-cluster1-donotdelete-ID",
                stage.value("/target/instance/name"),
            ),
            (
                "clitest-cluster1-donotdelete/clitest-friendly-aks",
                stage.value("/target/instance/friendly_name"),
            ),
            (recorded, ids::CLUSTER.to_owned()),
            ("oss-clitest-rg", ids::CLUSTER_GROUP.to_owned()),
            ("clitest-bkp-vault-aks-donotdelete", stage.value("/target/vault/name")),
            ("akspolicy", stage.value("/target/policy/name")),
            (
                "\"resourceGroupId\":\"/subscriptions/0b1f6471-1bf0-4dda-aec3-cb9272f09590/resourceGroups/clitest-dpp-rg\"",
                snapshots,
            ),
            ("clitest-dpp-rg", ids::BACKUP_GROUP.to_owned()),
        ];
        Self(pairs.map(|(theirs, ours)| (theirs.to_owned(), ours)).to_vec())
    }

    pub(crate) fn put(&self, text: &str) -> String {
        self.0
            .iter()
            .fold(text.to_owned(), |text, (theirs, ours)| text.replace(theirs, ours))
    }

    fn path(&self, one: &Exchange) -> String {
        self.put(one.target.split('?').next().unwrap_or_default())
    }

    fn answer(&self, one: &Exchange) -> RecordedAnswer {
        let headers = one.headers.iter();
        RecordedAnswer {
            status: one.status,
            headers: headers.map(|(name, value)| (name.clone(), self.put(value))).collect(),
            body: self.put(&one.text),
        }
    }

    /// Answers each request of `exchanges` as it was recorded, in turn.
    pub(crate) fn replay(&self, stage: &Stage, exchanges: &[Exchange]) {
        let mut answers: BTreeMap<(String, String), Vec<RecordedAnswer>> = BTreeMap::new();
        for one in exchanges {
            let key = (one.method.clone(), self.path(one));
            answers.entry(key).or_default().push(self.answer(one));
        }
        for ((method, path), answers) in answers {
            stage.sandbox.azure().replay(Replay {
                method,
                path,
                answers,
                after: None,
                done: false,
            });
        }
    }
}

/// The list of a cluster's instances, which no recording has: invented around recorded ones.
pub(crate) fn instances_of_cluster(stage: &Stage, bodies: &[Value], after: Option<(String, String)>) {
    let answers = bodies.iter().map(|body| RecordedAnswer {
        status: 200,
        headers: Vec::new(),
        body: json!({ "value": [body] }).to_string(),
    });
    stage.sandbox.azure().replay(Replay {
        method: "GET".to_owned(),
        path: format!(
            "{}/providers/Microsoft.DataProtection/backupInstances",
            ids::cluster_id()
        ),
        answers: answers.collect(),
        after,
        done: false,
    });
}

pub(crate) fn recorded_requests(stage: &Stage) -> usize {
    stage.since(0).iter().filter(|entry| entry.recorded).count()
}

pub(crate) fn protect(stage: &Stage) -> Run {
    stage.az("platform", &["protect", "--yes"])
}

#[test]
fn advice_to_allow_account_keys_is_never_passed_on() {
    let Some(all) = chosen(is_keys_refused) else { return };
    let stage = Stage::new().unwrap();
    stage.configured();
    Names::of(&stage).replay(&stage, &all);
    let run = protect(&stage)
        .ends(Exit::Failed.code())
        .says("UserErrorStorageAccountKeyAccessDisallowed")
        .says("az aksbackup prepare");
    assert!(!run.stderr.contains("key access is enabled"), "{run}");
    assert_eq!(
        run.stderr.matches("does not support key based authentication").count(),
        1,
        "{run}"
    );
    assert_eq!(
        recorded_requests(&stage),
        4,
        "one request, three looks at its operation"
    );
}

#[test]
fn a_cluster_is_protected_by_recorded_answers() {
    let Some(all) = chosen(is_protected) else { return };
    let stage = Stage::new().unwrap();
    stage.configured();
    let names = Names::of(&stage);
    names.replay(&stage, &all);
    let put = all.iter().find(|one| one.method == "PUT").unwrap();
    let end = names.path(put);
    let states = all.iter().filter(|one| one.method == "GET" && names.path(one) == end);
    let states: Vec<Value> = states
        .map(|one| serde_json::from_str(&names.put(&one.text)).unwrap())
        .collect();
    assert_eq!(states.len(), 4);
    instances_of_cluster(&stage, &states, Some(("PUT".to_owned(), end)));
    protect(&stage).ok().says("ProtectionConfigured");
    assert_eq!(stage.value("/cloud/instance/protection"), "ProtectionConfigured");
    let writes = stage.since(0).into_iter().filter(|entry| entry.write && entry.recorded);
    assert_eq!(writes.count(), 1);
}

#[test]
fn a_backup_is_followed_through_recorded_answers() {
    let Some(all) = chosen(is_backed_up) else { return };
    let stage = Stage::new().unwrap();
    stage.configured();
    protect(&stage).ok();
    Names::of(&stage).replay(&stage, &all);
    stage.az("platform", &["backup", "--yes"]).ok().says("Completed");
    let job = all.iter().find(|one| one.target.contains("/backupJobs/")).unwrap();
    let name = job.target.split('?').next().unwrap().rsplit('/').next().unwrap();
    stage.az("platform", &["jobs", name]).ok().says("Completed");
    assert!(recorded_requests(&stage) > 15);
}

#[test]
fn a_recovery_point_is_listed_and_restored_by_recorded_answers() {
    let Some(all) = chosen(is_restored) else { return };
    let stage = Stage::new().unwrap();
    stage.configured();
    protect(&stage).ok();
    Names::of(&stage).replay(&stage, &all);
    // The recorded point has no date of expiry and no state: neither is an error.
    let point = "7df0f23f38384ea1af4e24bc5e3feaba";
    let listed = stage.az("platform", &["points"]).ok().says("2024-06-26").says(point);
    assert!(!listed.stdout.contains("can't be restored"), "{listed}");
    let restore = [
        "restore",
        "--point",
        point,
        "--namespace",
        "shop=shop-restored",
        "--yes",
    ];
    stage.az("platform", &restore).ok().says("Completed");
    let acts = stage
        .since(0)
        .into_iter()
        .filter(|entry| entry.recorded && entry.method == "POST");
    let acts: Vec<String> = acts.map(|entry| entry.target).collect();
    assert!(
        acts.len() == 2 && acts[0].contains("/validateRestore?") && acts[1].contains("/restore?"),
        "{acts:#?}"
    );
    assert!(recorded_requests(&stage) > 20);
}

#[test]
fn a_suspended_backup_is_no_work_in_progress() {
    let (Some(suspended), Some(instance)) = (chosen(is_suspended), chosen(is_protected)) else {
        return;
    };
    let stage = Stage::new().unwrap();
    stage.configured();
    protect(&stage).ok();
    let names = Names::of(&stage);
    let last = instance
        .iter()
        .rfind(|one| one.method == "GET" && one.target.contains("/backupInstances/"))
        .unwrap();
    let mut body: Value = serde_json::from_str(&names.put(&last.text)).unwrap();
    // Recorded of a disk; the words are the same for each kind of data source.
    let words = suspended[0].body().unwrap();
    for member in ["currentProtectionState", "protectionStatus"] {
        body["properties"][member] = words["properties"][member].clone();
    }
    instances_of_cluster(&stage, &[body], None);
    let resume = "az aksbackup resume";
    let run = stage.az("platform", &["verify"]).ends(Exit::Pending.code());
    assert!(
        run.stdout.contains("BackupsSuspended") && run.stdout.contains(resume),
        "{run}"
    );
    protect(&stage)
        .ends(Exit::Failed.code())
        .says("BackupsSuspended")
        .says(resume);
}

#[test]
fn a_provider_that_limits_one_request_holds_up_no_other() {
    let Some(all) = chosen(is_throttled) else { return };
    let stage = Stage::new().unwrap();
    stage.configured();
    protect(&stage).ok();
    let mut answer = Names::of(&stage).answer(&all[0]);
    // The recorder removed it; the message says as much.
    answer.headers.push(("retry-after".to_owned(), "324".to_owned()));
    stage.sandbox.azure().replay(Replay {
        method: "GET".to_owned(),
        path: "/backupJobs".to_owned(),
        answers: vec![answer],
        after: None,
        done: false,
    });
    let begun = Instant::now();
    let run = stage.az("platform", &["verify", "--output", "json"]);
    let seen = run.json();
    let checks = seen["checks"].as_array().unwrap();
    let unread: Vec<&Value> = checks.iter().filter(|check| check["verdict"] == "error").collect();
    assert_eq!(unread.len(), 1, "{unread:#?}");
    assert_eq!(unread[0]["link"], "jobs");
    assert!(
        unread[0].to_string().contains("ResourceRequestsThrottled"),
        "{unread:#?}"
    );
    assert!(
        unread[0]["hint"].to_string().contains("run the command again in 324s"),
        "{unread:#?}"
    );
    assert!(begun.elapsed() < Duration::from_secs(60), "{:?}", begun.elapsed());
    assert_eq!(
        recorded_requests(&stage),
        1,
        "it is not asked again before Azure wants it"
    );
}
