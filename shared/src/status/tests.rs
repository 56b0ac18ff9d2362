use super::*;

#[test]
fn what_the_file_has_and_the_world_has_not_is_drifted() {
    let record = Record {
        evidence: "there".into(),
        since: None,
        by: None,
    };
    let gone = Ending::Due {
        changes: vec![],
        turns: vec![],
    };
    assert_eq!(
        row(StepName::Storage, Some(record.clone()), Some(&gone)).standing,
        Standing::Drifted
    );
    assert_eq!(row(StepName::Storage, Some(record), None).standing, Standing::Recorded);
    assert_eq!(row(StepName::Storage, None, Some(&gone)).standing, Standing::Open);
}

#[test]
fn an_empty_file_is_the_platform_team_s_turn() {
    let turn = next(&State::default(), " --state x.toml").unwrap();
    assert_eq!(turn.who, Person::PlatformTeam);
    assert_eq!(turn.command, "az aksbackup prepare --state x.toml");
}

fn standing(step: StepName, standing: Standing) -> Row {
    Row {
        step,
        number: None,
        standing,
        evidence: String::new(),
        since: None,
        by: None,
        turn: None,
    }
}

#[test]
fn whoever_has_to_act_before_a_step_is_next() {
    let turn = Turn {
        who: Person::PlatformTeam,
        why: "not installed".into(),
        command: "az aksbackup prepare".into(),
        right: None,
    };
    let due = Ending::Due {
        changes: vec![],
        turns: vec![turn.clone()],
    };
    let rows = [row(StepName::WorkloadIdentity, None, Some(&due))];
    assert_eq!(next_of(&rows, &State::default(), ""), Some(turn));
}

#[test]
fn what_was_done_for_another_identity_is_not_done() {
    let toml = |client_id: &str| {
        format!(
            "schema = 1\n[cluster.workload_identity]\nclient_id = \"{client_id}\"\nservice_accounts = []\n\
             [cluster.rollout]\ndeployments = []\n\
             [cloud.identity]\nclient_id = \"6d2ccd55-0aa9-4f0e-8258-e4a0c7e0a544\"\n\
             principal = \"06531716-9f41-4daa-a30f-fa96c26c3f4e\"\n\
             identity = \"/subscriptions/0b1f6471-1bf0-4dda-aec3-cb9272f09590/resourceGroups/g/providers/\
             Microsoft.ManagedIdentity/userAssignedIdentities/i\"\n"
        )
    };
    let recorded = |client_id: &str, step| {
        let state: State = toml::from_str(&toml(client_id)).unwrap();
        record(&state, step).is_some()
    };
    for step in [StepName::WorkloadIdentity, StepName::Rollout] {
        assert!(recorded("6d2ccd55-0aa9-4f0e-8258-e4a0c7e0a544", step));
        assert!(!recorded("1a10fb44-32bd-4bbe-97cc-9391e3dcb37c", step));
    }
}

#[test]
fn the_first_step_that_is_left_decides_whose_turn_it_is() {
    let rows = [
        standing(StepName::Storage, Standing::Done),
        standing(StepName::Extension, Standing::Unknown),
        standing(StepName::Roles, Standing::Drifted),
        standing(StepName::Rollout, Standing::Open),
    ];
    let turn = next_of(&rows, &State::default(), " --state x").unwrap();
    assert_eq!(turn.command, "az aksbackup grant --state x");
    assert!(turn.why.contains("not any more"));
    assert_eq!(next_of(&rows[..2], &State::default(), ""), None);
}

#[test]
fn a_cluster_is_called_protected_only_by_who_has_looked() {
    let recorded = standing(StepName::Rollout, Standing::Recorded);
    let done = standing(StepName::BackupInstance, Standing::Done);
    let unknown = standing(StepName::Storage, Standing::Unknown);
    let of = |rows: &[&Row]| verdict(&rows.iter().copied().cloned().collect::<Vec<_>>());
    assert!(of(&[&recorded, &done]).contains("is protected"));
    assert!(of(&[&recorded]).contains("nobody has looked"));
    assert!(of(&[&recorded, &done, &unknown]).contains("could not be looked at"));
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
