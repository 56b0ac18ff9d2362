//! `list`: several clusters in two subscriptions, by Resource Graph and without it.

use aksbackup_tests::azure::ids;
use aksbackup_tests::fleet::{self, Member, assorted};
use aksbackup_tests::harness::{Run, Stage, measured};
use aksbackup_tests::log::Entry;
use serde_json::{Value, json};

const GRAPH: &str = "/providers/Microsoft.ResourceGraph/resources";
/// Resource Graph refuses, until further notice.
const REFUSED: &str = "fault=403/AuthorizationFailed@POST:Microsoft.ResourceGraph:99";

fn fleet(switches: &[&str]) -> Stage {
    // Azure says so, and its definitions don't know it.
    let stage = Stage::with(switches).unwrap().accepting("BackupsSuspended");
    fleet::place(stage.sandbox.azure(), &assorted());
    stage
}

fn queries(stage: &Stage, mark: usize) -> Vec<Entry> {
    let all = stage.since(mark).into_iter();
    all.filter(|entry| entry.target.contains(GRAPH)).collect()
}

/// Name, protection, and findings of each cluster.
fn rows(document: &Value) -> Vec<(String, String, String)> {
    let text = |value: &Value| value.as_str().unwrap_or("-").to_owned();
    let all = document["clusters"].as_array().unwrap().iter();
    all.map(|own| {
        let findings = own["findings"]
            .as_array()
            .unwrap()
            .iter()
            .map(|finding| text(&finding["says"]));
        (
            text(&own["name"]),
            text(&own["protection_state"]),
            findings.collect::<Vec<_>>().join("; "),
        )
    })
    .collect()
}

fn row(name: &str, state: &str, findings: &str) -> (String, String, String) {
    (name.to_owned(), state.to_owned(), findings.to_owned())
}

/// The clusters of the first subscription, by resource group and name.
fn first() -> Vec<(String, String, String)> {
    let good = "ProtectionConfigured";
    vec![
        row("aks-demo", "-", "not protected"),
        row("aks-good", good, ""),
        row("aks-suspended", "BackupsSuspended", "backups suspended"),
        row("aks-failed", good, "last backup failed"),
        row("aks-late", good, "no backup for 10 days"),
        row("aks-stopped", good, "cluster stopped; extension failed"),
    ]
}

fn all() -> Vec<(String, String, String)> {
    let mut all = first();
    all.push(row("aks-bare", "-", "not protected"));
    all.push(row("aks-other", "ProtectionConfigured", ""));
    all
}

#[test]
fn resource_graph_lists_every_cluster_with_its_findings() {
    let stage = fleet(&[]);
    let mark = stage.mark();
    let document = stage
        .az("consultant", &["list", "--all-subscriptions", "-o", "json"])
        .ok()
        .json();
    assert_eq!(rows(&document), all(), "{document:#}");
    assert_eq!(
        (&document["source"], &document["unread"]),
        (&json!("resource-graph"), &json!([]))
    );
    assert_eq!(queries(&stage, mark).len(), 3);
    let writes = stage
        .since(mark)
        .iter()
        .any(|entry| !matches!(entry.method.as_str(), "GET" | "POST"));
    assert!(!writes, "it only reads");
}

#[test]
fn one_subscription_is_the_default_and_its_vaults_can_be_in_another() {
    let stage = fleet(&[]);
    // This account sees one subscription only.
    let document = stage.az("reader", &["list", "-o", "json"]).ok().json();
    assert_eq!(rows(&document), first(), "{document:#}");
    let several = stage.az("consultant", &["list"]).ends(2);
    assert!(several.stderr.contains("--all-subscriptions"), "{several}");
    let other = ["list", "--subscription", ids::OTHER_SUBSCRIPTION, "-o", "json"];
    let document = stage.az("consultant", &other).ok().json();
    assert_eq!(rows(&document), &all()[6..], "{document:#}");
    let both = ["list", "--subscription", "x", "--all-subscriptions"];
    stage.az("consultant", &both).ends(2).says("can't be used together");
}

