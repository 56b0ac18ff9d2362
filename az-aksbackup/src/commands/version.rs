//! `version`.

use aksbackup_shared::args::Format;
use aksbackup_shared::process::document;
use serde_json::json;

/// Name and version of this program, for notes in the state file.
pub(crate) const TOOL: &str = concat!("az-aksbackup ", env!("CARGO_PKG_VERSION"));

/// What `version` prints.
pub(crate) fn text(format: Format) -> String {
    match format {
        Format::Text => concat!("az aksbackup ", env!("CARGO_PKG_VERSION")).to_owned(),
        Format::Json => document(
            json!({ "command": "version", "exit": aksbackup_shared::exit::Exit::Done, "aksbackup": env!("CARGO_PKG_VERSION") }),
        ),
    }
}
