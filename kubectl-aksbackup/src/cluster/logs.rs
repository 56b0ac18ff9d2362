//! Logs of a container.

use std::time::Duration;

use aksbackup_shared::diagnosis::mask::mask;
use aksbackup_shared::failure::{Failure, Outcome};
use futures::{AsyncBufRead, AsyncBufReadExt as _, AsyncReadExt as _};
use k8s_openapi::api::core::v1::Pod;
use kube::api::{Api, LogParams};

use crate::cluster::client::Reader;
use crate::cluster::error::Doing;

/// A longer line is shown in parts of so many bytes.
const LONGEST: u64 = 1 << 20;

/// Which lines of a container's log.
#[derive(Debug, Clone)]
pub(crate) struct Lines {
    /// The container.
    pub(crate) container: String,
    /// How many of the last ones; `None` is all.
    pub(crate) tail: Option<u32>,
    /// Not older than this.
    pub(crate) since: Option<Duration>,
    /// Of the container that ran before.
    pub(crate) previous: bool,
    /// Whether to go on with what is written from now on.
    pub(crate) follow: bool,
}

impl Lines {
    fn parameters(&self) -> LogParams {
        LogParams {
            container: Some(self.container.clone()),
            follow: self.follow,
            previous: self.previous,
            tail_lines: self.tail.map(i64::from),
            since_seconds: self
                .since
                .map(|since| i64::try_from(since.as_secs().max(1)).unwrap_or(i64::MAX)),
            ..LogParams::default()
        }
    }
}

impl Reader {
    /// Gives each line of a pod's log to `line`, without secrets.
    ///
    /// # Errors
    /// As the API server says, or the stream breaks off.
    pub(crate) async fn log(&self, pod: &str, lines: &Lines, line: impl FnMut(&str)) -> Outcome<()> {
        let object = format!("log of container {} in pod {pod}", lines.container);
        let doing = Doing::new("get", "pods/log", object.clone(), self.namespace());
        let parameters = lines.parameters();
        let stream = self
            .connection()
            .send(&doing, async |client| {
                Api::<Pod>::namespaced(client, self.namespace())
                    .log_stream(pod, &parameters)
                    .await
            })
            .await?;
        each_line(Box::pin(stream), line).await.or_else(|error| {
            Failure::failed(format!("{object}: broke off"))
                .because(error.to_string())
                .err()
        })
    }
}

/// Gives each line to `line`, masked. Containers log in any encoding, and not always in lines.
async fn each_line(mut stream: impl AsyncBufRead + Unpin, mut line: impl FnMut(&str)) -> std::io::Result<()> {
    let mut bytes = Vec::new();
    while (&mut stream).take(LONGEST).read_until(b'\n', &mut bytes).await? > 0 {
        line(&mask(String::from_utf8_lossy(&bytes).trim_end_matches(['\n', '\r'])));
        bytes.clear();
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_log_in_any_encoding_is_shown_to_its_end_and_masked() {
        let mut lines = Vec::new();
        let log = b"one\r\n\xff\xfe two\nsig=abcdef&x\nno end".as_slice();
        each_line(log, |line| lines.push(line.to_owned())).await.unwrap();
        assert_eq!(lines, ["one", "\u{fffd}\u{fffd} two", "sig=[masked]&x", "no end"]);
    }
}
