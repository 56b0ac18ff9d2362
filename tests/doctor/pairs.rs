//! Two faults at once: every pair of the ten causes that people hit most is named, both, in the order of the chain.

use aksbackup_tests::harness::Stage;

use crate::channels::{az_doctor, configured, found, kubectl_doctor, protected, with};
use crate::samples::{Place, Sample};

/// A cause, its place in the order of the chain, and where it is seen in the cluster and in Azure.
struct Cause {
    id: &'static str,
    order: u8,
    in_cluster: Option<(Place, &'static str)>,
    in_azure: (Place, &'static str),
}

const BLOB_ROLE: &str =
    "AuthorizationPermissionMismatch: This request is not authorized to perform this operation using this permission.";
const NOT_INJECTED: &str = "ManagedIdentityCredential authentication failed. the requested resource is not available";
const ISSUER: &str =
    "AADSTS700211: No matching federated identity record found for presented assertion issuer 'https://x/'.";
const NO_EGRESS: &str = "Error in the getting the Configurations: error {Message: no}";
const FIREWALL: &str = "AuthorizationFailure: This request is not authorized to perform this operation.";
const KEYS: &str =
    "KeyBasedAuthenticationNotPermitted: Key based authentication is not permitted on this storage account.";
const POLICY: &str = "Error creating: admission webhook \"validation.gatekeeper.sh\" denied the request: [a] no";

const CAUSES: [Cause; 10] = [
    Cause {
        id: "RBAC-BLOB-ROLE",
        order: 6,
        in_cluster: Some((Place::StorageLocation, BLOB_ROLE)),
        in_azure: (Place::Job, BLOB_ROLE),
    },
    Cause {
        id: "WI-NOT-INJECTED",
        order: 4,
        in_cluster: Some((Place::StorageLocation, NOT_INJECTED)),
        in_azure: (Place::Job, NOT_INJECTED),
    },
    Cause {
        id: "FIC-ISSUER",
        order: 5,
        in_cluster: Some((Place::StorageLocation, ISSUER)),
        in_azure: (Place::Job, ISSUER),
    },
    Cause {
        id: "EXT-AGENT-NO-EGRESS",
        order: 2,
        in_cluster: Some((Place::PodLog, NO_EGRESS)),
        in_azure: (Place::Extension, NO_EGRESS),
    },
    Cause {
        id: "K8S-PENDING",
        order: 3,
        in_cluster: Some((Place::Event, "0/2 nodes are available: 2 Insufficient cpu.")),
        in_azure: (
            Place::Extension,
            "Helm installation failed : timed out waiting for the condition",
        ),
    },
    Cause {
        id: "VLT-TRUSTED-ACCESS",
        order: 7,
        in_cluster: None,
        in_azure: (
            Place::Protection,
            "UserErrorTrustedAccessGatewayReturnedForbidden: Trusted access gateway returned forbidden.",
        ),
    },
    Cause {
        id: "RBAC-PRINCIPAL-NOT-FOUND",
        order: 6,
        in_cluster: None,
        in_azure: (
            Place::Refusal,
            "PrincipalNotFound: Principal 5555 does not exist in the directory 3333.",
        ),
    },
    Cause {
        id: "STO-FIREWALL",
        order: 1,
        in_cluster: Some((Place::StorageLocation, FIREWALL)),
        in_azure: (Place::Job, FIREWALL),
    },
    Cause {
        id: "STO-KEYS-OFF",
        order: 1,
        in_cluster: Some((Place::StorageLocation, KEYS)),
        in_azure: (Place::Job, KEYS),
    },
    Cause {
        id: "EXT-POLICY-PODS",
        order: 2,
        in_cluster: Some((Place::Event, POLICY)),
        in_azure: (Place::Extension, POLICY),
    },
];

fn sample(cause: &Cause, (place, text): (Place, &'static str)) -> Sample {
    Sample {
        id: cause.id.to_owned(),
        place,
        text: text.to_owned(),
    }
}

/// What Azure says of pods that found no room.
fn name_in_azure(cause: &Cause) -> &'static str {
    if cause.id == "K8S-PENDING" {
        "EXT-HELM-TIMEOUT"
    } else {
        cause.id
    }
}

fn pairs() -> impl Iterator<Item = (&'static Cause, &'static Cause)> {
    let all = CAUSES.iter().enumerate();
    all.flat_map(|(at, one)| CAUSES[at + 1..].iter().map(move |other| (one, other)))
}

/// Whether both are named, in their order, and nothing else.
fn judged(found: &[String], mut pair: [(&'static str, u8); 2]) -> Option<String> {
    pair.sort_by_key(|(_, order)| *order);
    let expected = pair.map(|(id, _)| id);
    let same = pair[0].1 == pair[1].1;
    let named = found == expected || same && found.iter().rev().eq(expected.iter());
    println!(
        "{:<26} {:<26} {}",
        expected[0],
        expected[1],
        if named { "both, in order" } else { "WRONG" }
    );
    (!named).then(|| format!("{expected:?}: {found:?}"))
}

#[test]
fn every_pair_that_the_cluster_shows_is_named_in_order() {
    let stage = configured();
    let mut wrong = Vec::new();
    for (one, other) in pairs() {
        let (Some(first), Some(mut second)) = (one.in_cluster, other.in_cluster) else {
            continue;
        };
        // The storage location has one message; Velero's log has both.
        if first.0 == second.0 && first.0 == Place::StorageLocation {
            second.0 = Place::VeleroLog;
        }
        let ask = |stage: &Stage| with(stage, &sample(other, second), |stage| found(&kubectl_doctor(stage)));
        let found = with(&stage, &sample(one, first), ask);
        wrong.extend(judged(&found, [(one.id, one.order), (other.id, other.order)]));
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn every_other_pair_is_named_in_order_by_the_cloud_s_side() {
    let stage = protected();
    let mut wrong = Vec::new();
    for (one, other) in pairs().filter(|(one, other)| one.in_cluster.is_none() || other.in_cluster.is_none()) {
        let ask = |stage: &Stage| with(stage, &sample(other, other.in_azure), |stage| found(&az_doctor(stage)));
        let found = with(&stage, &sample(one, one.in_azure), ask);
        // Pods without room are a matter of the extension there.
        let order = |cause: &Cause| if cause.id == "K8S-PENDING" { 2 } else { cause.order };
        wrong.extend(judged(
            &found,
            [(name_in_azure(one), order(one)), (name_in_azure(other), order(other))],
        ));
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn there_are_forty_five_pairs() {
    assert_eq!(pairs().count(), 45);
}
