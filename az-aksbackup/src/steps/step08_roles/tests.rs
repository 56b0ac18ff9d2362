use super::*;
use crate::arm::visible::tests::refusal;
use crate::checks::role_requirements::tests::checked;
use crate::steps::confirm::Confirm;
use crate::target_ids::tests::{example, state};

fn told(change: impl FnOnce(&mut GrantOptions)) -> Roles {
    let mut options = GrantOptions {
        confirm: Confirm {
            by_prompt: true,
            ..Confirm::default()
        },
        ..GrantOptions::default()
    };
    change(&mut options);
    Roles::new(options)
}

fn step() -> Roles {
    told(|_| ())
}

fn seen(roles: Result<Vec<Checked>, Turn>) -> Seen {
    Seen {
        target: example(),
        roles,
        unasked_tier: false,
        identity_in_use: false,
        taken: Vec::new(),
    }
}

#[test]
fn satisfied_world_needs_nothing() {
    let seen = seen(Ok(checked(true)));
    let nobody = Roles::default();
    assert_eq!(
        nobody.decide(&seen, &state()).unwrap(),
        Decision::Done("4 role assignments".into())
    );
    let mut tables = CloudTables::default();
    nobody.record(&seen, &mut tables);
    let roles = tables.roles.unwrap().assignments;
    assert_eq!((roles.len(), roles[0].holder.as_str()), (4, "extension identity"));
}

#[test]
fn missing_roles_are_assigned_once_each_and_name_vault_and_snapshot_group() {
    let Decision::Change(changes) = step().decide(&seen(Ok(checked(false))), &state()).unwrap() else {
        panic!("no change")
    };
    let notes: Vec<String> = changes.iter().map(|change| change.note().summary).collect();
    assert_eq!(notes.len(), 4);
    assert!(
        notes[2].contains("vault rg-backup/bv-aks") && notes[2].ends_with("on resource group rg-snapshots"),
        "{notes:?}"
    );
}

#[test]
fn without_a_person_s_word_roles_are_refused_or_left_to_the_owner() {
    let missing = seen(Ok(checked(false)));
    assert!(Roles::default().decide(&missing, &state()).is_err());
    let confirmed = told(|options| options.confirm = crate::steps::confirm::tests::all());
    assert!(matches!(confirmed.decide(&missing, &state()), Ok(Decision::Change(_))));
    let other = told(|options| {
        options.confirm = crate::steps::confirm::tests::all();
        options.confirm.vault = Some("rg-attack/bv-aks".parse().unwrap());
    });
    assert!(other.decide(&missing, &state()).is_err());
    let passing = told(|options| {
        options.confirm.by_prompt = false;
        options.in_passing = true;
    });
    let Decision::Blocked(changes, turns) = passing.decide(&missing, &state()).unwrap() else {
        panic!("not left to anybody")
    };
    assert!(changes.is_empty() && turns[0].command.to_string().contains("--cluster RESOURCE-GROUP/NAME"));
    // What the target names may well be confirmed, for what gives no role.
    assert!(
        turns[0].why.starts_with("4 of 4 role assignments are missing"),
        "{}",
        turns[0].why
    );
}

#[test]
fn a_tier_that_only_the_live_policy_has_gets_no_roles_and_is_said() {
    let unasked = |met| Seen {
        unasked_tier: true,
        ..seen(Ok(checked(met)))
    };
    let Decision::Done(evidence) = step().decide(&unasked(true), &state()).unwrap() else {
        panic!("not done")
    };
    assert!(
        evidence.contains("vault rg-backup/bv-aks copies backups to the vault tier"),
        "{evidence}"
    );
    let Decision::Change(changes) = step().decide(&unasked(false), &state()).unwrap() else {
        panic!("no change")
    };
    assert!(changes[0].note().warning.unwrap().contains("no roles"));
}

#[test]
fn what_is_not_there_yet_is_the_platform_team_s_turn() {
    let turn = Turn {
        who: Person::PlatformTeam,
        why: "x".into(),
        command: aksbackup_shared::command_line::shell("y"),
        right: None,
        also: Vec::new(),
    };
    let decision = step().decide(&seen(Err(turn.clone())), &state()).unwrap();
    assert_eq!(decision, Decision::Blocked(vec![], vec![turn]));
}

#[test]
fn a_scope_without_the_right_is_handed_over_by_name() {
    let change = step().assign(&checked(false)[1].need, &seen(Ok(vec![])));
    let turn = step().hand_over(&change, &refusal("AuthorizationFailed")).unwrap();
    assert_eq!(turn.who, Person::SubscriptionOwner);
    assert_eq!(turn.right.unwrap(), Right::new(ACTION, &example().cluster));
    assert!(step().hand_over(&change, &Failure::failed("x")).is_none());
}

#[test]
fn a_dry_run_foresees_the_roles_before_their_holders_exist() {
    let notes = step().foresee(&state());
    assert_eq!(notes.len(), 4);
    assert_eq!(
        notes[2].summary,
        "assign Reader to vault rg-backup/bv-aks on resource group rg-snapshots"
    );
}
