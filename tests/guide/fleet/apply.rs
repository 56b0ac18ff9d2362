//! `fleet apply`.

use aksbackup_tests::fleet::Member;
use aksbackup_tests::harness::finish;

use super::*;

/// The resource groups that the world has, and one vault for all.
pub(super) const TEMPLATE: &str = "[target]\nvault.name = \"bv-fleet\"\nvault.resource_group = \"rg-backup\"\n\
                        storage.resource_group = \"rg-backup\"\nsnapshots.resource_group = \"rg-snapshots\"\n";

/// `init` by a template that the user names, and confirms by that.
pub(super) const BY_TEMPLATE: [&str; 3] = ["init", "--template", "fleet/fleet.toml"];

/// Several clusters that nothing protects yet.
pub(super) fn bare(names: &[&str], switches: &[&str]) -> Stage {
    let stage = Stage::with(switches).unwrap();
    let member = |name| Member {
        name,
        state: "",
        extension: "",
        last: ("", 0),
        ..Member::default()
    };
    let members: Vec<Member<'_>> = names.iter().map(|name| member(name)).collect();
    fleet::place(stage.sandbox.azure(), &members);
    stage.sandbox.azure().remove(&fleet::vault());
    std::fs::create_dir_all(stage.folder().join("fleet")).unwrap();
    std::fs::write(stage.folder().join("fleet/fleet.toml"), TEMPLATE).unwrap();
    stage
}

pub(super) fn platform(stage: &Stage, words: &[&str]) -> Run {
    let command = [&["fleet", words[0], "fleet"], &words[1..]].concat();
    stage.az("platform", &command)
}

/// Cluster and exit code, by the last part of the ID.
pub(super) fn ends(run: &Run) -> Vec<(String, String)> {
    let document = run.json();
    let all = document["clusters"].as_array().unwrap().iter();
    let mut all: Vec<(String, String)> = all
        .map(|own| {
            let id = own["cluster"].as_str().unwrap();
            let exit = own["exit"].as_str().unwrap();
            (id.rsplit('/').next().unwrap().to_owned(), exit.to_owned())
        })
        .collect();
    all.sort();
    all
}

#[test]
fn the_clusters_are_prepared_and_the_handoffs_are_counted() {
    let stage = bare(&["aks-two", "aks-three"], &[]);
    platform(&stage, &BY_TEMPLATE).ok();
    platform(&stage, &["plan"]).ends(Exit::Pending.code());
    let run = platform(&stage, &["apply", "--yes", "-o", "json"]).ends(Exit::TheirTurn.code());
    let turn = |name: &str| (name.to_owned(), "their-turn".to_owned());
    assert_eq!(
        ends(&run),
        [turn("aks-demo"), turn("aks-three"), turn("aks-two")],
        "{run}"
    );
    assert_eq!(run.json()["counts"], json!({ "their-turn": 3 }));
    for cluster in ["aks-demo", "aks-two", "aks-three"] {
        let state = text(&stage, cluster);
        for table in [
            "[cloud.storage]",
            "[cloud.vault]",
            "[cloud.extension]",
            "[cloud.trusted_access]",
        ] {
            assert!(state.contains(table), "{table} of {cluster}: {state}");
        }
    }
    // One vault for all of them, created once.
    let puts = stage.since(0).into_iter().filter(|entry| {
        entry.method == "PUT"
            && entry
                .target
                .split('?')
                .next()
                .is_some_and(|path| path.ends_with("/backupVaults/bv-fleet"))
    });
    assert_eq!(puts.count(), 1);
    // Each handoff is named with person and command.
    let run = platform(&stage, &["apply", "--yes"]).ends(Exit::TheirTurn.code());
    assert!(run.stdout.contains("Next: subscription owner: 3 clusters"), "{run}");
    for cluster in ["aks-demo", "aks-two", "aks-three"] {
        let file = file(&stage, cluster);
        let command = format!("--state fleet/{}", file.file_name().unwrap().to_str().unwrap());
        assert!(
            run.stdout
                .lines()
                .any(|line| line.contains("az aksbackup grant") && line.contains(&command)),
            "{run}"
        );
    }
    let mark = stage.mark();
    platform(&stage, &["apply", "--yes", "--handoff-ok"])
        .ok()
        .says("3 waiting for another person");
    assert!(
        stage.since(mark).iter().all(|entry| !entry.write),
        "a second run changes nothing"
    );
}

