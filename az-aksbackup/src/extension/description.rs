//! The commands as data, from the same definitions that the command line is parsed with: az's extension declares them.

use clap::{Arg, ArgAction, Command};
use serde_json::{Value, json};

use super::{completion, tables};

/// What az itself offers with every command, or decides by its login.
const AZ_OWN: [&str; 9] = [
    "subscription",
    "cloud",
    "auth",
    "output",
    "quiet",
    "verbose",
    "no_color",
    "help",
    "version",
];

/// The description of `command`: one JSON document.
pub(crate) fn description(mut command: Command) -> Value {
    command.build();
    let commands: Vec<Value> = command
        .get_subcommands()
        .filter(|own| !own.is_hide_set())
        .map(one)
        .collect();
    json!({
        "version": 1,
        "aksbackup": env!("CARGO_PKG_VERSION"),
        "summary": text(command.get_about()),
        "description": text(command.get_long_about()),
        "commands": commands,
    })
}

fn one(command: &Command) -> Value {
    let name = command.get_name();
    let own = |arg: &&Arg| !arg.is_hide_set() && !AZ_OWN.contains(&arg.get_id().as_str());
    json!({
        "name": name,
        "summary": text(command.get_about()),
        "examples": examples(&text(command.get_after_help())),
        "table": tables::view(name),
        // A script for a shell is no document.
        "stream": name == "completion",
        "arguments": command.get_arguments().filter(own).map(argument).collect::<Vec<_>>(),
    })
}

fn argument(arg: &Arg) -> Value {
    let flag = matches!(arg.get_action(), ArgAction::SetTrue);
    let long = arg.get_long().map(|name| format!("--{name}"));
    let short = arg.get_short().map(|letter| format!("-{letter}"));
    let choices: Vec<_> = match flag {
        true => Vec::new(),
        false => arg
            .get_possible_values()
            .iter()
            .map(|value| value.get_name().to_owned())
            .collect(),
    };
    let default = arg
        .get_default_values()
        .first()
        .map(|value| value.to_string_lossy().into_owned());
    json!({
        "name": arg.get_id().as_str(),
        "options": long.into_iter().chain(short).collect::<Vec<_>>(),
        "positional": arg.is_positional(),
        "flag": flag,
        "repeat": matches!(arg.get_action(), ArgAction::Append),
        "required": arg.is_required_set(),
        "help": text(arg.get_help()),
        "choices": choices,
        "default": if flag { None } else { default },
        "group": arg.get_help_heading(),
        "complete": completion::source(arg.get_id().as_str()),
    })
}

fn text(words: Option<&clap::builder::StyledStr>) -> String {
    words.map(ToString::to_string).unwrap_or_default()
}

/// The examples of a help text: each with what it is for, which stands behind `#`, or else its own words.
fn examples(help: &str) -> Vec<Value> {
    let joined = help.replace("\\\n", " ");
    let lines = joined.lines().filter(|line| line.starts_with("  "));
    lines
        .map(|line| {
            let words: Vec<&str> = line.split_whitespace().collect();
            let line = words.join(" ");
            let (command, purpose) = match line.split_once(" # ") {
                Some((command, purpose)) => (command.to_owned(), purpose.to_owned()),
                None => (line.clone(), line),
            };
            json!({ "name": purpose, "text": command })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;
    use crate::cli::Cli;

    fn command(name: &str) -> Value {
        let all = description(Cli::command());
        let commands = all["commands"].as_array().unwrap();
        commands.iter().find(|own| own["name"] == name).unwrap().clone()
    }

    fn argument<'a>(command: &'a Value, name: &str) -> &'a Value {
        let arguments = command["arguments"].as_array().unwrap();
        arguments.iter().find(|own| own["name"] == name).unwrap_or(&Value::Null)
    }

    #[test]
    fn options_come_with_their_spelling_their_values_and_whether_they_repeat() {
        let init = command("init");
        assert_eq!(
            argument(&init, "resource_group")["options"],
            json!(["--resource-group", "-g"])
        );
        assert_eq!(argument(&init, "resource_group")["complete"], "az:resource-group");
        assert_eq!(argument(&init, "include_namespace")["repeat"], true);
        assert_eq!(argument(&init, "dry_run")["flag"], true);
        assert!(argument(&init, "redundancy")["choices"].as_array().unwrap().len() >= 3);
        assert_eq!(argument(&command("jobs"), "job")["positional"], true);
        let doctor = command("doctor");
        let words = argument(&doctor, "words");
        assert_eq!((&words["positional"], &words["repeat"]), (&json!(true), &json!(true)));
    }

    #[test]
    fn what_az_brings_itself_is_left_to_az() {
        for name in AZ_OWN {
            assert_eq!(argument(&command("prepare"), name), &Value::Null, "{name}");
        }
        assert_eq!(argument(&command("prepare"), "yes")["flag"], true);
    }

    #[test]
    fn every_command_brings_examples_that_begin_with_az() {
        for command in description(Cli::command())["commands"].as_array().unwrap() {
            let examples = command["examples"].as_array().unwrap();
            assert!(!examples.is_empty(), "{command}");
        }
        let grant = &command("grant")["examples"];
        assert!(
            grant[0]["text"].as_str().unwrap().starts_with("az aksbackup grant"),
            "{grant}"
        );
    }

    #[test]
    fn a_continued_line_is_one_example() {
        let all = examples("Examples:\n  az x --a \\\n      --b   # both\n  az y");
        assert_eq!(all[0], json!({ "name": "both", "text": "az x --a --b" }));
        assert_eq!(all[1], json!({ "name": "az y", "text": "az y" }));
    }
}
