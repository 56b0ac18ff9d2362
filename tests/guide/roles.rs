//! Role assignments that others have made or make, that Entra or a condition refuses, and whose effect is awaited.

use std::time::{Duration, Instant};

use aksbackup_shared::exit::Exit;
use aksbackup_tests::azure::ids;
use aksbackup_tests::harness::Stage;
use aksbackup_tests::log::Entry;
use serde_json::Value;

use crate::made;
use crate::meddling::{answered, asked, is, while_running};
use crate::part::Part;

const PUT: (&str, &str) = ("PUT", "roleAssignments");

/// How many role assignments the file says this tool has made; each of them is there.
fn recorded(stage: &Stage) -> usize {
    made::created_is_there(stage);
    let state: Value = toml::from_str(&stage.state_text()).unwrap();
    let created = state.pointer("/cloud/created").and_then(Value::as_array);
    let own = created.into_iter().flatten().filter(|own| own["step"] == "roles");
    own.count()
}

fn nothing_is_left(stage: &Stage) {
    let mark = stage.mark();
    Part::Grant.run(stage).ok().says("nothing to do");
    assert_eq!(stage.writes_since(mark), Vec::<String>::new());
}

#[test]
fn roles_that_are_inherited_are_not_assigned_again() {
    let stage = Part::Grant.stage();
    let assign = |pointer: &str, role: &str, scope: &str| {
        stage.sandbox.assign_role(&stage.value(pointer), role, scope).unwrap();
    };
    assign("/cloud/vault/principal", "Reader", &ids::subscription_id());
    let backups = ids::group_id(ids::BACKUP_GROUP);
    assign("/cloud/identity/principal", "Storage Blob Data Contributor", &backups);
    Part::Grant.run(&stage).ok();
    let asked = asked(&stage, 0, PUT.0, PUT.1);
    assert_eq!(asked.len(), 1, "{asked:#?}");
    assert!(
        asked[0].0.contains("rg-snapshots"),
        "the cluster's Contributor is left\n{asked:#?}"
    );
    assert_eq!(recorded(&stage), 1);
    nothing_is_left(&stage);
    Part::Configure.run(&stage).ok();
    Part::Protect.run(&stage).ok();
}

#[test]
fn a_role_that_somebody_else_assigns_at_the_same_moment_is_there() {
    let stage = Part::Grant.stage();
    stage.sandbox.set("role_rivals=3").unwrap();
    let run = Part::Grant.run(&stage).ok();
    assert_eq!(
        (answered(&stage, PUT, 409), answered(&stage, PUT, 201)),
        (3, 1),
        "{run}"
    );
    made::nothing_twice(&stage);
    assert_eq!(recorded(&stage), 1, "the others have made theirs");
    nothing_is_left(&stage);
}

#[test]
fn a_principal_that_is_not_known_everywhere_yet_is_waited_for() {
    let stage = Part::Grant.stage();
    stage.sandbox.set("principal_not_found=3").unwrap();
    let run = Part::Grant
        .run(&stage)
        .ok()
        .says("the principal isn't available in Microsoft Entra ID yet");
    assert_eq!(
        (answered(&stage, PUT, 400), answered(&stage, PUT, 201)),
        (3, 4),
        "{run}"
    );
    made::nothing_twice(&stage);
    assert_eq!(recorded(&stage), 4);
}

#[test]
fn a_name_that_another_assignment_has_is_left_to_it() {
    let stage = Part::Grant.stage();
    stage.sandbox.set("role_names_taken=2").unwrap();
    let run = Part::Grant.run(&stage).ok();
    assert_eq!(
        (answered(&stage, PUT, 400), answered(&stage, PUT, 201)),
        (2, 4),
        "{run}"
    );
    let others = [ids::named("stranger/0"), ids::named("stranger/1")];
    let strangers = stage.sandbox.role_assignments();
    let is_theirs = |own: &&Value| {
        others
            .iter()
            .any(|other| own["properties"]["principalId"] == other.as_str())
    };
    let strangers = strangers.iter().filter(is_theirs);
    assert_eq!(strangers.count(), 2, "what others have is not touched");
    made::nothing_twice(&stage);
    assert_eq!(recorded(&stage), 4);
    nothing_is_left(&stage);
}

