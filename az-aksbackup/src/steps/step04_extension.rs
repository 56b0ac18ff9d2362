//! Step 4, "Install AKS Backup Extension": Microsoft's extension `microsoft.dataprotection.kubernetes`, whatever its name.
//!
//! Stands for `az k8s-extension create --extension-type microsoft.dataprotection.kubernetes …` and the polling of its
//! `provisioningState`. The guide's short setting names, `useAAD`, `storageAccountURI` and the tenant are additions of the
//! Azure CLI: the service takes settings as they come, so the wire names are written here. An extension that exists is
//! compared, not trusted.
//!
//! Rights: `Microsoft.KubernetesConfiguration/extensions/{read,write}`, `…/extensions/operations/read` on the cluster.

use crate::arm::visible;
use std::cell::Cell;
use std::collections::BTreeMap;

use aksbackup_shared::command_line::{Fix, az, shell};
use aksbackup_shared::failure::{Failure, Outcome};
use aksbackup_shared::fix;
use aksbackup_shared::guide::StepName;
use aksbackup_shared::ids::ResourceId;
use aksbackup_shared::names::NAMESPACE;
use aksbackup_shared::schema::{CloudTables, ExtensionTable, State, Target};
use aksbackup_shared::step::{Applied, Change, ChangeNote, Decision, Right, Step, Turn, Wait};

use crate::arm::client::{Reader, Writer};
use crate::arm::extensions::{self, Extension, Upgrades};
use crate::arm::versions;
use crate::checks::extension_drift::{self, Difference};
use crate::checks::extension_settings::{self, Settings};
use crate::checks::reinstallation::{cluster_of, decision};
use crate::checks::sole_extension::{no_conflict, sole};
use crate::platform::{self, Azure};
use crate::steps::cured::Cured;
use crate::steps::fresh::JustRead;
use crate::steps::{registration, turns};
use crate::target_ids;

const PROVIDER: &str = "Microsoft.KubernetesConfiguration";

/// Step 4.
pub(crate) struct BackupExtension {
    /// What the steps have just read for one another.
    pub(crate) read: JustRead,
    /// Whether this run has written the extension: what is wrong with it then isn't fixed by writing it again.
    pub(crate) written: Cell<bool>,
}

/// What is there.
pub(crate) struct Seen {
    target: Target,
    /// Those of Azure Backup.
    extensions: Vec<Extension>,
    /// Whether this run has written one.
    written: bool,
}

/// What can be made of it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum ExtensionChange {
    /// A new extension.
    Install {
        extension: ResourceId,
        settings: Settings,
        upgrades: Upgrades,
    },
    /// Access without keys for one that points at the right container.
    Rekey { extension: ResourceId, settings: Settings },
    /// What the target says otherwise, as `steps`, and access without keys where that is missing.
    Configure {
        extension: ResourceId,
        settings: Settings,
        upgrades: Upgrades,
        steps: Vec<String>,
        /// What is protected less afterwards, and what keeps that.
        reduces: Option<(&'static str, Fix)>,
    },
    /// Its settings once more, because of `why`: the cluster's agent installs them again.
    Repair {
        extension: ResourceId,
        settings: Settings,
        upgrades: Upgrades,
        why: String,
    },
}

impl ExtensionChange {
    fn extension(&self) -> &ResourceId {
        match self {
            Self::Install { extension, .. }
            | Self::Rekey { extension, .. }
            | Self::Configure { extension, .. }
            | Self::Repair { extension, .. } => extension,
        }
    }
}

impl Change for ExtensionChange {
    fn note(&self) -> ChangeNote {
        let name = self.extension().name();
        let (summary, creates, warning) = match self {
            Self::Install { extension, .. } => (format!("install extension {name}"), Some(extension.to_string()), None),
            Self::Rekey { .. } => (
                format!("configure extension {name} to use Microsoft Entra ID instead of account keys"),
                None,
                Some("the extension's pods will restart".to_owned()),
            ),
            Self::Configure { steps, .. } => (
                format!("configure extension {name} ({})", steps.join("; ")),
                None,
                Some(
                    "the extension's pods will restart; a backup or restore that is running at that time will fail"
                        .to_owned(),
                ),
            ),
            Self::Repair { why, .. } => (
                format!("rewrite the settings of extension {name}: {why}"),
                None,
                Some("the extension's pods will restart".to_owned()),
            ),
        };
        let right = Right::new(
            "Microsoft.KubernetesConfiguration/extensions/write",
            cluster_of(self.extension()),
        );
        let reduces = match self {
            Self::Configure { reduces, .. } => reduces.as_ref(),
            Self::Install { .. } | Self::Rekey { .. } | Self::Repair { .. } => None,
        };
        ChangeNote {
            reduces: reduces.map(|(what, _)| (*what).to_owned()).into_iter().collect(),
            keeps: reduces.map(|(_, keep)| keep.clone()),
            summary,
            right,
            creates,
            warning,
        }
    }
}

