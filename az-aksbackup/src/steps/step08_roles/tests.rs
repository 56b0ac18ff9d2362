use super::*;
use crate::steps::needed::tests::checked;
use crate::steps::turns::tests::refusal;
use crate::steps::wanted::tests::{example, state};

fn told(change: impl FnOnce(&mut GrantOptions)) -> Roles {
    let mut options = GrantOptions {
        vouched_by_prompt: true,
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
        notes[2].contains("vault bv-aks") && notes[2].ends_with("on group rg-snapshots"),
        "{notes:?}"
    );
}

#[test]
fn nobody_vouching_is_refused_with_the_exact_flags() {
    let missing = seen(Ok(checked(false)));
    let failure = Roles::default().decide(&missing, &state()).unwrap_err();
    assert!(failure.hints[0].contains("--vault bv-aks --snapshot-group rg-snapshots --storage-account stbackup"));
    let mut flags = told(|options| {
        options.vouched_by_prompt = false;
        options.vault = Some("bv-aks".into());
        options.snapshot_group = Some("rg-snapshots".into());
    });
    assert!(
        flags.decide(&missing, &state()).is_err(),
        "nobody vouched for the storage account"
    );
    flags.options.storage_account = Some("stbackup".into());
    assert!(flags.decide(&missing, &state()).is_ok());
}

#[test]
fn a_vouched_name_that_the_file_does_not_have_is_refused() {
    let other = told(|options| options.vault = Some("other".into()));
    assert!(other.as_vouched(&example()).unwrap_err().what.contains("bv-aks"));
    let same = told(|options| options.vault = Some("BV-AKS".into()));
    assert!(same.as_vouched(&example()).is_ok());
}

#[test]
fn what_is_not_there_yet_is_the_platform_team_s_turn() {
    let turn = Turn {
        who: Person::PlatformTeam,
        why: "x".into(),
        command: "y".into(),
        right: None,
    };
    let decision = step().decide(&seen(Err(turn.clone())), &state()).unwrap();
    assert_eq!(decision, Decision::Blocked(vec![], vec![turn]));
}

#[test]
fn a_scope_without_the_right_is_handed_over_by_name() {
    let change = assign(&checked(false)[1].need, &seen(Ok(vec![])));
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
        "assign Reader to vault bv-aks of group rg-backup on group rg-snapshots"
    );
}
