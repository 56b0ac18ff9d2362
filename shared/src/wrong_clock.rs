//! A certificate that seems to be of another time, because this machine's clock is wrong.

use jiff::Timestamp;

/// How rustls says that a certificate is of another time.
const OTHER_TIMES: [&str; 2] = ["certificate not valid yet", "certificate expired"];

/// What to do where one of these texts of a failed connection says so. A certificate is rarely used before its time, and renewed
/// before its end, so the clock is the first suspect.
#[must_use]
pub fn hint(texts: &[String]) -> Option<String> {
    let is_of_another_time = |text: &String| OTHER_TIMES.iter().any(|words| text.contains(words));
    texts.iter().any(is_of_another_time).then(|| {
        let now = Timestamp::now().strftime("%Y-%m-%d %H:%M UTC");
        format!(
            "correct the clock of this machine, which shows {now}; if the clock is correct, the certificate isn't \
            valid now"
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_certificate_of_another_time_is_blamed_on_the_clock() {
        let early = "invalid peer certificate: certificate not valid yet: verification time 1 (UNIX), but certificate is not valid";
        assert!(hint(&["x".to_owned(), early.to_owned()]).is_some_and(|hint| hint.contains(" UTC; ")));
        assert_eq!(hint(&["invalid peer certificate: UnknownIssuer".to_owned()]), None);
    }
}
