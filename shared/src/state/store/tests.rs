use super::*;
use crate::exit::Exit;
use crate::schema::{ClusterTables, RolloutTable, WorkloadIdentityTable, WorkloadsTable};

fn store(folder: &tempfile::TempDir) -> Store<ClusterTables> {
    Store::new(&folder.path().join("s.toml"), "test 0", Duration::ZERO, true)
}

fn workloads() -> WorkloadsTable {
    WorkloadsTable {
        namespace: "ns".parse().unwrap(),
        deployments: vec!["d".parse().unwrap()],
        service_accounts: vec!["a".parse().unwrap(), "b".parse().unwrap()],
        written: None,
    }
}

#[tokio::test]
async fn an_update_that_changes_nothing_does_not_touch_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(&folder);
    store
        .update(|tables| tables.workloads = Some(workloads()))
        .await
        .unwrap();
    let before = (
        std::fs::read(store.path()).unwrap(),
        std::fs::metadata(store.path()).unwrap().modified().unwrap(),
    );
    let (_, written) = store
        .update(|tables| {
            tables.workloads = Some(workloads());
        })
        .await
        .unwrap();
    let after = (
        std::fs::read(store.path()).unwrap(),
        std::fs::metadata(store.path()).unwrap().modified().unwrap(),
    );
    assert!(!written);
    assert_eq!(before, after);
}

#[tokio::test]
async fn only_the_changed_table_is_signed_anew_and_names_its_parent() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(&folder);
    let (first, _) = store
        .update(|tables| tables.workloads = Some(workloads()))
        .await
        .unwrap();
    let identity = WorkloadIdentityTable {
        client_id: "0b1f6471-1bf0-4dda-aec3-cb9272f09590".parse().unwrap(),
        service_accounts: vec![],
        written: None,
    };
    let (second, _) = store
        .update(|tables| tables.workload_identity = Some(identity))
        .await
        .unwrap();
    assert_eq!(first.cluster.workloads, second.cluster.workloads);
    let (third, _) = store
        .update(|tables| {
            if let Some(workloads) = &mut tables.workloads {
                workloads.service_accounts.pop();
            }
        })
        .await
        .unwrap();
    let id = |state: &State| state.cluster.workloads.clone().unwrap().written.unwrap();
    assert_eq!(id(&third).ancestors, [id(&second).id]);
}

#[tokio::test]
async fn bad_toml_is_exit_7_with_its_place_and_stays_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(&folder);
    for (text, at) in [
        ("schema = 1\nx = \n", ":2:5"),
        ("schema = \"one\"\n", ":1:10"),
        ("schema = 1\n[cluster.workloads]\nnamespace = \"A b\"\n", ":3:13"),
    ] {
        std::fs::write(store.path(), text).unwrap();
        let failure = store.update(|_| {}).await.unwrap_err();
        assert_eq!(failure.exit, Exit::StateUnreadable);
        assert!(failure.what.ends_with(at), "{} does not end with {at}", failure.what);
        assert_eq!(std::fs::read_to_string(store.path()).unwrap(), text);
    }
}

#[tokio::test]
async fn a_file_that_could_steer_the_terminal_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(&folder);
    for bad in [
        "x = \"\\u001b[2J\"",
        "[a]\nb = [\"ok\", \"\\u009b2J\"]",
        "[a]\n\"\\u001bk\" = 1",
    ] {
        std::fs::write(store.path(), format!("schema = 1\n{bad}\n")).unwrap();
        let failure = store.load().unwrap_err();
        assert_eq!(failure.exit, Exit::StateUnreadable);
        assert!(!failure.to_string().contains(['\u{1b}', '\u{9b}']), "{failure}");
    }
    std::fs::write(store.path(), "schema = 1\nnote = \"\"\"two\n\tlines\"\"\"\n").unwrap();
    assert!(store.load().is_ok());
}

#[tokio::test]
async fn a_newer_file_is_read_as_far_as_it_is_known_and_never_written() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(&folder);
    let newer = "schema = 99\nanything = true\n[cluster.rollout]\ndeployments = [\"d\"]\nnew = 1\n";
    std::fs::write(store.path(), newer).unwrap();
    let state = store.load().unwrap().unwrap();
    assert_eq!(state.schema, 99);
    assert_eq!(state.cluster.rollout.map(|table| table.deployments.len()), Some(1));
    let failure = store.update(|tables| tables.rollout = None).await.unwrap_err();
    assert_eq!(failure.exit, Exit::StateUnreadable);
    assert!(
        failure.to_string().contains("schema 99") && !failure.hints.is_empty(),
        "{failure}"
    );
    assert_eq!(std::fs::read_to_string(store.path()).unwrap(), newer);
    std::fs::write(store.path(), "schema = 99\ncluster = \"of another shape\"\n").unwrap();
    let failure = store.load().unwrap_err();
    assert!(
        failure.what.ends_with(":2:11") && failure.to_string().contains("schema 99"),
        "{failure}"
    );
    std::fs::write(store.path(), "schema = 0\n").unwrap();
    assert_eq!(store.load().unwrap_err().exit, Exit::StateUnreadable);
}

