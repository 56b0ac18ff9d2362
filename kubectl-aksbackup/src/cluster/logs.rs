//! Logs of a container.

use std::time::Duration;

use aksbackup_shared::diagnosis::mask::mask;
use aksbackup_shared::failure::{Failure, Outcome};
use futures::{AsyncBufReadExt as _, AsyncReadExt as _};
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
    pub(crate) async fn log(&self, pod: &str, lines: &Lines, mut line: impl FnMut(&str)) -> Outcome<()> {
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
        let mut stream = Box::pin(stream);
        let mut bytes = Vec::new();
        loop {
            bytes.clear();
            // Containers log in any encoding.
            match stream.as_mut().take(LONGEST).read_until(b'\n', &mut bytes).await {
                Ok(0) => return Ok(()),
                Ok(_) => line(&mask(String::from_utf8_lossy(&bytes).trim_end_matches(['\n', '\r']))),
                Err(error) => {
                    return Failure::failed(format!("{object}: broke off"))
                        .because(error.to_string())
                        .err();
                }
            }
        }
    }
}
