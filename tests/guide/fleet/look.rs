//! `fleet list`, `status`, `verify` and `plan`.

use super::*;

fn over(stage: &Stage, words: &[&str]) -> Run {
    let command = [&["fleet", words[0], "fleet"], &words[1..]].concat();
    stage.az("consultant", &command)
}

/// The object of a cluster in a document.
fn of<'a>(document: &'a Value, cluster: &str) -> &'a Value {
    let all = document["clusters"].as_array().unwrap();
    let is_own = |own: &&Value| {
        let id = own["cluster"].as_str().or_else(|| own["id"].as_str());
        id.is_some_and(|id| id.ends_with(&format!("/{cluster}")))
    };
    all.iter().find(is_own).unwrap()
}

#[test]
fn each_command_looks_at_every_cluster_and_writes_nothing() {
    let stage = stage(&[]);
    init(&stage, &[]).ok();
    let mark = stage.mark();
    let before: Vec<String> = files(&stage)
        .iter()
        .map(|file| std::fs::read_to_string(file).unwrap())
        .collect();
    for (command, exit) in [("status", Exit::Done), ("verify", Exit::Pending)] {
        let run = over(&stage, &[command]).ends(exit.code());
        assert!(run.stdout.contains(&format!("fleet {command}: 8 clusters")), "{run}");
        for name in ["rg-aks/aks-demo", "rg-apps/aks-late", "rg-other/aks-bare"] {
            assert!(run.stdout.contains(name), "{name}\n{run}");
        }
        // The clusters of a subscription stand together.
        assert_eq!(run.stdout.matches("subscription 0b1f6471").count(), 1, "{run}");
    }
    let after: Vec<String> = files(&stage)
        .iter()
        .map(|file| std::fs::read_to_string(file).unwrap())
        .collect();
    assert_eq!(before, after);
    assert!(stage.since(mark).iter().all(|entry| !entry.write));
    over(&stage, &["status", "--check"]).ends(Exit::Pending.code());
}

#[test]
fn what_it_says_of_a_cluster_is_what_the_command_for_one_cluster_says() {
    let stage = stage(&[]);
    init(&stage, &[]).ok();
    for cluster in ["aks-good", "aks-demo", "aks-stopped"] {
        let state = file(&stage, cluster);
        let one = |words: &[&str]| {
            let more = ["--state", state.to_str().unwrap(), "-o", "json"];
            stage.az("consultant", &[words, &more].concat()).json()
        };
        let many = |command: &str| over(&stage, &[command, "-o", "json"]).json();
        let (own, all) = (one(&["status"]), many("status"));
        let state_of = |value: &Value| {
            let steps = value["steps"].as_array().unwrap().iter();
            let is_own = |step: &&Value| !step["evidence"].as_str().unwrap().starts_with("after ");
            // Which steps another one waits for depends on which of them was read first.
            let steps = steps.filter(is_own);
            steps
                .map(|step| (step["step"].clone(), step["state"].clone(), step["evidence"].clone()))
                .collect::<Vec<_>>()
        };
        assert_eq!(state_of(&own), state_of(of(&all, cluster)), "{cluster}");
        let (own, all) = (one(&["verify"]), many("verify"));
        let says = |value: &Value| {
            let checks = value["checks"].as_array().unwrap().iter();
            checks
                .map(|check| (check["check"].clone(), check["verdict"].clone()))
                .collect::<Vec<_>>()
        };
        assert_eq!(says(&own), says(of(&all, cluster)), "{cluster}");
        let (own, all) = (one(&["prepare", "--dry-run"]), many("plan"));
        let outcome = |value: &Value| {
            let steps = value["steps"].as_array().unwrap().iter();
            let steps = steps.filter(|step| step["step"] != "backup-instance");
            steps
                .map(|step| (step["step"].clone(), step["outcome"].clone()))
                .collect::<Vec<_>>()
        };
        assert_eq!(outcome(&own), outcome(of(&all, cluster)), "{cluster}");
    }
}

