//! Many worlds in process: whatever is claimed, only what Azure confirms is decided to be deleted.

use std::io::Write as _;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::backup_instance::{BackupInstance, End};
use super::extension::{BackupExtension, OwnIdentity};
use super::federated_credentials::FederatedCredentials;
use super::resource_groups::{Content, ResourceGroups};
use super::roles::{Found, Roles};
use super::trusted_access::TrustedAccess;
use super::vault_and_policy::{VaultAndPolicy, VaultEnd};
use super::*;
use crate::arm::roles::{self as arm_roles, Assignment};
use crate::arm::{extensions, marker};
use crate::checks::role_requirements::{Holder, rows};
use crate::steps::step04_extension::tests::extension as installed;
use crate::steps::trusted_access::new_name;
use crate::target_ids;
use crate::target_ids::tests::example;
use world::{Dice, World};

mod world;

const ISSUER: &str = "https://issuer.example/cluster/";
const AT: &str = "2026-01-02T03:04:05Z";

fn identity() -> ResourceId {
    let group = "/subscriptions/0b1f6471-1bf0-4dda-aec3-cb9272f09590/resourceGroups/MC_aks";
    format!("{group}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/ext")
        .parse()
        .unwrap()
}

/// An assignment of the vault on the snapshot group; of our name, and as we would assign it, if the world says so.
fn role(world: World) -> Assignment {
    let principal = "55555555-5555-4555-8555-555555555555".parse().unwrap();
    let all = rows(&example(), true, false);
    let row = all.iter().find(|row| row.holder == Holder::Cluster).unwrap();
    let name = match world.role[0] {
        true => arm_roles::assignment_name(row.role, &principal, &row.scope, &[]).to_string(),
        false => "11111111-2222-4333-8444-555555555555".to_owned(),
    };
    let definition = match world.role[1] {
        true => row.role.definition,
        false => arm_roles::OWNER.definition,
    };
    serde_json::from_value(json!({
        "id": format!("{}/providers/Microsoft.Authorization/roleAssignments/{name}", row.scope),
        "properties": { "roleDefinitionId": format!("/x/{definition}"), "principalId": principal, "scope": row.scope },
    }))
    .unwrap()
}

fn changes<C>(decision: Outcome<Decision<C>>) -> Vec<C> {
    match decision.unwrap() {
        Decision::Change(changes) | Decision::Blocked(changes, _) => changes,
        Decision::Done(_) | Decision::Differs(..) | Decision::Wait(_) => vec![],
    }
}

fn tags(is_there: bool, tags: Value) -> Value {
    if is_there { tags } else { json!({ "owner": "contoso" }) }
}

fn check_instance(world: World) -> usize {
    let seen = super::backup_instance::Seen {
        extension_works: Some(true),
        common: world.common(),
        guard: None,
        running: vec![],
        container: Sight::Absent,
    };
    let ends = changes(BackupInstance(Memory::default()).decide(&seen, &State::default()));
    assert_eq!(!ends.is_empty(), world.claims[0] && world.own_instance, "{world:?}");
    let own = target_ids::instance(&example());
    for end in &ends {
        match end {
            End::Delete(id) => assert!(world.delete && *id == own, "{world:?}"),
            End::Stop(id) => assert!(!world.delete && *id == own, "{world:?}"),
        }
    }
    ends.len()
}

fn check_binding(world: World) -> usize {
    let vault = target_ids::vault(&example());
    let name = if world.binding[0] {
        new_name(&vault)
    } else {
        "by-hand".into()
    };
    let source = if world.binding[1] {
        vault.to_string()
    } else {
        "/of-others".into()
    };
    let binding = json!({ "name": name, "properties": { "sourceResourceId": source, "roles": [] } });
    let seen = super::trusted_access::Seen {
        common: world.common(),
        bindings: vec![serde_json::from_value(binding).unwrap()],
    };
    let ends = changes(TrustedAccess(Memory::default()).decide(&seen, &State::default()));
    let ours = world.claims[1] && world.binding == [true, true] && !world.has_kept_backups();
    assert_eq!(!ends.is_empty(), ours, "{world:?}");
    ends.len()
}