#[test]
fn a_fleet_that_is_protected_has_nothing_to_do_and_is_skipped_by_resume() {
    let stage = Stage::new().unwrap();
    stage.configured();
    stage.az("platform", &["protect", "--yes"]).ok();
    std::fs::create_dir_all(stage.folder().join("fleet")).unwrap();
    std::fs::copy(stage.state(), stage.folder().join("fleet/aks-demo-1.toml")).unwrap();
    let mark = stage.mark();
    let run = platform(&stage, &["apply", "--yes"]).ok();
    run.says("step 12 (backup)")
        .says("backup --state fleet/aks-demo-1.toml")
        .says("1 done");
    platform(&stage, &["plan"]).ok().says("1 with nothing to change");
    assert!(stage.since(mark).iter().all(|entry| !entry.write));
    let mark = stage.mark();
    let run = platform(&stage, &["apply", "--yes", "--resume"]).ok();
    run.says("not checked in this run").says("1 skipped");
    // A program isn't told that it was checked, either.
    let document = platform(&stage, &["apply", "--yes", "--resume", "-o", "json"])
        .ok()
        .json();
    assert_eq!(document["counts"], json!({ "skipped": 1 }), "{document:#}");
    assert_eq!(
        stage
            .since(mark)
            .iter()
            .filter(|entry| entry.target.contains("/managedClusters/"))
            .count(),
        0
    );
}

/// Fails before: the roles, which `fleet apply` doesn't check, were printed as a handoff, because the new file doesn't have them.
#[test]
fn a_protected_cluster_that_was_adopted_needs_no_one_else() {
    let stage = Stage::new().unwrap();
    stage.configured();
    stage.az("platform", &["protect", "--yes"]).ok();
    platform(&stage, &["init", "--yes"]).ok().says("adopted");
    let run = platform(&stage, &["apply", "--yes"]).ok();
    assert!(!run.stdout.contains("subscription owner"), "{run}");
    assert!(!run.stdout.contains("az aksbackup grant"), "{run}");
    run.says("1 done").says("step 12 (backup)");
    let document = platform(&stage, &["apply", "--yes", "-o", "json"]).ok().json();
    assert_eq!(document["clusters"][0]["states"].get("roles"), None, "{document:#}");
    // What `protect` says of one cluster is the same.
    let state = file(&stage, "aks-demo");
    let run = stage.az("platform", &["protect", "--yes", "--state", state.to_str().unwrap()]);
    assert!(!run.ok().stdout.contains("az aksbackup grant"));
}

/// Fails before: protection that is configured stood for its roles: "1 done", "nothing to do", and the backup was next.
#[test]
fn a_protected_cluster_whose_roles_were_revoked_needs_its_owner() {
    let stage = Stage::new().unwrap();
    stage.configured();
    stage.az("platform", &["protect", "--yes"]).ok();
    let cluster = stage.value("/cloud/prerequisites/cluster_principal");
    let group = stage.value("/cloud/storage/snapshot_group");
    assert_eq!(stage.sandbox.azure().unassign(&cluster, "Contributor", &group), 1);
    platform(&stage, &["init", "--yes"]).ok().says("adopted");
    let run = platform(&stage, &["apply", "--yes"]).ends(Exit::TheirTurn.code());
    assert!(!run.stdout.contains("1 done"), "{run}");
    run.says("az aksbackup grant");
    let state = file(&stage, "aks-demo");
    let run = stage.az("platform", &["protect", "--yes", "--state", state.to_str().unwrap()]);
    assert!(!run.stdout.contains("az aksbackup backup"), "{run}");
    run.ends(Exit::TheirTurn.code())
        .says("1 role assignment is missing")
        .says("az aksbackup grant");
    // Fails before: a file that reports the roles stood for them.
    std::fs::copy(stage.state(), &state).unwrap();
    platform(&stage, &["plan"])
        .ends(Exit::TheirTurn.code())
        .says("1 role assignment is missing");
}

