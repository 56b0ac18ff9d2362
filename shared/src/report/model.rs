//! What the page says, before anybody decides how it looks. Every text in it is harmless and short.

use jiff::Timestamp;
use serde::Serialize;

use crate::chain::check::Verdict;
use crate::program::Program;
use crate::status::Standing;

mod parts;

pub use parts::{CheckLine, Found, Grant, LinkLine, Location, Made, NeededRight, StepLine, Todo, Unseen};

/// How something stands, in the order of urgency.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mark {
    /// Checked in this run, and as expected.
    Good,
    /// Reported by the state file or by an earlier run, and not checked in this one.
    Recorded,
    /// Could not be seen, or nobody looked.
    Unseen,
    /// Not done yet.
    Open,
    /// Works, and will not for long, or not for everything.
    Attention,
    /// Not as it should be.
    Broken,
}

impl Mark {
    /// Every mark, the best first.
    pub const ALL: [Self; 6] = [
        Self::Good,
        Self::Recorded,
        Self::Unseen,
        Self::Open,
        Self::Attention,
        Self::Broken,
    ];

    /// The word beside it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Recorded => "reported",
            Self::Unseen => "not checked",
            Self::Open => "open",
            Self::Attention => "attention",
            Self::Broken => "broken",
        }
    }

    /// What the word means.
    #[must_use]
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::Good => "checked in this run, and as expected",
            Self::Recorded => "reported by the state file or by an earlier run; not checked in this run",
            Self::Unseen => "not checked, or not readable",
            Self::Open => "not done yet",
            Self::Attention => "works, but not permanently or not for everything",
            Self::Broken => "failed",
        }
    }
}

impl From<Verdict> for Mark {
    fn from(verdict: Verdict) -> Self {
        match verdict {
            Verdict::Ok => Self::Good,
            Verdict::Unknown => Self::Unseen,
            Verdict::Warning => Self::Attention,
            Verdict::Error => Self::Broken,
        }
    }
}

impl From<Standing> for Mark {
    fn from(standing: Standing) -> Self {
        match standing {
            Standing::Done => Self::Good,
            Standing::Recorded => Self::Recorded,
            Standing::Unknown => Self::Unseen,
            Standing::Open => Self::Open,
            Standing::Stale => Self::Attention,
            Standing::Drifted => Self::Broken,
        }
    }
}

/// The page.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    /// When it was made.
    pub made_at: Timestamp,
    /// Name and version of the program that made it.
    pub tool: String,
    /// Whether nobody looked at the world for it.
    pub offline: bool,
    /// What is protected; `None` where the file does not say.
    pub cluster: Option<Cluster>,
    /// Name of the state file.
    pub file: String,
    /// Digest of its values.
    pub digest: String,
    /// All of it in a sentence.
    pub verdict: Judgement,
    /// What each program saw, and when.
    pub views: Vec<View>,
    /// The chain as a picture.
    pub lanes: Vec<Lane>,
    /// What is wrong, the cause first.
    pub findings: Vec<Found>,
    /// What is left, in the order of the hand-off.
    pub turns: Vec<Todo>,
    /// Every step: who did what, when.
    pub steps: Vec<StepLine>,
    /// What the tool made.
    pub made: Vec<Made>,
    /// Who may do what, as the file has it.
    pub access: Vec<Grant>,
    /// Every link with every check.
    pub links: Vec<LinkLine>,
    /// What could not be seen, and who can see it.
    pub unseen: Vec<Unseen>,
    /// The rights that the steps need.
    pub rights: Vec<NeededRight>,
}

/// The cluster.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Cluster {
    /// Its ARM id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Its group.
    pub group: String,
    /// Its subscription.
    pub subscription: String,
    /// Tenant of that.
    pub tenant: String,
    /// Its region.
    pub region: String,
    /// The cloud.
    pub cloud: String,
}

/// A mark with its reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Judgement {
    /// How it stands.
    pub mark: Mark,
    /// Why, in a sentence.
    pub says: String,
    /// The command that brings it further, where one is known.
    pub command: Option<String>,
}

/// What one program saw.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct View {
    /// Which program.
    #[serde(rename = "plane")]
    pub program: Program,
    /// When it looked; `None` where it did not.
    pub at: Option<Timestamp>,
    /// `verify` or `doctor`, or why there is none.
    pub says: String,
}

/// A part of the picture: links that lead from one to the next.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Lane {
    /// Stable name.
    pub id: &'static str,
    /// Heading.
    pub title: &'static str,
    /// What it is about, in a sentence.
    pub about: &'static str,
    /// The stations.
    pub nodes: Vec<Node>,
}

/// A station of the picture.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Node {
    /// Stable name.
    pub id: &'static str,
    /// What it is.
    pub title: &'static str,
    /// How it hangs on the one before, such as `trusted by`; empty for the first.
    pub from: &'static str,
    /// Its names in Azure or Kubernetes.
    pub names: Vec<String>,
    /// How it stands.
    pub mark: Mark,
    /// What shows it.
    pub says: String,
    /// When that was seen.
    pub at: Option<Timestamp>,
    /// Who saw it: a person of the state file, or a program.
    pub by: Option<String>,
}
