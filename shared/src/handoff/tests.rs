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
