//! Claims that only a write can show. Each is described before it is asked for, and none runs without its name typed by a person.

use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::body::{each, remove, writable};
use crate::claims::Finding;
use crate::door::{Door, Reading};
use crate::seen::{Seen, Target, items, text};

/// A write with what a person has to know before it.
pub(crate) struct Trial {
    pub(crate) changes: &'static str,
    pub(crate) costs: &'static str,
    pub(crate) undo: &'static str,
    /// Returns the request, or why it can't be tried here.
    pub(crate) plan: fn(&Seen, &Target) -> Result<Request, String>,
    /// Judges the answer, and the resource after it.
    pub(crate) judge: fn(&Request, &Reading, &Reading) -> Finding,
}

/// How a request is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    Put,
    Patch,
    /// An action below the resource, and the one that takes it back.
    Act {
        does: &'static str,
        back: &'static str,
    },
}

/// A write, and what stood there before.
#[derive(Debug)]
pub(crate) struct Request {
    way: Way,
    /// Path with query. The api-version is that of the reading: an older one would leave out what it doesn't know.
    pub(crate) target: String,
    body: Value,
    pub(crate) before: Value,
    /// Whether the target is what was read, so that it must not have changed since.
    replaces: bool,
    /// A member that is put back if it is gone afterwards.
    restore: Option<&'static str>,
}

impl Request {
    /// Replaces `before`, which was read by `reading`.
    pub(crate) fn replace(reading: &Reading, before: &Value, body: Value) -> Self {
        Self {
            way: Way::Put,
            target: format!("{}?api-version={}", text(before, "/id"), reading.version()),
            body,
            before: before.clone(),
            replaces: true,
            restore: None,
        }
    }

    /// Sends it in another way than by a PUT.
    pub(crate) fn sent(self, way: Way) -> Self {
        Self { way, ..self }
    }

    /// Returns what is requested, for people.
    pub(crate) fn line(&self) -> String {
        match self.way {
            Way::Put => format!("PUT {}", self.target),
            Way::Patch => format!("PATCH {}", self.target),
            Way::Act { does, back } => format!("POST {}, then POST …/{back}", self.action(does)),
        }
    }

    /// The target of an action of the resource.
    fn action(&self, name: &str) -> String {
        let (path, query) = self.target.split_once('?').unwrap_or((&self.target, ""));
        format!("{path}/{name}?{query}")
    }

    /// Returns what is put back afterwards, as it is now: the terminal has to show it, in case the run doesn't come that far.
    pub(crate) fn keeps(&self) -> Option<String> {
        let member = self.restore?;
        Some(format!("{member} = {}", self.before[member]))
    }

    /// Sends it and waits until the resource is at rest; nothing is sent if the resource has changed since it was read.
    pub(crate) async fn run(&self, azure: &Door) -> (Reading, Reading) {
        let now = azure.get(&self.target).await;
        if self.replaces && now.body() != Some(&self.before) {
            let why = format!(
                "nothing was sent: the resource has changed since it was read ({})",
                now.words()
            );
            return (Reading::Missing(why), now);
        }
        let answer = match self.way {
            Way::Put => azure.put(&self.target, &self.body, etag(&self.before)).await,
            Way::Patch => azure.patch(&self.target, &self.body).await,
            Way::Act { does, .. } => azure.act(&self.action(does)).await,
        };
        let other = |body: &Value| state_of(body) != state_of(&self.before);
        let after = match self.way {
            // The operation goes on behind an answer of 202, while the resource is at rest.
            Way::Act { .. } if answer.status().is_some_and(|status| status < 300) => {
                until(azure, &self.target, &other).await
            }
            _ => at_rest(azure, &self.target).await,
        };
        (answer, after)
    }

    /// Puts back what is gone, if anything is. Returns what came of it.
    pub(crate) async fn put_back(&self, azure: &Door, after: &Reading) -> Option<String> {
        if let Way::Act { back, .. } = self.way {
            let same = |body: &Value| state_of(body) == state_of(&self.before);
            if after.body().is_none_or(same) {
                return None;
            }
            let answer = azure.act(&self.action(back)).await;
            let after = until(azure, &self.target, &same).await;
            return Some(match after.body().is_some_and(same) {
                true => format!("{back} was sent, and the resource is in its former state"),
                false => format!(
                    "{back} was sent ({}), but the resource isn't in its former state",
                    answer.words()
                ),
            });
        }
        let member = self.restore?;
        let now = after.body()?;
        if now[member] == self.before[member] {
            return None;
        }
        let mut body = writable(now);
        body[member] = self.before[member].clone();
        let answer = azure.put(&self.target, &body, etag(now)).await;
        let after = at_rest(azure, &self.target).await;
        let back = after.body().is_some_and(|now| now[member] == self.before[member]);
        Some(match back {
            true => format!("{member} was put back"),
            false => format!(
                "cannot put {member} back ({}); it was {}",
                answer.words(),
                self.before[member]
            ),
        })
    }
}

