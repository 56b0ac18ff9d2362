//! Commands that write the state file each time that they run, because each wants another value than the last one.

use std::path::{Path, PathBuf};
use std::process::Command;

use aksbackup_tests::harness::{Run, Stage, finish};
use serde_json::json;

/// Which binary.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Plane {
    Cloud,
    Cluster,
}

/// One that writes: `az aksbackup init` with one retention or the other, or `kubectl aksbackup configure` in one
/// namespace or the other, which records the workloads there and finds no federated credential for them.
#[derive(Debug, Clone)]
pub(crate) struct Writer {
    pub(crate) plane: Plane,
    pub(crate) state: PathBuf,
    number: usize,
}

impl Writer {
    /// Number `number` of its plane, on the file `state` of a [`stage`].
    pub(crate) fn new(plane: Plane, number: usize, state: &Path) -> Self {
        let state = state.to_owned();
        Self { plane, state, number }
    }

    /// Its command number `turn`, ready for more.
    pub(crate) fn command(&self, stage: &Stage, turn: usize) -> Command {
        const PATIENCE: [&str; 3] = ["-v", "--lock-timeout", "60m"];
        // A loaded machine is slow to answer.
        const MORE: [&str; 2] = ["--request-timeout", "20m"];
        let mut command = match self.plane {
            Plane::Cloud => {
                let retention = format!("{}d", 10 + 2 * self.number + turn % 2);
                let words = ["init", "--yes", "--retention", &retention];
                stage.az_command("platform", &[words.as_slice(), &PATIENCE].concat())
            }
            Plane::Cluster => {
                let namespace = namespace(self.number, turn);
                let words = ["--namespace", &namespace];
                stage.configure_command("cluster-admin", &[words.as_slice(), &PATIENCE, &MORE].concat())
            }
        };
        command.env("AKSBACKUP_STATE", &self.state);
        command
    }

    /// Runs its command number `turn` to its end, which is the one that is expected.
    pub(crate) fn write(&self, stage: &Stage, turn: usize) -> Run {
        let run = finish(&mut self.command(stage, turn));
        assert_eq!(run.code, self.ends(), "{run}");
        run
    }

    /// How its commands end.
    pub(crate) fn ends(&self) -> i32 {
        match self.plane {
            Plane::Cloud => 0,
            Plane::Cluster => 5,
        }
    }

    /// The table that it writes.
    pub(crate) fn table(&self) -> &'static str {
        match self.plane {
            Plane::Cloud => "target",
            Plane::Cluster => "cluster.workloads",
        }
    }
}

fn namespace(number: usize, turn: usize) -> String {
    format!("team-{number}-{}", turn % 2)
}

/// A prepared stage on which so many writers of each plane have something to write.
pub(crate) fn stage(writers: usize) -> Stage {
    const AGENT: &str = "dataprotection-microsoft-kubernetes-agent";
    // The more there is in the cluster, the longer one look of its controllers takes: they look a tenth as often.
    let stage = Stage::with(&["time_scale=0.02"]).unwrap();
    stage.prepared();
    for (number, turn) in (0..writers).flat_map(|number| [(number, 0), (number, 1)]) {
        let namespace = namespace(number, turn);
        let cluster = stage.sandbox.kubernetes();
        cluster.place(json!({ "kind": "Namespace", "metadata": { "name": namespace } }));
        cluster.place(json!({
            "kind": "Deployment",
            "metadata": { "name": AGENT, "namespace": namespace },
            "spec": {
                "replicas": 0,
                "selector": { "matchLabels": { "app": AGENT } },
                "template": {
                    "metadata": { "labels": { "app": AGENT } },
                    "spec": { "serviceAccountName": format!("account-{number}"), "containers": [{ "name": "c", "image": "i" }] },
                },
            },
        }));
    }
    stage
}

/// A copy of the stage's state file in a folder of its own.
pub(crate) fn own_file(stage: &Stage, name: &str) -> PathBuf {
    let folder = stage.folder().join(name);
    std::fs::create_dir_all(&folder).unwrap();
    let state = folder.join("aksbackup.toml");
    std::fs::copy(stage.state(), &state).unwrap();
    state
}

/// The file's text without the lines that say who wrote a table and when.
pub(crate) fn values(state: &Path) -> String {
    let text = std::fs::read_to_string(state).unwrap();
    let lines = whole(&text).lines().filter(|line| !line.starts_with("written = "));
    lines.collect::<Vec<_>>().join("\n")
}

/// The text of a state file, which can be read.
pub(crate) fn whole(text: &str) -> &str {
    let parsed = toml::from_str::<toml::Table>(text);
    assert!(parsed.is_ok(), "the state file cannot be read: {parsed:?}\n{text}");
    text
}

/// The temporary files in the folder of a state file.
pub(crate) fn leftovers(state: &Path) -> Vec<String> {
    let names = std::fs::read_dir(state.parent().unwrap()).unwrap();
    let names = names.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.filter(|name| name.contains(".aksbackup-")).collect()
}
