//! One finding about a payload, as a value, and the table of everything that can be found.
//!
//! An issue becomes an entry of an OperationOutcome (<https://hl7.org/fhir/R4/operationoutcome.html>), a line on a
//! terminal or a problem document; all of them read the same table. An issue says where and by which rule; it shows a
//! value only where that value is a code, a type or a name of the standard, never what a person is called.

use std::borrow::Cow;
use std::cmp::Reverse;
use std::fmt;
use std::sync::Arc;

use super::primitive::is_id;
use super::source_position::SourcePosition;

/// So many different rules are named in a log.
const MAX_RULES_NAMED: usize = 8;

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

    /// The one with this code.
    pub fn from_code(code: &str) -> Option<Self> {
        [Self::Information, Self::Warning, Self::Error, Self::Fatal].into_iter().find(|one| one.code() == code)
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
    pub position: Option<SourcePosition>,
    /// The rule, as the definition states it: `cardinality 1..1`; nothing where the key says it all
    pub expected: Option<Box<str>>,
    /// Where the rule is written, if a definition brings it
    pub origin: Option<Arc<RuleSource>>,
}

/// Where a rule is written.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct RuleSource {
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
            position: None,
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

    /// Adds the position in the source.
    #[must_use]
    pub fn at(mut self, position: SourcePosition) -> Self {
        self.position = Some(position);
        self
    }

    /// Adds the position in the source, where it is known.
    #[must_use]
    pub fn maybe_at(self, position: Option<SourcePosition>) -> Self {
        Self { position, ..self }
    }

    /// Adds how to mend it.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<Cow<'static, str>>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Adds where the rule is written.
    #[must_use]
    pub fn from(mut self, origin: Arc<RuleSource>) -> Self {
        self.origin = Some(origin);
        self
    }

    /// Does it stop the payload from being accepted?
    pub fn is_error(&self) -> bool {
        self.severity >= Severity::Error
    }

    /// How to mend it: this case's own hint, or the table's.
    pub fn fix(&self) -> &str {
        self.hint.as_deref().unwrap_or_else(|| self.key.fix())
    }

    /// The rule, with where it is written, as people say it: `SDOHCC-Goal|3.0.0, Goal.category: cardinality 1..*`.
    pub fn rule(&self) -> Option<String> {
        let Some(origin) = &self.origin else { return self.expected.as_deref().map(str::to_owned) };
        let mut rule = format!("{}, {}", origin.name(), origin.element);
        // Most rules that are invariants name their key themselves.
        let key = origin.constraint.as_deref();
        if let Some(key) = key.filter(|key| !self.expected.as_deref().unwrap_or_default().contains(key)) {
            rule = format!("{rule}, {key}");
        }
        Some(self.expected.as_deref().map_or(rule.clone(), |expected| format!("{rule}: {expected}")))
    }
}

impl RuleSource {
    /// The profile by the last part of its address and its version: `SDOHCC-Goal|3.0.0`. A URN has no parts.
    pub fn name(&self) -> &str {
        let url = self.profile.split('|').next().unwrap_or_default();
        let start = if url.starts_with("http") { url.rfind('/').map_or(0, |slash| slash + 1) } else { 0 };
        &self.profile[start..]
    }

    /// The element in its profile, as definitions point to each other's elements: `CANONICAL|VERSION#ELEMENT`.
    pub fn address(&self) -> String {
        format!("{}#{}", self.profile, self.element)
    }

    /// The invariant, as the reference validator names it: the profile without its version, and the key.
    pub fn invariant(&self) -> Option<String> {
        let url = self.profile.split('|').next().unwrap_or_default();
        self.constraint.as_ref().map(|key| format!("{url}#{key}"))
    }
}

impl fmt::Display for Issue {
    /// `error Task.focus (3:5): ... [missing]`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.severity.code())?;
        if !self.path.is_empty() {
            write!(f, " {}", self.path)?;
        }
        if let Some(position) = self.position {
            write!(f, " ({position})")?;
        }
        write!(f, ": {} [{}]", self.text, self.key.name())
    }
}

/// How many findings a check lists: more nobody reads, and a document that breaks every rule must not fill the memory.
pub const MAX_FINDINGS: usize = 2_000;

impl Issue {
    /// In the place of the findings beyond [`MAX_FINDINGS`], of which this is the worst.
    pub fn more_findings(severity: Severity) -> Self {
        let text = format!("there are more than {MAX_FINDINGS} findings; the rest is not listed");
        Self::new(severity, Key::MoreFindings, "", text)
    }
}

/// Puts the worst of these first; those that are equally bad stay in their order.
pub fn put_worst_first(issues: &mut [Issue]) {
    issues.sort_by_key(|issue| Reverse(issue.severity));
}

