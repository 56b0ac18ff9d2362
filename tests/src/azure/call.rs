//! One request to ARM, and the table entry that answers it.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::answer::{Answer, Outcome};
use super::doom::Doom;
use super::path::{Captures, Target};
use super::rights::Principal;
use super::world::World;

/// A request as a handler sees it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Call {
    pub(crate) method: String,
    pub(crate) target: Target,
    pub(crate) captures: Captures,
    /// Header names in lower case.
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: Value,
    pub(crate) caller: Principal,
    /// What becomes of the operation that the call begins.
    pub(crate) doom: Option<Doom>,
}

/// The right that a route asks for.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Right {
    /// A valid token is enough; the handler shows no more than the caller may see.
    Open,
    /// This action at the route's scope.
    Action(&'static str),
}

/// One operation of ARM.
pub(crate) struct Route {
    pub(crate) method: &'static str,
    /// See [`Target::matches`].
    pub(crate) pattern: &'static str,
    pub(crate) right: Right,
    pub(crate) act: fn(&mut World, &Call) -> Outcome,
}

impl Route {
    /// An entry of a provider's table that asks for an action.
    pub(crate) const fn new(
        method: &'static str,
        pattern: &'static str,
        action: &'static str,
        act: fn(&mut World, &Call) -> Outcome,
    ) -> Self {
        Self {
            method,
            pattern,
            right: Right::Action(action),
            act,
        }
    }

    /// An entry that asks for a token only.
    pub(crate) const fn open(
        method: &'static str,
        pattern: &'static str,
        act: fn(&mut World, &Call) -> Outcome,
    ) -> Self {
        Self {
            method,
            pattern,
            right: Right::Open,
            act,
        }
    }
}

impl Call {
    /// A captured segment.
    pub(crate) fn get(&self, name: &str) -> &str {
        self.captures.get(name)
    }

    /// A header, empty where it is missing.
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }

    /// The api-version as sent.
    pub(crate) fn version(&self) -> &str {
        self.target.query("api-version").unwrap_or_default()
    }

    /// The id of the group in the path, spelt as ARM spells it.
    pub(crate) fn group_id(&self) -> String {
        format!(
            "/subscriptions/{}/resourceGroups/{}",
            self.get("s").to_ascii_lowercase(),
            self.get("g")
        )
    }

    /// A text of the body, empty where it is missing.
    pub(crate) fn text(&self, pointer: &str) -> &str {
        super::world::text(&self.body, pointer)
    }

    /// A page of `items`, with `nextLink` where more follow.
    pub(crate) fn page(&self, world: &World, items: Vec<Value>) -> Answer {
        let size = world.settings.page_size;
        let skip = self
            .target
            .query("$skiptoken")
            .and_then(|token| token.parse::<usize>().ok())
            .unwrap_or(0);
        let total = items.len();
        if size == 0 || total <= skip + size {
            return Answer::ok(json!({ "value": items.into_iter().skip(skip).collect::<Vec<_>>() }));
        }
        let page: Vec<Value> = items.into_iter().skip(skip).take(size).collect();
        let mut link = format!(
            "{}{}?api-version={}&$skiptoken={}",
            world.endpoint,
            self.target.path(),
            self.version(),
            skip + size
        );
        if let Some(filter) = self.target.query("$filter") {
            let encoded: String = url::form_urlencoded::byte_serialize(filter.as_bytes()).collect();
            link = format!("{link}&$filter={encoded}");
        }
        Answer::ok(json!({ "value": page, "nextLink": link }))
    }
}
