//! Every example in every help text, run as it stands in a shell, through the real az and the real kubectl. tests/guide runs them with the
//! programs alone; here az's own rules for results count.

use std::collections::HashSet;
use std::fs;
use std::process::Command;

use aksbackup_tests::examples::{all, can_end, command, goes_on, in_this_world, person, prepare, put_state, watch};
use aksbackup_tests::harness::{TIME_SCALE, binary, finish};
use aksbackup_tests::terminal::shown;
use serde_json::Value;

use crate::az::Az;

/// `line` in a shell, as `person` would type it: `az` is that of the person, `kubectl` the system's.
fn shell(az: &Az, person: &str, line: &str) -> Command {
    let programs = binary("az-aksbackup").parent().unwrap().to_owned();
    let own = az.program_as(person);
    let path = std::env::var("PATH").unwrap();
    let mut shell = Command::new("bash");
    shell
        .args(["-c", line])
        .env_clear()
        .env("PATH", format!("{}:{}:{path}", own.display(), programs.display()))
        .env("HOME", az.folder())
        .env("NO_COLOR", "1")
        .env("KUBECONFIG", az.folder().join("kubeconfigs/cluster-admin"))
        .env("AKSBACKUP_TIME_SCALE", TIME_SCALE.to_string())
        .current_dir(az.folder());
    shell
}

/// What an example showed: its result, if standard output was no terminal; all that a terminal showed otherwise.
struct Shown {
    text: String,
    code: i32,
}

/// Runs `line` on a terminal as `person`, who says yes; without one if its result is for a program.
fn run(az: &Az, person: &str, line: &str) -> Shown {
    let shell = shell(az, person, line);
    let (text, code) = match (goes_on(line), is_for_programs(line)) {
        (true, _) => watch(&az.stage, shell).unwrap(),
        (_, true) => {
            let run = finish(&mut { shell });
            (run.stdout, run.code)
        }
        _ => {
            let (lines, code) = shown(shell, 200, Some(("[y/", "y"))).unwrap();
            (lines.join("\n"), code)
        }
    };
    Shown { text, code }
}

fn is_for_programs(line: &str) -> bool {
    command(line).contains("-o json")
}

/// Judges the result of an example by what its words promise.
fn judge(az: &Az, line: &str, shown: &Shown) {
    let said = format!("{line}\nexit {}\n{}", shown.code, shown.text);
    assert!(can_end(line, shown.code), "{said}");
    let (words, text) = (command(line), shown.text.trim_start());
    if is_for_programs(line) {
        let document: Value = serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}\n{said}"));
        assert!(document["version"] == 1 || document["properties"].is_object(), "{said}");
        return;
    }
    // A document would be in the middle of what a person reads.
    assert!(!shown.text.lines().any(|line| line.trim_end() == "{"), "{said}");
    if let Some((_, file)) = words.split_once("--out ") {
        let file = az.folder().join(file.split_whitespace().next().unwrap_or_default());
        let page = fs::read_to_string(&file).unwrap_or_default();
        assert!(page.starts_with("<!doctype html>"), "{said}");
        fs::remove_file(file).unwrap();
    } else if words.contains("--format markdown") {
        assert!(text.starts_with('#'), "{said}");
    } else if words.contains(" handoff") {
        assert!(text.contains("sha256:"), "{said}");
    } else if let Some((_, file)) = words.split_once("> ") {
        let file = az.folder().join(file.trim().trim_matches('"').trim_start_matches("./"));
        assert!(fs::metadata(file).unwrap().len() > 0, "{said}");
    } else if !words.contains("completion") {
        assert!(!text.is_empty(), "{said}");
    }
}

