//! Progress for programs: a line of JSON for each event, in a file.

use std::cell::RefCell;
use std::fs::File;
use std::io::{self, Write as _};
use std::path::Path;

use aksbackup_shared::failure::{Failure, Outcome};
use aksbackup_shared::process::document;
use jiff::Timestamp;
use serde_json::Value;

/// Where events go, if anywhere.
pub(super) struct Events {
    file: Option<RefCell<File>>,
    failed: RefCell<Option<io::Error>>,
}

impl Events {
    /// Opens the file; lines are added to one that exists.
    ///
    /// # Errors
    /// Exit 1: it can't be written.
    pub(super) fn open(path: Option<&Path>) -> Outcome<Self> {
        let open = |path: &Path| {
            let opened = File::options().create(true).append(true).open(path);
            opened.or_else(|error| unwritten(&error).because(path.display().to_string()).err())
        };
        Ok(Self {
            file: path.map(open).transpose()?.map(RefCell::new),
            failed: RefCell::default(),
        })
    }

    /// Writes an event. A failure is told at the end: the work is worth more than its log.
    pub(super) fn write(&self, event: &Value) {
        let Some(file) = &self.file else { return };
        let mut event = event.clone();
        if let Some(event) = event.as_object_mut() {
            event.insert("at".to_owned(), Timestamp::now().to_string().into());
        }
        // As the documents: without secrets.
        let masked: Value = serde_json::from_str(&document(event)).unwrap_or_default();
        // One write, so that lines of several processes don't mix.
        let written = file.borrow_mut().write_all(format!("{masked}\n").as_bytes());
        if let Err(error) = written {
            self.failed.borrow_mut().get_or_insert(error);
        }
    }

    /// Whether all events were written.
    ///
    /// # Errors
    /// Exit 1: the first one that wasn't.
    pub(super) fn written(&self) -> Outcome<()> {
        match &*self.failed.borrow() {
            Some(error) => unwritten(error).err(),
            None => Ok(()),
        }
    }
}

fn unwritten(error: &io::Error) -> Failure {
    Failure::failed("cannot write the events")
        .because(error.to_string())
        .hint("specify a file that you can write to: --events FILE")
}
