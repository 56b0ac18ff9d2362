use super::*;
use kube::core::Status;

fn busy(code: u16, wish: u32) -> kube::Error {
    let mut status: Status = Status {
        code,
        ..Status::default()
    };
    status.details = serde_json::from_value(serde_json::json!({ "retryAfterSeconds": wish })).unwrap();
    kube::Error::Api(status.boxed())
}

fn after(tried: u32, pace: Pace) -> Attempts {
    Attempts {
        tried,
        ..Attempts::new(pace)
    }
}

#[test]
fn a_busy_server_is_asked_again_a_few_times_within_bounds() {
    let pause = |tried, error| after(tried, Pace::real()).pause_after(&error, true, true);
    assert_eq!(pause(1, busy(429, 2)), Some(Duration::from_secs(2)));
    assert_eq!(pause(1, busy(503, 3600)), Some(LONGEST_PAUSE));
    for status in [500, 502, 503, 504, 520] {
        assert_eq!(pause(1, busy(status, 0)), Some(Duration::from_millis(500)));
    }
    assert_eq!(pause(TRIES, busy(503, 0)), None);
}

#[test]
fn a_server_that_was_never_reached_is_told_at_once_and_one_that_was_met_may_restart() {
    let attempts = after(1, Pace::real());
    let connect = || kube::Error::Service("client error (Connect)".into());
    assert_eq!(attempts.pause_after(&connect(), false, true), None);
    assert!(attempts.pause_after(&connect(), true, true).is_some());
    for kind in [std::io::ErrorKind::UnexpectedEof, std::io::ErrorKind::ConnectionReset] {
        let closed = std::io::Error::new(kind, "client error (Connect): closed");
        let restarting = kube::Error::Service(closed.into());
        assert!(attempts.pause_after(&restarting, false, true).is_some());
    }
    let broken = kube::Error::Service("connection reset".into());
    assert!(attempts.pause_after(&broken, false, true).is_some());
    let mut long = after(TRIES, Pace::real());
    assert!(long.pause_after(&broken, false, true).is_none());
    assert_eq!(long.pause_after(&broken, true, true), Some(LONGEST_ABSENCE));
    long.since = long.since.checked_sub(RESTART).unwrap();
    assert!(long.pause_after(&broken, true, true).is_none());
}

#[test]
fn a_refusal_is_not_asked_again() {
    let attempts = after(1, Pace::real());
    assert_eq!(attempts.pause_after(&busy(403, 0), true, true), None);
    let failed = |words: &str| {
        let status = Status::failure(words, "InternalError").with_code(500);
        attempts.pause_after(&kube::Error::Api(status.boxed()), true, false)
    };
    assert_eq!(failed("failed calling webhook \"w\": no endpoints"), None);
    assert!(failed("etcdserver: leader changed").is_some());
}

#[test]
fn only_a_server_that_was_met_is_asked_again_after_a_timeout() {
    assert!(after(1, Pace::real()).may_be_frozen(true));
    assert!(!after(1, Pace::real()).may_be_frozen(false));
    assert!(!after(TRIES, Pace::real()).may_be_frozen(true));
}

#[test]
fn only_addresses_of_this_machine_are_loopback() {
    assert!(is_loopback("https://127.0.0.1:6443") && is_loopback("https://[::1]:6443"));
    assert!(!is_loopback("https://aks.hcp.westeurope.azmk8s.io:443"));
}

/// A load balancer does this while its API server restarts. The client library wraps the error of the connection, which then isn't a source.
#[tokio::test]
async fn a_connection_that_is_closed_before_tls_is_tried_again() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let server = format!("https://{}", listener.local_addr().unwrap());
    let turned_away = async { drop(listener.accept().await.unwrap()) };
    let config = kube::Config::new(server.parse().unwrap());
    let client = kube::Client::try_from(config).unwrap();
    let (answer, ()) = tokio::join!(client.apiserver_version(), turned_away);
    let error = answer.unwrap_err();
    let pause = after(1, Pace::real()).pause_after(&error, false, true);
    assert!(pause.is_some(), "{error:?}");
}