impl Step for BackupExtension {
    type Platform = Azure;
    type Seen = Seen;
    type Change = ExtensionChange;

    fn name(&self) -> StepName {
        StepName::Extension
    }

    async fn observe(&self, reader: &Reader, state: &State) -> Outcome<Seen> {
        let target = target_ids::target(state)?.clone();
        let extensions = match self.read.extensions.take() {
            Some(extensions) => extensions,
            None => extensions::of_backup(reader, &target.cluster).await?,
        };
        let written = self.written.get();
        let seen = Seen {
            target,
            extensions,
            written,
        };
        if let Some(extension) = chosen(&seen) {
            self.read.extension.put(extension.clone());
        }
        Ok(seen)
    }

    fn decide(&self, seen: &Seen, state: &State) -> Outcome<Decision<ExtensionChange>> {
        let target = &seen.target;
        let endpoint = state
            .cloud
            .storage
            .as_ref()
            .map(|storage| storage.blob_endpoint.as_str());
        let own = sole(&target.cluster, &seen.extensions)?;
        extension_drift::coherent(&target.extension, own)?;
        let Some(extension) = own else {
            let Some(endpoint) = endpoint else { return no_storage() };
            return Ok(Decision::Change(vec![ExtensionChange::Install {
                extension: target_ids::extension(target),
                settings: extension_settings::wanted(target, endpoint),
                upgrades: extension_drift::upgrades(&target.extension),
            }]));
        };
        let why = match extension.provisioning_state() {
            "Succeeded" if extension_settings::has_no_storage(extension) => {
                Some("it has no storage settings".to_owned())
            }
            "Succeeded" => None,
            "Failed" | "Canceled" if seen.written => return Err(Box::new(broken(target, extension))),
            state @ ("Failed" | "Canceled") => Some(format!("it is {state}")),
            other => {
                return Ok(Decision::Wait(Wait::for_(format!(
                    "extension {}: {other}",
                    extension.name
                ))));
            }
        };
        no_conflict(target, &seen.extensions)?;
        let Some(endpoint) = endpoint else { return no_storage() };
        match why {
            Some(why) => Ok(Decision::Change(vec![ExtensionChange::Repair {
                extension: extensions::extension_id(&target.cluster, &extension.name),
                settings: extension_settings::wanted(target, endpoint),
                upgrades: extension_drift::upgrades(&target.extension),
                why,
            }])),
            None => configured(seen, extension, endpoint),
        }
    }

    async fn apply(&self, writer: &Writer, change: &ExtensionChange) -> Outcome<Applied> {
        let note = change.note();
        let answer = match change {
            ExtensionChange::Install {
                extension,
                settings,
                upgrades,
            } => extensions::install(writer, extension, (settings, upgrades)).await,
            ExtensionChange::Rekey { extension, settings } => {
                extensions::set(writer, extension, (settings, &Upgrades::default())).await
            }
            ExtensionChange::Configure {
                extension,
                settings,
                upgrades,
                ..
            }
            | ExtensionChange::Repair {
                extension,
                settings,
                upgrades,
                ..
            } => extensions::set(writer, extension, (settings, upgrades)).await,
        };
        match answer {
            Ok(answer) => {
                self.written.set(true);
                let resource = (change.extension().to_string(), versions::EXTENSIONS);
                let hints = cures(change.extension()).into();
                Ok(Cured::by(answer.applied(writer, note.summary, resource), hints))
            }
            Err(failure) => {
                let refused = (failure, &turns::CLUSTER_BUSY[..], note.summary.as_str());
                registration::patience(writer, &change.extension().subscription(), PROVIDER, refused).await
            }
        }
    }

    fn record(&self, seen: &Seen, tables: &mut CloudTables) {
        let Some(extension) = chosen(seen) else { return };
        let namespace = extension.namespace().unwrap_or(NAMESPACE);
        tables.extension = namespace.parse().ok().map(|namespace| ExtensionTable {
            extension: extensions::extension_id(&seen.target.cluster, &extension.name),
            version: extension.properties.current_version.clone(),
            namespace,
            written: None,
        });
    }

    fn record_blocked(&self, seen: &Seen, tables: &mut CloudTables) {
        platform::settle(tables, StepName::Extension, |_| chosen(seen).is_some());
    }

    /// The only wait is for an installation or update that Azure has accepted, of this run or another one.
    fn goes_on(&self, seen: &Seen) -> bool {
        chosen(seen).is_some()
    }

    fn is_last(&self, _change: &ExtensionChange) -> bool {
        true
    }

