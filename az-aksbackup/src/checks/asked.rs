//! What Azure Backup itself says of the prerequisites: `validateForBackup`, a POST that changes nothing.

use std::time::{Duration, Instant};

use aksbackup_shared::chain::finding::{SeenIn, Text};
use aksbackup_shared::chain::link::Link;
use aksbackup_shared::console::Console;
use aksbackup_shared::failure::{Failure, Outcome};
use aksbackup_shared::ids::ResourceId;
use serde_json::Value;

use crate::arm::backups;
use crate::arm::client::Reader;
use crate::arm::operation::Polled;
use crate::arm::roles::{allows, permissions};
use crate::checks::instance_body;
use crate::checks::view::View;
use crate::checks::{instance, texts};

const ACTION: &str = "Microsoft.DataProtection/backupVaults/validateForBackup/action";

/// The words of a validation, where there is something to be validated and the caller may ask.
pub(crate) async fn texts(reader: &Reader, view: &View, limit: Duration, console: &Console) -> Vec<Text> {
    let (Some(target), Some(vault)) = (view.target(), &view.places.vault) else {
        return Vec::new();
    };
    let open = view.vault.here().is_some() && view.extension().is_some() && instance::is_open(view);
    if !open || !permissions(reader, vault).await.is_ok_and(|own| allows(&own, ACTION)) {
        return Vec::new();
    }
    console.progress(
        "doctor",
        "validating the backup configuration with the vault (about two minutes)",
    );
    match validated(reader, vault, &instance_body::properties(target), limit).await {
        Ok(()) => Vec::new(),
        Err(failure) if failure.has_code("AuthorizationFailed") => Vec::new(),
        Err(failure) => texts::of_arm(
            &failure,
            SeenIn::Bi,
            "validation of the backup instance",
            Link::BackupInstance,
        ),
    }
}

async fn validated(reader: &Reader, vault: &ResourceId, properties: &Value, limit: Duration) -> Outcome<()> {
    let begun = Instant::now();
    let answer = backups::validate(reader, vault, properties).await?;
    let Some(mut operation) = answer.operation(reader, "validate the backup instance".to_owned()) else {
        return Ok(());
    };
    loop {
        match operation.poll().await? {
            Polled::Finished(_) => return Ok(()),
            Polled::Running { retry_after, .. } if begun.elapsed() < limit => {
                tokio::time::sleep(reader.pace().next_look(begun.elapsed(), retry_after)).await;
            }
            Polled::Running { status, .. } => {
                return Failure::failed("the validation didn't finish").because(status).err();
            }
        }
    }
}
