//! Which volumes backups leave out, and why: each with its count, its capacity, and what changes it.

use aksbackup_shared::chain::check::Check;
use aksbackup_shared::chain::link::Link;
use aksbackup_shared::command_line::{CommandLine, Fix, az};
use aksbackup_shared::fix;
use aksbackup_shared::ids::{LeftOut, NamespaceName};
use aksbackup_shared::schema::{InstanceTarget, Kind, State};

use crate::cluster::volumes::{Medium, Volume};
use crate::commands::checks::{Sight, unreadable};

mod scope;
mod tier;
mod words;

use scope::word;
pub(super) use scope::{SYSTEM, Scope, Why};
use words::{amount, grouped, with_claims};

const LINK: Link = Link::Jobs;
/// So many values fit into a command that is printed.
const LISTED: usize = 20;

/// The volumes of a cluster, each with why it isn't backed up.
pub(super) struct Volumes<'a> {
    scope: Scope<'a>,
    state: &'a State,
    all: Vec<(&'a Volume, Option<Why>)>,
}

pub(super) fn checks(sight: &Sight, state: &State) -> Vec<Check> {
    let Some(volumes) = sight.volumes.as_deref() else {
        return vec![unreadable(
            LINK,
            "volumes",
            "persistent volumes",
            "list persistentvolumes",
        )];
    };
    let scope = Scope::of(sight, state);
    let all = volumes.iter().map(|own| (own, scope.volume(own))).collect();
    let own = Volumes { scope, state, all };
    let mut all: Vec<Check> = own.backed_up().into_iter().collect();
    all.extend(own.not_included(sight));
    all.extend(own.unsupported());
    let others = [Why::System, Why::Kinds, Why::Snapshots, Why::Types, Why::Labels];
    all.extend(others.into_iter().filter_map(|why| own.filtered(why)));
    all.extend(own.unclear(sight));
    all.extend(tier::checks(&own));
    all.extend(own.stale(sight));
    all
}

