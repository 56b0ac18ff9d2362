use super::*;

const GROUP: &str = "https://arm/subscriptions/S1/resourceGroups/rg";

fn url(tail: &str) -> Url {
    Url::parse(&format!("{GROUP}{tail}")).unwrap()
}

fn waits(quota: &mut Quota, method: Method, tail: &str, times: usize, now: Instant) -> Vec<Duration> {
    (0..times).map(|_| quota.take(method, &url(tail), now)).collect()
}

#[test]
fn what_a_whole_hand_off_asks_never_waits() {
    let (mut quota, now) = (Quota::new(Pace::real()), Instant::now());
    assert!(
        waits(&mut quota, Method::Get, "", 225, now)
            .iter()
            .all(Duration::is_zero)
    );
    assert!(
        waits(&mut quota, Method::Put, "", 180, now)
            .iter()
            .all(Duration::is_zero)
    );
}

#[test]
fn an_empty_bucket_gives_each_its_turn_and_fills_again() {
    let (mut quota, now) = (Quota::new(Pace::real()), Instant::now());
    waits(&mut quota, Method::Get, "", 225, now);
    let next = waits(&mut quota, Method::Get, "", 2, now);
    assert_eq!(next, [Duration::from_millis(40), Duration::from_millis(80)]);
    assert_eq!(quota.take(Method::Delete, &url(""), now), Duration::ZERO);
    let later = now + Duration::from_secs(1);
    assert_eq!(quota.take(Method::Get, &url(""), later), Duration::ZERO);
    let full = later + Duration::from_secs(3600);
    let all = waits(&mut quota, Method::Get, "", 226, full);
    assert_eq!(
        all.iter().filter(|wait| wait.is_zero()).count(),
        225,
        "it does not overflow"
    );
}

#[test]
fn every_subscription_has_buckets_of_its_own_however_it_is_spelt() {
    let (mut quota, now) = (Quota::new(Pace::real()), Instant::now());
    waits(&mut quota, Method::Put, "", 180, now);
    let spelt = Url::parse("https://arm/SUBSCRIPTIONS/s1/providers/x").unwrap();
    assert!(!quota.take(Method::Post, &spelt, now).is_zero());
    let other = Url::parse("https://arm/subscriptions/s2/providers/x").unwrap();
    assert!(quota.take(Method::Post, &other, now).is_zero());
}

#[test]
fn credentials_of_one_identity_are_four_seconds_apart_whoever_asks() {
    let (mut quota, now) = (Quota::new(Pace::real()), Instant::now());
    let of = |identity: &str, name: &str| format!("/identities/{identity}/federatedIdentityCredentials/{name}");
    assert_eq!(quota.take(Method::Put, &url(&of("a", "x")), now), Duration::ZERO);
    assert_eq!(
        quota.take(Method::Put, &url(&of("A", "y")), now),
        Duration::from_secs(4)
    );
    assert_eq!(quota.take(Method::Put, &url(&of("b", "x")), now), Duration::ZERO);
    assert_eq!(quota.take(Method::Get, &url(&of("a", "x")), now), Duration::ZERO);
}

#[test]
fn a_refusal_closes_azure_s_bucket_until_its_wish_is_over() {
    let (mut quota, now) = (Quota::new(Pace::real()), Instant::now());
    quota.refused(Method::Put, &url("/x"), Duration::from_secs(17), now);
    assert_eq!(quota.take(Method::Post, &url("/y"), now), Duration::from_secs(17));
    assert_eq!(quota.take(Method::Get, &url("/y"), now), Duration::ZERO);
    let later = now + Duration::from_secs(17);
    assert_eq!(quota.take(Method::Post, &url("/y"), later), Duration::ZERO);
}

#[test]
fn aks_and_resource_graph_have_buckets_of_their_own() {
    const CLUSTER: &str = "/providers/Microsoft.ContainerService/managedClusters/aks";
    let zero = |quota: &mut Quota, method: Method, tail: &str, times: usize, now: Instant| {
        let waits = waits(quota, method, tail, times, now);
        waits.iter().filter(|wait| wait.is_zero()).count()
    };
    let (mut quota, now) = (Quota::new(Pace::real()), Instant::now());
    let binding = format!("{CLUSTER}/trustedAccessRoleBindings/b");
    assert_eq!(zero(&mut quota, Method::Get, &binding, 100, now), 54);
    assert_eq!(zero(&mut quota, Method::Get, CLUSTER, 100, now), 54);
    assert_eq!(zero(&mut quota, Method::Put, CLUSTER, 30, now), 18);
    let (mut quota, now) = (Quota::new(Pace::real()), Instant::now());
    // An extension of a cluster is no request to AKS.
    let extension = format!("{CLUSTER}/providers/Microsoft.KubernetesConfiguration/extensions/x");
    assert_eq!(zero(&mut quota, Method::Get, &extension, 225, now), 225);
    let operation = Url::parse(
        "https://arm/subscriptions/s2/providers/Microsoft.ContainerService/locations/westeurope/operations/1",
    );
    let operation = operation.unwrap();
    let waits: Vec<Duration> = (0..182).map(|_| quota.take(Method::Get, &operation, now)).collect();
    assert_eq!(waits[179..], [0, 500, 1000].map(Duration::from_millis));
    let graph = Url::parse("https://arm/providers/Microsoft.ResourceGraph/resources?api-version=1").unwrap();
    let sent = (0..100).filter(|_| quota.take(Method::Post, &graph, now) < Duration::from_secs(5));
    let sent = sent.count();
    assert!((10..=15).contains(&sent), "{sent}");
}

#[test]
fn requests_of_azure_backup_leave_one_by_one_where_few_are_left() {
    let vault = "/providers/Microsoft.DataProtection/backupVaults/bv";
    let (mut quota, now) = (Quota::new(Pace::real()), Instant::now());
    quota.left(Method::Get, &url(vault), 1000, now);
    assert_eq!(waits(&mut quota, Method::Get, vault, 2, now), [Duration::ZERO; 2]);
    quota.left(Method::Get, &url(vault), 3, now);
    assert_eq!(
        waits(&mut quota, Method::Get, vault, 3, now),
        [1, 2, 3].map(Duration::from_secs)
    );
    assert_eq!(waits(&mut quota, Method::Put, vault, 1, now), [Duration::ZERO]);
    assert_eq!(waits(&mut quota, Method::Get, "/x", 1, now), [Duration::ZERO]);
    quota.left(Method::Get, &url(vault), 900, now);
    assert_eq!(waits(&mut quota, Method::Get, vault, 1, now), [Duration::ZERO]);
}
