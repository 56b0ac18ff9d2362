//! What other people put into the folder.

use std::os::unix::fs::symlink;

use super::apply::{BY_TEMPLATE, bare, platform};
use super::*;

fn put(stage: &Stage, name: &str, bytes: &[u8]) {
    std::fs::write(stage.folder().join("fleet").join(name), bytes).unwrap();
}

/// Fails before: a link that leads out of the folder was read, and written.
#[test]
fn hostile_files_are_named_and_neither_read_nor_waited_for() {
    let stage = bare(&["aks-two"], &[]);
    platform(&stage, &BY_TEMPLATE).ok();
    let good = text(&stage, "aks-two");
    put(&stage, "huge.toml", &vec![b'#'; 8 << 20]);
    put(&stage, "binary.toml", b"\xff\xfe\x00");
    put(
        &stage,
        "twice.toml",
        good.replacen("[target]", "[target]\nregion = \"a\"\nregion = \"b\"", 1)
            .as_bytes(),
    );
    put(&stage, "evil\x1b[2Jname.toml", b"schema = 2\n");
    put(
        &stage,
        "control.toml",
        good.replace("aks-two", "aks-\\u001b[31mred").as_bytes(),
    );
    let fleet = stage.folder().join("fleet");
    let outside = stage.folder().join("outside.toml");
    std::fs::write(&outside, good.replace("/aks-two", "/aks-secret")).unwrap();
    symlink(&outside, fleet.join("outside.toml")).unwrap();
    symlink("loop.toml", fleet.join("loop.toml")).unwrap();
    let fifo = std::process::Command::new("mkfifo")
        .arg(fleet.join("pipe.toml"))
        .status();
    assert!(fifo.unwrap().success());
    for command in [
        &["status", "--offline"][..],
        &["plan"],
        &["apply", "--yes", "--handoff-ok"],
    ] {
        let run = platform(&stage, command).ends(Exit::StateUnreadable.code());
        let shown = format!("{}{}", run.stdout, run.stderr);
        assert!(shown.contains("2 clusters: "), "{run}");
        assert!(shown.contains("; 8 files can't be used"), "{run}");
        for name in ["huge", "binary", "twice", "control", "loop", "pipe", "outside"] {
            assert!(shown.contains(&format!("fleet/{name}.toml")), "{name}\n{run}");
        }
        assert!(shown.contains("a symbolic link points outside the folder"), "{run}");
        assert!(!shown.contains("aks-secret"), "{run}");
        assert!(!shown.contains('\u{1b}'), "{run}");
    }
    assert_eq!(
        std::fs::read_to_string(&outside).unwrap(),
        good.replace("/aks-two", "/aks-secret")
    );
    assert!(
        text(&stage, "aks-two").contains("[cloud.trusted_access]"),
        "the others are worked on"
    );
}

#[test]
fn a_file_of_another_tenant_or_subscription_fails_alone() {
    let stage = bare(&["aks-two", "aks-three"], &[]);
    platform(&stage, &BY_TEMPLATE).ok();
    let other = "99999999-9999-4999-8999-999999999999";
    let edit = |cluster: &str, from: &str| {
        let text = text(&stage, cluster);
        std::fs::write(file(&stage, cluster), text.replace(from, other)).unwrap();
    };
    edit("aks-two", ids::TENANT);
    edit("aks-three", ids::SUBSCRIPTION);
    let mark = stage.mark();
    let run = platform(&stage, &["plan", "-o", "json"]);
    let document = run.json();
    let exit = |cluster: &str| {
        let all = document["clusters"].as_array().unwrap();
        let own = all
            .iter()
            .find(|own| own["cluster"].as_str().unwrap().ends_with(cluster));
        own.unwrap()["exit"].as_str().unwrap().to_owned()
    };
    assert_eq!(exit("aks-two"), "not-permitted", "{document:#}");
    assert_eq!(exit("aks-demo"), "pending", "{document:#}");
    assert_ne!(exit("aks-three"), "pending", "{document:#}");
    let of_two = stage
        .since(mark)
        .into_iter()
        .filter(|entry| entry.target.contains("/aks-two"));
    assert_eq!(of_two.count(), 0, "another tenant's cluster isn't asked for");
}