impl Volumes<'_> {
    fn target(&self) -> Option<&InstanceTarget> {
        self.state.target.as_ref().map(|target| &target.instance)
    }

    fn left_out(&self) -> &[LeftOut] {
        self.state
            .target
            .as_ref()
            .map(|target| target.left_out.as_slice())
            .unwrap_or_default()
    }

    fn is_on_purpose(&self, own: &Volume) -> bool {
        self.left_out()
            .iter()
            .any(|entry| entry.covers(&own.namespace, &own.claim))
    }

    /// The volumes that are left out for this reason, without those that are intentionally excluded.
    fn of(&self, why: Why) -> Vec<&Volume> {
        let of_reason = self
            .all
            .iter()
            .filter(|(_, own)| *own == Some(why))
            .map(|(own, _)| *own);
        of_reason.filter(|own| !self.is_on_purpose(own)).collect()
    }

    /// The volumes that Azure Backup doesn't support.
    fn unsupported(&self) -> Option<Check> {
        let left = self.of(Why::Unsupported);
        if left.is_empty() {
            return None;
        }
        let says = format!("Azure Backup skips {}", grouped(&left, |own| own.unsupported.clone()));
        let hint = fix!["protect these volumes by other means"].and(self.on_purpose(&left));
        let check = Check::warning(LINK, "unsupported volumes", says, hint);
        Some(with_claims(check, &left).proves("JOB-VOLUMES-SKIPPED"))
    }

    /// How much is backed up. Where nothing is, the checks that say why stand alone.
    fn backed_up(&self) -> Option<Check> {
        const NAME: &str = "volumes";
        if self.target().is_none() && !self.all.is_empty() {
            let all: Vec<&Volume> = self.all.iter().map(|(own, _)| *own).collect();
            let says = format!(
                "{}; without a state file, it's unknown which of them are backed up",
                amount(&all)
            );
            return Some(Check::unknown(LINK, NAME, says));
        }
        let taken: Vec<&Volume> = self
            .all
            .iter()
            .filter(|(_, why)| why.is_none())
            .map(|(own, _)| *own)
            .collect();
        let purpose = |(own, why): &&(&Volume, Option<Why>)| {
            *why == Some(Why::Excluded) || why.is_some() && self.is_on_purpose(own)
        };
        let purpose: Vec<&Volume> = self.all.iter().filter(purpose).map(|(own, _)| *own).collect();
        let left = match purpose.is_empty() {
            true => String::new(),
            false => format!("intentional exclusions: {}", amount(&purpose)),
        };
        let says = match (self.all.len(), taken.len()) {
            (0, _) => "no volume is bound to a claim".to_owned(),
            (all, count) if all == count => format!("the target selects all: {}", amount(&taken)),
            (all, 0) if all == purpose.len() => left,
            (_, 0) => return None,
            (all, count) if left.is_empty() => format!("the target selects {count} of {all}: {}", amount(&taken)),
            (all, count) => format!("the target selects {count} of {all}: {}; {left}", amount(&taken)),
        };
        Some(Check::ok(LINK, NAME, says))
    }

    /// Whether the target includes every namespace with a volume. An included list doesn't grow by itself.
    fn not_included(&self, sight: &Sight) -> Option<Check> {
        const NAME: &str = "volume namespaces";
        let instance = self.target()?;
        let left = self.of(Why::Namespace);
        if left.is_empty() {
            return Some(Check::ok(
                LINK,
                NAME,
                "the target includes all, or leaves them out on purpose",
            ));
        }
        let mut names: Vec<&str> = left.iter().map(|own| own.namespace.as_str()).collect();
        names.sort_unstable();
        names.dedup();
        // One that doesn't exist has a check of its own, and no place in a command.
        let exists = |own: &&str| {
            sight
                .namespaces
                .as_ref()
                .is_none_or(|all| all.iter().any(|name| name == own))
        };
        let included = instance
            .included_namespaces
            .iter()
            .map(NamespaceName::as_str)
            .filter(exists);
        let flags: Vec<String> = included
            .chain(names.iter().copied())
            .map(|name| format!(" --include-namespace {name}"))
            .collect();
        let hint = match flags.len() > LISTED {
            true => fix![
                "to include them, add them to instance.included_namespaces in the state file, then run: ",
                az("protect")
            ],
            false => fix![
                "to include them in the target, run: ",
                az(format!("init{}", flags.concat())),
                ", then update the backup instance: ",
                az("protect")
            ],
        };
        let says = format!("the target doesn't include {}", grouped(&left, |_| None));
        let check = Check::warning(LINK, NAME, says, hint.and(self.on_purpose(&left)));
        Some(with_claims(check, &left).proves("VLT-NS-GAP"))
    }

    /// The volumes that a filter leaves out.
    fn filtered(&self, why: Why) -> Option<Check> {
        let left = self.of(why);
        if left.is_empty() {
            return None;
        }
        let (name, reason) = match why {
            Why::System => ("system namespaces", "Azure Backup never backs up these namespaces"),
            Why::Kinds => (
                "volume resource types",
                "the target's resource types leave out PersistentVolumeClaim",
            ),
            Why::Snapshots => ("volume snapshots", "instance.snapshot_volumes is false"),
            Why::Types => (
                "volume types",
                "instance.included_volume_types doesn't include the volume type",
            ),
            _ => (
                "volume labels",
                "instance.label_selectors selects neither the claims nor their pods",
            ),
        };
        let detail = |own: &Volume| (why == Why::Types).then(|| word(own.medium).to_owned());
        let says = format!("{reason}: {}", grouped(&left, detail));
        let hint = self.undo(why, &left).and(self.on_purpose(&left));
        let check = with_claims(Check::warning(LINK, name, says, hint), &left);
        Some(match why {
            Why::System => check,
            _ => check.proves("JOB-VOLUMES-FILTERED"),
        })
    }

    /// What backs up the volumes that a filter leaves out.
    fn undo(&self, why: Why, left: &[&Volume]) -> Fix {
        let line = match why {
            Why::System => return "move the data to another namespace, or protect it by other means".into(),
            Why::Kinds => self.taking_claims(),
            Why::Snapshots => az("init --snapshot-volumes"),
            Why::Types => {
                let mut types = self.scope.types();
                for medium in [Medium::Disk, Medium::Share] {
                    let wanted = left.iter().any(|own| own.medium == medium) && !types.contains(&word(medium));
                    types.extend(wanted.then(|| word(medium)));
                }
                az(format!("init --set instance.included_volume_types={}", types.join(",")))
            }
            _ => {
                return fix![
                    "label the claims as instance.label_selectors requires, or change the selectors: ",
                    az("init --set instance.label_selectors=SELECTORS"),
                    ", then: ",
                    az("protect")
                ];
            }
        };
        fix!["to back them up, run: ", line, ", then: ", az("protect")]
    }

    /// The command after which the lists of resource types take claims.
    fn taking_claims(&self) -> CommandLine {
        let lists = self
            .target()
            .map(|own| (&own.included_resource_types, &own.excluded_resource_types));
        let (included, excluded) = lists.map(|(a, b)| (a.as_slice(), b.as_slice())).unwrap_or_default();
        let joined = |words: Vec<&str>| words.join(",");
        if excluded.iter().any(|own| Kind::VolumeClaim.is_named(own.as_str())) {
            let rest = excluded.iter().filter(|own| !Kind::VolumeClaim.is_named(own.as_str()));
            let rest = joined(rest.map(|own| own.as_str()).collect());
            return az(format!("init --set instance.excluded_resource_types={rest}"));
        }
        let all = included
            .iter()
            .map(|own| own.as_str())
            .chain(["v1/PersistentVolumeClaim"]);
        az(format!(
            "init --set instance.included_resource_types={}",
            joined(all.collect())
        ))
    }

    /// How to say that these volumes are intentionally excluded: a namespace if all of it is, else the claims.
    fn on_purpose(&self, left: &[&Volume]) -> Fix {
        const MEANT: &str = "; if this is intended, ";
        if self.target().is_none() {
            return fix![format!("{MEANT}exclude their namespaces from the backup")];
        }
        let entry = |own: &&Volume| match self.scope.place(&own.namespace) {
            Some(_) => format!("namespace/{}", own.namespace),
            None => format!("pvc/{}/{}", own.namespace, own.claim),
        };
        let mut entries: Vec<String> = left.iter().map(entry).collect();
        entries.sort();
        entries.dedup();
        match entries.len() > LISTED {
            true => fix![format!(
                "{MEANT}add the namespaces or claims to left_out of [target] in the state file"
            )],
            false => fix![
                format!("{MEANT}record it: "),
                az(format!("init --set left_out+={}", entries.join(",")))
            ],
        }
    }

    /// Volumes of which it can't be told whether labels keep them out.
    fn unclear(&self, sight: &Sight) -> Option<Check> {
        const NAME: &str = "volume labels";
        let left = self.of(Why::Unclear);
        if left.is_empty() {
            return None;
        }
        if sight.claims.is_none() || sight.mounts.is_none() {
            let what = "the labels of claims and pods";
            return Some(unreadable(
                LINK,
                NAME,
                what,
                "list pods and persistentvolumeclaims in all namespaces",
            ));
        }
        let says = format!(
            "only some of the label selectors match, and Microsoft doesn't document whether all of them must match: {}",
            grouped(&left, |_| None)
        );
        let hint = "use one selector with commas, such as app=web,tier=db, to require all of its labels";
        Some(with_claims(Check::unknown(LINK, NAME, says).hinted(hint), &left))
    }

    /// Entries of `left_out` that name nothing that is left out.
    fn stale(&self, sight: &Sight) -> Option<Check> {
        const NAME: &str = "intentional exclusions";
        let entries = self.left_out();
        if entries.is_empty() {
            return None;
        }
        let covers = |entry: &LeftOut| {
            let left = self
                .all
                .iter()
                .filter(|(own, why)| why.is_some() || tier::is_left(self, own));
            let unbound = sight.claims.iter().flatten().filter(|own| own.phase != "Bound");
            left.into_iter()
                .any(|(own, _)| entry.covers(&own.namespace, &own.claim))
                || unbound.into_iter().any(|own| entry.covers(&own.namespace, &own.name))
        };
        let (used, stale): (Vec<&LeftOut>, Vec<&LeftOut>) = entries.iter().partition(|own| covers(own));
        let listed = |all: &[&LeftOut]| all.iter().map(|own| own.as_str()).collect::<Vec<_>>().join(",");
        if stale.is_empty() {
            return Some(Check::ok(LINK, NAME, listed(&used).replace(',', ", ")));
        }
        let stale: Vec<String> = stale.iter().map(ToString::to_string).collect();
        let says = format!(
            "left_out has entries that don't exist or are backed up: {}",
            crate::commands::checks::some_of(&stale)
        );
        let hint = match used.len() > LISTED {
            true => fix!["correct left_out of [target] in the state file"],
            false => fix![
                "to keep only the other entries, run: ",
                az(format!("init --set left_out={}", listed(&used)))
            ],
        };
        Some(Check::warning(LINK, NAME, says, hint))
    }
}

#[cfg(test)]
pub(super) mod tests;
