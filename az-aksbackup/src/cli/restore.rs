//! The flags of `points` and `restore`.

use aksbackup_shared::ids::{HookName, LabelSelector, ResourceType};
use clap::{Args, ValueEnum};
use jiff::Timestamp;

use crate::cli::ConfirmArgs;
use crate::commands::flags::ClusterFlags;
use crate::steps::confirm::Named;

/// Flags of `points`.
#[derive(Debug, Clone, Args)]
pub(crate) struct PointsArgs {
    /// Which cluster.
    #[command(flatten)]
    pub(crate) cluster: ClusterFlags,
    /// Show only the newest recovery point no later than this time, such as 2026-11-29T06:00:00Z
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub(crate) at: Option<Timestamp>,
    /// Maximum number of recovery points to list, most recent first
    #[arg(long, default_value = "20", value_name = "COUNT", conflicts_with = "at", value_parser = count)]
    pub(crate) limit: usize,
}

/// What becomes of volumes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Volumes {
    /// Restore the data of the recovery point
    Data,
    /// Create empty volumes
    None,
}

/// What becomes of resources that exist.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Conflict {
    /// Keep existing resources unchanged
    Skip,
    /// Patch existing resources without deleting any
    Patch,
}

/// Flags of `restore`.
#[derive(Debug, Clone, Args)]
pub(crate) struct RestoreArgs {
    /// ID of the recovery point, or latest for the newest one
    #[arg(long, value_name = "ID", default_value = "latest", conflicts_with = "at")]
    pub(crate) point: String,
    /// Restore from the newest recovery point no later than this time, such as 2026-11-29T06:00:00Z
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub(crate) at: Option<Timestamp>,
    /// Namespace to restore and the namespace to restore it to (repeatable): shop=shop-restored
    #[arg(long, value_name = "SOURCE=TARGET")]
    pub(crate) namespace: Vec<String>,
    /// Cluster to restore in place, into the same namespaces (all of them unless --namespace is set); existing persistent
    /// volume claims are skipped and their data isn't restored, but the job still reports Completed
    #[arg(long, value_name = "RESOURCE-GROUP/CLUSTER")]
    pub(crate) in_place: Option<Named>,
    /// Restore only resources with this label (repeatable): app=web
    #[arg(long, value_name = "SELECTOR")]
    pub(crate) label_selector: Vec<LabelSelector>,
    /// Restore only resources of this type (repeatable): v1/ConfigMap
    #[arg(long, value_name = "TYPE")]
    pub(crate) include_resource_type: Vec<ResourceType>,
    /// Exclude resources of this type (repeatable): v1/Secret
    #[arg(long, value_name = "TYPE")]
    pub(crate) exclude_resource_type: Vec<ResourceType>,
    /// Exclude cluster-scoped resources, which include persistent volumes
    #[arg(long)]
    pub(crate) no_cluster_scope_resources: bool,
    /// Content of restored persistent volumes
    #[arg(long, value_enum, default_value = "data", value_name = "WHAT")]
    pub(crate) volumes: Volumes,
    /// How to handle resources that already exist
    #[arg(long, value_enum, default_value = "skip", value_name = "HOW")]
    pub(crate) conflict: Conflict,
    /// ConfigMap with Velero resource modifiers, which change resources during the restore
    #[arg(long, value_name = "NAMESPACE/NAME", value_parser = reference)]
    pub(crate) resource_modifier: Option<HookName>,
    /// RestoreHook resource of the extension to run in restored pods (repeatable)
    #[arg(long, value_name = "NAMESPACE/NAME", value_parser = reference, conflicts_with = "in_place")]
    pub(crate) restore_hook: Vec<HookName>,
    /// Validate the restore in Azure without restoring anything
    #[arg(long)]
    pub(crate) plan: bool,
    /// Start another restore, even if an earlier run of the same command has started one
    #[arg(long, conflicts_with = "plan")]
    pub(crate) again: bool,
    /// Don't wait for the job; the next run resumes waiting, and `jobs` shows the status
    #[arg(long)]
    pub(crate) no_wait: bool,
    /// Into what it is restored.
    #[command(flatten)]
    pub(crate) confirm: ConfirmArgs,
}

/// A resource of the cluster in its namespace.
fn reference(text: &str) -> Result<HookName, String> {
    text.parse()
        .map_err(|_| "write NAMESPACE/NAME, both in lowercase letters, digits, and '-'".to_owned())
}

/// A number of recovery points: none at all would look as if there were none.
fn count(text: &str) -> Result<usize, String> {
    let own = text.parse().ok().filter(|own| *own > 0);
    own.ok_or_else(|| "write a number of 1 or more".to_owned())
}

/// A point in time, with its time zone.
fn time(text: &str) -> Result<Timestamp, String> {
    text.parse().map_err(|_| {
        "write the date, time, and time zone, such as 2026-11-29T06:00:00Z (Z is UTC) or 2026-11-29T07:00:00+01:00"
            .to_owned()
    })
}

#[cfg(test)]
mod tests {
    use super::{reference, time};

    #[test]
    fn a_reference_has_a_namespace() {
        assert_eq!(reference("shop/thaw").unwrap().as_str(), "shop/thaw");
        for text in ["thaw", "shop/", "/thaw", "Shop/thaw", "a/b/c"] {
            assert!(reference(text).unwrap_err().contains("NAMESPACE/NAME"), "{text}");
        }
    }

    #[test]
    fn a_time_has_a_time_zone() {
        for text in [
            "2026-11-29T06:00:00Z",
            "2026-11-29T07:00:00+01:00",
            "2026-11-29 06:00:00Z",
        ] {
            assert_eq!(time(text).unwrap().to_string(), "2026-11-29T06:00:00Z");
        }
        for text in [
            "2026-11-29",
            "2026-11-29T06:00:00",
            "yesterday",
            "9999-99-99T00:00:00Z",
            "",
        ] {
            assert!(time(text).unwrap_err().contains("time zone"), "{text}");
        }
    }
}
