use super::*;
use crate::cluster::volumes::{Claim, Mount};
use crate::commands::checks::tests::sight;

mod table;

/// A target that a released program wrote.
fn target() -> aksbackup_shared::schema::Target {
    const FILE: &str = include_str!("../../../../../shared/tests/state-files/2-protected.toml");
    toml::from_str::<State>(FILE).unwrap().target.unwrap()
}

/// Its backup instance: no filters.
pub(in crate::commands::checks) fn instance() -> InstanceTarget {
    target().instance
}

fn state(change: impl FnOnce(&mut aksbackup_shared::schema::Target)) -> State {
    let mut target = target();
    change(&mut target);
    State {
        target: Some(target),
        ..State::default()
    }
}

fn volume(namespace: &str, claim: &str, gib: i128, medium: Medium) -> Volume {
    Volume {
        name: format!("pv-{claim}"),
        namespace: namespace.into(),
        claim: claim.into(),
        bytes: gib << 30,
        medium,
        unsupported: None,
        untiered: None,
    }
}

fn claim(namespace: &str, name: &str, app: &str) -> Claim {
    Claim {
        namespace: namespace.into(),
        name: name.into(),
        phase: "Bound".into(),
        created: None,
        labels: [("app".to_owned(), app.to_owned())].into(),
    }
}

fn with(volumes: Vec<Volume>, claims: Vec<Claim>) -> Sight {
    Sight {
        volumes: Some(volumes),
        claims: Some(claims),
        mounts: Some(vec![]),
        ..sight()
    }
}

fn found(sight: &Sight, state: &State) -> Vec<Check> {
    checks(sight, state).into_iter().filter(Check::is_finding).collect()
}

fn names(all: &[Check]) -> Vec<&str> {
    all.iter().map(|own| own.check.as_str()).collect()
}

#[test]
fn namespaces_are_told_with_sizes_the_largest_first_and_bounded() {
    let state =
        state(|target| target.instance.included_namespaces = ["web", "gone"].map(|own| own.parse().unwrap()).into());
    let sizes = [
        ("a", 1),
        ("b", 30),
        ("b", 90),
        ("c", 2048),
        ("d", 3),
        ("e", 4),
        ("f", 5),
        ("web", 7),
    ];
    let all = sizes.iter().enumerate();
    let all = all.map(|(at, (namespace, gib))| volume(namespace, &format!("c{at}"), *gib, Medium::Disk));
    let mut sight = with(all.collect(), vec![]);
    sight.namespaces = Some(vec!["web".into()]);
    let found = found(&sight, &state);
    assert_eq!(names(&found), ["volume namespaces"]);
    assert_eq!(
        found[0].says,
        "the target doesn't include 1 volume, 2 TiB in namespace c; 2 volumes, 120 GiB in namespace b; 1 volume, 5 GiB in \
         namespace f; 1 volume, 4 GiB in namespace e; 1 volume, 3 GiB in namespace d; and 1 volume, 1 GiB in other namespaces"
    );
    assert_eq!(found[0].failure.as_deref(), Some("VLT-NS-GAP"));
    assert_eq!(
        found[0].evidence[0],
        "persistent volume claim c/c3: 2 TiB, volume pv-c3"
    );
    let hint = found[0].hint.as_ref().unwrap().to_string();
    for part in [
        "az aksbackup init --include-namespace web --include-namespace a --include-namespace b",
        "if this is intended, record it: az aksbackup init --set left_out+=namespace/a,namespace/b,",
    ] {
        assert!(hint.contains(part), "{hint}");
    }
    let taken = checks(&sight, &state).remove(0);
    assert_eq!(taken.says, "the target selects 1 of 8: 1 volume, 7 GiB");
}

#[test]
fn many_volumes_are_bounded_in_words_evidence_and_command() {
    let all = (0..500).map(|number| volume(&format!("n{number}"), "data", 1, Medium::Share));
    let found = found(&with(all.collect(), vec![]), &state(|_| {}));
    assert_eq!(names(&found), ["volume types"]);
    assert!(
        found[0].says.len() < 500 && found[0].evidence.len() == 21,
        "{:?}",
        found[0]
    );
    let hint = found[0].hint.as_ref().unwrap().to_string();
    assert!(
        hint.contains("instance.included_volume_types=AzureDisk,AzureFileShareSMB"),
        "{hint}"
    );
    assert!(hint.len() < 400 && hint.contains("left_out of [target]"), "{hint}");
}

