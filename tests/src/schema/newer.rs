//! Which definition holds for an operation in an api-version.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde_json::json;

use super::bundle::{Bodies, Bundle, Operation, Origin, Parameter, definition};
use super::problem;
use super::shapes;
use super::target::Target;
use super::template::{Captures, Template};

/// An operation that a request was recognised as.
#[derive(Debug)]
pub(crate) struct Found<'a> {
    pub(crate) operation: &'a Operation,
    /// The api-version asked for; newer than the operation's where an older definition stands in.
    pub(crate) version: String,
    pub(crate) captures: Captures,
}

/// Why a request is none of the operations.
#[derive(Debug)]
pub(crate) struct Unknown {
    /// The part of the request that fits none.
    pub(crate) place: &'static str,
    pub(crate) reason: String,
}

impl Found<'_> {
    /// Operation and api-version, as messages name them, and what the judgement rests on where it is not the published
    /// definition.
    pub(crate) fn name(&self) -> String {
        let (id, own, version) = (&self.operation.id, &self.operation.version, &self.version);
        let basis = match self.operation.origin {
            Origin::Unpublished(reason) => format!(", hand-written: {reason}"),
            Origin::Published if own != version => format!(", by {own} with bicep's bodies"),
            Origin::Published | Origin::Bicep => String::new(),
        };
        format!("{id} {version}{basis}")
    }
}

/// Definitions of an older api-version by name, each with the newer one that takes its place.
pub(crate) type Grafts = BTreeMap<String, String>;

/// All operations, ready to be found.
#[derive(Debug)]
pub(crate) struct Index {
    operations: Vec<Operation>,
    bodies: HashMap<(String, String), Bodies>,
    /// The api-versions in which bicep knows a type of a definition file.
    newer: HashMap<String, BTreeSet<String>>,
}

impl Index {
    /// Takes the operations and bodies of a bundle, adds operations for the types that bicep alone knows, and puts the
    /// schemas that those need into its definitions.
    pub(crate) fn new(bundle: &mut Bundle) -> Self {
        let mut operations = std::mem::take(&mut bundle.operations);
        let types: BTreeSet<String> = operations
            .iter()
            .filter_map(|one| one.template.resource_type())
            .collect();
        let mut newer: HashMap<String, BTreeSet<String>> = HashMap::new();
        for operation in &operations {
            let Some(kind) = operation.template.resource_type() else {
                continue;
            };
            let own = bundle
                .bodies
                .iter()
                .filter(|bodies| bodies.kind.eq_ignore_ascii_case(&kind));
            newer
                .entry(operation.family.clone())
                .or_default()
                .extend(own.map(|bodies| bodies.version.clone()));
        }
        for bodies in &bundle.bodies {
            if !types.contains(&bodies.kind.to_ascii_lowercase()) {
                operations.extend(bicep_operations(bodies));
            }
            let answer = bodies
                .answer
                .iter()
                .map(|answer| (format!("{answer}.list"), shapes::list(answer)));
            bundle.definitions.extend(answer);
        }
        let bodies = std::mem::take(&mut bundle.bodies).into_iter();
        let bodies = bodies
            .map(|bodies| ((bodies.kind.to_ascii_lowercase(), bodies.version.clone()), bodies))
            .collect();
        Self {
            operations,
            bodies,
            newer,
        }
    }