#[tokio::test]
async fn a_file_keeps_its_number_and_what_is_no_business_of_ours() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(&folder);
    let first = include_str!("../../../tests/state-files/1-protected.toml")
        .replace("[cluster.rollout]", "# mine\n[cluster.rollout]");
    std::fs::write(store.path(), &first).unwrap();
    let (state, written) = store.update(|_| {}).await.unwrap();
    assert!(!written && state.schema == 1);
    let last = state.cluster.rollout.unwrap().written.unwrap();
    store
        .update(|tables| tables.rollout.as_mut().unwrap().deployments.clear())
        .await
        .unwrap();
    let text = std::fs::read_to_string(store.path()).unwrap();
    assert!(text.contains(&format!("parent = \"{}\"", last.id)), "{text}");
    assert!(
        text.contains("schema = 1\n") && !text.contains("ancestors") && text.contains("# mine\n"),
        "{text}"
    );
}

#[tokio::test]
async fn a_table_that_is_taken_away_leaves_a_note_that_its_return_follows() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(&folder);
    let fill = |tables: &mut ClusterTables| tables.workloads = Some(workloads());
    let (first, _) = store.update(fill).await.unwrap();
    let (second, _) = store.update(|tables| tables.workloads = None).await.unwrap();
    let first = first.cluster.workloads.unwrap().written.unwrap();
    let removal = second.cluster.removed[0].clone();
    assert_eq!(
        (removal.table.as_str(), &removal.written.ancestors),
        ("workloads", &vec![first.id.clone()])
    );
    let (third, _) = store.update(fill).await.unwrap();
    assert!(third.cluster.removed.is_empty());
    let third = third.cluster.workloads.unwrap().written.unwrap();
    assert_eq!(third.ancestors, [removal.written.id, first.id]);
}

#[tokio::test]
async fn ancestors_are_forgotten_beyond_the_bound_alone() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(&folder);
    let mut ids = Vec::new();
    for round in 0..crate::schema::ANCESTORS + 3 {
        let (state, _) = store
            .update(|tables| {
                let name = format!("d{round}").parse().unwrap();
                tables.rollout = Some(RolloutTable {
                    deployments: vec![name],
                    written: None,
                });
            })
            .await
            .unwrap();
        ids.insert(0, state.cluster.rollout.unwrap().written.unwrap().id);
    }
    let last = store.load().unwrap().unwrap().cluster.rollout.unwrap().written.unwrap();
    assert_eq!(last.line().collect::<Vec<_>>(), ids[..=crate::schema::ANCESTORS]);
}

#[tokio::test]
async fn a_held_file_is_exit_6_and_names_its_holder() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(&folder);
    let _held = Lock::take(store.path(), Duration::ZERO, |_| {}).await.unwrap();
    let failure = store.update(|_| {}).await.unwrap_err();
    assert_eq!(failure.exit, Exit::StateHeld);
    assert!(failure.why[0].contains(&std::process::id().to_string()));
}

#[tokio::test]
async fn windows_line_ends_and_a_byte_order_mark_are_accepted() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(&folder);
    std::fs::write(store.path(), "\u{feff}schema = 1\r\n# mine\r\n").unwrap();
    store
        .update(|tables| tables.workloads = Some(workloads()))
        .await
        .unwrap();
    let text = std::fs::read_to_string(store.path()).unwrap();
    assert!(
        text.starts_with("schema = 1\n") && text.contains("\n# mine\n") && !text.contains('\r'),
        "{text}"
    );
}

#[tokio::test]
async fn tables_of_the_other_plane_and_unchanged_ones_are_not_signed() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(&folder);
    let by_hand = "schema = 1\n\n[cloud.trusted_access]\nbinding = \"/subscriptions/0b1f6471-1bf0-4dda-aec3-cb9272f09590/resourceGroups/rg\"\n\
                   vault = \"/subscriptions/0b1f6471-1bf0-4dda-aec3-cb9272f09590/resourceGroups/rg\"\n\n\
                   [cluster.rollout]\ndeployments = []\n";
    std::fs::write(store.path(), by_hand).unwrap();
    store
        .update(|tables| tables.workloads = Some(workloads()))
        .await
        .unwrap();
    let text = std::fs::read_to_string(store.path()).unwrap();
    assert!(text.starts_with(by_hand), "{text}");
    assert_eq!(text.matches("written").count(), 1, "{text}");
}
