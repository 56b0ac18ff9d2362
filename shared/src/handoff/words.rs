//! The message as plain text, ready to mail, and as Markdown, ready for a ticket.

use std::fmt::Write as _;

use crate::command_line::{CommandLine, az};
use crate::console::minute;
use crate::handoff::{Access, CLIENT_ID, Copy, Message, Task};
use crate::names::capital;
use crate::status::Row;

/// What the reader may rely on, whoever sent the file.
const TRUST: &str = "The program doesn't trust the file: it reads Azure and the cluster again before it changes \
    anything, prints the differences, and shows each change before it asks for confirmation. The digest ensures \
    that you have the file that this message describes. Where the command has placeholders, fill them in from your \
    own records, not from this message or the file.";

/// What a reader who has never heard of it has to know.
const ABOUT: &str = "aksbackup sets up Azure Backup for AKS with Microsoft Entra Workload ID, without storage keys. \
    Each team runs the part that it has permissions for, and the attached file passes the results to the next team.";

/// How the two forms write the same things.
struct Form {
    heading: fn(&str) -> String,
    item: fn(&str) -> String,
    command: fn(&str) -> String,
    word: fn(&str) -> String,
}

const TEXT: Form = Form {
    heading: |text| format!("{text}\n"),
    item: |text| format!("  * {text}\n"),
    command: |line| format!("    {line}\n"),
    word: str::to_owned,
};

const MARKDOWN: Form = Form {
    heading: |text| format!("## {text}\n\n"),
    item: |text| format!("* {text}\n"),
    command: |line| format!("```sh\n{line}\n```\n"),
    word: literal,
};

impl Message {
    /// As plain text.
    #[must_use]
    pub fn text(&self) -> String {
        self.written(&TEXT)
    }

    /// As Markdown. What comes from the file stands in it as literal text, never as markup.
    #[must_use]
    pub fn markdown(&self) -> String {
        self.written(&MARKDOWN)
    }

    fn written(&self, form: &Form) -> String {
        let mut out = String::new();
        let cluster = self.cluster.as_deref().map_or("an AKS cluster".to_owned(), form.word);
        let who = self
            .turn
            .as_ref()
            .map_or("the next person".to_owned(), |task| format!("the {}", task.who));
        let _ = write!(
            out,
            "{}",
            (form.heading)(&format!("For {who}: keyless Azure Backup for AKS"))
        );
        let _ = writeln!(
            out,
            "Cluster: {cluster}\nFile:    {} (attached)\n",
            (form.word)(&self.file)
        );
        let _ = writeln!(out, "{ABOUT}\n");
        let _ = write!(out, "{}", (form.heading)("What was done"));
        if self.done.is_empty() {
            let _ = write!(out, "{}", (form.item)("nothing yet"));
        }
        for row in &self.done {
            let _ = write!(out, "{}", (form.item)(&done(row, form)));
        }
        out.push('\n');
        match &self.turn {
            Some(task) => self.ask(task, form, &mut out),
            None => {
                let _ = write!(out, "{}", (form.heading)("Next"));
                let _ = writeln!(
                    out,
                    "Nothing: the file reports every step as complete. To check whether that is still the case, \
                     run:\n"
                );
                let _ = writeln!(
                    out,
                    "{}",
                    (form.command)(&az("status --check").for_others().to_string())
                );
            }
        }
        let _ = write!(out, "{}", (form.heading)("Digest of the file's values"));
        let _ = writeln!(out, "{}\n{TRUST}", (form.command)(&self.digest));
        out
    }
}

fn done(row: &Row, form: &Form) -> String {
    let since = row.since.map(minute);
    let by = row.by.as_deref().map(|by| format!("by {}", (form.word)(by)));
    let note: Vec<String> = [since, by].into_iter().flatten().collect();
    let note = match note.is_empty() {
        true => String::new(),
        false => format!(" ({})", note.join(" ")),
    };
    format!("{}: {}{note}", row.step.in_words(), (form.word)(&row.evidence))
}

