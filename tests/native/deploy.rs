//! The manifests of `deploy/kubernetes`: kubectl reads them, the API's types know each field, and the programs know each flag and exit
//! code.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use aksbackup_shared::exit::Exit;
use aksbackup_tests::harness::binary;
use k8s_openapi::api::batch::v1::{CronJob, Job};
use k8s_openapi::api::core::v1::{Container, PodSpec, ServiceAccount};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

fn manifests() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/kubernetes");
    let files: Vec<PathBuf> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    assert!(files.len() >= 2, "{files:?}");
    files
}

/// The objects of a manifest, as kubectl reads them without a cluster.
fn objects(file: &Path) -> Vec<Value> {
    let run = Command::new("kubectl")
        .args(["label", "--local", "--output", "json", "checked=true", "--filename"])
        .arg(file)
        .env("KUBECONFIG", "/dev/null")
        .output()
        .unwrap();
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
    let all = serde_json::Deserializer::from_slice(&run.stdout).into_iter();
    all.map(Result::unwrap).collect()
}

/// The object as its type, which has each of its fields.
fn typed<T: DeserializeOwned + Serialize>(object: &Value) -> T {
    let own: T = serde_json::from_value(object.clone()).unwrap();
    assert_eq!(
        serde_json::to_value(&own).unwrap(),
        *object,
        "a field that the API doesn't have"
    );
    own
}

/// The jobs and the pods of all manifests.
fn workloads() -> (Vec<Job>, Vec<PodSpec>) {
    let (mut jobs, mut pods) = (Vec::new(), Vec::new());
    for object in manifests().iter().flat_map(|file| objects(file)) {
        let spec = match object["kind"].as_str().unwrap() {
            "Job" => {
                let job: Job = typed(&object);
                jobs.push(job.clone());
                job.spec.unwrap()
            }
            "CronJob" => typed::<CronJob>(&object).spec.unwrap().job_template.spec.unwrap(),
            kind => {
                assert_eq!(kind, "ServiceAccount");
                typed::<ServiceAccount>(&object);
                continue;
            }
        };
        pods.push(spec.template.spec.unwrap());
    }
    (jobs, pods)
}

fn container(pod: &PodSpec) -> &Container {
    let [own] = pod.containers.as_slice() else {
        panic!("one container");
    };
    own
}

#[test]
fn each_flag_exists() {
    for pod in workloads().1 {
        let words = container(&pod).command.clone().unwrap();
        let is_command = |word: &&String| !word.starts_with(['-', '/']);
        let commands: Vec<&String> = words.iter().skip(1).take_while(is_command).collect();
        let run = Command::new(binary(&words[0]))
            .args(&commands)
            .arg("--help")
            .output()
            .unwrap();
        let help = String::from_utf8(run.stdout).unwrap();
        let flags: Vec<&String> = words.iter().filter(|word| word.starts_with("--")).collect();
        assert!(flags.len() >= 3, "{words:?}");
        for flag in flags {
            assert!(
                help.contains(&format!("{flag} ")) || help.contains(&format!("{flag}\n")),
                "{flag} of {commands:?}"
            );
        }
    }
}

#[test]
fn each_exit_code_that_apply_can_have_is_judged_once() {
    let jobs = workloads().0;
    let [job] = jobs.as_slice() else {
        panic!("one job");
    };
    let spec = job.spec.clone().unwrap();
    let rules = spec.pod_failure_policy.unwrap().rules;
    let codes = rules.iter().filter_map(|rule| rule.on_exit_codes.as_ref());
    let codes: Vec<i32> = codes.flat_map(|own| own.values.clone()).collect();
    let judged: BTreeSet<i32> = codes.iter().copied().collect();
    assert_eq!(judged.len(), codes.len(), "{codes:?}");
    // With --handoff-ok, waiting for another person is no failure.
    let all = Exit::ALL.iter().map(|(exit, _)| *exit);
    let all = all.filter(|exit| ![Exit::Done, Exit::TheirTurn].contains(exit));
    assert_eq!(judged, all.map(|exit| i32::from(exit.code())).collect());
    let words = container(spec.template.spec.as_ref().unwrap()).command.clone().unwrap();
    assert!(words.contains(&"--handoff-ok".to_owned()));
    let shards = words.iter().skip_while(|word| *word != "--shard").nth(1).unwrap();
    assert_eq!(Some(shards.parse().unwrap()), spec.completions);
    assert_eq!(spec.completion_mode.as_deref(), Some("Indexed"));
    assert!(spec.backoff_limit_per_index.is_some());
}

#[test]
fn no_pod_can_do_more_than_it_has_to() {
    for pod in workloads().1 {
        let own = pod.security_context.clone().unwrap();
        assert_eq!(own.run_as_non_root, Some(true));
        let container = container(&pod);
        let own = container.security_context.clone().unwrap();
        assert_eq!(
            (own.read_only_root_filesystem, own.allow_privilege_escalation),
            (Some(true), Some(false))
        );
        assert_eq!(own.capabilities.unwrap().drop.unwrap(), ["ALL"]);
        assert!(
            container
                .resources
                .clone()
                .unwrap()
                .limits
                .unwrap()
                .contains_key("memory")
        );
    }
}
