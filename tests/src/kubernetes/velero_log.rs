//! Velero's log lines.

use super::store;
use super::words::Failure;

const CONTROLLER: &str = "pkg/controller/backup_storage_location_controller.go";

/// A line as logrus writes text.
fn line(level: &str, message: &str, fields: &[(&str, &str)], source: &str) -> String {
    let mut text = format!("time=\"{}\" level={level} msg={message:?}", store::now());
    for (key, value) in fields {
        let plain = |letter: char| letter.is_ascii_alphanumeric() || "-._/@^+".contains(letter);
        if value.chars().all(plain) {
            text.push_str(&format!(" {key}={value}"));
        } else {
            text.push_str(&format!(" {key}={}", quoted(value)));
        }
    }
    text.push_str(&format!(" logSource={source:?}"));
    text
}

/// Go's quoting of a text with control characters.
fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for letter in text.chars() {
        match letter {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            '\t' => quoted.push_str("\\t"),
            '\u{feff}' => quoted.push_str("\\ufeff"),
            other => quoted.push(other),
        }
    }
    quoted.push('"');
    quoted
}

/// The first lines of a Velero server.
pub(crate) fn greeting(namespace: &str) -> Vec<String> {
    vec![
        line("info", "setting log-level to INFO", &[], "pkg/cmd/server/server.go:191"),
        line(
            "info",
            "Starting Velero server v1.16.2-AKS",
            &[],
            "pkg/cmd/server/server.go:193",
        ),
        line(
            "info",
            "Namespace exists",
            &[("namespace", namespace)],
            "pkg/cmd/server/server.go:420",
        ),
        line(
            "info",
            "All Velero custom resource definitions exist",
            &[],
            "pkg/cmd/server/server.go:475",
        ),
        line("info", "Starting controllers", &[], "pkg/cmd/server/server.go:560"),
    ]
}

/// No storage location is there at all.
pub(crate) fn no_location() -> String {
    let fields = [
        ("controller", "backup-storage-location"),
        ("error", "No BackupStorageLocations found"),
    ];
    let message = "No backup storage locations found, at least one is required";
    line("error", message, &fields, &format!("{CONTROLLER}:92"))
}

/// What Velero logs about one validation.
pub(crate) fn report(namespace: &str, outcome: &Result<(), Failure>) -> Vec<String> {
    let name = format!("{namespace}/default");
    let fields = [
        ("backup-storage-location", name.as_str()),
        ("controller", "backup-storage-location"),
    ];
    let at = |number: u32| format!("{CONTROLLER}:{number}");
    let told = |message: &str, number: u32| line("info", message, &fields, &at(number));
    let Err(failure) = outcome else {
        return vec![
            told("Validating BackupStorageLocation", 145),
            told("BackupStorageLocations is valid, marking as available", 130),
        ];
    };
    let full = failure.full();
    let with_error = [fields[0], fields[1], ("error", full.as_str())];
    let first = if failure.early {
        line("error", "Error getting a backup store", &with_error, &at(140))
    } else {
        line("error", "fail to validate backup store", &with_error, &at(149))
    };
    let summary = format!(
        "Current BackupStorageLocations available/unavailable/unknown: 0/1/0, \
         BackupStorageLocation \"default\" is unavailable: {full})"
    );
    vec![
        first,
        told("BackupStorageLocation is invalid, marking as unavailable", 121),
        line("error", &summary, &fields[1..], &at(178)),
    ]
}
