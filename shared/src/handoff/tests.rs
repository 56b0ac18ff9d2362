use super::*;

fn digest() -> Digest {
    Digest::of(&toml::Table::new())
}

fn message(toml: &str, path: &str) -> Message {
    let state: State = toml::from_str(toml).unwrap();
    Message::new(&state, &digest(), Path::new(path))
}

#[test]
fn an_empty_file_asks_the_platform_team_with_the_digest() {
    let message = message("schema = 1", "aksbackup.toml");
    let turn = message.turn.as_ref().unwrap();
    assert_eq!(turn.who, Person::PlatformTeam);
    assert_eq!(
        turn.command.to_string(),
        format!("az aksbackup prepare --expect-digest {}", digest())
    );
    assert!(message.done.is_empty());
    let later: Vec<Person> = message.later.iter().map(|task| task.who).collect();
    use Person::{ClusterAdmin, PlatformTeam, SubscriptionOwner};
    assert_eq!(later, [SubscriptionOwner, ClusterAdmin, PlatformTeam, PlatformTeam]);
}

#[test]
fn another_name_goes_along_without_the_sender_s_folder() {
    let command = message("schema = 1", "/home/me/my file.toml")
        .turn
        .unwrap()
        .command
        .to_string();
    assert!(command.contains(" --state 'my file.toml' "), "{command}");
    assert!(!command.contains("/home"), "{command}");
}

#[test]
fn both_forms_hold_the_command_the_digest_and_the_rights() {
    let message = message("schema = 1", "aksbackup.toml");
    for text in [message.text(), message.markdown()] {
        assert!(
            text.contains(&message.turn.as_ref().unwrap().command.to_string()),
            "{text}"
        );
        assert!(text.contains(&digest().to_string()), "{text}");
    }
}

/// The message to the cluster admin of a file whose cluster is this private.
fn for_the_admin(api_server: &str) -> Message {
    let file = include_str!("../../tests/state-files/2-protected.toml");
    let mut state: State = toml::from_str(file).unwrap();
    state.cluster = ClusterTables::default();
    let prerequisites = state.cloud.prerequisites.as_mut().unwrap();
    prerequisites.api_server = toml::Value::from(api_server).try_into().ok();
    Message::new(&state, &digest(), Path::new("aksbackup.toml"))
}

#[test]
fn the_cluster_admin_is_told_how_to_get_to_the_cluster_and_nobody_else_is() {
    let open = for_the_admin("");
    let access = open.turn.as_ref().unwrap().access.as_ref().unwrap();
    let line = access.credentials.to_string();
    assert!(line.starts_with("az aks get-credentials --resource-group "), "{line}");
    assert!(line.contains(" --name ") && line.contains(" --subscription "), "{line}");
    assert_eq!((&access.from, &access.invoke), (&None, &None));
    for text in [open.text(), open.markdown()] {
        assert!(text.contains(&line), "{text}");
    }
    assert!(message("schema = 1", "aksbackup.toml").turn.unwrap().access.is_none());
}

#[test]
fn for_a_private_cluster_it_says_from_where_and_what_works_from_elsewhere() {
    let text = for_the_admin("private").text();
    assert!(text.contains("The cluster is private"), "{text}");
    assert!(text.contains("az aks command invoke --resource-group "), "{text}");
    let text = for_the_admin("authorized-ranges").text();
    assert!(text.contains("only from authorized IP ranges"), "{text}");
    assert!(!text.contains("command invoke"), "{text}");
}

#[test]
fn a_reader_who_has_never_heard_of_it_learns_what_it_is_and_how_to_check_it() {
    let mut message = message("schema = 1", "aksbackup.toml");
    message.program = Some(Copy {
        file: "az-aksbackup".into(),
        version: "0.1.0",
        platform: "linux x86_64".into(),
        sha256: "ab".repeat(32),
    });
    message.without = vec![crate::command_line::shell("az role assignment create")];
    for text in [message.text(), message.markdown()] {
        let text: Vec<&str> = text.split_whitespace().collect();
        let text = text.join(" ");
        for part in [
            "aksbackup sets up Azure Backup for AKS",
            "sha256sum --check --ignore-missing SHA256SUMS",
            "The sender uses az-aksbackup 0.1.0 for linux x86_64, with the following SHA-256 checksum.",
            &"ab".repeat(32),
            "without installing anything",
            "az role assignment create",
        ] {
            assert!(text.contains(part), "{part}\n{text}");
        }
    }
}
