//! The files of every release are read for ever, and come through a change without a scratch.
//!
//! A file here is what a released program wrote, and is never changed. A new number of the format gets new files, written
//! by the programs of that release: `<number>-<what was done>.toml`.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails, in its helpers as well")]

use std::path::{Path, PathBuf};
use std::time::Duration;

use aksbackup_shared::schema::{CloudTables, ClusterTables, SCHEMA, State};
use aksbackup_shared::state::migration::OLDEST;
use aksbackup_shared::state::store::Store;

fn fixtures() -> Vec<(u32, PathBuf)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/state-files");
    let mut found: Vec<(u32, PathBuf)> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .map(|path| {
            let name = path.file_name().unwrap().to_str().unwrap();
            (name.split_once('-').unwrap().0.parse().unwrap(), path)
        })
        .collect();
    found.sort();
    found
}

fn store(path: &Path) -> Store<ClusterTables> {
    Store::new(path, "test 0", Duration::ZERO, true)
}

/// A copy of a fixture to write into.
fn copy(path: &Path, folder: &tempfile::TempDir) -> (PathBuf, String) {
    let text = std::fs::read_to_string(path).unwrap();
    let own = folder.path().join("s.toml");
    std::fs::write(&own, &text).unwrap();
    (own, text)
}

#[test]
fn there_is_a_file_of_every_number() {
    for number in OLDEST..=SCHEMA {
        assert!(
            fixtures().iter().any(|(own, _)| *own == number),
            "no file of schema {number}"
        );
    }
}

#[tokio::test]
async fn every_file_is_read_and_not_touched_without_a_reason() {
    for (number, path) in fixtures() {
        let folder = tempfile::tempdir().unwrap();
        let (own, text) = copy(&path, &folder);
        let (state, written) = store(&own).update(|_| {}).await.unwrap();
        assert!(!written, "{}", path.display());
        assert_eq!(state.schema, number);
        assert!(
            state.target.is_some() && state.cloud != CloudTables::default(),
            "{}",
            path.display()
        );
        assert_eq!(std::fs::read_to_string(&own).unwrap(), text);
    }
}

#[tokio::test]
async fn a_change_and_its_reversal_leave_but_a_signature() {
    for (number, path) in fixtures() {
        let folder = tempfile::tempdir().unwrap();
        let (own, text) = copy(&path, &folder);
        let store: Store<CloudTables> = Store::new(&own, "test 0", Duration::ZERO, true);
        let change = |from: &'static str, to: &'static str| {
            move |tables: &mut CloudTables| {
                let providers = &mut tables.prerequisites.as_mut().unwrap().providers;
                providers
                    .iter_mut()
                    .filter(|own| *own == from)
                    .for_each(|own| *own = to.into());
            }
        };
        store
            .update(change("Microsoft.Storage", "Microsoft.Other"))
            .await
            .unwrap();
        store
            .update(change("Microsoft.Other", "Microsoft.Storage"))
            .await
            .unwrap();
        let now = std::fs::read_to_string(&own).unwrap();
        assert!(now.contains(&format!("schema = {number}\n")));
        let changed: Vec<_> = text.lines().zip(now.lines()).filter(|(old, new)| old != new).collect();
        assert_eq!(
            (changed.len(), text.lines().count()),
            (1, now.lines().count()),
            "{changed:?}"
        );
        assert!(changed[0].0.starts_with("written = "), "{changed:?}");
    }
}

#[tokio::test]
async fn every_file_can_be_raised_and_says_the_same_then() {
    for (number, path) in fixtures() {
        let folder = tempfile::tempdir().unwrap();
        let (own, text) = copy(&path, &folder);
        let before = store(&own).load().unwrap().unwrap();
        let migration = store(&own).migrate(false).await.unwrap();
        assert_eq!(migration.map(|done| done.from), (number < SCHEMA).then_some(number));
        let after = store(&own).load().unwrap().unwrap();
        assert_eq!(
            after,
            State {
                schema: SCHEMA,
                ..before
            },
            "{}",
            path.display()
        );
        let now = std::fs::read_to_string(&own).unwrap();
        let comments = |text: &str| {
            text.lines()
                .filter(|line| line.starts_with("# "))
                .map(str::to_owned)
                .collect::<Vec<_>>()
        };
        assert_eq!(comments(&now), comments(&text));
        assert!(now.starts_with("#:schema "), "{now}");
    }
}
