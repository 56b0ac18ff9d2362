//! An instance that exists is changed to what the target says: its policy, and what it backs up.
//!
//! Stands for `az dataprotection backup-instance update` and `… update-policy`. A PUT replaces the whole instance, so it is read
//! again right before, and compared member by member afterwards: Azure answers 200 to some changes that it doesn't make.

use aksbackup_shared::command_line::{az, shell};
use aksbackup_shared::failure::{Failure, Outcome};
use aksbackup_shared::fix;
use aksbackup_shared::guide::Person;
use aksbackup_shared::ids::{ResourceId, same};
use aksbackup_shared::schema::Target;
use aksbackup_shared::step::{Applied, ChangeNote, Decision, Drift, Right, Turn};
use serde_json::Value;

use super::InstanceChange;
use crate::arm::backups::{self, Instance};
use crate::arm::client::{Reader, Writer};
use crate::arm::visible::Sight;
use crate::arm::{vaults, versions};
use crate::checks::drift::{self, Difference, Setting};
use crate::checks::instance_body;
use crate::checks::policy::{self, Facts};
use crate::checks::protection;
use crate::steps::turns;
use crate::target_ids;

/// Where the name for the portal is.
const FRIENDLY_NAME: &str = "properties.friendlyName";

/// What is known of an instance that exists, besides itself.
#[derive(Debug, Default)]
pub(super) struct Known {
    /// The policy that it uses, and the target's, where they are two.
    pub(super) policies: Option<(Sight<Facts>, Sight<Facts>)>,
    /// The members that were sent and that Azure didn't take, once something was sent.
    pub(super) not_taken: Option<Vec<String>>,
}

impl Known {
    /// Reads what a decision about `own` needs. `sent` is what this run has sent.
    ///
    /// # Errors
    /// As the reads.
    pub(super) async fn look(reader: &Reader, target: &Target, own: &Instance, sent: Option<&Value>) -> Outcome<Self> {
        let (live, wanted) = (&own.properties.policy_info.policy_id, target_ids::policy(target));
        let policies = match live.parse::<ResourceId>() {
            Ok(live) if !same(live.as_str(), wanted.as_str()) => {
                let (live, wanted) = futures::join!(facts(reader, &live), facts(reader, &wanted));
                Some((live?, wanted?))
            }
            Ok(_) | Err(_) => None,
        };
        let not_taken = match sent {
            Some(sent) => {
                let live = backups::body(reader, &in_vault(target, own)).await?.unwrap_or_default();
                Some(instance_body::not_taken(sent, &live))
            }
            None => None,
        };
        Ok(Self { policies, not_taken })
    }
}

async fn facts(reader: &Reader, id: &ResourceId) -> Outcome<Sight<Facts>> {
    let read = vaults::policy(reader, id).await;
    Ok(match Sight::of(read)? {
        Sight::Here(policy) => Sight::Here(policy::facts(&policy, id.name())?),
        Sight::Absent => Sight::Absent,
        Sight::Hidden(failure) => Sight::Hidden(failure),
    })
}

/// The ID of an instance of the target's vault, in the vault's spelling.
pub(super) fn in_vault(target: &Target, own: &Instance) -> ResourceId {
    target_ids::vault(target).child("backupInstances", own.id.name())
}

/// A change of an instance that exists.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Update {
    target: Target,
    instance: ResourceId,
    differences: Vec<Difference>,
    /// What is protected less afterwards, in words.
    reduces: Vec<String>,
}

impl Update {
    /// How people read it.
    pub(super) fn note(&self) -> ChangeNote {
        let step = |own: &Difference| format!("{}: {} → {}", own.setting.words(), own.live, own.wanted);
        let steps: Vec<String> = self.differences.iter().map(step).collect();
        ChangeNote {
            summary: format!(
                "update backup instance {} in vault {} ({})",
                self.instance.name(),
                target_ids::vault(&self.target).with_group(),
                steps.join("; ")
            ),
            right: Right::new(
                "Microsoft.DataProtection/backupVaults/backupInstances/write",
                target_ids::vault(&self.target),
            ),
            creates: None,
            warning: None,
            reduces: self.reduces.clone(),
        }
    }

