//! A row of `list`: what was read of a cluster, and its findings in a few words, by the rules that `verify` asks.

use aksbackup_shared::chain::check::Verdict;
use aksbackup_shared::ids::ResourceId;
use jiff::Timestamp;

use crate::arm::backups::{Instance, Job};
use crate::arm::clusters;
use crate::arm::extensions::Extension;
use crate::checks::jobs::{self, Last};
use crate::checks::protection::{self, Protection};
use crate::checks::view::Seen;

/// What was read of a cluster.
#[derive(Debug, Clone)]
pub(crate) struct Overview {
    /// The cluster.
    pub(crate) id: ResourceId,
    /// Its region as Azure writes it.
    pub(crate) region: String,
    /// The version of Kubernetes that runs.
    pub(crate) version: Option<String>,
    /// `Running` or `Stopped`.
    pub(crate) power: Option<String>,
    /// The backup instance that protects it, also one that was deleted and that its vault keeps.
    pub(crate) instance: Seen<Instance>,
    /// The last backup that has ended.
    pub(crate) last: Seen<Job>,
    /// The Azure Backup extension.
    pub(crate) extension: Seen<Extension>,
}

/// What is wrong with a cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Finding {
    /// An error or a warning.
    pub(crate) verdict: Verdict,
    /// What is wrong.
    pub(crate) says: String,
}

impl Overview {
    /// Returns whether nothing protects the cluster. A deleted instance protects nothing, even where its vault keeps it.
    pub(crate) fn is_unprotected(&self) -> bool {
        match &self.instance {
            Seen::Here(own) => is_deleted(own),
            Seen::Absent => true,
            Seen::Hidden(_) | Seen::Unasked => false,
        }
    }

    /// Returns what is wrong with the cluster. Nothing is said of what could not be read.
    pub(crate) fn findings(&self, now: Timestamp) -> Vec<Finding> {
        let mut all: Vec<Finding> = of_protection(&self.instance).into_iter().collect();
        if !clusters::runs(self.power.as_deref()) {
            all.push(error("cluster stopped"));
        }
        all.extend(self.of_extension());
        if !self.is_unprotected()
            && let Some(job) = self.last.here()
        {
            all.extend(of_backup(job, now));
        }
        all
    }

    fn of_extension(&self) -> Option<Finding> {
        match &self.extension {
            Seen::Here(own) if own.is_installed() => None,
            Seen::Here(own) if own.has_failed() => Some(error("extension failed")),
            Seen::Here(own) => Some(warning(format!("extension {}", own.provisioning_state()))),
            // Of a cluster that nothing protects, that is no news.
            Seen::Absent if !self.is_unprotected() => Some(error("no extension")),
            Seen::Absent | Seen::Hidden(_) | Seen::Unasked => None,
        }
    }
}

/// Returns, of several instances of one cluster, the one that says how the cluster is protected.
pub(crate) fn foremost(instances: Vec<Instance>) -> Option<Instance> {
    instances.into_iter().min_by_key(|own| {
        let rank = match protection::of(own) {
            Protection::Configured => 0,
            Protection::Changing => 1,
            Protection::Broken | Protection::Unknown => 2,
            Protection::Paused => 3,
        };
        (is_deleted(own), rank, own.id.to_string())
    })
}

/// Returns the last backup of `jobs` that has ended.
pub(crate) fn latest(jobs: impl IntoIterator<Item = Job>) -> Option<Job> {
    let ended = jobs.into_iter().filter(jobs::is_ended);
    ended.max_by_key(|job| job.properties.start_time)
}

fn is_deleted(own: &Instance) -> bool {
    own.id
        .as_str()
        .to_ascii_lowercase()
        .contains("/deletedbackupinstances/")
}

fn of_protection(instance: &Seen<Instance>) -> Option<Finding> {
    let own = match instance {
        Seen::Here(own) if is_deleted(own) => return Some(error("not protected: backup instance deleted")),
        Seen::Here(own) => own,
        Seen::Absent => return Some(error("not protected")),
        Seen::Hidden(_) | Seen::Unasked => return None,
    };
    let state = own.protection();
    match protection::of(own) {
        Protection::Configured => None,
        Protection::Changing if state.is_empty() => Some(warning("protection not configured yet")),
        Protection::Changing => Some(warning(format!("protection not configured yet: {state}"))),
        Protection::Unknown => Some(warning(format!("unknown protection state {state}"))),
        Protection::Paused if state.ends_with("Suspended") => Some(error("backups suspended")),
        Protection::Paused => Some(error(format!("protection stopped: {state}"))),
        Protection::Broken => {
            let code = own
                .errors()
                .into_iter()
                .map(|error| error.code)
                .find(|code| !code.is_empty());
            Some(error(format!(
                "protection failed: {}",
                code.as_deref().unwrap_or(state)
            )))
        }
    }
}

