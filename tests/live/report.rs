//! The report: one Markdown file, or JSON, that is written again after each claim, so that an interrupted run leaves one too.

use std::io;
use std::path::PathBuf;

use serde_json::{Value, json};

use crate::claims::{ALL, Finding, Verdict};
use crate::mask::Mask;

/// The most pieces of evidence of one claim, and the most checks of one program.
const MOST: usize = 12;

/// Which form the report has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Form {
    Markdown,
    Json,
}

/// What was found so far.
pub(crate) struct Report {
    path: PathBuf,
    form: Form,
    mask: Mask,
    begun: String,
    /// Why the run ended before its end.
    pub(crate) ended: Option<String>,
    findings: Vec<(&'static str, Finding)>,
    programs: Vec<Value>,
}

impl Report {
    pub(crate) fn new(path: PathBuf, form: Form) -> Self {
        Self {
            path,
            form,
            mask: Mask::new(),
            begun: jiff::Timestamp::now().strftime("%Y-%m-%d %H:%MZ").to_string(),
            ended: Some("it is not finished".to_owned()),
            findings: Vec::new(),
            programs: Vec::new(),
        }
    }

    /// Adds what a claim came to, and writes the report.
    pub(crate) fn add(&mut self, id: &'static str, finding: Finding) -> io::Result<()> {
        let evidence = finding
            .evidence
            .iter()
            .take(MOST)
            .map(|one| self.mask.of(one))
            .collect();
        let finding = Finding {
            says: self.mask.of(&finding.says),
            evidence,
            ..finding
        };
        self.findings.retain(|(known, _)| *known != id);
        self.findings.push((id, finding));
        self.write()
    }

    /// Adds what `verify` of a program came to: its exit code, and each check that is not in order.
    pub(crate) fn add_program(&mut self, name: &str, result: &Result<Value, String>) {
        let entry = match result {
            Err(why) => json!({ "program": name, "failed": self.mask.of(why) }),
            Ok(run) => {
                let checks = run["document"]["checks"].as_array().cloned().unwrap_or_default();
                let open = checks.iter().filter(|check| check["verdict"] != "ok").take(MOST);
                let open: Vec<Value> = open.map(|check| self.check(check)).collect();
                json!({ "program": name, "exit": run["exit"], "checks": checks.len(), "notOk": open })
            }
        };
        self.programs.push(entry);
    }

    fn check(&self, check: &Value) -> Value {
        let text = |name: &str| self.mask.of(check[name].as_str().unwrap_or_default());
        json!({ "check": text("check"), "verdict": text("verdict"), "says": text("says") })
    }

    /// Returns what a claim came to.
    fn finding(&self, id: &str) -> Finding {
        let own = self.findings.iter().find(|(known, _)| *known == id);
        own.map_or_else(
            || Finding::new(Verdict::NotChecked, "the run ended before"),
            |(_, finding)| finding.clone(),
        )
    }

    /// Returns how many claims have this verdict.
    pub(crate) fn count(&self, verdict: Verdict) -> usize {
        ALL.iter()
            .filter(|claim| self.finding(claim.id).verdict == verdict)
            .count()
    }

    /// Returns one line that counts the verdicts.
    pub(crate) fn summary(&self) -> String {
        let all = [
            Verdict::Confirmed,
            Verdict::Differs,
            Verdict::NotObservable,
            Verdict::NotChecked,
        ];
        all.map(|verdict| format!("{} {}", self.count(verdict), verdict.word()))
            .join(", ")
    }

    /// Writes the report next to its place and renames it, so that no half file is ever there.
    pub(crate) fn write(&self) -> io::Result<()> {
        let text = match self.form {
            Form::Markdown => self.markdown(),
            Form::Json => format!("{:#}\n", self.json()),
        };
        let mut name = self.path.as_os_str().to_owned();
        name.push(".new");
        std::fs::write(&name, text)?;
        std::fs::rename(&name, &self.path)
    }

    fn json(&self) -> Value {
        let claims = ALL.iter().map(|claim| {
            let finding = self.finding(claim.id);
            json!({
                "id": claim.id, "claim": claim.says, "verdict": finding.verdict.word(), "says": finding.says,
                "evidence": finding.evidence,
            })
        });
        json!({
            "version": 1, "program": env!("CARGO_PKG_VERSION"), "begun": self.begun, "ended": self.ended,
            "claims": claims.collect::<Vec<_>>(), "programs": self.programs,
        })
    }

    fn markdown(&self) -> String {
        let mut text = format!(
            "# aksbackup on a real cluster\n\naksbackup {}, {}. {}.\n\nIDs are hashes that are only valid in this report. Names \
             of resources are not masked: read the report before you send it.\n",
            env!("CARGO_PKG_VERSION"),
            self.begun,
            self.summary()
        );
        if let Some(why) = &self.ended {
            text.push_str(&format!("\n**This report is not complete: {why}.**\n"));
        }
        text.push_str("\n| claim | result | observed |\n| --- | --- | --- |\n");
        for claim in ALL {
            let finding = self.finding(claim.id);
            let (says, own) = (cell(claim.says), cell(&finding.says));
            text.push_str(&format!(
                "| `{}`: {says} | {} | {own} |\n",
                claim.id,
                finding.verdict.word()
            ));
        }
        text.push_str("\n## Evidence\n");
        for claim in ALL {
            let finding = self.finding(claim.id);
            if !finding.evidence.is_empty() {
                let lines: String = finding.evidence.iter().map(|one| format!("    {one}\n")).collect();
                text.push_str(&format!("\n`{}`\n\n{lines}", claim.id));
            }
        }
        text.push_str("\n## verify\n\n");
        for program in &self.programs {
            text.push_str(&format!("    {program}\n"));
        }
        text
    }
}

/// A text as a cell of a table.
fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}
