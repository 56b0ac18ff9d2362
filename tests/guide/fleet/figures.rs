//! What many clusters cost: requests and memory grow with their number, and Azure refuses nothing.

use aksbackup_tests::azure::personas;
use aksbackup_tests::bars;
use aksbackup_tests::fleet::Member;
use aksbackup_tests::harness::measured;

use super::*;

/// How many clusters there are, unless `AKSBACKUP_FLEET` says otherwise, such as `10,100,1000`.
const SIZES: [usize; 3] = [10, 30, 70];

/// Azure's time is so much faster here, that the limits are reached but the test doesn't wait for minutes. `AKSBACKUP_FLEET_SCALE` has
/// another scale; 1 is Azure's own time.
const SCALE: &str = "0.02";

/// How many subscriptions they are in, unless `AKSBACKUP_FLEET_SUBSCRIPTIONS` says otherwise; at most 10.
const SUBSCRIPTIONS: usize = 2;

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|text| !text.is_empty())
}

/// What a command took.
#[derive(Debug, Clone, Copy)]
struct Cost {
    command: &'static str,
    requests: usize,
    queries: usize,
    refused: usize,
    kib: u64,
    seconds: f64,
}

fn cost(stage: &Stage, command: &'static str, words: &[&str]) -> Cost {
    let mark = stage.mark();
    let begun = std::time::Instant::now();
    let (run, kib) = measured(&stage.az_command("consultant", words));
    assert!([0, 5, 8].contains(&run.code), "{run}");
    let entries = stage.since(mark);
    let refused = entries.iter().filter(|entry| entry.status == 429).count();
    Cost {
        command,
        requests: entries.len(),
        queries: queries(stage, mark),
        refused,
        kib,
        seconds: begun.elapsed().as_secs_f64(),
    }
}

/// The subscriptions that the clusters are in.
fn subscriptions() -> Vec<&'static str> {
    let count = variable("AKSBACKUP_FLEET_SUBSCRIPTIONS").map_or(SUBSCRIPTIONS, |text| text.parse().unwrap());
    let first = [ids::SUBSCRIPTION, ids::OTHER_SUBSCRIPTION];
    let all = first.into_iter().chain(ids::MORE_SUBSCRIPTIONS);
    all.take(count).collect()
}

/// A stage with so many clusters in several subscriptions, of which those in the first one are protected: by a vault of that subscription.
fn many(count: usize) -> Stage {
    let scale = variable("AKSBACKUP_FLEET_SCALE").unwrap_or_else(|| SCALE.to_owned());
    let stage = Stage::with(&["arm_throttling=true", &format!("time_scale={scale}")]).unwrap();
    let names: Vec<String> = (1..count).map(|number| format!("aks-{number:04}")).collect();
    let subscriptions = subscriptions();
    let reader = personas::persona("consultant").object_id;
    for own in ids::MORE_SUBSCRIPTIONS {
        let azure = stage.sandbox.azure();
        azure
            .assign(&reader, "Reader", &format!("/subscriptions/{own}"))
            .unwrap();
    }
    let member = |(at, name)| {
        let is_protected = at % subscriptions.len() == 0;
        Member {
            subscription: subscriptions[at % subscriptions.len()],
            group: "rg-many",
            name,
            state: if is_protected { "ProtectionConfigured" } else { "" },
            extension: if is_protected { "Succeeded" } else { "" },
            last: if is_protected { ("Completed", 1) } else { ("", 0) },
            ..Member::default()
        }
    };
    let members: Vec<Member<'_>> = names.iter().map(String::as_str).enumerate().map(member).collect();
    fleet::place(stage.sandbox.azure(), &members);
    stage
}

fn sizes() -> Vec<usize> {
    match variable("AKSBACKUP_FLEET") {
        Some(text) => text.split(',').map(|size| size.trim().parse().unwrap()).collect(),
        None => SIZES.to_vec(),
    }
}

#[test]
fn the_cost_is_linear_and_no_request_is_refused() {
    let mut all: Vec<(usize, Vec<Cost>)> = Vec::new();
    for size in sizes() {
        let stage = many(size);
        let costs = ["init", "list", "plan", "status", "verify"].map(|command| {
            let mut words = vec!["fleet", command, "fleet", "--timeout", "3h"];
            if command == "init" {
                words.extend(["--all-subscriptions", "--yes"]);
            }
            let cost = cost(&stage, command, &words);
            eprintln!(
                "fleet {command}: {size} clusters, {} requests, {} queries, {} KiB, {:.1} s",
                cost.requests, cost.queries, cost.kib, cost.seconds
            );
            cost
        });
        assert_eq!(files(&stage).len(), size);
        all.push((size, costs.to_vec()));
    }
    for (size, costs) in &all {
        for cost in costs.iter() {
            assert_eq!(cost.refused, 0, "{size}: {cost:?}");
            assert!(cost.queries <= 20, "{size}: {cost:?}");
            assert!(cost.kib <= bars::MUCH, "{size}: fleet {}: {cost:?}", cost.command);
        }
    }
    // The requests for one cluster more are the same in a small and in a large fleet.
    let slope = |command: usize, from: usize| {
        let ((few, low), (many, high)) = (&all[from], &all[from + 1]);
        (high[command].requests as f64 - low[command].requests as f64) / (*many as f64 - *few as f64)
    };
    for (command, name) in [(0, "init"), (2, "plan"), (3, "status"), (4, "verify")] {
        if all.len() < 3 {
            continue;
        }
        let (first, second) = (slope(command, 0), slope(command, 1));
        assert!(
            second <= first * 1.15 + 0.5,
            "fleet {name}: {first:.1}, then {second:.1} requests for each cluster"
        );
    }
}
