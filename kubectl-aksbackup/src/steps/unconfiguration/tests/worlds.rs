//! Many worlds in process: whatever a file claims and whoever set what, only what this program set is taken back.

use std::io::Write as _;

use aksbackup_shared::names::{CLIENT_ID_ANNOTATION, USE_LABEL};
use serde_json::{Value, json};

use super::*;
use crate::cluster::ownership::MANAGER;

/// Numbers that are the same in every run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, sides: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }
}

/// Who can have set a field: this program as it does, this name by another way, and others.
const SETTERS: [(&str, &str); 5] = [
    (MANAGER, "Apply"),
    (MANAGER, "Update"),
    ("helm", "Apply"),
    ("kubectl-edit", "Update"),
    ("kubectl-aksbackup-of-others", "Apply"),
];

/// The managed fields of an object, and whether this program set the field `path`.
fn managed(dice: &mut Dice, path: &[&str]) -> (Value, bool) {
    let set = path
        .iter()
        .rev()
        .fold(json!({}), |inner, name| json!({ (format!("f:{name}")): inner }));
    let other = json!({ "f:metadata": { "f:annotations": { "f:team": {} } } });
    let mut ours = false;
    let mut entries = Vec::new();
    for (at, (manager, operation)) in SETTERS.into_iter().enumerate() {
        // Most objects have one or two managers, with that field or another.
        if dice.below(3) == 0 {
            let field = dice.below(2) == 0;
            ours |= at == 0 && field;
            let fields = if field { &set } else { &other };
            entries.push(
                json!({ "manager": manager, "operation": operation, "fieldsType": "FieldsV1", "fieldsV1": fields }),
            );
        }
    }
    (json!(entries), ours)
}

/// An object by its name, and whether its field is this program's.
fn deployment(dice: &mut Dice, name: &str) -> (Deployment, bool) {
    let (fields, ours) = managed(dice, &["spec", "template", "metadata", "labels", USE_LABEL]);
    let labels = if dice.below(2) == 0 {
        json!({ USE_LABEL: "true" })
    } else {
        json!({})
    };
    let template =
        json!({ "metadata": { "labels": labels }, "spec": { "containers": [], "serviceAccountName": "sa" } });
    let live = json!({
        "metadata": { "name": name, "managedFields": fields },
        "spec": { "selector": {}, "template": template, "replicas": 0 },
    });
    (
        Deployment::from_live(serde_json::from_value(live).unwrap()).unwrap(),
        ours,
    )
}

fn account(dice: &mut Dice, name: &str) -> (ServiceAccount, bool) {
    let (fields, ours) = managed(dice, &["metadata", "annotations", CLIENT_ID_ANNOTATION]);
    let annotations = json!({ CLIENT_ID_ANNOTATION: testing::CLIENT_ID });
    let live = json!({ "metadata": { "name": name, "managedFields": fields, "annotations": annotations } });
    (
        ServiceAccount::from_live(serde_json::from_value(live).unwrap()).unwrap(),
        ours,
    )
}

/// A file that somebody edited: it claims objects of anybody, or nothing at all.
fn edited(dice: &mut Dice) -> State {
    let mut state = if dice.below(4) == 0 {
        State::default()
    } else {
        testing::state()
    };
    let claimed = (0..dice.below(5)).map(|_| format!("d{}", dice.below(6)).parse().unwrap());
    let deployments = claimed.collect();
    if dice.below(3) > 0 {
        state.cluster.rollout = Some(RolloutTable {
            deployments,
            written: None,
        });
    }
    state
}

#[test]
fn in_no_world_is_anything_taken_back_that_others_set() {
    const WORLDS: usize = 2000;
    let mut dice = Dice(26);
    let (mut taken, mut kept) = ([0; 2], [0; 2]);
    for world in 0..WORLDS {
        let deployments: Vec<_> = (0..4).map(|at| deployment(&mut dice, &format!("d{at}"))).collect();
        let accounts: Vec<_> = (0..4).map(|at| account(&mut dice, &format!("s{at}"))).collect();
        let seen = Seen {
            namespace: "ns".into(),
            deployments: deployments.iter().map(|(own, _)| own.clone()).collect(),
            accounts: accounts.iter().map(|(own, _)| own.clone()).collect(),
            since: Since::default(),
        };
        let changes = match step().decide(&seen, &edited(&mut dice)).unwrap() {
            Decision::Change(changes) => changes,
            Decision::Done(_) | Decision::Wait(_) => Vec::new(),
            other => panic!("{world}: {other:?}"),
        };
        let names = |kind: usize| -> Vec<String> {
            let of_kind = changes.iter().filter_map(|own| match own {
                TakeBack::Label { deployment, .. } => (kind == 0).then(|| deployment.name.to_string()),
                TakeBack::Annotation { account, .. } => (kind == 1).then(|| account.name.to_string()),
            });
            of_kind.collect()
        };
        let of_deployments = deployments.iter().map(|(own, ours)| (own.name.to_string(), *ours));
        let of_accounts = accounts.iter().map(|(own, ours)| (own.name.to_string(), *ours));
        let all: [Vec<(String, bool)>; 2] = [of_deployments.collect(), of_accounts.collect()];
        for (kind, all) in all.into_iter().enumerate() {
            let count = all.len();
            let ours: Vec<String> = all
                .into_iter()
                .filter_map(|(name, ours)| ours.then_some(name))
                .collect();
            assert_eq!(names(kind), ours, "world {world}");
            taken[kind] += ours.len();
            kept[kind] += count - ours.len();
        }
    }
    let _ = writeln!(
        std::io::stderr(),
        "unconfigure: {WORLDS} worlds of mixed ownership and edited files; labels and annotations of this program taken back: {taken:?}, of \
         others kept: {kept:?}"
    );
    assert!(
        taken.iter().chain(&kept).all(|count| *count > 1000),
        "{taken:?} {kept:?}"
    );
}
