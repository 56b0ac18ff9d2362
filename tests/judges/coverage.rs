//! How well Microsoft's definitions cover what the binaries ask.

use std::collections::BTreeSet;
use std::io::{self, Write as _};

use aksbackup_tests::harness::{INIT, Stage};
use aksbackup_tests::log::Entry;
use aksbackup_tests::schema::{Basis, Checker, Coverage};

use crate::definitions::checker;

/// The whole job by the real binaries, from unregistered providers and missing groups to a backup, with its listings and a
/// second run.
pub(crate) fn whole_job() -> Stage {
    let stage = Stage::with(&["providers_registered=false"]).unwrap();
    whole_job_on(&stage);
    stage
}

/// The same on a stage of the caller's.
pub(crate) fn whole_job_on(stage: &Stage) {
    let everything = |arguments: &[&str]| stage.az("everything", arguments);
    everything(&INIT.map(|word| if word == "rg-backup" { "rg-new" } else { word })).ok();
    everything(&["prepare", "--yes"]).ok();
    stage.grant("everything").ok();
    stage.configure("cluster-admin", &[]).ok();
    for command in ["protect", "backup", "jobs", "status", "prepare"] {
        let yes: &[&str] = if matches!(command, "jobs" | "status") {
            &[]
        } else {
            &["--yes"]
        };
        everything(&[&[command], yes].concat()).ok();
    }
    everything(&["points"]).ok();
    everything(&["restore", "--namespace", "shop=shop-restored", "--yes"]).ok();
    for command in ["suspend", "resume", "stop", "resume", "undelete"] {
        if command == "undelete" {
            stage.sandbox.set("instance_state=SoftDeleted").unwrap();
        }
        let reduces: &[&str] = match command {
            "suspend" | "stop" => &["--reduce-protection"],
            _ => &[],
        };
        everything(&[&[command, "--yes"], reduces].concat()).ok();
    }
}

/// What the judgement of each request of `az-aksbackup` to ARM rests on, each operation and api-version once.
pub(crate) fn bases(checker: &Checker, entries: &[Entry]) -> BTreeSet<Basis> {
    let asked = entries
        .iter()
        .filter(|entry| entry.service == "arm" && !entry.target.starts_with("/metadata"));
    asked
        .map(|entry| {
            let basis = checker.basis(&entry.method, &entry.target);
            assert!(
                basis.is_some(),
                "no definition covers {} {}",
                entry.method,
                entry.target
            );
            basis.unwrap()
        })
        .collect()
}

fn word(coverage: Coverage) -> &'static str {
    match coverage {
        Coverage::Strict => "strict",
        Coverage::Bicep => "bicep",
        Coverage::Older => "older",
        Coverage::Unpublished => "unpublished",
    }
}

#[test]
fn every_operation_of_the_binaries_is_covered_or_has_its_reason() {
    let Some(checker) = checker() else { return };
    let stage = whole_job();
    let bases = bases(&checker, &stage.since(0));
    let mut table = String::new();
    for basis in &bases {
        let Basis {
            operation,
            version,
            coverage,
            reason,
        } = basis;
        let word = word(*coverage);
        table += &format!("  {operation:<48} {version:<19} {word:<12} {reason}\n");
        assert!(
            *coverage == Coverage::Strict || !reason.is_empty(),
            "{operation} {version} is not covered strictly, for no reason"
        );
    }
    let strict = bases.iter().filter(|basis| basis.coverage == Coverage::Strict).count();
    writeln!(
        io::stderr(),
        "\n{} operations of az-aksbackup, {strict} of them under Microsoft's own definition of their api-version:\n{table}",
        bases.len()
    )
    .unwrap();
    assert!(
        bases.len() >= 40,
        "the whole job asks more than {} operations",
        bases.len()
    );
}

/// The sandbox takes an address in its normal form as well, as Microsoft's clients send it back; ours has to change nothing.
#[test]
fn signed_addresses_come_back_byte_for_byte() {
    let stage = Stage::new().unwrap();
    stage.prepared();
    let entries = stage.since(0);
    let polls: Vec<&str> = entries
        .iter()
        .map(|entry| entry.target.as_str())
        .filter(|target| target.contains("/operationStatus/"))
        .collect();
    assert!(!polls.is_empty());
    assert!(polls.iter().all(|target| target.contains("%2d%3d&s=")), "{polls:#?}");
}
