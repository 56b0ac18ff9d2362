use super::show::verdict;
use super::*;
use crate::command_line::kubectl;
use crate::guide::Person;

#[test]
fn what_the_file_has_and_the_world_has_not_is_drifted() {
    let gone = looked(Ending::Due {
        changes: vec![],
        turns: vec![],
    });
    let state = state(ANNOTATED);
    let standing = |state, ending| stand(state, None, StepName::Rollout, ending).0;
    assert_eq!(standing(&state, Some(&gone)), Standing::Drifted);
    assert_eq!(standing(&state, None), Standing::Recorded);
    assert_eq!(standing(&State::default(), Some(&gone)), Standing::Open);
}

/// What somebody saw of a step.
fn looked(ending: Ending) -> StepReport {
    StepReport {
        step: StepName::Rollout,
        ending,
        refused: false,
    }
}

#[test]
fn what_was_seen_and_can_t_go_on_is_not_unknown_and_its_own_hint_is_next() {
    let failed = |failure: Failure, refused| StepReport {
        refused,
        ..looked(Ending::Failed {
            error: Box::new(failure.hint(crate::fix!["to resume: ", az("resume")])),
            changed: vec![],
        })
    };
    let state = state(ANNOTATED);
    let stand = |seen: &StepReport| stand(&state, None, StepName::Rollout, Some(seen)).0;
    let stopped = failed(Failure::failed("instance i is in state ProtectionStopped"), true);
    assert_eq!(stand(&stopped), Standing::Drifted);
    let next = turn(&state, StepName::Rollout, Standing::Drifted, Some(&stopped.ending)).unwrap();
    assert_eq!(next.command, az("resume"));
    let hidden = failed(Failure::new(Exit::NotPermitted, "cannot read instance i"), true);
    assert_eq!(stand(&hidden), Standing::Unknown);
    assert_eq!(stand(&failed(Failure::failed("no answer"), false)), Standing::Unknown);
    let waiting = looked(Ending::Waiting {
        why: "instance i: UpdatingProtection".into(),
        foreseen: vec![],
    });
    assert_eq!(stand(&waiting), Standing::Open);
}

#[test]
fn an_empty_file_is_the_platform_team_s_turn() {
    let turn = next(&State::default()).unwrap();
    assert_eq!(turn.who, Person::PlatformTeam);
    assert_eq!(turn.command, az("prepare"));
}

fn standing(step: StepName, standing: Standing) -> Row {
    Row {
        step,
        number: None,
        standing,
        evidence: String::new(),
        observed: false,
        warning: None,
        since: None,
        by: None,
        next: turn(&State::default(), step, standing, None),
    }
}

#[test]
fn whoever_has_to_act_before_a_step_is_next() {
    let turn = Turn {
        who: Person::PlatformTeam,
        why: "not installed".into(),
        command: az("prepare"),
        right: None,
        also: Vec::new(),
    };
    let due = Ending::Due {
        changes: vec![],
        turns: vec![turn.clone()],
    };
    let step = StepName::WorkloadIdentity;
    assert_eq!(
        super::turn(&State::default(), step, Standing::Open, Some(&due)),
        Some(turn)
    );
}

const ANNOTATED: &str = "schema = 1\n[cluster.workload_identity]\n\
    client_id = \"6d2ccd55-0aa9-4f0e-8258-e4a0c7e0a544\"\nservice_accounts = []\n[cluster.rollout]\ndeployments = []\n\
    [cloud.identity]\nclient_id = \"6d2ccd55-0aa9-4f0e-8258-e4a0c7e0a544\"\n\
    principal = \"06531716-9f41-4daa-a30f-fa96c26c3f4e\"\n\
    identity = \"/subscriptions/0b1f6471-1bf0-4dda-aec3-cb9272f09590/resourceGroups/g/providers/\
    Microsoft.ManagedIdentity/userAssignedIdentities/i\"\n";

const OTHER_IDENTITY: &str = "1a10fb44-32bd-4bbe-97cc-9391e3dcb37c";

fn state(toml: &str) -> State {
    toml::from_str(toml).unwrap()
}

/// The state of a cluster whose extension was installed anew since it was configured.
fn reinstalled() -> State {
    let mut state = state(ANNOTATED);
    state.cloud.identity.as_mut().unwrap().client_id = OTHER_IDENTITY.parse().unwrap();
    state
}

