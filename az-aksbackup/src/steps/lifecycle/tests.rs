use super::*;
use crate::arm::visible::tests::refusal;
use crate::checks::protection::tests::instance;
use crate::target_ids::tests::{example, state};

const UNDELETED: Wanted = Wanted::Undeleted { keep_stopped: false };

fn seen(instances: Vec<Instance>, deleted: Vec<Instance>) -> Seen {
    Seen {
        target: example(),
        instances,
        deleted,
        running: None,
        guard: None,
        asked: None,
    }
}

fn step(wanted: Wanted) -> Lifecycle {
    Lifecycle::new((wanted, Vec::new()), &JustRead::default())
}

fn live(state: &str) -> Seen {
    seen(vec![instance(state, |_| ())], vec![])
}

fn deleted(state: &str) -> Seen {
    seen(vec![], vec![instance(state, |_| ())])
}

/// What a step decides, in one word or the requests.
fn decided(wanted: Wanted, seen: &Seen) -> String {
    match step(wanted).decide(seen, &state()) {
        Ok(Decision::Done(_)) => "done".to_owned(),
        Ok(Decision::Change(changes)) => {
            let acts = changes.iter().map(|change| format!("{:?}", change.act));
            acts.collect::<Vec<_>>().join(" ")
        }
        Ok(Decision::Wait(_)) => "wait".to_owned(),
        Ok(Decision::Blocked(..) | Decision::Differs(..)) => "other".to_owned(),
        Err(failure) => format!("{:?}", failure.exit),
    }
}

#[test]
fn each_command_decides_by_the_state_alone() {
    let keep = Wanted::Undeleted { keep_stopped: true };
    let wanted = [Wanted::Suspended, Wanted::Stopped, Wanted::Resumed, UNDELETED, keep];
    for (state, expected) in [
        ("ProtectionConfigured", ["Suspend", "Stop", "done", "done", "done"]),
        ("BackupsSuspended", ["done", "Stop", "Resume", "done", "done"]),
        ("BackupSchedulesSuspended", ["done", "Stop", "Resume", "done", "done"]),
        (
            "RetentionSchedulesSuspended",
            ["Suspend", "Stop", "Resume", "done", "done"],
        ),
        ("ProtectionStopped", ["Failed", "done", "Resume", "Resume", "done"]),
        ("ConfiguringProtection", ["wait"; 5]),
        ("Inventing", ["wait"; 5]),
        ("ProtectionError", ["Failed"; 5]),
        (
            "SoftDeleted",
            ["Failed", "Failed", "Failed", "Undelete Resume", "Undelete"],
        ),
        ("SoftDeleting", ["Failed", "Failed", "Failed", "wait", "wait"]),
    ] {
        let live = live(state);
        assert_eq!(wanted.map(|wanted| decided(wanted, &live)), expected, "{state}");
    }
    let gone = deleted("SoftDeleted");
    let expected = ["Failed", "Failed", "Failed", "Undelete Resume", "Undelete"];
    assert_eq!(wanted.map(|wanted| decided(wanted, &gone)), expected);
    assert_eq!(
        wanted.map(|wanted| decided(wanted, &seen(vec![], vec![]))),
        ["Missing"; 5]
    );
}

#[test]
fn what_was_asked_for_and_does_not_show_yet_is_not_asked_for_again() {
    for (wanted, act, mut there) in [
        (Wanted::Suspended, Act::Suspend, live("ProtectionConfigured")),
        (Wanted::Stopped, Act::Stop, live("BackupsSuspended")),
        (Wanted::Resumed, Act::Resume, live("ProtectionStopped")),
        (UNDELETED, Act::Undelete, deleted("SoftDeleted")),
        (UNDELETED, Act::Undelete, seen(vec![], vec![])),
    ] {
        there.asked = Some(act);
        let Ok(Decision::Wait(wait)) = step(wanted).decide(&there, &state()) else {
            panic!("{act:?} again")
        };
        assert!(wait.stuck.is_some(), "it doesn't wait without an end");
        assert!(step(wanted).goes_on(&there));
    }
    let mut there = live("ProtectionStopped");
    there.asked = Some(Act::Undelete);
    assert_eq!(decided(UNDELETED, &there), "Resume", "the other half of an undeletion");
}

