//! `fleet init`.

use super::*;

fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
    let mut all: Vec<(String, String)> = expected
        .iter()
        .map(|(name, result)| ((*name).to_owned(), (*result).to_owned()))
        .collect();
    all.sort();
    all
}

fn template(stage: &Stage, text: &str) {
    std::fs::create_dir_all(stage.folder().join("fleet")).unwrap();
    std::fs::write(stage.folder().join("fleet/fleet.toml"), text).unwrap();
}

const ALL: [(&str, &str); 8] = [
    ("aks-demo", "new"),
    ("aks-good", "adopted"),
    ("aks-suspended", "adopted"),
    ("aks-failed", "adopted"),
    ("aks-late", "adopted"),
    ("aks-stopped", "adopted"),
    ("aks-other", "new"),
    ("aks-bare", "new"),
];

#[test]
fn each_cluster_gets_a_file_and_nothing_in_azure_is_written() {
    let stage = stage(&[]);
    let mark = stage.mark();
    init(&stage, &["--dry-run"]).ends(Exit::Pending.code());
    assert!(!stage.folder().join("fleet").exists());
    let run = init(&stage, &["-o", "json"]).ok();
    assert_eq!(results(&run), pairs(&ALL), "{run}");
    assert_eq!(files(&stage).len(), 8);
    let writes: Vec<Entry> = stage.since(mark).into_iter().filter(|entry| entry.write).collect();
    assert!(writes.is_empty(), "{writes:?}");
    assert_eq!(queries(&stage, mark), 2, "one query for each run");
    // What protects a cluster is adopted, wherever it is.
    let good = text(&stage, "aks-good");
    assert!(
        good.contains("name = \"bv-fleet\"") && good.contains("name = \"aks-good-instance\""),
        "{good}"
    );
    // What is new has a vault of its region.
    let demo = text(&stage, "aks-demo");
    assert!(demo.contains("name = \"bv-aks-westeurope\""), "{demo}");
    assert!(
        demo.contains("resource_group = \"rg-aks-snapshots-westeurope\""),
        "{demo}"
    );
}

#[test]
fn a_second_run_adds_what_is_new_reports_what_is_gone_and_keeps_what_was_edited() {
    let stage = stage(&[]);
    let names: BTreeSet<PathBuf> = {
        init(&stage, &[]).ok();
        files(&stage).into_iter().collect()
    };
    let edited = text(&stage, "aks-good").replace("[target.policy]", "# reviewed\n[target.policy]");
    std::fs::write(file(&stage, "aks-good"), &edited).unwrap();
    std::fs::remove_file(file(&stage, "aks-late")).unwrap();
    let gone = format!(
        "{}/providers/Microsoft.ContainerService/managedClusters/aks-failed",
        ids::group_id("rg-apps")
    );
    stage.sandbox.azure().remove(&gone);
    let run = init(&stage, &["-o", "json"]).ok();
    let mut expected: Vec<(&str, &str)> = ALL.map(|(name, _)| (name, "unchanged")).to_vec();
    expected.retain(|(name, _)| !["aks-late", "aks-failed"].contains(name));
    expected.extend([("aks-late", "adopted"), ("aks-failed", "gone")]);
    assert_eq!(results(&run), pairs(&expected), "{run}");
    assert_eq!(text(&stage, "aks-good"), edited);
    assert_eq!(
        files(&stage).into_iter().collect::<BTreeSet<_>>(),
        names,
        "the names are the same again"
    );
    init(&stage, &[]).ok().says("aks-failed no longer exists");
}

#[test]
fn a_template_has_exceptions_by_tag_region_and_name() {
    let stage = stage(&[]);
    let cluster = ids::cluster_id();
    let mut body = stage.sandbox.azure().resource(&cluster).unwrap();
    body["tags"] = json!({ "Env": "prod" });
    stage.sandbox.azure().place(body);
    template(
        &stage,
        "[target]\nvault.name = \"bv-{region}\"\npolicy.retention = \"14d\"\n[schedule]\nstart = \"22:00\"\nwindow = \"2h\"\n\
         [[overrides]]\ntag = \"env=prod\"\ntarget.policy.retention = \"30d\"\ntarget.policy.time = \"03:15\"\n\
         [[overrides]]\nname = \"*-stopped\"\nexclude = true\n",
    );
    let run = init(&stage, &["-o", "json"]).ok();
    let excluded = results(&run)
        .into_iter()
        .find(|(name, _)| name == "aks-stopped")
        .unwrap();
    assert_eq!(excluded.1, "excluded", "{run}");
    assert_eq!(files(&stage).len(), 7);
    let demo = text(&stage, "aks-demo");
    for part in [
        "\"bv-westeurope\"",
        "\"P30D\"",
        "time = \"03:15\"",
        "aks-daily-30d-at-0315",
    ] {
        assert!(demo.contains(part), "{part}: {demo}");
    }
    let bare = text(&stage, "aks-bare");
    assert!(bare.contains("\"P14D\"") && bare.contains("time = \"2"), "{bare}");
    // An instance that exists keeps its policy.
    assert!(text(&stage, "aks-good").contains("name = \"aks-daily\""));
}