fn of_backup(job: &Job, now: Timestamp) -> Option<Finding> {
    match jobs::judged(job, now) {
        Last::Failed => Some(error("last backup failed")),
        Last::Incomplete => Some(warning("last backup incomplete")),
        Last::Overdue(age) => Some(warning(format!("no backup for {} days", age.as_secs() / (24 * 3600)))),
        Last::Good => None,
    }
}

fn error(says: impl Into<String>) -> Finding {
    Finding {
        verdict: Verdict::Error,
        says: says.into(),
    }
}

fn warning(says: impl Into<String>) -> Finding {
    Finding {
        verdict: Verdict::Warning,
        says: says.into(),
    }
}

#[cfg(test)]
mod tests {
    use aksbackup_shared::failure::Failure;
    use serde_json::{Value, json};

    use super::*;
    use crate::checks::protection::tests::instance;
    use crate::checks::view::View;
    use crate::checks::view::tests::{extension, view};
    use crate::checks::{extension as of_extension, instance as of_instance, jobs as of_jobs};
    use crate::target_ids::tests::example;

    const NOW: &str = "2026-01-20T00:00:00Z";

    fn job(status: &str, ended: &str) -> Job {
        serde_json::from_value(json!({ "id": "/x/backupJobs/j", "properties": {
            "status": status, "operationCategory": "Backup", "startTime": ended, "endTime": ended } }))
        .unwrap()
    }

    fn healthy() -> Overview {
        Overview {
            id: example().cluster,
            region: "westeurope".to_owned(),
            version: Some("1.33.3".to_owned()),
            power: Some("Running".to_owned()),
            instance: Seen::Here(instance("ProtectionConfigured", |_| ())),
            last: Seen::Here(job("Completed", "2026-01-19T00:00:00Z")),
            extension: Seen::Here(extension(|_| ())),
        }
    }

    fn said(change: impl FnOnce(&mut Overview)) -> Vec<String> {
        let mut own = healthy();
        change(&mut own);
        let all = own.findings(NOW.parse().unwrap());
        all.into_iter().map(|finding| finding.says).collect()
    }

    #[test]
    fn a_protected_cluster_has_no_findings() {
        assert_eq!(said(|_| ()), Vec::<String>::new());
        assert!(!healthy().is_unprotected());
    }

    #[test]
    fn each_state_of_protection_has_its_words() {
        let of = |state: &str| said(|own| own.instance = Seen::Here(instance(state, |_| ())));
        assert_eq!(of("BackupsSuspended"), ["backups suspended"]);
        assert_eq!(of("ProtectionStopped"), ["protection stopped: ProtectionStopped"]);
        assert_eq!(of("ProtectionError"), ["protection failed: ProtectionError"]);
        assert_eq!(
            of("ConfiguringProtection"),
            ["protection not configured yet: ConfiguringProtection"]
        );
        assert_eq!(of("Inventing"), ["unknown protection state Inventing"]);
        let coded = |body: &mut Value| body["properties"]["protectionErrorDetails"] = json!({ "code": "UserErrorX" });
        let of = said(|own| own.instance = Seen::Here(instance("ProtectionError", coded)));
        assert_eq!(of, ["protection failed: UserErrorX"]);
    }

    #[test]
    fn a_cluster_without_an_instance_lacks_only_that() {
        let bare = |own: &mut Overview| {
            own.instance = Seen::Absent;
            own.extension = Seen::Absent;
            own.last = Seen::Here(job("Failed", NOW));
        };
        assert_eq!(said(bare), ["not protected"]);
        let mut own = healthy();
        let deleted = |body: &mut Value| {
            let id = body["id"].as_str().unwrap_or_default();
            body["id"] = json!(id.replace("/backupInstances/", "/deletedBackupInstances/"));
        };
        own.instance = Seen::Here(instance("SoftDeleted", deleted));
        assert!(own.is_unprotected());
        assert_eq!(
            own.findings(NOW.parse().unwrap())[0].says,
            "not protected: backup instance deleted"
        );
    }