    /// Sends the instance back with the target's values, if it still is as it was when the change was decided. Returns what was sent.
    ///
    /// # Errors
    /// As the requests; or the instance is gone.
    pub(super) async fn apply(&self, writer: &Writer, title: String) -> Outcome<(Applied, Option<Value>)> {
        let what = format!("cannot update backup instance {}", self.instance.name());
        let Some(live) = backups::body(writer.reader(), &self.instance).await? else {
            return Failure::missing(what).because("it does not exist any more").err();
        };
        let own: Instance = serde_json::from_value(live.clone()).map_err(|error| {
            Box::new(Failure::failed(what).because(format!("unexpected response from Azure: {error}")))
        })?;
        let now: Vec<Difference> = changeable(&drift::of_instance(&self.target, &own));
        if now != self.differences {
            let why = format!(
                "backup instance {} was changed by another user meanwhile",
                self.instance.name()
            );
            return Ok((Applied::Busy(turns::look_again(why)), None));
        }
        let body = instance_body::updated(&live, &self.target);
        let answer = backups::replace(writer, &self.instance, &body).await?;
        let applied = answer.applied(writer, title, (self.instance.to_string(), versions::DATA_PROTECTION));
        Ok((applied, Some(body)))
    }
}

fn changeable(all: &[Difference]) -> Vec<Difference> {
    let fixed = |own: &&Difference| own.setting == Setting::SnapshotGroup;
    all.iter().filter(|own| !fixed(own)).cloned().collect()
}

/// Decides about an instance that protects the cluster.
///
/// # Errors
/// Azure accepted a change and didn't make it.
pub(super) fn decide(target: &Target, own: &Instance, known: &Known) -> Outcome<Decision<InstanceChange>> {
    let (evidence, all) = (protection::evidence(own), drift::of_instance(target, own));
    // The friendly name is for the portal only: an instance that keeps its own one is as good.
    let lost: Vec<&String> = known
        .not_taken
        .iter()
        .flatten()
        .filter(|place| *place != FRIENDLY_NAME)
        .collect();
    if !lost.is_empty() {
        return not_taken(target, own, &lost).err();
    }
    let differences = changeable(&all);
    let only_name = differences.iter().all(|own| own.setting == Setting::FriendlyName);
    if differences.is_empty() || (only_name && known.not_taken.is_some()) {
        return Ok(match all.is_empty() {
            true => Decision::Done(evidence),
            false => {
                let differences = all.iter().map(ToString::to_string).collect();
                Decision::Differs(evidence, Drift::of_target(differences, drift::hints(&all)))
            }
        });
    }
    let mut reduces: Vec<String> = differences.iter().filter_map(|own| own.reduces.clone()).collect();
    match &known.policies {
        Some((_, Sight::Absent)) => return Ok(Decision::Blocked(Vec::new(), vec![without_policy(target)])),
        Some((Sight::Here(live), Sight::Here(wanted))) => reduces.extend(drift::of_policies(live, wanted)),
        // There is nothing to lose with a policy that doesn't exist any more.
        Some((Sight::Absent, _)) => {}
        // Backups can't be restored beyond what a policy keeps: what can't be compared isn't assumed to be as good.
        Some(_) => reduces.push(format!(
            "whether policy {} keeps backups as long as the current one isn't known: the signed-in account can't read both",
            target.policy.name
        )),
        None => {}
    }
    Ok(Decision::Change(vec![InstanceChange::Update(Update {
        target: target.clone(),
        instance: in_vault(target, own),
        differences,
        reduces,
    })]))
}

fn without_policy(target: &Target) -> Turn {
    Turn {
        who: Person::PlatformTeam,
        why: format!(
            "policy {} doesn't exist in vault {} yet",
            target.policy.name,
            target_ids::vault(target).with_group()
        ),
        command: az("prepare"),
        right: Some(Right::new(
            "Microsoft.DataProtection/backupVaults/backupPolicies/write",
            target_ids::vault(target),
        )),
        also: Vec::new(),
    }
}

fn listed(places: &[&String]) -> String {
    places.iter().map(|place| place.as_str()).collect::<Vec<_>>().join(", ")
}

fn not_taken(target: &Target, own: &Instance, places: &[&String]) -> Failure {
    let vault = target_ids::vault(target);
    Failure::failed(format!(
        "cannot update backup instance {} in vault {}: Azure accepted the change but didn't make it",
        own.id.name(),
        vault.with_group()
    ))
    .because(format!("different from what was sent: {}", listed(places)))
    .hint(fix![
        "see what the instance has: ",
        shell(format!(
            "az dataprotection backup-instance show --backup-instance-name {} --resource-group {} --vault-name {}",
            own.id.name(),
            vault.resource_group(),
            vault.name()
        ))
    ])
    .hint(fix!["to keep what Azure has: ", az("init --from-azure")])
}
