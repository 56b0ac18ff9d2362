//! The flags of the control plane's programs.

use std::path::Path;

use super::places::Place;

/// etcd on a folder that nobody will miss: nothing waits for the disk.
pub(crate) fn etcd(place: &Place, folder: &Path) -> Vec<String> {
    let (clients, peers) = (place.etcd, place.etcd_peers);
    vec![
        format!("--data-dir={}", folder.join("etcd").display()),
        format!("--listen-client-urls=http://127.0.0.1:{clients}"),
        format!("--advertise-client-urls=http://127.0.0.1:{clients}"),
        format!("--listen-peer-urls=http://127.0.0.1:{peers}"),
        format!("--initial-advertise-peer-urls=http://127.0.0.1:{peers}"),
        format!("--initial-cluster=default=http://127.0.0.1:{peers}"),
        "--unsafe-no-fsync".to_owned(),
        "--log-level=warn".to_owned(),
    ]
}

/// The API server. It signs with the first issuer and accepts tokens of all of them, as after AKS has switched its OIDC
/// issuer on; what it advertises is the first one.
pub(crate) fn api_server(place: &Place, folder: &Path, issuers: &[String]) -> Vec<String> {
    let file = |name: &str| folder.join(name).display().to_string();
    let mut flags = vec![
        format!("--etcd-servers=http://127.0.0.1:{}", place.etcd),
        "--bind-address=127.0.0.1".to_owned(),
        "--advertise-address=127.0.0.1".to_owned(),
        "--endpoint-reconciler-type=none".to_owned(),
        format!("--secure-port={}", place.api_server),
        format!("--cert-dir={}", file("certificates")),
        format!("--tls-cert-file={}", file("server.pem")),
        format!("--tls-private-key-file={}", file("server.key")),
        "--authorization-mode=RBAC".to_owned(),
        format!("--token-auth-file={}", file("tokens.csv")),
        format!("--service-account-key-file={}", file("signing.pub")),
        format!("--service-account-signing-key-file={}", file("signing.key")),
        "--service-cluster-ip-range=10.0.0.0/24".to_owned(),
        "--kubelet-preferred-address-types=InternalIP".to_owned(),
        format!("--audit-policy-file={}", file("audit-policy.json")),
        format!("--audit-log-path={}", file("audit.jsonl")),
        "--audit-log-mode=blocking-strict".to_owned(),
        "--profiling=false".to_owned(),
    ];
    flags.extend(
        issuers
            .iter()
            .map(|issuer| format!("--service-account-issuer={issuer}")),
    );
    if let Some(issuer) = issuers.first() {
        // As AKS does it: the keys are found below the issuer, not at the API server's own address.
        let keys = format!("{}/openid/v1/jwks", issuer.trim_end_matches('/'));
        flags.push(format!("--service-account-jwks-uri={keys}"));
    }
    flags
}

/// The controllers that an extension's roll-out, a namespace's end and a quota need.
pub(crate) fn controller_manager(place: &Place, folder: &Path) -> Vec<String> {
    let controllers = [
        "deployment-controller",
        "replicaset-controller",
        "serviceaccount-controller",
        "root-ca-certificate-publisher-controller",
        "namespace-controller",
        "garbage-collector-controller",
        "resourcequota-controller",
        "disruption-controller",
    ];
    let file = |name: &str| folder.join(name).display().to_string();
    vec![
        format!("--kubeconfig={}", file("controllers.kubeconfig")),
        format!("--controllers={}", controllers.join(",")),
        "--bind-address=127.0.0.1".to_owned(),
        format!("--secure-port={}", place.controller_manager),
        format!("--cert-dir={}", file("certificates")),
        format!("--root-ca-file={}", file("ca.pem")),
        "--leader-elect=false".to_owned(),
        "--kube-api-qps=200".to_owned(),
        "--kube-api-burst=400".to_owned(),
        // The default of five minutes is how long a quota would stand without its usage.
        "--resource-quota-sync-period=5s".to_owned(),
    ]
}