#[test]
fn what_was_done_for_another_identity_is_stale_and_next() {
    for step in [StepName::WorkloadIdentity, StepName::Rollout] {
        assert_eq!(stand(&state(ANNOTATED), None, step, None).0, Standing::Recorded);
        let (standing, evidence) = stand(&reinstalled(), None, step, None);
        assert_eq!(standing, Standing::Stale);
        assert!(evidence.contains(OTHER_IDENTITY), "{evidence}");
    }
    let rows = rows(&reinstalled(), None);
    let row = rows.iter().find(|row| row.step == StepName::Rollout).unwrap();
    assert_eq!(row.next.as_ref().unwrap().command, kubectl("configure"));
}

#[test]
fn what_is_done_but_not_as_the_file_says_is_stale() {
    let done = looked(Ending::Done {
        drift: None,
        evidence: format!("client ID {OTHER_IDENTITY}"),
        changed: vec![],
    });
    let (file, now) = (state(ANNOTATED), reinstalled());
    let step = StepName::ExtensionIdentity;
    assert_eq!(stand(&file, Some(&file), step, Some(&done)).0, Standing::Done);
    let (standing, evidence) = stand(&file, Some(&now), step, Some(&done));
    assert_eq!(standing, Standing::Stale);
    assert!(
        evidence.contains(OTHER_IDENTITY) && evidence.contains("6d2ccd55"),
        "{evidence}"
    );
    // The cluster side's record is judged by what Azure shows, not by the file.
    assert_eq!(stand(&file, Some(&now), StepName::Rollout, None).0, Standing::Stale);
}

#[test]
fn the_first_step_that_is_left_decides_whose_turn_it_is() {
    let rows = [
        standing(StepName::Storage, Standing::Done),
        standing(StepName::Extension, Standing::Unknown),
        standing(StepName::Roles, Standing::Drifted),
        standing(StepName::Rollout, Standing::Open),
    ];
    let turn = next_of(&rows).unwrap();
    assert_eq!(turn.command, az(format!("grant{}", crate::names::CONFIRMATIONS)));
    assert!(turn.why.contains("but no longer is"));
    assert_eq!(next_of(&rows[..2]), None);
}

#[test]
fn a_cluster_is_called_protected_only_where_every_step_was_checked_in_this_run() {
    let recorded = standing(StepName::Rollout, Standing::Recorded);
    let done = standing(StepName::BackupInstance, Standing::Done);
    let unknown = standing(StepName::Storage, Standing::Unknown);
    let of = |rows: &[&Row]| verdict(&rows.iter().copied().cloned().collect::<Vec<_>>()).join("\n");
    assert!(of(&[&done]).contains("is protected"));
    assert_eq!(
        of(&[&recorded, &done]),
        "checked in this run: 1 of 2 steps, all complete\nreported, not checked in this run: rollout\n\
         \x20 Run: kubectl aksbackup verify"
    );
    assert_eq!(
        of(&[&recorded]).lines().next(),
        Some("the state file reports every step as complete; nothing was checked in this run")
    );
    let all = of(&[&recorded, &done, &unknown]);
    assert!(
        all.contains("could not be checked: storage") && !all.contains("is protected"),
        "{all}"
    );
    // Fails before: a step that could not be checked had no command.
    assert!(
        all.contains("  Run: az aksbackup verify\n  Run: kubectl aksbackup verify"),
        "{all}"
    );
}

#[test]
fn a_backup_that_finished_with_warnings_is_a_warning() {
    let of = |status: &str| {
        let table = format!("schema = 1\n[cloud.backup]\njob = \"/v/backupJobs/j\"\nstatus = \"{status}\"\n");
        let all = rows(&state(&table), None);
        all.into_iter().find(|row| row.step == StepName::Backup).unwrap()
    };
    let (warned, fine) = (of("CompletedWithWarnings"), of("Completed"));
    assert_eq!(
        (warned.standing, fine.standing),
        (Standing::Recorded, Standing::Recorded)
    );
    assert_eq!(fine.warning, None);
    assert!(warned.warning.unwrap().contains("az aksbackup jobs j"));
    assert!(!warned.observed && !fine.observed);
}

