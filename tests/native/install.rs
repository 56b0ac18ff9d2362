//! `install.sh`: from a release to a prefix and into az, again, upgraded, and away without a trace.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use aksbackup_tests::harness::{Run, finish};

use crate::az::Az;
use crate::release::{ROOT, archive, packed};

const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The shells that the script has to run in. What is missing is an error where `CI` is set, and said elsewhere.
fn shells() -> Vec<Vec<&'static str>> {
    let all = [
        vec!["dash"],
        vec!["bash", "--posix"],
        vec!["bash"],
        vec!["busybox", "sh"],
    ];
    let (there, missing): (Vec<_>, Vec<_>) = all.into_iter().partition(|shell| is_there(shell[0]));
    assert!(
        missing.is_empty() || std::env::var_os("CI").is_none(),
        "these shells are missing: {missing:?}"
    );
    if !missing.is_empty() {
        eprintln!("install: NOT TRIED with {missing:?}: they are not installed");
    }
    there
}

fn is_there(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(program).is_file())
}

/// A home with nothing in it.
struct Home(tempfile::TempDir);

impl Home {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn prefix(&self) -> PathBuf {
        self.0.path().join("home of mine/.local")
    }

    fn command(&self, shell: &[&str], script: &Path, arguments: &[&str]) -> Command {
        let mut command = Command::new(shell[0]);
        command
            .args(&shell[1..])
            .arg(script)
            .args(arguments)
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .env("TMPDIR", self.0.path())
            .env("HOME", self.0.path().join("home of mine"))
            .current_dir(self.0.path());
        command
    }

    fn install(&self, shell: &[&str], arguments: &[&str]) -> Run {
        finish(&mut self.command(shell, &Path::new(ROOT).join("install.sh"), arguments))
    }

    /// Everything below the home, but nothing of the wheel's own extension folder.
    fn files(&self) -> BTreeSet<String> {
        let mut files = BTreeSet::new();
        collect(self.0.path(), self.0.path(), &mut files);
        files
    }
}

fn collect(root: &Path, folder: &Path, files: &mut BTreeSet<String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        files.insert(path.strip_prefix(root).unwrap().display().to_string());
        if path.is_dir() {
            collect(root, &path, files);
        }
    }
}

fn from_archive() -> [String; 2] {
    ["--archive".to_owned(), archive().display().to_string()]
}

#[test]
fn every_script_is_clean_under_shellcheck() {
    if !is_there("shellcheck") {
        assert!(std::env::var_os("CI").is_none(), "shellcheck is missing");
        eprintln!("install: NOT TRIED: shellcheck is not installed");
        return;
    }
    let mut list = Command::new("git");
    // With those that are only sourced: it follows what is named to it.
    let list = finish(list.args(["-C", ROOT, "grep", "-lE", "^(#!.*sh$|# shellcheck shell=)"])).ok();
    let scripts: Vec<&str> = list.stdout.lines().collect();
    assert!(
        ["install.sh", ".ci/release", "tests/steps.sh"]
            .iter()
            .all(|own| scripts.contains(own)),
        "{list}"
    );
    finish(Command::new("shellcheck").args(&scripts).current_dir(ROOT)).ok();
}

#[test]
fn each_shell_installs_installs_again_and_leaves_nothing_behind() {
    let archive = from_archive();
    let archive = [archive[0].as_str(), archive[1].as_str()];
    for shell in shells() {
        let home = Home::new();
        fs::create_dir_all(home.prefix()).unwrap();
        fs::write(home.prefix().join("not ours"), "").unwrap();
        let before = home.files();
        let first = home
            .install(&shell, &archive)
            .ok()
            .says(&format!("installed aksbackup {VERSION}"));
        let bin = home.prefix().join("bin");
        first
            .says(bin.join("az-aksbackup").to_str().unwrap())
            .says(home.prefix().join("share/man/man1").to_str().unwrap())
            .says("not added: there is no az on the PATH");
        for program in ["az-aksbackup", "kubectl-aksbackup"] {
            finish(Command::new(bin.join(program)).arg("version"))
                .ok()
                .says(VERSION);
        }
        let installed = home.files();
        for part in [
            "bin/kubectl_complete-aksbackup",
            "share/man/man1/az-aksbackup-grant.1",
            "share/man/man1/kubectl-aksbackup.1",
            "share/bash-completion/completions/kubectl-aksbackup",
            "share/zsh/site-functions/_az-aksbackup",
            "share/fish/vendor_completions.d/az-aksbackup.fish",
        ] {
            assert!(home.prefix().join(part).is_file(), "{part}\n{installed:#?}");
        }
        home.install(&shell, &archive).ok().says("reinstalled");
        assert_eq!(home.files(), installed, "the second time changes nothing ({shell:?})");
        home.install(&shell, &["--uninstall"]).ok();
        assert_eq!(home.files(), before, "{shell:?}");
        home.install(&shell, &["--uninstall"]).ends(3).says("is not installed");
    }
}

#[test]
fn a_prefix_with_a_line_break_is_refused_before_anything_is_written() {
    for shell in shells() {
        let home = Home::new();
        let before = home.files();
        for more in [&[][..], &["--uninstall"]] {
            let words = [&["--prefix", "one\ntwo"][..], more].concat();
            home.install(&shell, &words)
                .ends(2)
                .says("the prefix must not contain a line break");
        }
        assert_eq!(home.files(), before, "{shell:?}");
    }
}

