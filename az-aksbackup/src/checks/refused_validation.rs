//! What Azure Backup's refusals of a validation come from.

use aksbackup_shared::failure::Failure;

/// What a refusal comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cause {
    /// A role or the Trusted Access role binding is missing, or not in effect.
    Rights,
    /// The backup storage location in the cluster isn't ready.
    Storage,
    /// Something that waiting doesn't fix.
    Other,
}

/// Returns whether a code of Azure Backup is about a role that has not taken effect.
pub(crate) fn is_too_young(code: &str) -> bool {
    cause(&Failure::failed("").code(code)) != Cause::Other
}

/// Returns the cause. Azure Backup has several codes for the same one, and wraps them in others.
pub(crate) fn cause(failure: &Failure) -> Cause {
    const RIGHTS: [&str; 5] = [
        "MissingRequiredPermissions",
        "MissingPermissions",
        "KubernetesBackupListExtensionsError",
        "KubernetesBackupExtensionUnhealthy",
        "LinkedAuthorizationFailed",
    ];
    let says = |text: &str| {
        failure.code.as_deref().is_some_and(|code| code.contains(text))
            || failure.why.iter().any(|why| why.contains(text))
    };
    if says("BackupStorageLocationNotReady") || says("MissingPermissionsOnBackupStorageLocation") {
        Cause::Storage
    } else if RIGHTS.iter().any(|code| says(code)) {
        Cause::Rights
    } else {
        Cause::Other
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rights_and_storage_are_a_matter_of_time_and_nothing_else_is() {
        let code = |code: &str| cause(&Failure::failed("x").code(code));
        assert_eq!(code("UserErrorMissingRequiredPermissions"), Cause::Rights);
        assert_eq!(code("KubernetesBackupListExtensionsError"), Cause::Rights);
        assert_eq!(code("UserErrorBackupStorageLocationNotReady"), Cause::Storage);
        assert_eq!(
            code("UserErrorExtensionMSIMissingPermissionsOnBackupStorageLocation"),
            Cause::Storage
        );
        assert_eq!(code("UserErrorDppDatasourceAlreadyProtected"), Cause::Other);
        let wrapped = Failure::failed("x")
            .code("Outer")
            .because("UserErrorMissingRequiredPermissions: rights");
        assert_eq!(cause(&wrapped), Cause::Rights);
    }
}
