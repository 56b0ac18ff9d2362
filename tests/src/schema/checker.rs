//! The checker.

use std::borrow::Cow;
use std::path::Path;

use serde_json::{Map, Value, json};

use super::basis::Basis;
use super::bundle::{self, Bundle, Origin, Parameter};
use super::newer::{Found, Grafts, Index};
use super::problem;
use super::target::Target;
use super::unpublished;
use super::validators::{Validators, document, without_nulls};

/// Judges requests to and answers of Azure Resource Manager. It may be shared by threads; schemas are compiled when they
/// are first needed, and kept.
#[derive(Debug)]
pub struct Checker {
    bundle: Bundle,
    index: Index,
    validators: Validators,
}

impl Checker {
    /// Reads the definitions from `folder`, which holds `arm-bundle.json` and `bicep-bundle.json`.
    ///
    /// # Errors
    /// Names the file that is missing or not as expected.
    pub fn load(folder: &Path) -> Result<Self, String> {
        let mut bundle = bundle::load(folder)?;
        unpublished::extend(&mut bundle);
        let index = Index::new(&mut bundle);
        Ok(Self {
            bundle,
            index,
            validators: Validators::default(),
        })
    }

    /// What is wrong with a request; empty if nothing is. `target` is path and query without host, `body` the JSON that was
    /// sent, if any (a JSON null counts as none). Each message begins with its place, as `request /properties/x: …`,
    /// `request path {name}: …`, `request query name: …`, and ends with operation and api-version.
    #[must_use]
    pub fn request(&self, method: &str, target: &str, body: Option<&Value>) -> Vec<String> {
        let target = Target::parse(target);
        let found = match self.index.find(method, &target) {
            Ok(found) => found,
            Err(error) => {
                return vec![problem::at(
                    "request",
                    error.place,
                    &error.reason,
                    &unknown(method, &target),
                )];
            }
        };
        let mut problems = self.path(&found);
        problems.extend(self.query(&found, &target));
        let problem = |message: &str| vec![problem::at("request", "body", message, &found.name())];
        problems.extend(match (&found.operation.request, body.filter(|body| !body.is_null())) {
            (Some(schema), Some(body)) => self.body("request", schema, body, &found),
            (Some(_), None) if found.operation.request_required => problem("is missing"),
            (None, Some(_)) => problem("the operation takes none"),
            (_, None) => Vec::new(),
        });
        problems
    }

    /// What is wrong with the answer to a request; empty if nothing is. From status 400 on the body has to be an error as
    /// ARM shapes it, whatever the request was (only the answer to HEAD has none); below, status and body have to be the
    /// operation's. Messages read as those of [`Checker::request`], beginning with `response` and the status.
    #[must_use]
    pub fn response(&self, method: &str, target: &str, status: u16, body: Option<&Value>) -> Vec<String> {
        let target = Target::parse(target);
        let body = body.filter(|body| !body.is_null());
        let side = format!("response {status}");
        let found = match (self.index.find(method, &target), body) {
            (found, Some(body)) if status >= 400 => {
                return self.error(&side, method, &target, body, found.as_ref().ok());
            }
            (_, None) if status >= 400 && method.eq_ignore_ascii_case("HEAD") => return Vec::new(),
            (_, None) if status >= 400 => {
                return vec![problem::at(
                    &side,
                    "body",
                    "ARM's error is missing",
                    &unknown(method, &target),
                )];
            }
            (Err(error), _) => {
                return vec![problem::at(
                    &side,
                    error.place,
                    &error.reason,
                    &unknown(method, &target),
                )];
            }
            (Ok(found), _) => found,
        };
        let problem = |message: &str| vec![problem::at(&side, "body", message, &found.name())];
        match (found.operation.answers.get(&status.to_string()), body) {
            (None, _) => {
                let known: Vec<&str> = found.operation.answers.keys().map(String::as_str).collect();
                problem(&format!("the operation answers {} only", known.join(", ")))
            }
            (Some(Some(schema)), Some(body)) => {
                let mut all = self.body(&side, schema, &self.answer(body, &found), &found);
                all.retain(|violation| !problem::is_recorded_null(violation, &found.name()));
                all
            }
            (Some(Some(_)), None) => problem("is missing"),
            (Some(None), Some(_)) => problem("this status has none"),
            (Some(None), None) => Vec::new(),
        }
    }