/// A pod that is selected takes its claims along; several selectors can't be judged where only one is met.
#[test]
fn labels_of_claims_and_of_their_pods_decide_and_what_can_t_be_told_is_unknown() {
    let state = |selectors: &[&str]| {
        state(|target| target.instance.label_selectors = selectors.iter().map(|own| own.parse().unwrap()).collect())
    };
    let mut sight = with(
        vec![volume("shop", "data", 8, Medium::Disk)],
        vec![claim("shop", "data", "web")],
    );
    let judged = |sight: &Sight, selectors: &[&str]| {
        let all = checks(sight, &state(selectors));
        all.into_iter()
            .find(|own| own.check == "volume labels")
            .map(|own| own.verdict)
    };
    use aksbackup_shared::chain::check::Verdict;
    assert_eq!(judged(&sight, &["app in (web,db)"]), None);
    assert_eq!(judged(&sight, &["app=db"]), Some(Verdict::Warning));
    assert_eq!(judged(&sight, &["app=web", "tier=a"]), Some(Verdict::Unknown));
    sight.mounts = Some(vec![Mount {
        namespace: "shop".into(),
        claims: vec!["data".into()],
        labels: [("app".to_owned(), "db".to_owned())].into(),
    }]);
    assert_eq!(judged(&sight, &["app=db"]), None);
    sight.mounts = None;
    assert_eq!(judged(&sight, &["app=web"]), Some(Verdict::Unknown));
    assert_eq!(judged(&sight, &[]), None, "without selectors, no label is read");
}

#[test]
fn an_entry_silences_what_it_names_alone_and_one_that_matches_nothing_is_told() {
    let state = |entries: &[&str]| {
        state(|target| {
            target.instance.included_namespaces = vec!["web".parse().unwrap()];
            target.left_out = entries.iter().map(|own| own.parse().unwrap()).collect();
        })
    };
    let all = vec![
        volume("shop", "a", 1, Medium::Disk),
        volume("shop", "b", 2, Medium::Disk),
        volume("web", "c", 4, Medium::Share),
        volume("web", "d", 8, Medium::Disk),
    ];
    let sight = with(all, vec![]);
    assert_eq!(
        names(&found(&sight, &state(&[]))),
        ["volume namespaces", "volume types"]
    );
    let one = found(&sight, &state(&["pvc/shop/b"]));
    assert_eq!(names(&one), ["volume namespaces", "volume types"]);
    assert!(
        one[0].says.ends_with("1 volume, 1 GiB in namespace shop"),
        "{}",
        one[0].says
    );
    assert_eq!(names(&found(&sight, &state(&["namespace/shop"]))), ["volume types"]);
    let all = checks(&sight, &state(&["namespace/shop", "pvc/web/c"]));
    assert!(all.iter().all(|own| !own.is_finding()), "{all:?}");
    assert_eq!(
        all[0].says,
        "the target selects 1 of 4: 1 volume, 8 GiB; intentional exclusions: 3 volumes, 7 GiB"
    );
    let stale = found(
        &sight,
        &state(&["namespace/shop", "pvc/web/c", "pvc/web/d", "namespace/gone"]),
    );
    assert_eq!(names(&stale), ["intentional exclusions"]);
    assert!(
        stale[0].says.ends_with("pvc/web/d, namespace/gone"),
        "{}",
        stale[0].says
    );
    let hint = stale[0].hint.as_ref().unwrap().to_string();
    assert!(
        hint.ends_with("az aksbackup init --set left_out=namespace/shop,pvc/web/c"),
        "{hint}"
    );
}

#[test]
fn what_stays_out_of_the_vault_tier_is_told_for_what_is_backed_up() {
    let tiered =
        |target: &mut aksbackup_shared::schema::Target| target.policy.vault_tier_retention = Some("P30D".into());
    let large = Volume {
        untiered: Some("larger than 1 TiB".into()),
        ..volume("db", "data", 2048, Medium::Disk)
    };
    let sight = with(
        vec![
            large,
            volume("web", "files", 5, Medium::Share),
            volume("web", "disk", 5, Medium::Disk),
        ],
        vec![],
    );
    let both = state(|target| {
        tiered(target);
        target.instance.included_volume_types = ["AzureDisk", "AzureFileShareSMB"]
            .map(|own| own.parse().unwrap())
            .into();
    });
    let all = found(&sight, &both);
    assert_eq!(names(&all), ["vault tier disks"]);
    assert_eq!(
        all[0].says,
        "not copied to the vault tier: 1 volume, 2 TiB in namespace db (larger than 1 TiB); 1 volume, 5 GiB in namespace web \
         (Azure Files)"
    );
    // Fails before: what has no backup was said to miss in the vault tier.
    let none = state(|target| {
        tiered(target);
        target.instance.snapshot_volumes = false;
    });
    assert_eq!(names(&found(&sight, &none)), ["volume snapshots"]);
    let many = (0..101).map(|number| volume("db", &format!("c{number}"), 1, Medium::Disk));
    assert_eq!(
        names(&found(&with(many.collect(), vec![]), &state(tiered))),
        ["vault tier limit"]
    );
}

