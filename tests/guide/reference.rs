//! docs/cli.md is what the two programs say of themselves.

use std::fmt::Write as _;
use std::process::Command;

use aksbackup_tests::examples::commands;
use aksbackup_tests::harness::{binary, finish};

/// Where the reference stands.
const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/cli.md");

#[test]
fn the_reference_is_what_the_programs_say() {
    let page = page();
    if std::env::var_os("AKSBACKUP_WRITE_DOCS").is_some() {
        std::fs::write(PAGE, &page).unwrap();
    }
    let kept = std::fs::read_to_string(PAGE).unwrap_or_default();
    assert!(
        kept == page,
        "docs/cli.md differs from --help: AKSBACKUP_WRITE_DOCS=1 cargo test -p aksbackup-tests --test guide reference"
    );
}

fn page() -> String {
    let mut page = "# Commands and flags\n\nThe output of `--help`, generated from the programs.\n".to_owned();
    for (program, spoken) in [
        ("az-aksbackup", "az aksbackup"),
        ("kubectl-aksbackup", "kubectl aksbackup"),
    ] {
        let whole = help(program, &[]);
        section(&mut page, 2, spoken, &whole);
        for command in commands(&whole) {
            let own = help(program, &[&command]);
            section(&mut page, 3, &format!("{spoken} {command}"), &own);
            for within in commands(&own) {
                let title = format!("{spoken} {command} {within}");
                section(&mut page, 3, &title, &help(program, &[&command, &within]));
            }
        }
    }
    page
}

fn help(program: &str, command: &[&str]) -> String {
    let mut line = Command::new(binary(program));
    line.args(command).arg("--help").env_clear();
    finish(&mut line).ok().stdout
}

fn section(page: &mut String, level: usize, title: &str, help: &str) {
    let lines: Vec<&str> = help.lines().map(str::trim_end).collect();
    let text = lines.join("\n");
    let _ = writeln!(
        page,
        "\n{} {title}\n\n```text\n{}\n```",
        "#".repeat(level),
        text.trim_end()
    );
}
