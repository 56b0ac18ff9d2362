//! What Azure does to its callers on a bad day: every command gets through, and makes nothing a second time.

use aksbackup_shared::exit::Exit;
use aksbackup_tests::harness::{Run, Stage};
use aksbackup_tests::log::Entry;

use crate::made::{self, beside_each_other};
use crate::part::Part;

/// Runs a part under these switches; all their faults strike. Nothing is made twice, and a second run finds nothing to
/// do, unless it is another backup.
pub(crate) fn survived(part: Part, switches: &[&str]) -> Stage {
    let stage = part.stage();
    for switch in switches {
        stage.sandbox.set(switch).unwrap();
    }
    let run = part.run(&stage);
    assert_eq!(run.code, 0, "{part:?} under {switches:?}\n{run}");
    assert_eq!(
        stage.sandbox.azure().strikes_left(),
        0,
        "{switches:?} did not strike\n{run}"
    );
    made::nothing_twice(&stage);
    made::state_parses(&stage);
    made::all_recorded(&stage);
    if !matches!(part, Part::Backup) {
        let mark = stage.mark();
        part.run(&stage).ok();
        assert_eq!(stage.writes_since(mark), Vec::<String>::new(), "{switches:?}");
    }
    stage
}

pub(crate) fn each_survived(part: Part, cases: &[&[&str]]) {
    beside_each_other(cases, |switches| {
        survived(part, switches);
    });
}

#[test]
fn prepare_survives_servers_that_fail_for_a_moment() {
    each_survived(
        Part::Prepare,
        &[
            &[
                "fault=500@GET:managedClusters/aks-demo?:2",
                "fault=503@GET:backupVaults:2",
                "fault=502@GET:storageAccounts:2",
                "fault=504@GET:/extensions:2",
                "fault=500@GET:federatedIdentityCredentials:2",
            ],
            &[
                "fault=503@PUT:backupVaults/bv-aks-demo?:2",
                "fault=500@PUT:backupPolicies:1",
                "fault=500@PUT:storageAccounts:2",
                "fault=503@PUT:managedClusters/aks-demo?:1",
                "fault=503@PUT:/extensions:1",
                "fault=500@PUT:trustedAccessRoleBindings:1",
                "fault=503@PUT:federatedIdentityCredentials:1",
            ],
            &["fault=500@GET:/operations/:3", "fault=503@GET:operationStatus:1"],
            &["fault=503@POST:oauth2:1"],
        ],
    );
}

#[test]
fn prepare_survives_connections_that_break() {
    let targets = [
        "managedClusters/aks-demo?",
        "backupVaults/bv-aks-demo?",
        "backupPolicies",
        "storageAccounts/staksdemo",
        "blobServices",
        "/extensions/",
        "trustedAccessRoleBindings",
        "federatedIdentityCredentials",
    ];
    let all = |kind: &str| -> Vec<String> {
        let faults = targets.iter().map(|target| format!("fault={kind}@PUT:{target}:1"));
        faults.collect()
    };
    let (before, after) = (all("reset-before"), all("reset-after"));
    let every_second = |from: usize| after.iter().skip(from).step_by(2).cloned().collect();
    let cases: [Vec<String>; 3] = [before, every_second(0), every_second(1)];
    beside_each_other(&cases, |faults| {
        survived(Part::Prepare, &faults.iter().map(String::as_str).collect::<Vec<_>>());
    });
}

#[test]
fn prepare_waits_where_azure_is_busy() {
    each_survived(
        Part::Prepare,
        &[
            &[
                "fault=409/OperationNotAllowed@PUT:managedClusters/aks-demo?:2",
                "fault=409/OperationNotAllowed@PUT:/extensions/:2",
                "fault=409/OperationNotAllowed@PUT:trustedAccessRoleBindings:2",
            ],
            &["fault=409/ConcurrentFederatedIdentityCredentialsWritesForSingleManagedIdentity@PUT:federated:2"],
            &["fault=412/PreconditionFailed@PUT:managedClusters/aks-demo?:1"],
            &["etag_moves=2"],
            &["trusted_access_no_headers=true", "page_size=1"],
        ],
    );
}

#[test]
fn a_region_that_lags_behind_is_spoken_to_in_its_own_api_versions() {
    let withdrawn = |kind: &str, versions: &[&str]| {
        let all: Vec<String> = versions.iter().map(|version| format!("{kind}@{version}")).collect();
        all.join(",")
    };
    let newer = ["2025-01-01", "2025-06-01", "2025-08-01", "2026-04-01"];
    let lists = [
        withdrawn(
            "microsoft.kubernetesconfiguration/extensions",
            &["2024-11-01", "2025-03-01"],
        ),
        withdrawn(
            "microsoft.storage/storageaccounts",
            &[newer.as_slice(), &["2024-01-01"]].concat(),
        ),
        withdrawn("microsoft.managedidentity/userassignedidentities", &["2024-11-30"]),
    ];
    let switch = format!("withdrawn_api_versions={}", lists.join(","));
    let stage = survived(Part::Prepare, &[&switch]);
    let spoken = stage.writes_since(0);
    assert!(
        spoken
            .iter()
            .any(|write| write.contains("/extensions/") && write.ends_with("2023-05-01")),
        "{spoken:#?}"
    );
}

#[test]
fn a_token_that_is_refused_in_mid_run_is_renewed() {
    each_survived(
        Part::Prepare,
        &[
            &[
                "fault=401/ExpiredAuthenticationToken@PUT:/extensions/:1",
                "fault=401/ExpiredAuthenticationToken@GET:federatedIdentityCredentials:1",
            ],
            // Real seconds: a busy machine may let two pass between a token and the request that it is for.
            &["token_lifetime=3", "extension_install=3000"],
        ],
    );
}