fn check_roles(world: World) -> usize {
    let assignment = role(world);
    let holder = Holder::Cluster;
    let principal: aksbackup_shared::ids::PrincipalId = assignment.properties.principal_id.parse().unwrap();
    let all = rows(&example(), true, false);
    let found = Found {
        role: all.iter().find(|row| row.holder == holder).unwrap().role,
        holder,
        principal,
        assignment,
    };
    let seen = super::roles::Seen {
        orphans: vec![],
        extension_stays: None,
        common: world.common(),
        found: vec![found],
        other_policies: usize::from(world.other_policy),
        elsewhere: vec![],
        shared_identity: world.shared_identity,
    };
    let ends = changes(Roles(Memory::default()).decide(&seen, &State::default()));
    let ours = world.claims[2] && world.role == [true, true] && !world.shared_identity && !world.has_kept_backups();
    assert_eq!(!ends.is_empty(), ours, "{world:?}");
    ends.len()
}

fn check_extension(world: World) -> usize {
    let target = example();
    let account = target_ids::account(&target);
    let created = if world.extension_time {
        AT
    } else {
        "2025-01-01T00:00:00Z"
    };
    let own = installed(|body| {
        body["name"] = json!(target.extension.name.as_str());
        body["systemData"] = json!({ "createdAt": created });
        if !world.extension_storage {
            body["properties"]["configurationSettings"]["configuration.backupStorageLocation.bucket"] = json!("other");
        }
    });
    let credential = |name: &str, issuer: &str| {
        json!({ "name": name, "properties": { "issuer": issuer, "audiences": ["x"],
            "subject": "system:serviceaccount:dataprotection-microsoft:own" } })
    };
    let mut credentials = vec![credential("own", ISSUER)];
    if world.foreign_credential {
        credentials.push(credential("of-others", "https://elsewhere.example/"));
    }
    let account = json!({ "location": "westeurope",
        "tags": tags(world.account_tag, marker::tags(&target.cluster, &account)) });
    let seen = super::extension::Seen {
        common: world.common(),
        extensions: vec![own],
        account: Some(serde_json::from_value(account).unwrap()),
        identity: Sight::Here(OwnIdentity {
            id: identity(),
            credentials: serde_json::from_value(json!(credentials)).unwrap(),
        }),
        issuer: Some(ISSUER.into()),
    };
    let ends = changes(BackupExtension(Memory::default()).decide(&seen, &State::default()));
    let ours = world.extension_is_ours() && !world.has_kept_backups();
    assert_eq!(!ends.is_empty(), ours && !world.foreign_credential, "{world:?}");
    let distrusted = changes(FederatedCredentials(Memory::default()).decide(&seen, &State::default()));
    // An extension that stays keeps its own credentials.
    let goes = ours && !world.foreign_credential;
    assert_eq!(!distrusted.is_empty(), goes && world.claims[4], "{world:?}");
    assert!(distrusted.iter().all(|own| own.credential.name() == "own"), "{world:?}");
    ends.len() + distrusted.len()
}

fn check_vault(world: World) -> usize {
    let target = example();
    let (vault, policy) = (target_ids::vault(&target), target_ids::policy(&target));
    let own = marker::of_vault(&target.cluster, &vault, &policy);
    let mut tags = json!({ "owner": "contoso" });
    if world.vault_tag {
        tags["aksbackup"] = own["aksbackup"].clone();
    }
    if world.policy_tag {
        tags["aksbackup-policy"] = own["aksbackup-policy"].clone();
    }
    let mut policies = vec![json!({ "name": policy.name() })];
    if world.other_policy {
        policies.push(json!({ "name": "of-others" }));
    }
    let body = json!({ "location": "westeurope", "tags": tags });
    let seen = super::vault_and_policy::Seen {
        common: world.common(),
        vault: Some(serde_json::from_value(body).unwrap()),
        policies: serde_json::from_value(json!(policies)).unwrap(),
        elsewhere: if world.elsewhere_role {
            vec!["/of-others".into()]
        } else {
            vec![]
        },
    };
    let ends = changes(VaultAndPolicy(Memory::default()).decide(&seen, &State::default()));
    let ours = world.claims[5] && world.vault_tag && !world.has_kept_backups();
    let own_policy = world.claims[6] && world.policy_tag;
    for end in &ends {
        match end {
            VaultEnd::Policy(..) => assert!(ours && own_policy, "{world:?}"),
            VaultEnd::Vault(..) => {
                let used = world.foreign_instance || world.soft_deleted || world.other_policy || world.elsewhere_role;
                assert!(ours && own_policy && !used, "{world:?}");
            }
        }
    }
    ends.len()
}

