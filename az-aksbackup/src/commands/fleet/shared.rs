//! What several clusters of a folder share, such as a vault: the first of them creates it, and only those that share it wait for that.

use std::collections::BTreeMap;

use aksbackup_shared::ids::{ResourceId, folded};
use futures::FutureExt as _;
use futures::future::{self, LocalBoxFuture};

use super::folder::Member;

type Creation<'a> = future::Shared<LocalBoxFuture<'a, ()>>;

/// The creation of what is shared, by resource ID. Each begins when the first cluster waits for it.
pub(super) struct Shared<'a> {
    creations: BTreeMap<String, Creation<'a>>,
}

impl<'a> Shared<'a> {
    /// What `members` share; `create` is the creation by one of them.
    pub(super) fn of(members: &'a [Member], create: impl Fn(&'a Member) -> LocalBoxFuture<'a, ()>) -> Self {
        let mut counts: BTreeMap<String, usize> = BTreeMap::new();
        for id in members.iter().flat_map(resources) {
            *counts.entry(id).or_default() += 1;
        }
        let mut creations: BTreeMap<String, Creation<'a>> = BTreeMap::new();
        for member in members {
            let shared = resources(member).into_iter().filter(|id| counts.get(id) > Some(&1));
            let (known, new): (Vec<String>, Vec<String>) = shared.partition(|id| creations.contains_key(id));
            if new.is_empty() {
                continue;
            }
            let before: Vec<Creation<'a>> = known.iter().filter_map(|id| creations.get(id).cloned()).collect();
            let own = create(member);
            let creation: LocalBoxFuture<'a, ()> = Box::pin(async move {
                future::join_all(before).await;
                own.await;
            });
            let creation = creation.shared();
            creations.extend(new.into_iter().map(|id| (id, creation.clone())));
        }
        Self { creations }
    }

    /// Waits until what the cluster shares with others is created, or could not be.
    pub(super) async fn wait(&self, member: &Member) {
        let all = resources(member);
        let all = all.iter().filter_map(|id| self.creations.get(id).cloned());
        future::join_all(all).await;
    }
}

/// What a cluster has that others can have as well.
fn resources(member: &Member) -> Vec<String> {
    let (vault, account) = (&member.vault, &member.account);
    let all = [
        vault.clone(),
        account.clone(),
        vault.resource_group_id(),
        account.resource_group_id(),
    ];
    let mut all: Vec<String> = all.iter().map(|id: &ResourceId| folded(id.as_str())).collect();
    all.sort();
    all.dedup();
    all
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;

    #[tokio::test]
    async fn what_is_shared_is_created_by_the_first_one_and_only_those_that_share_it_wait() {
        let member = Member::sample;
        let all = [
            member("a", "v1", "s1", "rg-1"),
            member("b", "v1", "s2", "rg-1"),
            member("c", "v2", "s3", "rg-1"),
            member("d", "v3", "s4", "rg-2"),
            member("e", "v3", "s5", "rg-2"),
            member("f", "v4", "s6", "rg-3"),
        ];
        let created = RefCell::new(Vec::new());
        let shared = Shared::of(&all, |own| {
            let created = &created;
            Box::pin(async move {
                created.borrow_mut().push(own.cluster.name().to_owned());
                if own.cluster.name() == "a" {
                    future::pending::<()>().await;
                }
            })
        });
        // The vault of `a` never comes into being.
        let [a, b, c, d, e, f] = &all;
        for member in [a, b, c] {
            assert_eq!(shared.wait(member).now_or_never(), None);
        }
        for member in [d, e, f] {
            assert_eq!(shared.wait(member).now_or_never(), Some(()));
        }
        assert_eq!(*created.borrow(), ["a", "d"]);
    }
}
