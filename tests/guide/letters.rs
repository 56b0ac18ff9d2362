//! Resource groups with letters outside ASCII, which Azure accepts.

use aksbackup_tests::harness::Stage;

const GROUP: &str = "RG-BÄCKUP_(Über).部門";

#[test]
fn a_resource_group_has_letters_of_every_script() {
    let stage = Stage::new().unwrap();
    let az = |arguments: &[&str]| stage.az("everything", arguments).ok();
    az(&[
        "init",
        "-g",
        "rg-aks",
        "-n",
        "aks-demo",
        "--storage-resource-group",
        GROUP,
        "--vault-resource-group",
        GROUP,
        "--snapshot-group",
        GROUP,
        "--yes",
    ]);
    az(&["prepare", "--yes"]);
    stage.grant("everything").ok();
    stage.configure("cluster-admin", &[]).ok();
    az(&["protect", "--yes"]);
    az(&["backup", "--yes"]);
    az(&["verify"]);
    az(&["status"]).says("done");
    assert_eq!(stage.value("/target/vault/resource_group"), GROUP);
    for command in ["prepare", "protect"] {
        az(&[command, "--yes"]).says("nothing to do");
    }
    let sent = stage.since(0);
    let escaped = |target: &str| target.is_ascii() && !target.contains(' ');
    assert!(sent.iter().all(|entry| escaped(&entry.target)));
    assert!(
        sent.iter()
            .any(|entry| entry.target.contains("B%C3%84CKUP_(%C3%9Cber)")),
        "{GROUP}"
    );
}

#[test]
fn a_name_that_could_be_read_as_another_is_refused() {
    let stage = Stage::new().unwrap();
    for group in [
        "rg-b\u{430}ckup",
        "rg\u{202e}x",
        "rg\u{3164}",
        "A\u{308}",
        "rg\u{200b}",
        "rg／x",
        "rg-adm\u{131}n",
        "rg\u{4e00}aks",
        "rg\u{30fc}aks",
        "rg-\u{3163}ab",
    ] {
        let run = stage
            .az("platform", &["init", "--storage-resource-group", group, "--yes"])
            .ends(2);
        assert!(run.stderr.contains("letters or decimal digits"), "{run}");
    }
    assert!(stage.since(0).is_empty(), "nothing was sent");
}
