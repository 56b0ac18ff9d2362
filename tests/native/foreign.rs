//! Command lines of az and kubectl that the programs print: each is parsed by the real program, and not run.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use aksbackup_tests::advice::{literals, sources};
use aksbackup_tests::python::Python;
use aksbackup_tests::remedies::{Line, commands};

/// Words that make a command of az out of the word in a text.
const OF_AZ: [&str; 17] = [
    "account",
    "aks",
    "cloud",
    "dataprotection",
    "extension",
    "feature",
    "group",
    "identity",
    "k8s-extension",
    "lock",
    "login",
    "monitor",
    "network",
    "provider",
    "rest",
    "role",
    "storage",
];

/// The same of kubectl.
const OF_KUBECTL: [&str; 14] = [
    "annotate", "auth", "config", "create", "delete", "describe", "edit", "get", "label", "logs", "patch", "rollout",
    "scale", "set",
];

/// Commands that come with an extension of az, which no package registry has: the flags that each requires, spelled as they
/// are printed. Read from `Azure/azure-cli-extensions`: `src/dataprotection/azext_dataprotection/{aaz/latest,manual/_params.py}`
/// (2be1999, 188c604, 04f3c02) and `src/k8s-extension/azext_k8s_extension/_params.py`; their optional flags are the second list.
/// Only the real extensions could show more.
const OF_EXTENSIONS: [(&str, &[&str], &[&str]); 14] = [
    (
        "dataprotection backup-instance list",
        &["--resource-group", "--vault-name"],
        &[],
    ),
    (
        "dataprotection backup-policy list",
        &["--resource-group", "--vault-name"],
        &[],
    ),
    ("dataprotection backup-instance show", &INSTANCE, &[]),
    (
        "dataprotection backup-instance deleted-backup-instance undelete",
        &INSTANCE,
        &[],
    ),
    (
        "dataprotection backup-instance update",
        &INSTANCE,
        &["--aks-backup-configuration"],
    ),
    (
        "dataprotection backup-instance update-policy",
        &[
            "--backup-instance-name",
            "--resource-group",
            "--vault-name",
            "--policy-id",
        ],
        &[],
    ),
    (
        "dataprotection backup-instance initialize-backupconfig",
        &["--datasource-type"],
        &[],
    ),
    (
        "dataprotection backup-policy show",
        &["--name", "--resource-group", "--vault-name"],
        &[],
    ),
    (
        "dataprotection backup-policy get-default-policy-template",
        &["--datasource-type"],
        &[],
    ),
    (
        "dataprotection backup-vault show",
        &["--resource-group", "--vault-name"],
        &[],
    ),
    (
        "dataprotection backup-vault resource-guard-mapping show",
        &["--vault-name", "--resource-group", "--name"],
        &[],
    ),
    (
        "k8s-extension list",
        &["--cluster-name", "--cluster-type", "--resource-group"],
        &[],
    ),
    (
        "k8s-extension show",
        &["--cluster-name", "--cluster-type", "--name", "--resource-group"],
        &[],
    ),
    (
        "k8s-extension update",
        &["--cluster-name", "--cluster-type", "--name", "--resource-group"],
        &["--configuration-settings"],
    ),
];

const INSTANCE: [&str; 3] = ["--backup-instance-name", "--resource-group", "--vault-name"];

/// Flags that extension `aks-preview` adds to a command of az: <https://learn.microsoft.com/azure/aks/imds-restriction>.
const OF_PREVIEW: [&str; 1] = ["--disable-imds-restriction"];

/// What a source leaves open between braces, and what stands there when it is printed; all else is a name.
const OPEN: [(&str, &str); 9] = [
    (
        "az aks update {} {}",
        "az aks update --resource-group g --name c --enable-disk-driver",
    ),
    (
        "credential show --name {} {place}",
        "credential show --name x1 --identity-name i --resource-group g",
    ),
    (
        "update-policy {place}",
        "update-policy --backup-instance-name i --resource-group g --vault-name v",
    ),
    (
        "backup-instance update {place}",
        "backup-instance update --backup-instance-name i --resource-group g --vault-name v",
    ),
    (
        "backup-instance show {} {query}",
        "backup-instance show --backup-instance-name i --resource-group g --vault-name v --query q",
    ),
    (
        "federated-credential list {place}",
        "federated-credential list --identity-name i --resource-group g",
    ),
    (
        "rolebinding list {place}",
        "rolebinding list --cluster-name c --resource-group g",
    ),
    ("{query}", "--query q"),
    ("kubectl {verb} ", "kubectl describe "),
];

