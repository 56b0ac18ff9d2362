//! Advice: nothing that is printed tells people to destroy or open something, unless it names the decision.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use aksbackup_tests::advice::{destructive_command, is_undecided, literals, sources};

/// A planned change of `teardown` of what this tool created.
const OF_TEARDOWN: &str =
    "a planned change of teardown, which the person confirms, of what Azure confirms to be this tool's";

/// Texts that begin with such a verb and are no advice, each with the reason.
const REVIEWED: [(&str, &str); 12] = [
    ("delete pods", "the permission of that change"),
    (
        "remove the client ID from service account {}",
        "a planned change of unconfigure, which the person confirms and which configure makes again",
    ),
    (
        "remove the label from deployment {}'s pod template and restart its pods once",
        "a planned change of unconfigure, which the person confirms and which configure makes again",
    ),
    (
        "delete pod {}, which was created without workload identity injection",
        "a planned change of configure, which the person confirms and which its deployment replaces",
    ),
    ("delete backup instance {} and all its backups", OF_TEARDOWN),
    ("delete Trusted Access role binding {}", OF_TEARDOWN),
    ("remove {} of the {} (principal {}) on {}", OF_TEARDOWN),
    ("delete federated credential {} for {}", OF_TEARDOWN),
    ("delete extension {} of cluster {}", OF_TEARDOWN),
    ("delete backup policy {} in vault {}", OF_TEARDOWN),
    ("delete Backup vault {}", OF_TEARDOWN),
    ("delete resource group {}", OF_TEARDOWN),
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Returns every text of a row of the catalog that people read.
fn texts_of_catalog() -> Vec<(String, String)> {
    let folder = root().join("shared/src/diagnosis/failures");
    let mut all = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let page: toml::Table = std::fs::read_to_string(entry.unwrap().path()).unwrap().parse().unwrap();
        // One of the files lists the sources of the others.
        for row in page
            .get("failure")
            .and_then(toml::Value::as_array)
            .into_iter()
            .flatten()
        {
            let id = row["id"].as_str().unwrap();
            let texts = row.as_table().unwrap().iter().filter(|(key, _)| *key != "source");
            all.extend(texts.filter_map(|(key, text)| Some((format!("{id}.{key}"), text.as_str()?.to_owned()))));
        }
    }
    assert!(all.len() > 600, "the catalog has {} texts", all.len());
    all
}

/// Returns every string literal of the three crates that ship.
fn texts_of_sources() -> Vec<(String, String)> {
    let files = ["shared", "az-aksbackup", "kubectl-aksbackup"].map(|own| sources(&root().join(own).join("src")));
    let texts = |(path, source): (String, String)| literals(&source).into_iter().map(move |own| (path.clone(), own));
    let all: Vec<_> = files.into_iter().flatten().flat_map(texts).collect();
    assert!(all.len() > 5000, "the sources have {} texts", all.len());
    all
}

