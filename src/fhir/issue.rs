//! One finding about a payload, as a value, and the table of everything that can be found.
//!
//! An issue becomes an entry of an OperationOutcome (<https://hl7.org/fhir/R4/operationoutcome.html>), a line on a
//! terminal or a problem document; all of them read the same table. An issue says where and by which rule; it shows a
//! value only where that value is a code, a type or a name of the standard, never what a person is called.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use super::document::{Node, Place};

/// How bad it is (<https://hl7.org/fhir/R4/valueset-issue-severity.html>).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// Worth knowing
    Information,
    /// Accepted, though something is likely wrong
    Warning,
    /// Not accepted
    Error,
    /// Could not be read at all
    Fatal,
}

impl Severity {
    /// The code of the standard.
    pub fn code(self) -> &'static str {
        match self {
            Self::Information => "information",
            Self::Warning => "warning",
            Self::Error => "error",
            Self::Fatal => "fatal",
        }
    }
}

/// One finding. `text` is lower case, without a full stop, and says what is wrong and what was expected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Issue {
    /// How bad it is
    pub severity: Severity,
    /// Which rule was broken; leads to the table
    pub key: Key,
    /// The element, as a path from the resource (`Task.code.coding[0].system`); "" where there is none
    pub path: String,
    /// What is wrong and what was expected
    pub text: String,
    /// How to mend it, where this case knows better than the table
    pub hint: Option<Cow<'static, str>>,
    /// Where it stands in the source
    pub place: Option<Place>,
    /// The rule, as the definition states it: `cardinality 1..1`; nothing where the key says it all
    pub expected: Option<Box<str>>,
    /// Where the rule is written, if a definition brings it
    pub origin: Option<Arc<Origin>>,
}

/// Where a rule is written.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Origin {
    /// Canonical URL of the structure, with its version where it has one
    pub profile: String,
    /// Id of the element in it: `Task.output:PerformedActivityReference.value[x]`
    pub element: String,
    /// Key of the invariant, where it is one: `inv-1`
    pub constraint: Option<String>,
}

impl Issue {
    /// An issue of this severity about the element at `path`.
    pub fn new(severity: Severity, key: Key, path: impl Into<String>, text: impl Into<String>) -> Self {
        Self {
            severity,
            key,
            path: path.into(),
            text: text.into(),
            hint: None,
            place: None,
            expected: None,
            origin: None,
        }
    }

    /// The document could not be read.
    pub fn fatal(key: Key, path: impl Into<String>, text: impl Into<String>) -> Self {
        Self::new(Severity::Fatal, key, path, text)
    }

    /// Not accepted.
    pub fn error(key: Key, path: impl Into<String>, text: impl Into<String>) -> Self {
        Self::new(Severity::Error, key, path, text)
    }

    /// Accepted, though something is likely wrong.
    pub fn warning(key: Key, path: impl Into<String>, text: impl Into<String>) -> Self {
        Self::new(Severity::Warning, key, path, text)
    }

    /// Worth knowing.
    pub fn information(key: Key, path: impl Into<String>, text: impl Into<String>) -> Self {
        Self::new(Severity::Information, key, path, text)
    }

    /// An error about this node: path and place are the node's own.
    pub fn error_at(key: Key, node: Node<'_>, text: impl Into<String>) -> Self {
        Self::error(key, node.path(), text).at(node.place())
    }

    /// Adds the place in the source.
    #[must_use]
    pub fn at(mut self, place: Place) -> Self {
        self.place = Some(place);
        self
    }

    /// Adds how to mend it.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<Cow<'static, str>>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Adds where the rule is written.
    #[must_use]
    pub fn from(mut self, origin: Arc<Origin>) -> Self {
        self.origin = Some(origin);
        self
    }

    /// Does it stop the payload from being accepted?
    pub fn is_error(&self) -> bool {
        self.severity >= Severity::Error
    }

    /// How to mend it: this case's own hint, or the table's.
    pub fn mend(&self) -> &str {
        self.hint.as_deref().unwrap_or_else(|| self.key.mend())
    }
}

