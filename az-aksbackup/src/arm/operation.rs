//! Long-running operations of ARM.
//!
//! `Azure-AsyncOperation` answers 200 with a `status` even when the operation failed; `Location` answers 202 until it is
//! over. The states Succeeded, Failed and Canceled end an operation; providers invent other words for running.

use std::time::Duration;

use aksbackup_shared::command_line::shell;
use aksbackup_shared::failure::{Failure, Outcome};
use aksbackup_shared::fix;
use aksbackup_shared::step::{Local, Operation, Progress};
use azure_core::http::Url;
use serde_json::Value;

use super::call::Raw;
use super::client::Reader;
use super::error;

/// Where an operation is asked for.
#[derive(Debug, Clone)]
pub(crate) enum Place {
    /// `Azure-AsyncOperation`.
    Status(Url),
    /// `Location`.
    Location(Url),
}

/// How an operation goes.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Polled {
    /// It goes on.
    Running {
        /// When Azure wants to be asked again.
        retry_after: Option<Duration>,
        /// Azure's own word.
        status: String,
    },
    /// It ended well; the last body: of the operation with its `properties`, or of the result.
    Finished(Value),
}

/// A long-running operation.
#[derive(Debug)]
pub(crate) struct ArmOperation {
    reader: Reader,
    title: String,
    place: Option<Place>,
    resource: Option<(String, &'static str)>,
    result: Option<Url>,
    first: Option<Duration>,
    /// Whether it deletes: then an account that can't see it checks the resource instead.
    deletes: bool,
}

/// What a state means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Running,
    Succeeded,
    Failed,
}

impl ArmOperation {
    /// An operation called `title`. `resource` is read where the operation itself cannot be, `result` where it ended
    /// well without properties. `first` is how long Azure wants to be left alone at the beginning.
    pub(crate) fn new(
        reader: Reader,
        title: String,
        place: Option<Place>,
        resource: Option<(String, &'static str)>,
        result: Option<Url>,
        first: Option<Duration>,
    ) -> Self {
        Self {
            reader,
            title,
            place,
            resource,
            result,
            first,
            deletes: false,
        }
    }

    /// The same for a deletion, which an account that can't see the operation doesn't follow.
    pub(super) fn of_deletion(mut self) -> Self {
        self.deletes = true;
        self
    }

    /// Asks once how it goes. The first time it only passes on how long Azure wants to be left alone.
    ///
    /// # Errors
    /// The operation failed or was canceled (with Azure's whole reason), or could not be asked for.
    pub(crate) async fn poll(&mut self) -> Outcome<Polled> {
        if let Some(wish) = self.first.take() {
            return Ok(Polled::Running {
                retry_after: Some(wish),
                status: "accepted".into(),
            });
        }
        match self.place.clone() {
            Some(Place::Status(url)) => {
                let raw = self.reader.fetch(&url, "operation").await?;
                match raw.status {
                    403 | 404 if self.deletes => Ok(Polled::Finished(Value::Null)),
                    403 | 404 if self.resource.is_some() => self.settle().await,
                    200..300 => self.by_status(raw).await,
                    _ => raw.refused(&self.cannot()).err(),
                }
            }
            Some(Place::Location(url)) => {
                let raw = self.reader.fetch(&url, "operation").await?;
                match raw.status {
                    202 => {
                        // The storage service names another address with each look.
                        let next = self.reader.address(&raw.headers, "location");
                        self.place = Some(Place::Location(next.unwrap_or(url)));
                        Ok(Polled::Running {
                            retry_after: raw.retry_after(),
                            status: "running".into(),
                        })
                    }
                    200..300 => Ok(Polled::Finished(raw.json())),
                    403 | 404 if self.deletes => Ok(Polled::Finished(Value::Null)),
                    403 | 404 if self.resource.is_some() => self.settle().await,
                    _ => raw.refused(&self.cannot()).err(),
                }
            }
            None => self.by_resource().await,
        }
    }

    /// Follows the resource from now on: who may not see the operation, or not any more, will not see it the next time.
    async fn settle(&mut self) -> Outcome<Polled> {
        self.place = None;
        self.by_resource().await
    }

    fn cannot(&self) -> String {
        format!("cannot {}", self.title)
    }

    async fn by_status(&self, raw: Raw) -> Outcome<Polled> {
        let body = raw.json();
        let word = body.get("status").and_then(Value::as_str).unwrap_or("running");
        match state(word) {
            State::Running => Ok(Polled::Running {
                retry_after: raw.retry_after(),
                status: word.to_owned(),
            }),
            State::Succeeded => self.finished(body).await,
            State::Failed => self.failed(word, &body, &raw).err(),
        }
    }

    async fn finished(&self, body: Value) -> Outcome<Polled> {
        let empty = body.get("properties").is_none_or(Value::is_null);
        let Some(url) = self.result.as_ref().filter(|_| empty) else {
            return Ok(Polled::Finished(body));
        };
        let raw = self.reader.fetch(url, "result").await?;
        // The operation has told its end; a result that cannot be read takes nothing from it.
        Ok(Polled::Finished(if raw.status == 200 { raw.json() } else { body }))
    }

    fn failed(&self, word: &str, body: &Value, raw: &Raw) -> Failure {
        let failure = Failure::failed(self.cannot()).request_id(raw.request_id());
        match body.get("error").filter(|error| error.is_object()) {
            Some(error) => error::with_error(failure, error),
            None => failure.because(format!("Azure reports: {word}")),
        }
    }

    /// What the resource itself says; a caller may see it who may not see the operation.
    async fn by_resource(&self) -> Outcome<Polled> {
        let Some((path, version)) = &self.resource else {
            return Failure::failed(self.cannot())
                .because("Azure returned no URL for the status of the operation")
                .err();
        };
        let Some(body) = self.reader.get::<Value>(path, version).await? else {
            return Ok(Polled::Running {
                retry_after: None,
                status: "the resource doesn't exist yet".into(),
            });
        };
        let word = body
            .pointer("/properties/provisioningState")
            .and_then(Value::as_str)
            .unwrap_or("Succeeded")
            .to_owned();
        match state(&word) {
            State::Running => Ok(Polled::Running {
                retry_after: None,
                status: word,
            }),
            State::Succeeded => Ok(Polled::Finished(body)),
            State::Failed => Failure::failed(self.cannot())
                .because(format!("the provisioning state is {word}"))
                .hint(fix![
                    "find the reason in the activity log: ",
                    shell(format!(
                        "az monitor activity-log list --resource-id {path} \
                     --status Failed --offset 1h"
                    ))
                ])
                .err(),
        }
    }
}

impl Operation for ArmOperation {
    fn title(&self) -> String {
        self.title.clone()
    }

    fn check(&mut self) -> Local<'_, Outcome<Progress>> {
        Box::pin(async move {
            Ok(match self.poll().await? {
                Polled::Running { retry_after, status } => Progress::Running { retry_after, status },
                Polled::Finished(_) => Progress::Finished,
            })
        })
    }
}

fn state(word: &str) -> State {
    match word.to_ascii_lowercase().as_str() {
        "succeeded" => State::Succeeded,
        "failed" | "canceled" | "cancelled" => State::Failed,
        _ => State::Running,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_three_words_end_an_operation_whatever_their_case() {
        assert_eq!(state("SUCCEEDED"), State::Succeeded);
        assert_eq!(state("failed"), State::Failed);
        assert_eq!(state("Canceled"), State::Failed);
        for word in ["InProgress", "Accepted", "Provisioning", "Inprogress", "Fancy", ""] {
            assert_eq!(state(word), State::Running, "{word}");
        }
    }
}