    /// The operation that holds for a method and a target.
    ///
    /// # Errors
    /// Why there is none: no such path, no such method on it, or no such api-version.
    pub(crate) fn find(&self, method: &str, target: &Target) -> Result<Found<'_>, Unknown> {
        let own = self.candidates(method, target)?;
        let version = target.version();
        let exact = own.iter().find(|one| one.version == version);
        let older = own.iter().filter(|one| self.stands_in(one, version));
        let operation = exact.or_else(|| older.max_by(|a, b| a.version.cmp(&b.version)));
        let Some(operation) = operation.copied() else {
            let known: BTreeSet<&str> = own.iter().flat_map(|one| self.versions(one)).collect();
            let known: Vec<&str> = known.into_iter().collect();
            return Err(Unknown {
                place: problem::VERSION,
                reason: problem::undefined(&own[0].id, version, &known),
            });
        };
        let captures = operation.template.captures(&target.segments).unwrap_or_default();
        Ok(Found {
            operation,
            version: version.to_owned(),
            captures,
        })
    }

    /// One operation in all its api-versions: of those that match, the one with the most literals. Never empty.
    fn candidates(&self, method: &str, target: &Target) -> Result<Vec<&Operation>, Unknown> {
        let fits = |one: &&Operation| one.template.captures(&target.segments).is_some();
        let matching: Vec<&Operation> = self.operations.iter().filter(fits).collect();
        let own = matching.iter().filter(|one| one.method.eq_ignore_ascii_case(method));
        if let Some(heaviest) = own.clone().map(|one| one.template.weight()).max() {
            return Ok(own.copied().filter(|one| one.template.weight() == heaviest).collect());
        }
        let methods: BTreeSet<&str> = matching.iter().map(|one| one.method.as_str()).collect();
        let methods: Vec<&str> = methods.into_iter().collect();
        let path = target.segments.join("/");
        let reason = format!(
            "no operation {method} /{path} is defined (methods there: [{}])",
            methods.join(", ")
        );
        Err(Unknown { place: "path", reason })
    }

    fn versions<'a>(&'a self, operation: &'a Operation) -> Vec<&'a str> {
        let newer = self.newer.get(&operation.family).into_iter().flatten();
        let newer = newer
            .filter(|version| **version > operation.version)
            .map(String::as_str);
        newer.chain([operation.version.as_str()]).collect()
    }

    fn stands_in(&self, operation: &Operation, version: &str) -> bool {
        let known = self
            .newer
            .get(&operation.family)
            .is_some_and(|versions| versions.contains(version));
        known && operation.version.as_str() < version
    }

    /// The bodies that bicep knows in the version asked for, for those that the older operation's version has.
    pub(crate) fn grafts(&self, found: &Found<'_>, bundle: &Bundle) -> Grafts {
        let mut grafts = Grafts::new();
        let older = &found.operation.version;
        if found.version == *older {
            return grafts;
        }
        for operation in &self.operations {
            let results = |kind: &String| kind.ends_with("/operationresults") || kind.ends_with("/operationstatus");
            let kind = operation.template.resource_type().filter(|kind| !results(kind));
            let Some(kind) = kind.filter(|_| operation.version == *older && operation.origin == Origin::Published)
            else {
                continue;
            };
            let Some(bodies) = self.bodies.get(&(kind, found.version.clone())) else {
                continue;
            };
            let answer = operation
                .answers
                .get("200")
                .cloned()
                .flatten()
                .filter(|_| operation.method != "DELETE");
            let request = operation.request.clone().filter(|_| operation.method == "PUT");
            for (old, new) in [(answer, &bodies.answer), (request, &bodies.request)] {
                if let (Some(old), Some(new)) = (old, new) {
                    grafts.extend(properties(bundle, &old).zip(properties(bundle, new)));
                    grafts.insert(old, new.clone());
                }
            }
        }
        grafts
    }
}

/// The definition of a resource's `properties`, where it is one of its own.
fn properties(bundle: &Bundle, resource: &str) -> Option<String> {
    let reference = bundle
        .definitions
        .get(resource)?
        .pointer("/properties/properties/$ref")?
        .as_str()?;
    definition(reference).map(str::to_owned)
}

/// GET of one and of all, PUT and DELETE of a type that has no published operation.
fn bicep_operations(bodies: &Bodies) -> Vec<Operation> {
    let mut names = bodies.kind.split('/');
    let mut path = format!("/{{scope}}/providers/{}", names.next().unwrap_or_default());
    let mut list = String::new();
    for name in names {
        list = format!("{path}/{name}");
        path = format!("{list}/{{{name}Name}}");
    }
    let operation = |method: &str, path: &str, statuses: &[&str], answer: Option<String>| Operation {
        id: format!("{} {method}", bodies.kind),
        method: method.to_owned(),
        template: Template::parse(path),
        version: bodies.version.clone(),
        family: bodies.kind.clone(),
        query: ["api-version", "$expand", "$filter", "$top"]
            .map(|name| (name.to_owned(), text()))
            .into(),
        path: BTreeMap::new(),
        request: bodies.request.clone().filter(|_| method == "PUT"),
        request_required: method == "PUT",
        answers: statuses
            .iter()
            .map(|status| ((*status).to_owned(), answer.clone()))
            .collect(),
        origin: Origin::Bicep,
    };
    let mut operations = Vec::new();
    if let Some(answer) = &bodies.answer {
        operations.push(operation("GET", &path, &["200"], Some(answer.clone())));
        operations.push(operation("GET", &list, &["200"], Some(format!("{answer}.list"))));
        if bodies.request.is_some() {
            operations.push(operation("PUT", &path, &["200", "201"], Some(answer.clone())));
            operations.push(operation("DELETE", &path, &["200", "202", "204"], None));
        }
    }
    operations
}

fn text() -> Parameter {
    let schema = json!({ "type": "string" });
    Parameter {
        required: false,
        schema: schema.as_object().cloned().unwrap_or_default(),
    }
}