#[test]
fn the_document_says_all_of_a_cluster() {
    let stage = fleet(&[]);
    let document = stage.az("reader", &["list", "-g", "rg-apps", "-o", "json"]).ok().json();
    let clusters = document["clusters"].as_array().unwrap();
    assert_eq!(clusters.len(), 3, "{document:#}");
    let failed = &clusters[0];
    for (pointer, expected) in [
        ("/resource_group", json!("rg-apps")),
        ("/subscription/name", json!("Contoso Backup")),
        ("/region", json!("westeurope")),
        ("/kubernetes_version", json!("1.33.3")),
        ("/power_state", json!("Running")),
        ("/protected", json!(true)),
        ("/vault", json!(fleet::vault())),
        ("/policy", json!(format!("{}/backupPolicies/aks-daily", fleet::vault()))),
        ("/extension_state", json!("Succeeded")),
        ("/last_backup/status", json!("Failed")),
        ("/findings/0/severity", json!("error")),
    ] {
        assert_eq!(failed.pointer(pointer), Some(&expected), "{pointer} in {failed:#}");
    }
    assert!(failed["last_backup"]["ended_at"].is_string(), "{failed:#}");
}

#[test]
fn the_table_has_a_row_for_each_cluster() {
    let stage = fleet(&[]);
    let run = stage.az("consultant", &["list", "--all-subscriptions"]).ok();
    let lines: Vec<&str> = run.stdout.lines().collect();
    assert_eq!(lines.len(), 9, "{run}");
    assert!(
        lines[0].starts_with("SUBSCRIPTION") && lines[0].ends_with("FINDINGS"),
        "{run}"
    );
    let good = lines.iter().find(|line| line.contains("rg-aks/aks-good")).unwrap();
    for part in [
        "Contoso Backup",
        "1.33.3",
        "rg-backup/bv-fleet",
        "aks-daily",
        "Completed",
    ] {
        assert!(good.contains(part), "{part} in {good}");
    }
    assert!(run.stderr.contains("Source: Azure Resource Graph"), "{run}");
}

#[test]
fn filters_and_the_exit_code_of_check() {
    let stage = fleet(&[]);
    let unprotected = stage.az("reader", &["list", "--unprotected", "-o", "json"]).ok().json();
    assert_eq!(rows(&unprotected), [row("aks-demo", "-", "not protected")]);
    stage.az("reader", &["list", "--check"]).ends(8);
    stage.sandbox.azure().remove(&ids::cluster_id());
    let run = stage.az("reader", &["list", "--unprotected", "--check"]).ok();
    assert!(
        run.stderr
            .contains("No unprotected AKS clusters found in subscription Contoso Backup"),
        "{run}"
    );
    let document = stage.az("reader", &["list", "-g", "rg-none", "-o", "json"]).ok().json();
    assert_eq!(document["clusters"], json!([]));
    let unknown = ["list", "--subscription", "No Such"];
    stage.az("reader", &unknown).ends(3);
}

#[test]
fn without_resource_graph_resource_manager_says_the_same() {
    let stage = fleet(&[REFUSED]);
    let run = stage
        .az("consultant", &["list", "--all-subscriptions", "-o", "json"])
        .ok();
    let document = run.json();
    assert_eq!(rows(&document), all(), "{document:#}");
    assert_eq!(document["source"], "resource-manager");
    assert_eq!(document["fallback"]["code"], "AuthorizationFailed");
    let run = stage
        .az("consultant", &["list", "--all-subscriptions", "--check"])
        .ends(8);
    assert!(run.stderr.contains("Azure Resource Graph can't be used"), "{run}");
    assert!(!run.stderr.contains("Source: Azure Resource Graph"), "{run}");
    let group = stage.az("reader", &["list", "-g", "rg-apps", "-o", "json"]).ok().json();
    assert_eq!(rows(&group), &first()[3..]);
    let none = stage.az("reader", &["list", "-g", "rg-none", "-o", "json"]).ok().json();
    assert_eq!(none["clusters"], json!([]));
}

#[test]
fn a_resource_graph_that_is_down_is_done_without() {
    let stage = fleet(&["fault=503@POST:Microsoft.ResourceGraph:99"]);
    let document = stage.az("reader", &["list", "-o", "json"]).ok().json();
    assert_eq!(
        (rows(&document), &document["source"]),
        (first(), &json!("resource-manager"))
    );
}

#[test]
fn a_deleted_instance_protects_nothing() {
    let stage = fleet(&[]);
    stage.sandbox.set("instance_state=SoftDeleted").unwrap();
    let document = stage
        .az("reader", &["list", "--unprotected", "-g", "rg-apps", "-o", "json"])
        .ok()
        .json();
    let deleted = "not protected: backup instance deleted";
    let stopped = format!("{deleted}; cluster stopped; extension failed");
    let expected = [
        ("aks-failed", deleted),
        ("aks-late", deleted),
        ("aks-stopped", &stopped),
    ];
    assert_eq!(
        rows(&document),
        expected.map(|(name, findings)| row(name, "SoftDeleted", findings))
    );
    assert_eq!(document["clusters"][0]["protected"], false);
}

