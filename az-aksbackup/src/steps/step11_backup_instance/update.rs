//! An instance that exists is changed to what the target says: its policy, and what it backs up.
//!
//! Stands for `az dataprotection backup-instance update` and `… update-policy`. A PUT replaces the whole instance, so it is read
//! again right before, and compared member by member afterwards: Azure answers 200 to some changes that it doesn't make.

use std::time::Duration;

use aksbackup_shared::command_line::az;
use aksbackup_shared::failure::{Failure, Outcome};
use aksbackup_shared::fix;
use aksbackup_shared::guide::Person;
use aksbackup_shared::ids::{ResourceId, same};
use aksbackup_shared::schema::Target;
use aksbackup_shared::step::{Applied, ChangeNote, Decision, Drift, Right, Turn, Wait};
use jiff::Timestamp;
use serde_json::Value;

use super::{InstanceChange, joined};
use crate::arm::backups::{self, Instance};
use crate::arm::client::{Reader, Writer};
use crate::arm::visible::Sight;
use crate::arm::{guards, vaults, versions};
use crate::checks::content;
use crate::checks::creation_settings::{self, KeptSetting};
use crate::checks::drift::{self, Difference, Setting};
use crate::checks::guard::{self, Critical, Guard};
use crate::checks::instance_body;
use crate::checks::policy::{self, Facts};
use crate::checks::protection;
use crate::steps::options::ProtectOptions;
use crate::steps::roles_seen::RolesSeen;
use crate::steps::turns;
use crate::target_ids;

/// Microsoft: a role is in force after up to ten minutes. An instance that Azure checks earlier ends in an error.
const ROLES_IN_FORCE: Duration = Duration::from_secs(600);

/// What is known of an instance that exists, besides itself.
#[derive(Debug, Default)]
pub(super) struct Known {
    /// The policy that it uses, and the target's, where they are two.
    pub(super) policies: Option<(Sight<Facts>, Sight<Facts>)>,
    /// What this run has sent, once it has.
    pub(super) sent: Option<Sent>,
    /// The Resource Guard of the vault, where the change is one that it can protect.
    pub(super) guard: Option<Guard>,
    /// The requests to it.
    pub(super) requests: Vec<ResourceId>,
    /// The words of the command that makes the change.
    pub(super) command: String,
    /// How long the roles of the vault tier still need, where the target's policy is the first that has it.
    pub(super) settling: Option<Duration>,
}

/// What a run has sent to change an instance.
#[derive(Debug, Clone, Default)]
pub(super) struct Sent {
    /// The whole body.
    body: Value,
    /// What it was to change.
    settings: Vec<Setting>,
    /// The members that were only sent back, and that Azure has otherwise now.
    lost: Vec<String>,
}