/// The rules that refused a payload, each once, for a log: names of the table, with the key of the invariant where it is
/// one. Nothing of what was sent.
pub fn rules_that_refused(issues: &[Issue]) -> String {
    let mut rules: Vec<String> = Vec::new();
    for issue in issues.iter().filter(|issue| issue.is_error()) {
        let constraint = issue.origin.as_ref().and_then(|origin| origin.constraint.as_deref());
        let constraint = constraint.filter(|constraint| issue.key == Key::Invariant && is_id(constraint));
        let rule = constraint.map_or(issue.key.name().to_owned(), |key| format!("{}:{key}", issue.key.name()));
        if !rules.contains(&rule) {
            if rules.len() == MAX_RULES_NAMED {
                rules.push(Key::MoreFindings.name().to_owned());
                break;
            }
            rules.push(rule);
        }
    }
    rules.join(" ")
}

/// Is there an issue among these that stops the payload?
pub fn any_error(issues: &[Issue]) -> bool {
    issues.iter().any(Issue::is_error)
}

/// Declares [`Key`] and its table in one place. A row is: what was found, in one line (the doc comment); the key and
/// its kebab-case name; the FHIR issue type (<https://hl7.org/fhir/R4/valueset-issue-type.html>); why it matters; the
/// paragraph of the standard that says so, where one does; how to mend it, in general.
macro_rules! keys {
    ($(
        #[doc = $what:literal]
        $key:ident, $name:literal, $code:literal,
        why $why:literal, $(see_also $see_also:literal,)?
        fix $fix:literal;
    )*) => {
        /// Everything that can be found, each with its row in the table.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Key { $(#[doc = $what] $key,)* }

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

            /// What was found, in one line.
            pub fn what(self) -> &'static str {
                let what = match self { $(Key::$key => $what,)* };
                what.trim_start()
            }

            /// Why it matters.
            pub fn why(self) -> &'static str {
                match self { $(Key::$key => $why,)* }
            }

            /// The paragraph that says so, where the rule is one of a standard.
            pub fn see_also(self) -> Option<&'static str> {
                match self { $(Key::$key => None$(.or(Some($see_also)))?,)* }
            }

            /// How to mend it, in general.
            pub fn fix(self) -> &'static str {
                match self { $(Key::$key => $fix,)* }
            }

            /// The key with this name.
            pub fn of_name(name: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|key| key.name() == name)
            }
        }
    };
}

