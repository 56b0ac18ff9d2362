//! Bounds of what a remote answers, measured while it is read: a body is never held in memory beyond them.
//!
//! Bytes alone bound nothing: three bytes of JSON (`{},`) can become a kilobyte of a typed object. So elements and members are
//! counted as well, and of several large bodies one is read at a time.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, LazyLock};
use std::task::{Context, Poll, ready};

use tokio::sync::{AcquireError, OwnedSemaphorePermit, Semaphore};

/// A body of at least so many bytes waits until no other such body is being read.
const LARGE: usize = 1 << 20;
/// The most elements that the lists of one answer have together, where it is kept as it is. A page has at most some thousand objects.
pub const ELEMENTS: usize = 100_000;
/// The most members that the objects of one answer have together. Azure's and Kubernetes' own answers have about thirty bytes
/// a member.
const MEMBERS: usize = 400_000;
/// JSON is parsed no deeper than this.
const DEPTH: u32 = 127;

static GATE: LazyLock<Arc<Semaphore>> = LazyLock::new(|| Arc::new(Semaphore::new(1)));

/// Why an answer is not read any further.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Excess {
    /// More bytes than this.
    Bytes(usize),
    /// A line of more bytes than this.
    Line(usize),
    /// More list elements than this.
    Elements(usize),
    /// More object members than this.
    Members(usize),
}

/// The error code of an answer that exceeds its bounds.
pub const TOO_LARGE: &str = "AnswerTooLarge";
/// The error code of an answer that cannot be understood.
pub const UNREADABLE: &str = "UnreadableAnswer";

impl fmt::Display for Excess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bytes(most) => write!(f, "the response is larger than {}", size(*most)),
            Self::Line(most) => write!(f, "a line of the response is longer than {}", size(*most)),
            Self::Elements(most) => write!(f, "the lists of the response have more than {most} elements"),
            Self::Members(most) => write!(f, "the objects of the response have more than {most} members"),
        }
    }
}

impl std::error::Error for Excess {}

fn size(bytes: usize) -> String {
    match bytes >> 20 {
        0 => format!("{} KiB", bytes >> 10),
        mebibytes => format!("{mebibytes} MiB"),
    }
}

/// The excess that `error` is, or that lies behind it.
#[must_use]
pub fn excess_of(error: &(dyn std::error::Error + 'static)) -> Option<Excess> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(excess) = error.downcast_ref::<Excess>() {
            return Some(*excess);
        }
        // An I/O error hides what it was made of from `source`.
        if let Some(inner) = error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref)
            && let Some(excess) = excess_of(inner)
        {
            return Some(excess);
        }
        next = error.source();
    }
    None
}

type Waiting = Pin<Box<dyn Future<Output = Result<OwnedSemaphorePermit, AcquireError>> + Send>>;

/// Measures one answer.
pub struct Meter {
    most: usize,
    elements: usize,
    lines: bool,
    read: usize,
    shape: Shape,
    waiting: Option<Waiting>,
    permit: Option<OwnedSemaphorePermit>,
}

impl Meter {
    /// A meter of a whole document of at most `most` bytes, with at most `elements` list elements.
    #[must_use]
    pub fn of_document(most: usize, elements: usize) -> Self {
        let lines = false;
        Self {
            most,
            elements,
            lines,
            read: 0,
            shape: Shape::default(),
            waiting: None,
            permit: None,
        }
    }

    /// A meter of a stream without end, each line of which has at most `most` bytes.
    #[must_use]
    pub fn of_lines(most: usize) -> Self {
        let lines = true;
        Self {
            lines,
            ..Self::of_document(most, ELEMENTS)
        }
    }

    /// Ready once more may be read: a large document waits for its turn.
    pub fn poll_turn(&mut self, context: &mut Context<'_>) -> Poll<()> {
        if self.lines || self.read < LARGE || self.permit.is_some() {
            return Poll::Ready(());
        }
        let waiting = self
            .waiting
            .get_or_insert_with(|| Box::pin(GATE.clone().acquire_owned()));
        let permit = ready!(waiting.as_mut().poll(context));
        self.waiting = None;
        self.permit = permit.ok();
        Poll::Ready(())
    }

    /// Counts what was read.
    ///
    /// # Errors
    /// The answer exceeds its bounds.
    pub fn take(&mut self, bytes: &[u8]) -> Result<(), Excess> {
        if self.lines {
            return self.take_lines(bytes);
        }
        self.read = self.read.saturating_add(bytes.len());
        if self.read > self.most {
            return Err(Excess::Bytes(self.most));
        }
        self.shape.take(bytes, self.elements)
    }

