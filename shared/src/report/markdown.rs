//! The page as Markdown, for a ticket.

use std::fmt::Write as _;

use jiff::Timestamp;

use crate::chain::finding::Certainty;
use crate::console::minute;
use crate::report::model::{Found, Lane, Report};
use crate::report::text::{code, in_words, literal};

/// The page. What comes from elsewhere stands in it as literal text, never as markup.
#[must_use]
pub fn markdown(report: &Report) -> String {
    let mut out = String::new();
    head(report, &mut out);
    chain(&report.lanes, &mut out);
    findings(report, &mut out);
    left(report, &mut out);
    steps(report, &mut out);
    unseen(report, &mut out);
    rights(report, &mut out);
    out
}

fn put(out: &mut String, line: &str) {
    out.push_str(line);
    out.push('\n');
}

fn table(out: &mut String, columns: &[&str]) {
    put(out, &format!("| {} |", columns.join(" | ")));
    put(out, &format!("|{}", " --- |".repeat(columns.len())));
}

fn time(at: Option<Timestamp>) -> String {
    at.map_or_else(|| "–".to_owned(), minute)
}

fn fenced(out: &mut String, command: &str) {
    let longest = command.split(|c| c != '`').map(str::len).max().unwrap_or_default();
    let fence = "`".repeat(longest.max(2) + 1);
    let _ = writeln!(out, "\n{fence}sh\n{command}\n{fence}");
}

fn head(report: &Report, out: &mut String) {
    let name = report.cluster.as_ref().map(|cluster| literal(&cluster.name));
    let name = name.unwrap_or_else(|| "an AKS cluster".to_owned());
    let _ = writeln!(out, "# Keyless Azure Backup of {name}\n");
    let _ = writeln!(
        out,
        "**{}**: {}\n",
        report.verdict.mark.word(),
        literal(&report.verdict.says)
    );
    if let Some(command) = &report.verdict.command {
        let _ = writeln!(out, "Next: {}\n", code(command));
    }
    if let Some(cluster) = &report.cluster {
        let _ = writeln!(out, "* Cluster: {}", code(&cluster.id));
    }
    let _ = writeln!(
        out,
        "* State file: {}, digest {}",
        literal(&report.file),
        code(&report.digest)
    );
    for view in &report.views {
        let seen = match view.at {
            Some(at) => format!("seen {}", time(Some(at))),
            None => format!("not checked: {}", literal(&view.says)),
        };
        let _ = writeln!(out, "* `{}`: {seen}", view.program.name());
    }
    let (made, tool) = (time(Some(report.made_at)), literal(&report.tool));
    let _ = writeln!(out, "* Generated {made} by {tool}\n");
}

fn chain(lanes: &[Lane], out: &mut String) {
    put(out, "## The chain\n");
    table(out, &["", "station", "names", "state", "result", "when"]);
    for lane in lanes {
        for (at, node) in lane.nodes.iter().enumerate() {
            let names: Vec<String> = node.names.iter().map(|name| code(name)).collect();
            let _ = writeln!(
                out,
                "| {} | {} | {} | {} | {} | {} |",
                if at == 0 { lane.title } else { "→" },
                node.title,
                names.join(", "),
                node.mark.word(),
                literal(&node.says),
                time(node.at)
            );
        }
    }
    out.push('\n');
}

fn findings(report: &Report, out: &mut String) {
    if report.findings.is_empty() {
        return;
    }
    put(out, "## Findings and recommended actions\n");
    for found in &report.findings {
        finding(found, out);
    }
}

fn finding(found: &Found, out: &mut String) {
    let sure = match found.certainty {
        Certainty::Proved => "confirmed",
        Certainty::Likely => "probable",
    };
    let _ = writeln!(out, "### {}\n", literal(&found.message));
    let old = match (found.outdated, found.pending) {
        (true, _) => "; observed before later changes to this stage",
        (false, true) => "; a step that creates this stage is still open",
        (false, false) => "",
    };
    let _ = writeln!(
        out,
        "{}, {sure}: {}, at {} ({}), found {} by `{}`{old}\n",
        found.level,
        code(&found.rule_id),
        literal(&found.location.object),
        found.location.link.title(),
        time(Some(found.at)),
        found.seen_by.name()
    );
    for fact in &found.evidence {
        let _ = writeln!(out, "* {}", code(fact));
    }
    if !found.fix.is_empty() {
        let _ = writeln!(out, "\nFix: {}", literal(&found.fix));
    }
    if let Some(command) = &found.command {
        fenced(out, command);
    }
    out.push('\n');
}

fn left(report: &Report, out: &mut String) {
    if report.turns.is_empty() {
        return;
    }
    put(out, "## Remaining steps\n");
    for turn in &report.turns {
        let _ = write!(out, "**{}**: {}", turn.who, turn.steps.join("; "));
        fenced(out, &turn.command);
        out.push('\n');
    }
}

fn steps(report: &Report, out: &mut String) {
    put(out, "## Steps completed\n");
    table(out, &["", "step", "state", "when", "who", "result"]);
    for step in &report.steps {
        let who = step
            .by
            .as_deref()
            .map_or_else(|| format!("waiting for the {}", step.whose), literal);
        let _ = writeln!(
            out,
            "| {} | {} | {} | {} | {who} | {} |",
            step.step.number().map(|number| number.to_string()).unwrap_or_default(),
            step.step.title(),
            step.mark.word(),
            time(step.since),
            literal(&step.evidence)
        );
    }
    out.push('\n');
}

fn unseen(report: &Report, out: &mut String) {
    if report.unseen.is_empty() {
        return;
    }
    put(out, "## What couldn't be checked\n");
    for one in &report.unseen {
        let (what, why, command) = (literal(&one.what), literal(&one.why), code(&one.command));
        let _ = writeln!(out, "* {what}: {why}. The {} can check it: {command}", one.who);
    }
    out.push('\n');
}

fn rights(report: &Report, out: &mut String) {
    if report.rights.is_empty() {
        return;
    }
    let subscription = report.cluster.as_ref().map_or("", |cluster| &cluster.subscription);
    put(out, "## Permissions that the steps require\n");
    table(out, &["who", "right", "on", "why"]);
    for right in &report.rights {
        let (action, scope) = (code(&right.action), code(&in_words(&right.scope, subscription)));
        let _ = writeln!(out, "| {} | {action} | {scope} | {} |", right.who, right.why);
    }
}
