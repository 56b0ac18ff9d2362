//! The fixes that the programs print, run as they are printed, by the person whose command it is.

use std::process::Command;

use serde_json::Value;

use crate::harness::{Run, Stage, finish};

/// Commands that show something and change nothing.
const LOOKS: [&str; 8] = [
    "verify", "doctor", "logs", "jobs", "list", "status", "report", "handoff",
];

/// Flags of ours that have no value.
const SWITCHES: [&str; 4] = ["--yes", "--wait", "--recreate-storage", "--force-conflicts"];

/// What a person writes in place of a word that the program leaves open.
const NAMES: [(&str, &str); 5] = [
    ("--vault", "bv-another"),
    ("--storage-account", "stanother20261129"),
    ("--container", "another"),
    ("--snapshot-group", "rg-backup"),
    ("--retention", "14d"),
];

/// Failures whose row names another person than the one who otherwise has the command.
const PERSONS: [(&str, &str); 1] = [("ARM-RP-UNREGISTERED", "everything")];

/// Words between two commands of one text.
const BETWEEN: [&str; 5] = ["then", "and", "or", "&&", "#"];

/// A command line of a printed text, word by word.
pub type Line = Vec<String>;

/// Returns the command lines in a text, in order: those of ours with their flags alone, since words of the text can follow.
#[must_use]
pub fn commands(text: &str) -> Vec<Line> {
    let words = words(text);
    let mut all = Vec::new();
    let mut at = 0;
    while at < words.len() {
        let is_command = ["az", "kubectl"].contains(&words[at].text.as_str()) && !words[at].closes;
        let line = match is_command {
            true => line(&words[at..]),
            false => Vec::new(),
        };
        at += line.len().max(1);
        if line.len() > 1 {
            all.push(line);
        }
    }
    all
}

struct Word {
    text: String,
    /// Whether punctuation behind it ends the clause.
    closes: bool,
}

/// The words of a text as a shell has them.
fn words(text: &str) -> Vec<Word> {
    let (mut all, mut word, mut quote) = (Vec::new(), String::new(), None);
    let end = |word: &mut String, all: &mut Vec<Word>| {
        let bare = word.trim_end_matches([',', ';', ':', '.', ')']);
        let closes = bare.len() < word.len();
        if !bare.is_empty() {
            all.push(Word {
                text: bare.to_owned(),
                closes,
            });
        }
        word.clear();
    };
    for letter in text.chars() {
        match (quote, letter) {
            // Inside a word it is an apostrophe.
            (None, '\'' | '"') if word.is_empty() || word.ends_with('=') => quote = Some(letter),
            (Some(own), _) if own == letter => quote = None,
            (None, _) if letter.is_whitespace() => end(&mut word, &mut all),
            _ => word.push(letter),
        }
    }
    end(&mut word, &mut all);
    all
}

/// The command line that `words` begin with.
fn line(words: &[Word]) -> Line {
    let own = words.get(1).is_some_and(|word| word.text == "aksbackup");
    let mut line: Line = Vec::new();
    let mut value_may_follow = false;
    for word in words {
        let text = word.text.as_str();
        let belongs = match line.len() {
            0..3 if own => true,
            _ if own => text.starts_with("--") || value_may_follow,
            _ => !BETWEEN.contains(&text) && !text.starts_with('('),
        };
        if !belongs {
            break;
        }
        value_may_follow = text.starts_with("--") && !SWITCHES.contains(&text);
        line.push(text.to_owned());
        if word.closes {
            break;
        }
    }
    line
}

/// Whether it is a command of ours that changes something.
#[must_use]
pub fn is_own_change(line: &Line) -> bool {
    line[1] == "aksbackup" && line.get(2).is_some_and(|word| !LOOKS.contains(&word.as_str()))
}

/// Whether it is a command of kubectl that changes something.
fn is_kubectl_change(line: &Line) -> bool {
    line[0] == "kubectl" && ["annotate", "create", "label", "patch", "set"].contains(&line[1].as_str())
}

/// Whether it is a command of ours that changes nothing.
fn is_own_look(line: &Line) -> bool {
    line[1] == "aksbackup" && !is_own_change(line)
}

/// Returns the commands that a finding of `doctor -o json` tells its reader to run: those of the check, which knows the names,
/// before those of the catalog.
#[must_use]
pub fn printed(finding: &Value) -> Vec<Line> {
    let text = |key: &str| commands(finding[key].as_str().unwrap_or_default());
    let hint = text("hint");
    if !hint.is_empty() {
        return hint;
    }
    let remedy = match finding["remedy"].as_str() {
        Some("configure") => "kubectl aksbackup configure".to_owned(),
        Some(own) => format!("az aksbackup {own}"),
        None => return text("fix"),
    };
    // The text names what comes before it.
    let mut all = text("fix");
    all.retain(|line| line.join(" ") != remedy);
    all.extend(commands(&remedy));
    all
}