#[test]
fn a_mistake_in_the_template_has_line_and_column_and_nothing_is_asked() {
    let stage = stage(&[]);
    let mark = stage.mark();
    for (text, place, why) in [
        (
            "[target]\nvault.nme = \"x\"\n",
            "fleet.toml:2:13",
            "has no key vault.nme",
        ),
        (
            "[target.policy]\nretention = \"often\"\n",
            "fleet.toml:2:13",
            "valid retention",
        ),
        ("[[overrides]]\nregoin = \"x\"\n", "fleet.toml:2:1", "regoin"),
        ("[[overrides]]\nexclude = true\n", "fleet.toml:1:1", "none of tag"),
        ("[schedule]\nwindow = \"25h\"\n", "fleet.toml:2:10", "from 1m to 24h"),
        ("[target]\nvault.name = \"bv-{place}\"\n", "fleet.toml:2:14", "{place}"),
        ("[target\n", "fleet.toml:1:8", ""),
    ] {
        template(&stage, text);
        init(&stage, &[]).ends(Exit::Usage.code()).says(place).says(why);
    }
    assert!(stage.since(mark).is_empty());
    init(&stage, &["--template", "none.toml"])
        .ends(Exit::Missing.code())
        .says("none.toml");
}

#[test]
fn without_resource_graph_the_same_files_are_written_and_it_is_said() {
    let (one, two) = (stage(&[]), stage(&[REFUSED]));
    init(&one, &[]).ok();
    let run = init(&two, &["-o", "json"]).ok();
    assert!(run.stderr.contains("Azure Resource Graph can't be used"), "{run}");
    assert_eq!(run.json()["source"], "resource-manager");
    let names = |stage: &Stage| {
        files(stage)
            .iter()
            .map(|path| path.file_name().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(names(&one), names(&two));
}

#[test]
fn files_that_cannot_be_used_are_named_and_kept_and_the_others_are_written() {
    let stage = stage(&[]);
    init(&stage, &[]).ok();
    let second = stage.folder().join("fleet/second.toml");
    std::fs::copy(file(&stage, "aks-good"), &second).unwrap();
    let broken = file(&stage, "aks-late");
    std::fs::write(&broken, "schema = 2\n[target\n").unwrap();
    std::fs::write(stage.folder().join("fleet/foreign.toml"), "[package]\nname = \"x\"\n").unwrap();
    std::fs::remove_file(file(&stage, "aks-bare")).unwrap();
    let run = init(&stage, &["-o", "json"]).ends(Exit::StateUnreadable.code());
    let document = run.json();
    // The two files of one cluster are one error.
    assert_eq!(document["unusable"].as_array().unwrap().len(), 3, "{document:#}");
    assert!(text(&stage, "aks-bare").contains("aks-bare"), "the others are written");
    assert_eq!(std::fs::read_to_string(&broken).unwrap(), "schema = 2\n[target\n");
    let run = init(&stage, &[]).ends(Exit::StateUnreadable.code());
    for words in [
        "several state files",
        "aksbackup merge fleet/second.toml",
        "foreign.toml",
        "2:8",
        "fleet init doesn't overwrite it",
    ] {
        assert!(run.stderr.contains(words), "{words}\n{run}");
    }
}

#[test]
fn no_clusters_is_an_answer() {
    let stage = Stage::new().unwrap();
    stage.sandbox.azure().remove(&ids::cluster_id());
    let run = stage.az("reader", &["fleet", "init", "fleet"]).ok();
    run.says("no AKS clusters found in subscription");
    assert!(!stage.folder().join("fleet").exists());
    let none: Value = stage
        .az("reader", &["fleet", "init", "fleet", "-o", "json"])
        .ok()
        .json();
    assert_eq!(none["clusters"], json!([]));
}

#[test]
fn one_cluster_that_cannot_be_read_does_not_stop_the_others() {
    let hidden = "fault=403/AuthorizationFailed@GET:managedClusters/aks-good:99";
    let stage = stage(&[hidden]);
    let run = init(&stage, &[]).ends(Exit::NotPermitted.code());
    assert!(run.stderr.contains("aks-good"), "{run}");
    assert_eq!(files(&stage).len(), 7, "{run}");
}

#[test]
fn a_cluster_whose_vault_is_in_another_subscription_is_adopted_with_it() {
    let stage = Stage::new().unwrap().accepting("BackupsSuspended");
    fleet::place(stage.sandbox.azure(), &assorted());
    let run = init(&stage, &["-o", "json"]).ok();
    let mut expected = ALL.to_vec();
    expected.retain(|(name, _)| *name != "aks-other");
    expected.push(("aks-other", "adopted"));
    assert_eq!(results(&run), pairs(&expected), "{run}");
    let text = text(&stage, "aks-other");
    let vault = fleet::vault();
    let subscription = vault.split('/').nth(2).unwrap();
    assert!(
        text.contains("name = \"bv-fleet\"") && text.contains(&format!("subscription = \"{subscription}\"")),
        "{text}"
    );
}
