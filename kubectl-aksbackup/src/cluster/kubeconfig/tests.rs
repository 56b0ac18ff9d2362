use super::*;
use aksbackup_shared::exit::Exit;

fn kubeconfig() -> Kubeconfig {
    serde_json::from_value(serde_json::json!({
        "current-context": "one",
        "contexts": [
            { "name": "one", "context": { "cluster": "c", "user": "u" } },
            { "name": "two", "context": { "cluster": "gone", "user": "u" } },
        ],
        "clusters": [{ "name": "c", "cluster": { "server": "https://a:6443" } }],
        "users": [{ "name": "u", "user": { "token": "secret", "exec": null } }],
    }))
    .unwrap()
}

#[test]
fn the_current_context_is_taken() {
    let access = configured(
        &ConnectionFlags::default(),
        choose(&kubeconfig(), &ConnectionFlags::default()).unwrap(),
    );
    assert_eq!(access.unwrap().server, "https://a:6443");
}

#[test]
fn a_context_that_is_not_there_is_exit_3_with_those_that_are() {
    let flags = ConnectionFlags {
        context: Some("three".into()),
        ..ConnectionFlags::default()
    };
    let failure = choose(&kubeconfig(), &flags).err().unwrap();
    assert_eq!(failure.exit, Exit::Missing);
    assert!(failure.why[0].contains("one, two"));
}

#[test]
fn a_context_whose_cluster_is_gone_says_so() {
    let flags = ConnectionFlags {
        context: Some("two".into()),
        ..ConnectionFlags::default()
    };
    assert!(
        choose(&kubeconfig(), &flags)
            .err()
            .unwrap()
            .what
            .contains("cluster \"gone\"")
    );
}

#[test]
fn flags_win_over_the_kubeconfig() {
    let flags = ConnectionFlags {
        server: Some("b.example:443".into()),
        token: Some("other".into()),
        impersonate: Some("jane".into()),
        impersonate_groups: vec!["g1".into(), "g2".into()],
        impersonate_extras: vec![("k".into(), "v".into()), ("k".into(), "w".into())],
        ..ConnectionFlags::default()
    };
    let access = configured(&flags, choose(&kubeconfig(), &flags).unwrap()).unwrap();
    assert_eq!(access.server, "https://b.example:443");
    assert_eq!(access.config.auth_info.impersonate.as_deref(), Some("jane"));
    assert_eq!(access.config.auth_info.impersonate_groups.unwrap().len(), 2);
    assert_eq!(access.config.auth_info.impersonate_user_extra.unwrap()["k"], ["v", "w"]);
}
