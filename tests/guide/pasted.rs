//! A refusal prints a command: pasted again and again, with the values that it leaves open, it ends in what the person wanted.

use aksbackup_shared::exit::Exit;
use aksbackup_tests::harness::{Run, Stage, finish};
use serde_json::json;

use crate::cloud_world::Protected;

/// More refusals than these after another ask in a circle.
const ROUNDS: usize = 4;

/// The values for what a printed command leaves open.
fn value(stage: &Stage, flag: &str) -> String {
    let known = stage.vouchers();
    let at = known.iter().position(|own| own == flag);
    match (flag, at) {
        (_, Some(at)) => known[at + 1].clone(),
        ("--irreversible", None) => known[5].clone(),
        _ => panic!("nothing is known of {flag}"),
    }
}

/// The words behind `az aksbackup` of the last command that a refusal prints, filled in.
fn printed(stage: &Stage, run: &Run) -> Vec<String> {
    let hints = run.stderr.lines().filter(|line| line.contains("hint:"));
    let mut lines = hints
        .filter_map(|line| line.split_once("az aksbackup "))
        .map(|(_, line)| line);
    let line = lines
        .next_back()
        .unwrap_or_else(|| panic!("no command is printed\n{run}"));
    let words: Vec<&str> = line.split_whitespace().collect();
    let mut all: Vec<String> = Vec::new();
    for (at, word) in words.iter().enumerate() {
        let is_open = !word.starts_with('-') && word.chars().all(|c| c.is_ascii_uppercase() || "/-".contains(c));
        all.push(match is_open {
            true => value(stage, words[at - 1]),
            false => (*word).to_owned(),
        });
    }
    all
}

/// Runs a command as a person who remembers nothing, and then whatever it prints.
fn pasted(stage: &Stage, persona: &str, first: &[&str]) -> (Run, Vec<String>) {
    let mut words: Vec<String> = first.iter().map(|own| (*own).to_owned()).collect();
    for _ in 0..ROUNDS {
        let home = tempfile::tempdir().unwrap();
        let line: Vec<&str> = words.iter().map(String::as_str).collect();
        let run = finish(stage.az_command(persona, &line).env("HOME", home.path()));
        if run.code != i32::from(Exit::Usage.code()) {
            return (run, words);
        }
        words = printed(stage, &run);
    }
    panic!("after {ROUNDS} rounds it is still refused: {words:?}");
}

fn is_kept(words: &[String], flags: &[&str]) {
    for flag in flags {
        assert!(words.iter().any(|own| own == flag), "{flag} is missing: {words:?}");
    }
}

/// Fails before: the command that confirmed the resources dropped the flag for reduced protection, and the other way round.
#[test]
fn suspend_and_teardown_ask_in_no_circle() {
    let world = Protected::new();
    let stage = &world.stage;
    let first = ["suspend", "--yes", "--timeout", "80m"];
    let (run, words) = pasted(stage, "platform", &first);
    run.ok();
    is_kept(
        &words,
        &["--timeout", "--reduce-protection", "--snapshot-resource-group"],
    );
    stage.az("platform", &["resume", "--yes"]).ok();
    // As long as the backups are kept, it reduces protection as well.
    let (run, words) = pasted(stage, "everything", &["teardown", "--yes", "--timeout", "80m"]);
    run.ok();
    is_kept(&words, &["--reduce-protection", "--vault"]);
    let first = [
        "teardown",
        "--yes",
        "--delete-backups",
        "rg-aks/aks-demo",
        "--timeout",
        "80m",
    ];
    let (run, words) = pasted(stage, "everything", &first);
    run.ok();
    is_kept(&words, &["rg-aks/aks-demo", "--timeout", "--vault"]);
}

/// A vault to be locked for good whose retention is shortened as well: three refusals, each with a flag of its own.
fn lasting() -> Stage {
    let stage = Stage::new().unwrap();
    stage.init("platform").ok();
    let set = |values: &[&str]| {
        let flags: Vec<&str> = values.iter().flat_map(|own| ["--set", *own]).collect();
        stage
            .az("platform", &[&["init", "--yes"], flags.as_slice()].concat())
            .ok();
    };
    set(&["vault.soft_delete_days=30"]);
    stage.az("platform", &["prepare", "--yes"]).ok();
    set(&["vault.soft_delete_days=14", "vault.immutability=Locked"]);
    stage
}

fn locked(stage: &Stage) -> bool {
    let vault = stage.sandbox.resource(&stage.value("/cloud/vault/vault")).unwrap();
    vault["properties"]["securitySettings"]["immutabilitySettings"]["state"] == json!("Locked")
}

#[test]
fn prepare_asks_in_no_circle() {
    let stage = lasting();
    let (run, words) = pasted(&stage, "platform", &["prepare", "--yes", "--skip", "storage"]);
    run.ok();
    is_kept(
        &words,
        &["--skip", "--reduce-protection", "--irreversible", "--cluster"],
    );
    assert!(locked(&stage));
}

/// Fails before: the plan was saved, and `apply` had no flag with which it could ever be applied.
#[test]
fn a_plan_with_a_permanent_change_is_applied_for_the_vault_that_is_named() {
    let stage = lasting();
    stage
        .az("platform", &["prepare", "--dry-run", "--plan-out", "plan.json"])
        .ends(Exit::Pending.code())
        .says("saved the plan");
    let mark = stage.mark();
    stage
        .az("platform", &["apply", "plan.json", "--yes"])
        .ends(Exit::Usage.code())
        .says("az aksbackup apply plan.json --irreversible RESOURCE-GROUP/VAULT");
    stage
        .az(
            "platform",
            &["apply", "plan.json", "--yes", "--irreversible", "rg-other/bv-other"],
        )
        .ends(Exit::Usage.code())
        .says("--irreversible is rg-other/bv-other, but the state file specifies vault");
    assert_eq!(stage.writes_since(mark), Vec::<String>::new());
    let (run, words) = pasted(&stage, "platform", &["apply", "plan.json", "--yes"]);
    run.ok();
    is_kept(
        &words,
        &["plan.json", "--reduce-protection", "--irreversible", "--vault"],
    );
    assert!(locked(&stage));
    stage
        .az("owner", &["grant", "--dry-run", "--plan-out", "grant.json"])
        .ends(Exit::Pending.code());
    stage
        .az(
            "owner",
            &[
                "apply",
                "grant.json",
                "--yes",
                "--irreversible",
                &value(&stage, "--vault"),
            ],
        )
        .ends(Exit::Usage.code())
        .says("isn't a plan of prepare");
}

/// Fails before: `--output=text`, `--quiet` and `--` were printed, which az's extension passes and az refuses.
#[test]
fn a_line_for_az_has_no_flag_that_its_extension_passes() {
    let stage = lasting();
    let home = tempfile::tempdir().unwrap();
    for talk in ["--quiet", "--verbose"] {
        let first = ["prepare", "--output=text", talk, "--skip=storage", "--yes"];
        let run = finish(stage.az_command("platform", &first).env("HOME", home.path()));
        let words = printed(&stage, &run.ends(Exit::Usage.code()));
        assert!(
            words
                .iter()
                .all(|own| !own.starts_with("--output") && own != talk && own != "--"),
            "{words:?}"
        );
        is_kept(&words, &["--skip=storage", "--yes"]);
    }
}