#[test]
fn every_example_runs_inside_az_and_kubectl() {
    let az = Az::with(&["platform", "owner", "everything"]);
    prepare(&az.stage);
    let (state, azure) = (az.stage.state_text(), az.stage.sandbox.azure());
    let memory = azure.remember();
    // A program's own examples are those of its commands again.
    let (mut lines, mut done) = (Vec::new(), HashSet::new());
    lines.extend(["az-aksbackup", "kubectl-aksbackup"].into_iter().flat_map(all));
    lines.retain(|line: &String| done.insert(command(line).trim().to_owned()));
    // After a teardown nothing is left in the cluster.
    lines.sort_by_key(|line| line.contains("teardown"));
    for line in lines {
        // Each begins with the file that the last handoff left, and with copies of it.
        put_state(&az.stage, &state);
        let line = in_this_world(&az.stage, &line);
        let person = person(&line);
        judge(&az, &line, &run(&az, person, &line));
        if line.contains("teardown") {
            azure.recall(&memory);
        }
        if line.contains("unconfigure") {
            az.stage.configure("cluster-admin", &[]).ok();
        }
    }
}

#[test]
fn the_form_that_is_typed_holds() {
    let az = Az::with(&["platform"]);
    az.stage.prepared();
    let piped = |line: &str| finish(&mut shell(&az, "platform", line));
    let json = |line: &str| -> Value {
        let run = piped(line).ok();
        serde_json::from_str(&run.stdout).unwrap_or_else(|error| panic!("{error}\n{run}"))
    };
    // Without a terminal a document, as az gives one, unless the result is a text.
    assert_eq!(json("az aksbackup status --offline")["command"], "status");
    assert!(piped("az aksbackup handoff").ok().stdout.contains("sha256:"));
    assert_eq!(json("az aksbackup handoff -o json")["command"], "handoff");
    assert_eq!(json("az aksbackup handoff --query message")["file"], "aksbackup.toml");
    assert!(
        piped("az aksbackup report --offline")
            .ok()
            .stdout
            .starts_with("<!doctype html>")
    );
    assert!(
        piped("az aksbackup report --offline -o table")
            .ok()
            .stdout
            .starts_with("Station")
    );
    // A file has the page's form, or the document's where that is typed.
    let file = |line: &str| {
        piped(line).ok();
        fs::read_to_string(az.folder().join("r")).unwrap()
    };
    assert!(file("az aksbackup report --offline --out r -o table").starts_with("<!doctype html>"));
    assert!(file("az aksbackup report --offline --out r -o json").starts_with('{'));
    assert!(file("az aksbackup report --offline --out r -o yaml").starts_with("version: 1"));
    assert!(file("AZURE_CORE_OUTPUT=table az aksbackup report --offline --out r").starts_with("<!doctype html>"));
    // What has no end is no document.
    piped("az aksbackup doctor --fix -o table").ends(2).says("--fix");
    piped("az aksbackup verify --watch -o json").ends(2).says("--watch");
    // On a terminal: the text, or what is asked for.
    let shown = |line: &str| shown(shell(&az, "platform", line), 200, None).unwrap().0.join("\n");
    let text = shown("az aksbackup status --offline");
    assert!(text.contains("az aksbackup grant") && !text.contains("{\n"), "{text}");
    assert!(shown("AZURE_CORE_OUTPUT=json az aksbackup status --offline").contains("\"command\": \"status\""));
    assert!(shown("az aksbackup status --offline -o json").contains("\"command\": \"status\""));
    assert!(shown("az aksbackup version -o yaml").contains("command: version"));
}

#[test]
fn the_sandbox_page_signs_the_real_az_in() {
    const PAGE: &str = include_str!("../../docs/sandbox.md");
    let (_, recipe) = PAGE.split_once("```bash\n").unwrap();
    let (recipe, _) = recipe.split_once("```").unwrap();
    let az = Az::bare(&[]);
    let mut bash = Command::new("bash");
    bash.args(["-ec", recipe])
        .env_clear()
        .env("PATH", Az::path_with(&az.unset_program()))
        .env("HOME", az.folder().join("home"))
        .env("AZURE_CORE_COLLECT_TELEMETRY", "no")
        .env("DIR", az.folder());
    let run = finish(&mut bash).ok();
    assert!(run.stdout.contains("rg-aks"), "{run}");
}
