//! A value set, made ready for asking whether a code is in it (<https://hl7.org/fhir/R4/valueset.html>).

use super::currency::CURRENCIES;
use super::language::{self, LanguagePart, is_language};
use crate::fhir::Node;
use crate::fhirpath::is_ucum;

/// The codes of a value set. Where they cannot be listed, what is known of their form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ValueSet {
    /// Canonical URL
    pub url: String,
    /// Business version
    pub version: Option<String>,
    /// What it is made of; a code system may stand there more than once
    pub parts: Vec<Part>,
    /// Left out again, whatever the parts say
    pub excluded: Vec<Part>,
}

/// The codes that a value set takes from one code system.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// The `system` of a Coding; [`Part::ANY`] where it is not known which
    pub system: String,
    /// The codes
    pub codes: Codes,
}

/// Codes of one system.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Codes {
    /// All of them, sorted
    Listed(Vec<Box<str>>),
    /// All of them, in lower case and sorted; to the system `A` and `a` are one code
    AnyCase(Vec<Box<str>>),
    /// Media types (BCP 13): too many to list, and told by their form
    MediaTypes,
    /// Language tags (BCP 47): too many to list, and told by their form
    Languages,
    /// Language tags that have none of these parts
    LanguagesWithout(Vec<LanguagePart>),
    /// Units (UCUM): built by a grammar, and told by it
    Units,
    /// The definition at hand does not say which
    Unknown,
}

/// Is a code in a value set?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Membership {
    /// It is
    In,
    /// It is not
    Out,
    /// The definitions at hand cannot say
    Unknown,
}

// ===

impl ValueSet {
    /// Is this code of this system in the set?
    pub fn contains(&self, system: &str, code: &str) -> Membership {
        self.membership(code, |part| part.is_about(system))
    }

    /// Is one of the codes of a coded value in the set: of a code, a Coding or Quantity, a `CodeableConcept`?
    pub fn contains_coded(&self, node: Node<'_>) -> Membership {
        if let Some(code) = node.as_str() {
            return self.contains_code(&code);
        }
        if node.get("coding").is_none() {
            return self.contains_coding(node);
        }
        let mut found = Membership::Out;
        for each in node.list("coding") {
            match self.contains_coding(each) {
                Membership::In => return Membership::In,
                Membership::Unknown => found = Membership::Unknown,
                Membership::Out => {}
            }
        }
        found
    }

    /// Is a Coding, or the unit of a Quantity, in the set?
    pub fn contains_coding(&self, node: Node<'_>) -> Membership {
        match (node.str("system"), node.str("code")) {
            (Some(system), Some(code)) => self.contains(&system, &code),
            _ => Membership::Out,
        }
    }

    /// Is this code in the set, where the element leaves the system to the value set (type `code`)?
    pub fn contains_code(&self, code: &str) -> Membership {
        self.membership(code, |_| true)
    }

    /// The systems in which the set has this code.
    pub fn systems_with<'a>(&'a self, code: &'a str) -> impl Iterator<Item = &'a str> {
        self.parts
            .iter()
            .filter(move |part| part.codes.contains(code) == Membership::In)
            .map(|part| part.system.as_str())
    }

    /// The systems that the set takes codes from.
    pub fn systems(&self) -> impl Iterator<Item = &str> {
        self.parts.iter().map(|part| part.system.as_str())
    }

    /// Every code that is listed, with its system.
    pub fn listed(&self) -> impl Iterator<Item = (&str, &str)> {
        self.parts.iter().flat_map(|part| {
            let codes = if let Codes::Listed(codes) | Codes::AnyCase(codes) = &part.codes { &codes[..] } else { &[] };
            codes.iter().map(|code| (part.system.as_str(), &**code))
        })
    }

    /// Is every code listed or told by its form, so that the answer is never "unknown"?
    pub fn is_complete(&self) -> bool {
        self.parts.iter().chain(&self.excluded).all(|part| part.codes != Codes::Unknown)
    }

    fn membership(&self, code: &str, concerns: impl Fn(&Part) -> bool) -> Membership {
        let among = |parts: &[Part]| {
            let mut found = Membership::Out;
            for part in parts.iter().filter(|part| concerns(part)) {
                match part.codes.contains(code) {
                    Membership::In => return Membership::In,
                    Membership::Unknown => found = Membership::Unknown,
                    Membership::Out => {}
                }
            }
            found
        };
        match (among(&self.parts), among(&self.excluded)) {
            (Membership::Out, _) | (_, Membership::In) => Membership::Out,
            (_, Membership::Unknown) => Membership::Unknown,
            (found, Membership::Out) => found,
        }
    }
}

