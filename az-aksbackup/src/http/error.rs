//! An error that came without an answer: its own words, and what can be done about a host that cannot be reached.

use aksbackup_shared::failure::Failure;
use aksbackup_shared::wrong_clock;

/// What libraries say around an error's own words. The URL of a request may be signed.
const NOISE: [&str; 6] = [
    "non-transport error occurred",
    "retry policy expired",
    "failed to execute `reqwest` request",
    "error converting `reqwest` request",
    "error sending request",
    "client error (",
];

/// Whether a text only wraps an error's own words.
pub(crate) fn is_noise(text: &str) -> bool {
    NOISE.iter().any(|noise| text.starts_with(noise))
}

/// Errors without repeats and noise, outermost first.
pub(crate) fn chain(error: &dyn std::error::Error) -> Vec<String> {
    let mut texts: Vec<String> = Vec::new();
    let mut next = Some(error);
    while let Some(error) = next {
        let text = error.to_string();
        if !is_noise(&text) && !texts.iter().any(|own| own.contains(&text)) {
            texts.push(text);
        }
        next = error.source();
    }
    texts
}

/// What can be done about a host that cannot be reached.
pub(crate) const NETWORK: &str = "check the network, and the proxy if there is one: HTTPS_PROXY, NO_PROXY";

/// Adds why a host could not be reached, and what can be done about it.
pub(crate) fn unreachable(failure: Failure, texts: &[String]) -> Failure {
    let failure = texts.iter().cloned().fold(failure, Failure::because);
    if let Some(hint) = wrong_clock::hint(texts) {
        return failure.hint(hint);
    }
    match texts.iter().any(|text| text.contains("certificate")) {
        true => failure.hint("trust the certificate authority of your proxy: SSL_CERT_FILE=FILE"),
        false => failure.hint(NETWORK),
    }
}