/// Whether a row of the catalog, in the form of a finding, names a command of ours that changes something.
#[must_use]
pub fn promises(row: &Value) -> bool {
    row["remedy"].is_string()
        || commands(row["fix"].as_str().unwrap_or_default())
            .iter()
            .any(is_own_change)
}

/// Runs what a finding of `doctor -o json` prints, if a command of ours is part of it, each line as the person who has that side.
/// Returns whether there was one.
///
/// # Errors
/// A command failed: the text has both of its streams. The catalog `promised` a command of ours, and the check prints none.
pub fn carry_out(stage: &Stage, finding: &Value, promised: bool) -> Result<bool, String> {
    let lines = printed(finding);
    if !lines.iter().any(|line| is_own_change(line) || is_kubectl_change(line)) {
        return match promised {
            true => Err(format!(
                "the catalog has a command of ours, and the check prints {lines:?}"
            )),
            false => Ok(false),
        };
    }
    for line in lines.into_iter().filter(|line| !is_own_look(line)) {
        let run = match (line[0].as_str(), line[1].as_str()) {
            (_, "aksbackup") => finish(&mut own(stage, finding, &line)),
            ("kubectl", _) => {
                let words: Vec<&str> = line[1..].iter().map(String::as_str).collect();
                stage.as_kubectl("cluster-admin", &words)
            }
            // Such a line only shows something; that the real az takes it is tried elsewhere.
            _ => continue,
        };
        if !well(&run) {
            return Err(run.to_string());
        }
    }
    Ok(true)
}

/// Everything done, or everything but what another person has to do.
fn well(run: &Run) -> bool {
    [0, 5].contains(&run.code)
}

/// A printed command of ours, as the person who has to run it and confirms what it asks for.
fn own(stage: &Stage, finding: &Value, line: &Line) -> Command {
    let mut words = filled(line);
    if line[0] == "kubectl" {
        let rest: Vec<&str> = words.iter().skip(1).map(String::as_str).collect();
        return stage.configure_command("cluster-admin", &[rest.as_slice(), &["--timeout", "60s"]].concat());
    }
    let is_grant = words[0] == "grant";
    if is_grant {
        words.truncate(1);
        words.extend(stage.vouchers());
    }
    words.extend(["--yes", "--timeout", "60s"].map(str::to_owned));
    let named = PERSONS
        .iter()
        .find(|(id, _)| finding["id"] == *id)
        .map(|(_, person)| *person);
    let persona = named.unwrap_or(if is_grant { "owner" } else { "platform" });
    stage.az_command(persona, &words.iter().map(String::as_str).collect::<Vec<_>>())
}

/// The words behind the program's name, with a name where the program leaves one open.
fn filled(line: &Line) -> Line {
    let open = |word: &str| !word.starts_with("--") && word.chars().all(|c| c.is_ascii_uppercase() || "/-".contains(c));
    let mut words: Line = line[2..].to_vec();
    for at in 1..words.len() {
        let name = NAMES.iter().find(|(flag, _)| words[at - 1] == *flag);
        if let Some((_, name)) = name.filter(|_| open(&words[at])) {
            words[at] = (*name).to_owned();
        }
    }
    words
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn told(text: &str) -> Vec<String> {
        commands(text).iter().map(|line| line.join(" ")).collect()
    }

    #[test]
    fn commands_are_told_from_the_words_around_them() {
        assert_eq!(
            told("Run: kubectl create serviceaccount x --namespace y, then: kubectl aksbackup configure"),
            [
                "kubectl create serviceaccount x --namespace y",
                "kubectl aksbackup configure"
            ]
        );
        assert_eq!(
            told("az aksbackup prepare (by hand: az provider register --namespace N)"),
            ["az aksbackup prepare", "az provider register --namespace N"]
        );
        assert_eq!(
            told("az aksbackup protect validates before it writes."),
            ["az aksbackup protect"]
        );
        assert_eq!(
            told("see: kubectl patch d x --patch '{\"a\":{\"b\":null}}'"),
            ["kubectl patch d x --patch {\"a\":{\"b\":null}}"]
        );
    }

    #[test]
    fn an_apostrophe_is_no_quotation_mark() {
        assert_eq!(told("the cluster's account: az aksbackup init"), ["az aksbackup init"]);
    }

    #[test]
    fn what_the_check_knows_goes_before_the_catalog() {
        let finding = json!({ "fix": "Set it with: az aksbackup prepare", "remedy": "prepare" });
        assert_eq!(printed(&finding), [["az", "aksbackup", "prepare"]]);
        let finding = json!({ "fix": "x", "hint": "az aksbackup init --vault NAME", "remedy": "prepare" });
        assert_eq!(filled(&printed(&finding)[0]), ["init", "--vault", "bv-another"]);
    }
}
