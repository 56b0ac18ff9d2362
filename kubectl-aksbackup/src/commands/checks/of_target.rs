//! What the target names of the cluster: namespaces, which only the cluster side can look up, and whether Secrets are in backups.

use aksbackup_shared::chain::check::Check;
use aksbackup_shared::chain::link::Link;
use aksbackup_shared::command_line::{Fix, az};
use aksbackup_shared::fix;
use aksbackup_shared::ids::{NamespaceName, nearest};
use aksbackup_shared::schema::{InstanceTarget, Kind, State};

use crate::commands::checks::of_volumes::SYSTEM;
use crate::commands::checks::{Sight, some_of, unreadable};

const LINK: Link = Link::Jobs;
/// So many namespaces a backup instance can have (support matrix of AKS backup).
const MOST: usize = 800;
/// So many values fit into a command that is printed.
const LISTED: usize = 20;

pub(super) fn checks(sight: &Sight, state: &State) -> Vec<Check> {
    let Some(target) = &state.target else {
        return Vec::new();
    };
    let (instance, names) = (&target.instance, sight.namespaces.as_deref());
    let mut all = vec![secrets(instance)];
    all.extend(match names {
        None => Some(unreadable(LINK, NAME, "namespaces", "list namespaces")),
        Some(names) => names_namespaces(state).then(|| namespaces(instance, names)),
    });
    all.extend(limit(instance, names.unwrap_or_default()));
    all
}

const NAME: &str = "target namespaces";

/// Whether the target has a list of namespaces.
pub(crate) fn names_namespaces(state: &State) -> bool {
    let lists = state.target.as_ref().map(|target| &target.instance);
    lists.is_some_and(|own| !own.included_namespaces.is_empty() || !own.excluded_namespaces.is_empty())
}

/// What is wrong with the namespaces that the target names, and what corrects it.
fn wrong(instance: &InstanceTarget, names: &[String]) -> Option<(String, Fix)> {
    let there = |own: &NamespaceName| names.iter().any(|name| name == own.as_str());
    let near = |own: &NamespaceName| nearest(own.as_str(), names.iter().map(String::as_str));
    let told = |own: &NamespaceName| match near(own) {
        Some(near) => format!("{own} (did you mean {near}?)"),
        None => own.to_string(),
    };
    let missing: Vec<&NamespaceName> = instance.included_namespaces.iter().filter(|own| !there(own)).collect();
    // A list can exclude what only other clusters have; what is nearly the name of one here is a typo.
    let typos = instance
        .excluded_namespaces
        .iter()
        .filter(|own| !there(own) && near(own).is_some());
    let typos: Vec<&NamespaceName> = typos.collect();
    let system = instance
        .included_namespaces
        .iter()
        .filter(|own| SYSTEM.contains(&own.as_str()));
    let system: Vec<String> = system.map(ToString::to_string).collect();
    let listed = |all: &[&NamespaceName]| some_of(&all.iter().map(|own| told(own)).collect::<Vec<_>>());
    let mut says = Vec::new();
    if !missing.is_empty() {
        says.push(format!("included, but not in the cluster: {}", listed(&missing)));
    }
    if !typos.is_empty() {
        says.push(format!("excluded, but not in the cluster: {}", listed(&typos)));
    }
    if !system.is_empty() {
        says.push(format!("never backed up by Azure Backup: {}", some_of(&system)));
    }
    let key = match missing.is_empty() && system.is_empty() {
        true => "instance.excluded_namespaces",
        false => "instance.included_namespaces",
    };
    // What is nearly a name is a guess, and not for a command: it would exclude another namespace, or include it.
    let guessed = key == "instance.excluded_namespaces" || missing.iter().any(|own| near(own).is_some());
    let existing = instance.included_namespaces.iter().map(NamespaceName::as_str);
    let existing = existing.filter(|own| !guessed && !SYSTEM.contains(own) && names.iter().any(|name| name == own));
    (!says.is_empty()).then(|| (says.join("; "), correction(key, existing.collect())))
}

/// The command that sets the list to names that are certain. An empty list of included namespaces would mean all of them.
fn correction(key: &str, mut names: Vec<&str>) -> Fix {
    names.sort_unstable();
    names.dedup();
    if names.is_empty() || names.len() > LISTED {
        return fix![format!("correct {key} in the state file, then run: "), az("protect")];
    }
    let line = az(format!("init --set {key}={}", names.join(",")));
    fix![
        "to keep only namespaces that exist, run: ",
        line,
        ", then: ",
        az("protect")
    ]
}

fn namespaces(instance: &InstanceTarget, names: &[String]) -> Check {
    match wrong(instance, names) {
        None => Check::ok(LINK, NAME, "all exist in the cluster"),
        Some((says, hint)) => Check::warning(LINK, NAME, says, hint).proves("JOB-NS"),
    }
}

