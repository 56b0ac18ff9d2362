//! The whole hand-off as three people type it: `az aksbackup …` and `kubectl aksbackup …`.

use std::process::Command;

use aksbackup_tests::azure::ids;
use aksbackup_tests::fleet;
use aksbackup_tests::harness::{Run, binary, finish};
use serde_json::Value;

use crate::az::Az;

/// Runs the real kubectl as `persona`, with the plugin on its PATH.
fn kubectl(az: &Az, persona: &str, arguments: &[&str]) -> Run {
    let plugin = binary("kubectl-aksbackup");
    let mut command = Command::new("kubectl");
    command
        .args(arguments)
        .env_clear()
        .env("PATH", Az::path_with(plugin.parent().unwrap()))
        .env("HOME", az.folder())
        .env("KUBECONFIG", az.folder().join("kubeconfigs").join(persona))
        .env("AKSBACKUP_STATE", az.stage.state())
        .env("AKSBACKUP_TIME_SCALE", aksbackup_tests::harness::TIME_SCALE.to_string())
        .current_dir(az.folder());
    finish(&mut command)
}

#[test]
fn three_logged_in_people_hand_over_through_az_and_kubectl() {
    let az = Az::with(&["platform", "owner", "reader"]);
    let init = [
        "init",
        "-g",
        "rg-aks",
        "-n",
        "aks-demo",
        "--storage-resource-group",
        "rg-backup",
        "--vault-resource-group",
        "rg-backup",
        "--snapshot-group",
        "rg-snapshots",
        "--yes",
    ];
    az.aksbackup("platform", &init).ok();
    az.aksbackup("platform", &["protect", "--yes"])
        .ends(5)
        .says("az aksbackup prepare");
    let prepared = az
        .aksbackup("platform", &["prepare", "--yes"])
        .ok()
        .says("az aksbackup grant");
    assert_eq!(prepared.json()["command"], "prepare");
    let vouchers = az.stage.vouchers();
    let vouchers: Vec<&str> = vouchers.iter().map(String::as_str).collect();
    az.aksbackup("owner", &["grant", "--yes"])
        .ends(2)
        .says("in the state file aren't confirmed");
    az.aksbackup("owner", &[&["grant", "--yes"], vouchers.as_slice()].concat())
        .ok();
    let client_id = az.stage.client_id();
    let confirmed = ["aksbackup", "configure", "--yes", "--client-id", &client_id];
    kubectl(&az, "cluster-admin", &confirmed).ok();
    az.aksbackup("platform", &["protect", "--yes"]).ok();
    az.aksbackup("platform", &["backup", "--yes"]).ok();
    assert_eq!(az.stage.value("/cloud/backup/status"), "Completed");
    az.aksbackup("reader", &["verify", "--ids", &ids::cluster_id()]).ok();
    let standing = az
        .aksbackup("reader", &["status", "--query", "steps[].standing", "-o", "json"])
        .ok();
    let standing: Vec<String> = serde_json::from_str(&standing.stdout).unwrap();
    assert!(
        standing.len() >= 13 && standing.iter().all(|word| word == "done" || word == "recorded"),
        "{standing:?}"
    );
}

/// An owner who installs nothing assigns the roles with the printed commands of az; the others go on as after `grant`.
#[test]
fn an_owner_without_aksbackup_assigns_the_roles_by_the_printed_commands() {
    let az = Az::with(&["platform", "owner"]);
    az.stage.prepared();
    let message = az.aksbackup("platform", &["handoff", "-o", "json"]).ok().json();
    let lines = message.pointer("/message/without").and_then(Value::as_array).unwrap();
    assert_eq!(lines.len(), 5, "{message:#}");
    let lines: Vec<&str> = lines.iter().filter_map(Value::as_str).collect();
    let own = |pointer: &str| az.stage.value(pointer);
    let account = format!(
        "{}/providers/Microsoft.Storage/storageAccounts/{}",
        ids::group_id(&own("/target/storage/resource_group")),
        own("/target/storage/account")
    );
    let filled = lines
        .join("\n")
        .replace("CLUSTER-ID", &ids::cluster_id())
        .replace("VAULT-ID", &own("/cloud/vault/vault"))
        .replace("STORAGE-ACCOUNT-ID", &account)
        .replace(
            "SNAPSHOT-RESOURCE-GROUP-ID",
            &ids::group_id(&own("/target/snapshots/resource_group")),
        );
    az.shell("owner", &format!("set -e\n{filled}")).ok();
    let status = az.aksbackup("platform", &["status", "-o", "json"]).ok().json();
    let steps = status["steps"].as_array().unwrap();
    let roles = steps.iter().find(|own| own["step"] == "roles").unwrap();
    assert_eq!(roles["standing"], "done", "{roles:#}");
    let client_id = az.stage.client_id();
    let confirmed = ["aksbackup", "configure", "--yes", "--client-id", &client_id];
    kubectl(&az, "cluster-admin", &confirmed).ok();
    az.aksbackup("platform", &["protect", "--yes"]).ok();
}

