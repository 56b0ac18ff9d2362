//! What is restored, to where, and what stands in its way.

use std::collections::BTreeMap;

use aksbackup_shared::command_line::{CommandLine, az, shell};
use aksbackup_shared::failure::{Failure, Outcome};
use aksbackup_shared::fix;
use aksbackup_shared::ids::{HookName, LabelSelector, NamespaceName, ResourceId, ResourceType, same};
use aksbackup_shared::names::NAMESPACE;
use aksbackup_shared::schema::{Kind, Target};
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::arm::backups::{Instance, Job, JobState};
use crate::arm::recovery_points::OPERATIONAL;
use crate::checks::instance_body::datasource;

/// Microsoft: the restores of a backup instance in a day
/// (<https://learn.microsoft.com/azure/backup/azure-kubernetes-service-cluster-backup-support-matrix>).
pub(crate) const A_DAY: usize = 10;

/// What is restored, and how.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Criteria {
    /// The namespaces, each with the one that it becomes; empty for all, in place.
    pub(crate) namespaces: Vec<(NamespaceName, NamespaceName)>,
    /// Only resources with these labels.
    pub(crate) labels: Vec<LabelSelector>,
    /// Only these kinds of resources.
    pub(crate) included: Vec<ResourceType>,
    /// Not these kinds.
    pub(crate) excluded: Vec<ResourceType>,
    /// Whether cluster-scoped resources are restored.
    pub(crate) cluster_scope: bool,
    /// Whether volumes get their data.
    pub(crate) data: bool,
    /// Whether resources that exist are patched.
    pub(crate) patch: bool,
    /// The ConfigMap with the changes to make to resources.
    pub(crate) modifier: Option<HookName>,
    /// Restore hooks.
    pub(crate) hooks: Vec<HookName>,
}

impl Criteria {
    /// Returns whether namespaces are restored to where they were.
    pub(crate) fn is_in_place(&self) -> bool {
        self.namespaces.iter().all(|(source, target)| source == target)
    }

    /// Returns the members of a request for it, without the recovery point.
    pub(crate) fn body(&self, target: &Target, instance: &Instance) -> Value {
        let cluster = &target.cluster;
        let mut request = json!({
            "objectType": "AzureBackupRecoveryPointBasedRestoreRequest",
            "sourceDataStoreType": OPERATIONAL,
            "restoreTargetInfo": {
                "objectType": "ItemLevelRestoreTargetInfo",
                "recoveryOption": "FailIfExists",
                "restoreLocation": target.region.as_str(),
                "datasourceInfo": datasource(cluster, target, "Datasource"),
                "datasourceSetInfo": datasource(cluster, target, "DatasourceSet"),
                "restoreCriteria": [self.members()],
            },
        });
        // What the vault works as for this instance, where that isn't its own identity.
        if let Some(identity) = instance.assigned_identity() {
            request["identityDetails"] =
                json!({ "useSystemAssignedIdentity": false, "userAssignedIdentityArmUrl": identity });
        }
        request
    }

    fn members(&self) -> Value {
        let mut own = json!({
            "objectType": "KubernetesClusterRestoreCriteria",
            "includeClusterScopeResources": self.cluster_scope,
            "conflictPolicy": if self.patch { "Patch" } else { "Skip" },
            "persistentVolumeRestoreMode": if self.data { "RestoreWithVolumeData" } else { "RestoreWithoutVolumeData" },
        });
        let mut list = |name: &str, values: Vec<&str>| {
            if !values.is_empty() {
                own[name] = json!(values);
            }
        };
        list(
            "includedNamespaces",
            self.namespaces.iter().map(|(own, _)| own.as_str()).collect(),
        );
        list(
            "labelSelectors",
            self.labels.iter().map(LabelSelector::as_str).collect(),
        );
        list(
            "includedResourceTypes",
            self.included.iter().map(ResourceType::as_str).collect(),
        );
        list(
            "excludedResourceTypes",
            self.excluded.iter().map(ResourceType::as_str).collect(),
        );
        if !self.is_in_place() {
            let pairs = self.namespaces.iter().map(|(own, to)| (own.as_str(), to.as_str()));
            own["namespaceMappings"] = json!(pairs.collect::<BTreeMap<_, _>>());
        }
        if let Some(modifier) = &self.modifier {
            own["resourceModifierReference"] = reference(modifier);
        }
        if !self.hooks.is_empty() {
            own["restoreHookReferences"] = self.hooks.iter().map(reference).collect();
        }
        own
    }

    /// Returns what is restored, in words.
    pub(crate) fn words(&self) -> String {
        let pairs = self.namespaces.iter().map(|(own, to)| match own == to {
            true => own.to_string(),
            false => format!("{own} as {to}"),
        });
        let pairs: Vec<String> = pairs.collect();
        match pairs.as_slice() {
            [] => "all namespaces in place".to_owned(),
            [one] if self.is_in_place() => format!("namespace {one} in place"),
            [one] => format!("namespace {one}"),
            _ if self.is_in_place() => format!("namespaces {} in place", pairs.join(", ")),
            _ => format!("namespaces {}", pairs.join(", ")),
        }
    }

