//! The states of resources, operations and jobs: in which order they follow each other, in Azure and in the simulator.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use aksbackup_tests::harness::Stage;
use aksbackup_tests::log::Answered;
use aksbackup_tests::recordings::operation;
use serde_json::Value;

use crate::coverage::whole_job_on;
use crate::recorded::exchanges;

/// Where a body has a state.
const MEMBERS: [&str; 4] = [
    "/status",
    "/properties/provisioningState",
    "/properties/currentProtectionState",
    "/properties/status",
];

/// Steps of the simulator that no recording shows, each with the reason.
const UNRECORDED: [(&str, &str, &str); 1] = [(
    "BackupsSuspended",
    "ProtectionConfigured",
    "a recorded resumeProtection of a suspended instance succeeds; the instance isn't read after it",
)];

/// The states of one member of one kind of object.
#[derive(Debug, Default)]
struct States {
    all: BTreeSet<String>,
    /// Pairs of which the first was seen before the second, of the same object.
    before: BTreeSet<(String, String)>,
    /// Those with nothing seen between them.
    steps: BTreeSet<(String, String)>,
}

/// By kind of object and member.
type Orders = BTreeMap<(String, &'static str), States>;

/// The states of an object in the order in which they were seen, by its path and the member.
#[derive(Default)]
struct Seen(BTreeMap<(String, String, &'static str), Vec<String>>);

impl Seen {
    /// Adds an answer of `of`, and each object that it lists.
    fn add(&mut self, of: &str, target: &str, body: &Value) {
        for listed in body["value"].as_array().into_iter().flatten() {
            if let Some(id) = listed["id"].as_str() {
                self.add(of, id, listed);
            }
        }
        let path = target.split('?').next().unwrap_or_default();
        let kind = operation("GET", path);
        for member in MEMBERS {
            let Some(state) = body.pointer(member).and_then(Value::as_str) else {
                continue;
            };
            let key = (kind.clone(), format!("{of} {}", path.to_ascii_lowercase()), member);
            let states = self.0.entry(key).or_default();
            if states.last().is_none_or(|last| last != state) {
                states.push(state.to_owned());
            }
        }
    }

    fn orders(&self) -> Orders {
        let mut orders = Orders::new();
        for ((kind, _, member), states) in &self.0 {
            let own = orders.entry((kind.clone(), member)).or_default();
            own.all.extend(states.iter().cloned());
            for (at, first) in states.iter().enumerate() {
                let later = states[at + 1..].iter();
                own.before.extend(later.map(|second| (first.clone(), second.clone())));
                own.steps
                    .extend(states.get(at + 1).map(|next| (first.clone(), next.clone())));
            }
        }
        orders
    }
}

fn simulator() -> Orders {
    let stage = Stage::with(&["providers_registered=false", "storage_create=1000"]).unwrap();
    let heard: Arc<Mutex<Vec<Answered>>> = Arc::default();
    let told = Arc::clone(&heard);
    stage
        .sandbox
        .log()
        .on_answer(move |answer| told.lock().unwrap().push(answer.clone()));
    whole_job_on(&stage);
    let mut seen = Seen::default();
    for answer in heard.lock().unwrap().iter().filter(|own| own.status < 300) {
        if let Some(body) = &answer.body {
            seen.add("", &answer.target, body);
        }
    }
    seen.orders()
}

#[test]
fn states_follow_each_other_in_the_simulator_as_they_do_in_azure() {
    let Some(recorded) = exchanges() else { return };
    let mut seen = Seen::default();
    for one in recorded.iter().filter(|own| own.status < 300) {
        if let Some(body) = one.body() {
            // One test can have been recorded on several days.
            let day = one.at.get(..16).unwrap_or_default();
            seen.add(&format!("{} {day}", one.source), &one.target, &body);
        }
    }
    let azure = seen.orders();
    let simulator = simulator();
    let mut wrong = Vec::new();
    let mut compared = 0;
    for ((kind, member), own) in &simulator {
        let Some(real) = azure.get(&(kind.clone(), *member)) else {
            continue;
        };
        for state in own.all.difference(&real.all) {
            wrong.push(format!(
                "{kind} {member}: no recording has {state}, only {:?}",
                real.all
            ));
        }
        for (first, second) in &own.steps {
            let unrecorded = UNRECORDED.iter().any(|(from, to, _)| from == first && to == second);
            if !unrecorded && real.all.contains(first) && real.all.contains(second) {
                compared += 1;
                if !real.before.contains(&(first.clone(), second.clone())) {
                    wrong.push(format!("{kind} {member}: {first} before {second} in no recording"));
                }
            }
        }
    }
    for (from, to, reason) in UNRECORDED {
        let is_made = |own: &States| own.steps.contains(&(from.to_owned(), to.to_owned()));
        assert!(
            simulator.values().any(is_made),
            "{from} to {to} is listed for nothing: {reason}"
        );
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(compared >= 8, "only {compared} pairs are in both");
}
