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