#[test]
fn a_printed_command_names_the_state_file_of_its_cluster() {
    let stage = stage(&[]);
    init(&stage, &[]).ok();
    let run = over(&stage, &["status"]).ok();
    let demo = file(&stage, "aks-demo");
    let flag = format!("--state fleet/{}", demo.file_name().unwrap().to_str().unwrap());
    assert!(run.stdout.contains(&format!("prepare {flag}")), "{run}");
    let plan = over(&stage, &["plan"]);
    assert!(plan.stdout.contains("Run: az aksbackup fleet apply fleet"), "{plan}");
}

#[test]
fn one_cluster_that_cannot_be_read_is_named_and_the_others_are_checked() {
    let stage = stage(&["fault=403/AuthorizationFailed@GET:managedClusters/aks-good:999"]);
    let open = super::stage(&[]);
    init(&open, &[]).ok();
    std::fs::create_dir_all(stage.folder().join("fleet")).unwrap();
    for file in files(&open) {
        std::fs::copy(&file, stage.folder().join("fleet").join(file.file_name().unwrap())).unwrap();
    }
    std::fs::write(stage.folder().join("fleet/broken.toml"), "schema = ").unwrap();
    let newer = text(&stage, "aks-late").replace("schema = 2", "schema = 99");
    std::fs::write(file(&stage, "aks-late"), newer).unwrap();
    let run = over(&stage, &["plan", "-o", "json"]).ends(Exit::StateUnreadable.code());
    let document = run.json();
    // A file that can't be read is no cluster; one of a newer version names its cluster.
    assert_eq!(document["clusters"].as_array().unwrap().len(), 8, "{document:#}");
    assert_eq!(document["unusable"].as_array().unwrap().len(), 1, "{document:#}");
    assert_eq!(of(&document, "aks-good")["exit"], "not-permitted", "{document:#}");
    assert!(of(&document, "aks-demo")["steps"].is_array());
    let run = over(&stage, &["plan"]).ends(Exit::StateUnreadable.code());
    assert!(run.stderr.contains("fleet/broken.toml:1:"), "{run}");
    assert!(run.stdout.contains("fleet plan: 8 clusters: "), "{run}");
    assert!(run.stdout.contains("; 1 file can't be used"), "{run}");
    assert!(run.stderr.contains("rg-aks/aks-good: "), "{run}");
}

/// Fails before: each would have stored backups in the container of the other, and nothing told.
#[test]
fn clusters_that_name_the_same_container_are_set_apart() {
    let stage = stage(&[]);
    init(&stage, &[]).ok();
    let storage = |name: &str| {
        let text = std::fs::read_to_string(file(&stage, name)).unwrap();
        let value: toml::Value = toml::from_str(&text).unwrap();
        value["target"]["storage"].clone()
    };
    let own = storage("aks-good");
    let text = |key: &str| own[key].as_str().unwrap();
    let path = file(&stage, "aks-late").display().to_string();
    for (key, value) in [
        ("storage.account", text("account")),
        ("storage.container", text("container")),
        ("storage.resource_group", text("resource_group")),
    ] {
        let edited = std::fs::read_to_string(&path).unwrap();
        let before = storage("aks-late")[key.rsplit('.').next().unwrap()]
            .as_str()
            .unwrap()
            .to_owned();
        std::fs::write(&path, edited.replace(&before, value)).unwrap();
    }
    // What only looks still looks at them.
    let run = over(&stage, &["status", "--offline"]);
    assert!(!run.stdout.contains("shared container"), "{run}");
    let run = over(&stage, &["plan"]);
    assert!(run.stdout.contains("2 with a shared container"), "{run}");
    assert!(run.stderr.contains("this one is also in fleet/"), "{run}");
    assert!(
        run.stderr.contains("az aksbackup init --container NAME --state fleet/"),
        "{run}"
    );
}

