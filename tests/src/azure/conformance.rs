//! Every request to ARM and every answer is held against Microsoft's own definitions, beside the answering.

use std::env;
use std::io::{self, Write as _};
use std::path::PathBuf;
use std::sync::OnceLock;
use std::sync::mpsc::{Sender, channel};
use std::thread;

use serde_json::Value;

use crate::log::RequestLog;
use crate::schema::Checker;

/// A request and its answer that wait for their verdict.
pub(crate) struct Case {
    pub(crate) log: RequestLog,
    pub(crate) number: usize,
    pub(crate) method: String,
    pub(crate) target: String,
    pub(crate) sent: Option<Value>,
    pub(crate) status: u16,
    pub(crate) answered: Option<Value>,
}

/// Schemas are compiled when they are first needed, which takes longer than answering: one thread of the process judges
/// what all its sandboxes have answered.
static JUDGE: OnceLock<Option<Sender<Case>>> = OnceLock::new();

/// Hands a case to the judge, or closes its entry at once where there are no definitions.
pub(crate) fn judge(case: Case) {
    match JUDGE.get_or_init(start) {
        Some(judge) => {
            if let Err(unsent) = judge.send(case) {
                unsent.0.log.close(unsent.0.number, Vec::new());
            }
        }
        None => case.log.close(case.number, Vec::new()),
    }
}

/// The folder of the definitions: AKSBACKUP_ARM_SCHEMA, or the place beside the project where they are kept.
fn folder() -> PathBuf {
    let beside = || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/arm-schema"));
    env::var_os("AKSBACKUP_ARM_SCHEMA").map_or_else(beside, PathBuf::from)
}

fn start() -> Option<Sender<Case>> {
    let checker = match Checker::load(&folder()) {
        Ok(checker) => checker,
        Err(reason) => {
            let note = "warning: nothing is checked against Microsoft's definitions of the API";
            let _ = writeln!(
                io::stderr(),
                "{note}: {reason}. Set AKSBACKUP_ARM_SCHEMA to their folder."
            );
            return None;
        }
    };
    let (sender, cases) = channel::<Case>();
    let judge = move || {
        for case in cases {
            let mut violations = checker.request(&case.method, &case.target, case.sent.as_ref());
            violations.extend(checker.response(&case.method, &case.target, case.status, case.answered.as_ref()));
            case.log.close(case.number, violations);
        }
    };
    thread::Builder::new()
        .name("conformance".to_owned())
        .spawn(judge)
        .ok()
        .map(|_| sender)
}