keys! {
    // --- the document
    /// Not JSON
    JsonSyntax, "json-syntax", "structure",
        why "nothing can be read behind the first mistake, so nothing else was checked",
        see_also "https://hl7.org/fhir/R4/json.html",
        fix "send well-formed JSON in UTF-8";
    /// Nested too deep
    TooDeep, "too-deep", "too-costly",
        why "a text of endless brackets would cost the reader without end; no resource of FHIR comes near the limit",
        fix "flatten the nesting; no FHIR resource needs it";
    /// Too many bytes
    TooLarge, "too-large", "too-long",
        why "a message is held in memory while it is checked, so its length is bounded",
        fix "send less at once, or raise the limit in the configuration";
    /// A member stands twice
    DuplicateMember, "duplicate-member", "structure",
        why "JSON readers keep the first or the last of the two, so two systems would read two different messages",
        see_also "https://hl7.org/fhir/R4/json.html",
        fix "keep one of the two members";
    /// A member that JSON libraries keep for themselves
    ReservedMember, "reserved-member", "structure",
        why "a JSON library takes an object with such a member for something else, so two systems would read two different messages",
        fix "rename the member, or leave it out";
    /// A number that nobody can hold
    NumberRange, "number-range", "value",
        why "written out, a number of a few characters can be longer than any memory; systems round or refuse it, each in its way",
        see_also "https://hl7.org/fhir/R4/datatypes.html#decimal",
        fix "send the number with the digits that were measured";
    /// A resource was expected
    NotAResource, "not-a-resource", "structure",
        why "resourceType says by which rules the rest is read",
        see_also "https://hl7.org/fhir/R4/json.html",
        fix "send a JSON object with a resourceType";

    // --- structure and values
    /// resourceType is no type of R4
    UnknownType, "unknown-type", "structure",
        why "without its type nothing in the resource has a meaning",
        see_also "https://hl7.org/fhir/R4/resourcelist.html",
        fix "use a resource type of FHIR R4, spelled as the standard does";
    /// No such element
    UnknownElement, "unknown-element", "structure",
        why "readers pass over what the standard does not define: the content would be lost and nobody notice",
        see_also "https://hl7.org/fhir/R4/json.html",
        fix "remove it, correct its spelling, or carry the content in an extension";
    /// A required element is absent
    Missing, "missing", "required",
        why "a minimum is what every reader may rely on",
        see_also "https://hl7.org/fhir/R4/conformance-rules.html#cardinality",
        fix "add the element";
    /// More values than allowed
    TooMany, "too-many", "structure",
        why "a reader that expects so many takes one of them, and nobody knows which",
        see_also "https://hl7.org/fhir/R4/conformance-rules.html#cardinality",
        fix "remove what exceeds the maximum";
    /// Another kind of JSON value
    WrongType, "wrong-type", "structure",
        why "each type has one form in JSON: an object, an array, a string, a number or a boolean",
        see_also "https://hl7.org/fhir/R4/json.html#primitive",
        fix "write the value in the JSON form of the element's type";
    /// Empty object, array or string
    Empty, "empty", "structure",
        why "an element that is there has content; what is unknown is left out, or says why in an extension",
        see_also "https://hl7.org/fhir/R4/json.html",
        fix "leave out what has no content; FHIR has no empty values";
    /// More than one choice of value[x]
    ChoiceTwice, "choice-twice", "structure",
        why "a choice is one value of one type; two of them say two things",
        see_also "https://hl7.org/fhir/R4/formats.html#choice",
        fix "keep one of the typed values";
    /// The text has not the form of the type
    PrimitiveFormat, "primitive-format", "value",
        why "dates, ids, codes and URLs have forms that readers take apart; one in another form is not understood",
        see_also "https://hl7.org/fhir/R4/datatypes.html#primitive",
        fix "write the value in the form that its type demands";
    /// A code outside a required value set
    Binding, "binding", "code-invalid",
        why "with a required binding a reader handles these codes and no others",
        see_also "https://hl7.org/fhir/R4/terminologies.html#required",
        fix "use a code of the value set";
    /// A code that its code system does not have
    Coding, "coding", "code-invalid",
        why "a code means what its system says; one that is not in it means nothing",
        see_also "https://hl7.org/fhir/R4/terminologies.html",
        fix "use a code of the code system, spelled as it is there";
    /// Not the fixed value
    Fixed, "fixed", "value",
        why "the profile leaves no choice here: readers that rely on it do not even look at the value",
        see_also "https://hl7.org/fhir/R4/elementdefinition-definitions.html#ElementDefinition.fixed_x_",
        fix "write the value that is fixed";
    /// Not the pattern
    Pattern, "pattern", "value",
        why "readers recognise the element by what the pattern holds",
        see_also "https://hl7.org/fhir/R4/elementdefinition-definitions.html#ElementDefinition.pattern_x_",
        fix "write what the pattern holds; more may stand beside it";
    /// Too small or too large
    ValueRange, "value-range", "value",
        why "the profile bounds what a value may be, and readers have no room for more",
        see_also "https://hl7.org/fhir/R4/elementdefinition-definitions.html#ElementDefinition.minValue_x_",
        fix "write a value within the bounds";
    /// A slice is missing, or a value is in none
    Slice, "slice", "structure",
        why "a profile sorts repetitions into slices by a value in them; one with another value is not found there",
        see_also "https://hl7.org/fhir/R4/profiling.html#slicing",
        fix "see which slices the profile has, and what tells them apart";
    /// An invariant does not hold
    Invariant, "invariant", "invariant",
        why "the definition states a rule between several elements, as a FHIRPath expression that has to be true",
        see_also "https://hl7.org/fhir/R4/conformance-rules.html#constraints",
        fix "see the rule in FHIRPath, and change what it looks at";
    /// A rule is kept as a guide prints it, and not as it is meant
    GuideDefect, "guide-defect", "business-rule",
        why "the guide prints a rule that lets this pass by mistake; whoever knows what is meant will not understand the message",
        see_also "https://hl7.org/fhir/R4/elementdefinition-definitions.html#ElementDefinition.constraint",
        fix "keep to what the rule means";
    /// An extension that may not be here, or is not as defined
    Extension, "extension", "extension",
        why "an extension says by its url what it means, and its definition where it may stand and what it holds",
        see_also "https://hl7.org/fhir/R4/extensibility.html",
        fix "see the definition of the extension";
    /// A type that the profile does not allow
    TypeNotAllowed, "type-not-allowed", "structure",
        why "a profile may allow fewer types than the standard does, and its readers handle no others",
        see_also "https://hl7.org/fhir/R4/profiling.html",
        fix "use a type that the profile allows";
    /// A profile is not met
    Profile, "profile", "structure",
        why "the resource claims to meet the profile, or has to at this place, so readers take it for granted",
        see_also "https://hl7.org/fhir/R4/profiling.html",
        fix "see the definition of the profile";
    /// What the reference leads to meets no allowed profile
    TargetProfile, "target-profile", "structure",
        why "who follows the reference relies on finding what one of these profiles describes",
        see_also "https://hl7.org/fhir/R4/elementdefinition-definitions.html#ElementDefinition.type.targetProfile",
        fix "reference a resource that meets one of the profiles, or mend the one referenced";
    /// An element that must be supported is absent
    MustSupport, "must-support", "informational",
        why "systems that claim the profile can send and read the element; that one message lacks it is allowed",
        see_also "https://hl7.org/fhir/R4/conformance-rules.html#mustSupport",
        fix "nothing is wrong; add the element if it is known";
    /// Cannot be checked here
    NotChecked, "not-checked", "not-found",
        why "the definition is not at hand, so this part may be right or wrong; it is never held against the message",
        fix "load the definition with --with, or install its package";
    /// A resource inside another breaks the rules of such
    Contained, "contained", "structure",
        why "a contained resource exists only in the one around it: it has an id, no version, and a reference to it",
        see_also "https://hl7.org/fhir/R4/references.html#contained",
        fix "give it an id, refer to it as #id, and contain nothing in it";
    /// More findings than are listed
    MoreFindings, "more-findings", "too-costly",
        why "a list without end helps nobody; the verdict counts what is not listed",
        fix "mend what is listed and check again";
    /// An id is not usable
    InvalidId, "invalid-id", "value",
        why "the id is part of the resource's address",
        see_also "https://hl7.org/fhir/R4/resource.html#id",
        fix "use 1 to 64 of the characters A-Z, a-z, 0-9, - and . alone";

    // --- texts for people
    /// A narrative that is not as XHTML or FHIR has it
    Narrative, "narrative", "invalid",
        why "a page shows the narrative as it is: it has to be whole, and must do nothing but show",
        see_also "https://hl7.org/fhir/R4/narrative.html#xhtml",
        fix "write one div of the formatting elements of HTML";
    /// A link that leads to no place in a narrative, or to several
    NarrativeLink, "narrative-link", "not-found",
        why "whoever follows the link finds nothing, or does not know which place is meant",
        see_also "https://hl7.org/fhir/R4/narrative.html#id",
        fix "link to the id of one element in the narrative";
    /// HTML where there should be none
    Markup, "markup", "invalid",
        why "a page that shows the text without escaping it would act upon the tags",
        see_also "https://hl7.org/fhir/R4/security.html#narrative",
        fix "leave out the tags, and let whoever shows the text format it";

    // --- references and bundles
    /// Not a reference
    ReferenceSyntax, "reference-syntax", "value",
        why "a reference is an address; nobody can follow it in another form",
        see_also "https://hl7.org/fhir/R4/references.html#literal",
        fix "write Type/id, an absolute URL, urn:uuid:..., #id, or use an identifier";
    /// Points at a type that is not allowed
    ReferenceTarget, "reference-target", "value",
        why "a reader that follows the reference knows what to do with these types only",
        see_also "https://hl7.org/fhir/R4/references.html#Reference",
        fix "reference a resource of an allowed type";
    /// Points at nothing
    ReferenceDangling, "reference-dangling", "not-found",
        why "whoever follows the reference finds nothing",
        see_also "https://hl7.org/fhir/R4/references.html#literal",
        fix "send the referenced resource in the same transaction, or reference one that is stored here";
    /// The bundle breaks a rule of bundles
    BundleRule, "bundle-rule", "structure",
        why "the bundle's type says what each entry has to bring",
        see_also "https://hl7.org/fhir/R4/bundle.html",
        fix "give each entry what the type of the bundle asks for, and nothing else";
    /// Two entries with one identity
    BundleDuplicate, "bundle-duplicate", "duplicate",
        why "a reference to this identity could mean either entry",
        see_also "https://hl7.org/fhir/R4/bundle.html#bundle-unique",
        fix "give every entry its own fullUrl";

    // --- forms (a QuestionnaireResponse against its Questionnaire)
    /// The form is not at hand
    QuestionnaireMissing, "questionnaire-missing", "not-found",
        why "answers are checked against the form that asked for them; without it they may be right or wrong",
        see_also "https://hl7.org/fhir/R4/questionnaireresponse.html",
        fix "contain the Questionnaire, or load it with --with";
    /// The form was not to be filled in, or not then, or not about this subject
    QuestionnaireUse, "questionnaire-use", "business-rule",
        why "a form says in which state, at what times and about whom it may be filled in",
        see_also "https://hl7.org/fhir/R4/questionnaire.html",
        fix "use a Questionnaire that is active, at a time and for a subject that it is meant for";
    /// An item where the form has none
    QuestionnaireItem, "questionnaire-item", "structure",
        why "an answer belongs to its question by linkId and place; elsewhere nobody knows what was asked",
        see_also "https://hl7.org/fhir/R4/questionnaireresponse.html#link",
        fix "arrange the items as the Questionnaire does, each with its linkId";
    /// A required item is absent or not answered
    QuestionnaireRequired, "questionnaire-required", "required",
        why "a response that says that it is completed answers what the form demands",
        see_also "https://hl7.org/fhir/R4/questionnaire-definitions.html#Questionnaire.item.required",
        fix "answer the question, or leave the response in-progress";
    /// Too few or too many answers or groups
    QuestionnaireCount, "questionnaire-count", "structure",
        why "only items that repeat have several answers, within the bounds that the form gives",
        see_also "https://hl7.org/fhir/R4/questionnaire-definitions.html#Questionnaire.item.repeats",
        fix "give as many answers as the Questionnaire allows";
    /// Answered, though the form does not ask for it
    QuestionnaireDisabled, "questionnaire-disabled", "business-rule",
        why "the answers to other questions disable this one, so one of the two is wrong",
        see_also "https://hl7.org/fhir/R4/questionnaire-definitions.html#Questionnaire.item.enableWhen",
        fix "leave out the answer, or correct the one that its enableWhen asks for";
    /// An answer of another type
    QuestionnaireType, "questionnaire-type", "structure",
        why "the type of a question says how its answer is written",
        see_also "https://hl7.org/fhir/R4/questionnaire-definitions.html#Questionnaire.item.type",
        fix "answer with a value of the question's type";
    /// An answer that is not on offer
    QuestionnaireOption, "questionnaire-option", "code-invalid",
        why "a question with options is answered with one of them, unless it is open",
        see_also "https://hl7.org/fhir/R4/questionnaire-definitions.html#Questionnaire.item.answerOption",
        fix "answer with one of the options";
    /// An answer beyond the limits of the question
    QuestionnaireLimit, "questionnaire-limit", "value",
        why "the form bounds the length, size or precision of this answer",
        see_also "https://hl7.org/fhir/R4/questionnaire-definitions.html#Questionnaire.item.maxLength",
        fix "keep to the limits of the question";
    /// A text that is not the form's
    QuestionnaireText, "questionnaire-text", "informational",
        why "who reads the response takes its text for the question that was asked",
        see_also "https://hl7.org/fhir/R4/questionnaireresponse-definitions.html#QuestionnaireResponse.item.text",
        fix "repeat the text of the Questionnaire, or leave it out";


    // --- profiles (data we load)
    /// A definition cannot be used
    DefinitionInvalid, "definition-invalid", "invalid",
        why "what it defines is not checked, or not as its author meant",
        see_also "https://hl7.org/fhir/R4/structuredefinition.html",
        fix "mend the definition";
    /// A FHIRPath expression cannot be used
    ExpressionInvalid, "expression-invalid", "invalid",
        why "it is no FHIRPath, so the rule that it states cannot be applied",
        see_also "https://hl7.org/fhir/R4/fhirpath.html",
        fix "mend the expression";
    /// A FHIRPath expression has no meaning for these values
    ExpressionFailed, "expression-failed", "processing",
        why "it met values that its operators are not defined for, so it says neither yes nor no",
        see_also "https://hl7.org/fhir/R4/fhirpath.html",
        fix "mend the expression, or the data that it met";
    /// A FHIRPath expression takes too many steps
    ExpressionCostly, "expression-costly", "too-costly",
        why "evaluation is bounded, so that one message cannot stop the others",
        fix "narrow the expression, or send less at once";
    /// A setting cannot be used
    SettingInvalid, "setting-invalid", "invalid",
        why "the gateway does not start with settings that it would have to guess",
        fix "correct the setting; handoff serve --help lists them all";
    /// A program, map, crosswalk or eligibility file cannot be used
    MapInvalid, "map-invalid", "invalid",
        why "records of the program would be written or read wrongly, so the file is refused as a whole",
        fix "mend the file at the place named";
    /// A file of cases cannot be used
    CaseInvalid, "case-invalid", "invalid",
        why "a case that is not understood would pass without showing anything",
        fix "mend the case at the place named";
    /// The directory of organizations and programs cannot be used
    DirectoryInvalid, "directory-invalid", "invalid",
        why "referrals are routed by the directory; a mistake in it sends people to the wrong place",
        fix "mend the directory's resource at the place named";

    // --- the referral
    /// Task.focus is no ServiceRequest
    FocusNotServiceRequest, "focus-not-service-request", "business-rule",
        why "the ServiceRequest says what is asked for; without it there is nothing to route",
        fix "let Task.focus reference the ServiceRequest that the referral asks for";
    /// A modifier that is not known here
    ModifierUnknown, "modifier-unknown", "not-supported",
        why "a modifier turns the meaning of what holds it: whoever does not know it would act on the opposite",
        see_also "https://hl7.org/fhir/R4/extensibility.html#modifierExtension",
        fix "say it in elements of the standard, or leave out what it modifies";
    /// What the referral stands on says that nobody is to act on it
    NotActionable, "not-actionable", "business-rule",
        why "the agency would act on what was forbidden, called off or is about somebody whom nothing reaches any more",
        see_also "https://hl7.org/fhir/R4/conformance-rules.html#isModifier",
        fix "send the referral when the request stands and is about a person as they are now";
    /// The move is not allowed from here
    IllegalMove, "illegal-move", "business-rule",
        why "a referral goes through its states in an order that both sides rely on",
        see_also "https://hl7.org/fhir/R4/task.html#statemachine",
        fix "read the referral first; its state says which events may follow";
    /// The move is not this party's
    NotYourMove, "not-your-move", "business-rule",
        why "some moves belong to who asks, some to who helps; neither makes the other's",
        see_also "https://hl7.org/fhir/R4/task.html#statemachine",
        fix "leave this event to the party that may raise it";
    /// A reason is required
    ReasonRequired, "reason-required", "required",
        why "who asked can do nothing with a refusal that does not say why",
        fix "say why: a coded reason, a text, or both";
    /// Unknown event, reason or code
    UnknownCode, "unknown-code", "code-invalid",
        why "the code decides what happens next; one that is not known would have to be guessed",
        fix "use one of the codes listed";
    /// The owner is not served here
    UnknownOwner, "unknown-owner", "not-found",
        why "a Task goes to the organization that owns it, and this one has no way to get it",
        fix "name an organization of this gateway's directory as Task.owner, or leave owner out to have the referral routed";
    /// No program fits
    NoRoute, "no-route", "incomplete",
        why "every program of the directory was considered and none can take the referral; the trail says why for each",
        fix "name an owner, complete what the rules ask for, or wait for capacity";
    /// Consent does not allow it
    ConsentDenied, "consent-denied", "suppressed",
        why "what the person has not agreed to is not passed on",
        see_also "https://hl7.org/fhir/R4/consent.html",
        fix "obtain the person's consent, then send a new Task";
    /// Code passed through untranslated
    NotTranslated, "not-translated", "informational",
        why "the crosswalk has no such code, and a translation is never guessed",
        fix "add the code to the crosswalk";
    /// A status of another system that no table knows
    StatusUnmapped, "status-unmapped", "informational",
        why "what a status means is looked up in a table, and never guessed",
        fix "use a status that /agency/v1/vocabularies lists, or add it to the crosswalk of that system";
    /// Why a referral goes where it goes
    Routed, "routed", "informational",
        why "a referral that is sent goes to the owner that its Task names, or to the program that fits best",
        fix "nothing is to be done; name another owner in the Task, if it should go elsewhere";
    /// Reference data of a client, beside the directory
    OwnReferenceData, "own-reference-data", "informational",
        why "whom referrals go to is decided by one directory, which whoever runs the gateway answers for",
        fix "nothing is to be done; ask the operator of this gateway, if it should stand in the directory";
    /// A requester who is named and takes no part
    NoParty, "no-party", "informational",
        why "an organization takes part where the sender is a client of it or acts for it, and consent permits it",
        fix "send with a client of that organization, or have yours added with --acts-for";
    /// An organization that sees a referral no longer
    PartEnded, "part-ended", "suppressed",
        why "consent no longer permits that it sees what is new of the referral",
        fix "send a consent that permits it, and a new referral";
    /// A Task that followed its request
    TaskFollowed, "task-followed", "informational",
        why "a request that is revoked, on hold or active again says so for its Task",
        fix "nothing is to be done; read the Task for where it stands";
    /// A change that is brought later to those who see it through referrals
    ChangeFollows, "change-follows", "informational",
        why "very many referrals share the resource: they are dealt with in groups, and until then it is seen as it was",
        fix "nothing is to be done; each referral is told as changed when the change has come to it";
    /// A status of another system that was kept and moved nothing
    StatusKept, "status-kept", "informational",
        why "it says something else than the referral, and not in a way that one event could follow",
        fix "say with a reason or an event what happened";
    /// Content that the other side has no place for
    MapLoss, "map-loss", "informational",
        why "the record has no such field",
        fix "nothing is lost: it is kept beside the record";
    /// The record breaks its schema
    RecordInvalid, "record-invalid", "structure",
        why "a record in another form cannot be brought back to the referral",
        fix "see the record's JSON Schema under /agency/v1/schemas";
    /// A record element that cannot be written
    ReadOnly, "read-only", "business-rule",
        why "the value follows from others, or belongs to the other side of the referral",
        fix "leave the value as it was; it is computed or belongs to the other side";

    // --- requests
    /// No or bad credentials
    Unauthenticated, "unauthenticated", "login",
        why "referrals are about people; nobody reads them without saying who they are",
        see_also "https://hl7.org/fhir/R4/security.html#http",
        fix "send Authorization: Bearer with a token made by handoff client add";
    /// Not allowed for this caller
    Forbidden, "forbidden", "forbidden",
        why "each client may do what its part in a referral needs, and no more",
        see_also "https://hl7.org/fhir/R4/security.html#AccessDenied",
        fix "use a client that has the right";
    /// Not there, or not for this caller
    NotFound, "not-found", "not-found",
        why "the two are not told apart on purpose: that a resource exists may be a secret too",
        see_also "https://hl7.org/fhir/R4/security.html#AccessDenied",
        fix "check type and id; you see only what concerns your organization";
    /// No such operation here
    NotSupported, "not-supported", "not-supported",
        why "a server says what it serves in its CapabilityStatement; this is not in it",
        see_also "https://hl7.org/fhir/R4/http.html#capabilities",
        fix "see /fhir/metadata for what is served";
    /// Cannot answer in the wanted format
    NotAcceptable, "not-acceptable", "not-supported",
        why "the Accept header leaves no format that is written here",
        see_also "https://hl7.org/fhir/R4/http.html#mime-type",
        fix "accept application/fhir+json (or application/json, text/csv on /agency)";
    /// Wrong content type
    MediaType, "media-type", "not-supported",
        why "Content-Type says how the body is read; it is not guessed from the body",
        see_also "https://hl7.org/fhir/R4/http.html#mime-type",
        fix "send Content-Type: application/fhir+json (application/json on /agency)";
    /// The version named is not the newest
    StaleVersion, "stale-version", "conflict",
        why "somebody changed the resource meanwhile; writing over it would undo what they did",
        see_also "https://hl7.org/fhir/R4/http.html#concurrency",
        fix "read the newest version, apply the change to it, and send it with that version in If-Match";
    /// The versions must be named
    VersionRequired, "version-required", "required",
        why "two parties change a Task, so a change has to name the version that it is based on",
        see_also "https://hl7.org/fhir/R4/http.html#concurrency",
        fix "send If-Match with the version that you read";
    /// Changed by another request meanwhile
    Conflict, "conflict", "conflict",
        why "two requests wrote the same thing at once, and the other was faster",
        see_also "https://hl7.org/fhir/R4/http.html#concurrency",
        fix "read again and repeat the request";
    /// Changed by both sides
    ChangedByBoth, "changed-by-both", "conflict",
        why "what two sides changed otherwise cannot be merged by rule; one of them would undo the other",
        see_also "https://hl7.org/fhir/R4/http.html#concurrency",
        fix "read the record again, decide what it shall say, and put that";
    /// More than one match
    MultipleMatches, "multiple-matches", "multiple-matches",
        why "the condition has to name one resource, and the gateway does not choose",
        see_also "https://hl7.org/fhir/R4/http.html#ccreate",
        fix "make the condition match one resource at most";
    /// A parameter is wrong
    Parameter, "parameter", "invalid",
        why "a parameter that is misread or passed over answers another question than the one asked",
        see_also "https://hl7.org/fhir/R4/http.html#parameters",
        fix "correct the parameter";
    /// Not one of our cursors
    UnknownCursor, "unknown-cursor", "invalid",
        why "a cursor marks a place in the order of changes; from an unknown place changes would be missed",
        fix "use a cursor that this gateway returned, or leave since out to start from the beginning";
    /// An old version is not kept
    VersionRemoved, "version-removed", "not-found",
        why "old versions are kept for as long as the operator has set, and this one was replaced before that",
        fix "read the resource without a version, or its history";
    /// The database has another schema
    StoreSchema, "store-schema", "not-supported",
        why "another version of the program wrote it; reading it wrongly would damage it",
        fix "run the handoff that wrote the database, or name another one with --store";
    /// The database cannot be opened
    StoreUnusable, "store-unusable", "exception",
        why "nothing can be kept, so nothing is accepted",
        fix "check that the path is writable and names a database of handoff, or name another one with --store";
    /// The database cannot be reached
    StoreUnreachable, "store-unreachable", "transient",
        why "the database is not there, or not yet again; nothing of this was stored",
        fix "send the request again; the gateway connects again by itself";
    /// The answer of the database was lost
    OutcomeUnknown, "outcome-unknown", "transient",
        why "the database was lost between what it was told to store and its answer, and cannot be asked yet",
        fix "send the request again with the same Idempotency-Key or condition: if it was stored, that is the answer";
    /// A copy of a running database, without its log
    StoreWithoutLog, "store-without-log", "exception",
        why "what was committed last stood in the log beside the file; whoever goes on without it has lost that",
        fix "copy a running store with handoff store backup, or both files of one that is stopped; what is lost is lost \
             with handoff store restore --without-log";
    /// A file, a port or a server that cannot be used
    Unreachable, "unreachable", "not-found",
        why "what is asked for by name and passed over would answer another question than the one asked",
        fix "check the name, that it is there, and that this user may use it";
    /// A limit on what one client may ask for at a time
    TooManyRequests, "too-many-requests", "throttled",
        why "what one client asks for must not keep the others waiting; nothing of this request was done",
        fix "wait as long as Retry-After says, and send less at a time";
    /// A limit on time
    Timeout, "timeout", "timeout",
        why "a request that does not arrive keeps memory and a connection from others",
        fix "send the request in one go";
    /// A head of a request without end
    HeadTooLarge, "head-too-large", "too-long",
        why "a head is held in memory before it is known whose it is, so it is bounded",
        fix "send fewer or shorter headers, and long searches as POST to _search";
    /// A search that looks at too much
    SearchCostly, "search-costly", "too-costly",
        why "a search that reads the whole database keeps the others waiting",
        fix "narrow it by a date, an owner, a patient or an identifier";
    /// No room for the database
    StoreFull, "store-full", "no-store",
        why "what cannot be kept is not accepted; what is stored can be read meanwhile",
        fix "make room on the disk of the database; the gateway notices by itself, and the request may be sent again then";
    /// The database is not what was written
    StoreDamaged, "store-damaged", "exception",
        why "what is written to a damaged database may be lost, so nothing is accepted",
        fix "stop the gateway, restore a backup of the database, and start it again";
    /// The writer has stopped
    StoreStopped, "store-stopped", "exception",
        why "the part that stores has ended, so nothing is accepted",
        fix "start the gateway anew; its log says what happened";
    /// No organization or program is known
    DirectoryEmpty, "directory-empty", "not-found",
        why "referrals are routed by the directory; without one none finds a program",
        fix "load organizations and programs";
    /// The gateway is being stopped
    Stopping, "stopping", "transient",
        why "what is being done is ended in order, and nothing new is begun",
        fix "send the request to another gateway, or again when this one has started anew";
    /// Too busy
    Busy, "busy", "throttled",
        why "more is waiting than can be done in time; nothing of this request was stored",
        fix "try again shortly";
    /// The store gives back something else than was put into it
    StoredUnreadable, "stored-unreadable", "exception",
        why "what is stored was read before it was stored; it has been changed by something else than the gateway",
        fix "tell the operator the request id; the store is restored from a copy";
    /// Our own failure
    Fault, "fault", "exception",
        why "the gateway did not do what it should; the reason is in its log and not in the answer",
        fix "try again; if it stays, tell the operator the request id";
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
        assert!(Key::ALL.iter().all(|key| Key::of_name(key.name()) == Some(*key)));
        assert_eq!(Key::of_name("Missing"), None);
    }

    #[test]
    fn the_worst_comes_first_and_the_rules_are_named_once() {
        let invariant = |key: &str| {
            let origin = RuleSource { constraint: Some(key.to_owned()), ..RuleSource::default() };
            Issue::error(Key::Invariant, "c", "").from(Arc::new(origin))
        };
        let mut issues = vec![
            Issue::information(Key::NotChecked, "a", ""),
            Issue::error(Key::Missing, "b", ""),
            Issue::warning(Key::Markup, "d", ""),
            invariant("inv-1"),
            invariant("who is Jane Doe"),
            Issue::error(Key::Missing, "e", ""),
            Issue::fatal(Key::TooDeep, "f", ""),
        ];
        put_worst_first(&mut issues);
        let paths: Vec<&str> = issues.iter().map(|issue| issue.path.as_str()).collect();
        assert_eq!(paths, ["f", "b", "c", "c", "e", "d", "a"]);
        assert_eq!(rules_that_refused(&issues), "too-deep missing invariant:inv-1 invariant");
        let all: Vec<Issue> = Key::ALL.iter().map(|key| Issue::error(*key, "", "")).collect();
        assert!(rules_that_refused(&all).ends_with(" more-findings"));
    }

    #[test]
    fn every_row_says_what_why_and_how_to_mend() {
        for key in Key::ALL {
            for text in [key.what(), key.why(), key.fix()] {
                assert!(text.len() > 3 && !text.ends_with('.') && text.trim() == text, "{}: {text}", key.name());
            }
            assert!(key.see_also().is_none_or(|url| url.starts_with("https://")), "{}", key.name());
        }
    }
}
