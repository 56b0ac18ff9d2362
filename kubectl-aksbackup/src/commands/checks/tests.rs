use super::*;
use crate::cluster::deployments::Rollout;
use crate::cluster::neighbours::Webhook;
use crate::cluster::surroundings::Node;
use crate::cluster::volumes::Medium;
use crate::steps::cause::cause;
use crate::steps::testing;

fn node() -> Node {
    Node {
        name: "n".into(),
        platform: "linux/amd64".into(),
        is_virtual: false,
        closed: None,
        cpu: 0,
        memory: 0,
    }
}

fn webhook(name: &str) -> Webhook {
    Webhook {
        name: name.into(),
        created: "2025-01-01T00:00:00Z".parse().ok(),
        trusted: true,
        ignores_failure: false,
        namespaces: Default::default(),
        pods: Default::default(),
        reinvoked: true,
    }
}

/// A world in which everything is done.
pub(crate) fn sight() -> Sight {
    Sight {
        namespace: "ns".parse().unwrap(),
        issuer: Some(testing::ISSUER.into()),
        deployments: Some(vec![testing::deployment()]),
        without_velero: None,
        accounts: Some(vec![testing::account()]),
        pods: Some(vec![testing::pod()]),
        locations: Some(Locations {
            known: true,
            items: vec![testing::location()],
        }),
        around: Surroundings {
            namespace: Some("Active".into()),
            labels: Some([("team".to_owned(), "backup".to_owned())].into()),
            veleros: Some(vec![]),
            webhooks: Some(vec![webhook("w")]),
            nodes: Some(vec![node()]),
            quotas: Some(vec![]),
        },
        injector: Some(Some(Availability {
            available: 2,
            wanted: 2,
        })),
        agents: Some(vec![]),
        warnings: Some(vec![]),
        volumes: Some(vec![]),
        claims: Some(vec![]),
        mounts: None,
        namespaces: Some(vec![]),
        now: "2026-01-01T00:02:00Z".parse().ok(),
    }
}

/// The name of each finding, with the failure that it proves.
fn findings(sight: &Sight, state: &State) -> Vec<String> {
    let all = checks(sight, state).into_iter().filter(Check::is_finding);
    all.map(|check| {
        format!("{} {}", check.check, check.failure.unwrap_or_default())
            .trim_end()
            .to_owned()
    })
    .collect()
}

fn finds(change: impl FnOnce(&mut Sight)) -> Vec<String> {
    let mut changed = sight();
    change(&mut changed);
    findings(&changed, &testing::state())
}

fn deployment(sight: &mut Sight) -> &mut Deployment {
    &mut sight.deployments.as_mut().unwrap()[0]
}

fn pod(sight: &mut Sight) -> &mut Pod {
    &mut sight.pods.as_mut().unwrap()[0]
}

fn account(sight: &mut Sight) -> &mut ServiceAccount {
    &mut sight.accounts.as_mut().unwrap()[0]
}

fn location(sight: &mut Sight) -> &mut StorageLocation {
    &mut sight.locations.as_mut().unwrap().items[0]
}

#[test]
fn a_good_world_has_no_finding_with_or_without_a_file() {
    assert_eq!(finds(|_| {}), [""; 0]);
    assert_eq!(findings(&sight(), &State::default()), [""; 0]);
}

#[test]
fn a_green_location_with_bare_pods_is_a_finding() {
    assert_eq!(
        finds(|own| *pod(own) = testing::bare_pod()),
        ["running pods WI-POD-STALE"]
    );
    let unseen = |own: &mut Sight| pod(own).containers[0].token_file = false;
    assert_eq!(finds(unseen), ["running pods WI-NOT-INJECTED"]);
    let elsewhere = |own: &mut Sight| pod(own).containers[0].audience = Some("https://vault".into());
    assert_eq!(finds(elsewhere), ["running pods WI-NOT-INJECTED"]);
}

#[test]
fn each_fault_of_a_template_has_its_name() {
    let bare = |own: &mut Sight| *deployment(own) = testing::bare_deployment();
    assert_eq!(finds(bare), ["pod templates WI-LABEL-MISSING"]);
    let value = |own: &mut Sight| deployment(own).label = Some("True".into());
    assert_eq!(finds(value), ["pod templates WI-LABEL-VALUE"]);
    let lost = |own: &mut Sight| deployment(own).label = None;
    assert_eq!(finds(lost), ["pod templates EXT-DRIFT"]);
}