#[test]
fn an_upgrade_takes_away_what_the_new_version_has_not() {
    let home = Home::new();
    let [flag, archive] = from_archive();
    home.install(&["sh"], &[&flag, &archive]).ok();
    let prefix = home.prefix();
    let record = prefix.join("share/aksbackup/installed");
    let noted = fs::read_to_string(&record).unwrap();
    fs::write(&record, format!("{noted}file share/man/man1/az-aksbackup-of-old.1\n")).unwrap();
    fs::write(prefix.join("share/man/man1/az-aksbackup-of-old.1"), "").unwrap();
    for name in ["az-aksbackup", "kubectl-aksbackup"] {
        fs::write(prefix.join("bin").join(name), "#!/bin/sh\necho aksbackup 0.0.9\n").unwrap();
    }
    home.install(&["sh"], &[&flag, &archive])
        .ok()
        .says(&format!("upgraded aksbackup from 0.0.9 to {VERSION}"));
    assert!(!prefix.join("share/man/man1/az-aksbackup-of-old.1").exists());
    assert_eq!(fs::read_to_string(&record).unwrap(), noted);
}

#[test]
fn an_archive_that_is_not_the_released_one_is_refused_before_anything_is_written() {
    let home = Home::new();
    let folder = home.0.path().join("downloads");
    fs::create_dir_all(&folder).unwrap();
    let copy = folder.join(archive().file_name().unwrap());
    let mut bytes = fs::read(archive()).unwrap();
    fs::copy(packed().join("SHA256SUMS"), folder.join("SHA256SUMS")).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&copy, &bytes).unwrap();
    let copy = copy.to_str().unwrap();
    let before = home.files();
    home.install(&["sh"], &["--archive", copy])
        .ends(1)
        .says("is not the released file");
    let wrong = "0".repeat(64);
    home.install(&["sh"], &["--archive", copy, "--sha256", &wrong])
        .ends(1)
        .says(&wrong);
    assert_eq!(home.files(), before);
    fs::remove_file(folder.join("SHA256SUMS")).unwrap();
    home.install(&["sh"], &["--archive", copy]).ends(2).says("--sha256");
    fs::copy(archive(), copy).unwrap();
    let mut sum = Command::new("sha256sum");
    let sum = finish(sum.arg(copy)).ok().stdout;
    let sum = sum.split_whitespace().next().unwrap().to_uppercase();
    home.install(&["sh"], &["--archive", copy, "--sha256", &sum]).ok();
}

#[test]
fn an_unpacked_release_installs_itself_and_says_what_it_cannot() {
    let home = Home::new();
    let mut tar = Command::new("tar");
    finish(tar.args(["-xzf", archive().to_str().unwrap(), "-C"]).arg(home.0.path())).ok();
    let name = archive().file_name().unwrap().to_str().unwrap().to_owned();
    let folder = home.0.path().join(name.trim_end_matches(".tar.gz"));
    for page in ["LICENSE-MIT", "LICENSE-APACHE", "README.md"] {
        assert!(folder.join(page).is_file(), "{page}");
    }
    let prefix = home.0.path().join("opt");
    let run = |arguments: &[&str]| finish(&mut home.command(&["sh"], &folder.join("install.sh"), arguments));
    // No compiler is on the PATH: the archive has the simulator, and leaves nothing but the folder of the simulation.
    run(&["--prefix", prefix.to_str().unwrap(), "--try", "--no-install"])
        .ok()
        .says("The cluster is protected and its first backup is complete")
        .says("Nothing was installed");
    assert!(!prefix.exists());
    run(&["--prefix", "opt"]).ok();
    assert!(prefix.join("bin/az-aksbackup").is_file());
    // A program for another system: the magic number of a Mach-O file.
    fs::write(folder.join("bin/az-aksbackup"), [0xcf, 0xfa, 0xed, 0xfe]).unwrap();
    run(&["--prefix", "opt"]).ends(1).says("do not run on this machine");
    finish(Command::new(prefix.join("bin/az-aksbackup")).arg("version")).ok();
    run(&["--prefix=opt", "--uninstall"]).ok();
    assert!(!prefix.exists());
}

#[test]
fn where_there_is_az_it_gets_the_extension_and_loses_it_again() {
    let az = Az::bare(&[]);
    let home = Home::new();
    let path = format!("{}:/usr/bin:/bin", az.program().display());
    let install = |arguments: &[&str]| {
        let script = Path::new(ROOT).join("install.sh");
        finish(home.command(&["sh"], &script, arguments).env("PATH", &path))
    };
    let [flag, archive] = from_archive();
    let extension = az.folder().join("extensions/aksbackup");
    let version = || {
        let mut command = az.command("nobody", &["aksbackup", "version", "-o", "tsv"]);
        // Neither by name nor on the PATH: az finds the program that was installed.
        command.env_remove("AKSBACKUP_BIN").env("PATH", "/usr/bin:/bin");
        finish(&mut command)
    };
    install(&[&flag, &archive, "--no-extension"]).ok().says("skipped");
    assert!(!extension.exists());
    for _ in ["first", "again"] {
        install(&[&flag, &archive]).ok().says(extension.to_str().unwrap());
        version().ok().says(VERSION);
    }
    install(&["--uninstall"]).ok().says("removed the extension");
    assert!(!extension.exists());
    version().ends(2);
    // One that was added otherwise is not ours to remove.
    install(&[&flag, &archive]).ok();
    fs::remove_file(extension.join("bin/az-aksbackup")).unwrap();
    install(&["--uninstall"]).ok();
    assert!(extension.exists());
}