/// Fails before: each of the two files was counted as a cluster.
#[test]
fn a_cluster_with_two_files_is_one_cluster_and_an_error() {
    let stage = stage(&[]);
    init(&stage, &[]).ok();
    std::fs::copy(file(&stage, "aks-good"), stage.folder().join("fleet/second.toml")).unwrap();
    let run = over(&stage, &["status", "--offline", "--events", "e.ndjson"]).ends(Exit::StateUnreadable.code());
    assert!(run.stdout.contains("fleet status: 8 clusters: "), "{run}");
    assert!(run.stdout.contains("1 with several state files"), "{run}");
    assert!(run.stderr.contains("aksbackup merge fleet/second.toml"), "{run}");
    let document = over(&stage, &["status", "--offline", "-o", "json"]).json();
    assert_eq!(document["clusters"].as_array().unwrap().len(), 8);
    let own = of(&document, "aks-good");
    assert_eq!(
        (&own["exit"], own["files"].as_array().unwrap().len()),
        (&json!("state-unreadable"), 2)
    );
    let events = std::fs::read_to_string(stage.folder().join("e.ndjson")).unwrap();
    assert_eq!(events.matches("\"event\":\"cluster\"").count(), 8, "{events}");
    assert!(events.contains("\"clusters\":8"), "{events}");
    over(&stage, &["list"])
        .ends(Exit::StateUnreadable.code())
        .says("8 of 8 clusters in the folder found");
}

#[test]
fn one_subscription_can_be_named() {
    let stage = stage(&[]);
    init(&stage, &[]).ok();
    let run = over(&stage, &["status", "--subscription", ids::OTHER_SUBSCRIPTION]).ok();
    assert!(run.stdout.contains("fleet status: 2 clusters"), "{run}");
}

#[test]
fn the_list_joins_the_folder_with_what_resource_graph_knows() {
    let stage = stage(&[]);
    init(&stage, &[]).ok();
    std::fs::remove_file(file(&stage, "aks-good")).unwrap();
    let gone = format!(
        "{}/providers/Microsoft.ContainerService/managedClusters/aks-late",
        ids::group_id("rg-apps")
    );
    stage.sandbox.azure().remove(&gone);
    let mark = stage.mark();
    let document = over(&stage, &["list", "-o", "json"]).ok().json();
    assert_eq!(queries(&stage, mark), 3);
    assert_eq!(document["clusters"].as_array().unwrap().len(), 6);
    assert_eq!(of(&document, "aks-failed")["findings"][0]["says"], "last backup failed");
    assert_eq!(
        of(&document, "aks-failed")["file"],
        json!(format!(
            "fleet/{}",
            file(&stage, "aks-failed").file_name().unwrap().to_str().unwrap()
        ))
    );
    assert!(
        document["without_file"][0].as_str().unwrap().ends_with("/aks-good"),
        "{document:#}"
    );
    assert!(
        document["not_found"][0]["cluster"]
            .as_str()
            .unwrap()
            .ends_with("/aks-late"),
        "{document:#}"
    );
    let run = over(&stage, &["list", "--check"]).ends(Exit::Pending.code());
    run.says("has no state file").says("aks-late was not found");
}

#[test]
fn shards_are_parts_of_the_folder() {
    let stage = stage(&[]);
    init(&stage, &[]).ok();
    let names = |shard: &str| -> Vec<String> {
        let run = over(&stage, &["status", "--offline", "--shard", shard, "-o", "json"]).ok();
        results(&run).into_iter().map(|(name, _)| name).collect()
    };
    let all: BTreeSet<String> = (0..3).flat_map(|index| names(&format!("{index}/3"))).collect();
    assert_eq!(all.len(), 8);
    assert_eq!(names("0/3").len() + names("1/3").len() + names("2/3").len(), 8);
    let mut command = stage.az_command("consultant", &["fleet", "status", "fleet", "--offline", "--shard", "3"]);
    command.env("JOB_COMPLETION_INDEX", "1");
    let run = aksbackup_tests::harness::finish(&mut command).ok();
    assert!(run.stdout.contains("fleet status: 3 clusters"), "{run}");
    // The digest is that of the folder, whatever the part: it is what `fleet apply` compares.
    let digest = |flags: &[&str]| {
        let run = over(&stage, &[&["status", "--offline", "-o", "json"], flags].concat()).ok();
        run.json()["digest"].as_str().unwrap().to_owned()
    };
    let whole = digest(&[]);
    assert_eq!(digest(&["--shard", "1/3", "--expect-digest", &whole]), whole);
    over(&stage, &["status", "--offline", "--shard", "3/3"])
        .ends(Exit::Usage.code())
        .says("0 to 2");
    over(&stage, &["status", "--offline", "--shard", "3"])
        .ends(Exit::Usage.code())
        .says("JOB_COMPLETION_INDEX");
}