    fn take_lines(&mut self, bytes: &[u8]) -> Result<(), Excess> {
        let mut parts = bytes.split(|byte| *byte == b'\n');
        self.read = self.read.saturating_add(parts.next().map_or(0, <[u8]>::len));
        for part in parts {
            self.over_long()?;
            self.read = part.len();
        }
        self.over_long()
    }

    fn over_long(&self) -> Result<(), Excess> {
        match self.read > self.most {
            true => Err(Excess::Line(self.most)),
            false => Ok(()),
        }
    }
}

/// Counts elements and members of JSON without parsing it. What is no JSON may be counted wrongly: it is refused later.
#[derive(Default)]
struct Shape {
    text: bool,
    escaped: bool,
    depth: u32,
    /// One bit for each level: whether it is a list.
    lists: u128,
    elements: usize,
    members: usize,
}

impl Shape {
    fn take(&mut self, bytes: &[u8], elements: usize) -> Result<(), Excess> {
        for byte in bytes {
            self.step(*byte);
        }
        match (self.elements > elements, self.members > MEMBERS) {
            (true, _) => Err(Excess::Elements(elements)),
            (_, true) => Err(Excess::Members(MEMBERS)),
            _ => Ok(()),
        }
    }

    fn step(&mut self, byte: u8) {
        if self.text {
            match byte {
                _ if self.escaped => self.escaped = false,
                b'\\' => self.escaped = true,
                b'"' => self.text = false,
                _ => {}
            }
            return;
        }
        match byte {
            b'"' => self.text = true,
            b'[' | b'{' => {
                self.depth = (self.depth + 1).min(DEPTH);
                let bit = 1_u128 << self.depth;
                self.lists = if byte == b'[' {
                    self.lists | bit
                } else {
                    self.lists & !bit
                };
            }
            b']' | b'}' => self.depth = self.depth.saturating_sub(1),
            b',' if self.lists & (1 << self.depth) != 0 => self.elements += 1,
            b',' => self.members += 1,
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(mut meter: Meter, chunk: &[u8], times: usize) -> Result<(), Excess> {
        (0..times).try_for_each(|_| meter.take(chunk))
    }

    #[test]
    fn a_document_ends_at_its_bound_and_a_stream_only_in_an_endless_line() {
        let chunk = [b' '; 1024];
        assert_eq!(taken(Meter::of_document(4096, ELEMENTS), &chunk, 4), Ok(()));
        assert_eq!(
            taken(Meter::of_document(4096, ELEMENTS), &chunk, 5),
            Err(Excess::Bytes(4096))
        );
        assert_eq!(taken(Meter::of_lines(4096), &chunk, 5), Err(Excess::Line(4096)));
        let line = [b" ".repeat(1023), b"\n".to_vec()].concat();
        assert_eq!(taken(Meter::of_lines(4096), &line, 1000), Ok(()));
        assert_eq!(Excess::Bytes(8 << 20).to_string(), "the response is larger than 8 MiB");
    }

    #[test]
    fn few_bytes_that_become_many_objects_are_refused() {
        let most = 8 << 20;
        let mut list = Meter::of_document(most, ELEMENTS);
        list.take(b"{\"value\":[").unwrap();
        assert_eq!(taken(list, b"{},", ELEMENTS + 1), Err(Excess::Elements(ELEMENTS)));
        let mut object = Meter::of_document(most, ELEMENTS);
        object.take(b"[{").unwrap();
        assert_eq!(taken(object, b"\"a\":0,", MEMBERS + 1), Err(Excess::Members(MEMBERS)));
        let mut text = Meter::of_document(most, ELEMENTS);
        text.take(b"[\"\\\"").unwrap();
        assert_eq!(taken(text, b"{},", ELEMENTS + 1), Ok(()), "a text is one element");
    }

    #[tokio::test]
    async fn one_large_document_is_read_at_a_time() {
        let turn = |meter: &mut Meter| {
            let mut context = Context::from_waker(std::task::Waker::noop());
            meter.poll_turn(&mut context).is_ready()
        };
        let large = || {
            let mut meter = Meter::of_document(LARGE * 2, ELEMENTS);
            meter.take(&vec![b' '; LARGE]).unwrap();
            meter
        };
        let (mut first, mut second) = (large(), large());
        assert!(turn(&mut Meter::of_document(LARGE, ELEMENTS)));
        assert!(turn(&mut first) && !turn(&mut second));
        drop(first);
        assert!(turn(&mut second));
    }

    #[test]
    fn an_excess_is_found_behind_other_errors() {
        let error = std::io::Error::other(std::io::Error::other(Excess::Line(1)));
        assert_eq!(excess_of(&error), Some(Excess::Line(1)));
        assert_eq!(excess_of(&std::io::Error::other("x")), None);
    }
}