/// Flags of a cluster, which stand where no name does.
const CLUSTER: &str = "--resource-group g --name c --subscription s";

/// A source's text as it is printed.
fn filled(literal: &str) -> String {
    let text = OPEN
        .iter()
        .fold(literal.to_owned(), |text, (open, printed)| text.replace(open, printed));
    let (mut printed, mut rest) = (String::new(), text.as_str());
    while let Some(at) = rest.find(['{', '}']) {
        printed.push_str(&rest[..at]);
        let brace = &rest[at..=at];
        rest = &rest[at + 1..];
        if let Some(after) = rest.strip_prefix(brace) {
            (printed, rest) = (printed + brace, after);
        } else if let Some((_, after)) = rest.split_once('}') {
            let is_flags = printed.starts_with("az ") && printed.ends_with(' ') && !last_is_flag(&printed);
            (printed, rest) = (printed + if is_flags { CLUSTER } else { "x1" }, after);
        }
    }
    (printed + rest).replace(" COUNT", " 3")
}

fn last_is_flag(text: &str) -> bool {
    text.split_whitespace()
        .last()
        .is_some_and(|word| word.starts_with("--"))
}

/// Every command of another program in a text, with where it stands.
fn foreign(place: &str, text: &str) -> Vec<(String, Line)> {
    let known = |line: &Line| match line[0].as_str() {
        "az" => OF_AZ.contains(&line[1].as_str()),
        _ => OF_KUBECTL.contains(&line[1].as_str()),
    };
    let all = commands(text).into_iter().filter(known);
    all.map(|line| (place.to_owned(), line)).collect()
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Every command of another program that is printed: by the catalog, whose command lines stand between backticks, and by sources.
fn printed() -> Vec<(String, Line)> {
    let mut all = Vec::new();
    for entry in fs::read_dir(root().join("shared/src/diagnosis/failures")).unwrap() {
        let page: toml::Table = fs::read_to_string(entry.unwrap().path()).unwrap().parse().unwrap();
        let rows = page
            .get("failure")
            .and_then(toml::Value::as_array)
            .into_iter()
            .flatten();
        for row in rows {
            let parts = row["fix"].as_str().unwrap().split('`');
            all.extend(parts.flat_map(|part| foreign(row["id"].as_str().unwrap(), part)));
        }
    }
    for folder in ["shared", "az-aksbackup", "kubectl-aksbackup"] {
        for (path, source) in sources(&root().join(folder).join("src")) {
            let file = path.rsplit_once("/src/").map_or(path.as_str(), |(_, file)| file);
            let texts = literals(&source);
            all.extend(texts.iter().flat_map(|text| foreign(file, &filled(text))));
        }
    }
    assert!(all.len() > 90, "{} command lines", all.len());
    all
}

fn told(all: &[(String, String)]) -> String {
    let lines = all.iter().map(|(place, why)| format!("{place}: {why}"));
    lines.collect::<Vec<_>>().join("\n")
}

/// What is wrong with a line by the table of an extension's command; `None` where it is a command of az itself.
fn by_table(line: &[String]) -> Option<String> {
    let name: Vec<&str> = line
        .iter()
        .map(String::as_str)
        .take_while(|word| !word.starts_with('-'))
        .collect();
    let name = name.join(" ");
    let has = |flag: &&&str| line.iter().any(|word| word == **flag);
    let of = |required: &[&str], optional: &[&str]| {
        let missing: Vec<&&str> = required.iter().filter(|flag| !has(flag)).collect();
        let is_known = |flag: &&String| {
            let more = ["--query", "--output", "--subscription"];
            [required, optional, &more]
                .iter()
                .any(|all| all.contains(&flag.as_str()))
        };
        let flags = line.iter().filter(|word| word.starts_with("--"));
        let unknown: Vec<&String> = flags.filter(|flag| !is_known(flag)).collect();
        match (missing.is_empty(), unknown.is_empty()) {
            (true, true) => String::new(),
            _ => format!("{name}: required: {missing:?}, unknown: {unknown:?}"),
        }
    };
    if let Some((_, required, optional)) = OF_EXTENSIONS.iter().find(|(own, _, _)| *own == name) {
        return Some(of(required, optional));
    }
    let of_extension = ["dataprotection", "k8s-extension"].contains(&line[0].as_str());
    of_extension.then(|| format!("{name} is not in the table"))
}

/// What az's own parser says of each line; empty where it takes it.
fn by_az(lines: &[Line]) -> Vec<String> {
    let folder = tempfile::tempdir().unwrap();
    let python = Python::with("az").unwrap();
    let mut command = python.command();
    command
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("native/parse_az.py"))
        .env("AZURE_CONFIG_DIR", folder.path().join("config"))
        .env("AZURE_EXTENSION_DIR", folder.path().join("extensions"))
        .env("AZURE_CORE_COLLECT_TELEMETRY", "no")
        .env("AZURE_EXTENSION_USE_DYNAMIC_INSTALL", "no")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let text: String = lines
        .iter()
        .map(|line| serde_json::to_string(line).unwrap() + "\n")
        .collect();
    let mut input = child.stdin.take().unwrap();
    let writer = std::thread::spawn(move || input.write_all(text.as_bytes()).unwrap());
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    let said: Vec<String> = said.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(said.len(), lines.len(), "az's parser stopped: {said:?}");
    said
}