/// Fails before: a template that lay in the folder confirmed resources that exist, as a flag does.
#[test]
fn a_template_in_the_folder_confirms_nothing_unless_the_user_names_it() {
    let stage = bare(&["aks-two"], &[]);
    // The vault that the template names exists.
    fleet::place(stage.sandbox.azure(), &[]);
    platform(&stage, &["init", "--yes"]).ok();
    let mark = stage.mark();
    let run = platform(&stage, &["apply", "--yes"]).ends(Exit::Usage.code());
    assert!(run.stderr.contains("aren't confirmed"), "{run}");
    assert!(stage.since(mark).iter().all(|entry| !entry.write));
    for key in [
        "tenant = \"x\"",
        "cluster = \"x\"",
        "written = \"x\"",
        "confirmed = true",
    ] {
        put(&stage, "fleet.toml", format!("[target]\n{key}\n").as_bytes());
        platform(&stage, &["init", "--yes"])
            .ends(Exit::Usage.code())
            .says("fleet.toml:2:");
    }
}

#[test]
fn a_handoff_that_is_expected_hides_no_failure() {
    let stage = bare(&["aks-two", "aks-three"], &[]);
    platform(&stage, &BY_TEMPLATE).ok();
    let denied = "fault=403/AuthorizationFailed@GET:managedClusters/aks-two:999";
    stage.sandbox.set(denied).unwrap();
    platform(&stage, &["apply", "--yes", "--handoff-ok"])
        .ends(Exit::NotPermitted.code())
        .says("2 waiting for another person");
}

/// Fails before: with `--handoff-ok`, the exit code was 0.
#[test]
fn an_account_that_can_only_read_changes_nothing_and_is_told_so_for_each_cluster() {
    let stage = bare(&["aks-two"], &[]);
    platform(&stage, &BY_TEMPLATE).ok();
    let mark = stage.mark();
    let run = stage.az("reader", &["fleet", "apply", "fleet", "--yes"]);
    assert_eq!(run.code, i32::from(Exit::TheirTurn.code()), "{run}");
    assert!(
        run.stdout.contains("rg-aks/aks-demo") && run.stdout.contains("rg-aks/aks-two"),
        "{run}"
    );
    let mut writes = stage.since(mark).into_iter().filter(|entry| entry.write);
    assert!(writes.all(|entry| entry.status == 403), "{run}");
    assert!(
        !text(&stage, "aks-two").contains("[cloud.storage]"),
        "{}",
        text(&stage, "aks-two")
    );
    // Its own steps can't be done: that isn't a handoff to expect.
    let run = stage.az("reader", &["fleet", "apply", "fleet", "--yes", "--handoff-ok"]);
    run.ends(Exit::NotPermitted.code());
}

#[test]
fn events_that_cannot_be_written_are_told_and_stop_nothing() {
    let stage = bare(&["aks-two"], &[]);
    platform(&stage, &BY_TEMPLATE).ok();
    let run = platform(&stage, &["plan", "--events", "/dev/full"]);
    assert!(run.ends(Exit::Failed.code()).stderr.contains("cannot write the events"));
}

#[test]
fn what_was_reviewed_is_what_is_applied() {
    let stage = bare(&["aks-two"], &[]);
    platform(&stage, &BY_TEMPLATE).ok();
    let digest = platform(&stage, &["plan", "-o", "json"]).json()["digest"]
        .as_str()
        .unwrap()
        .to_owned();
    let apply = |stage: &Stage| platform(stage, &["apply", "--yes", "--handoff-ok", "--expect-digest", &digest]);
    let (mark, good) = (stage.mark(), text(&stage, "aks-two"));
    // A file more, a file less, and a file that says something else.
    put(&stage, "added.toml", good.replace("/aks-two", "/aks-three").as_bytes());
    apply(&stage).ends(Exit::StateUnreadable.code()).says("expected digest");
    std::fs::remove_file(stage.folder().join("fleet/added.toml")).unwrap();
    std::fs::remove_file(file(&stage, "aks-two")).unwrap();
    apply(&stage).ends(Exit::StateUnreadable.code());
    put(
        &stage,
        "renamed.toml",
        good.replace("rg-snapshots", "rg-elsewhere").as_bytes(),
    );
    apply(&stage).ends(Exit::StateUnreadable.code());
    assert!(stage.since(mark).iter().all(|entry| !entry.write));
    put(&stage, "renamed.toml", good.as_bytes());
    apply(&stage).ok();
}
