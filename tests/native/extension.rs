//! The extension as az handles it: added, explained, completed, refused, updated and removed.

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use aksbackup_tests::harness::{binary, finish};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

use crate::az::Az;
use aksbackup_tests::terminal::answered;

const DESCRIPTION: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../az-aksbackup/python/azext_aksbackup/description.json"
);

fn commands() -> Vec<Value> {
    let text = fs::read_to_string(DESCRIPTION).unwrap();
    let description: Value = serde_json::from_str(&text).unwrap();
    description["commands"].as_array().unwrap().clone()
}

#[test]
fn the_extension_was_made_from_this_very_program() {
    let described = finish(Command::new(binary("az-aksbackup")).arg("__describe")).ok();
    let kept = fs::read_to_string(DESCRIPTION).unwrap();
    assert!(
        described.stdout == kept,
        "az's extension describes another program: target/debug/az-aksbackup __describe > {DESCRIPTION}"
    );
}

#[test]
fn it_is_added_listed_explained_upgraded_and_removed() {
    let az = Az::new(&[]);
    let listed = az.run("nobody", &["extension", "list", "-o", "json"]).ok();
    let listed: Value = serde_json::from_str(&listed.stdout).unwrap();
    assert_eq!(
        (&listed[0]["name"], &listed[0]["version"]),
        (&"aksbackup".into(), &env!("CARGO_PKG_VERSION").into())
    );
    let group = az.aksbackup("nobody", &["--help"]).ok();
    for code in ["    5  ", "    8  ", "  124  "] {
        assert!(group.stdout.contains(code), "{code}\n{group}");
    }
    for command in commands() {
        let name = command["name"].as_str().unwrap();
        // A command of a group has two words, and the group's help has the first.
        let words: Vec<&str> = name.split(' ').collect();
        assert!(group.stdout.contains(&format!("    {} ", words[0])), "{name}\n{group}");
        let help = az.aksbackup("nobody", &[words.as_slice(), &["--help"]].concat()).ok();
        let summary: String = help.stdout.split_whitespace().collect();
        let expected: String = command["summary"].as_str().unwrap().split_whitespace().collect();
        assert!(summary.contains(&expected), "{expected}\n{help}");
        assert!(
            help.stdout.contains("Examples") && help.stdout.contains("Exit codes"),
            "{help}"
        );
        for argument in command["arguments"].as_array().unwrap() {
            if let Some(option) = argument["options"][0].as_str() {
                assert!(help.stdout.contains(option), "{option}\n{help}");
            }
        }
    }
    az.run("nobody", &["--help"]).ok().says("aksbackup");
    let wheel = az.wheel();
    az.run(
        "nobody",
        &[
            "extension",
            "add",
            "--upgrade",
            "--yes",
            "--source",
            wheel.to_str().unwrap(),
        ],
    )
    .ok();
    az.aksbackup("nobody", &["version", "-o", "tsv"])
        .ok()
        .says(env!("CARGO_PKG_VERSION"));
    az.run("nobody", &["extension", "remove", "-n", "aksbackup"]).ok();
    az.aksbackup("nobody", &["version"]).ends(2).says("aksbackup");
    assert!(!az.folder().join("extensions/aksbackup").exists());
}

/// Makes a wheel of another version out of the first one named, in the folder named second, and the index of an extension that
/// is served at the address named third.
const NEWER: &str = r#"
import hashlib, json, os, sys, zipfile
wheel, folder, address = sys.argv[1:]
old = os.path.basename(wheel).split("-")[1]
name = "aksbackup-99.0.0-py3-none-any.whl"
with zipfile.ZipFile(wheel) as own, zipfile.ZipFile(os.path.join(folder, name), "w") as other:
    for entry in own.namelist():
        content = own.read(entry)
        if entry.endswith("/METADATA"):
            content = content.replace(f"Version: {old}".encode(), b"Version: 99.0.0")
        other.writestr(entry.replace(f"-{old}.dist-info", "-99.0.0.dist-info"), content)
with open(os.path.join(folder, name), "rb") as file:
    digest = hashlib.sha256(file.read()).hexdigest()
metadata = {"name": "aksbackup", "version": "99.0.0", "azext.minCliCoreVersion": "2.0.0"}
entry = {"downloadUrl": f"{address}/{name}", "filename": name, "sha256Digest": digest, "metadata": metadata}
with open(os.path.join(folder, "index.json"), "w") as file:
    json.dump({"formatVersion": "1", "extensions": {"aksbackup": [entry]}}, file)