#[test]
fn every_form_of_output_is_az_s_own() {
    let az = Az::with(&["platform"]);
    az.stage.prepared();
    let status = |form: &str| {
        az.aksbackup("platform", &["status", "--offline", "-o", form])
            .ok()
            .stdout
    };
    let json: Value = serde_json::from_str(&status("json")).unwrap();
    assert!(
        json["steps"].as_array().is_some_and(|steps| steps.len() >= 12),
        "{json}"
    );
    let table = status("table");
    let head: Vec<&str> = table.lines().next().unwrap_or_default().split_whitespace().collect();
    assert_eq!(head, ["Step", "State", "Since", "By", "Evidence"], "{table}");
    assert!(status("yaml").contains("steps:\n- "), "{}", status("yaml"));
    assert!(status("tsv").contains('\t'));
    assert!(status("jsonc").contains("\"steps\""));
    assert_eq!(status("none"), "");
    let query = [
        "status",
        "--offline",
        "--query",
        "steps[?step=='storage'].standing | [0]",
        "-o",
        "tsv",
    ];
    assert_eq!(az.aksbackup("platform", &query).ok().stdout.trim(), "recorded");
    // By the name that the table's column has, too.
    let query = [
        "status",
        "--offline",
        "--query",
        "steps[?state=='recorded'].step | [0]",
        "-o",
        "tsv",
    ];
    assert_ne!(az.aksbackup("platform", &query).ok().stdout.trim(), "");
    let failed = az.aksbackup("platform", &["protect", "--yes", "-o", "table"]).ends(5);
    assert!(failed.stdout.starts_with("Step"), "{failed}");
    let words = az
        .aksbackup("platform", &["protect", "--yes", "--query", "exit", "-o", "tsv"])
        .ends(5);
    assert_eq!(words.stdout.trim(), "their-turn", "{words}");
}

/// The first line of the table that a command shows.
fn head(az: &Az, person: &str, line: &str) -> String {
    let words: Vec<&str> = line.split_whitespace().collect();
    let run = az.aksbackup(person, &[words.as_slice(), &["-o", "table"]].concat());
    let mut rows = run.stdout.lines();
    let head = rows
        .next()
        .unwrap_or_default()
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ");
    assert!(
        rows.next().is_some_and(|rule| rule.starts_with("---")) && rows.next().is_some(),
        "{line}: a table has a head, a rule and rows\n{run}"
    );
    head
}

#[test]
fn every_command_has_a_table() {
    let az = Az::with(&["platform", "owner"]);
    let init = "init -g rg-aks -n aks-demo --storage-resource-group rg-backup --vault-resource-group rg-backup \
                --snapshot-group rg-snapshots --yes";
    let head = |person: &str, line: &str| head(&az, person, line);
    const STEPS: &str = "Step Outcome Detail Changes";
    assert_eq!(
        head("platform", "status --offline"),
        "Error Why",
        "there is no state file"
    );
    // A column without a value in any row is left out by az.
    assert_eq!(head("platform", init), "Key Now");
    assert_eq!(
        head("platform", "init --yes"),
        "Cluster Account Container Vault Policy Instance"
    );
    for line in ["prepare --dry-run", "prepare --yes", "up --dry-run"] {
        assert_eq!(head("platform", line), STEPS, "{line}");
    }
    let vouchers = az.stage.vouchers().join(" ");
    assert_eq!(head("owner", &format!("grant --yes {vouchers}")), STEPS);
    az.stage.configure("cluster-admin", &[]).ok();
    assert_eq!(head("platform", "protect --yes"), STEPS);
    assert_eq!(head("platform", "backup --yes --no-wait"), STEPS);
    // The backup may have ended by now.
    assert!(head("platform", "jobs").starts_with("Job Operation Status Started"));
    let id = az.aksbackup("platform", &["jobs", "-o", "table"]).ok();
    let row = id.stdout.lines().nth(2).unwrap_or_default();
    assert!(
        row.find(' ') == Some(36),
        "a job by its GUID, as `jobs JOB` takes it\n{id}"
    );
    // The backup may run still.
    let list = "Cluster Subscription Region Version Power Protection Vault Policy";
    let shown = head("platform", "list");
    assert!(shown.starts_with(list), "{shown}");
    assert_eq!(head("platform", "handoff"), "Who Steps Command");
    assert_eq!(head("platform", "status"), "Step State Since By Evidence");
    let copy = az.folder().join("copy.toml");
    std::fs::copy(az.stage.state(), &copy).unwrap();
    assert_eq!(head("platform", "merge copy.toml copy.toml"), "State Changed");
    az.aksbackup("platform", &["init", "--retention", "30d", "--yes"]).ok();
    assert_eq!(head("platform", "diff copy.toml"), "Table Later Keys");
    assert_eq!(head("platform", "migrate"), "State From To Changed");
    assert_eq!(head("platform", "schema"), "Table");
    assert_eq!(head("platform", "version"), "Version");
}

