//! What gets access, in the words of the person who runs a command, held against what the state file names.
//!
//! Cluster, vault, storage account and snapshot resource group are the file's word alone, and the file may come from somebody
//! who has fewer permissions than its reader. Azure can't tell them apart: whoever owns a cluster in the same subscription can
//! make its extension and its Trusted Access say whatever suits the file. So the person names all four, each with its resource
//! group (a vault's name isn't unique in a subscription) and in a subscription that they name too. A user-assigned identity with
//! which the vault is to protect gets roles as well, and only the file names it: it is the fifth, unless it protects the cluster already
//! and gets nothing.

use aksbackup_shared::command_line::az;
use aksbackup_shared::failure::{Failure, Outcome};
use aksbackup_shared::fix;
use aksbackup_shared::ids::{ResourceGroupName, ResourceId, SubscriptionId, look_alikes, same};
use aksbackup_shared::schema::Target;

use crate::arm::backups::{self, Instance};
use crate::arm::client::Reader;
use crate::arm::vaults;
use crate::checks::protection::{self, Protection};
use crate::target_ids;

mod named;

pub(crate) use named::{Named, NamedGroup};

/// What the person confirms.
#[derive(Debug, Clone, Default)]
pub(crate) struct Confirm {
    /// The cluster.
    pub(crate) cluster: Option<Named>,
    /// The vault.
    pub(crate) vault: Option<Named>,
    /// The storage account.
    pub(crate) account: Option<Named>,
    /// The snapshot resource group.
    pub(crate) snapshots: Option<NamedGroup>,
    /// The user-assigned identity of the vault.
    pub(crate) identity: Option<Named>,
    /// The subscription of `--subscription`. Where it is a name, the session found that only the file's subscription has it.
    pub(crate) subscription: Option<String>,
    /// Whether the person is shown all of them in full and asked, or nothing will be changed.
    pub(crate) by_prompt: bool,
}

/// One of them: its flag, its kind in words, the key of the file, what the file says and what the person said.
struct Pair {
    flag: &'static str,
    what: &'static str,
    keys: Keys,
    claim: ResourceId,
    /// The resource ID that the person means, and their words; `None` where they said nothing.
    named: Option<(Option<ResourceId>, String)>,
}

