//! docs/example-report.html is what the programs make of a cluster whose extension was upgraded and lost a label.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails, in its helpers as well")]

use std::path::{Path, PathBuf};
use std::time::Duration;

use aksbackup_shared::chain::examination::Examination;
use aksbackup_shared::program::Program;
use aksbackup_shared::report::{Inputs, Look, html::html, report};
use aksbackup_shared::schema::ClusterTables;
use aksbackup_shared::state::store::Store;
use aksbackup_shared::status::rows;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/report")
}

fn page() -> String {
    let file = folder().join("aksbackup.toml");
    let store: Store<ClusterTables> = Store::new(&file, "test 0", Duration::ZERO, true);
    let (state, digest) = store.load_with_digest().unwrap().unwrap();
    let rows = rows(&state, None);
    let now = "2026-11-24T08:45:00Z".parse().unwrap();
    let looks = [Program::Az, Program::Kubectl].map(|program| {
        let own = Examination {
            command: "report".to_owned(),
            program,
            at: now,
            issuer: None,
            cluster: None,
            checks: Vec::new(),
            findings: Vec::new(),
        };
        Look {
            program,
            seen: Ok(own.read(&Examination::beside(&file, program)).unwrap()),
            live: false,
        }
    });
    html(&report(&Inputs {
        state: &state,
        digest: &digest.to_string(),
        file: "aksbackup.toml",
        rows: &rows,
        looks: &looks,
        offline: true,
        now,
        tool: "az-aksbackup 0.1.0",
    }))
}

#[test]
fn the_example_is_what_the_programs_make() {
    let kept = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/example-report.html");
    let page = page();
    if std::env::var_os("AKSBACKUP_WRITE_DOCS").is_some() {
        std::fs::write(&kept, &page).unwrap();
    }
    assert!(
        std::fs::read_to_string(&kept).unwrap_or_default() == page,
        "docs/example-report.html is not what the programs make: AKSBACKUP_WRITE_DOCS=1 cargo test -p aksbackup-shared \
         --test example_report"
    );
}