fn etag(body: &Value) -> Option<&str> {
    body.get("eTag").or_else(|| body.get("etag"))?.as_str()
}

/// How often a resource is read until it is at rest, and the pause between.
const LOOKS: u32 = 120;

/// How the protection of an instance stands.
fn state_of(body: &Value) -> &str {
    text(body, "/properties/currentProtectionState")
}

async fn at_rest(azure: &Door, target: &str) -> Reading {
    let is_at_rest = |body: &Value| {
        let state = text(body, "/properties/provisioningState");
        ["", "Succeeded", "Failed", "Canceled"].contains(&state)
    };
    until(azure, target, &is_at_rest).await
}

/// Reads a resource until it is as it should be, or for [`LOOKS`] times.
async fn until(azure: &Door, target: &str, is_so: &dyn Fn(&Value) -> bool) -> Reading {
    let scale: f64 = std::env::var("AKSBACKUP_TIME_SCALE")
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(1.0);
    let pause = std::time::Duration::from_secs_f64((5.0 * scale).clamp(0.01, 5.0));
    let mut last = azure.get(target).await;
    for _ in 0..LOOKS {
        if last.body().is_none_or(is_so) {
            break;
        }
        tokio::time::sleep(pause).await;
        last = azure.get(target).await;
    }
    last
}

pub(crate) fn evidence(finding: Finding, request: &Request, answer: &Reading) -> Finding {
    let headers: Vec<&str> = match answer {
        Reading::Answered(answer) => answer.headers.iter().map(String::as_str).collect(),
        Reading::Missing(_) => Vec::new(),
    };
    let operation: Vec<&&str> = headers
        .iter()
        .filter(|name| ["azure-asyncoperation", "location", "retry-after"].contains(*name))
        .collect();
    finding
        .with("request", &json!(request.line()))
        .with("answer", &json!(answer.words()))
        .with("headers of the operation", &json!(operation))
}

/// A finding for an answer that never came, or a refusal that has nothing to do with the claim.
pub(crate) fn unrelated(answer: &Reading) -> Option<Finding> {
    let status = answer.status().unwrap_or_default();
    let denied = ["RequestDisallowedByPolicy", "ScopeLocked"].contains(&answer.code());
    let unrelated = matches!(status, 0 | 401 | 403 | 412 | 429 | 500..) || denied;
    unrelated.then(|| Finding::unread("the answer to the write", answer))
}

pub(crate) fn accepted(request: &Request, answer: &Reading, after: &Reading, with_operation: bool) -> Finding {
    let named = matches!(answer, Reading::Answered(one)
        if one.headers.iter().any(|name| name == "azure-asyncoperation" || name == "location"));
    let finding = unrelated(answer).unwrap_or_else(|| match (answer.body().is_some(), with_operation, named) {
        (false, ..) => Finding::differs("Azure refused it"),
        (true, true, false) => Finding::differs("Azure accepted it without naming an operation"),
        (true, ..) => Finding::confirmed("Azure accepted it"),
    });
    let state = after
        .body()
        .map_or(Value::Null, |body| body["properties"]["provisioningState"].clone());
    evidence(finding, request, answer).with("provisioningState afterwards", &state)
}

pub(crate) const OMITTED_MEMBERS: Trial = Trial {
    changes: "sends the cluster as Azure returned it, without its tags, and puts the tags back if that removes them",
    costs: "no money; up to ten minutes in which AKS accepts no other change of the cluster; Azure Policy sees a cluster without tags",
    undo: "the tags are put back by this run; if it is interrupted: az aks update --tags",
    plan: |seen, target| {
        let before = seen.cluster.body().ok_or("the cluster could not be read")?;
        if before["tags"].as_object().is_none_or(Map::is_empty) {
            return Err("the cluster has no tags to leave out".to_owned());
        }
        let mut body = writable(before);
        remove(&mut body, &["tags"]);
        Ok(Request {
            // AKS writes resourcegroups in lower case; the name that the user typed is the one to show.
            target: format!("{}?api-version={}", target.id(), seen.cluster.version()),
            restore: Some("tags"),
            ..Request::replace(&seen.cluster, before, body)
        })
    },
    judge: |request, answer, after| {
        let finding = unrelated(answer).unwrap_or_else(|| match (answer.body(), after.body()) {
            (Some(_), Some(now)) if now["tags"] == request.before["tags"] => {
                Finding::differs("the tags are still there")
            }
            (Some(_), Some(_)) => Finding::confirmed("the tags were removed"),
            (None, _) => Finding::not_observable(format!("Azure refused the request: {}", answer.words())),
            (_, None) => Finding::unread("the cluster after the write", after),
        });
        evidence(finding, request, answer)
    },
};