#[test]
fn a_right_under_a_condition_assigns_what_it_allows_and_the_rest_is_listed() {
    let stage = Part::Grant.stage();
    stage.sandbox.set("owner_condition=blob-roles").unwrap();
    let run = Part::Grant.run(&stage).ends(Exit::TheirTurn.code());
    assert_eq!(
        (answered(&stage, PUT, 403), answered(&stage, PUT, 201)),
        (3, 1),
        "{run}"
    );
    assert_eq!(recorded(&stage), 1);
    for turn in [
        "assign Reader to vault",
        "assign Contributor to cluster",
        "az aksbackup grant",
    ] {
        assert!(run.stdout.contains(turn), "{turn}\n{run}");
    }
    stage.sandbox.set("owner_condition=service-principals").unwrap();
    Part::Grant.run(&stage).ok();
    assert_eq!(answered(&stage, PUT, 201), 4);
    assert_eq!(recorded(&stage), 4);
}

/// A world that is slow enough to look at roles that come into force, and quick in everything else.
const WATCHED: [&str; 8] = [
    "time_scale=0.02",
    "cluster_update=5",
    "extension_install=5",
    "extension_background=0",
    "trusted_access_write=2",
    "trusted_access_effect=0",
    "storage_create=2",
    "validation=10",
];

/// A stage where all roles are assigned and none has an effect.
fn without_effect() -> Stage {
    let stage = Stage::with(&WATCHED).unwrap();
    stage.sandbox.set("roles_never_effective=true").unwrap();
    stage.granted();
    stage
}

fn rolls(entry: &Entry) -> bool {
    entry.method == "PATCH" && entry.target.contains("/deployments/") && !entry.target.contains("dryRun")
}

#[test]
fn the_vault_itself_says_when_its_roles_are_in_force() {
    let stage = without_effect();
    let command = stage.az_command("platform", &["protect", "--yes", "--without-verification"]);
    let validations = |entry: &Entry| is(entry, "POST", "/validateForBackup?");
    let run = while_running(&stage, command, (2, validations), |stage| {
        assert_eq!(
            answered(stage, ("PUT", "/backupInstances/"), 201),
            0,
            "nothing is made on a refusal"
        );
        stage.sandbox.set("roles_never_effective=false").unwrap();
    });
    // Azure Backup's own words, as the reason for which it went on waiting.
    run.ok()
        .says("Failed to list the extensions of the AKS cluster: the backup vault lacks the permission");
    let asked = asked(&stage, 0, "POST", "/validateForBackup?");
    assert!(asked.len() >= 2, "{asked:#?}");
}

/// Waits until Velero has been refused, and whoever waits for it has looked since.
fn refused(stage: &Stage) {
    let message = || {
        let location =
            stage
                .sandbox
                .kubernetes()
                .object("BackupStorageLocation", "dataprotection-microsoft", "default");
        let message = location
            .as_ref()
            .and_then(|own| own.pointer("/status/message"))
            .and_then(Value::as_str);
        message.is_some_and(|text| text.contains("AuthorizationPermissionMismatch"))
    };
    let limit = Instant::now() + Duration::from_secs(60);
    while !message() {
        assert!(Instant::now() < limit, "Velero was never refused");
        std::thread::yield_now();
    }
    let mark = stage.mark();
    let looked = |entries: &[Entry]| {
        entries
            .iter()
            .skip(mark)
            .any(|entry| entry.target.contains("/backupstoragelocations"))
    };
    // Whoever watches may have looked already: then no other look is to come.
    stage.sandbox.log().wait_until(Duration::from_secs(2), looked);
}

#[test]
fn the_storage_location_says_when_its_role_is_in_force_and_only_then_pods_roll() {
    let stage = without_effect();
    let looks = |entry: &Entry| entry.target.contains("/backupstoragelocations");
    let run = while_running(&stage, Part::Configure.command(&stage), (4, looks), |stage| {
        refused(stage);
        assert!(
            !stage.since(0).iter().any(rolls),
            "no pod rolls before the role is seen to work"
        );
        stage.sandbox.set("roles_never_effective=false").unwrap();
    });
    run.ok().says("AuthorizationPermissionMismatch");
    assert!(stage.since(0).iter().any(rolls));
    stage.kubectl("viewer", &["verify"]).ok();
}

#[test]
fn roles_that_are_in_force_at_once_are_not_waited_for() {
    let at_once = [
        "role_propagation=0",
        "data_role_propagation=0",
        "trusted_access_effect=0",
    ];
    let stage = Stage::with(&at_once).unwrap();
    stage.configured();
    Part::Protect.run(&stage).ok();
    assert_eq!(asked(&stage, 0, "POST", "/validateForBackup?").len(), 1);
}