impl Message {
    fn ask(&self, task: &Task, form: &Form, out: &mut String) {
        let _ = write!(out, "{}", (form.heading)("What you need to do"));
        install(task, self.program.as_ref(), form, out);
        if let Some(access) = &task.access {
            reach(access, form, out);
        }
        let _ = writeln!(
            out,
            "{}. Run this command in the directory of the file. To preview the changes, add --dry-run:\n",
            capital(
                &task
                    .steps
                    .iter()
                    .map(|own| own.in_words())
                    .collect::<Vec<_>>()
                    .join("; ")
            )
        );
        let _ = writeln!(out, "{}", (form.command)(&task.command.to_string()));
        if task.command.to_string().contains(CLIENT_ID) {
            let _ = writeln!(
                out,
                "CLIENT-ID is the client ID of the extension's identity. Get it from the platform team through a \
                 channel other than this message and the file.\n"
            );
        }
        if !self.without.is_empty() {
            without(&self.without, form, out);
        }
        if !task.rights.is_empty() {
            let _ = write!(out, "{}", (form.heading)("Required permissions"));
            for needed in &task.rights {
                let right = (form.word)(&needed.right.to_string());
                let _ = write!(out, "{}", (form.item)(&format!("{right}, {}", needed.why)));
            }
            out.push('\n');
        }
        self.follow(form, out);
    }

    fn follow(&self, form: &Form, out: &mut String) {
        if self.later.is_empty() {
            return;
        }
        let _ = write!(out, "{}", (form.heading)("Following steps"));
        for task in &self.later {
            let _ = write!(
                out,
                "{}",
                (form.item)(&format!("{}: {}", task.who, (form.word)(&task.command.to_string())))
            );
        }
        out.push('\n');
    }
}

/// Where the program comes from, and how the reader checks it.
fn install(task: &Task, copy: Option<&Copy>, form: &Form, out: &mut String) {
    let name = task.program().name();
    let _ = writeln!(
        out,
        "If {name} isn't installed, ask the sender for SHA256SUMS and the release archive for your platform, in the same \
         folder. Check the archive; if it is OK, unpack it and run the install.sh in it:\n"
    );
    let check = "sha256sum --check --ignore-missing SHA256SUMS";
    let _ = writeln!(out, "{}", (form.command)(check));
    let Some(copy) = copy else {
        return;
    };
    let _ = writeln!(
        out,
        "The sender uses {} {} for {}, with the following SHA-256 checksum. This file has the same checksum in every copy of the release:\n",
        copy.file, copy.version, copy.platform
    );
    let _ = writeln!(out, "{}", (form.command)(&copy.sha256));
}

/// The same without a program of ours.
fn without(commands: &[CommandLine], form: &Form, out: &mut String) {
    let _ = writeln!(
        out,
        "Or assign the roles with the Azure CLI in a POSIX shell, without installing anything. In the first line, replace the \
         placeholders with the resource IDs from your own records. Each other command reads the principal from Azure:\n"
    );
    for command in commands {
        let _ = writeln!(out, "{}", (form.command)(&command.to_string()));
    }
}

/// How to reach the cluster, before what to run in it.
fn reach(access: &Access, form: &Form, out: &mut String) {
    if let Some(from) = &access.from {
        let _ = writeln!(out, "{from}\n");
    }
    let _ = writeln!(out, "If your kubeconfig doesn't contain the cluster yet, add it:\n");
    let _ = writeln!(out, "{}", (form.command)(&access.credentials.to_string()));
    if let Some(invoke) = &access.invoke {
        let _ = writeln!(
            out,
            "Without network access to the cluster, only kubectl (not kubectl aksbackup) can check it:\n"
        );
        let _ = writeln!(out, "{}", (form.command)(&invoke.to_string()));
    }
}

/// A text of the file between more backticks than it holds, so that nothing in it is markup.
fn literal(text: &str) -> String {
    let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or_default();
    let fence = "`".repeat(longest + 1);
    let gap = if text.starts_with('`') || text.ends_with('`') {
        " "
    } else {
        ""
    };
    format!("{fence}{gap}{}{gap}{fence}", text.replace('\n', " "))
}

#[cfg(test)]
mod tests {
    use super::literal;

    #[test]
    fn a_text_of_the_file_cannot_become_markup() {
        assert_eq!(literal("a <b> *c*"), "`a <b> *c*`");
        assert_eq!(literal("x`y``z"), "```x`y``z```");
        assert_eq!(literal("`"), "`` ` ``");
    }
}