#[test]
fn what_no_one_confirmed_is_not_changed_until_the_digest_says_so() {
    let stage = bare(&["aks-two"], &[]);
    platform(&stage, &BY_TEMPLATE).ok();
    let confirmed = stage.folder().join(".local/state/aksbackup/confirmed");
    std::fs::remove_dir_all(confirmed).unwrap();
    let mark = stage.mark();
    let run = platform(&stage, &["apply", "--yes"]).ends(Exit::Usage.code());
    assert!(run.stderr.contains("aren't confirmed"), "{run}");
    assert!(stage.since(mark).iter().all(|entry| !entry.write));
    let digest = platform(&stage, &["plan", "-o", "json"]).json()["digest"]
        .as_str()
        .unwrap()
        .to_owned();
    platform(&stage, &["apply", "--yes", "--expect-digest", &digest, "--handoff-ok"]).ok();
    // Without --yes and without a terminal nothing is begun.
    let mark = stage.mark();
    platform(&stage, &["apply"]).ends(Exit::Usage.code()).says("--yes");
    assert!(stage.since(mark).iter().all(|entry| !entry.write));
}

#[test]
fn one_broken_one_stopped_and_one_forbidden_cluster_do_not_stop_the_others() {
    let names = ["aks-broken", "aks-closed", "aks-stopped", "aks-two", "aks-three"];
    let stage = bare(&names, &[]);
    platform(&stage, &BY_TEMPLATE).ok();
    std::fs::write(file(&stage, "aks-broken"), "schema = 2\n[target]\ncloud = 1\n").unwrap();
    let stopped = format!(
        "{}/providers/Microsoft.ContainerService/managedClusters/aks-stopped",
        ids::group_id(ids::CLUSTER_GROUP)
    );
    let mut body = stage.sandbox.azure().resource(&stopped).unwrap();
    body["properties"]["powerState"] = json!({ "code": "Stopped" });
    stage.sandbox.azure().place(body);
    let denied = "fault=403/AuthorizationFailed@GET:managedClusters/aks-closed:999";
    stage.sandbox.set(denied).unwrap();
    let run = platform(&stage, &["apply", "--yes", "-o", "json"]).ends(Exit::StateUnreadable.code());
    let document = run.json();
    // A file that can't be read is no cluster.
    assert_eq!(document["unusable"].as_array().unwrap().len(), 1, "{document:#}");
    for own in document["clusters"].as_array().unwrap() {
        let id = own["cluster"].as_str().unwrap_or_default();
        let name = id.rsplit('/').next().unwrap_or_default();
        let expected = match name {
            "aks-closed" => "not-permitted",
            "aks-stopped" => continue,
            _ => "their-turn",
        };
        assert_eq!(own["exit"], expected, "{own:#}");
    }
    assert!(text(&stage, "aks-three").contains("[cloud.trusted_access]"));
    let run = platform(&stage, &["apply", "--yes"]).ends(Exit::StateUnreadable.code());
    for words in ["rg-aks/aks-closed", "aks-broken-", "rg-aks/aks-stopped", "az aks start"] {
        assert!(
            run.stdout.contains(words) || run.stderr.contains(words),
            "{words}\n{run}"
        );
    }
}