impl Membership {
    /// Yes or no, where it is known.
    pub fn as_bool(self) -> Option<bool> {
        match self {
            Self::In => Some(true),
            Self::Out => Some(false),
            Self::Unknown => None,
        }
    }
}

impl Part {
    /// Stands for whatever system an imported set that is not at hand may have.
    pub const ANY: &str = "";

    /// May it hold codes of this system?
    pub fn is_about(&self, system: &str) -> bool {
        self.system == system || self.system == Self::ANY
    }
}

impl Codes {
    /// Sorts and keeps every code once.
    pub fn listed(codes: impl IntoIterator<Item = String>) -> Self {
        Self::Listed(sorted(codes))
    }

    /// The same, for a system to which `A` and `a` are one code.
    pub fn any_case(codes: impl IntoIterator<Item = String>) -> Self {
        Self::AnyCase(sorted(codes.into_iter().map(|code| code.to_lowercase())))
    }

    /// What is known of a system of which the codes are not at hand.
    pub fn of_system(system: &str) -> Self {
        match system {
            "urn:ietf:bcp:13" => Self::MediaTypes,
            "urn:ietf:bcp:47" => Self::Languages,
            "http://unitsofmeasure.org" => Self::Units,
            "urn:iso:std:iso:4217" => Self::Listed(CURRENCIES.iter().map(|code| Box::from(*code)).collect()),
            _ => Self::Unknown,
        }
    }

    /// Is this code among them?
    pub fn contains(&self, code: &str) -> Membership {
        let known = match self {
            Self::Listed(codes) => codes.binary_search_by(|known| (**known).cmp(code)).is_ok(),
            Self::AnyCase(codes) => {
                let code = code.to_lowercase();
                codes.binary_search_by(|known| (**known).cmp(&code)).is_ok()
            }
            Self::MediaTypes => is_media_type(code),
            Self::Languages => is_language(code),
            Self::LanguagesWithout(parts) => {
                is_language(code) && !language::parts(code).iter().any(|part| parts.contains(part))
            }
            Self::Units => is_ucum(code),
            Self::Unknown => return Membership::Unknown,
        };
        if known { Membership::In } else { Membership::Out }
    }
}

fn sorted(codes: impl IntoIterator<Item = String>) -> Vec<Box<str>> {
    let mut codes: Vec<Box<str>> = codes.into_iter().map(String::into_boxed_str).collect();
    codes.sort_unstable();
    codes.dedup();
    codes
}

/// `type/subtype`, with parameters if any (<https://www.rfc-editor.org/rfc/rfc6838>). FHIR's own examples also use bare
/// words such as `xml` for formats, so a single token is accepted.
fn is_media_type(text: &str) -> bool {
    let kind = text.split(';').next().unwrap_or_default().trim_end();
    let token = |part: &str| {
        !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$&-^_.+*".contains(&byte))
    };
    let mut parts = kind.split('/');
    parts.next().is_some_and(token) && parts.next().is_none_or(token) && parts.next().is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(parts: Vec<Part>, excluded: Vec<Part>) -> ValueSet {
        ValueSet { url: "urn:x".into(), version: None, parts, excluded }
    }

    fn part(system: &str, codes: &[&str]) -> Part {
        Part { system: system.into(), codes: Codes::listed(codes.iter().map(ToString::to_string)) }
    }

    #[test]
    fn answers_by_system_and_leaves_out_what_is_excluded() {
        let set = set(vec![part("a", &["2", "1"]), part("b", &["3"])], vec![part("a", &["2"])]);
        assert_eq!(set.contains("a", "1"), Membership::In);
        assert_eq!(set.contains("a", "2"), Membership::Out);
        assert_eq!(set.contains("b", "1"), Membership::Out);
        assert_eq!(set.contains_code("3"), Membership::In);
        assert_eq!(set.systems_with("3").collect::<Vec<_>>(), ["b"]);
    }

    #[test]
    fn does_not_guess_what_it_cannot_know() {
        let set = set(vec![Part { system: "a".into(), codes: Codes::Unknown }, part("b", &["1"])], vec![]);
        assert_eq!(set.contains("a", "9"), Membership::Unknown);
        assert_eq!(set.contains("b", "9"), Membership::Out);
        assert_eq!(set.contains_code("9"), Membership::Unknown);
        assert!(!set.is_complete());
    }

    #[test]
    fn tells_media_types_by_their_form() {
        for good in ["application/fhir+json", "text/plain; charset=utf-8", "image/*", "xml"] {
            assert!(is_media_type(good), "{good}");
        }
        for bad in ["", "a/b/c", "text/", "te xt/plain", "/x"] {
            assert!(!is_media_type(bad), "{bad}");
        }
    }
}