#[test]
fn no_printed_text_has_a_destructive_command_that_is_ready_to_paste() {
    let all = texts_of_catalog().into_iter().chain(texts_of_sources());
    let found: Vec<_> = all
        .filter_map(|(place, text)| Some(format!("{place}: {}", destructive_command(&text)?)))
        .collect();
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn whatever_is_to_be_removed_is_named_as_a_decision() {
    let fixes = texts_of_catalog();
    let fixes = fixes.into_iter().filter(|(place, _)| place.ends_with(".fix"));
    let mut seen = BTreeSet::new();
    let mut found = Vec::new();
    for (place, text) in fixes.chain(texts_of_sources()).filter(|(_, text)| is_undecided(text)) {
        match REVIEWED.iter().find(|(own, _)| *own == text) {
            Some((own, _)) => {
                seen.insert(*own);
            }
            None => found.push(format!("{place}: {text}")),
        }
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
    assert_eq!(seen.len(), REVIEWED.len(), "a reviewed text is gone: {seen:?}");
}

/// Texts that name a command of ours and are no command lines to run: what a file or a page says of itself.
const ABOUT_OURSELVES: [&str; 2] = ["# State of the backup configuration", "# Known failures"];

/// A command line in a text has neither the name that the program was called by nor its state file.
#[test]
fn command_lines_of_ours_are_data_and_no_part_of_a_text() {
    let of_help = |(place, _): &(String, String)| place.ends_with("/cli.rs");
    let sources = texts_of_sources().into_iter().filter(|own| !of_help(own));
    let fixes = texts_of_catalog()
        .into_iter()
        .filter(|(place, _)| place.ends_with(".fix"));
    // In the catalog, command lines stand between backticks.
    let unmarked = fixes.map(|(place, text)| (place, text.split('`').step_by(2).collect::<String>()));
    let found: Vec<_> = sources
        .chain(unmarked)
        .filter(|(_, text)| !ABOUT_OURSELVES.iter().any(|own| text.trim_start().starts_with(own)))
        .filter(|(_, text)| names_command(text))
        .map(|(place, text)| format!("{place}: {text}"))
        .collect();
    assert!(found.is_empty(), "{}", found.join("\n"));
    assert!(names_command("run az aksbackup prepare") && !names_command("the file of az aksbackup and others"));
}

fn names_command(text: &str) -> bool {
    const COMMANDS: [&str; 27] = [
        "backup",
        "configure",
        "diff",
        "doctor",
        "grant",
        "handoff",
        "init",
        "jobs",
        "list",
        "logs",
        "merge",
        "migrate",
        "points",
        "prepare",
        "protect",
        "report",
        "restore",
        "resume",
        "schema",
        "status",
        "stop",
        "suspend",
        "teardown",
        "unconfigure",
        "undelete",
        "up",
        "verify",
    ];
    text.split("aksbackup ").skip(1).any(|rest| {
        let word = rest
            .split(|c: char| !c.is_ascii_alphanumeric())
            .next()
            .unwrap_or_default();
        COMMANDS.contains(&word)
    })
}

#[test]
fn commands_and_verbs_that_destroy_are_recognized_in_each_spelling() {
    for harmful in [
        "whoever made it: az lock delete --ids {}",
        "see it: kubectl get pods; then kubectl --namespace x delete pod y",
        "run `velero uninstall --namespace NAMESPACE`",
        "az storage account update --default-action Allow",
        "az storage account update --allow-shared-key-access=true",
        "az dataprotection backup-vault update --soft-delete-state AlwaysOn",
    ] {
        assert!(destructive_command(harmful).is_some(), "{harmful}");
    }
    for harmless in [
        "decide whether to delete it, and list them: az lock list --output table",
        "az dataprotection backup-instance deleted-backup-instance undelete",
        "kubectl aksbackup unconfigure",
        "az aksbackup prepare; it never deletes: kubectl get pods",
    ] {
        assert_eq!(destructive_command(harmless), None, "{harmless}");
    }
    for (text, undecided) in [
        ("Remove those that nobody needs.", true),
        ("If it has that role, remove it and run grant again.", true),
        ("Install the extension anew; prepare does it.", true),
        ("Decide with its owner whether to remove it.", false),
        ("What was removed stays so.", false),
        ("delete", false),
    ] {
        assert_eq!(is_undecided(text), undecided, "{text}");
    }
}

#[test]
fn literals_are_read_as_the_compiler_reads_them() {
    let source = r##"
        // "a comment"
        /// "a doc comment", don't
        fn f<'a>(c: char) -> &'a str { if c == '"' || c == '\'' { "one \"two\" \
            three" } else { r#"raw "four""# } }
        const URL: &str = "https://five";
        #[cfg(test)]
        mod tests { const X: &str = "six"; }
    "##;
    let source = source.replace("        ", "");
    assert_eq!(literals(&source), ["one \"two\" three", "raw \"four\"", "https://five"]);
}
