//! The newest lines of a container's log, in little memory whatever the log is like: it may be as long as a disk, in one line,
//! and in no encoding.

use std::collections::VecDeque;

use aksbackup_shared::diagnosis::mask::mask;
use aksbackup_shared::failure::{Failure, Outcome};
use futures::{AsyncBufReadExt as _, StreamExt as _};
use jiff::Timestamp;
use k8s_openapi::api::core::v1::Pod;
use kube::api::{Api, LogParams};

use crate::cluster::client::Reader;
use crate::cluster::error::Doing;

/// How many lines are asked for.
const LINES: usize = 2000;
/// How many bytes of them are kept of one container.
const KEPT: usize = 1 << 20;
/// How many bytes are kept of one line.
const LONGEST: usize = 4096;
/// How many bytes are read at most, cut or not.
const READ: usize = 32 << 20;

/// Which log.
#[derive(Debug, Clone)]
pub(crate) struct Source {
    /// The pod's namespace.
    pub(crate) namespace: String,
    /// The pod.
    pub(crate) pod: String,
    /// The container.
    pub(crate) container: String,
    /// Whether of the container that ran before.
    pub(crate) previous: bool,
}

/// One line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Line {
    /// When it was written, by the node's clock.
    pub(crate) at: Option<Timestamp>,
    /// Its words, without secrets.
    pub(crate) text: String,
}

impl Reader {
    /// The newest lines of a log.
    ///
    /// # Errors
    /// As the API server says, or the stream breaks off before anything was read.
    pub(crate) async fn tail(&self, source: &Source) -> Outcome<Vec<Line>> {
        let Source {
            namespace,
            pod,
            container,
            ..
        } = source;
        let object = format!("log of container {container} in pod {pod}");
        let doing = Doing::new("get", "pods/log", object.clone(), namespace);
        let parameters = LogParams {
            container: Some(container.clone()),
            previous: source.previous,
            timestamps: true,
            tail_lines: i64::try_from(LINES).ok(),
            limit_bytes: i64::try_from(READ).ok(),
            ..LogParams::default()
        };
        let stream = self
            .connection()
            .send(&doing, async |client| {
                Api::<Pod>::namespaced(client, namespace)
                    .log_stream(pod, &parameters)
                    .await
            })
            .await?;
        let mut stream = Box::pin(stream);
        let (mut newest, mut read) = (Newest::default(), 0);
        while read < READ {
            let taken = match stream.fill_buf().await {
                Ok([]) => break,
                Ok(bytes) => {
                    newest.take(bytes);
                    bytes.len()
                }
                Err(_) if read > 0 => break,
                Err(error) => {
                    return Failure::failed(format!("{object}: the connection was interrupted"))
                        .because(error.to_string())
                        .err();
                }
            };
            stream.as_mut().consume_unpin(taken);
            read += taken;
        }
        Ok(newest.lines())
    }

    /// The newest lines of several logs, a few at a time; what cannot be read is left out.
    pub(crate) async fn tails(&self, sources: Vec<Source>) -> Vec<(Source, Vec<Line>)> {
        let read = |source: Source| async move {
            let lines = self.tail(&source).await.unwrap_or_default();
            (source, lines)
        };
        futures::stream::iter(sources).map(read).buffered(8).collect().await
    }
}

/// Keeps the newest lines of a stream of bytes, never more than its bounds.
#[derive(Debug, Default)]
struct Newest {
    lines: VecDeque<Vec<u8>>,
    held: usize,
    current: Vec<u8>,
}

impl Newest {
    fn take(&mut self, bytes: &[u8]) {
        for (index, part) in bytes.split(|byte| *byte == b'\n').enumerate() {
            if index > 0 {
                self.end_line();
            }
            let room = LONGEST.saturating_sub(self.current.len());
            self.current.extend_from_slice(&part[..part.len().min(room)]);
        }
    }

    fn end_line(&mut self) {
        let mut line = std::mem::take(&mut self.current);
        if line.is_empty() {
            return;
        }
        line.shrink_to_fit();
        self.held += line.len();
        self.lines.push_back(line);
        while self.lines.len() > LINES || self.held > KEPT {
            self.held -= self.lines.pop_front().map_or(self.held, |line| line.len());
        }
    }

    fn lines(mut self) -> Vec<Line> {
        self.end_line();
        self.lines
            .iter()
            .map(|bytes| line(&String::from_utf8_lossy(bytes)))
            .collect()
    }
}

/// A line with the time in front of it that the kubelet was asked for.
fn line(text: &str) -> Line {
    let stamped = text
        .split_once(' ')
        .and_then(|(time, rest)| Some((time.parse().ok()?, rest)));
    match stamped {
        Some((at, rest)) => Line {
            at: Some(at),
            text: mask(rest),
        },
        None => Line {
            at: None,
            text: mask(text),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(parts: &[&[u8]]) -> Vec<Line> {
        let mut newest = Newest::default();
        parts.iter().for_each(|part| newest.take(part));
        newest.lines()
    }

    #[test]
    fn lines_are_put_together_from_pieces_and_bear_their_time() {
        let lines = of(&[b"2026-01-01T00:00:00.5Z a", b"b\nplain\n", b"last"]);
        let texts: Vec<&str> = lines.iter().map(|line| line.text.as_str()).collect();
        assert_eq!(texts, ["ab", "plain", "last"]);
        assert_eq!(lines[0].at, "2026-01-01T00:00:00.5Z".parse().ok());
        assert_eq!(lines[1].at, None);
    }

    #[test]
    fn the_newest_lines_stay_and_long_ones_are_cut() {
        let long = vec![b'x'; 10 << 20];
        let lines = of(&[&long, b"\nshort\n"]);
        assert_eq!((lines[0].text.len(), lines[1].text.as_str()), (LONGEST, "short"));
        let mut newest = Newest::default();
        for number in 0..50_000 {
            newest.take(format!("line {number}\n").as_bytes());
        }
        let lines = newest.lines();
        assert_eq!((lines.len(), lines[LINES - 1].text.as_str()), (LINES, "line 49999"));
        let wide = "y".repeat(LONGEST);
        let mut newest = Newest::default();
        for _ in 0..LINES {
            newest.take(wide.as_bytes());
            newest.take(b"\n");
        }
        assert!(newest.held <= KEPT);
    }

    #[test]
    fn what_is_no_text_becomes_one_and_secrets_go() {
        let lines = of(&[b"a\xff\xfeb sig=abc%2F&x\n"]);
        assert_eq!(lines[0].text, "a\u{fffd}\u{fffd}b sig=[masked]&x");
    }
}
