//! The cluster's own clock: what stands in its objects is compared with nothing else.

use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimeParser;
use kube::api::GetParams;
use kube::client::Body;
use kube::core::Request;

use crate::cluster::client::Reader;
use crate::cluster::error::Doing;

impl Reader {
    /// The API server's time, from the `Date` of an answer; `None` where it does not say.
    pub(crate) async fn now(&self) -> Option<Timestamp> {
        let doing = Doing::new("get", "/version", "the API server's time", "");
        let date = self
            .connection()
            .send(&doing, async |client| {
                let request = Request::new("").get("version", &GetParams::default());
                let answer = client
                    .send(request.map_err(kube::Error::BuildRequest)?.map(Body::from))
                    .await?;
                let date = answer.headers().get("date").and_then(|date| date.to_str().ok());
                Ok(date.and_then(read))
            })
            .await;
        date.ok().flatten()
    }
}

/// Reads the date of an HTTP header, such as `Tue, 24 Nov 2026 01:00:00 GMT`.
fn read(date: &str) -> Option<Timestamp> {
    DateTimeParser::new().parse_timestamp(date).ok()
}

#[cfg(test)]
mod tests {
    use super::read;

    #[test]
    fn the_date_of_an_answer_is_read() {
        assert_eq!(
            read("Tue, 24 Nov 2026 01:02:03 GMT"),
            "2026-11-24T01:02:03Z".parse().ok()
        );
        assert_eq!(read("yesterday"), None);
    }
}
