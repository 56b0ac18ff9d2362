//! What no public source proves, and what an answer makes of it. Pure: `Seen` in, `Finding` out.

use serde_json::Value;

use crate::door::Reading;
use crate::seen::Seen;
use crate::trials::Trial;
use crate::{
    claims_of_azure as azure, claims_of_backups as backups, claims_of_cluster as cluster,
    claims_of_operations as operations, trials, trials_of_operations,
};

/// What came out of one claim.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Finding {
    pub(crate) verdict: Verdict,
    /// What was observed, in one sentence.
    pub(crate) says: String,
    /// The answers behind it, in short.
    pub(crate) evidence: Vec<String>,
}

/// How a claim and reality compare.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    Confirmed,
    Differs,
    NotObservable,
    /// The run ended before, or the question was answered with no.
    NotChecked,
}

impl Verdict {
    /// Returns the word for people and for JSON.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Confirmed => "confirmed",
            Self::Differs => "differs",
            Self::NotObservable => "not observable here",
            Self::NotChecked => "not checked",
        }
    }
}

impl Finding {
    pub(crate) fn new(verdict: Verdict, says: impl Into<String>) -> Self {
        Self {
            verdict,
            says: says.into(),
            evidence: Vec::new(),
        }
    }

    pub(crate) fn confirmed(says: impl Into<String>) -> Self {
        Self::new(Verdict::Confirmed, says)
    }

    pub(crate) fn differs(says: impl Into<String>) -> Self {
        Self::new(Verdict::Differs, says)
    }

    pub(crate) fn not_observable(says: impl Into<String>) -> Self {
        Self::new(Verdict::NotObservable, says)
    }

    /// Confirms or contradicts by one condition.
    pub(crate) fn of(holds: bool, says: impl Into<String>) -> Self {
        Self::new(if holds { Verdict::Confirmed } else { Verdict::Differs }, says)
    }

    /// Adds what a value was.
    pub(crate) fn with(mut self, what: &str, value: &Value) -> Self {
        let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        self.evidence.push(format!("{what} = {value}"));
        self
    }

    /// Says that something could not be read.
    pub(crate) fn unread(what: &str, reading: &Reading) -> Self {
        Self::not_observable(format!("cannot read {what}: {}", reading.words()))
    }
}

/// How a claim is checked.
#[derive(Clone, Copy)]
pub(crate) enum How {
    Reading(fn(&Seen) -> Finding),
    /// Only a request that writes can show it; each is confirmed by itself.
    Writing(&'static Trial),
}

/// One thing that no source proves.
#[derive(Clone, Copy)]
pub(crate) struct Claim {
    pub(crate) id: &'static str,
    pub(crate) says: &'static str,
    pub(crate) how: How,
}

const fn reading(id: &'static str, says: &'static str, judge: fn(&Seen) -> Finding) -> Claim {
    Claim {
        id,
        says,
        how: How::Reading(judge),
    }
}

const fn writing(id: &'static str, says: &'static str, trial: &'static Trial) -> Claim {
    Claim {
        id,
        says,
        how: How::Writing(trial),
    }
}

/// All claims. The list in docs/live.md has the same; a test compares them.
pub(crate) const ALL: [Claim; 28] = [
    reading(
        "keyless-backup",
        "A cluster whose storage account refuses account keys can be backed up",
        azure::keyless_backup,
    ),
    reading(
        "velero-credentials",
        "Microsoft's Velero prefers the projected token, as the upstream one does",
        cluster::velero_credentials,
    ),
    reading(
        "labels-survive-upgrade",
        "An upgrade of the extension keeps the workload identity label of the pod templates",
        cluster::labels_survive_upgrade,
    ),
    reading(
        "service-account-names",
        "The extension's service accounts have the names that the guide states",
        cluster::service_account_names,
    ),
    reading(
        "chart-sets-client-id",
        "The extension's pod templates don't set AZURE_CLIENT_ID themselves",
        cluster::chart_sets_client_id,
    ),
    reading(
        "issuer-bytes",
        "The API server advertises the issuer exactly as Azure reports it",
        cluster::issuer_bytes,
    ),
    reading(
        "subscription-permissions",
        "Azure lists an account's permissions in a whole subscription",
        azure::subscription_permissions,
    ),
    reading(
        "identity-reported",
        "The extension reports the client ID and the resource ID of its identity",
        azure::identity_reported,
    ),
    reading(
        "identity-name",
        "The extension's identity is named ext-… and is in the node resource group",
        azure::identity_name,
    ),
    reading("cluster-etag", "A cluster has an eTag", azure::cluster_etag),
    reading(
        "policy-version",
        "A backup instance has a member for the version of its policy",
        azure::policy_version,
    ),
    reading(
        "policy-created-at",
        "A policy has no creation date",
        backups::policy_created_at,
    ),
    reading(
        "policy-members",
        "A further retention rule of a policy has isDefault and lifecycles, as they were sent",
        backups::policy_members,
    ),
    reading(
        "instance-list",
        "The list of a cluster's backup instances has their IDs in the vault",
        backups::instance_list,
    ),
    reading(
        "point-members",
        "A recovery point has its time and its data stores",
        backups::point_members,
    ),
    reading(
        "point-state",
        "A complete recovery point has no recoveryPointState",
        backups::point_state,
    ),
    reading(
        "graph-extensions",
        "Azure Resource Graph has a cluster's extensions with ExtensionType, ProvisioningState and ConfigurationSettings",
        operations::graph_extensions,
    ),
    reading(
        "graph-instances",
        "Azure Resource Graph has a cluster's backup instances with their protection state",
        operations::graph_instances,
    ),
    reading(
        "protection-state",
        "The protection state of a backup instance is one that aksbackup knows",
        operations::protection_state,
    ),
    reading(
        "deleted-instances",
        "A soft-deleted backup instance has the time of its deletion from the vault",
        operations::deleted_instances,
    ),
    reading(
        "vault-alerts",
        "A vault reports whether failed jobs raise alerts",
        operations::vault_alerts,
    ),
    writing(
        "omitted-members",
        "A PUT of the whole cluster removes the members that it leaves out",
        &trials::OMITTED_MEMBERS,
    ),
    writing(
        "policy-put-again",
        "A PUT of a policy with its own content is accepted and changes nothing",
        &trials::POLICY_PUT_AGAIN,
    ),
    writing(
        "instance-put-again",
        "A PUT of a backup instance with its own content is accepted and changes nothing",
        &trials::INSTANCE_PUT_AGAIN,
    ),
    writing(
        "binding-put-again",
        "A PUT of a Trusted Access role binding names its operation in a header",
        &trials::BINDING_PUT_AGAIN,
    ),
    writing(
        "role-assigned-twice",
        "A second assignment of the same role under another name is refused as RoleAssignmentExists",
        &trials::ROLE_ASSIGNED_TWICE,
    ),
    writing(
        "vault-patched-again",
        "A PATCH of a vault with its own monitoring settings is accepted and changes nothing",
        &trials_of_operations::VAULT_PATCHED_AGAIN,
    ),
    writing(
        "suspended-and-resumed",
        "A suspended backup instance is in state BackupsSuspended, and returns to ProtectionConfigured",
        &trials_of_operations::SUSPENDED_AND_RESUMED,
    ),
];
