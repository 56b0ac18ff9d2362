//! `version`.

use aksbackup_shared::args::Format;
use aksbackup_shared::exit::Exit;
use aksbackup_shared::process::document;
use serde_json::json;

/// What `version` prints.
pub(crate) fn text(format: Format) -> String {
    match format {
        Format::Text => concat!("kubectl aksbackup ", env!("CARGO_PKG_VERSION")).to_owned(),
        Format::Json => {
            document(json!({ "command": "version", "exit": Exit::Done, "aksbackup": env!("CARGO_PKG_VERSION") }))
        }
    }
}