    /// Returns what the person should know before agreeing, each a clause. The Azure side sees no volume claims.
    pub(crate) fn warnings(&self, instance: &Instance) -> Vec<String> {
        let kept = match self.patch {
            true => "existing resources are patched, never deleted or re-created",
            false => "existing resources are left unchanged",
        };
        let mut all = vec![kept.to_owned()];
        if self.data {
            all.push(existing_claims(&self.listings()));
            all.push("volume data might arrive after the job has completed".to_owned());
        } else {
            all.push("volumes are created empty".to_owned());
        }
        if self.data && !self.cluster_scope {
            all.push(
                "without cluster-scoped resources, Velero restores no persistent volumes and no volume snapshot \
                 contents"
                    .to_owned(),
            );
        }
        all.extend(gaps(instance, self));
        all.push(format!(
            "the job continues if this command is interrupted; to check its progress: {}",
            az("jobs")
        ));
        all
    }

    /// Returns the commands that list the volume claims in the namespaces to which it is restored.
    fn listings(&self) -> Vec<CommandLine> {
        let one = |flags: String| shell(format!("kubectl get persistentvolumeclaims {flags}"));
        match self.namespaces.is_empty() {
            true => vec![one("--all-namespaces".to_owned())],
            false => self
                .namespaces
                .iter()
                .map(|(_, to)| one(format!("--namespace {to}")))
                .collect(),
        }
    }
}

fn reference(own: &HookName) -> Value {
    let (namespace, name) = own.as_str().split_once('/').unwrap_or_default();
    json!({ "namespace": namespace, "name": name })
}

/// The trap of every restore to where volume claims exist: <https://learn.microsoft.com/azure/backup/azure-kubernetes-service-cluster-restore>.
fn existing_claims(listings: &[CommandLine]) -> String {
    let listings: Vec<String> = listings.iter().map(ToString::to_string).collect();
    format!(
        "existing persistent volume claims are skipped: their data isn't restored, and the job still reports Completed; to list them, run: {}",
        listings.join("; ")
    )
}

/// Returns what the backups of an instance lack of what is to be restored, as it is configured now.
fn gaps(instance: &Instance, criteria: &Criteria) -> Vec<String> {
    let Some(own) = instance.parameters() else {
        return Vec::new();
    };
    let list = |name: &str| -> Vec<&str> {
        let items = own.get(name).and_then(Value::as_array).into_iter().flatten();
        items.filter_map(Value::as_str).collect()
    };
    let mut gaps = Vec::new();
    let takes = |kind: Kind| kind.passes(&list("includedResourceTypes"), &list("excludedResourceTypes"));
    let snapshots = own.get("snapshotVolumes").and_then(Value::as_bool) != Some(false);
    if criteria.data && !(snapshots && takes(Kind::VolumeClaim)) {
        gaps.push("the backup instance doesn't back up volumes".to_owned());
    }
    if !takes(Kind::Secret) {
        gaps.push(
            "the backup instance doesn't back up Secrets, and workloads that need them might not start".to_owned(),
        );
    }
    let (included, excluded) = (list("includedNamespaces"), list("excludedNamespaces"));
    let is_left_out =
        |source: &str| (!included.is_empty() && !included.contains(&source)) || excluded.contains(&source);
    let left_out = criteria
        .namespaces
        .iter()
        .filter(|(source, _)| is_left_out(source.as_str()));
    gaps.extend(left_out.map(|(source, _)| {
        format!(
            "the backup instance currently doesn't back up namespace {source}, so the recovery point might not contain it"
        )
    }));
    gaps
}

/// Namespaces of Kubernetes, AKS and Azure Backup: backups leave the first four out, and none is a place for restored workloads.
const SYSTEM: [&str; 9] = [
    "kube-system",
    "kube-public",
    "kube-node-lease",
    NAMESPACE,
    "gatekeeper-system",
    "calico-system",
    "tigera-operator",
    "aks-istio-system",
    "app-routing-system",
];

/// The longest name of a namespace.
const LONGEST: usize = 63;

/// A name for the namespace that `source` becomes.
fn proposed(source: &NamespaceName) -> String {
    const END: &str = "-restored";
    let kept: String = source.as_str().chars().take(LONGEST - END.len()).collect();
    format!("{source}={}{END}", kept.trim_end_matches('-'))
}