impl Known {
    /// Reads what a decision about `own` needs. `sent` is what this run has sent.
    ///
    /// # Errors
    /// As the reads.
    pub(super) async fn look(
        reader: &Reader,
        target: &Target,
        own: &Instance,
        (sent, roles): (Option<Sent>, &RolesSeen),
        options: &ProtectOptions,
    ) -> Outcome<Self> {
        let (live, wanted) = (&own.properties.policy_info.policy_id, target_ids::policy(target));
        let policies = match live.parse::<ResourceId>() {
            Ok(live) if !same(live.as_str(), wanted.as_str()) => {
                let (live, wanted) = futures::join!(facts(reader, &live), facts(reader, &wanted));
                Some((live?, wanted?))
            }
            Ok(_) | Err(_) => None,
        };
        let sent = match sent {
            Some(sent) => {
                let live = backups::body(reader, &in_vault(target, own)).await?.unwrap_or_default();
                let lost = instance_body::not_taken(&sent.body, &live);
                Some(Sent { lost, ..sent })
            }
            None => None,
        };
        let tiered = |own: &Sight<Facts>| own.here().is_some_and(|own| own.vault_tier);
        let is_new = policies
            .as_ref()
            .is_some_and(|(live, wanted)| !tiered(live) && tiered(wanted));
        let age = roles.since().map(|since| Timestamp::now().duration_since(since));
        let age = age.and_then(|age| Duration::try_from(age).ok());
        let is_critical = |own: &Difference| own.setting == Setting::Policy || own.reduces.is_some();
        let vault = target_ids::vault(target);
        let guard = match sent.is_none() && drift::of_instance(target, own).iter().any(is_critical) {
            true => {
                let own = Sight::of(vaults::vault(reader, &vault).await)?;
                guard::of_vault(reader, &vault, own.here()).await?
            }
            false => None,
        };
        let left = age.map(|age| reader.pace().scaled(ROLES_IN_FORCE).saturating_sub(age));
        Ok(Self {
            policies,
            guard,
            requests: options.requests.clone(),
            command: options.command().to_owned(),
            sent,
            settling: left.filter(|left| is_new && !left.is_zero()),
        })
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
    /// What is wrong with the instance, where it doesn't protect the cluster and is written again for that.
    error: Option<String>,
    requests: Vec<ResourceId>,
}

impl Update {
    /// How people read it.
    pub(super) fn note(&self) -> ChangeNote {
        let step = |own: &Difference| format!("{}: {} → {}", own.setting.words(), own.live, own.wanted);
        let steps: Vec<String> = self.differences.iter().map(step).collect();
        let verb = if self.error.is_some() { "repair" } else { "update" };
        let place = format!(
            "{verb} backup instance {} in vault {}",
            self.instance.name(),
            target_ids::vault(&self.target).with_group()
        );
        ChangeNote {
            summary: match steps.is_empty() {
                true => place,
                false => format!("{place} ({})", steps.join("; ")),
            },
            right: Right::new(
                "Microsoft.DataProtection/backupVaults/backupInstances/write",
                target_ids::vault(&self.target),
            ),
            creates: None,
            warning: joined([self.error.clone(), self.files()]),
            reduces: self.reduces.clone(),
            keeps: (!self.reduces.is_empty()).then(drift::adopting),
        }
    }

    /// What is to be said of volumes in Azure Files, where the change adds them.
    fn files(&self) -> Option<String> {
        let changed = self.differences.iter().any(|own| own.setting == Setting::VolumeTypes);
        content::of_files(&self.target.instance).filter(|_| changed)
    }