impl fmt::Display for Issue {
    /// `error Task.focus (3:5): ... [missing]`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.severity.code())?;
        if !self.path.is_empty() {
            write!(f, " {}", self.path)?;
        }
        if let Some(place) = self.place {
            write!(f, " ({place})")?;
        }
        write!(f, ": {} [{}]", self.text, self.key.name())
    }
}

/// Is there an issue among these that stops the payload?
pub fn any_error(issues: &[Issue]) -> bool {
    issues.iter().any(Issue::is_error)
}

/// Declares [`Key`] and its table in one place: the key, its kebab-case name, the FHIR issue type
/// (<https://hl7.org/fhir/R4/valueset-issue-type.html>) and how to mend it.
macro_rules! keys {
    ($($(#[$doc:meta])* $key:ident, $name:literal, $code:literal, $mend:literal;)*) => {
        /// Everything that can be found, each with its row in the table.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Key { $($(#[$doc])* $key,)* }

        impl Key {
            /// All of them, in the order of the table.
            pub const ALL: &[Key] = &[$(Key::$key,)*];

            /// The stable name that clients may rely on.
            pub fn name(self) -> &'static str {
                match self { $(Key::$key => $name,)* }
            }

            /// The FHIR issue type.
            pub fn code(self) -> &'static str {
                match self { $(Key::$key => $code,)* }
            }

            /// How to mend it, in general.
            pub fn mend(self) -> &'static str {
                match self { $(Key::$key => $mend,)* }
            }
        }
    };
}

