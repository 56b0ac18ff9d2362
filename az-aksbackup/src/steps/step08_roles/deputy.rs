//! A property of `grant`: in random worlds, for random files, it assigns roles only to principals of the resources that the
//! person confirmed, and only on these.

use aksbackup_shared::ids::PrincipalId;
use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::arm::clusters;
use crate::arm::trusted_access::BACKUP_OPERATOR;
use crate::checks::extension_settings;
use crate::steps::confirm::Confirm;
use crate::steps::step04_extension::tests::extension;
use crate::steps::world::World;
use crate::steps::world::tests::world;
use crate::target_ids::tests::{example, state};

const GROUPS: [&str; 3] = ["rg-own", "rg-team", "rg-evil"];
const NAMES: [&str; 2] = ["first1", "second2"];

/// A resource by the numbers of its resource group and its name.
type Spot = (usize, usize);

fn spot() -> impl Strategy<Value = Spot> {
    (0..GROUPS.len(), 0..NAMES.len())
}

/// What a file or a person names: cluster, vault, storage account, snapshot resource group.
type Four = (Spot, Spot, Spot, usize);

fn four() -> impl Strategy<Value = Four> {
    (spot(), spot(), spot(), 0..GROUPS.len())
}

/// The principal of a resource: one of its own, whoever owns it.
fn principal(kind: usize, at: Spot) -> PrincipalId {
    format!("{kind}0000000-0000-4000-8000-0000000000{}{}", at.0, at.1)
        .parse()
        .unwrap()
}

fn target(named: Four, tier: bool) -> Target {
    let (cluster, vault, account, snapshots) = named;
    let mut target = example();
    let group = ResourceId::group(&target.subscription, &GROUPS[cluster.0].parse().unwrap());
    target.cluster = group.resource("Microsoft.ContainerService/managedClusters", NAMES[cluster.1]);
    target.vault.resource_group = GROUPS[vault.0].parse().unwrap();
    target.vault.name = NAMES[vault.1].parse().unwrap();
    target.storage.resource_group = GROUPS[account.0].parse().unwrap();
    target.storage.account = NAMES[account.1].parse().unwrap();
    target.snapshots.resource_group = GROUPS[snapshots].parse().unwrap();
    target.policy.vault_tier_retention = tier.then(|| "P30D".into());
    target
}

/// What Azure shows of the cluster and the vault that `target` names, where the cluster's owner points the extension at `store`
/// and lets in the vault at `bound`.
fn shown(target: &Target, file: Four, store: Spot, bound: Spot, tier: bool) -> World {
    let mut shown = world();
    shown.cluster = clusters::tests::cluster(|body| body["identity"]["principalId"] = json!(principal(1, file.0)));
    shown.extensions = vec![extension(|body| {
        body["properties"]["aksAssignedIdentity"] =
            json!({ "type": "SystemAssigned", "principalId": principal(2, file.0) });
        let settings = &mut body["properties"]["configurationSettings"];
        settings[extension_settings::ACCOUNT] = json!(NAMES[store.1]);
        settings[extension_settings::GROUP] = json!(GROUPS[store.0]);
    })];
    let mut other = target.clone();
    other.vault.resource_group = GROUPS[bound.0].parse().unwrap();
    other.vault.name = NAMES[bound.1].parse().unwrap();
    shown.bindings = vec![wired(
        json!({ "name": "b", "properties": { "sourceResourceId": target_ids::vault(&other),
        "roles": [BACKUP_OPERATOR] } }),
    )];
    let identity = json!({ "principalId": principal(3, file.1) });
    shown.vault = Some(wired(json!({ "location": "westeurope", "identity": identity })));
    shown.policy = tier.then(|| {
        json!({ "policyRules": [{ "objectType": "AzureRetentionRule",
        "lifecycles": [{ "sourceDataStore": { "dataStoreType": "VaultStore" } }] }] })
    });
    shown
}

fn wired<T: serde::de::DeserializeOwned>(body: serde_json::Value) -> T {
    serde_json::from_value(body).unwrap()
}

