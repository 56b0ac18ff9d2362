//! The manifests of `docs/rbac` hold what `configure` and `verify` need, and nothing that they could do without.

use std::path::Path;
use std::time::{Duration, Instant};

use aksbackup_shared::exit::Exit;
use aksbackup_tests::harness::{Run, Stage};
use aksbackup_tests::kubernetes::{Persona, Rule};

use crate::part::Part;

const NAMESPACE: &str = "dataprotection-microsoft";
const ISSUER: &str = "/.well-known/openid-configuration";
/// No run takes longer, in real time.
const SOON: Duration = Duration::from_secs(30);

/// One verb on one kind of object in the namespace, or on one path; `resource` is the path then.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Right {
    verb: String,
    group: String,
    resource: String,
}

impl Right {
    fn rule(&self) -> Rule {
        match self.resource.starts_with('/') {
            true => Rule::url(&self.verb, &self.resource),
            false => Rule::new(&[&self.verb], &[&self.group], &[&self.resource]).within(NAMESPACE),
        }
    }

    /// As the program names it.
    fn words(&self) -> String {
        match self.group.as_str() {
            "" => format!("{} {}", self.verb, self.resource),
            group => format!("{} {}.{group}", self.verb, self.resource),
        }
    }
}

/// The rights of a manifest, one by one: every rule is `KEY: [ITEM, …]` lines, the first behind a dash.
fn manifest(name: &str) -> Vec<Right> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/rbac").join(name);
    let text = std::fs::read_to_string(path).unwrap();
    let mut rights = Vec::new();
    for rule in text.split("\n  - ").skip(1) {
        let items = |key: &str| -> Vec<String> {
            let of_key = |line: &str| {
                Some(
                    line.trim()
                        .strip_prefix(key)?
                        .strip_prefix(": [")?
                        .strip_suffix(']')?
                        .to_owned(),
                )
            };
            let list = rule.lines().find_map(of_key).unwrap_or_default();
            let items = list.split(',').map(|item| item.trim().trim_matches('"').to_owned());
            items.filter(|_| !list.is_empty()).collect()
        };
        for verb in items("verbs") {
            for resource in [items("resources"), items("nonResourceURLs")].concat() {
                let group = items("apiGroups").into_iter().next().unwrap_or_default();
                rights.push(Right {
                    verb: verb.clone(),
                    group,
                    resource,
                });
            }
        }
    }
    assert!(rights.len() > 4, "{name} was read: {rights:?}");
    rights
}

/// Runs a command as somebody who has these rights and no other.
fn with(stage: &Stage, rights: &[Right], arguments: &[&str]) -> Run {
    let rules = rights.iter().map(Right::rule).collect();
    stage.sandbox.kubernetes().set_persona(Persona::new("nobody", rules));
    let begun = Instant::now();
    let run = stage.kubectl("nobody", arguments);
    assert!(begun.elapsed() < SOON, "{run}");
    run
}

fn without(all: &[Right], left_out: &Right) -> Vec<Right> {
    all.iter().filter(|right| *right != left_out).cloned().collect()
}

fn watching(right: &&Right) -> bool {
    right.verb == "watch"
}

#[test]
fn configure_needs_each_right_of_its_manifest_and_no_other() {
    let stage = Part::Configure.stage();
    let rights = manifest("configure.yaml");
    let (mark, before) = (stage.mark(), stage.state_text());
    for right in rights.iter().filter(|right| !watching(right)) {
        with(&stage, &without(&rights, right), &["configure", "--yes"])
            .ends(Exit::NotPermitted.code())
            .says(&right.words());
    }
    assert_eq!(
        stage.writes_since(mark),
        Vec::<String>::new(),
        "refused before the first write"
    );
    assert_eq!(stage.state_text(), before);
    with(&stage, &rights, &["configure", "--yes"]).ok();
    stage.kubectl("viewer", &["verify"]).ok();
}

#[test]
fn configure_does_without_watching() {
    let stage = Part::Configure.stage();
    let rights: Vec<Right> = manifest("configure.yaml")
        .into_iter()
        .filter(|right| !watching(&right))
        .collect();
    with(&stage, &rights, &["configure", "--yes"]).ok();
}

#[test]
fn verify_needs_each_right_of_its_manifest_and_no_other() {
    let stage = Part::Protect.stage();
    let rights = manifest("verify.yaml");
    with(&stage, &rights, &["verify"]).ok();
    with(&stage, &rights, &["status"]).ok();
    for right in &rights {
        let run = with(&stage, &without(&rights, right), &["verify"]);
        match right.resource == ISSUER {
            true => run.ok().says("? cluster"),
            false => run.ends(Exit::NotPermitted.code()).says(&right.words()),
        };
    }
}

#[test]
fn verify_names_everything_that_it_may_not_see() {
    let stage = Part::Protect.stage();
    let rights = manifest("verify.yaml");
    let mut run = stage.kubectl("nobody", &["verify"]).ends(Exit::NotPermitted.code());
    for right in rights.iter().filter(|right| right.resource != ISSUER) {
        run = run.says(&right.words());
    }
}