#[test]
fn what_could_not_be_looked_at_says_why() {
    let failure = Failure::failed("cannot read cluster aks").because("long words");
    assert_eq!(unseen(&failure), "cannot read cluster aks: long words");
    assert_eq!(
        unseen(&failure.code("AuthorizationFailed")),
        "cannot read cluster aks: AuthorizationFailed"
    );
}

#[test]
fn protection_that_was_ended_on_purpose_is_resumed() {
    let file = |protection: &str| {
        let vault = "/subscriptions/0b1f6471-1bf0-4dda-aec3-cb9272f09590/resourceGroups/g/providers/Microsoft.DataProtection/backupVaults/v";
        state(&format!(
            "schema = 1\n[cloud.instance]\ninstance = \"{vault}/backupInstances/i\"\nprotection = \"{protection}\"\n"
        ))
    };
    let next = |state: &State, standing, ending: Option<&Ending>| {
        turn(state, StepName::BackupInstance, standing, ending).map(|turn| turn.command)
    };
    let due = Ending::Due {
        changes: vec![],
        turns: vec![],
    };
    for state in ["ProtectionStopped", "BackupsSuspended"].map(file) {
        assert_eq!(next(&state, Standing::Stale, None), Some(az("resume")));
        assert_eq!(next(&state, Standing::Unknown, None), Some(az("resume")));
        assert_eq!(next(&state, Standing::Drifted, Some(&due)), Some(az("protect")));
        assert_eq!(next(&state, Standing::Done, None), None);
    }
    let broken = file("ProtectionError");
    assert_eq!(next(&broken, Standing::Stale, None), Some(az("protect")));
}

#[test]
fn what_a_complete_step_requires_is_not_next() {
    let done = |step| StepReport {
        step,
        ending: Ending::Done {
            evidence: String::new(),
            changed: vec![],
            drift: None,
        },
        refused: false,
    };
    let next = |steps: &[StepName]| {
        let report = Report {
            steps: steps.iter().copied().map(done).collect(),
        };
        next_after(&State::default(), &report, &[]).map(|turn| turn.command)
    };
    // The file of a cluster that was adopted has no table.
    assert_eq!(next(&[]), Some(az("prepare")));
    // What was observed as complete, but not recorded, is its own business; what it requires isn't.
    assert_eq!(next(&[StepName::BackupInstance]), Some(az("protect")));
    assert_eq!(next(&[StepName::Backup]), Some(az("backup")));
}

/// Fails before: an instance that is ProtectionConfigured stood for its roles, although the run saw that they are missing.
#[test]
fn what_was_seen_to_be_open_is_next_although_a_later_step_is_complete() {
    let report = Report {
        steps: vec![StepReport {
            step: StepName::BackupInstance,
            ending: Ending::Done {
                evidence: String::new(),
                changed: vec![],
                drift: None,
            },
            refused: false,
        }],
    };
    let turn = Turn {
        who: StepName::Roles.turn().0,
        why: "2 role assignments are missing".to_owned(),
        command: az("grant"),
        right: None,
        also: Vec::new(),
    };
    let next = next_after(&State::default(), &report, &[(StepName::Roles, turn.clone())]);
    assert_eq!(next, Some(turn));
}

/// Fails before: after a teardown, an undeleted instance stood for the extension that was deleted, so that `backup` was next.
#[test]
fn what_a_teardown_deleted_is_next_although_a_later_step_is_complete() {
    let report = Report {
        steps: vec![StepReport {
            step: StepName::BackupInstance,
            ending: Ending::Done {
                evidence: String::new(),
                changed: vec![],
                drift: None,
            },
            refused: false,
        }],
    };
    let state: State = toml::from_str(
        "schema = 2\n[cloud]\nremoved = [{ table = 'extension', written = { id = '1', observed_at = '2026-01-01T00:00:00Z', by = 'a', tool = 't' } }]",
    )
    .unwrap();
    let next = next_after(&state, &report, &[]).unwrap();
    assert_eq!(next.command, az("prepare"));
    assert!(next.why.contains("extension"), "{}", next.why);
    assert_eq!(removed(&state).collect::<Vec<_>>(), [StepName::Extension]);
}
