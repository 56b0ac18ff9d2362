//! The table of contents: each command is a list of steps, in order. What each step does is in its own file.

use std::path::PathBuf;

use aksbackup_shared::runner::{Guided, step};

use crate::plane::Azure;
use crate::steps::fresh::Fresh;
use crate::steps::preflight::Preflight;
use crate::steps::rights::Purpose;
use crate::steps::step01_cluster_prerequisites::ClusterPrerequisites;
use crate::steps::step02_storage::Storage;
use crate::steps::step03_vault_and_policy::VaultAndPolicy;
use crate::steps::step04_extension::BackupExtension;
use crate::steps::step05_extension_identity::ExtensionIdentity;
use crate::steps::step07_federated_credentials::FederatedCredentials;
use crate::steps::step08_roles::Roles;
use crate::steps::step11_backup_instance::BackupInstance;
use crate::steps::step12_backup::Backup;
use crate::steps::trusted_access::TrustedAccess;

/// A command's steps.
pub(crate) type Steps = Vec<Box<dyn Guided<Azure>>>;

/// What `prepare` was told.
#[derive(Debug, Clone, Default)]
pub(crate) struct PrepareOptions {
    /// Subjects that need a federated credential besides those that are known.
    pub(crate) subjects: Vec<String>,
    /// The folder of the state file, which a policy file is relative to.
    pub(crate) folder: PathBuf,
    /// The state flag for printed commands.
    pub(crate) state_flag: String,
}

/// What `grant` was told.
#[derive(Debug, Clone, Default)]
pub(crate) struct GrantOptions {
    /// Assign the role for blobs on the container instead of the account.
    pub(crate) on_container: bool,
    /// The vault that the person vouches for.
    pub(crate) vault: Option<String>,
    /// The snapshot group that the person vouches for.
    pub(crate) snapshot_group: Option<String>,
    /// Whether the person is shown the changes and asked, or nothing will be changed.
    pub(crate) vouched_by_prompt: bool,
    /// The state flag for printed commands.
    pub(crate) state_flag: String,
}

/// What `protect` was told.
#[derive(Debug, Clone, Default)]
pub(crate) struct ProtectOptions {
    /// Do not wait for the cluster side's report.
    pub(crate) without_verification: bool,
    /// The state flag for printed commands.
    pub(crate) state_flag: String,
}

/// What `backup` was told.
#[derive(Debug, Clone, Default)]
pub(crate) struct BackupOptions {
    /// The rule of the policy to back up by, instead of the policy's own.
    pub(crate) rule: Option<String>,
    /// The retention tag, instead of the policy's default.
    pub(crate) retention_tag: Option<String>,
    /// The state flag for printed commands.
    pub(crate) state_flag: String,
}

/// Steps 1 to 5, 7, and trusted access.
pub(crate) fn prepare(options: PrepareOptions) -> Steps {
    let (preflight, cluster, _) = preflight(Purpose::Prepare);
    let mut steps = vec![step(preflight)];
    steps.extend(prepared(options, cluster));
    steps
}

/// Step 8.
pub(crate) fn grant(options: GrantOptions) -> Steps {
    let (preflight, ..) = preflight(Purpose::Grant);
    vec![step(preflight), step(roles(options))]
}

/// Step 11.
pub(crate) fn protect(options: ProtectOptions) -> Steps {
    let (preflight, _, instances) = preflight(Purpose::Protect);
    vec![
        step(preflight),
        step(BackupInstance {
            instances,
            ..instance(options)
        }),
    ]
}

/// Step 12.
pub(crate) fn backup(options: BackupOptions) -> Steps {
    let (preflight, ..) = preflight(Purpose::Backup);
    let BackupOptions {
        rule,
        retention_tag,
        state_flag,
    } = options;
    vec![
        step(preflight),
        step(Backup {
            rule,
            retention_tag,
            state_flag,
            ..Backup::default()
        }),
    ]
}

/// All steps of the cloud side that set something up.
pub(crate) fn up(prepare: PrepareOptions, grant: GrantOptions, protect: ProtectOptions) -> Steps {
    let (preflight, cluster, instances) = preflight(Purpose::Everything);
    let mut steps = vec![step(preflight)];
    steps.extend(prepared(prepare, cluster));
    steps.push(step(roles(grant)));
    steps.push(step(BackupInstance {
        instances,
        ..instance(protect)
    }));
    steps
}

/// All steps that can be looked at.
pub(crate) fn status(options: PrepareOptions) -> Steps {
    let state_flag = options.state_flag.clone();
    let mut steps = prepared(options, Fresh::default());
    steps.push(step(roles(GrantOptions {
        vouched_by_prompt: true,
        state_flag: state_flag.clone(),
        ..GrantOptions::default()
    })));
    steps.push(step(instance(ProtectOptions {
        state_flag,
        ..ProtectOptions::default()
    })));
    steps
}

fn prepared(options: PrepareOptions, cluster: Fresh<crate::arm::clusters::Cluster>) -> Steps {
    let PrepareOptions {
        subjects,
        folder,
        state_flag,
    } = options;
    let (flag, extension) = (|| state_flag.clone(), Fresh::default());
    vec![
        step(ClusterPrerequisites {
            cluster,
            state_flag: flag(),
        }),
        step(Storage { state_flag: flag() }),
        step(VaultAndPolicy {
            folder,
            state_flag: flag(),
        }),
        step(BackupExtension {
            extension: extension.clone(),
            state_flag: flag(),
        }),
        step(ExtensionIdentity {
            extension,
            state_flag: flag(),
        }),
        step(FederatedCredentials {
            subjects,
            state_flag: flag(),
        }),
        step(TrustedAccess { state_flag: flag() }),
    ]
}

fn preflight(
    purpose: Purpose,
) -> (
    Preflight,
    Fresh<crate::arm::clusters::Cluster>,
    Fresh<Vec<crate::arm::backups::Instance>>,
) {
    let (cluster, instances) = (Fresh::default(), Fresh::default());
    let preflight = Preflight {
        purpose,
        cluster: cluster.clone(),
        instances: instances.clone(),
    };
    (preflight, cluster, instances)
}

fn roles(options: GrantOptions) -> Roles {
    let GrantOptions {
        on_container,
        vault,
        snapshot_group,
        vouched_by_prompt,
        state_flag,
    } = options;
    Roles {
        on_container,
        vault,
        snapshot_group,
        vouched_by_prompt,
        state_flag,
    }
}

fn instance(options: ProtectOptions) -> BackupInstance {
    let ProtectOptions {
        without_verification,
        state_flag,
    } = options;
    BackupInstance {
        without_verification,
        state_flag,
        ..BackupInstance::default()
    }
}

#[cfg(test)]
mod tests {
    use aksbackup_shared::guide::{Plane, StepName};

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
            .filter(|step| step.plane() == Plane::Cloud && *step != StepName::Backup);
        assert_eq!(up, cloud.collect::<Vec<_>>());
        assert_eq!(
            names(&backup(BackupOptions::default())),
            [StepName::Preflight, StepName::Backup]
        );
    }

    #[test]
    fn every_step_belongs_to_the_command_that_its_turn_names() {
        for (command, steps) in [
            ("az aksbackup prepare", prepare(PrepareOptions::default())),
            ("az aksbackup grant", grant(GrantOptions::default())),
            ("az aksbackup protect", protect(ProtectOptions::default())),
        ] {
            let own = names(&steps).into_iter().filter(|step| *step != StepName::Preflight);
            assert!(own.into_iter().all(|step| step.turn().1 == command), "{command}");
        }
    }
}
