//! Restores from a recovery point.

use aksbackup_shared::failure::{Failure, Outcome};
use aksbackup_shared::ids::ResourceId;
use serde_json::{Value, json};

use crate::arm::answer::Answer;
use crate::arm::client::{Reader, Told, Writer};
use crate::arm::operation::ArmOperation;
use crate::arm::versions;

/// What the caller needs on the vault to have a restore validated.
pub(crate) const VALIDATE: &str = "Microsoft.DataProtection/backupVaults/backupInstances/validateRestore/action";
/// What the caller needs on the vault to restore.
pub(crate) const RESTORE: &str = "Microsoft.DataProtection/backupVaults/backupInstances/restore/action";

/// Asks a vault whether a restore would work. Nothing is restored.
///
/// # Errors
/// Azure refused at once, or named no operation that tells its verdict.
pub(crate) async fn validate(
    reader: &Reader,
    instance: &ResourceId,
    request: &Value,
    title: String,
) -> Outcome<Option<ArmOperation>> {
    let path = format!("{instance}/validateRestore");
    let body = json!({ "restoreRequestObject": request });
    let answer: Answer = reader.inquire(&path, versions::DATA_PROTECTION, &body).await?;
    let at_once = answer.status != 202;
    let operation = answer.operation(reader, title.clone());
    match operation.is_some() || at_once {
        true => Ok(operation),
        false => Failure::failed(format!("cannot {title}"))
            .because("Azure returned no operation URL on the Azure Resource Manager host, so the result is unknown")
            .err(),
    }
}

/// Starts a restore. It is asked for once.
pub(crate) async fn start(writer: &Writer, instance: &ResourceId, request: &Value) -> Outcome<Told> {
    let path = format!("{instance}/restore");
    writer.post_once(&path, versions::DATA_PROTECTION, Some(request)).await
}
