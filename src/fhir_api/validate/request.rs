//! What a `$validate` asks for: the parameters of the operation, from the query or from a Parameters resource.

use std::borrow::Cow;

use crate::error::{Error, Result};
use crate::fhir::{Document, Issue, Key, Node, query_string};

/// What a check is for (<https://hl7.org/fhir/R4/valueset-resource-validation-mode.html>).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Mode {
    /// To know what is wrong with it
    #[default]
    General,
    /// To know whether it could be created
    Create,
    /// To know whether it could be the next version of a stored resource
    Update,
    /// To know whether a stored resource could be deleted
    Delete,
    /// To know whether a stored resource meets a profile
    Profile,
}

impl Mode {
    /// The code of the standard.
    pub(super) fn code(self) -> &'static str {
        match self {
            Self::General => "",
            Self::Create => "create",
            Self::Update => "update",
            Self::Delete => "delete",
            Self::Profile => "profile",
        }
    }

    fn read(code: &str) -> Result<Self> {
        let known = [Self::Create, Self::Update, Self::Delete, Self::Profile];
        known
            .into_iter()
            .find(|mode| mode.code() == code)
            .ok_or_else(|| Error::incorrect(Key::Parameter, "mode is one of create, update, delete and profile"))
    }
}

/// A request to validate.
#[derive(Debug, Clone, Default)]
pub(super) struct ValidateRequest<'d> {
    /// The resource that was sent
    pub(super) resource: Option<Node<'d>>,
    pub(super) mode: Mode,
    /// Profiles to check against besides those that the resource claims: canonical URLs
    pub(super) profiles: Vec<String>,
}

impl<'d> ValidateRequest<'d> {
    /// Reads a request. A body that is no Parameters of this operation is the resource itself.
    ///
    /// # Errors
    /// For a parameter that the operation does not have, and for one that says something else twice.
    pub(super) fn read(document: Option<&'d Document>, query: Option<&str>) -> Result<Self> {
        let mut request = Self::default();
        for (name, value) in query_string::parse(query.unwrap_or_default())? {
            match name.as_str() {
                "profile" => request.profiles.push(value),
                "mode" => request.mode(&value)?,
                "_format" | "_pretty" => {}
                _ => return Err(Error::incorrect(Key::Parameter, "$validate takes profile and mode")),
            }
        }
        let root = document.map(Document::root);
        match root.filter(|root| is_ours(*root)) {
            Some(parameters) => request.parameters(parameters)?,
            None => request.resource = root,
        }
        Ok(request)
    }

    fn parameters(&mut self, parameters: Node<'d>) -> Result<()> {
        for part in parameters.list("parameter") {
            let value = || {
                ["valueCode", "valueUri", "valueCanonical", "valueUrl", "valueString"]
                    .iter()
                    .find_map(|name| part.str(name))
            };
            match part.str("name").as_deref() {
                Some("resource") if self.resource.is_none() => self.resource = part.get("resource"),
                Some("profile") => self.profiles.push(value().map(Cow::into_owned).ok_or_else(|| empty(part))?),
                Some("mode") => self.mode(&value().ok_or_else(|| empty(part))?)?,
                _ => {
                    let message = "expected the parameters resource (once), mode and profile";
                    return Err(at(part.get("name").unwrap_or(part), message));
                }
            }
        }
        Ok(())
    }

    fn mode(&mut self, code: &str) -> Result<()> {
        let mode = Mode::read(code)?;
        if self.mode != Mode::General && self.mode != mode {
            return Err(Error::incorrect(Key::Parameter, "two different modes are asked for"));
        }
        self.mode = mode;
        Ok(())
    }
}

/// Is it the input of the operation, and no Parameters resource to be checked? It is if it brings a resource, and if it
/// brings nothing that the operation does not know.
fn is_ours(root: Node<'_>) -> bool {
    let is = |part: Node<'_>, name: &str| part.get("name").is_some_and(|of| of.is_str(name));
    let mut parts = root.list("parameter").peekable();
    root.get("resourceType").is_some_and(|kind| kind.is_str("Parameters"))
        && parts.peek().is_some()
        && (root.list("parameter").any(|part| is(part, "resource") && part.get("resource").is_some())
            || parts.all(|part| is(part, "mode") || is(part, "profile")))
}

fn empty(part: Node<'_>) -> Error {
    at(part, "the parameter has no value")
}

fn at(node: Node<'_>, message: &str) -> Error {
    Error::new(crate::error::Category::Incorrect, Issue::error_at(Key::Parameter, node, message))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(body: &str, query: &str) -> Result<(Option<String>, Mode, Vec<String>)> {
        let document = Document::parse(body).unwrap();
        let request = ValidateRequest::read(Some(&document), Some(query))?;
        let kind = request.resource.map(|resource| resource.str("resourceType").unwrap().into_owned());
        Ok((kind, request.mode, request.profiles))
    }

    #[test]
    fn parameters_come_from_the_query_and_the_body() {
        let wrapped = r#"{"resourceType":"Parameters","parameter":[{"name":"mode","valueCode":"create"},
            {"name":"profile","valueUri":"urn:b"},{"name":"resource","resource":{"resourceType":"Task"}}]}"#;
        let read_wrapped = read(wrapped, "profile=urn%3Aa&_format=json").unwrap();
        assert_eq!(read_wrapped, (Some("Task".to_owned()), Mode::Create, vec!["urn:a".to_owned(), "urn:b".to_owned()]));
        assert_eq!(read(r#"{"resourceType":"Task"}"#, "mode=update").unwrap().1, Mode::Update);
        let alone = r#"{"resourceType":"Parameters","parameter":[{"name":"mode","valueCode":"delete"}]}"#;
        assert_eq!(read(alone, "").unwrap(), (None, Mode::Delete, vec![]));
        for other in [
            r#"{"resourceType":"Parameters","parameter":[{"name":"x","valueCode":"delete"}]}"#,
            r#"{"resourceType":"Parameters"}"#,
        ] {
            assert_eq!(read(other, "").unwrap().0.as_deref(), Some("Parameters"), "a resource to be checked");
        }
        assert_eq!(ValidateRequest::read(None, None).unwrap().resource, None);
    }

    #[test]
    fn what_the_operation_does_not_know_is_refused() {
        let with = |part: &str| {
            format!(r#"{{"resourceType":"Parameters","parameter":[{{"name":"resource","resource":{{}}}},{part}]}}"#)
        };
        for (body, query) in [
            (with(r#"{"name":"depth","valueInteger":1}"#), ""),
            (with(r#"{"name":"resource","resource":{}}"#), ""),
            (with(r#"{"name":"profile"}"#), ""),
            (with(r#"{"name":"mode","valueCode":"patch"}"#), ""),
            (with(r#"{"name":"mode","valueCode":"create"}"#), "mode=update"),
            ("{}".to_owned(), "mode=new"),
            ("{}".to_owned(), "depth=1"),
        ] {
            assert_eq!(read(&body, query).unwrap_err().issues[0].key, Key::Parameter, "{body} {query}");
        }
    }
}