/// The keys of the state file that hold subscription, resource group and name of a resource.
#[derive(Debug, Clone, Copy)]
struct Keys([&'static str; 3]);

const CLUSTER: Keys = Keys(["target.cluster"; 3]);
const VAULT: Keys = Keys([
    "target.subscription",
    "target.vault.resource_group",
    "target.vault.name",
]);
const FOREIGN_VAULT: Keys = Keys([
    "target.vault.subscription",
    "target.vault.resource_group",
    "target.vault.name",
]);
const STORAGE: Keys = Keys([
    "target.subscription",
    "target.storage.resource_group",
    "target.storage.account",
]);
const SNAPSHOTS: Keys = Keys([
    "target.subscription",
    "target.snapshots.resource_group",
    "target.snapshots.resource_group",
]);

const IDENTITY: Keys = Keys(["target.vault.identity"; 3]);

impl Keys {
    /// Returns the key of the first part in which the file's `claim` differs from what the person named.
    fn of(self, named: &ResourceId, claim: &ResourceId) -> &'static str {
        let Self([subscription, group, name]) = self;
        if named.subscription() != claim.subscription() {
            subscription
        } else if !same(named.resource_group().as_str(), claim.resource_group().as_str()) {
            group
        } else {
            name
        }
    }
}

impl Confirm {
    /// Whether the person confirms everything that `target` names.
    ///
    /// # Errors
    /// Exit 2: they name something else than the file, or name it without a subscription and aren't asked.
    pub(crate) fn confirms(&self, target: &Target) -> Outcome<bool> {
        let pairs = self.pairs(target);
        for pair in &pairs {
            self.same(pair)?;
        }
        self.no_other_identity(target)?;
        Ok(self.by_prompt || pairs.iter().all(|pair| pair.named.is_some()))
    }

    /// Whether the flags alone confirm everything that `target` names.
    ///
    /// # Errors
    /// As [`Confirm::confirms`].
    pub(crate) fn confirms_by_flags(&self, target: &Target) -> Outcome<bool> {
        let all = self.pairs(target).iter().all(|pair| pair.named.is_some());
        Ok(self.confirms(target)? && all)
    }

    /// Refuses an identity where the file names none: the person means another file.
    fn no_other_identity(&self, target: &Target) -> Outcome<()> {
        match (&self.identity, &target.vault.identity) {
            (Some(named), None) => Failure::usage(format!(
                "--vault-identity is {named}, but the state file specifies no user-assigned identity of vault {}",
                target_ids::vault(target).with_group()
            ))
            .because("the vault protects the cluster with its system-assigned identity; no changes were made")
            .hint("omit the flag, or ask where the state file comes from")
            .err(),
            _ => Ok(()),
        }
    }

    /// Whether only a look at Azure can tell that the identity of the vault needs no word: the person says none, and isn't asked.
    fn leaves_identity(&self, target: &Target) -> bool {
        self.identity.is_none() && target.vault.identity.is_some() && !self.by_prompt
    }

    /// Looks whether the identity that the file names protects the cluster already, as one that the vault still has. A command then gives it
    /// nothing, unless it assigns roles: the owner might have revoked those, and the instance keeps its state until the next backup.
    pub(crate) async fn is_identity_in_use(&self, reader: &Reader, target: &Target) -> bool {
        let Some(identity) = target.vault.identity.as_ref().filter(|_| self.leaves_identity(target)) else {
            return false;
        };
        // What can't be read proves nothing.
        let vault = target_ids::vault(target);
        let (instances, vault) = futures::join!(
            backups::of_cluster(reader, &target.cluster),
            vaults::vault(reader, &vault)
        );
        let has_it = vault.is_ok_and(|own| own.is_some_and(|own| own.assigned(identity.as_str()).is_some()));
        let instances = instances.unwrap_or_default();
        has_it && instances.iter().any(|own| protects_with_identity(own, target))
    }

    /// These words, and the identity of the file where it is in use and gets nothing.
    pub(crate) fn with_identity(&self, is_in_use: bool, target: &Target) -> Self {
        let mut own = self.clone();
        if is_in_use && self.leaves_identity(target) {
            own.identity = target.vault.identity.clone().map(Named::Id);
        }
        own
    }

    /// The subscription that names without one are in: that of `--subscription`, or the one that the question shows.
    fn subscription(&self, target: &Target) -> Option<SubscriptionId> {
        match &self.subscription {
            Some(named) => Some(named.parse().unwrap_or_else(|_| target.subscription.clone())),
            None => self.by_prompt.then(|| target.subscription.clone()),
        }
    }

    fn pairs(&self, target: &Target) -> Vec<Pair> {
        let own = self.subscription(target);
        let of = |flag, what, keys, claim: ResourceId, named: &Option<Named>| {
            let id = |named: &Named| match named {
                Named::Id(id) => Some(id.clone()),
                // Kinds come from the program: a person can't name a resource of another one this way.
                Named::InGroup(group, name) => {
                    Some(ResourceId::group(own.as_ref()?, group).resource(&claim.kind(), name))
                }
            };
            let named = named.as_ref().map(|named| (id(named), named.to_string()));
            Pair {
                flag,
                what,
                keys,
                claim,
                named,
            }
        };
        let group = |named: &NamedGroup| match named {
            NamedGroup::Id(id) => Some(id.clone()),
            NamedGroup::Name(name) => Some(ResourceId::group(own.as_ref()?, name)),
        };
        let vault_keys = match target.foreign_subscription() {
            Some(_) => FOREIGN_VAULT,
            None => VAULT,
        };
        let (cluster, vault, account) = (
            target.cluster.clone(),
            target_ids::vault(target),
            target_ids::account(target),
        );
        let identity = target.vault.identity.clone();
        let identity = identity.map(|claim| of("--vault-identity", "vault identity", IDENTITY, claim, &self.identity));
        let named = [
            of("--cluster", "cluster", CLUSTER, cluster, &self.cluster),
            of("--vault", "vault", vault_keys, vault, &self.vault),
            of("--storage-account", "storage account", STORAGE, account, &self.account),
            Pair {
                flag: "--snapshot-resource-group",
                what: "snapshot resource group",
                keys: SNAPSHOTS,
                claim: target_ids::snapshot_group(target),
                named: self.snapshots.as_ref().map(|named| (group(named), named.to_string())),
            },
        ];
        named.into_iter().chain(identity).collect()
    }

    fn same(&self, pair: &Pair) -> Outcome<()> {
        let Some((id, said)) = &pair.named else { return Ok(()) };
        let (flag, what) = (pair.flag, pair.what);
        match id {
            Some(id) if *id == pair.claim => Ok(()),
            Some(id) => of_subscription(
                pair,
                id,
                Failure::usage(format!(
                    "{flag} is {said}, but the state file specifies {what} {}",
                    pair.claim
                )),
            )
            .at_key(
                pair.keys.of(id, &pair.claim),
                format!("the file has {}; no changes were made", pair.claim),
            )
            .hint(format!(
                "check the value of {flag}; if it is correct, ask where the state file comes from"
            ))
            .err(),
            None => Failure::usage(format!("{flag} {said} doesn't specify the subscription"))
                .because("the subscription in the state file isn't used for confirmations")
                .hint("add --subscription SUBSCRIPTION, or write the resource ID")
                .err(),
        }
    }
}

/// Says how to name what is in another subscription, where that is all that differs.
fn of_subscription(pair: &Pair, id: &ResourceId, failure: Failure) -> Failure {
    let elsewhere = id.subscription() != pair.claim.subscription()
        && same(id.name(), pair.claim.name())
        && same(id.resource_group().as_str(), pair.claim.resource_group().as_str());
    match elsewhere {
        true => failure.because(format!(
            "{} without a subscription refers to the subscription in --subscription; to specify {} in another \
             subscription, use its resource ID",
            pair.flag, pair.what
        )),
        false => failure,
    }
}

/// Whether a backup instance in the target's vault protects the cluster with the identity that the file names. That it has its roles now
/// isn't said: Azure checked them when the instance was created.
fn protects_with_identity(own: &Instance, target: &Target) -> bool {
    let is_the_vault = own.vault().is_some_and(|own| own == target_ids::vault(target));
    let identity = target.vault.identity.as_ref();
    let is_the_identity = identity.is_some_and(|id| own.assigned_identity().is_some_and(|own| same(own, id.as_str())));
    is_the_vault && is_the_identity && own.protects(&target.cluster) && protection::of(own) == Protection::Configured
}

impl Confirm {
    /// Returns the failure of a command that wasn't told which resources it is for: its words, and what it does.
    pub(crate) fn unconfirmed(&self, command: &str, does: &str, target: &Target) -> Failure {
        let pairs = self.pairs(target);
        let open: Vec<&str> = pairs
            .iter()
            .filter(|own| own.named.is_none())
            .map(|own| own.what)
            .collect();
        let them = if open.len() == 1 { "it" } else { "them" };
        Failure::usage(format!(
            "the {} in the state file {} confirmed",
            series(&open),
            if open.len() == 1 { "isn't" } else { "aren't" }
        ))
        .because(format!("the command {does}, and --yes doesn't confirm {them}"))
        .hint(fix![
            format!("specify {them} from your own records: "),
            az(format!("{command}{} --yes", Target::confirmations(Some(target)))).again()
        ])
    }
}

/// Returns words as a sentence lists them.
fn series(all: &[&str]) -> String {
    match all {
        [] => String::new(),
        [one] => (*one).to_owned(),
        [one, other] => format!("{one} and {other}"),
        [first @ .., last] => format!("{}, and {last}", first.join(", ")),
    }
}

/// The flag of a command that protects less, with the blank before it.
pub(crate) const REDUCED: &str = " --reduce-protection";

/// The resources and their subscription, one a line, for the question.
pub(crate) fn in_full(target: &Target, subscription: &str) -> Vec<String> {
    let of = |what: &str, id: &ResourceId| {
        let group = spelled(&id.resource_group());
        format!("{what:<24} {} in resource group {group}", id.name())
    };
    let snapshots = spelled(&target.snapshots.resource_group);
    let vault = match target.foreign_subscription() {
        Some(other) => format!("{} of subscription {other}", of("vault", &target_ids::vault(target))),
        None => of("vault", &target_ids::vault(target)),
    };
    let mut all = vec![of("cluster", &target.cluster), vault];
    if let Some(identity) = &target.vault.identity {
        let elsewhere = identity.subscription() != target.cluster.subscription();
        let other = elsewhere.then(|| format!(" of subscription {}", identity.subscription()));
        all.push(format!(
            "{}{}",
            of("vault identity", identity),
            other.unwrap_or_default()
        ));
    }
    all.extend([
        of("storage account", &target_ids::account(target)),
        format!("{:<24} {snapshots}", "snapshot resource group"),
        format!("{:<24} {}", "subscription", named(subscription, target)),
    ]);
    all
}

/// The subscription with its name, if that is known.
fn named(subscription: &str, target: &Target) -> String {
    match subscription.is_empty() {
        true => target.subscription.to_string(),
        false => format!("{subscription:?} ({})", target.subscription),
    }
}

/// The name of a resource group, with the numbers of the letters that can look like others: `асе` can be read as `ace`.
fn spelled(group: &ResourceGroupName) -> String {
    let numbers: Vec<String> = look_alikes(group.as_str())
        .map(|c| format!("U+{:04X}", u32::from(c)))
        .collect();
    match numbers.is_empty() {
        true => group.to_string(),
        false => format!("{group} (with the characters {})", numbers.join(" ")),
    }
}

#[cfg(test)]
pub(crate) mod tests;