#[test]
fn a_command_that_takes_claims_again_keeps_the_other_types() {
    let hint = |included: &[&str], excluded: &[&str]| {
        let state = state(|target| {
            target.instance.included_resource_types = included.iter().map(|own| own.parse().unwrap()).collect();
            target.instance.excluded_resource_types = excluded.iter().map(|own| own.parse().unwrap()).collect();
        });
        let found = found(&with(vec![volume("shop", "data", 1, Medium::Disk)], vec![]), &state);
        assert_eq!(names(&found), ["volume resource types"]);
        found[0].hint.as_ref().unwrap().to_string()
    };
    let own = hint(&[], &["v1/Secret", "v1/PersistentVolumeClaim"]);
    assert!(
        own.contains("az aksbackup init --set instance.excluded_resource_types=v1/Secret, then: "),
        "{own}"
    );
    let own = hint(&["apps/v1/Deployment"], &[]);
    assert!(
        own.contains("instance.included_resource_types=apps/v1/Deployment,v1/PersistentVolumeClaim, then: "),
        "{own}"
    );
}

/// Fails before: a claim that no backup takes was said to make backups fail.
#[test]
fn an_unbound_claim_counts_only_where_it_is_backed_up() {
    let lost = Claim {
        phase: "Lost".into(),
        ..claim("shop", "data", "web")
    };
    let of = |excluded: &[&str]| {
        let state = state(|target| {
            target.instance.excluded_namespaces = excluded.iter().map(|own| own.parse().unwrap()).collect();
        });
        super::super::of_jobs::checks(&with(vec![], vec![lost.clone()]), &state).remove(0)
    };
    assert_eq!(of(&[]).failure.as_deref(), Some("JOB-PVC"));
    assert!(!of(&["shop"]).is_finding());
}

/// Fails before: a new claim without a volume, and one that selectors might not select, counted as bound.
#[test]
fn a_claim_without_a_volume_is_never_said_to_be_bound() {
    use aksbackup_shared::chain::check::Verdict;
    let sight = |created: &str, phase: &str| {
        let own = Claim {
            phase: phase.into(),
            created: created.parse().ok(),
            ..claim("shop", "data", "web")
        };
        with(vec![], vec![own])
    };
    let judged = |sight: &Sight, state: &State| super::super::of_jobs::checks(sight, state).remove(0);
    let (young, old) = ("2026-01-01T00:01:00Z", "2025-12-31T00:00:00Z");
    for state in [State::default(), state(|_| ())] {
        let own = judged(&sight(young, "Pending"), &state);
        assert_eq!(own.verdict, Verdict::Unknown);
        assert!(own.says.ends_with("shop/data is Pending"), "{}", own.says);
        assert_eq!(judged(&sight(old, "Pending"), &state).verdict, Verdict::Warning);
        assert_eq!(judged(&sight(young, "Bound"), &state).verdict, Verdict::Ok);
    }
    let own = judged(&sight(old, "Bound"), &State::default());
    assert_eq!(own.says, "all claims are bound to a volume");
    let unclear = state(|target| {
        target.instance.label_selectors = ["app=web", "tier=a"].map(|own| own.parse().unwrap()).into();
    });
    assert_eq!(judged(&sight(old, "Pending"), &unclear).verdict, Verdict::Unknown);
}

/// Fails before: a target was quoted that no file has.
#[test]
fn without_a_file_no_filter_of_a_target_is_told() {
    let sight = with(
        vec![
            volume("shop", "data", 8, Medium::Disk),
            volume("shop", "files", 8, Medium::Share),
            volume("kube-system", "logs", 1, Medium::Disk),
        ],
        vec![],
    );
    let all = checks(&sight, &State::default());
    assert_eq!(names(&all), ["volumes", "system namespaces"]);
    assert!(
        all[0]
            .says
            .ends_with("without a state file, it's unknown which of them are backed up"),
        "{}",
        all[0].says
    );
    for own in &all {
        let text = format!(
            "{} {}",
            own.says,
            own.hint.as_ref().map(ToString::to_string).unwrap_or_default()
        );
        assert!(!text.contains("target") && !text.contains("init --set"), "{text}");
    }
}
