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
    /// Of a role; a cluster role has none.
    namespace: Option<String>,
}

impl Right {
    fn rule(&self) -> Rule {
        let rule = || Rule::new(&[&self.verb], &[&self.group], &[&self.resource]);
        match &self.namespace {
            _ if self.resource.starts_with('/') => Rule::url(&self.verb, &self.resource),
            Some(namespace) => rule().within(namespace),
            None => rule(),
        }
    }

    fn is_of_the_extension(&self) -> bool {
        self.namespace.as_deref() == Some(NAMESPACE)
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
    text.split("\n---\n").flat_map(of_role).collect()
}

/// The rights of one document of a manifest.
fn of_role(text: &str) -> Vec<Right> {
    let namespace = text.lines().find_map(|line| line.strip_prefix("  namespace: "));
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
                    namespace: namespace.map(str::to_owned),
                });
            }
        }
    }
    assert!(!rights.is_empty(), "a role was read: {text}");
    rights
}

/// Runs a command as somebody who has these rights and no other.
fn with<T: AsRef<str>>(stage: &Stage, rights: &[Right], arguments: &[T]) -> Run {
    let rules = rights.iter().map(Right::rule).collect();
    stage.sandbox.kubernetes().set_persona(Persona::new("nobody", rules));
    let begun = Instant::now();
    let arguments: Vec<&str> = arguments.iter().map(AsRef::as_ref).collect();
    let run = stage.kubectl("nobody", &arguments);
    assert!(begun.elapsed() < SOON, "{run}");
    run
}

/// `configure` by somebody who confirms the client ID.
fn confirmed(stage: &Stage) -> [String; 4] {
    ["configure", "--yes", "--client-id", &stage.client_id()].map(str::to_owned)
}

fn without(all: &[Right], left_out: &Right) -> Vec<Right> {
    all.iter().filter(|right| *right != left_out).cloned().collect()
}

/// Whether `other` allows what `right` does: the same, or the same everywhere.
fn covers(other: &Right, right: &Right) -> bool {
    let same = (&other.verb, &other.group, &other.resource) == (&right.verb, &right.group, &right.resource);
    same && (other.namespace.is_none() || other.namespace == right.namespace)
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
        with(&stage, &without(&rights, right), &confirmed(&stage))
            .ends(Exit::NotPermitted.code())
            .says(&right.words());
    }
    assert_eq!(
        stage.writes_since(mark),
        Vec::<String>::new(),
        "refused before the first write"
    );
    assert_eq!(stage.state_text(), before);
    with(&stage, &rights, &confirmed(&stage)).ok();
    stage.kubectl("viewer", &["verify"]).ok();
}

#[test]
fn configure_does_without_watching() {
    let stage = Part::Configure.stage();
    let rights: Vec<Right> = manifest("configure.yaml")
        .into_iter()
        .filter(|right| !watching(&right))
        .collect();
    with(&stage, &rights, &confirmed(&stage)).ok();
}

#[test]
fn verify_names_each_right_of_its_manifest_that_it_lacks_and_needs_no_other() {
    let stage = Part::Protect.stage();
    let rights = manifest("verify.yaml");
    let whole = with(&stage, &rights, &["verify"]).ok();
    // Only the other program can check the credentials, and what the backup instance has.
    let unseen = whole.stdout.lines().filter(|line| line.starts_with('?'));
    let unseen: Vec<&str> = unseen.collect();
    assert!(
        matches!(unseen[..], [first, second] if first.starts_with("? federated credentials") && second.starts_with("? secrets")),
        "{whole}"
    );
    with(&stage, &rights, &["status"]).ok();
    for right in &rights {
        let others: Vec<Right> = rights.iter().filter(|other| !covers(other, right)).cloned().collect();
        let run = with(&stage, &others, &["verify"]).ok();
        match right.resource == ISSUER {
            true => run.says("? cluster"),
            false => run.says(&right.words()).says("no findings ("),
        };
    }
}

#[test]
fn verify_that_may_see_nothing_says_what_it_needs() {
    let stage = Part::Protect.stage();
    let rights = manifest("verify.yaml");
    let mut run = stage.kubectl("nobody", &["verify"]).ends(Exit::NotPermitted.code());
    for right in rights.iter().filter(|right| right.is_of_the_extension()) {
        run = run.says(&right.words());
    }
}

#[test]
fn doctor_reads_logs_where_its_manifest_lets_it() {
    let stage = Part::Protect.stage();
    let logs = |rights: &[Right]| {
        let mark = stage.mark();
        with(&stage, rights, &["doctor"]).ok();
        let asked = stage
            .since(mark)
            .into_iter()
            .filter(|entry| entry.target.contains("/log?"));
        asked.map(|entry| entry.status).collect::<Vec<u16>>()
    };
    let verify = manifest("verify.yaml");
    assert!(
        logs(&verify).iter().all(|status| *status == 403),
        "it goes on without them"
    );
    let both = [verify, manifest("doctor.yaml")].concat();
    let read = logs(&both);
    assert!(!read.is_empty() && read.iter().all(|status| *status == 200), "{read:?}");
}
