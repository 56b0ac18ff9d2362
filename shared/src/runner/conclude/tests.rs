use super::*;
use crate::command_line::az;
use crate::console::Talk;
use crate::guide::Person;
use crate::step::{Drift, Right};

fn report(ending: Ending) -> Report {
    Report {
        steps: vec![StepReport {
            step: StepName::Storage,
            ending,
            refused: false,
        }],
    }
}

fn note() -> ChangeNote {
    ChangeNote {
        reduces: Vec::new(),
        keeps: None,
        summary: "create x".into(),
        right: Right::new("a", "b"),
        creates: None,
        warning: None,
    }
}

fn lines(dry_run: bool, report: &Report) -> Vec<String> {
    text(&Console::new(Talk::Quiet, true), "prepare", dry_run, report, None)
}

#[test]
fn nothing_to_do_is_one_line() {
    let report = report(Ending::Done {
        evidence: "there".into(),
        changed: vec![],
        drift: None,
    });
    assert_eq!(
        lines(false, &report),
        ["prepare: nothing to do, all 1 steps are complete"]
    );
    assert_eq!(exit(&report, false), Exit::Done);
}

#[test]
fn what_differs_is_never_nothing_to_do() {
    let report = report(Ending::Done {
        evidence: "there".into(),
        changed: vec![],
        drift: Some(Drift {
            deviation: Deviation::Target,
            differences: vec!["schedule is P1W (the target has P1D)".into()],
            hints: vec!["az x".into()],
        }),
    });
    let says = "1 setting differs from the target, and this command doesn't change it";
    let expected = [
        "Storage: schedule is P1W (the target has P1D)".to_owned(),
        "    hint: az x".to_owned(),
        format!("prepare: {says} (1 of 1 steps, no changes)"),
    ];
    assert_eq!(lines(false, &report), expected);
    assert_eq!(lines(true, &report)[2], format!("prepare: dry run: {says}"));
    assert_eq!(
        (exit(&report, false), exit(&report, true)),
        (Exit::Pending, Exit::Pending)
    );
}

#[test]
fn what_goes_on_by_itself_is_no_failure() {
    let report = report(Ending::Begun {
        why: "job 1: InProgress".into(),
        changed: vec![note()],
    });
    assert_eq!(
        lines(false, &report),
        ["prepare: started, 1 change; Azure continues by itself"]
    );
    assert_eq!(exit(&report, false), Exit::Done);
}

/// Fails before: exit 0 and "Azure continues by itself", although nothing had requested the other steps.
#[test]
fn what_waits_for_something_begun_is_pending_and_named() {
    let mut report = report(Ending::Begun {
        why: "job 1: InProgress".into(),
        changed: vec![note()],
    });
    for (step, by) in [
        (StepName::Extension, StepName::Storage),
        (StepName::TrustedAccess, StepName::Extension),
    ] {
        report.steps.push(StepReport {
            step,
            ending: Ending::Held {
                by: vec![by],
                foreseen: vec![],
                changed: vec![],
            },
            refused: false,
        });
    }
    assert_eq!(report.unrequested(), [StepName::Extension, StepName::TrustedAccess]);
    assert_eq!(exit(&report, false), Exit::Pending);
    let expected = [
        format!(
            "prepare: started {} (0 of 3 steps complete, 1 change); not requested yet: {}, {}; once Azure has finished, run prepare again",
            StepName::Storage.title(),
            StepName::Extension.title(),
            StepName::TrustedAccess.title()
        ),
        "    Run: az aksbackup prepare".to_owned(),
    ];
    assert_eq!(lines(false, &report), expected);
}

#[test]
fn what_was_made_before_a_failure_is_said() {
    assert_eq!(achieved(&[]), "");
    assert_eq!(achieved(&[note()]), "\n  completed before: create x");
}

#[test]
fn a_dry_run_lists_each_change_with_its_right_and_ends_8() {
    let report = report(Ending::Due {
        changes: vec![note()],
        turns: vec![],
    });
    let expected = [
        "Storage: create x",
        "Requires: a on b",
        "prepare: dry run: 1 change pending; no changes were made",
    ];
    assert_eq!(lines(true, &report), expected);
    assert_eq!(exit(&report, true), Exit::Pending);
}

#[test]
fn another_person_s_turn_names_who_why_and_the_command() {
    let turn = Turn {
        who: Person::SubscriptionOwner,
        why: "roles are missing".into(),
        command: az("grant"),
        right: Some(Right::new("Microsoft.Authorization/roleAssignments/write", "/s")),
        also: Vec::new(),
    };
    let report = report(Ending::TheirTurn {
        changed: vec![],
        turns: vec![turn],
    });
    assert_eq!(
        lines(false, &report)[..3],
        [
            "Next: subscription owner: roles are missing",
            "    Requires: Microsoft.Authorization/roleAssignments/write at scope /s",
            "    Run: az aksbackup grant"
        ]
    );
    assert_eq!(exit(&report, false), Exit::TheirTurn);
}

#[test]
fn a_command_stands_once_below_all_that_it_does() {
    let turn = |why: &str, command| Turn {
        who: Person::SubscriptionOwner,
        why: why.into(),
        command,
        right: None,
        also: Vec::new(),
    };
    let report = report(Ending::TheirTurn {
        changed: vec![],
        turns: vec![turn("a", az("grant")), turn("b", az("grant")), turn("c", az("prepare"))],
    });
    let lines = lines(false, &report);
    assert_eq!(
        lines[..5],
        [
            "Next: subscription owner: a",
            "Next: subscription owner: b",
            "    Run: az aksbackup grant",
            "Next: subscription owner: c",
            "    Run: az aksbackup prepare"
        ]
    );
}