    #[test]
    fn extension_power_and_the_last_backup_are_judged() {
        assert_eq!(said(|own| own.power = Some("Stopped".to_owned())), ["cluster stopped"]);
        assert_eq!(said(|own| own.extension = Seen::Absent), ["no extension"]);
        let failed = extension(|own| own["provisioningState"] = json!("Failed"));
        assert_eq!(said(|own| own.extension = Seen::Here(failed)), ["extension failed"]);
        let last = |status: &str, at: &str| said(|own| own.last = Seen::Here(job(status, at)));
        assert_eq!(last("Failed", NOW), ["last backup failed"]);
        assert_eq!(last("CompletedWithWarnings", NOW), ["last backup incomplete"]);
        assert_eq!(last("Completed", "2026-01-10T00:00:00Z"), ["no backup for 10 days"]);
        assert_eq!(said(|own| own.last = Seen::Absent), Vec::<String>::new());
    }

    #[test]
    fn nothing_is_said_of_what_could_not_be_read() {
        let refused = || Box::new(Failure::not_permitted("x"));
        let hidden = |own: &mut Overview| {
            own.instance = Seen::Hidden(refused());
            own.extension = Seen::Hidden(refused());
            own.last = Seen::Hidden(refused());
        };
        assert_eq!(said(hidden), Vec::<String>::new());
        let mut own = healthy();
        hidden(&mut own);
        assert!(!own.is_unprotected());
    }

    /// Whatever is a finding here is one of `verify`, with the same verdict, and the other way round.
    #[test]
    fn verify_agrees() {
        let verdicts = |view: &View| -> Vec<Verdict> {
            let names = ["backup instance", "last backup", "extension"];
            let all = [
                of_instance::checks(view),
                of_jobs::checks(view),
                of_extension::checks(view),
            ]
            .concat();
            let findings = all
                .into_iter()
                .filter(|check| names.contains(&check.check.as_str()) && check.is_finding());
            findings.map(|check| check.verdict).collect()
        };
        for state in [
            "ProtectionConfigured",
            "ProtectionError",
            "BackupsSuspended",
            "UpdatingProtection",
            "Inventing",
        ] {
            for (status, ended) in [
                ("Completed", NOW),
                ("Failed", NOW),
                ("SuccessWithWarning", NOW),
                ("Completed", "2026-01-02T00:00:00Z"),
            ] {
                for installed in ["Succeeded", "Failed", "Updating"] {
                    let mut view = view();
                    view.now = NOW.parse().unwrap();
                    let own = || instance(state, |_| ());
                    let there = || extension(|own| own["provisioningState"] = json!(installed));
                    view.instances = Seen::Here(vec![own()]);
                    view.jobs = Seen::Here(vec![job(status, ended)]);
                    view.extensions = Seen::Here(vec![there()]);
                    let mut overview = healthy();
                    (overview.instance, overview.last, overview.extension) =
                        (Seen::Here(own()), Seen::Here(job(status, ended)), Seen::Here(there()));
                    let mut listed: Vec<Verdict> =
                        overview.findings(view.now).into_iter().map(|own| own.verdict).collect();
                    let mut verified = verdicts(&view);
                    listed.sort_by_key(|own| *own == Verdict::Warning);
                    verified.sort_by_key(|own| *own == Verdict::Warning);
                    assert_eq!(listed, verified, "{state}, {status}, {installed}");
                }
            }
        }
    }

    #[test]
    fn the_instance_that_protects_is_the_foremost() {
        let deleted = instance("SoftDeleted", |body| {
            let id = body["id"].as_str().unwrap_or_default();
            body["id"] = json!(id.replace("/backupInstances/", "/deletedBackupInstances/"));
        });
        let all = vec![
            deleted,
            instance("ProtectionStopped", |_| ()),
            instance("ProtectionConfigured", |_| ()),
        ];
        assert_eq!(foremost(all).unwrap().protection(), "ProtectionConfigured");
        assert!(foremost(Vec::new()).is_none());
        let newest = latest([
            job("InProgress", "2026-01-19T00:00:00Z"),
            job("Failed", "2026-01-18T00:00:00Z"),
            job("Completed", "2026-01-17T00:00:00Z"),
        ]);
        assert_eq!(newest.unwrap().properties.status, "Failed");
    }
}
