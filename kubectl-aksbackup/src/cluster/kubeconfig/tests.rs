use super::*;
use aksbackup_shared::exit::Exit;
use base64::Engine as _;

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

fn access(change: impl FnOnce(&mut Kubeconfig), flags: &ConnectionFlags) -> Outcome<Access> {
    let mut own = kubeconfig();
    change(&mut own);
    configured(flags, choose(&own, flags)?)
}

fn user(own: &mut Kubeconfig) -> &mut AuthInfo {
    own.auth_infos[0].auth_info.as_mut().unwrap()
}

#[test]
fn a_pod_signs_in_by_its_account_where_nothing_names_a_cluster() {
    let (mut own, none) = (kubeconfig(), ConnectionFlags::default());
    assert!(names_a_cluster(Some(&own), &none));
    assert!(!names_a_cluster(None, &none) && !names_a_cluster(Some(&Kubeconfig::default()), &none));
    own.current_context = None;
    assert!(!names_a_cluster(Some(&own), &none));
    let flags = ConnectionFlags {
        context: Some("one".into()),
        ..none
    };
    assert!(names_a_cluster(Some(&own), &flags));
}

#[test]
fn a_token_goes_before_a_plugin() {
    let plugin: ExecConfig = serde_json::from_value(serde_json::json!({ "command": "p" })).unwrap();
    let none = ConnectionFlags::default();
    let own = access(|own| user(own).exec = Some(plugin.clone()), &none).unwrap();
    assert!(own.plugin.is_none());
    for token in [None, Some(String::new().into())] {
        let only = |own: &mut Kubeconfig| (user(own).exec, user(own).token) = (Some(plugin.clone()), token);
        assert!(access(only, &none).unwrap().plugin.is_some());
    }
}

#[test]
fn a_certificate_without_a_key_and_an_authority_that_is_not_asked_are_refused() {
    let flags = ConnectionFlags {
        client_certificate: Some("/c".into()),
        ..ConnectionFlags::default()
    };
    assert_eq!(access(|_| {}, &flags).err().unwrap().exit, Exit::Usage);
    let key = |own: &mut Kubeconfig| user(own).client_key = Some("/k".into());
    assert!(access(key, &flags).is_ok());
    let with = |data: String| {
        move |own: &mut Kubeconfig| {
            let cluster = own.clusters[0].cluster.as_mut().unwrap();
            cluster.insecure_skip_tls_verify = Some(true);
            cluster.certificate_authority_data = Some(data);
        }
    };
    assert!(access(with(String::new()), &ConnectionFlags::default()).is_ok());
    let pem = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    let both = with(base64::engine::general_purpose::STANDARD.encode(pem));
    let again = both.clone();
    assert_eq!(
        access(both, &ConnectionFlags::default()).err().unwrap().exit,
        Exit::Usage
    );
    let flags = ConnectionFlags {
        insecure_skip_tls_verify: true,
        ..ConnectionFlags::default()
    };
    assert!(access(again, &flags).unwrap().config.accept_invalid_certs);
}
