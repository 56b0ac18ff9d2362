//! The definitions as they lie in their folder.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::BufReader;
use std::path::Path;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::template::Template;

/// One operation in one api-version.
#[derive(Debug, Clone)]
pub(crate) struct Operation {
    pub(crate) id: String,
    pub(crate) method: String,
    pub(crate) template: Template,
    pub(crate) version: String,
    /// Namespace and definition file: what one file defines is versioned together.
    pub(crate) family: String,
    pub(crate) query: BTreeMap<String, Parameter>,
    pub(crate) path: BTreeMap<String, Parameter>,
    /// Name of the schema of the request's body.
    pub(crate) request: Option<String>,
    pub(crate) request_required: bool,
    /// Names of the schemas of the answers' bodies by status or `default`; `None` for an answer without body.
    pub(crate) answers: BTreeMap<String, Option<String>>,
    pub(crate) origin: Origin,
}

/// Where an operation is known from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Origin {
    /// Microsoft's definition of the API.
    Published,
    /// Bicep's body of the resource alone.
    Bicep,
    /// Written down here, for this reason.
    Unpublished(&'static str),
}

/// A parameter of path or query: the schema of its value.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Parameter {
    #[serde(default)]
    pub(crate) required: bool,
    #[serde(flatten)]
    pub(crate) schema: Map<String, Value>,
}

/// Bodies of one resource type in one api-version.
#[derive(Debug, Clone)]
pub(crate) struct Bodies {
    /// As Azure spells it.
    pub(crate) kind: String,
    pub(crate) version: String,
    pub(crate) request: Option<String>,
    pub(crate) answer: Option<String>,
}

/// Everything that was read.
#[derive(Debug, Default)]
pub(crate) struct Bundle {
    pub(crate) operations: Vec<Operation>,
    pub(crate) bodies: Vec<Bodies>,
    pub(crate) definitions: Map<String, Value>,
}

#[derive(Deserialize)]
struct ArmFile {
    operations: Vec<ArmOperation>,
    #[serde(rename = "$defs")]
    definitions: Map<String, Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ArmOperation {
    operation_id: String,
    spec: String,
    method: String,
    path: String,
    api_version: String,
    query: BTreeMap<String, Parameter>,
    path_params: BTreeMap<String, Parameter>,
    request: Option<Reference>,
    #[serde(default)]
    request_required: bool,
    responses: BTreeMap<String, ArmAnswer>,
}

#[derive(Deserialize)]
struct ArmAnswer {
    schema: Option<Reference>,
}

#[derive(Deserialize)]
struct BicepFile {
    resources: BTreeMap<String, BicepBodies>,
    #[serde(rename = "$defs")]
    definitions: Map<String, Value>,
}

#[derive(Deserialize)]
struct BicepBodies {
    request: Option<Reference>,
    response: Option<Reference>,
}

#[derive(Deserialize)]
struct Reference {
    #[serde(rename = "$ref")]
    target: String,
}

/// Operations on anything by its id take the api-version of the type that the id names, so that their own says nothing.
const GENERIC: &[&str] = &[
    "Resources_Get",
    "Resources_GetById",
    "RoleAssignments_CreateById",
    "RoleAssignments_DeleteById",
    "RoleAssignments_GetById",
    "RoleDefinitions_GetById",
];

/// Reads both bundles of `folder`.
///
/// # Errors
/// Names the file that is not there or not as expected.
pub(crate) fn load(folder: &Path) -> Result<Bundle, String> {
    let arm: ArmFile = read(&folder.join("arm-bundle.json"))?;
    let bicep: BicepFile = read(&folder.join("bicep-bundle.json"))?;
    let operations = arm
        .operations
        .into_iter()
        .filter(|one| !GENERIC.contains(&one.operation_id.as_str()));
    let mut definitions = arm.definitions;
    definitions.extend(bicep.definitions);
    definitions.values_mut().for_each(add_recorded_words);
    Ok(Bundle {
        operations: operations.map(Operation::from).collect(),
        bodies: bicep.resources.into_iter().filter_map(bodies).collect(),
        definitions,
    })
}

/// Words that the definitions lack and that Azure was recorded to say, each with one that stands where it can stand: after
/// `suspendBackups` the state of a backup instance is `BackupsSuspended`, in both of its members
/// (test_dataprotection_backup_instance_update_protection, 2025-11-04).
const RECORDED_WORDS: [(&str, &str); 1] = [("ConfiguringProtectionFailed", "BackupsSuspended")];

fn add_recorded_words(value: &mut Value) {
    match value {
        Value::Array(items) => {
            for (known, word) in RECORDED_WORDS {
                if items.iter().any(|item| item == known) {
                    items.push(word.into());
                }
            }
            items.iter_mut().for_each(add_recorded_words);
        }
        Value::Object(members) => members.values_mut().for_each(add_recorded_words),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn read<T: DeserializeOwned>(path: &Path) -> Result<T, String> {
    let file = File::open(path).map_err(|error| format!("{}: {error}", path.display()))?;
    serde_json::from_reader(BufReader::new(file)).map_err(|error| format!("{}: {error}", path.display()))
}

fn bodies((key, bodies): (String, BicepBodies)) -> Option<Bodies> {
    let (kind, version) = key.split_once('@')?;
    Some(Bodies {
        kind: kind.to_owned(),
        version: version.to_owned(),
        request: bodies.request.map(Reference::name),
        answer: bodies.response.map(Reference::name),
    })
}

impl Reference {
    fn name(self) -> String {
        definition(&self.target).unwrap_or_default().to_owned()
    }
}

/// The name of the definition that a `$ref` points to.
pub(crate) fn definition(reference: &str) -> Option<&str> {
    reference.strip_prefix("#/$defs/")
}

impl From<ArmOperation> for Operation {
    fn from(read: ArmOperation) -> Self {
        let answers = read.responses.into_iter();
        Self {
            id: read.operation_id,
            method: read.method,
            template: Template::parse(&read.path),
            version: read.api_version,
            family: family(&read.spec),
            query: read.query,
            path: read.path_params,
            request: read.request.map(Reference::name),
            request_required: read.request_required,
            answers: answers
                .map(|(status, answer)| (status, answer.schema.map(Reference::name)))
                .collect(),
            origin: Origin::Published,
        }
    }
}

/// `…/Microsoft.Storage/stable/2023-05-01/blob.json` gives `Microsoft.Storage/blob.json`.
fn family(definition: &str) -> String {
    let mut parts = definition.split('/');
    let namespace = parts.find(|part| part.starts_with("Microsoft.")).unwrap_or_default();
    format!("{namespace}/{}", parts.next_back().unwrap_or_default())
}
