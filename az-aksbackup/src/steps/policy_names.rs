//! Which policy of the vault has the rules of the target.
//!
//! Azure doesn't let the rules of a policy for AKS be changed: <https://learn.microsoft.com/azure/backup/azure-kubernetes-service-cluster-manage-backups>.
//! Where the policy of the target's name has other rules than the target, whether a flag or an editor changed the file, the target's become
//! a policy with another name: `prepare` creates it, and `protect` attaches it.

use std::path::Path;

use aksbackup_shared::failure::Outcome;
use aksbackup_shared::ids::{PolicyName, same};
use aksbackup_shared::runner::session::Session;
use aksbackup_shared::schema::{State, Target};
use serde_json::Value;

use crate::arm::client::Reader;
use crate::arm::vaults;
use crate::arm::visible::Sight;
use crate::checks::drift;
use crate::checks::policy::{self, naming};
use crate::checks::policy_file::{self, Asked};
use crate::platform::Azure;
use crate::target_ids;

/// Where the name of a target's policy comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Named {
    /// A person chose it, or it is in the file already: the policy can have rules that the target has no key for.
    Chosen,
    /// This tool derived it from the rules: another user with permission to create policies might have given the name to other
    /// rules.
    Derived,
}

/// Another name for the policy of a target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Renamed {
    /// The name that it has in the vault already, with other rules.
    pub(crate) from: PolicyName,
    /// The name for the target's rules.
    pub(crate) to: PolicyName,
    /// Whether the vault has that one.
    pub(crate) exists: bool,
    /// What differs, each as `current → new`.
    differences: Vec<String>,
}

impl Renamed {
    /// Returns what is to be said of it.
    pub(crate) fn words(&self) -> String {
        if self.differences.is_empty() {
            return format!(
                "policy {} doesn't exist yet, and its name describes rules that differ from the target's; the \
                 target's rules become policy {}",
                self.from, self.to
            );
        }
        format!(
            "the rules of policy {} differ from the target's ({}), and Azure doesn't allow changes to the rules of \
             a policy for AKS; the target's \
             rules become policy {}",
            self.from,
            self.differences.join("; "),
            self.to
        )
    }
}

/// Lets this session work with the policy that has the rules of the target, and says so where that is another one than the file names.
pub(crate) async fn settle(session: &Session<Azure>, folder: &Path) -> Option<Renamed> {
    let target = session.state().target?;
    let renamed = settled(&session.reader, folder, &target, Named::Chosen).await?;
    session.console.say(renamed.words());
    session.retarget(|target| target.policy.name = renamed.to.clone());
    Some(renamed)
}

/// Writes the other name into the file, once that policy is known to exist.
///
/// # Errors
/// As every write of the state file.
pub(crate) async fn keep(session: &Session<Azure>, renamed: &Renamed) -> Outcome<()> {
    let state = session.state();
    let recorded = state.cloud.vault.as_ref().map(|own| own.policy.as_str());
    let own = state.target.as_ref().map(target_ids::policy);
    let exists = own.is_some_and(|own| recorded.is_some_and(|recorded| same(recorded, own.as_str())));
    if exists && session.writer.is_some() {
        let rename = |target: &mut Target| {
            // What another user wrote in the meantime stays.
            if target.policy.name == renamed.from {
                target.policy.name = renamed.to.clone();
            }
        };
        session.store.amend(rename).await?;
    }
    Ok(())
}

/// Returns the name under which the vault can have the rules of the target, if the policy of its own name has others. One of a name that no
/// one chose must have exactly these rules. What can't be read or isn't valid is left to the step that would use it.
pub(crate) async fn settled(reader: &Reader, folder: &Path, target: &Target, own: Named) -> Option<Renamed> {
    let asked = policy_file::asked(&target.policy, folder).ok()?;
    let mut found = None;
    for name in naming::candidates(&target.policy, &asked.properties) {
        let id = target_ids::vault(target).child("backupPolicies", name.as_str());
        let live = Sight::of(vaults::policy(reader, &id).await).ok()?;
        let exists = match live {
            Sight::Hidden(_) => return None,
            // Without a policy yet, the name says what it will do.
            Sight::Absent if found.is_none() && naming::is_of_others(&target.policy) => {
                found = Some(Vec::new());
                continue;
            }
            Sight::Absent => false,
            Sight::Here(live) => {
                // A name that stands for other rules, or has a digest, is no choice of a person, and no part of what `fleet` confirms.
                let is_chosen = own == Named::Chosen
                    && name == target.policy.name
                    && !naming::is_of_others(&target.policy)
                    && !naming::has_digest(&target.policy);
                let different = match is_chosen {
                    true => differences(target, &asked, &live),
                    false => beyond(target, &asked, &live),
                };
                if !different.is_empty() {
                    found.get_or_insert(different);
                    continue;
                }
                true
            }
        };
        return found.map(|differences| Renamed {
            from: target.policy.name.clone(),
            to: name,
            exists,
            differences,
        });
    }
    None
}

/// Returns the policy that the file records, if the target's is to replace it in the same vault, and what differs. It is an addition to a
/// plan: where it can't be read, the plan is complete without it.
pub(crate) async fn replaced(reader: &Reader, state: &State, asked: &Asked) -> Option<(String, Vec<String>)> {
    let target = state.target.as_ref()?;
    let recorded = &state.cloud.vault.as_ref()?.policy;
    let (old, new) = (
        target_ids::vault(target).child("backupPolicies", recorded.name()),
        target_ids::policy(target),
    );
    if old != *recorded || old == new {
        return None;
    }
    let live = vaults::policy(reader, &old).await.ok().flatten()?;
    let differences = differences(target, asked, &live);
    (!differences.is_empty()).then(|| (old.name().to_owned(), differences))
}

/// Returns what differs between the rules of a live policy and the target's, each as `current → new`.
pub(crate) fn differences(target: &Target, asked: &Asked, live: &Value) -> Vec<String> {
    if let Some(file) = &target.policy.file {
        let is_same = policy::holds(live, &asked.properties);
        let step = || format!("rules: current rules → rules in {file}");
        return (!is_same).then(step).into_iter().collect();
    }
    let step = |own: &drift::Difference| format!("{}: {} → {}", own.setting.words(), own.live, own.wanted);
    match policy::facts(live, target.policy.name.as_str()) {
        Ok(facts) => drift::of_policy(target, &facts).iter().map(step).collect(),
        // What can't be read isn't assumed to be the same.
        Err(failure) => vec![format!("rules: {} → those of the target", failure.why.join(", "))],
    }
}

/// As [`differences`], with what a live policy has beyond the target's rules: a tag that matches each backup decides how long it is kept.
fn beyond(target: &Target, asked: &Asked, live: &Value) -> Vec<String> {
    if naming::is_exactly(live, &asked.properties) {
        return Vec::new();
    }
    let mut all = differences(target, asked, live);
    let further = policy::facts(live, target.policy.name.as_str()).map(|own| own.further_rules());
    let further = further.unwrap_or_default();
    if !further.is_empty() {
        all.push(format!("further rules: {} → none", further.join(", ")));
    }
    if all.is_empty() {
        all.push("details of its rules".to_owned());
    }
    all
}