    /// Sends the instance back with the target's values, if it still is as it was when the change was decided. Returns what was sent.
    ///
    /// # Errors
    /// As the requests; or the instance is gone.
    pub(super) async fn apply(&self, writer: &Writer, title: String) -> Outcome<(Applied, Option<Sent>)> {
        let what = format!("cannot update backup instance {}", self.instance.name());
        let Some(live) = backups::body(writer.reader(), &self.instance).await? else {
            return Failure::missing(what).because("it no longer exists").err();
        };
        let own: Instance = serde_json::from_value(live.clone()).map_err(|error| {
            Box::new(Failure::failed(what).because(format!("unexpected response from Azure: {error}")))
        })?;
        let now: Vec<Difference> = changeable(&drift::of_instance(&self.target, &own));
        if now != self.differences {
            let why = format!(
                "backup instance {} was changed by another user in the meantime",
                self.instance.name()
            );
            return Ok((Applied::Busy(turns::look_again(why)), None));
        }
        let body = instance_body::updated(&live, &self.target);
        let mut request = body.clone();
        guards::add(&mut request["properties"], &self.requests);
        let answer = backups::replace(writer, &self.instance, &request).await?;
        let applied = answer.applied(writer, title, (self.instance.to_string(), versions::DATA_PROTECTION));
        let settings = self.differences.iter().map(|own| own.setting).collect();
        let sent = Sent {
            body,
            settings,
            lost: Vec::new(),
        };
        Ok((applied, Some(sent)))
    }
}

fn changeable(all: &[Difference]) -> Vec<Difference> {
    all.iter().filter(|own| !own.is_left()).cloned().collect()
}

/// Decides about an instance that protects the cluster, or that has to be written again because of `error`.
///
/// # Errors
/// Azure accepted a change and didn't make it.
pub(super) fn decide(
    target: &Target,
    own: &Instance,
    (known, roles): (&Known, &RolesSeen),
    error: Option<String>,
) -> Outcome<Decision<InstanceChange>> {
    let (evidence, all) = (protection::evidence(own), drift::of_instance(target, own));
    let mut differences = changeable(&all);
    if let Some(sent) = &known.sent {
        // The friendly name is for the portal only: an instance that keeps its own one is as good.
        differences.retain(|own| own.setting != Setting::FriendlyName);
        let unmade = |own: &&Difference| sent.settings.contains(&own.setting);
        let unmade: Vec<String> = differences.iter().filter(unmade).map(ToString::to_string).collect();
        if !unmade.is_empty() {
            return not_made(target, own, unmade).err();
        }
    }
    if differences.is_empty() && error.is_none() {
        let kept = creation_settings::of_instance(target, own);
        return Ok(settled((evidence, roles), &all, (known, kept)));
    }
    if let RolesSeen::Open(turn) = roles {
        return Ok(Decision::Blocked(Vec::new(), vec![turn.clone()]));
    }
    let vault = target_ids::vault(target);
    let guarded = |own: &Guard| own.blocks(Critical::Modify, &known.requests, &vault, &known.command);
    if let Some(turn) = known.guard.as_ref().and_then(guarded) {
        return Ok(Decision::Blocked(Vec::new(), vec![turn]));
    }
    let mut reduces: Vec<String> = differences.iter().filter_map(|own| own.reduces.clone()).collect();
    match &known.policies {
        Some((_, Sight::Absent)) => return Ok(Decision::Blocked(Vec::new(), vec![without_policy(target)])),
        Some((Sight::Here(live), Sight::Here(wanted))) => reduces.extend(drift::of_policies(live, wanted)),
        // There is nothing to lose with a policy that doesn't exist any more.
        Some((Sight::Absent, _)) => {}
        // Backups can't be restored beyond what a policy keeps: what can't be compared isn't assumed to be as good.
        Some(_) => reduces.push(format!(
            "it is unknown whether policy {} keeps backups as long as the current one: the signed-in account can't read both",
            target.policy.name
        )),
        None => {}
    }
    if let Some(left) = known.settling {
        let why = "waiting for the roles of the vault tier to take effect (up to ten minutes)";
        return Ok(Decision::Wait(Wait {
            retry_after: Some(left),
            ..Wait::for_(why)
        }));
    }
    Ok(Decision::Change(vec![InstanceChange::Update(Update {
        target: target.clone(),
        instance: in_vault(target, own),
        differences,
        reduces,
        error,
        requests: known.requests.clone(),
    })]))
}

/// What is left to say of an instance that isn't changed.
fn settled(
    (evidence, roles): (String, &RolesSeen),
    all: &[Difference],
    (known, kept): (&Known, Option<KeptSetting>),
) -> Decision<InstanceChange> {
    let mut differences: Vec<String> = all.iter().map(ToString::to_string).collect();
    let mut hints = match all.is_empty() {
        true => Vec::new(),
        false => drift::hints(all),
    };
    if let Some(sent) = known.sent.as_ref().filter(|sent| !sent.lost.is_empty()) {
        differences.push(format!(
            "differs from the values in the request: {} (Azure dropped it, or another user changed it in the meantime)",
            sent.lost.join(", ")
        ));
        hints.push(fix!["check the backup instance again: ", az("verify")]);
    }
    if let Some(own) = kept {
        differences.push(own.to_string());
        hints.push(own.hint());
    }
    // Roles for another snapshot resource group than that of the instance have no use.
    let is_misplaced = all.iter().any(|own| own.setting == Setting::SnapshotGroup);
    match (roles.open().filter(|_| !is_misplaced), differences.is_empty()) {
        // An instance stays configured when a role is revoked, and its next backup fails.
        (Some(turn), _) => Decision::Blocked(Vec::new(), vec![turn.clone()]),
        (None, true) => {
            let parts: Vec<String> = std::iter::once(evidence).chain(roles.remark()).collect();
            Decision::Done(parts.join("; "))
        }
        (None, false) => Decision::Differs(evidence, Drift::of_target(differences, hints)),
    }
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

fn not_made(target: &Target, own: &Instance, unmade: Vec<String>) -> Failure {
    let vault = target_ids::vault(target);
    let failure = Failure::failed(format!(
        "cannot update backup instance {} in vault {}: Azure accepted the change, but the backup instance still \
         differs",
        own.id.name(),
        vault.with_group()
    ));
    unmade
        .into_iter()
        .fold(failure, Failure::because)
        .because("Azure didn't make the change, or another user reverted it")
        .hint(fix!["to retry: ", az("protect")])
        .hint(fix!["to keep the settings in Azure: ", az("init --from-azure")])
}