"#;

/// Serves the files of a folder for as long as the test runs.
fn serve(listener: TcpListener, folder: PathBuf) {
    std::thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            let mut line = String::new();
            BufReader::new(&stream).read_line(&mut line).unwrap();
            let name = line.split(['/', ' ']).nth(2).unwrap_or_default().to_owned();
            let body = fs::read(folder.join(&name)).unwrap_or_default();
            let head = format!(
                "HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
                body.len()
            );
            let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(&body));
        }
    });
}

#[test]
fn az_updates_it_from_an_index_of_extensions() {
    let az = Az::new(&[]);
    let folder = tempfile::tempdir().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let mut python = Command::new("python3");
    python
        .args(["-c", NEWER])
        .arg(az.wheel())
        .arg(folder.path())
        .arg(&address);
    finish(&mut python).ok();
    serve(listener, folder.path().to_owned());
    let mut update = az.command("nobody", &["extension", "update", "--name", "aksbackup"]);
    finish(update.env("AZURE_EXTENSION_INDEX_URL", format!("{address}/index.json"))).ok();
    let listed = az.run("nobody", &["extension", "list", "-o", "json"]).ok();
    let listed: Value = serde_json::from_str(&listed.stdout).unwrap();
    assert_eq!(listed[0]["version"], "99.0.0");
    az.aksbackup("nobody", &["version"]).ok();
}

#[test]
fn wrong_words_are_answered_as_az_does() {
    let az = Az::new(&[]);
    az.aksbackup("nobody", &["stat"]).ends(2).says("Did you mean 'status'");
    az.aksbackup("nobody", &["init", "--redundancy", "Sometimes"])
        .ends(2)
        .says("Allowed values: LocallyRedundant");
    az.aksbackup("nobody", &["grant", "--no-such"])
        .ends(2)
        .says("--no-such");
    az.aksbackup("nobody", &["status", "--offline"])
        .ends(3)
        .says("az aksbackup init");
    let missing = az.aksbackup("nobody", &["status", "--offline", "-o", "json"]).ends(3);
    let document: Value = serde_json::from_str(&missing.stdout).unwrap();
    assert!(
        document["error"]["what"]
            .as_str()
            .is_some_and(|what| what.contains("aksbackup.toml")),
        "{document}"
    );
}

#[test]
fn tab_completes_commands_options_values_groups_and_names() {
    let az = Az::with(&["platform"]);
    az.stage.prepared();
    let completed = |line: &str| az.completed("platform", line);
    assert!(completed("az aksb").contains(&"aksbackup".to_owned()));
    assert!(completed("az aksbackup pre").contains(&"prepare".to_owned()));
    assert!(completed("az aksbackup grant --snap").contains(&"--snapshot-resource-group".to_owned()));
    assert!(completed("az aksbackup init --redundancy ").contains(&"ZoneRedundant".to_owned()));
    assert!(completed("az aksbackup init --schedule ").contains(&"daily".to_owned()));
    assert!(completed("az aksbackup doctor ex").contains(&"explain".to_owned()));
    assert!(completed("az aksbackup doctor explain FIC-IS").contains(&"FIC-ISSUER".to_owned()));
    assert!(completed("az aksbackup init -g rg-").contains(&"rg-backup".to_owned()));
    assert!(completed("az aksbackup init -g rg-aks -n ").contains(&"aks-demo".to_owned()));
    let vault = az.stage.value("/target/vault/name");
    assert_eq!(completed("az aksbackup init --vault "), [vault.as_str()]);
    // Completed from the file, a confirmation would say nothing about it.
    for option in ["--cluster", "--vault", "--storage-account"] {
        let own = completed(&format!("az aksbackup grant {option} "));
        let account = az.stage.value("/target/storage/account");
        let told = [vault.as_str(), "aks-demo", &account];
        let is_told = |word: &String| told.iter().any(|name| word.contains(name));
        assert!(!own.iter().any(is_told), "{option}: {own:?}");
    }
}

