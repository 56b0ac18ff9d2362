//! Rights that lack, each alone and all together: named before the first write, with the object and the namespace.

use aksbackup_shared::exit::Exit;
use aksbackup_tests::backend::Backend;
use aksbackup_tests::harness::Stage;
use aksbackup_tests::kubernetes::{Persona, Rule};

use crate::looks::{AGENT, NAMESPACE, ON, granted, until};

/// Verb, group and resource of all that `configure` needs.
const NEEDED: &[(&str, &str, &str)] = &[
    ("list", "apps", "deployments"),
    ("list", "", "serviceaccounts"),
    ("list", "", "pods"),
    ("list", "velero.io", "backupstoragelocations"),
    ("patch", "", "serviceaccounts"),
    ("patch", "apps", "deployments"),
    ("create", "", "pods"),
    ("delete", "", "pods"),
];

/// `nobody` with all that is needed but for `without`. The API server needs a moment to know it.
fn give(stage: &Stage, without: Option<(&str, &str, &str)>) {
    let kept = NEEDED.iter().filter(|own| Some(**own) != without);
    let mut rules: Vec<Rule> = kept
        .clone()
        .map(|(verb, group, resource)| Rule::new(&[verb], &[group], &[resource]).within(NAMESPACE))
        .collect();
    rules.push(Rule::url("get", "/.well-known/openid-configuration"));
    stage
        .sandbox
        .bed()
        .unwrap()
        .set_persona(Persona::new("nobody", rules))
        .unwrap();
    until("the API server knows the rights", || {
        let known = NEEDED.iter().all(|own| may(stage, own) == (Some(*own) != without));
        known.then_some(())
    });
}

fn may(stage: &Stage, (verb, group, resource): &(&str, &str, &str)) -> bool {
    let resource = if group.is_empty() {
        (*resource).to_owned()
    } else {
        format!("{resource}.{group}")
    };
    let arguments = ["auth", "can-i", verb, &resource, "-n", NAMESPACE];
    stage.as_kubectl("nobody", &arguments).stdout.starts_with("yes")
}

fn spoken((verb, group, resource): &(&str, &str, &str)) -> String {
    let dot = if group.is_empty() { "" } else { "." };
    format!("{verb} {resource}{dot}{group} in namespace {NAMESPACE}")
}

#[test]
fn each_right_that_lacks_is_named_alone_and_all_of_them_together() {
    let stage = granted(Stage::on(Backend::Real, ON).unwrap());
    let before = stage.changes().len();
    let run = stage.configure("nobody", &[]).ends(Exit::NotPermitted.code());
    for right in NEEDED {
        assert!(run.stderr.contains(&spoken(right)), "{right:?}\n{run}");
    }
    for lacking in NEEDED {
        give(&stage, Some(*lacking));
        let run = stage.configure("nobody", &[]).ends(Exit::NotPermitted.code());
        for right in NEEDED {
            assert_eq!(
                run.stderr.contains(&spoken(right)),
                right == lacking,
                "{right:?}\n{run}"
            );
        }
    }
    assert_eq!(stage.changes()[before..], [] as [String; 0], "nothing was written");
    // Neither get nor watch is needed: what may not be watched is looked at again.
    give(&stage, None);
    stage.configure("nobody", &[]).ok();
    stage
        .kubectl("nobody", &["logs"])
        .ends(Exit::NotPermitted.code())
        .says("pods/log")
        .says(&format!("in namespace {NAMESPACE}"));
    let watched = stage.sandbox.bed().unwrap().requests();
    let mut watched = watched
        .iter()
        .filter(|request| request.user == "nobody" && request.verb == "watch");
    assert!(
        watched.all(|request| request.status == 403),
        "watching was tried, and refused"
    );
    assert!(stage.changes().iter().any(|line| line.contains(AGENT)));
}
