//! Every combination of the keys that decide what is backed up.

use super::*;

/// One choice for each key that decides what is backed up.
#[derive(Debug, Clone, Copy)]
struct Choice {
    included: &'static [&'static str],
    excluded: &'static [&'static str],
    snapshots: bool,
    types: &'static [&'static str],
    labels: &'static [&'static str],
    kinds: &'static [&'static str],
    left_out: &'static [&'static str],
}

fn choices() -> Vec<Choice> {
    const LISTS: [&[&str]; 3] = [&[], &["shop"], &["web"]];
    const TYPES: [&[&str]; 4] = [
        &[],
        &["AzureDisk"],
        &["AzureFileShareSMB"],
        &["AzureDisk", "AzureFileShareSMB"],
    ];
    const LABELS: [&[&str]; 3] = [&[], &["app=web"], &["app=db"]];
    const KINDS: [&[&str]; 2] = [&[], &["persistentvolumeclaims"]];
    const LEFT: [&[&str]; 3] = [&[], &["namespace/shop"], &["pvc/shop/data"]];
    let mut all = Vec::new();
    for included in LISTS {
        for excluded in [LISTS[0], LISTS[1]] {
            for snapshots in [true, false] {
                for types in TYPES {
                    for labels in LABELS {
                        for kinds in KINDS {
                            all.extend(LEFT.map(|left_out| Choice {
                                included,
                                excluded,
                                snapshots,
                                types,
                                labels,
                                kinds,
                                left_out,
                            }));
                        }
                    }
                }
            }
        }
    }
    all
}

impl Choice {
    fn state(self) -> State {
        fn parsed<T: std::str::FromStr<Err: std::fmt::Debug>>(all: &[&str]) -> Vec<T> {
            all.iter().map(|own| own.parse().unwrap()).collect()
        }
        state(|target| {
            target.left_out = parsed(self.left_out);
            let own = &mut target.instance;
            own.included_namespaces = parsed(self.included);
            own.excluded_namespaces = parsed(self.excluded);
            own.snapshot_volumes = self.snapshots;
            own.included_volume_types = parsed(self.types);
            own.label_selectors = parsed(self.labels);
            own.excluded_resource_types = parsed(self.kinds);
        })
    }

    /// The check that has to find the volume of claim `data`, whose label is `app=web`; `None` where nothing is to be found.
    fn expected(self, own: &Volume) -> Option<&'static str> {
        let (namespace, share) = (own.namespace.as_str(), own.medium == Medium::Share);
        let listed = |list: &[&str]| list.contains(&namespace);
        let on_purpose = self.left_out.iter().any(|_| namespace == "shop");
        if listed(self.excluded) || on_purpose {
            return None;
        }
        let types = if self.types.is_empty() {
            &["AzureDisk"]
        } else {
            self.types
        };
        [
            (namespace == "kube-system", "system namespaces"),
            (!self.included.is_empty() && !listed(self.included), "volume namespaces"),
            (own.unsupported.is_some(), "unsupported volumes"),
            (!self.kinds.is_empty(), "volume resource types"),
            (!self.snapshots, "volume snapshots"),
            (
                !types.contains(&if share { "AzureFileShareSMB" } else { "AzureDisk" }),
                "volume types",
            ),
            (self.labels == ["app=db"], "volume labels"),
        ]
        .into_iter()
        .find_map(|(is, name)| is.then_some(name))
    }
}

/// Fails before: `snapshot_volumes`, `included_volume_types`, resource types and labels were not looked at, excluded namespaces only for
/// the list of namespaces.
#[test]
fn every_combination_of_filters_is_judged_as_azure_applies_them() {
    let blob = Volume {
        unsupported: Some("CSI driver blob.csi.azure.com".into()),
        ..volume("shop", "data", 1, Medium::Other)
    };
    let nfs = Volume {
        unsupported: Some("Azure Files with NFS".into()),
        ..volume("shop", "data", 1, Medium::Share)
    };
    let volumes = [
        volume("shop", "data", 1, Medium::Disk),
        volume("shop", "data", 1, Medium::Share),
        volume("kube-system", "data", 1, Medium::Disk),
        nfs,
        blob,
    ];
    let choices = choices();
    assert!(choices.len() * volumes.len() > 4000, "{}", choices.len());
    for choice in choices {
        let state = choice.state();
        for own in &volumes {
            let sight = with(vec![own.clone()], vec![claim(&own.namespace, "data", "web")]);
            let all = checks(&sight, &state);
            let of_volumes: Vec<&Check> = all
                .iter()
                .filter(|own| own.is_finding() && own.check != "intentional exclusions")
                .collect();
            let told: Vec<&str> = of_volumes.iter().map(|own| own.check.as_str()).collect();
            let expected: Vec<&str> = choice.expected(own).into_iter().collect();
            assert_eq!(told, expected, "{choice:?} {own:?}");
            let sized = of_volumes.iter().all(|found| {
                found
                    .says
                    .contains(&format!("1 volume, 1 GiB in namespace {}", own.namespace))
            });
            assert!(sized, "{of_volumes:?}");
            assert!(
                all.iter()
                    .all(|own| own.verdict != aksbackup_shared::chain::check::Verdict::Unknown),
                "{all:?}"
            );
        }
    }
}