#[test]
fn each_fault_of_an_account_has_its_name() {
    let set = |id: &str| {
        let id = id.to_owned();
        move |own: &mut Sight| account(own).client_id = Some(id)
    };
    let other = "bbbbbbbb-0000-4000-8000-000000000001";
    assert_eq!(finds(set(other)), ["service accounts WI-SA-STALE-CLIENT"]);
    let by_hand = |own: &mut Sight| {
        account(own).ours = false;
        account(own).client_id = Some(other.to_owned());
    };
    assert_eq!(finds(by_hand), ["service accounts WI-SA-WRONG-CLIENT"]);
    assert!(finds(set("/subscriptions/x")).contains(&"service accounts WI-SA-WRONG-CLIENT".to_owned()));
    assert_eq!(
        finds(|own| account(own).client_id = None),
        ["service accounts WI-SA-NO-CLIENT"]
    );
    let typo = |own: &mut Sight| {
        account(own).client_id = None;
        account(own).keys = [("azure.workload.identity/clientid".to_owned(), other.to_owned())].into();
    };
    assert_eq!(finds(typo), ["service accounts WI-SA-TYPO"]);
    assert_eq!(
        finds(|own| own.accounts = Some(vec![])),
        ["service accounts WI-SA-ABSENT"]
    );
}

#[test]
fn each_fault_of_a_pod_has_its_name() {
    let tenant = |own: &mut Sight| pod(own).containers[0].tenant_id = None;
    assert_eq!(finds(tenant), ["running pods WI-TENANT"]);
    let older = |own: &mut Sight| pod(own).cause = Some(cause(testing::CLIENT_ID, "https://old/", testing::ACCOUNT));
    assert_eq!(finds(older), ["running pods CLU-OIDC-JUST-ENABLED"]);
    let on_virtual = |own: &mut Sight| own.around.nodes.as_mut().unwrap()[0].is_virtual = true;
    assert!(finds(on_virtual).contains(&"pods WI-VIRTUAL-NODE".to_owned()));
    for (reason, failure) in [
        ("ImagePullBackOff", "K8S-IMAGEPULL"),
        ("CrashLoopBackOff", "K8S-CRASHLOOP"),
    ] {
        let waits = |own: &mut Sight| pod(own).states[0].waiting = Some((reason.into(), "m".into()));
        assert_eq!(finds(waits), [format!("pods {failure}")]);
    }
    assert_eq!(
        finds(|own| pod(own).states[0].ended = Some("OOMKilled".into())),
        ["pods JOB-OOM"]
    );
    assert_eq!(
        finds(|own| pod(own).unscheduled = Some("no".into())),
        ["pods K8S-PENDING"]
    );
    assert_eq!(
        finds(|own| pod(own).states[0].waiting = Some(("ContainerCreating".into(), String::new()))),
        [""; 0]
    );
}

#[test]
fn each_fault_of_the_webhook_has_its_name() {
    assert_eq!(finds(|own| own.around.webhooks = Some(vec![])), ["webhook CLU-WI-OFF"]);
    let twice = |own: &mut Sight| own.around.webhooks = Some(vec![webhook("a"), webhook("b")]);
    assert_eq!(finds(twice), ["webhook WI-WEBHOOK-DUP"]);
    let down = Availability {
        available: 0,
        wanted: 2,
    };
    assert_eq!(
        finds(|own| own.injector = Some(Some(down))),
        ["webhook's pods WI-WEBHOOK-DOWN"]
    );
    assert_eq!(finds(|own| own.injector = Some(None)), [""; 0]);
}

#[test]
fn each_fault_of_the_location_has_its_name() {
    assert_eq!(
        finds(|own| own.locations = Some(Locations::default())),
        ["storage location BSL-CRD-ABSENT"]
    );
    assert_eq!(
        finds(|own| own.locations.as_mut().unwrap().items.clear()),
        ["storage location BSL-ABSENT"]
    );
    let unseen = |own: &mut Sight| {
        location(own).phase = String::new();
        location(own).validated = None;
    };
    assert_eq!(finds(unseen), ["storage location BSL-NO-PHASE"]);
    assert_eq!(
        finds(|own| own.now = "2026-01-01T01:00:00Z".parse().ok()),
        ["storage location BSL-STALE"]
    );
    assert_eq!(
        finds(|own| location(own).read_only = true),
        ["storage location STO-READONLY"]
    );
    assert_eq!(
        finds(|own| location(own).default = false),
        ["storage settings BSL-NO-DEFAULT"]
    );
    assert_eq!(
        finds(|own| location(own).credential = true),
        ["storage settings BSL-SECRET-WINS"]
    );
    assert_eq!(
        finds(|own| location(own).container = "a/b".into()),
        ["storage settings BSL-SPEC"]
    );
    let bad = |own: &mut Sight| {
        location(own).config.insert("useAAD".into(), "yes".into());
    };
    assert_eq!(finds(bad), ["storage settings EXT-USEAAD-BAD"]);
    assert_eq!(
        finds(|own| *location(own) = testing::unavailable("AADSTS700213")),
        ["storage location"]
    );
}

