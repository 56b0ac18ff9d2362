//! Checks requests and answers of Azure Resource Manager against Microsoft's own definitions of the API.
//!
//! The definitions are test data that lives outside the project: a folder with `arm-bundle.json` (operations of
//! azure-rest-api-specs with closed JSON schemas) and `bicep-bundle.json` (bodies of resources in newer api-versions, of
//! bicep-types-az). [`Checker`] finds the operation of a request by method and path, without regard to case, and applies
//! the strictest rule that the definitions allow for its api-version:
//!
//! 1. The operation is published in this version: its parameters, request, statuses and answers, closed and exact.
//! 2. It is published in an older version, and bicep knows a resource type of the same definition file in this one: the
//!    older operation, in which every resource, and every resource's `properties`, is replaced by bicep's newer body
//!    wherever it occurs. A PUT, its answer and a list are then judged by the new bodies, and so is the backup instance
//!    inside `validateForBackup`; what bicep has no body for (actions' own members, operation statuses, PATCH) stays with
//!    the nearest older definition.
//! 3. Only bicep knows the type in this version: its body for GET and PUT.
//! 4. `unpublished`: operations that Azure has and its definitions lack, each with its reason.
//! 5. Anything else is a violation.

#[cfg(feature = "definitions")]
mod basis;
#[cfg(feature = "definitions")]
mod bundle;
#[cfg(feature = "definitions")]
mod checker;
#[cfg(feature = "definitions")]
mod definitions;
#[cfg(feature = "definitions")]
mod newer;
#[cfg(not(feature = "definitions"))]
mod off;
#[cfg(feature = "definitions")]
mod problem;
#[cfg(feature = "definitions")]
mod shapes;
#[cfg(feature = "definitions")]
mod target;
#[cfg(feature = "definitions")]
mod template;
#[cfg(feature = "definitions")]
mod unpublished;
#[cfg(feature = "definitions")]
mod validators;

#[cfg(feature = "definitions")]
pub use basis::{Basis, Coverage};
#[cfg(feature = "definitions")]
pub use checker::Checker;
#[cfg(feature = "definitions")]
pub use definitions::definitions;
#[cfg(not(feature = "definitions"))]
pub use off::{Checker, definitions, is_undefined_version};
#[cfg(feature = "definitions")]
pub use problem::is_undefined_version;

/// Names the folder of the definitions. Empty switches the check off.
pub const VARIABLE: &str = "AKSBACKUP_ARM_SCHEMA";

/// What a person reads where nothing is checked.
pub const OFF: &str = "warning: nothing is checked against Microsoft's definitions of the API";

#[cfg(test)]
#[cfg(feature = "definitions")]
mod tests;