#[test]
fn questions_are_asked_on_the_terminal_and_refused_without_one() {
    let az = Az::with(&["platform"]);
    az.stage.init("platform").ok();
    az.aksbackup("platform", &["prepare"]).ends(2).says("--yes");
    let no = answered(az.command("platform", &["aksbackup", "prepare"]), "[y/N]", "n\n").unwrap();
    assert_eq!(no.code, 8, "{no}");
    let mut table = az.command("platform", &["aksbackup", "prepare", "-o", "table"]);
    table.env("COLUMNS", "200");
    let no = answered(table, "[y/N]", "n\n").unwrap();
    assert!(
        no.code == 8 && no.stderr.contains("Outcome") && !no.stderr.contains("Error"),
        "{no}"
    );
    assert_eq!(az.stage.value("/cloud/storage/account"), "", "nothing was made\n{no}");
}

#[test]
fn a_program_that_cannot_be_used_is_refused_in_plain_words() {
    let az = Az::new(&[]);
    let with = |bin: &str, version: Option<&str>| {
        let mut command = az.command("nobody", &["aksbackup", "version"]);
        command.env("AKSBACKUP_BIN", bin);
        if let Some(version) = version {
            command.env("AKSBACKUP_AZ_EXTENSION", version);
        }
        finish(&mut command)
    };
    with("/no/such/program", None)
        .ends(1)
        .says("AKSBACKUP_BIN names no program");
    // The magic number of a Mach-O file: a program, but for another system.
    let foreign = az.folder().join("foreign");
    fs::write(&foreign, [0xcf, 0xfa, 0xed, 0xfe, 7, 0, 0, 1]).unwrap();
    fs::set_permissions(&foreign, fs::Permissions::from_mode(0o755)).unwrap();
    with(foreign.to_str().unwrap(), None).ends(1).says("cannot be run here");
    let mut other = Command::new(binary("az-aksbackup"));
    other.arg("version").env("AKSBACKUP_AZ_EXTENSION", "9.9.9");
    finish(&mut other).ends(1).says("9.9.9").says("install both again");
    let mut bare = az.command("nobody", &["aksbackup", "version"]);
    bare.env_remove("AKSBACKUP_BIN").env("PATH", "/usr/bin:/bin");
    finish(&mut bare).ends(1).says("is not installed");
}

#[test]
fn it_is_found_in_the_package_before_the_path() {
    let az = Az::new(&[]);
    let inside = az.folder().join("extensions/aksbackup/azext_aksbackup/bin");
    fs::create_dir_all(&inside).unwrap();
    fs::copy(binary("az-aksbackup"), inside.join("az-aksbackup")).unwrap();
    let mut command = az.command("nobody", &["aksbackup", "version", "-o", "tsv"]);
    command.env_remove("AKSBACKUP_BIN").env("PATH", "/usr/bin:/bin");
    finish(&mut command).ok().says(env!("CARGO_PKG_VERSION"));
    fs::remove_dir_all(&inside).unwrap();
    let mut command = az.command("nobody", &["aksbackup", "version", "-o", "tsv"]);
    let own = binary("az-aksbackup");
    command
        .env_remove("AKSBACKUP_BIN")
        .env("PATH", Az::path_with(own.parent().unwrap()));
    finish(&mut command).ok().says(env!("CARGO_PKG_VERSION"));
}

#[test]
fn one_interrupt_ends_both_cleanly() {
    use std::os::unix::process::CommandExt as _;
    let az = Az::with(&["platform"]);
    az.stage.init("platform").ok();
    az.stage.sandbox.set("cluster_update=100000").unwrap();
    let mut command = az.command("platform", &["aksbackup", "prepare", "--yes"]);
    command.process_group(0).stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = command.spawn().unwrap();
    let group = Pid::from_raw(i32::try_from(child.id()).unwrap());
    let accepted = az
        .stage
        .sandbox
        .log()
        .wait_until(std::time::Duration::from_secs(120), |entries| {
            entries
                .iter()
                .any(|entry| entry.method == "PUT" && entry.target.contains("managedClusters/aks-demo?"))
        });
    assert!(accepted, "prepare began nothing");
    nix::sys::signal::killpg(group, Signal::SIGINT).unwrap();
    let output = child.wait_with_output().unwrap();
    let text = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(130), "{text}");
    assert!(text.contains("interrupted") && !text.contains("Traceback"), "{text}");
    assert!(
        kill(Pid::from_raw(-group.as_raw()), None).is_err(),
        "a process of the group goes on"
    );
}
