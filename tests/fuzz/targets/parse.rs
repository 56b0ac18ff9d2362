//! Any bytes as a state file: read or refused with exit 7, never a panic, and never with characters that steer a terminal.
#![no_main]

use std::cell::RefCell;
use std::time::Duration;

use aksbackup_shared::console::steers;
use aksbackup_shared::exit::Exit;
use aksbackup_shared::schema::ClusterTables;
use aksbackup_shared::state::store::Store;
use aksbackup_shared::{handoff, status};
use libfuzzer_sys::fuzz_target;
use tempfile::TempDir;

thread_local! {
    static FOLDER: RefCell<Option<TempDir>> = const { RefCell::new(None) };
}

fuzz_target!(|bytes: &[u8]| {
    let path = FOLDER.with_borrow_mut(|folder| {
        let folder = folder.get_or_insert_with(|| {
            tempfile::tempdir_in("/dev/shm")
                .or_else(|_| tempfile::tempdir())
                .unwrap()
        });
        folder.path().join("aksbackup.toml")
    });
    std::fs::write(&path, bytes).unwrap();
    let store: Store<ClusterTables> = Store::new(&path, "fuzz", Duration::ZERO, false);
    match store.load_with_digest() {
        Ok(Some((state, digest))) => {
            for row in status::rows(&state, None) {
                assert!(!row.evidence.chars().any(steers), "{:?}", row.evidence);
            }
            let message = handoff::Message::new(&state, &digest, &path);
            assert!(!message.text().chars().any(steers));
            assert!(!message.markdown().chars().any(steers));
        }
        Ok(None) => panic!("the file is there"),
        Err(failure) => {
            assert_eq!(failure.exit, Exit::StateUnreadable);
            assert!(!failure.to_string().chars().any(steers), "{failure:?}");
        }
    }
});
