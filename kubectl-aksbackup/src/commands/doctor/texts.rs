//! The texts that `doctor` looks for known failures in, each with its age: what was said before its object was last changed
//! is history.

use std::time::Duration;

use aksbackup_shared::chain::finding::{SeenIn, Text};
use aksbackup_shared::chain::link::Link;
use aksbackup_shared::diagnosis::may_matter;
use aksbackup_shared::failure::Failure;
use jiff::Timestamp;

use crate::cluster::deployments::Rollout;
use crate::cluster::neighbours::{Event, SYSTEM};
use crate::cluster::pods::Pod;
use crate::cluster::storage_locations::default_of;
use crate::cluster::tails::{Line, Source};
use crate::commands::checks::Sight;
use crate::steps::storage::velero_since;

/// A line in the log of a pod that is ready, and so old, was about something that has passed.
const LONG_AGO: Duration = Duration::from_secs(3600);

/// How the names of the webhook's objects begin.
const WEBHOOK: &str = "azure-wi-webhook";

/// What the storage location, the conditions of deployments and pods, and the events say.
pub(super) fn of_objects(sight: &Sight, system: &[Event]) -> Vec<Text> {
    let mut all = of_location(sight);
    all.extend(of_conditions(sight));
    all.extend(sight.warnings.iter().flatten().map(|event| of_event(event, sight)));
    all.extend(system.iter().filter_map(|event| of_system_event(event, sight)));
    all
}

fn of_location(sight: &Sight) -> Vec<Text> {
    let items = sight
        .locations
        .as_ref()
        .map(|all| all.items.as_slice())
        .unwrap_or_default();
    let Some(location) = default_of(items).filter(|own| !own.message.is_empty()) else {
        return Vec::new();
    };
    let since = velero_since(sight.pods());
    vec![Text {
        seen_in: SeenIn::Bsl,
        object: format!("storage location {}", location.name),
        link: Link::StorageLocation,
        at: location.validated,
        past: location.is_available() || is_before(location.validated, since),
        text: location.message.clone(),
    }]
}

/// Times of the cluster have whole seconds, so that what was said in the second of a start may be of the time before.
fn is_before(at: Option<Timestamp>, since: Option<Timestamp>) -> bool {
    at.zip(since).is_some_and(|(at, since)| at <= since)
}

fn of_conditions(sight: &Sight) -> Vec<Text> {
    let text = |object: String, text: String| Text {
        seen_in: SeenIn::Cond,
        object,
        link: Link::Pods,
        at: None,
        past: false,
        text,
    };
    let mut all = Vec::new();
    for own in sight.deployments() {
        let object = format!("deployment {}", own.name);
        all.extend(own.refused.clone().map(|why| text(object.clone(), why)));
        if let Rollout::Stuck(_) = &own.rollout {
            all.push(text(object, "ProgressDeadlineExceeded".to_owned()));
        }
    }
    let standing = sight
        .pods()
        .iter()
        .chain(sight.agents.iter().flatten())
        .filter(|pod| !pod.ending);
    let troubled = standing.filter_map(|pod| Some(text(format!("pod {}", pod.name), pod.trouble.clone()?)));
    all.extend(troubled);
    all
}

fn of_event(event: &Event, sight: &Sight) -> Text {
    let (kind, name) = event.object.split_once(' ').unwrap_or((event.object.as_str(), ""));
    let past = match kind {
        "Pod" => sight.pods.is_some() && is_well(name, sight.pods()),
        _ => is_rolled_out(sight) && is_before(event.at, newest(sight.pods())),
    };
    Text {
        seen_in: SeenIn::Evt,
        object: event.object.clone(),
        link: Link::Pods,
        at: event.at,
        past,
        text: format!("{}: {}", event.reason, event.message),
    }
}

/// Whether a pod is gone, on its way out, or ready: what was said of it is over.
fn is_well(name: &str, pods: &[Pod]) -> bool {
    pods.iter()
        .find(|pod| pod.name == name)
        .is_none_or(|pod| pod.ending || pod.ready)
}

fn is_rolled_out(sight: &Sight) -> bool {
    let all = sight.deployments();
    !all.is_empty()
        && all
            .iter()
            .all(|own| own.rollout == Rollout::Complete && own.refused.is_none())
}