pub(crate) const POLICY_PUT_AGAIN: Trial = Trial {
    changes: "sends the backup policy of the cluster's backup instance with the content that it has",
    costs: "no money; nothing waits for it",
    undo: "nothing to undo: the content stays the same",
    plan: |seen, _| {
        let before = seen.policy.body().ok_or_else(|| seen.policy.words())?;
        let mut body = json!({ "properties": before["properties"] });
        each(&mut body, &|members| {
            // The ID of a retention tag is Azure's.
            if let Some(tag) = members.get_mut("tagInfo") {
                remove(tag, &["id"]);
            }
        });
        Ok(Request::replace(&seen.policy, before, body))
    },
    judge: |request, answer, after| {
        let finding = accepted(request, answer, after, false);
        let changed = after
            .body()
            .is_some_and(|now| now["properties"] != request.before["properties"]);
        if answer.body().is_some() && changed {
            return evidence(Finding::differs("Azure changed its content"), request, answer);
        }
        finding
    },
};

/// Recorded in Dec 2025: 200 at once, without an operation. An operation would be as good.
pub(crate) const INSTANCE_PUT_AGAIN: Trial = Trial {
    changes: "sends the cluster's backup instance with the content that it has; Azure validates it again",
    costs: "no money; some minutes in which the instance accepts no other change",
    undo: "nothing to undo: the content stays the same",
    plan: |seen, _| {
        let before = seen.instance.body().ok_or_else(|| seen.instance.words())?;
        let mut body = json!({ "properties": writable(before)["properties"] });
        // Azure answers null where nothing is set, and the version of the policy; the definition of the request has neither.
        each(&mut body, &|members| {
            members.retain(|name, value| !value.is_null() && name != "policyVersion");
        });
        Ok(Request::replace(&seen.instance, before, body))
    },
    judge: |request, answer, after| accepted(request, answer, after, false),
};

pub(crate) const BINDING_PUT_AGAIN: Trial = Trial {
    changes: "sends a Trusted Access role binding of the cluster with the content that it has",
    costs: "no money; about a minute in which AKS accepts no other change of the cluster",
    undo: "nothing to undo: the content stays the same",
    plan: |seen, _| {
        let all = items(&seen.bindings).ok_or_else(|| seen.bindings.words())?;
        let vault = |one: &&Value| {
            text(one, "/properties/sourceResourceId")
                .to_ascii_lowercase()
                .contains("/backupvaults/")
        };
        let before = all
            .iter()
            .find(vault)
            .ok_or("the cluster has no role binding of a Backup vault")?;
        let body = json!({ "properties": writable(before)["properties"] });
        Ok(Request::replace(&seen.bindings, before, body))
    },
    judge: |request, answer, after| accepted(request, answer, after, true),
};

pub(crate) const ROLE_ASSIGNED_TWICE: Trial = Trial {
    changes: "tries to assign the role that the extension's identity has on its storage account a second time, under a new name",
    costs: "no money; Azure is expected to refuse it",
    undo: "if Azure accepts it, this run prints the command that deletes the second assignment",
    plan: |seen, _| {
        let all = items(&seen.assignments).ok_or_else(|| seen.assignments.words())?;
        let account = seen.account.body().map_or("", |body| text(body, "/id"));
        let own = |one: &&Value| text(one, "/properties/scope").eq_ignore_ascii_case(account);
        let before = all
            .iter()
            .find(own)
            .ok_or("the extension's identity has no role on the storage account itself")?;
        let path = format!(
            "{account}/providers/Microsoft.Authorization/roleAssignments/{}",
            Uuid::new_v4()
        );
        let member = |name: &str| before["properties"][name].clone();
        let body = json!({ "properties": {
            "roleDefinitionId": member("roleDefinitionId"), "principalId": member("principalId"),
            "principalType": "ServicePrincipal",
        } });
        Ok(Request {
            target: format!("{path}?api-version=2022-04-01"),
            replaces: false,
            ..Request::replace(&seen.assignments, before, body)
        })
    },
    judge: |request, answer, _| {
        let finding = unrelated(answer).unwrap_or_else(|| match (answer.body().is_some(), answer.code()) {
            (true, _) => Finding::differs(format!(
                "Azure accepted it; to delete the second assignment, run: az role assignment delete --ids {}",
                request.target.split('?').next().unwrap_or_default()
            )),
            (false, "RoleAssignmentExists") => Finding::confirmed("Azure refused it with this code"),
            (false, code) => Finding::differs(format!("Azure refused it with {code}")),
        });
        evidence(finding, request, answer)
    },
};