keys! {
    // --- the document
    /// Not JSON
    JsonSyntax, "json-syntax", "structure", "send well-formed JSON in UTF-8";
    /// Nested too deep
    TooDeep, "too-deep", "too-costly", "flatten the nesting; no FHIR resource needs it";
    /// Too many bytes
    TooLarge, "too-large", "too-long", "send less at once, or raise the limit in the configuration";
    /// A member stands twice
    DuplicateMember, "duplicate-member", "structure", "keep one of the two members";
    /// A resource was expected
    NotAResource, "not-a-resource", "structure", "send a JSON object with a resourceType";

    // --- structure and values
    /// resourceType is no type of R4
    UnknownType, "unknown-type", "structure", "use a resource type of FHIR R4, spelled as the standard does";
    /// No such element
    UnknownElement, "unknown-element", "structure", "remove it, correct its spelling, or carry the content in an extension";
    /// A required element is absent
    Missing, "missing", "required", "add the element";
    /// More values than allowed
    TooMany, "too-many", "structure", "remove what exceeds the maximum";
    /// Another kind of JSON value
    WrongType, "wrong-type", "structure", "write the value in the JSON form of the element's type";
    /// Empty object, array or string
    Empty, "empty", "structure", "leave out what has no content; FHIR has no empty values";
    /// More than one choice of value[x]
    ChoiceTwice, "choice-twice", "structure", "keep one of the typed values";
    /// The text has not the form of the type
    PrimitiveFormat, "primitive-format", "value", "write the value in the form that its type demands";
    /// A code outside a required value set
    Binding, "binding", "code-invalid", "use a code of the value set";
    /// A code that its code system does not have
    Coding, "coding", "code-invalid", "use a code of the code system, spelled as it is there";
    /// Not the fixed value
    Fixed, "fixed", "value", "write the value that is fixed";
    /// Not the pattern
    Pattern, "pattern", "value", "write what the pattern holds; more may stand beside it";
    /// Too small or too large
    ValueRange, "value-range", "value", "write a value within the bounds";
    /// A slice is missing, or a value is in none
    Slice, "slice", "structure", "see which slices the profile has, and what tells them apart";
    /// An invariant does not hold
    Invariant, "invariant", "invariant", "see the rule in FHIRPath, and change what it looks at";
    /// An extension that may not be here, or is not as defined
    Extension, "extension", "extension", "see the definition of the extension";
    /// A type that the profile does not allow
    TypeNotAllowed, "type-not-allowed", "structure", "use a type that the profile allows";
    /// A profile is not met
    Profile, "profile", "structure", "see the definition of the profile";
    /// What the reference leads to meets no allowed profile
    TargetProfile, "target-profile", "structure", "reference a resource that meets one of the profiles, or mend the one referenced";
    /// An element that must be supported is absent
    MustSupport, "must-support", "informational", "nothing is wrong; add the element if it is known";
    /// Cannot be checked here
    NotChecked, "not-checked", "not-found", "load the definition with --with, or install its package";
    /// A resource inside another breaks the rules of such
    Contained, "contained", "structure", "see https://hl7.org/fhir/R4/references.html#contained";
    /// More findings than are listed
    MoreFindings, "more-findings", "too-costly", "mend what is listed and check again";
    /// An id is not usable
    InvalidId, "invalid-id", "value", "use 1 to 64 of A-Z a-z 0-9 - .";

    // --- references and bundles
    /// Not a reference
    ReferenceSyntax, "reference-syntax", "value", "write Type/id, an absolute URL, urn:uuid:..., #id, or use an identifier";
    /// Points at a type that is not allowed
    ReferenceTarget, "reference-target", "value", "reference a resource of an allowed type";
    /// Points at nothing
    ReferenceDangling, "reference-dangling", "not-found", "send the referenced resource in the same transaction, or reference one that is stored here";
    /// The bundle breaks a rule of bundles
    BundleRule, "bundle-rule", "structure", "see https://hl7.org/fhir/R4/bundle.html";
    /// Two entries with one identity
    BundleDuplicate, "bundle-duplicate", "duplicate", "give every entry its own fullUrl";

    // --- forms (a QuestionnaireResponse against its Questionnaire)
    /// The form is not at hand
    QuestionnaireMissing, "questionnaire-missing", "not-found", "contain the Questionnaire, or load it with --with";
    /// The form was not to be filled in, or not then, or not about this subject
    QuestionnaireUse, "questionnaire-use", "business-rule", "use a Questionnaire that is active, at a time and for a subject that it is meant for";
    /// An item where the form has none
    QuestionnaireItem, "questionnaire-item", "structure", "arrange the items as the Questionnaire does, each with its linkId";
    /// A required item is absent or not answered
    QuestionnaireRequired, "questionnaire-required", "required", "answer the question, or leave the response in-progress";
    /// Too few or too many answers or groups
    QuestionnaireCount, "questionnaire-count", "structure", "give as many answers as the Questionnaire allows";
    /// Answered, though the form does not ask for it
    QuestionnaireDisabled, "questionnaire-disabled", "business-rule", "leave out the answer, or correct the one that its enableWhen asks for";
    /// An answer of another type
    QuestionnaireType, "questionnaire-type", "structure", "answer with a value of the question's type";
    /// An answer that is not on offer
    QuestionnaireOption, "questionnaire-option", "code-invalid", "answer with one of the options";
    /// An answer beyond the limits of the question
    QuestionnaireLimit, "questionnaire-limit", "value", "keep to the limits of the question";
    /// A text that is not the form's
    QuestionnaireText, "questionnaire-text", "informational", "repeat the text of the Questionnaire, or leave it out";

    // --- profiles (data we load)
    /// A definition cannot be used
    DefinitionInvalid, "definition-invalid", "invalid", "mend the definition";
    /// A FHIRPath expression cannot be used
    ExpressionInvalid, "expression-invalid", "invalid", "mend the expression";
    /// A FHIRPath expression has no meaning for these values
    ExpressionFailed, "expression-failed", "processing", "mend the expression, or the data that it met";
    /// A FHIRPath expression takes too many steps
    ExpressionCostly, "expression-costly", "too-costly", "narrow the expression, or send less at once";
    /// A setting cannot be used
    SettingInvalid, "setting-invalid", "invalid", "correct the setting; handoff serve --help lists them all";
    /// A program, map, crosswalk or eligibility file cannot be used
    MapInvalid, "map-invalid", "invalid", "mend the file at the place named";
    /// The directory of organizations and programs cannot be used
    DirectoryInvalid, "directory-invalid", "invalid", "mend the directory's resource at the place named";

    // --- the referral
    /// Task.focus is no ServiceRequest
    FocusNotServiceRequest, "focus-not-service-request", "business-rule", "let Task.focus reference the ServiceRequest that the referral asks for";
    /// The move is not allowed from here
    IllegalMove, "illegal-move", "business-rule", "read the referral first; its state says which events may follow";
    /// The move is not this party's
    NotYourMove, "not-your-move", "business-rule", "leave this event to the party that may raise it";
    /// A reason is required
    ReasonRequired, "reason-required", "required", "say why: a coded reason, a text, or both";
    /// Unknown event, reason or code
    UnknownCode, "unknown-code", "code-invalid", "use one of the codes listed";
    /// The owner is not served here
    UnknownOwner, "unknown-owner", "not-found", "name an organization of this gateway's directory as Task.owner, or leave owner out to have the referral routed";
    /// No program fits
    NoRoute, "no-route", "incomplete", "name an owner, complete what the rules ask for, or wait for capacity";
    /// Consent does not allow it
    ConsentDenied, "consent-denied", "suppressed", "obtain the person's consent, then send a new Task";
    /// Code passed through untranslated
    NotTranslated, "not-translated", "informational", "add the code to the crosswalk";
    /// Content that the other side has no place for
    MapLoss, "map-loss", "informational", "nothing is lost: it is kept beside the record";
    /// The record breaks its schema
    RecordInvalid, "record-invalid", "structure", "see the record's JSON Schema under /agency/v1/schemas";
    /// A record element that cannot be written
    ReadOnly, "read-only", "business-rule", "leave the value as it was; it is computed or belongs to the other side";

    // --- requests
    /// No or bad credentials
    Unauthenticated, "unauthenticated", "login", "send Authorization: Bearer with a token made by handoff client add";
    /// Not allowed for this caller
    Forbidden, "forbidden", "forbidden", "use a client that has the right";
    /// Not there, or not for this caller
    NotFound, "not-found", "not-found", "check type and id; you see only what concerns your organization";
    /// No such operation here
    NotSupported, "not-supported", "not-supported", "see /fhir/metadata for what is served";
    /// Cannot answer in the wanted format
    NotAcceptable, "not-acceptable", "not-supported", "accept application/fhir+json (or application/json, text/csv on /agency)";
    /// Wrong content type
    MediaType, "media-type", "not-supported", "send Content-Type: application/fhir+json (application/json on /agency)";
    /// The version named is not the newest
    StaleVersion, "stale-version", "conflict", "read the newest version, apply the change to it, and send it with that version in If-Match";
    /// The versions must be named
    VersionRequired, "version-required", "required", "send If-Match with the version that you read";
    /// Changed by another request meanwhile
    Conflict, "conflict", "conflict", "read again and repeat the request";
    /// More than one match
    MultipleMatches, "multiple-matches", "multiple-matches", "make the condition match one resource at most";
    /// A parameter is wrong
    Parameter, "parameter", "invalid", "correct the parameter";
    /// Not one of our cursors
    UnknownCursor, "unknown-cursor", "invalid", "use a cursor that this gateway returned, or leave since out to start from the beginning";
    /// The database has another schema
    StoreSchema, "store-schema", "not-supported", "run the handoff that wrote the database, or name another one with --store";
    /// The database cannot be opened
    StoreUnusable, "store-unusable", "exception", "check that the path is writable and names a database of handoff, or name another one with --store";
    /// Too busy
    Busy, "busy", "throttled", "try again shortly";
    /// Our own failure
    Fault, "fault", "exception", "try again; if it stays, tell the operator the request id";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_kebab_case() {
        let mut names: Vec<&str> = Key::ALL.iter().map(|key| key.name()).collect();
        names.sort_unstable();
        let count = names.len();
        names.dedup();
        assert_eq!(names.len(), count);
        assert!(names.iter().all(|name| name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-')));
    }
}