#[test]
fn az_s_own_words_rule_who_and_where_and_no_token_is_ever_seen() {
    let az = Az::with(&["platform"]);
    az.stage.init("platform").ok();
    // The name of the subscription is resolved by az; the one that the file is not for is refused.
    az.aksbackup(
        "platform",
        &["prepare", "--dry-run", "--subscription", "Contoso Backup"],
    )
    .ends(8);
    let debug = az.aksbackup("platform", &["prepare", "--dry-run", "--debug"]).ends(8);
    assert!(debug.stderr.contains("GET https"), "each request is told\n{debug}");
    for stream in [&debug.stdout, &debug.stderr] {
        assert!(!stream.contains("eyJ"), "a token is shown\n{stream}");
        assert!(!stream.contains("platform-secret"), "the secret is shown\n{stream}");
    }
    let quiet = az
        .aksbackup("platform", &["prepare", "--dry-run", "--only-show-errors"])
        .ends(8);
    assert_eq!(quiet.stderr, "", "{quiet}");
    az.run("platform", &["logout"]).ok();
    az.aksbackup("platform", &["prepare", "--dry-run"])
        .ends(4)
        .says("az login");
}

#[test]
fn az_lists_the_clusters_of_its_own_subscription_or_of_all() {
    let az = Az::with(&["consultant"]);
    fleet::place(az.stage.sandbox.azure(), &fleet::assorted());
    let names = |arguments: &[&str]| {
        let query = ["list", "--query", "clusters[].name", "-o", "tsv"];
        let run = az.aksbackup("consultant", &[&query, arguments].concat()).ok();
        run.stdout.lines().map(str::to_owned).collect::<Vec<_>>()
    };
    let other = ["aks-bare", "aks-other"];
    let all = names(&["--all-subscriptions"]);
    assert_eq!((all.len(), &all[6..]), (8, &other.map(str::to_owned)[..]));
    assert_eq!(names(&["--subscription", ids::OTHER_SUBSCRIPTION]), other);
    let default = az
        .run("consultant", &["account", "show", "--query", "id", "-o", "tsv"])
        .ok();
    let of_default = if default.stdout.trim() == ids::SUBSCRIPTION {
        6
    } else {
        2
    };
    assert_eq!(names(&[]).len(), of_default);
    az.aksbackup("consultant", &["list", "--all-subscriptions", "--check"])
        .ends(8);
}

/// Fails before: the lines had flags that az's extension passes to the program, such as `--output=text`, which az refuses.
#[test]
fn a_printed_command_is_accepted_by_az_as_it_stands() {
    let az = Az::with(&["owner"]);
    az.stage.prepared();
    let vouchers = az.stage.vouchers();
    for flags in [&[][..], &["--verbose"], &["--only-show-errors"], &["-o", "table"]] {
        let words = [&["grant", "--yes", "--timeout", "80m"], flags].concat();
        let run = az.aksbackup("owner", &words).ends(2);
        let printed = run
            .stderr
            .lines()
            .find_map(|line| line.split_once("az aksbackup grant "));
        let (_, printed) = printed.unwrap_or_else(|| panic!("no command is printed\n{run}"));
        let filled = vouchers.chunks(2).fold(format!("{printed} "), |line, own| {
            ["RESOURCE-GROUP/NAME", "RESOURCE-GROUP", "SUBSCRIPTION"]
                .iter()
                .fold(line, |line, open| {
                    line.replace(&format!("{} {open} ", own[0]), &format!("{} {} ", own[0], own[1]))
                })
        });
        az.shell("owner", &format!("az aksbackup grant {filled} --dry-run"))
            .ends(8);
    }
}