/// The person's words for four resources, by name or by resource ID.
fn words(named: Four, by_id: bool) -> Confirm {
    let own = target(named, false);
    let pair = |at: Spot| format!("{}/{}", GROUPS[at.0], NAMES[at.1]);
    let text = |id: ResourceId, short: String| if by_id { id.to_string() } else { short };
    Confirm {
        cluster: Some(text(own.cluster.clone(), pair(named.0)).parse().unwrap()),
        vault: Some(text(target_ids::vault(&own), pair(named.1)).parse().unwrap()),
        account: Some(text(target_ids::account(&own), pair(named.2)).parse().unwrap()),
        snapshots: Some(
            text(target_ids::snapshot_group(&own), GROUPS[named.3].into())
                .parse()
                .unwrap(),
        ),
        subscription: (!by_id).then(|| own.subscription.to_string()),
        identity: None,
        by_prompt: false,
    }
}

/// The four with one of them moved to another place, or none.
fn mutated(four: Four, which: usize, to: Four) -> Four {
    match which {
        0 => (to.0, four.1, four.2, four.3),
        1 => (four.0, to.1, four.2, four.3),
        2 => (four.0, four.1, to.2, four.3),
        3 => (four.0, four.1, four.2, to.3),
        _ => four,
    }
}

/// Judges an assignment by the person's words alone, with IDs spelled out here.
fn is_confirmed(assign: &Assign, person: Four) -> bool {
    let group = |at: usize| {
        format!(
            "/subscriptions/{}/resourceGroups/{}",
            example().subscription,
            GROUPS[at]
        )
    };
    let in_group = |at: Spot, kind: &str| format!("{}/providers/{kind}/{}", group(at.0), NAMES[at.1]);
    let scopes = [
        in_group(person.0, "Microsoft.ContainerService/managedClusters"),
        in_group(person.2, "Microsoft.Storage/storageAccounts"),
        group(person.3),
    ];
    let principals = [principal(1, person.0), principal(2, person.0), principal(3, person.1)];
    scopes.iter().any(|own| own == assign.need.scope.as_str()) && principals.contains(&assign.need.principal)
}

#[test]
fn no_world_and_no_file_brings_a_role_beyond_what_the_person_confirmed() {
    let config = ProptestConfig {
        cases: 4000,
        failure_persistence: None,
        ..ProptestConfig::default()
    };
    let rng = proptest::test_runner::TestRng::deterministic_rng(proptest::test_runner::RngAlgorithm::ChaCha);
    let mut runner = proptest::test_runner::TestRunner::new_with_rng(config, rng);
    let granted = std::cell::Cell::new(0);
    let inputs = (
        (four(), four(), 0..8_usize),
        (spot(), spot(), any::<bool>(), any::<bool>()),
        (any::<bool>(), any::<bool>(), any::<bool>()),
    );
    let run = runner.run(
        &inputs,
        |((person, other, which), (store, bound, stray_store, stray_vault), flags)| {
            let (tier, live_tier, by_id) = flags;
            let file = mutated(person, which, other);
            let wanted = target(file, tier);
            let store = if stray_store { store } else { file.2 };
            let bound = if stray_vault { bound } else { file.1 };
            let shown = shown(&wanted, file, store, bound, live_tier);
            let stated = State {
                target: Some(wanted.clone()),
                ..state()
            };
            let Ok(Proof::Proven(proven)) = world::prove(&shown, &stated, &wanted) else {
                return Ok(());
            };
            let checked = role_requirements::tests::unmet(role_requirements::needs(&wanted, &proven, false));
            let seen = Seen {
                unasked_tier: shown.has_unasked_tier(&wanted),
                target: wanted,
                roles: Ok(checked),
                identity_in_use: false,
                taken: Vec::new(),
            };
            let options = GrantOptions {
                confirm: words(person, by_id),
                ..GrantOptions::default()
            };
            if let Ok(Decision::Change(changes)) = Roles::new(options).decide(&seen, &stated) {
                granted.set(granted.get() + 1);
                prop_assert!(changes.iter().all(|own| is_confirmed(own, person)), "{changes:?}");
                prop_assert_eq!(changes.len(), if tier && live_tier { 6 } else { 4 });
            }
            Ok(())
        },
    );
    run.unwrap();
    assert!(granted.get() > 500, "the honest get their roles: {}", granted.get());
}
