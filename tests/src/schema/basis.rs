//! What a judgement rests on.

use super::bundle::{Bundle, Origin};
use super::newer::{Found, Index};
use super::validators::document;

/// How well an operation is defined in one api-version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Coverage {
    /// Microsoft's definition of the API in this very version.
    Strict,
    /// An older definition around bicep's bodies of this version.
    Bicep,
    /// An older definition of the same file, nothing of which bicep has in this version.
    Older,
    /// Hand-written, because the definitions lack the operation.
    Unpublished,
}

/// What the judgement of a request rests on.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Basis {
    /// The operation's name in Microsoft's definitions, such as `BackupVaults_Get`.
    pub operation: String,
    /// The api-version asked for.
    pub version: String,
    /// How well the operation is defined in it.
    pub coverage: Coverage,
    /// Why this is the best there is; empty for [`Coverage::Strict`].
    pub reason: String,
}

impl Basis {
    pub(crate) fn of(found: &Found<'_>, index: &Index, bundle: &Bundle) -> Self {
        let (coverage, reason) = coverage(found, index, bundle);
        Self {
            operation: found.operation.id.clone(),
            version: found.version.clone(),
            coverage,
            reason,
        }
    }
}

fn coverage(found: &Found<'_>, index: &Index, bundle: &Bundle) -> (Coverage, String) {
    let own = &found.operation.version;
    match found.operation.origin {
        Origin::Published if found.version == *own => (Coverage::Strict, String::new()),
        Origin::Bicep => (
            Coverage::Bicep,
            "only the resource's body is published in this version".to_owned(),
        ),
        Origin::Unpublished(reason) => (Coverage::Unpublished, reason.to_owned()),
        Origin::Published if touched(found, index, bundle) => (
            Coverage::Bicep,
            format!("the operation as of {own}, the bodies of this version"),
        ),
        Origin::Published => (
            Coverage::Older,
            format!("the operation as of {own}, which has no resource's body"),
        ),
    }
}

/// Whether one of the newer bodies occurs in request or answers.
fn touched(found: &Found<'_>, index: &Index, bundle: &Bundle) -> bool {
    let grafts = index.grafts(found, bundle);
    let answers = found.operation.answers.values().flatten();
    answers.chain(&found.operation.request).any(|schema| {
        let document = document(schema, &bundle.definitions, &grafts);
        grafts.keys().any(|name| document["$defs"].get(name).is_some())
    })
}