#[test]
fn a_subscription_that_is_refused_is_named_and_the_rest_is_listed() {
    let refused = format!(
        "fault=403/AuthorizationFailed@GET:{}/providers/Microsoft.ContainerService/managedClusters:9",
        ids::OTHER_SUBSCRIPTION
    );
    let stage = fleet(&[REFUSED, &refused]);
    let run: Run = stage
        .az("consultant", &["list", "--all-subscriptions", "--check"])
        .ends(4);
    assert!(run.stdout.contains("rg-aks/aks-good"), "{run}");
    let expected = format!(
        "cannot list the AKS clusters of subscription {}",
        ids::OTHER_SUBSCRIPTION
    );
    assert!(run.stderr.contains(&expected), "{run}");
    let document = stage
        .az("consultant", &["list", "--all-subscriptions", "-o", "json"])
        .ends(4)
        .json();
    assert_eq!(document["unread"][0]["what"], json!(expected));
    assert_eq!(document["exit"], "not-permitted");
    // Where nothing is left, it is the answer.
    let only = ["list", "--subscription", ids::OTHER_SUBSCRIPTION];
    stage
        .az("consultant", &only)
        .ends(4)
        .says("cannot list the AKS clusters");
}

#[test]
fn what_resource_manager_refuses_of_a_cluster_is_not_taken_for_unprotected() {
    let hidden = "fault=403/AuthorizationFailed@GET:aks-good/providers/Microsoft.DataProtection/backupInstances:9";
    let stage = fleet(&[REFUSED, hidden]);
    let document = stage.az("reader", &["list", "-o", "json"]).ends(4).json();
    let good = &document["clusters"][1];
    assert_eq!(
        (&good["name"], &good["protected"], &good["findings"]),
        (&json!("aks-good"), &Value::Null, &json!([]))
    );
    let unprotected = stage.az("reader", &["list", "--unprotected"]).ends(4);
    assert!(!unprotected.stdout.contains("aks-good"), "{unprotected}");
}

#[test]
fn queries_that_are_throttled_are_sent_again() {
    let stage = fleet(&["fault=429/RateLimiting@POST:Microsoft.ResourceGraph:2"]);
    let mark = stage.mark();
    let document = stage.az("reader", &["list", "-o", "json"]).ok().json();
    assert_eq!(
        (rows(&document), &document["source"]),
        (first(), &json!("resource-graph"))
    );
    assert_eq!(queries(&stage, mark).len(), 5);
}

#[test]
fn a_thousand_clusters_take_three_queries_and_little_memory() {
    let names: Vec<String> = (0..1000).map(|number| format!("aks-{number:04}")).collect();
    let stage = Stage::new().unwrap();
    let fleet: Vec<Member<'_>> = names
        .iter()
        .map(|name| Member {
            group: "rg-many",
            name,
            ..Member::default()
        })
        .collect();
    // With the one that every world has, they are a thousand.
    fleet::place(stage.sandbox.azure(), &fleet[..999]);
    let mark = stage.mark();
    let (run, kib) = measured(&stage.az_command("reader", &["list"]));
    run.ok();
    assert_eq!(queries(&stage, mark).len(), 3);
    let table = stage.az("reader", &["list"]).ok();
    assert_eq!(table.stdout.lines().count(), 1001);
    assert!(kib <= aksbackup_tests::bars::MUCH, "{kib} KiB");
    // One more, and the list of clusters has a second page.
    fleet::place(stage.sandbox.azure(), &fleet[999..]);
    let mark = stage.mark();
    let document = stage.az("reader", &["list", "-o", "json"]).ok().json();
    assert_eq!(document["clusters"].as_array().map(Vec::len), Some(1001));
    assert_eq!(queries(&stage, mark).len(), 4);
}

#[test]
fn texts_of_others_stay_in_their_cells() {
    let stage = Stage::new().unwrap();
    let hostile = Member {
        state: "Protection\nrg-x/forged  \u{1b}[31mStopped",
        ..Member::default()
    };
    fleet::place(stage.sandbox.azure(), &[hostile]);
    let run = stage.az("reader", &["list"]).ok();
    assert_eq!(run.stdout.lines().count(), 3, "{run}");
    assert!(!run.stdout.contains('\u{1b}'), "{run}");
}
