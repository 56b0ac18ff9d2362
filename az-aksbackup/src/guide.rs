//! The table of contents: each command is a list of steps, in order. What each step does is in its own file.

use aksbackup_shared::ids::ResourceId;
use aksbackup_shared::runner::{Guided, step};
use std::cell::Cell;

use crate::checks::required_permissions::Purpose;
use crate::platform::Azure;
use crate::steps::confirm::Confirm;
use crate::steps::fresh::JustRead;
use crate::steps::lifecycle::Lifecycle;
pub(crate) use crate::steps::options::{
    BackupOptions, GrantOptions, PrepareOptions, ProtectOptions, RestoreOptions, Wanted,
};
use crate::steps::preflight::Preflight;
use crate::steps::restore::Restore;
use crate::steps::step01_cluster_prerequisites::ClusterPrerequisites;
use crate::steps::step02_storage::Storage;
use crate::steps::step03_vault_and_policy::VaultAndPolicy;
use crate::steps::step04_extension::BackupExtension;
use crate::steps::step05_extension_identity::ExtensionIdentity;
use crate::steps::step07_federated_credentials::FederatedCredentials;
use crate::steps::step08_roles::Roles;
use crate::steps::step11_backup_instance::BackupInstance;
use crate::steps::step12_backup::Backup;
pub(crate) use crate::steps::teardown::TeardownOptions;
use crate::steps::teardown::{self, Memory};
use crate::steps::trusted_access::TrustedAccess;

/// A command's steps.
pub(crate) type Steps = Vec<Box<dyn Guided<Azure>>>;

/// Steps 1 to 5, 7, and trusted access.
pub(crate) fn prepare(options: PrepareOptions) -> Steps {
    let read = JustRead::default();
    let mut steps = vec![step(Preflight::new(Purpose::Prepare, &read))];
    steps.extend(prepared(&options, &read));
    steps
}

/// Step 8.
pub(crate) fn grant(options: GrantOptions) -> Steps {
    let read = JustRead::default();
    vec![step(Preflight::new(Purpose::Grant, &read)), step(Roles::new(options))]
}

/// Step 11.
pub(crate) fn protect(options: ProtectOptions) -> Steps {
    let read = JustRead::default();
    vec![
        step(Preflight::new(Purpose::Protect, &read)),
        step(BackupInstance::new(options, &read)),
    ]
}

/// Step 12.
pub(crate) fn backup(options: BackupOptions) -> Steps {
    let read = JustRead::default();
    vec![
        step(Preflight::new(Purpose::Backup, &read)),
        step(Backup::new(options, &read)),
    ]
}

/// A restore from a recovery point. What the steps read stays in `read`.
pub(crate) fn restore(options: RestoreOptions, read: &JustRead) -> Steps {
    vec![
        step(Preflight::new(Purpose::Restore, read)),
        step(Restore::new(options, read)),
    ]
}

/// What becomes of the backup instance later.
pub(crate) fn lifecycle(wanted: Wanted, requests: Vec<ResourceId>) -> Steps {
    let (read, purpose) = (
        JustRead::default(),
        match wanted {
            Wanted::Suspended => Purpose::Suspend,
            Wanted::Stopped => Purpose::Stop,
            Wanted::Resumed => Purpose::Resume,
            Wanted::Undeleted { .. } => Purpose::Undelete,
        },
    );
    vec![
        step(Preflight::new(purpose, &read)),
        step(Lifecycle::new((wanted, requests), &read)),
    ]
}

/// All steps of the cloud side that set something up.
pub(crate) fn up(prepare: PrepareOptions, grant: GrantOptions, protect: ProtectOptions) -> Steps {
    let read = JustRead::default();
    let mut steps = vec![step(Preflight::new(Purpose::Everything, &read))];
    steps.extend(prepared(&prepare, &read));
    let grant = GrantOptions {
        in_passing: true,
        ..grant
    };
    steps.push(step(Roles::new(grant).sharing(&read)));
    steps.push(step(BackupInstance::new(protect, &read)));
    steps
}

/// The way back, in the reverse order of dependence.
pub(crate) fn teardown(options: &TeardownOptions) -> Steps {
    let read = JustRead::default();
    let memory = || Memory::new(options);
    vec![
        step(Preflight::new(Purpose::Teardown, &read)),
        step(teardown::backup_instance::BackupInstance(memory())),
        step(teardown::trusted_access::TrustedAccess(memory())),
        step(teardown::roles::Roles(memory())),
        step(teardown::federated_credentials::FederatedCredentials(memory())),
        step(teardown::extension::BackupExtension(memory())),
        step(teardown::vault_and_policy::VaultAndPolicy(memory())),
        step(teardown::resource_groups::ResourceGroups(memory())),
    ]
}

/// All steps that can be looked at.
pub(crate) fn status(options: PrepareOptions) -> Steps {
    let read = JustRead::default();
    let mut steps = prepared(&options, &read);
    let grant = GrantOptions {
        // Nothing is changed by a look.
        confirm: Confirm {
            by_prompt: true,
            ..Confirm::default()
        },
        ..GrantOptions::default()
    };
    steps.push(step(Roles::new(grant).sharing(&read)));
    let protect = ProtectOptions {
        folder: options.folder,
        ..ProtectOptions::default()
    };
    steps.push(step(BackupInstance::new(protect, &read)));
    steps
}

fn prepared(options: &PrepareOptions, read: &JustRead) -> Steps {
    let (options, read) = (|| options.clone(), || read.clone());
    vec![
        step(ClusterPrerequisites {
            read: read(),
            asked: Cell::default(),
        }),
        step(Storage {
            options: options(),
            read: read(),
        }),
        step(VaultAndPolicy {
            options: options(),
            written: Cell::default(),
        }),
        step(BackupExtension {
            read: read(),
            written: Cell::default(),
        }),
        step(ExtensionIdentity { read: read() }),
        step(FederatedCredentials { options: options() }),
        step(TrustedAccess),
    ]
}

#[cfg(test)]
mod tests {
    use aksbackup_shared::guide::StepName;
    use aksbackup_shared::program::Program;

    use super::*;

    fn names(steps: &Steps) -> Vec<StepName> {
        steps.iter().map(|step| step.name()).collect()
    }

    #[test]
    fn every_cloud_step_is_in_a_command_and_in_the_guide_s_order() {
        let up = names(&up(
            PrepareOptions::default(),
            GrantOptions::default(),
            ProtectOptions::default(),
        ));
        let cloud = StepName::ALL
            .into_iter()
            .filter(|step| step.program() == Program::Az && *step != StepName::Backup);
        assert_eq!(up, cloud.collect::<Vec<_>>());
        assert_eq!(
            names(&backup(BackupOptions::default())),
            [StepName::Preflight, StepName::Backup]
        );
    }

    #[test]
    fn every_step_belongs_to_the_command_that_its_turn_names() {
        for (command, steps) in [
            ("prepare", prepare(PrepareOptions::default())),
            ("grant", grant(GrantOptions::default())),
            ("protect", protect(ProtectOptions::default())),
        ] {
            let own = names(&steps).into_iter().filter(|step| *step != StepName::Preflight);
            assert!(own.into_iter().all(|step| step.turn().1 == command), "{command}");
        }
    }
}
