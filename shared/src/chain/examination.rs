//! The document of `verify` and `doctor`: what one program saw of the chain, for the other one and for machines.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::args::known;
use crate::chain::args::FailOn;
use crate::chain::check::{Check, Verdict};
use crate::chain::finding::{Finding, Joint};
use crate::chain::foreign;
use crate::command_line::{az, kubectl};
use crate::exit::Exit;
use crate::failure::{Failure, Outcome};
use crate::fix;
use crate::ids::{ResourceId, same};
use crate::program::Program;
use crate::schema::Target;
use crate::{process, regular};

/// The largest document that is read from a file, in bytes.
const LARGEST: u64 = 4 << 20;
/// How far the clocks of two machines can differ.
const SKEW: SignedDuration = SignedDuration::from_mins(5);

/// What one program saw.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Examination {
    /// `verify` or `doctor`.
    pub command: String,
    /// Whose view it is.
    #[serde(rename = "plane")]
    pub program: Program,
    /// When, by this machine's clock.
    pub at: Timestamp,
    /// The issuer of the cluster, by which two views are known to be of the same one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub issuer: Option<String>,
    /// Azure's id of the cluster, where it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cluster: Option<String>,
    /// Every check, in the order of the chain.
    pub checks: Vec<Check>,
    /// What is known to be wrong, the cause first; of `doctor` alone.
    #[serde(default)]
    pub findings: Vec<Finding>,
}

/// An examination as `-o json` prints it. Its schema is `docs/examination.schema.json`.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct Document<'a> {
    #[serde(flatten)]
    own: &'a Examination,
    /// How the command ends.
    exit: Exit,
    /// What the other program saw.
    #[serde(skip_serializing_if = "Option::is_none")]
    with: Option<&'a Examination>,
    /// What is wrong by both views together, the cause first; of `doctor` alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    joint: Option<&'a [Joint]>,
}

impl Examination {
    /// The document, as it is printed with `-o json`. `with` is the other program's view, and what `doctor` makes of both.
    #[must_use]
    pub fn document(&self, exit: Exit, with: Option<(&Self, Option<&[Joint]>)>) -> String {
        let document = Document {
            own: self,
            exit,
            with: with.map(|(other, _)| other),
            joint: with.and_then(|(_, joint)| joint),
        };
        process::document(serde_json::to_value(document).unwrap_or_default())
    }

    /// How a command with this result ends.
    #[must_use]
    pub fn exit(&self, fail_on: FailOn) -> Exit {
        let of_checks = self.checks.iter().map(|check| check.verdict);
        let mut all = of_checks.chain(self.findings.iter().map(|finding| finding.severity));
        match all.any(|verdict| fail_on.counts(verdict)) {
            true => Exit::Pending,
            false => Exit::Done,
        }
    }

    /// Whether nothing at all could be seen.
    #[must_use]
    pub fn is_blind(&self) -> bool {
        self.checks.iter().all(|check| check.verdict == Verdict::Unknown)
    }

    /// Fills in the cluster where a command of a hint or of the catalog has placeholders for it, and the name of its extension if that is
    /// another than Azure's.
    #[must_use]
    pub fn naming_cluster(mut self, target: Option<&Target>) -> Self {
        let Some(cluster) = self.cluster.as_ref().and_then(|id| id.parse::<ResourceId>().ok()) else {
            return self;
        };
        let known = known(&cluster, target);
        let hints = self.checks.iter_mut().filter_map(|check| check.hint.as_mut());
        let fixes = self
            .findings
            .iter_mut()
            .flat_map(|own| own.hint.iter_mut().chain([&mut own.fix]));
        hints.chain(fixes).for_each(|own| own.fill(&known));
        self
    }

    /// Puts the checks into the order of the chain.
    #[must_use]
    pub fn ordered(mut self) -> Self {
        self.checks.sort_by_key(|check| check.link);
        self
    }

    /// Returns the path next to the state file where `program` saves its view.
    #[must_use]
    pub fn beside(state: &Path, program: Program) -> PathBuf {
        state.with_extension(format!("{}.json", program.side()))
    }

    /// Reads the view of the other program, which can come from anyone, without its advice.
    ///
    /// # Errors
    /// Exit 7: not such a document, of another cluster than `self`, or later than `self`. Exit 3: there is no such file.
    pub fn read(&self, path: &Path) -> Outcome<Self> {
        let what = format!("cannot read {}", path.display());
        let refused = |why: String| Failure::new(Exit::StateUnreadable, what.clone()).because(why);
        let bytes = regular::read(path, LARGEST).map_err(|error| match error.kind() {
            ErrorKind::NotFound => Failure::missing(what.clone()).because(error.to_string()),
            _ => refused(error.to_string()),
        })?;
        let text = String::from_utf8(bytes).map_err(|error| refused(error.to_string()))?;
        let other: Self = serde_json::from_str(text.trim_start_matches('\u{feff}')).map_err(|error| {
            refused(format!("it isn't a result of verify or doctor: {error}")).hint(fix![
                "create it with: ",
                kubectl("verify -o json"),
                ", or ",
                az("verify -o json")
            ])
        })?;
        let both = |own: &Option<String>, other: &Option<String>| own.clone().zip(other.clone());
        let other_issuer = both(&self.issuer, &other.issuer).is_some_and(|(own, other)| own != other);
        // Ids of Azure differ in case from one answer to the next.
        let other_id = both(&self.cluster, &other.cluster).is_some_and(|(own, other)| !same(&own, &other));
        if other_issuer || other_id {
            return refused("it belongs to a different cluster".to_owned()).err();
        }
        // It would count as newer than everything that is done meanwhile.
        if other.at.duration_since(self.at) > SKEW {
            let why = format!("its time is {}, which is later than this machine's clock", other.at);
            return refused(why)
                .hint("check the clock of both machines, and generate the file again")
                .err();
        }
        Ok(foreign::disarmed(other))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json_schema;

    #[test]
    fn the_schema_in_the_docs_is_that_of_the_types() {
        let mut schema = json_schema::of::<Document<'_>>("Result of verify and doctor of aksbackup, -o json");
        json_schema::closed(&mut schema);
        schema["properties"]["version"] = serde_json::json!({ "const": 1 });
        schema["required"].as_array_mut().unwrap().push("version".into());
        let text = serde_json::to_string_pretty(&schema).unwrap();
        json_schema::keep(
            "examination.schema.json",
            &format!("{text}\n"),
            "AKSBACKUP_WRITE_DOCS=1 cargo test -p aksbackup-shared --lib chain::examination",
        );
    }
}
