//! Which policy of the vault has the rules of the target.
//!
//! Azure doesn't let the rules of a policy for AKS be changed: <https://learn.microsoft.com/azure/backup/azure-kubernetes-service-cluster-manage-backups>.
//! Where the policy of the target's name has other rules than the target, whether a flag or an editor changed the file, the target's become
//! a policy with another name: `prepare` creates it, and `protect` attaches it.

use std::path::Path;

use aksbackup_shared::command_line::az;
use aksbackup_shared::exit::Exit;
use aksbackup_shared::failure::{Failure, Outcome};
use aksbackup_shared::fix;
use aksbackup_shared::ids::{PolicyName, ResourceId, same};
use aksbackup_shared::runner::session::Session;
use aksbackup_shared::schema::{State, Target};
use serde_json::Value;

use crate::arm::backups;
use crate::arm::client::Reader;
use crate::arm::vaults;
use crate::arm::visible::Sight;
use crate::checks::drift;
use crate::checks::policy::naming::{self, NameOrigin};
use crate::checks::policy::{self, Facts};
use crate::checks::policy_file::{self, Asked};
use crate::checks::protection;
use crate::platform::Azure;
use crate::target_ids;

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
///
/// # Errors
/// As [`settled`].
pub(crate) async fn settle(session: &Session<Azure>, folder: &Path) -> Outcome<Option<Renamed>> {
    let Some(target) = session.state().target else {
        return Ok(None);
    };
    let Some(renamed) = settled(&session.reader, folder, &target).await? else {
        return Ok(None);
    };
    session.console.say(renamed.words());
    session.retarget(|target| target.policy.name = renamed.to.clone());
    Ok(Some(renamed))
}

/// Writes the other name into the file, once this session recorded that the policy exists: [`Session::record`] leaves the target alone.
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
/// one chose must have exactly these rules, unless the cluster's instance uses it already. What can't be read or isn't valid is left to
/// the step that would use it.
///
/// # Errors
/// Exit 2: every name that this tool derives belongs to other rules.
pub(crate) async fn settled(reader: &Reader, folder: &Path, target: &Target) -> Outcome<Option<Renamed>> {
    let Ok(asked) = policy_file::asked(&target.policy, folder) else {
        return Ok(None);
    };
    let origin = naming::origin(&target.policy);
    let (mut found, mut others) = (None, Vec::new());
    let names = naming::candidates(&target.policy, &asked.properties);
    for name in &names {
        let id = target_ids::vault(target).child("backupPolicies", name.as_str());
        let Ok(live) = Sight::of(vaults::policy(reader, &id).await) else {
            return Ok(None);
        };
        let exists = match live {
            Sight::Hidden(_) => return Ok(None),
            // Without a policy yet, the name says what it will do.
            Sight::Absent if found.is_none() && origin == NameOrigin::OtherRules => {
                found = Some(Vec::new());
                continue;
            }
            Sight::Absent => false,
            Sight::Here(live) => {
                let is_own = *name == target.policy.name;
                let mut different = match is_own && origin == NameOrigin::Chosen {
                    true => differences(target, &asked, &live),
                    false => beyond(target, &asked, &live),
                };
                // Only where the rules would be refused is it worth a request whether they are in use.
                if is_own && origin == NameOrigin::Rules && !different.is_empty() && is_used(reader, target, &id).await
                {
                    different = differences(target, &asked, &live);
                }
                if !different.is_empty() {
                    found.get_or_insert(different);
                    others.push(name.as_str());
                    continue;
                }
                true
            }
        };
        return Ok(found.map(|differences| Renamed {
            from: target.policy.name.clone(),
            to: name.clone(),
            exists,
            differences,
        }));
    }
    taken(target, &others).err()
}

/// Whether the cluster's instance uses a policy. What can't be read isn't assumed to be in use.
async fn is_used(reader: &Reader, target: &Target, policy: &ResourceId) -> bool {
    used(reader, target).await.is_some_and(|own| own == *policy)
}

