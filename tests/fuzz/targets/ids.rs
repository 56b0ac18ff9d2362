//! Any text as each name and id: what is taken is taken again as it is printed, and cannot bend a URL or steer a terminal.
#![no_main]

use std::fmt::Display;
use std::str::FromStr;

use aksbackup_shared::ids::{
    BackupInstanceName, ClientId, CloudName, ClusterName, ContainerName, ExtensionName, FederatedCredentialName,
    IssuerUrl, NamespaceName, ObjectName, PolicyName, PrincipalId, Region, ResourceGroupName, ResourceId,
    StorageAccountName, SubscriptionId, TenantId, VaultName,
};
use aksbackup_shared::console::steers;
use aksbackup_shared::digest::Digest;
use libfuzzer_sys::fuzz_target;

fn taken<T: FromStr + Display>(text: &str, others: &str) -> Option<T> {
    taken_of(text, others, |c| c.is_ascii_alphanumeric())
}

fn taken_of<T: FromStr + Display>(text: &str, others: &str, is_letter: fn(char) -> bool) -> Option<T> {
    let id: T = text.parse().ok()?;
    let printed = id.to_string();
    assert!(
        printed.chars().all(|c| is_letter(c) || others.contains(c)),
        "{printed:?}"
    );
    assert!(!printed.is_empty() && printed != "." && printed != "..", "{printed:?}");
    assert!(
        printed.parse::<T>().is_ok_and(|again| again.to_string() == printed),
        "{printed:?}"
    );
    Some(id)
}

/// Letters and digits. Those outside ASCII, which names of resource groups can have, are escaped in a URL.
fn is_harmless(c: char) -> bool {
    c.is_alphanumeric() && !steers(c)
}

fuzz_target!(|text: &str| {
    taken::<TenantId>(text, "-");
    taken::<SubscriptionId>(text, "-");
    taken::<ClientId>(text, "-");
    taken::<PrincipalId>(text, "-");
    taken::<CloudName>(text, "-_.");
    taken::<Region>(text, "");
    taken_of::<ResourceGroupName>(text, "-_.()", is_harmless);
    taken::<ClusterName>(text, "-_");
    taken::<StorageAccountName>(text, "");
    taken::<ContainerName>(text, "-");
    taken::<VaultName>(text, "-");
    taken::<PolicyName>(text, "-");
    taken::<ExtensionName>(text, "-");
    taken::<BackupInstanceName>(text, "-_");
    taken::<FederatedCredentialName>(text, "-_");
    taken::<NamespaceName>(text, "-");
    taken::<ObjectName>(text, "-.");
    taken::<IssuerUrl>(text, "-._~/:");
    taken::<Digest>(text, ":");
    if let Some(id) = taken_of::<ResourceId>(text, "/-_.()", is_harmless) {
        let segments = id.as_str().split('/').skip(1);
        assert!(segments.clone().count() >= 4, "{id}");
        assert!(
            segments
                .into_iter()
                .all(|part| !part.is_empty() && part.chars().any(|c| c != '.')),
            "{id}"
        );
        assert!(id.is_within(id.resource_group_id().as_str()), "{id}");
        let _ = (id.kind(), id.name(), id.subscription());
    }
});