/// What `configure` warns of: the namespaces, and what corrects the list.
pub(crate) fn warning(state: &State, names: &[String]) -> Option<(String, Fix)> {
    let (says, hint) = wrong(&state.target.as_ref()?.instance, names)?;
    Some((format!("namespaces of the target: {says}"), hint))
}

fn limit(instance: &InstanceTarget, names: &[String]) -> Option<Check> {
    let excluded = |name: &&String| {
        SYSTEM.contains(&name.as_str())
            || instance
                .excluded_namespaces
                .iter()
                .any(|own| own.as_str() == name.as_str())
    };
    let count = match instance.included_namespaces.len() {
        0 => names.iter().filter(|name| !excluded(name)).count(),
        count => count,
    };
    (count > MOST).then(|| {
        let says = format!("the target includes {count} namespaces; a backup instance supports at most {MOST}");
        Check::warning(
            LINK,
            "namespace limit",
            says,
            "exclude namespaces that don't need a backup",
        )
    })
}

/// Whether Secrets are in backups. Either can be wanted, so that it is no finding; and it is the target that says so, not the cluster.
fn secrets(instance: &InstanceTarget) -> Check {
    const NAME: &str = "secrets";
    let kind = Kind::Secret;
    let excluded = instance
        .excluded_resource_types
        .iter()
        .find(|own| kind.is_named(own.as_str()));
    let says = match (instance.takes(kind), excluded) {
        (true, _) => "included for every namespace that is backed up".to_owned(),
        (false, Some(own)) => {
            format!("excluded by {own} in instance.excluded_resource_types")
        }
        (false, None) => "excluded, because instance.included_resource_types doesn't include them".to_owned(),
    };
    let effect = match instance.takes(kind) {
        true => "",
        false => "; restored workloads don't start without their Secrets",
    };
    let says =
        format!("{says}, according to the state file{effect}; only the cloud side can check the backup instance");
    Check::unknown(LINK, NAME, says).hinted(fix!["to check it, run: ", az("verify")])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::checks::of_volumes::tests::instance;

    fn names(all: &[&str]) -> Vec<NamespaceName> {
        all.iter().map(|own| own.parse().unwrap()).collect()
    }

    fn told(included: &[&str], excluded: &[&str]) -> Option<(String, String)> {
        let mut own = instance();
        own.included_namespaces = names(included);
        own.excluded_namespaces = names(excluded);
        let live = ["default", "kube-system", "shop", "web"].map(str::to_owned);
        wrong(&own, &live).map(|(says, hint)| (says, hint.to_string()))
    }

    /// Fails before: `verify` said nothing of namespaces that don't exist.
    #[test]
    fn a_namespace_that_does_not_exist_is_told_with_the_nearest() {
        assert_eq!(told(&["shop"], &["kube-system"]), None);
        let (says, hint) = told(&["shopp", "web"], &[]).unwrap();
        assert_eq!(says, "included, but not in the cluster: shopp (did you mean shop?)");
        assert!(!hint.contains("--set"), "shop is a guess: {hint}");
        let (_, hint) = told(&["payments", "web"], &[]).unwrap();
        assert!(
            hint.contains("az aksbackup init --set instance.included_namespaces=web, then: "),
            "{hint}"
        );
        let (says, hint) = told(&["payments"], &[]).unwrap();
        assert_eq!(says, "included, but not in the cluster: payments");
        assert!(
            !hint.contains("--set"),
            "an empty list would mean all namespaces: {hint}"
        );
        let (says, hint) = told(&[], &["wbe", "payments"]).unwrap();
        assert_eq!(says, "excluded, but not in the cluster: wbe (did you mean web?)");
        assert!(
            hint.contains("correct instance.excluded_namespaces in the state file") && !hint.contains("--set"),
            "a guess would end the backups of another namespace: {hint}"
        );
        assert_eq!(told(&[], &["payments"]), None, "other clusters can have it");
        let (says, _) = told(&["kube-system", "web"], &[]).unwrap();
        assert_eq!(says, "never backed up by Azure Backup: kube-system");
    }

    #[test]
    fn secrets_are_in_or_out_by_each_list() {
        let says = |included: &[&str], excluded: &[&str]| {
            let mut own = instance();
            own.included_resource_types = included.iter().map(|own| own.parse().unwrap()).collect();
            own.excluded_resource_types = excluded.iter().map(|own| own.parse().unwrap()).collect();
            secrets(&own).says
        };
        assert!(says(&[], &[]).starts_with("included"));
        assert!(says(&["v1/Secret", "pods"], &[]).starts_with("included"));
        assert!(says(&["pods"], &[]).contains("doesn't include them"));
        assert!(says(&[], &["Secrets"]).starts_with("excluded by Secrets"));
    }

    #[test]
    fn more_namespaces_than_azure_supports_are_told() {
        let live: Vec<String> = (0..=MOST).map(|number| format!("n{number}")).collect();
        assert!(limit(&instance(), &live).unwrap().says.contains("801 namespaces"));
        let mut less = instance();
        less.excluded_namespaces = names(&["n1"]);
        assert_eq!(limit(&less, &live), None);
    }
}