fn newest(pods: &[Pod]) -> Option<Timestamp> {
    pods.iter()
        .filter(|pod| !pod.ending)
        .filter_map(|pod| pod.created)
        .max()
}

/// An event of the webhook's or of AKS's agents of extensions; those of others in their namespace are not ours.
fn of_system_event(event: &Event, sight: &Sight) -> Option<Text> {
    let (kind, name) = event.object.split_once(' ')?;
    let agents = sight.agents.as_deref().unwrap_or_default();
    let agent = ["extension-agent", "extension-operator"]
        .iter()
        .any(|own| name.starts_with(own));
    let (link, past) = match (name.starts_with(WEBHOOK), agent) {
        (true, _) => (
            Link::Injection,
            sight.injector.flatten().is_some_and(|own| own.available > 0),
        ),
        (_, true) => (Link::Extension, agents.iter().all(|pod| pod.ending || pod.ready)),
        _ => return None,
    };
    let past = past || kind == "Pod" && agent && is_well(name, agents);
    Some(Text {
        seen_in: SeenIn::Evt,
        object: format!("{SYSTEM}/{}", event.object),
        link,
        at: event.at,
        past,
        text: format!("{}: {}", event.reason, event.message),
    })
}

/// The logs that are worth reading: of each container, and of the one before where it crashed.
pub(super) fn sources(sight: &Sight) -> Vec<Source> {
    let mut all = Vec::new();
    let own = sight.pods().iter().map(|pod| (sight.namespace.as_str(), pod));
    let agents = sight.agents.iter().flatten().map(|pod| (SYSTEM, pod));
    for (namespace, pod) in own.chain(agents).filter(|(_, pod)| !pod.ending) {
        for state in pod.states.iter() {
            let source = |previous| Source {
                namespace: namespace.to_owned(),
                pod: pod.name.clone(),
                container: state.container.clone(),
                previous,
            };
            let has_log = state
                .waiting
                .as_ref()
                .is_none_or(|(reason, _)| reason == "CrashLoopBackOff");
            all.extend(has_log.then(|| source(false)));
            all.extend((state.restarts > 0).then(|| source(true)));
        }
    }
    all
}

/// The lines of a log that may name a known failure.
pub(super) fn of_log(source: &Source, lines: Vec<Line>, sight: &Sight) -> Vec<Text> {
    let mut pods = sight.pods().iter().filter(|pod| pod.name == source.pod);
    let velero =
        source.namespace == sight.namespace.as_str() && pods.any(|pod| pod.velero.as_ref() == Some(&source.container));
    let ready = is_well(&source.pod, sight.pods()) && is_well(&source.pod, sight.agents.as_deref().unwrap_or_default());
    let since = if velero { velero_is_well_since(sight) } else { None };
    let long_ago = sight
        .now
        .and_then(|now| now.checked_sub(LONG_AGO).ok())
        .filter(|_| ready);
    let (seen_in, link) = match (velero, source.namespace == SYSTEM) {
        (true, _) => (SeenIn::Vlog, Link::StorageLocation),
        (_, true) => (SeenIn::Plog, Link::Extension),
        _ => (SeenIn::Plog, Link::Pods),
    };
    let object = format!("log of container {} in pod {}", source.container, source.pod);
    let text = |line: Line| Text {
        seen_in,
        object: object.clone(),
        link,
        at: line.at,
        past: (source.previous && ready) || is_before(line.at, since) || is_before(line.at, long_ago),
        text: line.text,
    };
    let telling = lines.into_iter().filter(|line| may_matter(&line.text));
    telling.map(text).collect()
}

/// Since when what Velero said of its storage counts: its newest start, or the validation at which all was well.
fn velero_is_well_since(sight: &Sight) -> Option<Timestamp> {
    let items = sight
        .locations
        .as_ref()
        .map(|all| all.items.as_slice())
        .unwrap_or_default();
    let validated = default_of(items)
        .filter(|own| own.is_available())
        .and_then(|own| own.validated);
    velero_since(sight.pods()).max(validated)
}

