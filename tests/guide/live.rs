//! `tests/run live` from outside: the program that asks a real cluster, before the simulated one.

use std::fs;

use aksbackup_shared::exit::Exit;
use aksbackup_tests::azure::ids;
use aksbackup_tests::harness::{Run, Stage, finish};
use serde_json::Value;

mod different;
mod interrupted;
mod writes;

/// The user agent of the program: it may ask in preview versions, which the definitions don't have.
const AGENT: &[&str] = &["aksbackup-live"];

const OBSERVED: [&str; 3] = ["confirmed", "differs", "not observable here"];

fn stage() -> Stage {
    Stage::new().unwrap().hosting(AGENT)
}

/// A cluster that is backed up.
fn backed_up() -> Stage {
    let stage = stage();
    stage.configured();
    stage.az("platform", &["protect", "--yes"]).ok();
    stage.az("platform", &["backup", "--yes"]).ok();
    stage
}

fn run(stage: &Stage, persona: &str, context: &str) -> Run {
    finish(&mut stage.live(persona, context, &["-o", "json"]).unwrap())
}

fn report(stage: &Stage) -> Value {
    serde_json::from_str(&fs::read_to_string(stage.folder().join("aksbackup-live.json")).unwrap()).unwrap()
}

fn verdict(stage: &Stage, claim: &str) -> String {
    let report = report(stage);
    let claims = report["claims"].as_array().unwrap();
    let own = claims.iter().find(|one| one["id"] == claim);
    own.unwrap_or_else(|| panic!("no claim {claim}"))["verdict"]
        .as_str()
        .unwrap()
        .to_owned()
}

