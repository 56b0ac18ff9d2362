use crate::command_line::{az, kubectl};

use super::*;

fn called(line: &str) -> Called {
    Called {
        command: "prepare",
        arguments: line.split(' ').map(str::to_owned).collect(),
        is_in_az: false,
    }
}

/// Fails before: each of two refusals printed a command without the flags that the other one had asked for.
#[test]
fn a_command_keeps_what_the_process_was_called_with() {
    let own =
        called("--timeout 5m prepare --state x.toml --cluster rg/aks --snapshot-group=rg-s --dry-run --yes -o json");
    let cases = [
        (
            "prepare --reduce-protection --yes",
            "prepare --reduce-protection --timeout 5m --cluster rg/aks --snapshot-group=rg-s -o json --yes",
        ),
        (
            "prepare --subscription SUBSCRIPTION --cluster RESOURCE-GROUP/NAME --snapshot-resource-group RESOURCE-GROUP",
            "prepare --subscription SUBSCRIPTION --timeout 5m --cluster rg/aks --snapshot-group=rg-s -o json --yes",
        ),
        ("grant --yes", "grant --yes"),
    ];
    for (line, told) in cases {
        assert_eq!(az(line).completed(&own, false), format!("az aksbackup {told}"));
    }
    assert_eq!(
        kubectl("configure").completed(&own, false),
        "kubectl aksbackup configure"
    );
}

#[test]
fn a_question_that_was_not_skipped_is_asked_again_and_an_argument_stays() {
    let line = az("prepare --irreversible RESOURCE-GROUP/VAULT");
    assert_eq!(
        line.completed(&called("prepare --plan-out=plan.json --subject prepare"), false),
        "az aksbackup prepare --irreversible RESOURCE-GROUP/VAULT --subject prepare"
    );
    let apply = Called {
        command: "apply",
        arguments: ["apply", "my plan.json", "--yes"].map(str::to_owned).into(),
        is_in_az: false,
    };
    assert_eq!(
        az("apply 'my plan.json' --vault RESOURCE-GROUP/NAME --yes").completed(&apply, false),
        "az aksbackup apply 'my plan.json' --vault RESOURCE-GROUP/NAME --yes"
    );
}

fn raw(arguments: &[&str]) -> Called {
    Called {
        command: "prepare",
        arguments: arguments.iter().map(|own| (*own).to_owned()).collect(),
        is_in_az: false,
    }
}

/// Fails before: the quoted word was no flag any more, so that it was printed twice, or kept although it is dropped.
#[test]
fn a_flag_whose_value_needs_quotes_is_still_that_flag() {
    let own = raw(&["prepare", "--label-selector=app in (web)", "--plan-out=my plan.json"]);
    assert_eq!(
        az("prepare --label-selector 'app in (web)' --reduce-protection").completed(&own, false),
        "az aksbackup prepare --reduce-protection '--label-selector=app in (web)'"
    );
    // A value that looks like one of our flags is a value.
    let own = raw(&[
        "prepare",
        "--label-selector",
        "app in (--yes)",
        "--state",
        "my file.toml",
    ]);
    assert_eq!(
        az("prepare").completed(&own, false),
        "az aksbackup prepare --label-selector 'app in (--yes)'"
    );
}

/// Fails before: a dry run of kubectl names its kind, and was kept.
#[test]
fn a_dry_run_is_not_repeated() {
    let own = Called {
        command: "configure",
        ..raw(&["configure", "--dry-run=server", "--context", "aks"])
    };
    assert_eq!(
        kubectl("configure --yes").completed(&own, false),
        "kubectl aksbackup configure --context aks --yes"
    );
}

/// Fails before: `-qy` was kept next to `--yes`, which the parser refuses.
#[test]
fn short_flags_that_stand_together_are_told_apart() {
    for (word, told) in [
        ("-qy", "az aksbackup prepare -q --yes"),
        ("-yojson", "az aksbackup prepare -ojson --yes"),
        ("-y", "az aksbackup prepare --yes"),
        ("-oyaml", "az aksbackup prepare -oyaml"),
        ("-v", "az aksbackup prepare -v"),
    ] {
        assert_eq!(az("prepare").completed(&raw(&[word, "prepare"]), false), told);
    }
}

/// Fails before: the printed line expected the digest of a file that this run had changed.
#[test]
fn the_digest_of_a_file_that_was_written_is_not_expected_again() {
    for own in [
        raw(&["prepare", "--expect-digest", "sha256:1"]),
        raw(&["prepare", "--expect-digest=sha256:1"]),
    ] {
        assert_eq!(az("prepare").completed(&own, true), "az aksbackup prepare");
        assert!(az("prepare").completed(&own, false).words.contains("--expect-digest"));
    }
}