/// Returns the namespaces that `words` name, each `SOURCE=TARGET`, or with `in_place` each `SOURCE`.
///
/// # Errors
/// Exit 2: a name that Kubernetes doesn't take, a mapping that is missing or contradicts another one, or a namespace of the system.
pub(crate) fn mapping(words: &[String], in_place: bool) -> Outcome<Vec<(NamespaceName, NamespaceName)>> {
    if words.is_empty() && !in_place {
        return Failure::usage("no namespace specified")
            .hint("specify each namespace and the namespace to restore it to: --namespace shop=shop-restored")
            .err();
    }
    let mut pairs: Vec<(NamespaceName, NamespaceName)> = Vec::new();
    for word in words {
        let (source, target) = pair(word, in_place)?;
        refuse_system(&source, "from")?;
        refuse_system(&target, "to")?;
        if pairs.iter().any(|(own, _)| *own == source) {
            return Failure::usage(format!("--namespace specifies {source} twice")).err();
        }
        if let Some((other, _)) = pairs.iter().find(|(_, own)| *own == target) {
            return Failure::usage(format!(
                "namespaces {other} and {source} would both be restored to {target}"
            ))
            .because("their resources would be mixed, and resources with the same name would be restored only once")
            .hint(format!(
                "specify a different namespace for each: --namespace {}",
                proposed(&source)
            ))
            .err();
        }
        pairs.push((source, target));
    }
    let is_source = |target: &NamespaceName| pairs.iter().any(|(source, _)| source == target);
    match pairs.iter().find(|(_, target)| !in_place && is_source(target)) {
        Some((source, target)) => Failure::usage(format!(
            "namespace {source} would be restored into {target}, which is itself restored"
        ))
        .hint(format!(
            "choose a namespace that doesn't exist: --namespace {}",
            proposed(source)
        ))
        .err(),
        None => Ok(pairs),
    }
}

fn pair(word: &str, in_place: bool) -> Outcome<(NamespaceName, NamespaceName)> {
    let name = |text: &str| -> Outcome<NamespaceName> {
        text.parse()
            .or_else(|error| Failure::usage(format!("--namespace {word}: {error}")).err())
    };
    let unmapped = |source: &NamespaceName| {
        Failure::usage(format!(
            "--namespace {word} doesn't specify the namespace to restore {source} to"
        ))
        .because("a restore into the same namespace skips existing persistent volume claims: their data isn't restored")
        .hint(format!(
            "restore into another namespace: --namespace {}",
            proposed(source)
        ))
        .hint("to restore into the same namespace anyway: --in-place RESOURCE-GROUP/CLUSTER")
        .err()
    };
    match (word.split_once('='), in_place) {
        (Some((source, _)), true) => {
            Failure::usage(format!("--in-place and --namespace {word} can't be used together"))
                .hint(format!("specify only the namespace: --namespace {source}"))
                .err()
        }
        (None, true) => name(word).map(|own| (own.clone(), own)),
        (None, false) => unmapped(&name(word)?),
        (Some((source, target)), false) => {
            let (source, target) = (name(source)?, name(target)?);
            match source == target {
                true => unmapped(&source),
                false => Ok((source, target)),
            }
        }
    }
}

fn refuse_system(own: &NamespaceName, way: &str) -> Outcome<()> {
    let name = own.as_str();
    match SYSTEM.contains(&name) || name.starts_with("kube-") {
        true => Failure::usage(format!(
            "namespace {own} is a system namespace: nothing can be restored {way} it"
        ))
        .because("Azure Backup excludes system namespaces, and a restore into one could break the cluster")
        .hint("choose a namespace of your workloads")
        .err(),
        false => Ok(()),
    }
}

/// The restores of an instance, the latest first.
pub(crate) fn restores(jobs: Vec<Job>, instance: &ResourceId) -> Vec<Job> {
    let own = |job: &Job| {
        let category = job.properties.operation_category.as_deref().unwrap_or_default();
        let about = job.properties.backup_instance_id.as_deref().unwrap_or_default();
        category.eq_ignore_ascii_case("Restore") && same(about.trim_end_matches('/'), instance.as_str())
    };
    let mut own: Vec<Job> = jobs.into_iter().filter(own).collect();
    own.sort_by_key(|job| std::cmp::Reverse(job.properties.start_time));
    own
}

/// Checks that no other restore is running, and that the day has one left. Microsoft doesn't say when its day begins; here it is that
/// of UTC.
///
/// # Errors
/// Exit 1, with the job that is running, or the number of restores.
pub(crate) fn must_be_free(restores: &[Job], now: Timestamp) -> Outcome<()> {
    let running = restores.iter().find(|job| job.state() == JobState::Running);
    if let Some(job) = running {
        let name = job.name();
        return Failure::failed(format!(
            "another restore is running: job {name}, {}",
            job.properties.status
        ))
        .because("the restore was started by another command, or by this command with other options")
        .hint(fix!["to check its progress: ", az("jobs").with(name)])
        .err();
    }
    let day = |at: Timestamp| at.strftime("%Y-%m-%d").to_string();
    let today = restores
        .iter()
        .filter(|job| job.properties.start_time.is_some_and(|at| day(at) == day(now)));
    match today.count() {
        count if count >= A_DAY => Failure::failed(format!(
            "{count} restores of the backup instance were started today (UTC)"
        ))
        .because(format!(
            "Azure Backup allows {A_DAY} restores of a backup instance per day"
        ))
        .hint("run the command again tomorrow")
        .err(),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests;