/// Fails before: lines of JSON were added to a state file, and a pipe was waited for.
#[test]
fn no_result_is_written_over_a_state_file_of_the_folder() {
    let stage = stage(&[]);
    init(&stage, &[]).ok();
    let victim = file(&stage, "aks-demo");
    let before = std::fs::read_to_string(&victim).unwrap();
    let link = stage.folder().join("link.prom");
    std::os::unix::fs::symlink(&victim, &link).unwrap();
    let pipe = stage.folder().join("pipe.prom");
    assert!(
        std::process::Command::new("mkfifo")
            .arg(&pipe)
            .status()
            .unwrap()
            .success()
    );
    let mark = stage.mark();
    for (flags, exit) in [
        (["status", "--events", victim.to_str().unwrap()], Exit::Usage),
        (["status", "--events", link.to_str().unwrap()], Exit::Usage),
        (["status", "--events", pipe.to_str().unwrap()], Exit::Failed),
        (["verify", "--metrics", link.to_str().unwrap()], Exit::Usage),
        (["verify", "--metrics", pipe.to_str().unwrap()], Exit::Failed),
    ] {
        over(&stage, &flags).ends(exit.code());
    }
    assert_eq!(stage.since(mark).len(), 0, "refused before anything is read");
    assert_eq!(std::fs::read_to_string(&victim).unwrap(), before);
}

#[test]
fn events_are_lines_of_json_one_for_each_cluster() {
    let stage = stage(&[]);
    init(&stage, &[]).ok();
    over(&stage, &["status", "--events", "events.ndjson"]).ok();
    let text = std::fs::read_to_string(stage.folder().join("events.ndjson")).unwrap();
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 10);
    assert_eq!(
        (&lines[0]["event"], &lines[0]["clusters"]),
        (&json!("started"), &json!(8))
    );
    assert_eq!(
        (&lines[9]["event"], &lines[9]["exit"]),
        (&json!("finished"), &json!("done"))
    );
    assert!(
        lines[1..9]
            .iter()
            .all(|line| line["event"] == "cluster" && line["states"].is_object() && line["at"].is_string())
    );
    over(&stage, &["status", "--offline", "--events", "/nonexistent/x"])
        .ends(Exit::Failed.code())
        .says("cannot write the events");
}

#[test]
fn the_metrics_of_all_clusters_are_in_one_file() {
    let stage = stage(&[]);
    init(&stage, &[]).ok();
    over(&stage, &["verify", "--metrics", "aks.prom"]).ends(Exit::Pending.code());
    let text = std::fs::read_to_string(stage.folder().join("aks.prom")).unwrap();
    let verified: Vec<&str> = text
        .lines()
        .filter(|line| line.starts_with("aksbackup_verified_timestamp_seconds{"))
        .collect();
    assert_eq!(verified.len(), 8, "{text}");
    assert_eq!(text.matches("# TYPE aksbackup_check gauge").count(), 1);
    let counted = text.lines().filter_map(|line| {
        line.strip_prefix("aksbackup_fleet_clusters{")?
            .rsplit(' ')
            .next()?
            .parse::<u32>()
            .ok()
    });
    assert_eq!(counted.sum::<u32>(), 8, "{text}");
}

#[test]
fn a_folder_that_is_not_there_or_not_the_reviewed_one_is_refused() {
    let stage = stage(&[]);
    over(&stage, &["plan"])
        .ends(Exit::Missing.code())
        .says("fleet init fleet");
    init(&stage, &[]).ok();
    let digest = |stage: &Stage| {
        over(stage, &["list", "-o", "json"]).ok().json()["digest"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    let before = digest(&stage);
    over(&stage, &["status", "--offline", "--expect-digest", &before]).ok();
    let edited = text(&stage, "aks-demo").replace("bv-aks-westeurope", "bv-aks-other");
    std::fs::write(file(&stage, "aks-demo"), edited).unwrap();
    let run = over(&stage, &["status", "--offline", "--expect-digest", &before]).ends(Exit::StateUnreadable.code());
    assert!(run.stderr.contains("expected digest"), "{run}");
}
