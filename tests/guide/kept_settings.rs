//! Settings that Azure keeps for good, edited in the file after the resource was created.

use aksbackup_shared::exit::Exit;

use crate::cloud_world::Protected;

/// The key's line in the file, the edited one, and what is said of it.
const EDITS: [(&str, &str, [&str; 2]); 3] = [
    (
        "sku = \"Standard_LRS\"",
        "sku = \"Standard_ZRS\"",
        [
            "SKU of the storage account",
            "Standard_LRS (the target has Standard_ZRS)",
        ],
    ),
    (
        "redundancy = \"LocallyRedundant\"",
        "redundancy = \"ZoneRedundant\"",
        [
            "redundancy of the vault",
            "LocallyRedundant (the target has ZoneRedundant)",
        ],
    ),
    (
        "[target.instance]\nname = \"",
        "[target.instance]\nname = \"x",
        ["name of the backup instance", "(the target has x"],
    ),
];

/// Fails before: nothing told of them, and `prepare` and `protect` reported that there was nothing to change.
#[test]
fn each_is_a_difference_and_the_printed_command_ends_it() {
    let world = Protected::new();
    let stage = &world.stage;
    stage.az("everything", &["verify"]).ok();
    let before = stage.state_text();
    for (line, edited, says) in EDITS {
        assert!(before.contains(line), "{line}\n{before}");
        std::fs::write(stage.state(), before.replacen(line, edited, 1)).unwrap();
        let mark = stage.mark();
        stage
            .az("everything", &["status", "--check"])
            .ends(Exit::Pending.code())
            .says(says[0])
            .says(says[1]);
        let found = stage
            .az("everything", &["verify"])
            .ends(Exit::Pending.code())
            .says(says[0])
            .says(says[1]);
        let hint = found.stdout.split("az aksbackup init --set ").nth(1).unwrap();
        let change = hint.split_whitespace().next().unwrap();
        stage.az("everything", &["init", "--set", change, "--yes"]).ok();
        stage.az("everything", &["verify"]).ok();
        assert_eq!(stage.writes_since(mark), Vec::<String>::new(), "{line}");
        assert!(stage.state_text().contains(line), "{line}\n{}", stage.state_text());
    }
}

/// Fails before: nothing told that the name isn't that of the extension.
#[test]
fn another_name_of_the_extension_is_told_and_changes_nothing() {
    let world = Protected::new();
    let stage = &world.stage;
    let text = stage.state_text();
    let edited = text.replacen("name = \"azure-aks-backup\"", "name = \"another\"", 1);
    assert_ne!(text, edited);
    std::fs::write(stage.state(), edited).unwrap();
    let says = "the target names it another, which has no effect";
    let mark = stage.mark();
    stage.az("everything", &["verify"]).ok().says(says);
    stage.az("everything", &["status", "--check"]).ok().says(says);
    assert_eq!(stage.writes_since(mark), Vec::<String>::new());
}
