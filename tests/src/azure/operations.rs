//! Long-running operations.

use serde_json::{Map, Value, json};

use super::answer::Answer;
use super::ids;
use super::others;
use super::world::{ClusterView, World, stamp};

/// How an operation ended.
#[derive(Debug, Clone, Default)]
pub(crate) struct End {
    /// The error of a failed one.
    pub(crate) error: Option<Value>,
    /// `properties` of the finished operation.
    pub(crate) properties: Option<Value>,
    /// Whether somebody stopped it.
    pub(crate) canceled: bool,
}

/// One long-running operation.
#[derive(Debug, Clone)]
pub(crate) struct Operation {
    pub(crate) id: String,
    /// The resource that it works on.
    pub(crate) resource: String,
    /// What it does, for the message of those that must wait.
    pub(crate) name: String,
    /// The cluster that it occupies, lower case.
    pub(crate) occupies: Option<String>,
    pub(crate) started: String,
    pub(crate) ended: Option<String>,
    pub(crate) end: Option<End>,
    /// The word for running that a switch asks for; empty for the provider's own.
    word: String,
}

impl World {
    /// Starts an operation that ends after `seconds` with what `finish` says. Gives its id.
    pub(crate) fn start(
        &mut self,
        resource: &str,
        name: &str,
        occupies: Option<&str>,
        seconds: f64,
        finish: impl FnOnce(&mut World, &ClusterView) -> End + Send + 'static,
    ) -> String {
        let id = ids::fresh();
        let operation = Operation {
            id: id.clone(),
            resource: resource.to_owned(),
            name: name.to_owned(),
            occupies: occupies.map(str::to_ascii_lowercase),
            started: stamp(),
            ended: None,
            end: None,
            word: self.settings.wire.operation_word.clone(),
        };
        self.operations.insert(id.clone(), operation);
        self.begun = Some(id.clone());
        let (key, doom, resource) = (id.clone(), self.doom.take(), resource.to_owned());
        self.after(seconds, move |world, view| {
            let end = match doom {
                Some(doom) => doom.befall(world, &resource),
                None => finish(world, view),
            };
            if let Some(operation) = world.operations.get_mut(&key) {
                operation.end = Some(end);
                operation.ended = Some(stamp());
            }
        });
        id
    }

    /// The name of the operation that occupies a cluster.
    pub(crate) fn occupied_by(&self, cluster: &str) -> Option<&str> {
        if let Some(other) = others::occupation(self) {
            return Some(other);
        }
        let cluster = cluster.to_ascii_lowercase();
        let mut running = self.operations.values().filter(|operation| operation.end.is_none());
        running
            .find(|operation| operation.occupies.as_deref() == Some(&cluster))
            .map(|operation| operation.name.as_str())
    }

    /// Adds `Retry-After` where a provider that sends none of its own was told to send one.
    pub(crate) fn paced(&self, answer: Answer) -> Answer {
        let seconds = self.settings.retry_after;
        if seconds > 0.0 {
            self.retry_after(answer, seconds)
        } else {
            answer
        }
    }

    /// Adds `Retry-After` of so many model seconds. The header knows whole seconds only, so that a scaled wait goes
    /// out in milliseconds as well, under the names that Azure's own clients look at first.
    pub(crate) fn retry_after(&self, answer: Answer, seconds: f64) -> Answer {
        let real = seconds * self.settings.time_scale;
        let answer = answer.with("Retry-After", format!("{}", real.ceil().max(1.0)));
        if self.settings.time_scale >= 1.0 {
            return answer;
        }
        let milliseconds = format!("{}", (real * 1000.0).ceil().max(1.0));
        answer
            .with("retry-after-ms", milliseconds.clone())
            .with("x-ms-retry-after-ms", milliseconds)
    }
}

impl Operation {
    /// The body behind `Azure-AsyncOperation`; `running` is the provider's own word for it.
    pub(crate) fn body(&self, running: &str) -> Value {
        let mut body = Map::new();
        let status = match &self.end {
            None if !self.word.is_empty() => &self.word,
            None => running,
            Some(End { error: Some(_), .. }) => "Failed",
            Some(End { canceled: true, .. }) => "Canceled",
            Some(_) => "Succeeded",
        };
        body.insert("name".to_owned(), json!(self.id));
        body.insert("status".to_owned(), json!(status));
        body.insert("startTime".to_owned(), json!(self.started));
        if let Some(ended) = &self.ended {
            body.insert("endTime".to_owned(), json!(ended));
        }
        if let Some(error) = self.end.as_ref().and_then(|end| end.error.clone()) {
            body.insert("error".to_owned(), error);
        }
        if let Some(properties) = self.end.as_ref().and_then(|end| end.properties.clone()) {
            body.insert("properties".to_owned(), properties);
        }
        Value::Object(body)
    }
}