/// What az's extension makes of a command, as it calls this program.
fn in_az(arguments: &[&str]) -> Called {
    Called {
        is_in_az: true,
        ..raw(arguments)
    }
}

/// Fails before: `--output=text`, `--quiet` and `--` of the extension were printed, and az accepts none of them.
#[test]
fn a_line_for_az_has_no_flag_that_its_extension_added() {
    for extra in ["--quiet", "--verbose"] {
        let own = in_az(&["prepare", "--output=text", extra, "--only=storage", "--yes"]);
        assert_eq!(
            az("prepare --reduce-protection").completed(&own, false),
            "az aksbackup prepare --reduce-protection --only=storage --yes"
        );
    }
    let apply = Called {
        command: "apply",
        ..in_az(&["apply", "--output=json", "--timeout=5m", "--", "my plan.json"])
    };
    assert_eq!(
        az("apply --irreversible RESOURCE-GROUP/VAULT --yes").completed(&apply, false),
        "az aksbackup apply 'my plan.json' --irreversible RESOURCE-GROUP/VAULT --timeout=5m --yes"
    );
    assert_eq!(
        az("apply 'my plan.json'").completed(&apply, false),
        "az aksbackup apply 'my plan.json' --timeout=5m"
    );
}

/// Fails before: az takes the last `--operation-requests` only.
#[test]
fn values_of_a_flag_that_az_takes_once_stand_together() {
    let own = in_az(&[
        "prepare",
        "--operation-requests=a",
        "--only=storage",
        "--operation-requests=b",
    ]);
    assert_eq!(
        az("prepare").completed(&own, false),
        "az aksbackup prepare --operation-requests a b --only=storage"
    );
}

/// Fails before: `--yes` was put behind it, where it is an argument.
#[test]
fn a_question_is_skipped_before_the_end_of_all_flags() {
    let own = raw(&["prepare", "--", "-x"]);
    assert_eq!(
        az("prepare --reduce-protection --yes").completed(&own, false),
        "az aksbackup prepare --reduce-protection --yes -- -x"
    );
}

/// Fails before: both were printed, which the parser refuses.
#[test]
fn a_short_flag_is_that_flag() {
    for word in ["-grg-aks", "-g=rg-aks"] {
        assert_eq!(
            az("prepare --resource-group NAME").completed(&raw(&["prepare", word]), false),
            format!("az aksbackup prepare {word}")
        );
    }
}

fn called_as(command: &'static str, line: &str) -> Called {
    Called {
        command,
        ..called(line)
    }
}

/// Fails before: the line for another retention dropped the cluster, and the other settings.
#[test]
fn init_is_repeated_with_another_value_for_what_was_refused() {
    let own = called_as(
        "init",
        "init -g rg-aks -n aks-demo --retention 400d --set vault.immutability=Locked --yes",
    );
    assert_eq!(
        az("init --set policy.retention=360d --set policy.vault_tier_retention=PERIOD").completed(&own, false),
        "az aksbackup init --set policy.retention=360d --set policy.vault_tier_retention=PERIOD \
         -g rg-aks -n aks-demo --set vault.immutability=Locked --yes"
    );
    // Fails before: a flag without a row of its own was repeated beside the value that replaces it.
    let own = called_as("init", "init --snapshot-group rg-a --sku Standard_GRS --yes");
    assert_eq!(
        az("init --set snapshots.resource_group=rg-b --set storage.sku=Standard_LRS").completed(&own, false),
        "az aksbackup init --set snapshots.resource_group=rg-b --set storage.sku=Standard_LRS --yes"
    );
    assert_eq!(
        az("init --container NAME").completed(&called_as("init", "init --container aks -g rg-aks"), false),
        "az aksbackup init --container NAME -g rg-aks"
    );
}

/// Fails before: `--parallel` and `--max-failures` were dropped.
#[test]
fn a_command_over_a_folder_is_repeated_with_its_flags() {
    let own = called_as("fleet apply", "fleet apply clusters --parallel 4 --shard 1/4 --yes");
    assert_eq!(
        az("fleet apply clusters --shard 1/4 --expect-digest DIGEST").completed(&own, false),
        "az aksbackup fleet apply clusters --expect-digest DIGEST --parallel 4 --shard 1/4 --yes"
    );
    assert_eq!(
        az("fleet plan clusters").completed(&own, false),
        "az aksbackup fleet plan clusters"
    );
}

/// Fails before: both were printed, which the parser refuses.
#[test]
fn more_words_are_not_asked_for_quietly() {
    assert_eq!(
        az("prepare --verbose").completed(&raw(&["prepare", "-qy"]), false),
        "az aksbackup prepare --verbose --yes"
    );
}