#[test]
fn what_stands_around_has_its_name_too() {
    assert_eq!(
        finds(|own| own.issuer = Some("https://other/".into())),
        ["cluster K8S-WRONG-CONTEXT"]
    );
    assert_eq!(
        finds(|own| own.around.veleros = Some(vec!["v/v".into()])),
        ["other velero CLU-OTHER-VELERO"]
    );
    assert_eq!(
        finds(|own| own.around.nodes.as_mut().unwrap()[0].platform = "linux/arm64".into()),
        ["nodes CLU-NODES-UNSUITABLE"]
    );
    assert_eq!(
        finds(|own| own.around.namespace = Some("Terminating".into())),
        ["namespace EXT-NS-TERMINATING"]
    );
    assert_eq!(
        finds(|own| {
            own.around.namespace = Some(String::new());
            own.deployments = Some(vec![]);
        }),
        ["namespace K8S-NS-ABSENT", "extension"]
    );
    let agent = Pod {
        ready: false,
        ..testing::pod()
    };
    assert_eq!(
        finds(|own| own.agents = Some(vec![agent])),
        ["extension agents EXT-AGENT-DOWN"]
    );
    assert_eq!(
        finds(|own| deployment(own).rollout = Rollout::Stuck("x".into())),
        ["rollouts K8S-PROGRESS"]
    );
    let refused = |own: &mut Sight| deployment(own).refused = Some("exceeded quota: q".into());
    assert_eq!(finds(refused), ["admission K8S-QUOTA"]);
    let skipped = Volume {
        name: "v".into(),
        namespace: "n".into(),
        claim: "c".into(),
        bytes: 1 << 30,
        medium: Medium::Other,
        unsupported: Some("of blob.csi.azure.com".into()),
        untiered: None,
    };
    assert_eq!(
        finds(|own| own.volumes = Some(vec![skipped])),
        ["unsupported volumes JOB-VOLUMES-SKIPPED"]
    );
    let lost = Claim {
        namespace: "n".into(),
        name: "c".into(),
        phase: "Lost".into(),
        created: None,
        labels: [].into(),
    };
    assert_eq!(finds(|own| own.claims = Some(vec![lost])), ["volume claims JOB-PVC"]);
    let inner = Sight {
        issuer: Some("https://aks-dns.hcp.westeurope.azmk8s.io".into()),
        ..sight()
    };
    assert!(findings(&inner, &State::default()).contains(&"issuer CLU-OIDC-OFF".to_owned()));
}

#[test]
fn what_may_not_be_seen_is_unknown_with_the_right_to_ask_for() {
    let closed = Sight {
        issuer: None,
        deployments: None,
        accounts: None,
        pods: None,
        locations: None,
        around: Surroundings::default(),
        injector: None,
        agents: None,
        warnings: None,
        volumes: None,
        claims: None,
        mounts: None,
        namespaces: None,
        now: None,
        ..sight()
    };
    let all = checks(&closed, &State::default());
    assert!(all.iter().all(|check| check.verdict == Verdict::Unknown), "{all:?}");
    let rights = [
        "list deployments.apps in namespace ns",
        "list pods in namespace ns",
        "list nodes",
    ];
    for right in rights {
        let asks = |check: &Check| {
            check
                .hint
                .as_ref()
                .map(ToString::to_string)
                .is_some_and(|hint| hint.ends_with(right))
        };
        assert!(all.iter().any(asks), "{right}");
    }
}

#[test]
fn a_fix_is_a_command_of_either_program() {
    let bare = Sight {
        deployments: Some(vec![testing::bare_deployment()]),
        ..sight()
    };
    let all = checks(&bare, &testing::state());
    let fixes = all.iter().filter_map(|check| check.hint.as_ref());
    let cures: Vec<String> = fixes.map(ToString::to_string).collect();
    assert_eq!(
        cures,
        ["kubectl aksbackup configure", "to check them, run: az aksbackup verify",]
    );
}

#[test]
fn a_service_account_that_is_gone_is_told_with_the_line_that_makes_it_anew() {
    let gone = Sight {
        accounts: Some(vec![]),
        ..sight()
    };
    let all = checks(&gone, &testing::state());
    let line = format!("kubectl create serviceaccount {} --namespace ns", testing::ACCOUNT);
    let names = |check: &Check| check.hint.as_ref().is_some_and(|hint| hint.to_string().contains(&line));
    assert!(all.iter().any(names), "{all:?}");
}