/// The policy that the cluster's instance in the target's vault uses.
async fn used(reader: &Reader, target: &Target) -> Option<ResourceId> {
    let instances = backups::of_cluster(reader, &target.cluster).await.ok()?;
    let own = protection::chosen(target, &instances)?;
    if own.vault()? != target_ids::vault(target) {
        return None;
    }
    own.properties.policy_info.policy_id.parse().ok()
}

fn taken(target: &Target, others: &[&str]) -> Failure {
    let vault = target_ids::vault(target);
    Failure::usage(format!(
        "cannot create a backup policy with the target's rules in Backup vault {}: policies {} exist and have other rules",
        vault.with_group(),
        others.join(", ")
    ))
    .because("Azure doesn't allow changes to the rules of a policy for AKS")
    .hint(fix![
        "choose a name for the policy: ",
        az("init --set policy.name=NAME")
    ])
}

/// A policy that the target's is to replace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Replaced {
    /// Its name.
    pub(crate) name: String,
    /// What differs, each as `current → new`.
    pub(crate) differences: Vec<String>,
    /// What the cluster's instance, which uses it, is protected less with the target's, in words.
    pub(crate) reduces: Vec<String>,
}

/// Returns the policy of the vault that the target's is to replace: the one that the cluster's instance uses, else the one that the file
/// records. It is an addition to a plan: where it can't be read, the plan is complete without it.
pub(crate) async fn replaced(reader: &Reader, state: &State, asked: &Asked) -> Option<Replaced> {
    let target = state.target.as_ref()?;
    let used = used(reader, target).await;
    let recorded = state.cloud.vault.as_ref().map(|own| own.policy.clone());
    let old = used.clone().or(recorded)?;
    let own = target_ids::vault(target).child("backupPolicies", old.name());
    if own != old || old == target_ids::policy(target) {
        return None;
    }
    let live = vaults::policy(reader, &old).await.ok().flatten()?;
    let differences = differences(target, asked, &live);
    let facts = |rules: &Value| policy::facts(rules, old.name());
    let reduces = match (used, facts(&live), facts(&asked.properties)) {
        (Some(_), Ok(live), Ok(wanted)) => drift::of_policies(&live, &wanted),
        _ => Vec::new(),
    };
    (!differences.is_empty() || !reduces.is_empty()).then(|| Replaced {
        name: old.name().to_owned(),
        differences,
        reduces,
    })
}

/// Returns what the target's policy protects less than the target's rules, in words; nothing where it can't be read.
///
/// # Errors
/// As [`must_be_usable`].
pub(crate) fn less_than_asked(target: &Target, folder: &Path, policy: &Sight<Value>) -> Outcome<Vec<String>> {
    let asked = policy_file::asked(&target.policy, folder);
    let name = target.policy.name.as_str();
    let live = match policy {
        Sight::Here(policy) => Some(policy::facts(policy, name)?),
        Sight::Absent => None,
        Sight::Hidden(_) => return Ok(Vec::new()),
    };
    must_be_usable(target, &asked, live.as_ref())?;
    let Ok(asked) = asked else {
        // A name of a file that isn't there must not hide what the policy keeps.
        let file = target.policy.file.as_deref().filter(|_| live.is_some());
        let words = |file: &str| format!("the rules of policy {name} can't be compared with policy file {file}");
        return Ok(file.map(words).into_iter().collect());
    };
    let wanted = policy::facts(&asked.properties, name)?;
    Ok(live.iter().flat_map(|live| drift::of_policies(&wanted, live)).collect())
}

/// Refuses rules that Azure Backup doesn't accept for AKS, and a policy file that was exchanged after it was confirmed. Rules that a policy
/// has already are taken as they are.
///
/// # Errors
/// As [`policy_file::asked`].
pub(crate) fn must_be_usable(target: &Target, asked: &Outcome<Asked>, live: Option<&Facts>) -> Outcome<()> {
    let Err(failure) = asked else { return Ok(()) };
    let has_them = live.is_some_and(|live| drift::of_policy(target, live).is_empty());
    match failure.exit == Exit::StateUnreadable || !has_them {
        true => failure.clone().err(),
        false => Ok(()),
    }
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