fn check_groups(world: World) -> usize {
    let target = example();
    let group = target_ids::snapshot_group(&target);
    let snapshot = format!("{group}/providers/Microsoft.Compute/snapshots/s1");
    let content = match world.group_content {
        true => json!([{ "id": snapshot, "name": "s1" }]),
        false => json!([]),
    };
    let body = json!({ "tags": tags(world.group_tag, marker::tags(&target.cluster, &group)) });
    let common = world.common();
    let content = Content {
        group: Sight::Here(serde_json::from_value(body).unwrap()),
        content: Sight::Here(serde_json::from_value(content).unwrap()),
        id: group.clone(),
    };
    // Only groups that the file claims are read at all.
    let groups = if common.claims.has_made(group.as_str()) {
        vec![content]
    } else {
        vec![]
    };
    let seen = super::resource_groups::Seen {
        common,
        groups,
        account: None,
        container: false,
        vault_stays: None,
    };
    let ends = changes(ResourceGroups(Memory::default()).decide(&seen, &State::default()));
    let ours = world.claims[7] && world.group_tag && !world.group_content && !world.has_kept_backups();
    assert_eq!(!ends.is_empty(), ours, "{world:?}");
    ends.len()
}

#[test]
fn in_no_world_is_anything_deleted_that_others_own() {
    const WORLDS: usize = 4000;
    let mut dice = Dice(18);
    let mut deleted = [0; 6];
    for _ in 0..WORLDS {
        let world = World::of(&mut dice);
        let each = [
            check_instance(world),
            check_binding(world),
            check_roles(world),
            check_extension(world),
            check_vault(world),
            check_groups(world),
        ];
        deleted.iter_mut().zip(each).for_each(|(sum, own)| *sum += own);
    }
    let _ = writeln!(
        std::io::stderr(),
        "teardown: {WORLDS} worlds of mixed ownership and edited files for each of instance, binding, roles, extension, vault and \
         groups; deletions that Azure confirms: {deleted:?}, of what others own: none"
    );
    assert!(
        deleted.iter().all(|own| *own > 100),
        "each kind is deleted at times: {deleted:?}"
    );
}

#[test]
fn a_creation_is_the_file_s_only_about_the_time_that_it_says() {
    let world = World::of(&mut Dice(1));
    let mut claims = World {
        claims: [true; 8],
        ..world
    }
    .common()
    .claims;
    let id = target_ids::extension(&example());
    let at = |text: &str| text.parse::<Timestamp>().unwrap();
    for (created, fits) in [
        ("2026-01-02T03:00:05Z", true),
        ("2026-01-02T02:50:00Z", false),
        ("2026-01-02T03:40:00Z", true),
        ("2026-01-02T05:00:00Z", false),
    ] {
        assert_eq!(claims.has_made_at(&id, at(created)), fits, "{created}");
    }
    claims.made.clear();
    assert!(!claims.has_made_at(&id, at(AT)) && !claims.has_made(id.as_str()));
    let named = extensions::extension_id(&example().cluster, "other");
    assert!(!claims.has_made(named.as_str()));
}

#[test]
fn backups_of_another_cluster_are_never_meant() {
    let named = |text: &str| TeardownOptions {
        delete_backups: Some(text.parse().unwrap()),
        requests: Vec::new(),
    };
    let target = example();
    assert!(named("rg-aks/aks").must_be_of(&target).is_ok());
    assert!(named("RG-AKS/AKS").must_be_of(&target).is_ok());
    assert!(named(target.cluster.as_str()).must_be_of(&target).is_ok());
    for other in ["rg-aks/aks2", "rg-other/aks"] {
        let failure = named(other).must_be_of(&target).unwrap_err();
        assert!(failure.what.contains(other), "{failure}");
    }
}

#[test]
fn who_cannot_see_the_backups_deletes_nothing() {
    let mut common = World::of(&mut Dice(1)).common();
    common.backups = Sight::Hidden(Box::new(crate::arm::visible::tests::refusal("AuthorizationFailed")));
    let Some(Decision::Blocked(changes, turns)) = common.gate::<End>() else {
        panic!("not blocked")
    };
    assert!(changes.is_empty());
    assert_eq!(turns[0].who, Person::PlatformTeam);
}

#[test]
fn a_lock_is_named_before_anything_is_deleted() {
    let mut common = World::of(&mut Dice(1)).common();
    let lock = json!({ "id": "/s/locks/keep", "properties": { "level": "CanNotDelete" } });
    common.locks = vec![serde_json::from_value(lock).unwrap()];
    let failure = common
        .unlocked(vec![End::Delete(target_ids::instance(&example()))])
        .unwrap_err();
    assert!(failure.why[0].contains("/s/locks/keep (CanNotDelete)"), "{failure}");
    assert!(failure.hints[0].to_string().contains("az lock show"), "{failure}");
}