    /// What the judgement of a request rests on; nothing where no definition knows it.
    #[must_use]
    pub fn basis(&self, method: &str, target: &str) -> Option<Basis> {
        let found = self.index.find(method, &Target::parse(target)).ok()?;
        Some(Basis::of(&found, &self.index, &self.bundle))
    }

    fn body(&self, side: &str, schema: &str, body: &Value, found: &Found<'_>) -> Vec<String> {
        let validator = self.validators.get(&format!("{schema} {}", found.version), || {
            document(
                schema,
                &self.bundle.definitions,
                &self.index.grafts(found, &self.bundle),
            )
        });
        match validator {
            Ok(validator) => problem::all(side, &validator, body, &found.name()),
            Err(reason) => vec![problem::at(side, "body", &reason, &found.name())],
        }
    }

    /// An answer as far as its definition can judge it: bicep does not say which members may be null.
    fn answer<'a>(&self, body: &'a Value, found: &Found<'_>) -> Cow<'a, Value> {
        let published = found.operation.origin == Origin::Published && found.version == found.operation.version;
        if published {
            Cow::Borrowed(body)
        } else {
            Cow::Owned(without_nulls(body))
        }
    }

    fn error(&self, side: &str, method: &str, target: &Target, body: &Value, found: Option<&Found<'_>>) -> Vec<String> {
        let operation = found.map_or_else(|| unknown(method, target), Found::name);
        let schema = || document("ArmError", &self.bundle.definitions, &Grafts::new());
        let mut problems = match self.validators.get("ArmError", schema) {
            Ok(validator) => problem::all(side, &validator, body, &operation),
            Err(reason) => vec![problem::at(side, "body", &reason, &operation)],
        };
        let own = found.and_then(|found| Some((found, found.operation.answers.get("default")?.as_ref()?)));
        if let Some((found, schema)) = own.filter(|_| problems.is_empty()) {
            problems.extend(self.body(side, schema, body, found));
        }
        problems
    }

    fn path(&self, found: &Found<'_>) -> Vec<String> {
        let captures = found.captures.iter();
        let checked = captures.filter_map(|(name, value)| Some((name, value, found.operation.path.get(name)?)));
        let problems = checked
            .flat_map(|(name, value, parameter)| self.parameter(&format!("path {{{name}}}"), parameter, value, found));
        problems.collect()
    }

    fn query(&self, found: &Found<'_>, target: &Target) -> Vec<String> {
        let mut problems = Vec::new();
        let problem =
            |name: &str, message: &str| problem::at("request", &format!("query {name}"), message, &found.name());
        for (name, parameter) in &found.operation.query {
            match target.query(name) {
                Some(value) => problems.extend(self.parameter(&format!("query {name}"), parameter, value, found)),
                None if parameter.required => problems.push(problem(name, "is missing")),
                None => {}
            }
        }
        for (name, _) in target.query.iter().filter(|_| !target.is_opaque()) {
            let known = found
                .operation
                .query
                .keys()
                .any(|known| known.eq_ignore_ascii_case(name));
            if !known && name != "api-version" {
                problems.push(problem(name, "the operation knows no such parameter"));
            }
        }
        problems
    }

    fn parameter(&self, place: &str, parameter: &Parameter, value: &str, found: &Found<'_>) -> Vec<String> {
        let schema = Value::Object(parameter.schema.clone());
        let problem = |message: &str| problem::at("request", place, message, &found.name());
        let value = typed(&parameter.schema, value);
        match self.validators.get(&schema.to_string(), || schema.clone()) {
            Ok(validator) => validator
                .iter_errors(&value)
                .map(|error| problem(&error.to_string()))
                .collect(),
            Err(reason) => vec![problem(&reason)],
        }
    }
}

/// What stands in a message where no operation was found.
fn unknown(method: &str, target: &Target) -> String {
    format!("{method}, api-version '{}'", target.version())
}

/// A parameter's text as the value that its schema speaks of.
fn typed(schema: &Map<String, Value>, text: &str) -> Value {
    match schema.get("type").and_then(Value::as_str) {
        Some("integer" | "number" | "boolean") => serde_json::from_str(text).unwrap_or_else(|_| json!(text)),
        _ => json!(text),
    }
}
