//! Azure's limits: what it refuses is sent again when it wants it, and what the client can know it does not ask for.

use aksbackup_shared::exit::Exit;
use aksbackup_tests::harness::{Stage, finish};
use aksbackup_tests::log::Entry;
use serde_json::json;

use crate::faults::operations::never_before_its_time;
use crate::faults::transient::survived;
use crate::made::beside_each_other;
use crate::part::Part;

#[test]
fn nothing_is_sent_again_before_azure_wants_it() {
    let cases: [(Part, &[&str]); 5] = [
        (
            Part::Prepare,
            &[
                "fault=429@GET:managedClusters/aks-demo?:2",
                "fault=429@PUT:backupVaults/bv-aks-demo?:2",
                "fault=429@GET:operationStatus:1",
                "fault=429@PUT:federatedIdentityCredentials:2",
            ],
        ),
        (
            Part::Prepare,
            &["fault=429/SubscriptionRequestsThrottled@GET:/providers/:3"],
        ),
        (
            Part::Grant,
            &["fault=429@PUT:roleAssignments:2", "fault=429@GET:roleAssignments:1"],
        ),
        (
            Part::Protect,
            &["fault=429@POST:validateForBackup:2", "fault=503@PUT:backupInstances:2"],
        ),
        (
            Part::Backup,
            &["fault=429@POST:/backup?:2", "fault=429@GET:backupJobs:1"],
        ),
    ];
    beside_each_other(&cases, |(part, switches)| {
        let stage = survived(*part, switches);
        let entries = stage.since(0);
        let refused = entries.iter().filter(|entry| matches!(entry.status, 429 | 503)).count();
        assert!(
            refused >= 3 && never_before_its_time(&entries) >= refused,
            "{refused} refusals"
        );
    });
}

#[test]
fn a_provider_that_never_has_time_is_told_of_with_its_wish() {
    let stage = Part::Prepare.stage();
    stage.sandbox.set("fault=503@GET:backupVaults/bv-aks-demo?:99").unwrap();
    let run = Part::Prepare
        .run(&stage)
        .ends(Exit::Failed.code())
        .says("ServiceUnavailable");
    assert!(run.stderr.contains("hint: "), "{run}");
    let asked = |entry: &&Entry| entry.status == 503;
    let tries = stage.since(0).iter().filter(asked).count();
    assert!((2..=15).contains(&tries), "{tries} tries\n{run}");
}

const VAULT: &str = "/subscriptions/0b1f6471-1bf0-4dda-aec3-cb9272f09590/resourceGroups/rg-backup/providers/\
                     Microsoft.DataProtection/backupVaults/bv-busy";

/// A vault with more jobs than Azure's bucket holds reads.
fn busy_vault(stage: &Stage, jobs: usize) {
    let azure = stage.sandbox.azure();
    azure.place(json!({
        "id": VAULT, "name": "bv-busy", "type": "Microsoft.DataProtection/backupVaults", "location": "westeurope",
        "properties": { "storageSettings": [{ "datastoreType": "VaultStore", "type": "LocallyRedundant" }] },
    }));
    for number in 0..jobs {
        let (name, text) = (format!("00000000-0000-4000-8000-{number:012}"), "x");
        azure.place(json!({
            "id": format!("{VAULT}/backupJobs/{name}"), "name": name,
            "type": "Microsoft.DataProtection/backupVaults/backupJobs",
            "properties": {
                "activityID": text, "subscriptionId": text, "vaultName": "bv-busy", "sourceResourceGroup": text,
                "backupInstanceFriendlyName": text, "dataSourceName": text, "dataSourceSetName": text,
                "dataSourceLocation": "westeurope", "dataSourceId": text, "backupInstanceId": text,
                "dataSourceType": "Microsoft.ContainerService/managedClusters", "progressEnabled": false,
                "sourceSubscriptionID": text, "startTime": "2026-01-01T00:00:00Z", "operationCategory": "Backup",
                "operation": "Backup", "status": "Completed", "isUserTriggered": true, "supportedActions": [""],
                "duration": "00:00:10", "policyId": text, "policyName": text,
            },
        }));
    }
}

#[test]
fn the_client_keeps_azure_s_token_buckets_itself() {
    // At Azure's own speed, the bucket that the sandbox enforces holds 250 reads and gains 25 a second.
    const JOBS: usize = 400;
    let stage = Stage::with(&["arm_throttling=true", "page_size=1", "time_scale=1"]).unwrap();
    busy_vault(&stage, JOBS);
    let run = finish(&mut stage.az_command("reader", &["jobs", "--all", "--vault-id", VAULT])).ok();
    let entries = stage.since(0);
    let pages = entries
        .iter()
        .filter(|entry| entry.target.contains("/backupJobs"))
        .count();
    assert_eq!(pages, JOBS);
    let refused = entries.iter().filter(|entry| entry.status == 429).count();
    assert_eq!(refused, 0, "Azure had to refuse\n{run}");
}

#[test]
fn credentials_are_written_at_their_rate_even_where_one_has_to_be_sent_again() {
    let stage = survived(
        Part::Prepare,
        &[
            "fault=reset-after@PUT:federatedIdentityCredentials:1",
            "credential_write=0",
            // Half of the distance is left to the machine: at this speed it is some milliseconds.
            "credential_rate=0.5",
        ],
    );
    let entries = stage.since(0);
    let writes = entries
        .iter()
        .filter(|entry| entry.method == "PUT" && entry.target.contains("/federatedIdentityCredentials/"));
    let statuses: Vec<u16> = writes.map(|entry| entry.status).collect();
    assert!(statuses.len() == 4 && !statuses.contains(&429), "{statuses:?}");
}
