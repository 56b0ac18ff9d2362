//! Recorded answers in the place of the model's.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use super::answer::Answer;
use super::front::Given;

/// An answer of Azure as it was recorded, with the names of this world.
#[derive(Debug, Clone)]
pub struct RecordedAnswer {
    /// HTTP status.
    pub status: u16,
    /// Its headers.
    pub headers: Vec<(String, String)>,
    /// Its body, byte for byte.
    pub body: String,
}

/// What requests of one kind are answered, in turn; the last answer stays.
#[derive(Debug, Clone)]
pub struct Replay {
    /// HTTP method.
    pub method: String,
    /// What the path ends with, without its query and without regard to case. One that ends with a slash stands for each child, whose
    /// name and path take the places of [`CHILD`] and [`PATH`] in the answers.
    pub path: String,
    /// The answers.
    pub answers: Vec<RecordedAnswer>,
    /// The request before which the model answers: its method, and what its path ends with.
    pub after: Option<(String, String)>,
    /// Whether the model does what is asked too, so that later requests find it done. What the model refuses, it answers.
    pub done: bool,
}

/// The placeholder for the name of the child that is asked for.
pub const CHILD: &str = "{child}";

/// The placeholder for the path that is asked for.
pub const PATH: &str = "{path}";

/// A recorded answer to a request.
pub(crate) struct Played {
    /// The answer.
    pub(crate) given: Given,
    /// Whether the model does what is asked too.
    pub(crate) done: bool,
}

#[derive(Debug, Default)]
pub(crate) struct Replays(Mutex<Vec<Playing>>);

#[derive(Debug)]
struct Playing {
    replay: Replay,
    left: VecDeque<RecordedAnswer>,
    begun: bool,
}

fn is_for(method: &str, path: &str, (own, end): (&str, &str)) -> bool {
    let child = path.rfind('/').map_or(0, |at| at + 1);
    let path = if end.ends_with('/') { &path[..child] } else { path };
    own.eq_ignore_ascii_case(method) && path.ends_with(&end.to_ascii_lowercase())
}

impl Replays {
    /// Adds one; it goes before those that were added earlier.
    pub(crate) fn add(&self, replay: Replay) {
        let (left, begun) = (replay.answers.clone().into(), replay.after.is_none());
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.insert(0, Playing { replay, left, begun });
    }

    /// The recorded answer to a request, if there is one.
    pub(crate) fn answer(&self, method: &str, target: &str) -> Option<Played> {
        let asked = target.split('?').next().unwrap_or_default();
        let child = asked.rsplit('/').next().unwrap_or_default();
        let path = asked.to_ascii_lowercase();
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let own = all
            .iter_mut()
            .find(|own| own.begun && is_for(method, &path, (&own.replay.method, &own.replay.path)));
        let done = own.as_ref().is_some_and(|own| own.replay.done);
        let recorded = own.and_then(|own| match own.left.len() {
            1 => own.left.front().cloned(),
            _ => own.left.pop_front(),
        });
        for own in all.iter_mut() {
            let first = own.replay.after.as_ref();
            own.begun |= first.is_some_and(|(after, end)| is_for(method, &path, (after, end)));
        }
        let recorded = recorded?;
        let mut answer = Answer::empty(recorded.status);
        for (name, value) in recorded.headers {
            answer = answer.with(name, value);
        }
        let body = recorded.body.replace(CHILD, child).replace(PATH, asked);
        let text = (!body.is_empty()).then_some(("application/json; charset=utf-8", body));
        let given = Given {
            text,
            recorded: true,
            ..Given::plain("arm", answer)
        };
        Some(Played { given, done })
    }
}
