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

/// The commands whose result is a text in a form of its own, which is no document.
const TEXTS: [&str; 3] = ["export", "handoff", "report"];

/// The flags with which a command asks or goes on, so that its result is no document.
const TEXT_FLAGS: [&str; 2] = ["fix", "watch"];

/// The option that names the file into which the program writes its result.
const RESULT_FILE: &str = "out";

/// The description of `command`: one JSON document.
pub(crate) fn description(mut command: Command) -> Value {
    command.build();
    let shown = || command.get_subcommands().filter(|own| !own.is_hide_set());
    let (groups, single): (Vec<&Command>, Vec<&Command>) = shown().partition(|own| own.has_subcommands());
    let named = |own: &Command| json!({ "name": own.get_name(), "summary": text(own.get_about()) });
    let within = |group: &Command| -> Vec<Value> {
        let all = group.get_subcommands();
        all.map(|own| one(&format!("{} {}", group.get_name(), own.get_name()), own))
            .collect()
    };
    let single = single.into_iter().map(|own| one(own.get_name(), own));
    let commands: Vec<Value> = single.chain(groups.iter().copied().flat_map(within)).collect();
    json!({
        "version": 1,
        "aksbackup": env!("CARGO_PKG_VERSION"),
        "summary": text(command.get_about()),
        "description": text(command.get_long_about()),
        "exit_codes": exit_codes(&text(command.get_after_long_help())),
        "groups": groups.into_iter().map(named).collect::<Vec<_>>(),
        "commands": commands,
    })
}

fn one(name: &str, command: &Command) -> Value {
    let own = |arg: &&Arg| !arg.is_hide_set() && !AZ_OWN.contains(&arg.get_id().as_str());
    json!({
        "name": name,
        "summary": text(command.get_about()),
        "examples": examples(&text(command.get_after_help())),
        "table": tables::view(name),
        // A script for a shell is no document.
        "stream": name == "completion",
        "text": TEXTS.contains(&name),
        "arguments": command.get_arguments().filter(own).map(argument).collect::<Vec<_>>(),
    })
}

fn argument(arg: &Arg) -> Value {
    let flag = matches!(arg.get_action(), ArgAction::SetTrue);
    let long = arg.get_long().map(|name| format!("--{name}"));
    let aliases = arg
        .get_all_aliases()
        .unwrap_or_default()
        .into_iter()
        .map(|name| format!("--{name}"));
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
        "options": long.into_iter().chain(aliases).chain(short).collect::<Vec<_>>(),
        "positional": arg.is_positional(),
        "flag": flag,
        "text": TEXT_FLAGS.contains(&arg.get_id().as_str()),
        "writes": arg.get_id() == RESULT_FILE,
        "repeat": matches!(arg.get_action(), ArgAction::Append),
        // Several values behind one flag, as az has it.
        "many": !arg.is_positional() && arg.get_num_args().is_some_and(|own| own.max_values() > 1),
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

/// The exit codes that a help text explains, each with its meaning.
fn exit_codes(help: &str) -> Vec<Value> {
    let (_, list) = help.split_once("Exit codes:\n").unwrap_or_default();
    let lines = list.lines().filter_map(|line| line.trim().split_once("  "));
    lines
        .map(|(code, meaning)| json!({ "code": code, "meaning": meaning.trim() }))
        .collect()
}

/// The examples of a help text: each with what it is for, which stands behind `#`, or else its own words.
fn examples(help: &str) -> Vec<Value> {
    let joined = help.replace("\\\n", " ");
    let lines = joined.lines().filter(|line| line.starts_with("  "));
    lines
        .map(|line| {
            let words: Vec<&str> = line.split_whitespace().collect();
            let line = words.join(" ");
            let (command, purpose) = line.split_once(" # ").unwrap_or((&line, &line));
            json!({ "name": title(purpose), "text": command })
        })
        .collect()
}

/// A purpose as the title of an example: az puts it above the command.
fn title(purpose: &str) -> String {
    let mut letters = purpose.chars();
    let first = letters.next().map(char::to_uppercase);
    let sentence: String = first.into_iter().flatten().chain(letters).collect();
    match sentence.ends_with(['.', '?', '!']) {
        true => sentence,
        false => sentence + ".",
    }
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
        assert_eq!(argument(&init, "include_namespace")["many"], false);
        assert_eq!(argument(&init, "tags")["many"], true);
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
            for example in examples {
                let (name, text) = (example["name"].as_str().unwrap(), example["text"].as_str().unwrap());
                assert!(name != title(text), "no purpose: {text}");
            }
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
        assert_eq!(all[0], json!({ "name": "Both.", "text": "az x --a --b" }));
        assert_eq!(all[1], json!({ "name": "Az y.", "text": "az y" }));
    }

    #[test]
    fn the_extension_knows_which_results_are_no_documents() {
        let texts = |name: &str| {
            let command = command(name);
            let all = command["arguments"].as_array().unwrap();
            let flags = all.iter().filter(|own| own["text"] == true || own["writes"] == true);
            let flags: Vec<String> = flags.map(|own| own["name"].as_str().unwrap().to_owned()).collect();
            (command["text"] == true, flags)
        };
        assert_eq!(texts("report"), (true, vec!["out".to_owned()]));
        assert_eq!(texts("handoff"), (true, vec![]));
        assert_eq!(texts("doctor"), (false, vec!["fix".to_owned()]));
        assert_eq!(texts("verify"), (false, vec!["watch".to_owned()]));
        assert_eq!(texts("status"), (false, vec![]));
    }

    #[test]
    fn the_extension_explains_every_exit_code() {
        let description = description(Cli::command());
        let codes = description["exit_codes"].as_array().unwrap();
        let codes: Vec<&str> = codes.iter().map(|own| own["code"].as_str().unwrap()).collect();
        for (exit, _) in aksbackup_shared::exit::Exit::ALL {
            assert!(codes.contains(&exit.code().to_string().as_str()), "{exit:?}: {codes:?}");
        }
    }
}