#[test]
fn a_throttled_write_is_not_sent_again_before_azure_wants_it() {
    let stage = survived(Part::Prepare, &["fault=429@PUT:federatedIdentityCredentials:2"]);
    let entries = stage.since(0);
    let writes: Vec<&Entry> = entries
        .iter()
        .filter(|entry| entry.method == "PUT" && entry.target.contains("federatedIdentityCredentials"))
        .collect();
    let refused: Vec<_> = writes.windows(2).filter(|pair| pair[0].status == 429).collect();
    assert!(refused.len() >= 2, "{writes:#?}");
    for pair in refused {
        // The sandbox asks for five seconds of its own time, that is ten milliseconds.
        let pause = pair[1].arrived_ms.saturating_sub(pair[0].answered_ms);
        assert!(pause >= 9, "sent again after {pause} ms\n{pair:#?}");
    }
}

#[test]
fn grant_survives_azure() {
    each_survived(
        Part::Grant,
        &[
            &[
                "fault=reset-before@PUT:roleAssignments:1",
                "fault=500@GET:roleAssignments:2",
            ],
            &["fault=reset-after@PUT:roleAssignments:4"],
            &["fault=503@PUT:roleAssignments:2", "fault=429@PUT:roleAssignments:2"],
            &["principal_not_found=2", "page_size=1"],
        ],
    );
}

#[test]
fn protect_survives_azure() {
    each_survived(
        Part::Protect,
        &[
            &[
                "fault=503@POST:validateForBackup:1",
                "fault=500@GET:backupInstances:2",
                "fault=503@PUT:backupInstances:1",
            ],
            &["fault=reset-before@PUT:backupInstances:1", "page_size=1"],
            &[
                "fault=reset-after@PUT:backupInstances:1",
                "fault=500@GET:operationResults:1",
            ],
        ],
    );
}

fn jobs(stage: &Stage) -> usize {
    let azure = stage.sandbox.azure();
    azure
        .resources("Microsoft.DataProtection/backupVaults/backupJobs")
        .len()
}

#[test]
fn a_backup_is_started_once_whatever_becomes_of_the_answer() {
    let cases: [&[&str]; 4] = [
        &["fault=reset-after@POST:/backup?:1"],
        &["fault=reset-before@POST:/backup?:1"],
        &["fault=503@POST:/backup?:1", "fault=500@GET:backupJobs:2"],
        &["fault=429@POST:/backup?:1", "page_size=1"],
    ];
    beside_each_other(&cases, |switches| {
        let stage = survived(Part::Backup, switches);
        assert_eq!(jobs(&stage), 1, "{switches:?}");
        assert_eq!(stage.value("/cloud/backup/status"), "Completed");
    });
}

#[test]
fn a_failed_backup_ends_with_the_words_of_azure_and_the_next_one_is_new() {
    let stage = Part::Backup.stage();
    stage.sandbox.set("job_failures=1").unwrap();
    Part::Backup
        .run(&stage)
        .ends(Exit::Failed.code())
        .says("UserErrorBackupPluginPodRestartedDuringBackup")
        .says("--set extension.memory_limit=4Gi --set extension.memory_request=1Gi");
    assert_eq!(jobs(&stage), 1);
    Part::Backup.run(&stage).ok();
    assert_eq!(jobs(&stage), 2);
}

#[test]
fn an_extension_that_fails_ends_with_its_cure_and_not_in_a_loop() {
    let stage = Part::Prepare.stage();
    stage.sandbox.set("extension_failures=2").unwrap();
    let installs = || {
        stage
            .writes_since(0)
            .iter()
            .filter(|write| write.contains("/extensions/"))
            .count()
    };
    let failed = |run: Run| run.ends(Exit::Failed.code()).says("decide with the platform team");
    failed(Part::Prepare.run(&stage));
    assert_eq!(installs(), 1);
    // A second run asks Azure once to install it with its settings again.
    failed(Part::Prepare.run(&stage));
    assert_eq!(installs(), 2);
    Part::Prepare.run(&stage).ok();
    assert_eq!(installs(), 3);
    made::all_recorded(&stage);
}

#[test]
fn a_policy_that_forbids_is_quoted_and_nothing_is_tried_again() {
    let stage = Part::Prepare.stage();
    stage
        .sandbox
        .set("fault=403/RequestDisallowedByPolicy@PUT:storageAccounts:1")
        .unwrap();
    let run = Part::Prepare.run(&stage);
    assert_ne!(run.code, 0, "{run}");
    let tried = stage
        .writes_since(0)
        .iter()
        .filter(|write| write.contains("storageAccounts"))
        .count();
    assert_eq!(tried, 1, "{run}");
    run.says("RequestDisallowedByPolicy");
    Part::Prepare.run(&stage).ok();
    made::nothing_twice(&stage);
    made::all_recorded(&stage);
}

#[test]
fn a_description_of_the_cloud_that_comes_late_is_asked_for_again() {
    let stage = Stage::new().unwrap();
    for fault in ["503", "reset-before"] {
        let fault = format!("fault={fault}@GET:metadata/endpoints:2");
        stage.sandbox.set(&fault).unwrap();
        stage.init("platform").ok();
        assert_eq!(stage.sandbox.azure().strikes_left(), 0, "{fault}");
    }
}