/// Each claim whose verdict is `word`.
fn with_verdict(stage: &Stage, word: &str) -> Vec<String> {
    let report = report(stage);
    let claims = report["claims"].as_array().unwrap().iter();
    let own = claims.filter(|claim| claim["verdict"] == word);
    own.map(|claim| claim["id"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_cluster_that_is_backed_up_confirms_what_the_simulator_claims_and_nothing_is_written() {
    let stage = backed_up();
    let mark = stage.mark();
    run(&stage, "reader", "cluster-admin").ok();
    assert_eq!(stage.writes_since(mark), Vec::<String>::new());
    let confirmed = [
        "keyless-backup",
        "service-account-names",
        "chart-sets-client-id",
        "issuer-bytes",
        "subscription-permissions",
        "identity-reported",
        "identity-name",
        "cluster-etag",
        "policy-version",
        "policy-created-at",
        "instance-list",
        "point-members",
        "point-state",
        "graph-extensions",
        "graph-instances",
        "protection-state",
        "vault-alerts",
    ];
    assert_eq!(with_verdict(&stage, "confirmed"), confirmed, "{:#}", report(&stage));
    assert_eq!(
        with_verdict(&stage, "not observable here"),
        [
            "velero-credentials",
            "labels-survive-upgrade",
            "policy-members",
            "deleted-instances"
        ]
    );
    assert_eq!(with_verdict(&stage, "not checked").len(), 7, "each takes a write");
    assert_eq!(report(&stage)["programs"].as_array().unwrap().len(), 2);
}

#[test]
fn a_report_for_people_is_bounded_and_has_neither_ids_nor_tokens() {
    let stage = backed_up();
    let run = finish(&mut stage.live("reader", "cluster-admin", &[]).unwrap())
        .ok()
        .says("aksbackup-live.md");
    let text = fs::read_to_string(stage.folder().join("aksbackup-live.md")).unwrap();
    assert!(text.len() < 64 << 10, "{} bytes", text.len());
    assert!(
        text.contains("| `keyless-backup`: ") && text.contains("`issuer-bytes`"),
        "{text}"
    );
    for own in [ids::SUBSCRIPTION, ids::TENANT, &stage.client_id(), "eyJ", "Bearer"] {
        assert!(!text.contains(own), "{own} is in the report:\n{text}");
        assert!(own == ids::SUBSCRIPTION || !run.stderr.contains(own), "{run}");
    }
    assert!(!text.contains("not complete"), "{text}");
}

#[test]
fn half_way_nothing_is_said_to_differ_that_was_not_observed() {
    let stage = stage();
    stage.init("platform").ok();
    run(&stage, "reader", "viewer").ok();
    assert_eq!(with_verdict(&stage, "differs"), Vec::<String>::new());
    assert_eq!(
        with_verdict(&stage, "confirmed"),
        ["subscription-permissions", "cluster-etag"]
    );
    stage.az("platform", &["prepare", "--yes"]).ok();
    stage.sandbox.cluster().settled().unwrap();
    run(&stage, "reader", "viewer").ok();
    assert_eq!(
        with_verdict(&stage, "differs"),
        Vec::<String>::new(),
        "{:#}",
        report(&stage)
    );
    assert_eq!(verdict(&stage, "identity-name"), "confirmed");
    assert_eq!(
        verdict(&stage, "issuer-bytes"),
        "not observable here",
        "a viewer may not read it"
    );
}

#[test]
fn an_account_without_permissions_gets_a_report_that_says_so() {
    let stage = stage();
    let run = run(&stage, "stranger", "nobody").ends(Exit::Failed.code());
    assert!(run.stderr.contains("cannot read cluster aks-demo: HTTP 403"), "{run}");
    let report = report(&stage);
    assert!(
        report["ended"].as_str().unwrap().contains("cannot read cluster"),
        "{report:#}"
    );
    assert_eq!(with_verdict(&stage, "confirmed"), Vec::<String>::new(), "{report:#}");
    assert_eq!(verdict(&stage, "subscription-permissions"), "not observable here");
}

#[test]
fn roles_on_groups_alone_are_enough_for_what_they_show() {
    let stage = backed_up();
    run(&stage, "platform", "cluster-admin").ok();
    assert_eq!(
        with_verdict(&stage, "differs"),
        Vec::<String>::new(),
        "{:#}",
        report(&stage)
    );
    assert_eq!(verdict(&stage, "identity-name"), "confirmed");
}

#[test]
fn a_cluster_that_does_not_exist_and_one_of_another_kubeconfig_prove_nothing() {
    let stage = backed_up();
    let mut other = stage
        .live("reader", "cluster-admin", &["-o", "json", "-n", "aks-none"])
        .unwrap();
    finish(&mut other)
        .ends(Exit::Failed.code())
        .says("cannot read cluster aks-none: HTTP 404");
    run(&stage, "reader", "other-cluster");
    assert_eq!(verdict(&stage, "service-account-names"), "not observable here");
    assert_eq!(verdict(&stage, "issuer-bytes"), "not observable here");
    assert_eq!(
        with_verdict(&stage, "differs"),
        Vec::<String>::new(),
        "{:#}",
        report(&stage)
    );
}

#[test]
fn without_a_cluster_it_is_not_run_and_says_how() {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/run");
    let run = finish(std::process::Command::new("bash").args([script, "live"])).ok();
    assert!(
        run.stdout.contains("live: NOT RUN") && run.stdout.contains("--subscription"),
        "{run}"
    );
}

#[test]
fn the_page_lists_exactly_what_is_checked() {
    let run = finish(std::process::Command::new(aksbackup_tests::harness::binary("aksbackup-live")).arg("--list")).ok();
    let page = include_str!("../../docs/live.md");
    let rows = page
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split_once("` | "));
    let listed: Vec<(&str, &str)> = rows.map(|(id, says)| (id, says.trim_end_matches(" |"))).collect();
    let checked = run.stdout.lines().map(|line| line.split('\t').collect::<Vec<_>>());
    let checked: Vec<(String, String)> = checked
        .map(|one| (one[0].to_owned(), format!("{} | {}", one[2], one[1])))
        .collect();
    let listed: Vec<(String, String)> = listed
        .into_iter()
        .map(|(id, says)| (id.to_owned(), says.to_owned()))
        .collect();
    assert_eq!(listed, checked, "docs/live.md");
    assert!(
        OBSERVED.iter().all(|word| page.contains(word)),
        "the results are explained"
    );
}