/// An error that was met on the way to the API server.
pub(super) fn of_failure(failure: &Failure, server: &str) -> Text {
    Text {
        seen_in: SeenIn::Kube,
        object: server.to_owned(),
        link: Link::Login,
        at: None,
        past: false,
        text: std::iter::once(&failure.what)
            .chain(&failure.why)
            .cloned()
            .collect::<Vec<_>>()
            .join(": "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::checks::tests::sight;
    use crate::steps::testing;
    use aksbackup_shared::names::VELERO_CONTAINER;

    fn event(object: &str, at: &str) -> Event {
        Event {
            object: object.into(),
            reason: "Failed".into(),
            message: "m".into(),
            at: at.parse().ok(),
        }
    }

    fn source(container: &str, previous: bool) -> Source {
        Source {
            namespace: "ns".into(),
            pod: "agent-1".into(),
            container: container.into(),
            previous,
        }
    }

    #[test]
    fn a_world_in_order_has_nothing_to_say_but_its_log() {
        assert_eq!(of_objects(&sight(), &[]), []);
        assert_eq!(sources(&sight()).len(), 1);
    }

    #[test]
    fn what_the_location_says_is_history_when_velero_is_newer() {
        let mut seen = sight();
        seen.locations.as_mut().unwrap().items = vec![testing::unavailable("AADSTS700213")];
        assert!(!of_objects(&seen, &[])[0].past);
        seen.pods.as_mut().unwrap()[0].velero_since = "2026-01-01T00:01:00Z".parse().ok();
        assert!(of_objects(&seen, &[])[0].past);
    }

    #[test]
    fn events_of_pods_that_are_well_and_of_rollouts_that_are_over_are_history() {
        let mut seen = sight();
        let past = |seen: &Sight, object: &str, at: &str| of_event(&event(object, at), seen).past;
        assert!(past(&seen, "Pod gone", "2026-01-01T00:00:30Z"));
        assert!(past(&seen, "Pod agent-1", "2026-01-01T00:00:30Z"));
        assert!(past(&seen, "ReplicaSet a", "2025-12-31T00:00:00Z"));
        assert!(!past(&seen, "ReplicaSet a", "2026-01-01T00:01:00Z"));
        seen.pods.as_mut().unwrap()[0].ready = false;
        assert!(!past(&seen, "Pod agent-1", "2026-01-01T00:00:30Z"));
    }

    #[test]
    fn only_the_webhook_s_and_the_agents_events_count_in_their_namespace() {
        let seen = sight();
        assert_eq!(of_system_event(&event("Pod coredns-1", ""), &seen), None);
        let webhook = of_system_event(&event("Pod azure-wi-webhook-1", ""), &seen).unwrap();
        assert_eq!((webhook.link, webhook.past), (Link::Injection, true));
    }

    #[test]
    fn velero_s_words_from_before_the_last_good_validation_are_history() {
        let line = |at: &str| Line {
            at: at.parse().ok(),
            text: "level=error msg=AADSTS700213".into(),
        };
        let lines = vec![line("2026-01-01T00:00:30Z"), line("2026-01-01T00:01:30Z")];
        let texts = of_log(&source(VELERO_CONTAINER, false), lines.clone(), &sight());
        assert_eq!(texts.iter().map(|own| own.past).collect::<Vec<_>>(), [true, false]);
        assert_eq!(texts[0].seen_in, SeenIn::Vlog);
        let texts = of_log(&source("other", false), lines.clone(), &sight());
        assert!(texts.iter().all(|own| !own.past && own.seen_in == SeenIn::Plog));
        assert!(
            of_log(&source("other", true), lines, &sight())
                .iter()
                .all(|own| own.past)
        );
    }

    #[test]
    fn a_container_that_crashed_is_read_twice_and_one_that_never_ran_not_at_all() {
        let mut seen = sight();
        let state = &mut seen.pods.as_mut().unwrap()[0].states[0];
        (state.restarts, state.waiting) = (3, Some(("CrashLoopBackOff".into(), String::new())));
        assert_eq!(
            sources(&seen).iter().map(|own| own.previous).collect::<Vec<_>>(),
            [false, true]
        );
        let state = &mut seen.pods.as_mut().unwrap()[0].states[0];
        (state.restarts, state.waiting) = (0, Some(("ImagePullBackOff".into(), String::new())));
        assert!(sources(&seen).is_empty());
    }
}
