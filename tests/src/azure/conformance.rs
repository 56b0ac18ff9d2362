//! Every request to ARM and every answer is held against Microsoft's own definitions, beside the answering.

use std::io::{self, Write as _};
use std::sync::OnceLock;
use std::sync::mpsc::{Sender, channel};
use std::thread;

use serde_json::Value;

use crate::log::RequestLog;
use crate::schema::{Checker, OFF, VARIABLE, definitions};

/// A request and its answer that wait for their verdict.
pub(crate) struct Case {
    pub(crate) log: RequestLog,
    pub(crate) number: usize,
    pub(crate) method: String,
    pub(crate) target: String,
    pub(crate) sent: Option<Value>,
    /// Of an answer that never leaves it is 0.
    pub(crate) status: u16,
    pub(crate) answered: Option<Value>,
}

/// Who judges.
enum Judge {
    /// One thread of the process, for all its sandboxes: schemas are compiled when they are first needed, which takes
    /// longer than answering.
    Thread(Sender<Case>),
    /// There are no definitions.
    Off,
    /// There should be definitions, but they cannot be read: every case is a violation that says why.
    Broken(String),
}

static JUDGE: OnceLock<Judge> = OnceLock::new();

/// Hands a case to the judge, or closes its entry at once where there are no definitions.
pub(crate) fn judge(case: Case) {
    match JUDGE.get_or_init(start) {
        Judge::Thread(judge) => {
            if let Err(unsent) = judge.send(case) {
                let violation = "nothing was checked: the judge has ended".to_owned();
                unsent.0.log.close(unsent.0.number, vec![violation]);
            }
        }
        Judge::Off => case.log.close(case.number, Vec::new()),
        Judge::Broken(reason) => {
            let violation = format!("nothing was checked: {reason}");
            case.log.close(case.number, vec![violation]);
        }
    }
}

fn start() -> Judge {
    match definitions() {
        Ok(Some(checker)) => thread(checker).map_or_else(|error| Judge::Broken(error.to_string()), Judge::Thread),
        Ok(None) => {
            let _ = writeln!(io::stderr(), "{OFF}. Set {VARIABLE} to their folder.");
            Judge::Off
        }
        Err(reason) => {
            let _ = writeln!(io::stderr(), "error: Microsoft's definitions of the API: {reason}");
            Judge::Broken(reason)
        }
    }
}

fn thread(checker: Checker) -> io::Result<Sender<Case>> {
    let (sender, cases) = channel::<Case>();
    let judge = move || {
        for case in cases {
            let mut violations = checker.request(&case.method, &case.target, case.sent.as_ref());
            if case.status > 0 {
                violations.extend(checker.response(&case.method, &case.target, case.status, case.answered.as_ref()));
            }
            case.log.close(case.number, violations);
        }
    };
    let thread = thread::Builder::new().name("conformance".to_owned());
    thread.spawn(judge).map(|_| sender)
}