#[test]
fn after_so_many_failures_no_further_cluster_is_begun() {
    let names = ["aks-b", "aks-c", "aks-d"];
    let stage = bare(&names, &[]);
    platform(&stage, &BY_TEMPLATE).ok();
    stage
        .sandbox
        .set("fault=403/AuthorizationFailed@GET:managedClusters:999")
        .unwrap();
    let run = platform(
        &stage,
        &["apply", "--yes", "--parallel", "1", "--max-failures", "2", "-o", "json"],
    )
    .ends(Exit::NotPermitted.code());
    assert_eq!(
        run.json()["counts"],
        json!({ "not-begun": 2, "not-permitted": 2 }),
        "{run}"
    );
}

#[test]
fn lines_of_several_clusters_each_name_theirs() {
    let stage = bare(&["aks-two", "aks-three"], &[]);
    platform(&stage, &BY_TEMPLATE).ok();
    let run = platform(&stage, &["apply", "--yes", "-v"]).ends(Exit::TheirTurn.code());
    let own = |line: &&str| line.contains('✓') && !line.starts_with(['(', ' ']);
    let lines: Vec<&str> = run.stderr.lines().filter(own).collect();
    assert!(lines.len() > 10, "{run}");
    for line in lines {
        let clusters = ["rg-aks/aks-demo: ", "rg-aks/aks-two: ", "rg-aks/aks-three: "];
        assert!(clusters.iter().any(|own| line.starts_with(own)), "{line}");
    }
}

/// What each state file says of what was created, without the credentials of the extension's identity: the clusters of this world have
/// one node resource group, and so one identity.
fn created(stage: &Stage) -> Vec<(PathBuf, Vec<String>)> {
    let lines = |path: &PathBuf| {
        let state: Value = toml::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
        let all = state.pointer("/cloud/created").and_then(Value::as_array);
        let mut all: Vec<String> = all
            .into_iter()
            .flatten()
            .filter(|own| own["step"] != "federated-credentials")
            .map(|own| format!("{} {}", own["step"], own["object"]))
            .collect();
        all.sort();
        all
    };
    files(stage)
        .iter()
        .map(|path| (path.file_name().unwrap().into(), lines(path)))
        .collect()
}

#[test]
fn a_run_that_is_killed_converges_when_it_is_run_again() {
    let undisturbed = {
        let stage = bare(&["aks-two", "aks-three"], &[]);
        platform(&stage, &BY_TEMPLATE).ok();
        platform(&stage, &["apply", "--yes", "--handoff-ok"]).ok();
        created(&stage)
    };
    assert!(
        undisturbed.iter().all(|(_, records)| records.len() >= 5),
        "{undisturbed:?}"
    );
    for writes in [1, 4, 9, 16] {
        let stage = bare(&["aks-two", "aks-three"], &[]);
        platform(&stage, &BY_TEMPLATE).ok();
        // Slow answers, so that the command can't end between two looks at its requests.
        stage.sandbox.set("latency=0.2").unwrap();
        let mark = stage.mark();
        let mut child = stage
            .az_command("platform", &["fleet", "apply", "fleet", "--yes"])
            .spawn()
            .unwrap();
        while child.try_wait().unwrap().is_none()
            && stage.since(mark).iter().filter(|entry| entry.write).count() < writes
        {
            std::thread::yield_now();
        }
        assert!(
            child.try_wait().unwrap().is_none(),
            "killed in the middle of {writes} writes"
        );
        child.kill().unwrap();
        child.wait().unwrap();
        stage.sandbox.set("latency=0").unwrap();
        let mut again = stage.az_command("platform", &["fleet", "apply", "fleet", "--yes", "--handoff-ok"]);
        finish(&mut again).ok().says("3 waiting for another person");
        assert_eq!(created(&stage), undisturbed, "killed after {writes} writes");
        for cluster in ["aks-demo", "aks-two", "aks-three"] {
            let state = text(&stage, cluster);
            assert!(
                state.contains("[cloud.trusted_access]") && state.contains("created"),
                "{writes}: {state}"
            );
        }
        let mark = stage.mark();
        platform(&stage, &["apply", "--yes", "--handoff-ok"]).ok();
        assert!(
            stage.since(mark).iter().all(|entry| !entry.write),
            "{writes}: it converged"
        );
    }
}
