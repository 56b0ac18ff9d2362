//! The catalogue of known failures, as data.
//!
//! The rows stand in `failures/GROUP.toml` and are read once. Ids are stable: they stand in scripts and in links.

use std::collections::{BTreeMap, HashMap};
use std::sync::LazyLock;

use serde::{Deserialize, Serialize};

use crate::chain::check::Verdict;
use crate::chain::finding::{Remedy, SeenIn};
use crate::chain::link::Link;
use crate::command_line::Fix;

/// The groups' files, in the catalogue's order.
const FILES: [(&str, &str); 13] = [
    ("login", include_str!("failures/login.toml")),
    ("azure", include_str!("failures/azure.toml")),
    ("cluster", include_str!("failures/cluster.toml")),
    ("storage", include_str!("failures/storage.toml")),
    ("extension", include_str!("failures/extension.toml")),
    ("workload-identity", include_str!("failures/workload-identity.toml")),
    (
        "federated-credentials",
        include_str!("failures/federated-credentials.toml"),
    ),
    ("roles", include_str!("failures/roles.toml")),
    ("storage-location", include_str!("failures/storage-location.toml")),
    ("vault", include_str!("failures/vault.toml")),
    ("jobs", include_str!("failures/jobs.toml")),
    ("restore", include_str!("failures/restore.toml")),
    ("kubernetes", include_str!("failures/kubernetes.toml")),
];

/// Who can see a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Whose {
    /// `az aksbackup`.
    Cloud,
    /// `kubectl aksbackup`.
    Cluster,
    /// Either, or both together.
    Both,
    /// The machine that the command runs on.
    Local,
}

/// A text that names a failure.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Pattern {
    /// Where it is seen.
    #[serde(rename = "in")]
    pub seen_in: SeenIn,
    /// The regular expression, over bytes.
    #[serde(rename = "match")]
    pub expression: String,
    /// Whether it says nothing anywhere else.
    #[serde(default)]
    pub only: bool,
}

/// A known failure: one row of the catalogue.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Known {
    /// Its name for ever.
    pub id: String,
    /// The link of the chain that it breaks.
    pub link: Link,
    /// Whether it may break any link: then it is the one where it was seen.
    #[serde(default)]
    pub anywhere: bool,
    /// What is wrong, in a sentence.
    pub cause: String,
    /// What to read for proof.
    pub proof: String,
    /// What to do. In the file, command lines stand between backticks.
    #[serde(deserialize_with = "Fix::marked")]
    pub fix: Fix,
    /// The command of ours that does it.
    #[serde(default)]
    pub remedy: Option<Remedy>,
    /// [`Verdict::Error`], or [`Verdict::Warning`].
    #[serde(default = "error")]
    pub severity: Verdict,
    /// Whether it only says that something else is wrong.
    #[serde(default)]
    pub wrapper: bool,
    /// Whether nothing is to be done about it: it is never reported.
    #[serde(default)]
    pub harmless: bool,
    /// Who can see it.
    #[serde(rename = "plane")]
    pub program: Whose,
    /// Whether a state proves it.
    #[serde(default)]
    pub by_state: bool,
    /// Where it is known from. Letters with a number are those of [`Catalogue::sources`].
    pub source: String,
    /// Whether no public source was found for it.
    #[serde(default)]
    pub unverified: bool,
    /// What it can be a consequence of: ids, and links for whatever is found there. An id with `!` counts only where it is
    /// proved and this one is not.
    #[serde(default)]
    pub follows: Vec<String>,
    /// A text that rules it out.
    #[serde(default)]
    pub unless: Option<String>,
    /// The texts that name it.
    #[serde(default)]
    pub patterns: Vec<Pattern>,
    /// Such texts, as they are seen.
    #[serde(default)]
    pub examples: Vec<String>,
}

/// The rows of one page.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Group {
    /// The page's name.
    #[serde(skip)]
    pub name: &'static str,
    /// The page's heading.
    pub title: String,
    /// The rows.
    #[serde(rename = "failure")]
    pub failures: Vec<Known>,
}

/// A text that looks like a failure and is none.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Harmless {
    /// Where it is seen.
    #[serde(rename = "in")]
    pub seen_in: SeenIn,
    /// The regular expression, over bytes.
    #[serde(rename = "match")]
    pub expression: String,
    /// Why it is none.
    pub why: String,
    /// Where that is known from.
    pub source: String,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct HarmlessFile {
    text: Vec<Harmless>,
}

/// Everything that is known.
#[derive(Debug)]
pub struct Catalogue {
    /// The rows, page by page.
    pub groups: Vec<Group>,
    /// What letters with a number in [`Known::source`] stand for.
    pub sources: BTreeMap<String, String>,
    /// Texts that are not to be reported.
    pub harmless: Vec<Harmless>,
    by_id: HashMap<String, (usize, usize)>,
}

const fn error() -> Verdict {
    Verdict::Error
}

static CATALOGUE: LazyLock<Catalogue> = LazyLock::new(Catalogue::read);

impl Catalogue {
    /// The one of this program.
    #[must_use]
    pub fn get() -> &'static Self {
        &CATALOGUE
    }

    /// The files are part of the program, and a test reads each of them: none can be missing here.
    fn read() -> Self {
        let read = |(name, text): (&'static str, &str)| {
            let group: Option<Group> = toml::from_str(text).ok();
            group.map(|group| Group { name, ..group })
        };
        let groups: Vec<Group> = FILES.into_iter().filter_map(read).collect();
        let mut by_id = HashMap::new();
        for (page, group) in groups.iter().enumerate() {
            for (row, known) in group.failures.iter().enumerate() {
                by_id.insert(known.id.clone(), (page, row));
            }
        }
        let harmless: HarmlessFile = toml::from_str(include_str!("failures/harmless.toml")).unwrap_or_default();
        Self {
            groups,
            sources: toml::from_str(include_str!("failures/sources.toml")).unwrap_or_default(),
            harmless: harmless.text,
            by_id,
        }
    }

    /// Every row, in the catalogue's order.
    pub fn rows(&self) -> impl Iterator<Item = &Known> {
        self.groups.iter().flat_map(|group| &group.failures)
    }

    /// The row of this id, whatever its case.
    #[must_use]
    pub fn row(&self, id: &str) -> Option<&Known> {
        let (page, row) = self.by_id.get(&id.to_ascii_uppercase())?;
        self.groups.get(*page)?.failures.get(*row)
    }

    /// The page that the row is on.
    #[must_use]
    pub fn page(&self, id: &str) -> Option<&Group> {
        self.groups.get(self.by_id.get(&id.to_ascii_uppercase())?.0)
    }

    /// What the letters with a number in this source stand for, in their order.
    #[must_use]
    pub fn sources_of(&self, source: &str) -> Vec<(&str, &str)> {
        let mut found = Vec::new();
        for word in source.split(|c: char| !c.is_ascii_alphanumeric()) {
            if let Some((key, stands_for)) = self.sources.get_key_value(word) {
                found.push((key.as_str(), stands_for.as_str()));
            }
        }
        found.sort_unstable();
        found.dedup();
        found
    }
}

#[cfg(test)]
mod tests;
