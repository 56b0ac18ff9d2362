//! Answers that never come, or not as a whole, and tokens that Azure does not take: each is tried again once it is safe.

use std::time::{Duration, Instant};

use aksbackup_shared::exit::Exit;
use aksbackup_tests::harness::Stage;

use crate::faults::transient::{each_survived, survived};
use crate::made;
use crate::part::Part;

/// Each silence costs the limit of a try in real time, half a minute, so all of them are waited for at once.
#[test]
fn answers_that_never_come_are_asked_for_again() {
    let cases: [(Part, &[&str]); 6] = [
        (
            Part::Prepare,
            &["fault=hang@GET:managedClusters/aks-demo?:1", "fault=hang@POST:oauth2:1"],
        ),
        (
            Part::Prepare,
            &[
                "fault=hang-after@PUT:backupVaults/bv-aks-demo?:1",
                "fault=hang@PUT:/extensions/:1",
            ],
        ),
        (
            Part::Prepare,
            &[
                "fault=hang@GET:/operations/:1",
                "fault=hang-after@PUT:federatedIdentityCredentials:1",
            ],
        ),
        (Part::Grant, &["fault=hang-after@PUT:roleAssignments:1"]),
        (Part::Protect, &["fault=hang-after@PUT:backupInstances:1"]),
        (Part::Backup, &["fault=hang-after@POST:/backup?:1"]),
    ];
    made::beside_each_other(&cases, |(part, faults)| {
        let stage = survived(*part, faults);
        let jobs = stage
            .sandbox
            .azure()
            .resources("Microsoft.DataProtection/backupVaults/backupJobs");
        assert_eq!(jobs.len(), usize::from(matches!(part, Part::Backup)), "{faults:?}");
    });
}

#[test]
fn answers_that_break_off_are_asked_for_again() {
    each_survived(
        Part::Prepare,
        &[
            &[
                "fault=truncated@GET:managedClusters/aks-demo?:1",
                "fault=truncated@GET:operationStatus:1",
                "fault=truncated@PUT:backupPolicies:1",
                "fault=truncated@PUT:/extensions/:1",
            ],
            &[
                "fault=truncated@PUT:backupVaults/bv-aks-demo?:1",
                "fault=truncated@PUT:managedClusters/aks-demo?:1",
                "fault=truncated@PUT:federatedIdentityCredentials:1",
                "fault=truncated@PUT:storageAccounts/staksdemo:2",
                "fault=truncated@PUT:trustedAccessRoleBindings:1",
            ],
        ],
    );
    each_survived(Part::Grant, &[&["fault=truncated@PUT:roleAssignments:4"]]);
    each_survived(
        Part::Protect,
        &[&[
            "fault=truncated@POST:validateForBackup:1",
            "fault=truncated@PUT:backupInstances:1",
        ]],
    );
    each_survived(Part::Backup, &[&["fault=truncated@GET:backupJobs:1"]]);
}

/// Runs `prepare` where every request is lost, and gives what it said and how long that took.
fn lost(stage: &Stage, target: &str, patience: Duration) {
    stage.sandbox.set(&format!("fault=hang@{target}:99")).unwrap();
    let begun = Instant::now();
    let run = Part::Prepare.run(stage).ends(Exit::Failed.code());
    assert!(begun.elapsed() < patience, "{:?}\n{run}", begun.elapsed());
    assert!(run.stderr.contains("hint: "), "{run}");
}

#[test]
fn a_host_that_never_answers_is_given_up() {
    // Real seconds: fifteen of the metadata; half a minute of the login; and two tries of half a minute.
    let patience = Duration::from_secs(150);
    made::beside_each_other(&["*:/metadata/", "*:oauth2", "GET:/subscriptions/"], |target| {
        let stage = Stage::new().unwrap();
        stage.init("platform").ok();
        lost(&stage, target, patience);
    });
}

fn tokens(stage: &Stage, mark: usize) -> usize {
    let entries = stage.since(mark);
    entries
        .iter()
        .filter(|entry| entry.service == "entra" && entry.method == "POST")
        .count()
}

#[test]
fn a_token_that_is_refused_again_is_renewed_once_and_then_told_of() {
    let stage = Part::Prepare.stage();
    stage
        .sandbox
        .set("fault=401/ExpiredAuthenticationToken@GET:managedClusters/aks-demo?:99")
        .unwrap();
    let mark = stage.mark();
    Part::Prepare
        .run(&stage)
        .ends(Exit::NotPermitted.code())
        .says("ExpiredAuthenticationToken")
        .says("az login");
    let refused = stage.since(mark).iter().filter(|entry| entry.status == 401).count();
    assert!(refused >= 2 && tokens(&stage, mark) <= refused, "{refused}");
    let stage = survived(
        Part::Prepare,
        &["fault=401/ExpiredAuthenticationToken@PUT:/extensions/:1"],
    );
    let commands = 3; // init, prepare, and its second run
    assert_eq!(
        tokens(&stage, 0),
        commands + 1,
        "one token each, and one in place of the refused one"
    );
}

#[test]
fn a_claims_challenge_is_told_with_the_claims_and_the_way_to_meet_them() {
    let stage = Part::Prepare.stage();
    stage
        .sandbox
        .set("fault=claims@GET:managedClusters/aks-demo?:99")
        .unwrap();
    Part::Prepare
        .run(&stage)
        .ends(Exit::NotPermitted.code())
        .says("the token lacks claims: {\"access_token\"")
        .says("TokenIssuedBeforeRevocationTimestamp")
        .says("az login --claims-challenge \"ey");
    survived(Part::Prepare, &["fault=claims@PUT:/extensions/:1"]);
}
