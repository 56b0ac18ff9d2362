//! Disks that are full, read-only, closed, broken or gone, in the middle of `prepare`: the previous file is unchanged, what was
//! achieved is said, and the next run finds it again.

use std::io::Write as _;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};

use aksbackup_tests::harness::{Run, Stage, finish};

use crate::extent;
use crate::faulty::{NOBODY, SmallDisk, can_inject, injected, is_root, mount};
use crate::made;

/// A stage, and a folder beside that the state file is going to be in.
fn stage() -> (Stage, PathBuf) {
    let stage = Stage::new().unwrap();
    let folder = stage.folder().join("disk");
    std::fs::create_dir(&folder).unwrap();
    (stage, folder)
}

/// Puts the state file into `folder`. The stage's own is a link to it.
fn begin(stage: &Stage, folder: &Path) {
    symlink(folder.join("aksbackup.toml"), stage.state()).unwrap();
    stage.init("platform").ok();
    assert!(stage.state().is_symlink() && folder.join("aksbackup.toml").is_file());
}

fn prepare(stage: &Stage) -> Command {
    stage.az_command("platform", &["prepare", "--yes"])
}

/// Lets `strike` happen once, when the vault is asked for: it will be made, and cannot be recorded.
fn strike_at_the_vault(stage: &Stage, strike: impl Fn() + Send + Sync + 'static) {
    let struck = AtomicBool::new(false);
    stage.sandbox.log().on_arrival(move |arrival| {
        let vault = arrival.method == "PUT" && arrival.target.to_ascii_lowercase().contains("/backupvaults/");
        if vault && !struck.swap(true, Ordering::SeqCst) {
            strike();
        }
    });
}

/// The command failed on the file, said what it had made, and left a file that can be read.
fn failed(run: Run, words: &[&str]) {
    let run = run.ends(7).says("completed before: create ");
    words.iter().fold(run, |run, word| run.says(word));
}

/// The next run finds everything again and makes nothing twice.
fn goes_on(stage: &Stage, mut command: Command) {
    made::state_parses(stage);
    finish(&mut command).ok();
    made::nothing_twice(stage);
    made::each_asked_for_once(stage);
    made::all_recorded(stage);
    assert!(stage.state().is_symlink(), "the link became a file");
}

#[test]
fn a_full_disk() {
    let (stage, folder) = stage();
    let Some(_disk) = SmallDisk::on(&folder) else {
        return extent::told("full disk: NOT TRIED, it takes root to mount a small one");
    };
    begin(&stage, &folder);
    let filler = folder.join("filler");
    let fill = filler.clone();
    strike_at_the_vault(&stage, move || {
        let mut file = std::fs::File::create(&fill).unwrap();
        while file.write_all(&[0; 512]).is_ok() {}
    });
    let words = [
        "No space left on device",
        "the previous file is unchanged",
        "free up space in ",
    ];
    failed(finish(&mut prepare(&stage)), &words);
    std::fs::remove_file(filler).unwrap();
    goes_on(&stage, prepare(&stage));
}

#[test]
fn a_disk_that_becomes_read_only() {
    let (stage, folder) = stage();
    let Some(_disk) = SmallDisk::on(&folder) else {
        return extent::told("read-only disk: NOT TRIED, it takes root to mount one");
    };
    begin(&stage, &folder);
    let place = folder.clone();
    // A disk that is just being written cannot be made read-only.
    strike_at_the_vault(&stage, move || while !mount(&["-o", "remount,ro"], &place) {});
    failed(finish(&mut prepare(&stage)), &["Read-only file system", "--state FILE"]);
    assert!(mount(&["-o", "remount,rw"], &folder));
    goes_on(&stage, prepare(&stage));
}

#[test]
fn a_folder_that_may_not_be_written_any_more() {
    let (stage, folder) = stage();
    begin(&stage, &folder);
    let mode = |path: &Path, mode| std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    mode(stage.folder(), 0o755);
    mode(&folder, 0o777);
    // To the superuser nothing is closed. Nobody didn't run `init`, so they confirm what the file names.
    let by_nobody = || {
        let mut command = prepare(&stage);
        command.args(stage.vouchers());
        if is_root() {
            command.uid(NOBODY).gid(NOBODY);
        }
        command
    };
    let closed = folder.clone();
    strike_at_the_vault(&stage, move || mode(&closed, 0o555));
    failed(finish(&mut by_nobody()), &["Permission denied", "--state FILE"]);
    mode(&folder, 0o777);
    goes_on(&stage, by_nobody());
}

#[test]
fn a_folder_that_vanishes() {
    let (stage, folder) = stage();
    begin(&stage, &folder);
    let away = stage.folder().join("away");
    let (from, to) = (folder.clone(), away.clone());
    strike_at_the_vault(&stage, move || std::fs::rename(&from, &to).unwrap());
    failed(finish(&mut prepare(&stage)), &["no longer exists"]);
    std::fs::rename(away, folder).unwrap();
    goes_on(&stage, prepare(&stage));
}

#[test]
fn a_disk_that_cannot_make_it_durable() {
    if !can_inject() {
        return extent::told("EIO on fsync: NOT TRIED, it takes strace");
    }
    // Each write makes the file durable, and then its folder.
    for (inject, words) in [
        (
            "fsync:error=EIO:when=7+2",
            ["Input/output error", "the previous file is unchanged"],
        ),
        (
            "fsync:error=EIO:when=8+2",
            ["Input/output error", "the disk didn't confirm it"],
        ),
        (
            "/^rename:error=EIO:when=4+",
            ["Input/output error", "the previous file is unchanged"],
        ),
    ] {
        let (stage, folder) = stage();
        begin(&stage, &folder);
        let run = finish(&mut injected(&prepare(&stage), inject));
        failed(run, &words);
        goes_on(&stage, prepare(&stage));
    }
}
