//! Claims that only a change of protection or of a vault can show: each ends as it began.

use serde_json::json;

use crate::claims::Finding;
use crate::seen::text;
use crate::trials::{Request, Trial, Way, accepted, evidence, unrelated};

/// No recording has a PATCH of a vault.
pub(crate) const VAULT_PATCHED_AGAIN: Trial = Trial {
    changes: "sends the vault's monitoring settings as Azure returned them",
    costs: "no money; nothing waits for it",
    undo: "nothing to undo: the settings stay the same",
    plan: |seen, _| {
        let before = seen.vault.body().ok_or_else(|| seen.vault.words())?;
        let own = &before["properties"]["monitoringSettings"];
        if !own.is_object() {
            return Err("the vault reports no monitoring settings".to_owned());
        }
        let body = json!({ "properties": { "monitoringSettings": own } });
        Ok(Request::replace(&seen.vault, before, body).sent(Way::Patch))
    },
    judge: |request, answer, after| {
        let differs = |now: &serde_json::Value| {
            ["properties", "tags", "identity"]
                .iter()
                .any(|member| now[member] != request.before[member])
        };
        let changed = after.body().is_some_and(differs);
        match answer.body().is_some() && changed {
            true => evidence(Finding::differs("Azure changed the vault"), request, answer),
            false => accepted(request, answer, after, false),
        }
    },
};

/// No recording has an instance after a resume.
pub(crate) const SUSPENDED_AND_RESUMED: Trial = Trial {
    changes: "suspends the scheduled backups of the cluster's backup instance, and resumes them at once",
    costs: "no money; a backup that is scheduled in these minutes isn't started",
    undo: "the backups are resumed by this run; if it is interrupted: az aksbackup resume",
    plan: |seen, _| {
        let before = seen.instance.body().ok_or_else(|| seen.instance.words())?;
        let state = text(before, "/properties/currentProtectionState");
        if state != "ProtectionConfigured" {
            return Err(format!("the backup instance is in state {state}"));
        }
        // The request with which `resume` resumes both, suspended and stopped protection.
        let way = Way::Act {
            does: "suspendBackups",
            back: "resumeProtection",
        };
        Ok(Request::replace(&seen.instance, before, json!(null)).sent(way))
    },
    judge: |request, answer, after| {
        let finding = unrelated(answer).unwrap_or_else(|| {
            let state = after
                .body()
                .map_or("", |now| text(now, "/properties/currentProtectionState"));
            Finding::of(
                state == "BackupsSuspended",
                format!("the backup instance is in state {state}"),
            )
        });
        evidence(finding, request, answer)
    },
};
