//! The README's tour is what a stranger types first: it has to run as it stands.

use std::process::Command;

use aksbackup_shared::exit::Exit;
use aksbackup_tests::harness::{Stage, binary, finish};

#[test]
fn the_tour_of_the_readme_runs_as_it_stands() {
    let readme = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../README.md")).unwrap();
    let tour = readme
        .split("<!-- tour -->")
        .nth(1)
        .and_then(|rest| rest.split("```").nth(1))
        .unwrap();
    let script: String = tour
        .lines()
        .filter_map(|line| line.strip_prefix("$ "))
        .map(|line| format!("{line}\n"))
        .collect();
    assert!(script.lines().count() > 10, "the tour was found\n{script}");

    let stage = Stage::new().unwrap();
    let binaries = binary("az-aksbackup").parent().unwrap().to_owned();
    let path = format!("{}:{}", binaries.display(), std::env::var("PATH").unwrap());
    let mut shell = Command::new("sh");
    shell
        .args(["-euc", &script])
        .current_dir(stage.folder())
        .env("PATH", path)
        .env_remove("AKSBACKUP_STATE");
    finish(&mut shell).ok().says("ProtectionConfigured");
}

#[test]
fn the_documentation_lists_every_exit_code_as_the_programs_mean_it() {
    let readme = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/README.md")).unwrap();
    let readme = readme.replace('`', "");
    for (exit, sentence) in Exit::ALL {
        assert!(
            readme.contains(&format!("| {} | {sentence} |", exit.code())),
            "{sentence}"
        );
    }
}