#[test]
fn az_takes_every_command_line_that_is_printed() {
    let all: Vec<_> = printed().into_iter().filter(|(_, line)| line[0] == "az").collect();
    let mut bad: Vec<(String, String)> = Vec::new();
    let mut own: BTreeMap<Line, Vec<String>> = BTreeMap::new();
    for (place, line) in all {
        match by_table(&line[1..]) {
            Some(why) if why.is_empty() => {}
            Some(why) => bad.push((place, why)),
            None => {
                let words = line[1..].iter().filter(|word| !OF_PREVIEW.contains(&word.as_str()));
                own.entry(words.cloned().collect()).or_default().push(place);
            }
        }
    }
    let lines: Vec<Line> = own.keys().cloned().collect();
    for (line, said) in lines.iter().zip(by_az(&lines)) {
        if let Some(why) = said.lines().next() {
            bad.push((own[line].join(", "), format!("az {}: {why}", line.join(" "))));
        }
    }
    println!("{} command lines by az's parser", lines.len());
    assert!(bad.is_empty(), "{}", told(&bad));
    let wrong = [
        ["aks", "update", "--nope"].map(str::to_owned).to_vec(),
        vec!["aks".into(), "start".into()],
    ];
    assert!(
        by_az(&wrong).iter().all(|said| !said.is_empty()),
        "the parser refuses nothing"
    );
}

/// What kubectl says of a line, where no API server answers: it reads its words first.
fn by_kubectl(line: &[String]) -> Option<String> {
    let empty = tempfile::NamedTempFile::new().unwrap();
    fs::write(empty.path(), "apiVersion: v1\nkind: Config\n").unwrap();
    let output = Command::new("kubectl")
        .args(&line[1..])
        .args([
            "--server",
            "https://127.0.0.1:1",
            "--request-timeout",
            "1s",
            "--token",
            "x",
        ])
        .env("KUBECONFIG", empty.path())
        .env("HOME", "/nonexistent")
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let unreachable = ["127.0.0.1:1", "no context exists"]
        .iter()
        .any(|words| said.contains(words));
    (!output.status.success() && !unreachable).then_some(said)
}

#[test]
fn kubectl_takes_every_command_line_that_is_printed() {
    let mut bad = Vec::new();
    let mut count = 0;
    for (place, line) in printed().into_iter().filter(|(_, line)| line[0] == "kubectl") {
        count += 1;
        if let Some(why) = by_kubectl(&line) {
            bad.push((place, format!("{}: {why}", line.join(" "))));
        }
    }
    println!("{count} command lines by kubectl");
    assert!(bad.is_empty(), "{}", told(&bad));
    for wrong in ["kubectl get pods --nope", "kubectl logs", "kubectl patch deployment x"] {
        let line: Line = wrong.split(' ').map(str::to_owned).collect();
        assert!(by_kubectl(&line).is_some(), "{wrong}");
    }
}

#[test]
fn what_a_source_leaves_open_is_filled_in() {
    assert_eq!(filled("az lock show --ids {}"), "az lock show --ids x1");
    assert_eq!(filled("az aks update {} --x"), format!("az aks update {CLUSTER} --x"));
    assert_eq!(
        filled("kubectl patch d {name} --patch '{{\"a\":1}}'"),
        "kubectl patch d x1 --patch '{\"a\":1}'"
    );
}
