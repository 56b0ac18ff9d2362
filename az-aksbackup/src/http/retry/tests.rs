use azure_core::http::headers::Headers;
use azure_core::http::{AsyncRawResponse, Method, StatusCode};

use super::*;

const CONNECTING: Duration = Duration::from_secs(10);

fn answer(status: u16) -> Seen {
    Seen::Answer { status, wish: None }
}

fn verdict(seen: Seen, effort: Effort) -> Verdict {
    judge(seen, effort, Pace::real())
}

#[test]
fn what_was_refused_for_a_moment_is_sent_again_with_growing_pauses() {
    let effort = |tries| Effort {
        tries,
        ..Effort::default()
    };
    let pause = |tries| verdict(answer(503), effort(tries));
    assert_eq!(pause(0), Verdict::Again(Duration::from_millis(500)));
    assert_eq!(pause(2), Verdict::Again(Duration::from_secs(2)));
    assert_eq!(pause(RETRIES), Verdict::Give);
    assert_eq!(verdict(answer(409), effort(0)), Verdict::Give);
    assert_eq!(verdict(answer(200), effort(0)), Verdict::Give);
}

#[test]
fn an_unreachable_host_is_said_within_half_a_minute() {
    let mut effort = Effort {
        spent: CONNECTING,
        ..Effort::default()
    };
    while let Verdict::Again(pause) = verdict(Seen::Unreachable, effort) {
        effort.spent += pause + CONNECTING;
        effort.tries += 1;
    }
    assert!(effort.spent <= Duration::from_secs(30), "{:?}", effort.spent);
}

#[test]
fn a_write_that_may_have_been_done_is_not_repeated_but_one_that_was_refused_is() {
    let once = Effort {
        once: true,
        ..Effort::default()
    };
    assert_eq!(verdict(Seen::Broken, once), Verdict::Give);
    assert_eq!(verdict(answer(500), once), Verdict::Give);
    assert!(matches!(verdict(Seen::Unreachable, once), Verdict::Again(_)));
    assert!(matches!(verdict(answer(429), once), Verdict::Again(_)));
}

#[test]
fn a_remote_that_says_nothing_is_asked_twice_however_long_that_took() {
    let silent = |silences, once| Effort {
        spent: Duration::from_secs(60),
        silences,
        once,
        ..Effort::default()
    };
    assert!(matches!(verdict(Seen::Silent, silent(1, false)), Verdict::Again(_)));
    assert_eq!(verdict(Seen::Silent, silent(2, false)), Verdict::Give);
    assert_eq!(verdict(Seen::Silent, silent(1, true)), Verdict::Give);
}

#[test]
fn a_wish_is_honoured_up_to_its_bound() {
    let wish = |seconds| Seen::Answer {
        status: 429,
        wish: Some(Duration::from_secs(seconds)),
    };
    let effort = Effort {
        tries: 9,
        spent: Duration::from_secs(60),
        ..Effort::default()
    };
    assert_eq!(verdict(wish(30), effort), Verdict::Again(Duration::from_secs(30)));
    assert_eq!(verdict(wish(3600), effort), Verdict::Give);
}

#[test]
fn a_refused_token_is_renewed_once() {
    assert_eq!(verdict(answer(401), Effort::default()), Verdict::NewToken);
    let renewed = Effort {
        renewed: true,
        ..Effort::default()
    };
    assert_eq!(verdict(answer(401), renewed), Verdict::Give);
}

#[test]
fn a_signature_is_not_shown() {
    let url = Url::parse("https://arm/operations/1?api-version=2024-04-01&s=SECRET&h=X").unwrap();
    assert_eq!(
        readable(&url),
        "https://arm/operations/1?api-version=2024-04-01&s=...&h=..."
    );
}

/// How long another read waits after a 429 that asks for a minute, with `left` as what is left of Resource Manager's bucket.
async fn wait_of_others(left: Option<&'static str>) -> Duration {
    let attempts = Attempts::new(Pace::real(), None, Arc::new(drop), Deadline::none());
    let request = |path: &str| Request::new(Url::parse(&format!("https://arm/{path}")).unwrap(), Method::Get);
    let mut headers = Headers::new();
    headers.insert("retry-after", "60");
    if let Some(left) = left {
        headers.insert(REMAINING[0], left);
    }
    let refused = AsyncRawResponse::from_bytes(StatusCode::TooManyRequests, headers, Vec::new());
    attempts.close(&request("backupJobs"), &Ok(refused));
    let other = request("vaults");
    let mut quota = attempts.quota.lock().unwrap();
    quota.take(other.method(), other.url(), Instant::now())
}

/// Recorded: the 429 of a resource provider has no such header.
#[tokio::test]
async fn only_resource_manager_s_own_refusal_holds_up_other_requests() {
    assert_eq!(wait_of_others(None).await, Duration::ZERO);
    assert_eq!(wait_of_others(Some("199")).await, Duration::ZERO);
    assert!(wait_of_others(Some("0")).await > Duration::from_secs(50));
}
