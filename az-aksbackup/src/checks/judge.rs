//! Every check of the cloud's view, as a pure function of what was seen.

use aksbackup_shared::chain::check::Check;
use aksbackup_shared::chain::link::Link;
use aksbackup_shared::command_line::{CommandLine, Fix, az};
use aksbackup_shared::exit::Exit;
use aksbackup_shared::failure::Failure;
use aksbackup_shared::fix;

use crate::checks::view::View;
use crate::checks::{
    cluster, credentials, extension, firewall, identity, instance, jobs, roles, storage, subscription, vault,
    vault_access,
};

/// The checks, in the order of the chain.
pub(crate) fn checks(view: &View) -> Vec<Check> {
    let mut all = of(view);
    all.sort_by_key(|check| check.link);
    if view.target().is_none() {
        let fixes = all.iter_mut().filter_map(|check| check.hint.as_mut());
        fixes.for_each(|fix| begin(view, fix));
    }
    all
}

/// Commands of the set-up need a state file to begin with.
fn begin(view: &View, fix: &mut Fix) {
    let needs_file = |line: &CommandLine| {
        ["prepare", "grant", "protect"]
            .iter()
            .any(|own| line.completes(&az(*own)))
    };
    if fix.first_command().is_some_and(needs_file) {
        let init = az(format!("init --cluster-id {}", view.id));
        *fix = fix![init, ", then: ", std::mem::take(fix)];
    }
}

/// The checks, link by link.
pub(crate) fn of(view: &View) -> Vec<Check> {
    let mut all = vec![Check::ok(
        Link::Login,
        "login",
        format!("signed in as {} to tenant {}", view.caller.name, view.caller.tenant),
    )];
    all.extend(subscription::checks(view));
    all.extend(cluster::checks(view));
    if view.cluster.here().is_none() && view.cluster.hidden().is_none() {
        // Nothing of a cluster that does not exist can be judged.
        return all;
    }
    all.extend(storage::checks(view));
    all.extend(firewall::checks(view));
    all.extend(extension::checks(view));
    all.extend(identity::checks(view));
    all.extend(credentials::checks(view));
    all.extend(roles::checks(view));
    all.extend(vault::checks(view));
    all.extend(vault_access::checks(view));
    all.extend(instance::checks(view));
    all.extend(jobs::checks(view));
    all.extend(unread(view, &all));
    all
}

/// The check of answers that no other check has told of: one that could not be understood is never passed over.
pub(crate) fn unread(view: &View, all: &[Check]) -> Option<Check> {
    let told = |failure: &&Failure| {
        let why = failure.why.first().map_or(failure.what.as_str(), String::as_str);
        all.iter().any(|check| check.is_finding() && check.says.contains(why))
    };
    let unread: Vec<_> = view.failures().filter(|own| own.exit != Exit::NotPermitted).collect();
    let first = unread.iter().copied().find(|own| !told(own))?;
    let says = format!("{}: {}", first.what, first.why.join("; "));
    let hint = fix!["run the command again; to log every request: ", az("verify -v")];
    Some(Check::error(Link::Subscription, "Azure's responses", says, hint))
}

#[cfg(test)]
mod tests {
    use aksbackup_shared::chain::check::Verdict;

    use super::*;
    use crate::checks::view::Seen;
    use crate::checks::view::tests::view;

    #[test]
    fn a_world_as_it_should_be_has_no_finding_and_leaves_the_service_accounts_to_the_cluster_side() {
        let all = checks(&view());
        let bad: Vec<&Check> = all.iter().filter(|own| own.verdict != Verdict::Ok).collect();
        let of_the_other_side = |own: &Check| own.verdict == Verdict::Unknown && own.check == "reported client ID";
        assert!(matches!(bad.as_slice(), [one] if of_the_other_side(one)), "{bad:#?}");
        assert!(all.len() > 20, "{}", all.len());
        assert!(all.iter().map(|own| own.link).is_sorted());
        let quiet = |own: &Check| own.failure.is_none() && (own.hint.is_none() || of_the_other_side(own));
        assert!(all.iter().all(quiet));
    }

    #[test]
    fn an_answer_that_cannot_be_understood_is_an_error_wherever_it_was_asked_for() {
        let broken = || Box::new(Failure::failed("cannot read it").because("unexpected response from Azure"));
        let hide: [fn(&mut View, Box<Failure>); 7] = [
            |view, why| view.subscription = Seen::Hidden(why),
            |view, why| view.snapshots = Seen::Hidden(why),
            |view, why| view.locks[0].1 = Seen::Hidden(why),
            |view, why| view.jobs = Seen::Hidden(why),
            |view, why| view.deleted = Seen::Hidden(why),
            |view, why| view.roles[0].assignments = Seen::Hidden(why),
            |view, why| view.identity = Seen::Hidden(why),
        ];
        for (at, hide) in hide.into_iter().enumerate() {
            let mut broken_view = view();
            hide(&mut broken_view, broken());
            let all = checks(&broken_view);
            assert!(all.iter().any(Check::is_finding), "{at}: {all:#?}");
            let mut refused = view();
            hide(
                &mut refused,
                Box::new(Failure::not_permitted("cannot read it").because("no")),
            );
            let all = checks(&refused);
            assert!(!all.iter().any(Check::is_finding), "{at}: {all:#?}");
        }
    }

    #[test]
    fn no_two_checks_of_a_link_have_the_same_name() {
        let mut names: Vec<_> = of(&view()).into_iter().map(|own| (own.link, own.check)).collect();
        let many = names.len();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), many);
    }

    #[test]
    fn without_a_state_file_a_command_that_needs_one_begins_with_it() {
        let mut view = view();
        view.state.target = None;
        view.extensions = Seen::Here(vec![]);
        let all = checks(&view);
        let check = all
            .iter()
            .find(|own| own.failure.as_deref() == Some("EXT-MISSING"))
            .unwrap();
        let hint = check.hint.as_ref().unwrap().to_string();
        assert!(hint.starts_with("az aksbackup init"), "{hint}");
        assert!(hint.ends_with("az aksbackup prepare"), "{hint}");
    }
}
