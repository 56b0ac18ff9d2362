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