    fn hand_over(&self, change: &ExtensionChange, failure: &Failure) -> Option<Turn> {
        registration::of_failure(failure, PROVIDER, &change.extension().subscription())
            .or_else(|| visible::is_refused(failure).then(|| turns::not_ours(change.note(), az("prepare"))))
    }

    fn foresee(&self, state: &State) -> Vec<ChangeNote> {
        let target = state.target.as_ref().filter(|_| state.cloud.extension.is_none());
        let install = target.map(|target| ExtensionChange::Install {
            extension: target_ids::extension(target),
            settings: BTreeMap::new(),
            upgrades: Upgrades::default(),
        });
        // Nobody has looked yet: one that somebody else installed is taken.
        let unless_there = |change: &ExtensionChange| ChangeNote {
            summary: format!("{} (skipped if it is already installed)", change.note().summary),
            ..change.note()
        };
        install.iter().map(unless_there).collect()
    }
}

/// Decides about an extension that is well: access without keys, and what the target says.
fn configured(seen: &Seen, own: &Extension, endpoint: &str) -> Outcome<Decision<ExtensionChange>> {
    let target = &seen.target;
    let extension = extensions::extension_id(&target.cluster, &own.name);
    let mut settings = extension_settings::keyless(target, own, endpoint);
    let differences = extension_drift::differences(&target.extension, own);
    if differences.is_empty() {
        return Ok(match settings.is_empty() {
            true => Decision::Done(evidence(target, own)),
            false => Decision::Change(vec![ExtensionChange::Rekey { extension, settings }]),
        });
    }
    if seen.written {
        return not_made(target, own, &differences).err();
    }
    let reduces = differences.iter().find_map(|own| own.reduces).map(|what| {
        let keep = extension_drift::adopting(&differences, own);
        (what, fix!["to change the target to match the extension: ", keep])
    });
    let mut steps: Vec<String> = differences.iter().map(Difference::step).collect();
    steps.extend((!settings.is_empty()).then(|| "access: account keys → Microsoft Entra ID".to_owned()));
    settings.extend(extension_drift::resources(&target.extension));
    Ok(Decision::Change(vec![ExtensionChange::Configure {
        extension,
        settings,
        upgrades: extension_drift::upgrades(&target.extension),
        steps,
        reduces,
    }]))
}

/// Azure accepted a change that doesn't show.
fn not_made(target: &Target, own: &Extension, differences: &[Difference]) -> Failure {
    let failure = Failure::failed(format!(
        "cannot configure extension {} of cluster {}: Azure accepted the change, but the extension still differs",
        own.name,
        target.cluster.with_group()
    ));
    let unmade = differences.iter().map(ToString::to_string);
    unmade
        .fold(failure, Failure::because)
        .hint(fix!["try again: ", az("prepare")])
        .hint(fix![
            "to keep the settings in Azure: ",
            extension_drift::adopting(differences, own)
        ])
}

/// Returns the extension of Azure Backup; `None` where there is none, or where [`sole`] refuses what is there.
fn chosen(seen: &Seen) -> Option<&Extension> {
    sole(&seen.target.cluster, &seen.extensions).ok().flatten()
}

fn no_storage<T>() -> Outcome<T> {
    Failure::failed("cannot configure the extension's storage")
        .because("the storage account isn't known yet")
        .err()
}

fn broken(target: &Target, extension: &Extension) -> Failure {
    let (name, state) = (&extension.name, extension.provisioning_state());
    let failure = Failure::failed(format!(
        "extension {name} of cluster {} is {state}",
        target.cluster.with_group()
    ));
    let failure = extension.complaints().into_iter().fold(failure, Failure::because);
    let code = extension
        .properties
        .error_info
        .as_ref()
        .and_then(|error| error.code.clone());
    let failure = match code {
        Some(code) => failure.code(code),
        None => failure,
    };
    cures(&extensions::extension_id(&target.cluster, name))
        .into_iter()
        .fold(failure, Failure::hint)
}

/// What to do about an extension that failed. Azure takes no second installation over it.
fn cures(extension: &ResourceId) -> [Fix; 2] {
    [
        fix![
            "check the events of the extension's pods: ",
            shell(format!("kubectl get events -n {NAMESPACE} --sort-by=.lastTimestamp"))
        ],
        fix![
            "fix the cause, then run: ",
            az("prepare"),
            "; if Azure rejects that, ",
            decision(extension)
        ],
    ]
}

fn evidence(target: &Target, extension: &Extension) -> String {
    let (name, version) = (&extension.name, extension.properties.current_version.as_deref());
    let cluster = target.cluster.with_group();
    let remark = extension_drift::other_name(&target.extension, extension).map(|own| format!("; {own}"));
    let text = format!("extension {name} {} on cluster {cluster}", version.unwrap_or_default()).replace("  ", " ");
    text + &remark.unwrap_or_default()
}

#[cfg(test)]
pub(crate) mod tests;
