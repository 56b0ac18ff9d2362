use super::*;
use crate::guide::Person;

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
    let turn = next_of(&rows, " --state x").unwrap();
    assert_eq!(turn.command, "az aksbackup grant --state x");
    assert!(turn.why.contains("not any more"));
    assert_eq!(next_of(&rows[..2], ""), None);
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
