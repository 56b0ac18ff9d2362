//! `version`.

use aksbackup_shared::args::Format;
use aksbackup_shared::exit::Exit;
use aksbackup_shared::process::document;
use serde_json::json;

use crate::commands::session::TOOL;

/// What `version` prints.
pub(crate) fn text(format: Format) -> String {
    match format {
        Format::Text => TOOL.to_owned(),
        Format::Json => {
            document(json!({ "command": "version", "exit": Exit::Done, "aksbackup": env!("CARGO_PKG_VERSION") }))
        }
    }
}