#[test]
fn who_ends_backups_is_told_what_no_longer_happens() {
    let warning = |wanted, seen: &Seen| {
        let Ok(Decision::Change(changes)) = step(wanted).decide(seen, &state()) else {
            panic!("no change")
        };
        let note = changes.last().unwrap().note();
        assert!(note.creates.is_none() && note.right.action.ends_with("/action"));
        note.warning
    };
    let mut busy = live("ProtectionConfigured");
    busy.running = Some("job-1".to_owned());
    let says = warning(Wanted::Suspended, &busy).unwrap();
    for part in [
        "no scheduled backups until you run: az aksbackup resume",
        "expire",
        "backup job job-1 is running",
    ] {
        assert!(says.contains(part), "{says}");
    }
    assert!(
        warning(Wanted::Stopped, &live("ProtectionConfigured"))
            .unwrap()
            .contains("never expire")
    );
    let says = Some("Azure deletes the recovery points that are older than the policy's retention".to_owned());
    assert_eq!(warning(Wanted::Resumed, &live("ProtectionStopped")), says);
    assert_eq!(warning(UNDELETED, &deleted("SoftDeleted")), says);
    assert_eq!(warning(Wanted::Resumed, &live("BackupsSuspended")), None);
    let foreseen = step(Wanted::Stopped).after_wait(&live("ConfiguringProtection"), &state());
    assert!(
        foreseen[0]
            .summary
            .starts_with("stop the protection of cluster rg-aks/aks")
    );
    assert!(
        step(Wanted::Resumed)
            .after_wait(&live("ConfiguringProtection"), &state())
            .is_empty()
    );
}

#[test]
fn another_vault_and_two_deleted_instances_are_refused_by_name() {
    let other = instance("ProtectionConfigured", |body| {
        body["id"] = body["id"].as_str().unwrap().replace("bv-aks", "bv-other").into();
    });
    let failure = step(Wanted::Stopped)
        .decide(&seen(vec![other], vec![]), &state())
        .unwrap_err();
    assert!(failure.why[0].contains("bv-other"), "{failure}");
    let two = ["one", "two"].map(|name| {
        instance("SoftDeleted", |body| {
            body["id"] = body["id"].as_str().unwrap().replace("aks-instance", name).into();
        })
    });
    let failure = step(UNDELETED)
        .decide(&seen(vec![], two.to_vec()), &state())
        .unwrap_err();
    assert_eq!(failure.why, ["one, two"]);
}

#[test]
fn who_may_not_hands_over_with_the_action() {
    let there = live("ProtectionConfigured");
    let Ok(Decision::Change(changes)) = step(Wanted::Suspended).decide(&there, &state()) else {
        panic!("no change")
    };
    let turn = step(Wanted::Suspended)
        .hand_over(&changes[0], &refusal("AuthorizationFailed"))
        .unwrap();
    assert_eq!(turn.command.to_string(), "az aksbackup suspend");
    assert!(turn.right.unwrap().action.ends_with("/suspendBackups/action"));
}

#[test]
fn only_the_end_of_an_undeletion_is_left_to_itself() {
    let there = deleted("SoftDeleted");
    let Ok(Decision::Change(changes)) = step(UNDELETED).decide(&there, &state()) else {
        panic!("no change")
    };
    let last: Vec<bool> = changes.iter().map(|change| step(UNDELETED).is_last(change)).collect();
    assert_eq!(last, [false, true]);
    assert!(step(Wanted::Undeleted { keep_stopped: true }).is_last(&changes[0]));
}

#[test]
fn the_state_is_recorded_as_azure_says_it() {
    let mut tables = CloudTables::default();
    step(Wanted::Suspended).record(&live("BackupsSuspended"), &mut tables);
    let table = tables.instance.unwrap();
    assert_eq!(table.protection, "BackupsSuspended");
    assert!(table.is_paused() && table.instance == target_ids::instance(&example()));
}
