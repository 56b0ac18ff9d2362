//! The pages that are looked at: the example of the documentation, and what the real binaries make on the sandbox.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use aksbackup_tests::harness::Stage;
use serde_json::Value;

use crate::looks::bytes;

/// A page in a file.
#[derive(Debug, Clone)]
pub(crate) struct Page {
    pub(crate) name: &'static str,
    pub(crate) path: PathBuf,
}

/// Where pages and pictures are kept, to be looked at.
fn folder() -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("report");
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

/// Every page, made once.
pub(crate) fn pages() -> Vec<Page> {
    static PAGES: OnceLock<Vec<Page>> = OnceLock::new();
    PAGES.get_or_init(made).clone()
}

fn made() -> Vec<Page> {
    let page = |name: &'static str| Page {
        name,
        path: folder().join(format!("{name}.html")),
    };
    let [example, begun, half, whole] = ["example", "begun", "half-way", "whole"].map(page);
    std::fs::copy(
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/example-report.html"),
        &example.path,
    )
    .unwrap();
    let stage = Stage::new().unwrap();
    let report = |page: &Page| {
        let out = page.path.to_str().unwrap();
        stage.az("platform", &["report", "--out", out]).ok();
    };
    stage.init("platform").ok();
    report(&begun);
    stage.prepared();
    report(&half);
    stage.grant("owner").ok();
    stage.configure("cluster-admin", &[]).ok();
    stage.az("platform", &["protect", "--yes"]).ok();
    stage.az("platform", &["backup", "--yes"]).ok();
    report(&whole);
    vec![example, begun, half, whole]
}

/// The bytes of an answer, which are also written to be looked at.
pub(crate) fn kept(name: &str, answer: &Value) -> Vec<u8> {
    let bytes = bytes(answer);
    std::fs::write(folder().join(name), &bytes).unwrap();
    bytes
}
