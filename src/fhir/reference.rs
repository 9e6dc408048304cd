//! References between resources (<https://hl7.org/fhir/R4/references.html>): what a `reference` string points at.

use std::fmt;

use super::primitive;

/// Type and id of a resource of this server: `Task/7`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ResourceKey {
    /// The resource type, as the standard spells it
    pub kind: String,
    /// The logical id
    pub id: String,
}

impl ResourceKey {
    /// The key of this type and id.
    pub fn new(kind: impl Into<String>, id: impl Into<String>) -> Self {
        Self { kind: kind.into(), id: id.into() }
    }

    /// Reads `Type/id`; nothing else is a key.
    pub fn parse(text: &str) -> Option<Self> {
        match Reference::parse(text) {
            Some(Reference::Relative { kind, id, version: None }) => Some(Self::new(kind, id)),
            _ => None,
        }
    }
}

impl fmt::Display for ResourceKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.kind)?;
        f.write_str("/")?;
        f.write_str(&self.id)
    }
}

/// What a `reference` string points at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reference<'a> {
    /// `Type/id` or `Type/id/_history/version`
    Relative {
        /// Resource type
        kind: &'a str,
        /// Logical id
        id: &'a str,
        /// The version, where one is named
        version: Option<&'a str>,
    },
    /// `http(s)://.../Type/id`, or any other URL
    Absolute {
        /// The whole URL
        url: &'a str,
        /// Base, type and id, where it is RESTful in form
        restful: Option<(&'a str, &'a str, &'a str)>,
    },
    /// `urn:uuid:...` or `urn:oid:...`
    Urn(&'a str),
    /// `#id`; an empty id is the container itself
    Contained(&'a str),
}

impl<'a> Reference<'a> {
    /// Reads a reference; nothing if it has none of the forms.
    pub fn parse(text: &'a str) -> Option<Self> {
        if let Some(id) = text.strip_prefix('#') {
            return (id.is_empty() || primitive::is_id(id)).then_some(Self::Contained(id));
        }
        if let Some(uuid) = text.strip_prefix("urn:uuid:") {
            return primitive::is_uuid_part(uuid).then_some(Self::Urn(text));
        }
        if let Some(oid) = text.strip_prefix("urn:oid:") {
            return primitive::is_oid_part(oid).then_some(Self::Urn(text));
        }
        // Nearly every reference is relative, and holds no colon at all.
        if text.contains(':') && text.contains("://") {
            return primitive::is_uri(text).then(|| Self::Absolute { url: text, restful: restful(text) });
        }
        let (kind, id, version) = split(text)?;
        Some(Self::Relative { kind, id, version })
    }

    /// The type that the reference itself names, if it does.
    pub fn kind(&self) -> Option<&'a str> {
        match self {
            Self::Relative { kind, .. } | Self::Absolute { restful: Some((_, kind, _)), .. } => Some(kind),
            _ => None,
        }
    }

    /// The resource of this server that it points at; `base` is what absolute URLs of this server begin with.
    pub fn local(&self, base: Option<&str>) -> Option<ResourceKey> {
        match self {
            Self::Relative { kind, id, .. } => Some(ResourceKey::new(*kind, *id)),
            Self::Absolute { restful: Some((at, kind, id)), .. } => {
                (base.map(|base| base.trim_end_matches('/')) == Some(*at)).then(|| ResourceKey::new(*kind, *id))
            }
            _ => None,
        }
    }
}

/// Base, type and id of a RESTful URL.
fn restful(url: &str) -> Option<(&str, &str, &str)> {
    let without = url.find("/_history/").map_or(url, |at| &url[..at]);
    let (front, id) = without.rsplit_once('/')?;
    let (base, kind) = front.rsplit_once('/')?;
    (is_type_name(kind) && primitive::is_id(id) && base.contains("://")).then_some((base, kind, id))
}

fn split(text: &str) -> Option<(&str, &str, Option<&str>)> {
    let mut parts = text.split('/');
    let (kind, id) = (parts.next()?, parts.next()?);
    let version = match (parts.next(), parts.next(), parts.next()) {
        (None, _, _) => None,
        (Some("_history"), Some(version), None) if primitive::is_id(version) => Some(version),
        _ => return None,
    };
    (is_type_name(kind) && primitive::is_id(id)).then_some((kind, id, version))
}

/// Has it the form of a resource type's name? Whether the type exists is for the definitions to say.
fn is_type_name(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_uppercase()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_the_forms_apart() {
        let parsed = |text| Reference::parse(text);
        assert_eq!(parsed("Task/1"), Some(Reference::Relative { kind: "Task", id: "1", version: None }));
        assert_eq!(
            parsed("Task/1/_history/2"),
            Some(Reference::Relative { kind: "Task", id: "1", version: Some("2") })
        );
        assert_eq!(parsed("#a"), Some(Reference::Contained("a")));
        assert_eq!(
            parsed("urn:uuid:c757873d-ec9a-4326-a141-556f43239520"),
            Some(Reference::Urn("urn:uuid:c757873d-ec9a-4326-a141-556f43239520"))
        );
        let absolute = parsed("https://ehr.example/fhir/Task/1").unwrap();
        assert_eq!(absolute.local(Some("https://ehr.example/fhir/")), Some(ResourceKey::new("Task", "1")));
        assert_eq!(absolute.local(Some("https://other.example/fhir")), None);
        for bad in ["", "Task", "Task/", "task/1", "Task/1/2", "Task/a b", "urn:uuid:x", "#a b", "Task/1/_history/"] {
            assert_eq!(parsed(bad), None, "{bad}");
        }
    }
}
