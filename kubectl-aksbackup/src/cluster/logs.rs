//! Logs of a container.

use std::time::Duration;

use aksbackup_shared::diagnosis::mask::mask;
use aksbackup_shared::failure::{Failure, Outcome};
use futures::AsyncBufReadExt as _;
use jiff::Timestamp;
use k8s_openapi::api::core::v1::Pod;
use kube::api::{Api, LogParams};

use crate::cluster::client::Reader;
use crate::cluster::error::Doing;

/// The most bytes of a line that is told as one.
const LONGEST: usize = 1 << 16;

/// Which lines of a log.
#[derive(Debug, Clone)]
pub(crate) struct Lines {
    /// How many of the last ones; `None` is all.
    pub(crate) tail: Option<i64>,
    /// Not older than this.
    pub(crate) since: Option<Duration>,
    /// Not from before this moment.
    pub(crate) since_time: Option<Timestamp>,
    /// Whether each one begins with the time at which it was written.
    pub(crate) timestamps: bool,
    /// Of the container that ran before.
    pub(crate) previous: bool,
    /// Whether to go on with what is written from now on.
    pub(crate) follow: bool,
}

impl Lines {
    fn parameters(&self, container: &str) -> LogParams {
        LogParams {
            container: Some(container.to_owned()),
            follow: self.follow,
            previous: self.previous,
            tail_lines: self.tail,
            since_time: self.since_time,
            timestamps: self.timestamps,
            since_seconds: self
                .since
                .map(|since| i64::try_from(since.as_secs().max(1)).unwrap_or(i64::MAX)),
            ..LogParams::default()
        }
    }
}

impl Reader {
    /// Gives each line of the log of a pod's container to `line`, without secrets.
    ///
    /// # Errors
    /// As the API server says, or the stream breaks off.
    pub(crate) async fn log(
        &self,
        (pod, container): (&str, &str),
        lines: &Lines,
        mut line: impl FnMut(&str),
    ) -> Outcome<()> {
        let object = format!("log of container {container} in pod {pod}");
        let doing = Doing::new("get", "pods/log", object.clone(), self.namespace());
        let parameters = lines.parameters(container);
        let stream = self
            .connection()
            .send(&doing, async |client| {
                Api::<Pod>::namespaced(client, self.namespace())
                    .log_stream(pod, &parameters)
                    .await
            })
            .await?;
        let deadline = self.connection().deadline();
        let (mut stream, mut cut) = (Box::pin(stream), Cut::default());
        loop {
            let Ok(read) = tokio::time::timeout(deadline.left(), stream.fill_buf()).await else {
                return deadline.reached(format!("waiting for the {object}")).err();
            };
            let taken = match read {
                Ok([]) => {
                    cut.end(&mut line);
                    return Ok(());
                }
                Ok(bytes) => {
                    cut.take(bytes, &mut line);
                    bytes.len()
                }
                Err(error) => {
                    return Failure::failed(format!("{object}: the connection was interrupted"))
                        .because(error.to_string())
                        .err();
                }
            };
            stream.as_mut().consume_unpin(taken);
        }
    }
}

/// Cuts a stream of bytes into lines, and a line that is too long into several.
#[derive(Debug, Default)]
struct Cut {
    current: Vec<u8>,
}

impl Cut {
    fn take(&mut self, bytes: &[u8], line: &mut impl FnMut(&str)) {
        for part in bytes.split_inclusive(|byte| *byte == b'\n') {
            for piece in part.chunks(LONGEST) {
                if self.current.len() + piece.len() > LONGEST {
                    self.end(line);
                }
                self.current.extend_from_slice(piece);
            }
            if self.current.ends_with(b"\n") {
                self.current.pop();
                self.tell(line);
            }
        }
    }

    /// Tells what is left at the end.
    fn end(&mut self, line: &mut impl FnMut(&str)) {
        if !self.current.is_empty() {
            self.tell(line);
        }
    }

    /// What is not UTF-8 is replaced: a log may hold anything.
    fn tell(&mut self, line: &mut impl FnMut(&str)) {
        if self.current.ends_with(b"\r") {
            self.current.pop();
        }
        line(&mask(&String::from_utf8_lossy(&self.current)));
        self.current.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_come_whole_in_any_pieces_and_a_long_one_in_several() {
        let mut lines = Vec::new();
        let mut cut = Cut::default();
        let mut line = |text: &str| lines.push(text.to_owned());
        for piece in [&b"one\r\n\ntw"[..], b"o\nthr\xff", b"ee"] {
            cut.take(piece, &mut line);
        }
        cut.end(&mut line);
        cut.take(&vec![b'x'; LONGEST * 2 + 1], &mut line);
        cut.end(&mut line);
        let long = lines.split_off(4);
        assert_eq!(lines, ["one", "", "two", "thr\u{fffd}ee"]);
        assert_eq!(long.iter().map(String::len).collect::<Vec<_>>(), [LONGEST, LONGEST, 1]);
    }
}
