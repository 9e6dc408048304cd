//! A search as data.

use crate::fhir::ResourceKey;

/// How many matches a page holds where nothing is said.
pub const DEFAULT_COUNT: usize = 50;

/// A search of one resource type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Query {
    /// The type searched
    pub kind: String,
    /// What all has to hold
    pub clauses: Vec<Clause>,
    /// Resources to add that the matches reference
    pub include: Vec<Include>,
    /// Resources to add that reference the matches
    pub revinclude: Vec<Include>,
    /// The order; newest last where nothing is said
    pub sort: Vec<Sort>,
    /// How many matches a page holds, at least 1; who may ask for how many says whoever asks
    pub count: usize,
    /// How many bytes of resources a page holds. One match is on it whatever its size; others that find no room are on
    /// the next
    pub bytes: usize,
    /// The cursor of the page, as the store gave it
    pub page: Option<String>,
    /// Whether the number of all matches is wanted, and at what cost
    pub total: Total,
    /// Only the number is wanted: `_summary=count`
    pub count_only: bool,
    /// The only elements wanted of each match, by their names at the top level; all, if empty
    pub elements: Vec<String>,
    /// Whether what cannot be read is told in its place. If not, it fails the search: whoever decides by what is found has to
    /// know all of it
    pub tells_unreadable: bool,
}

/// `_total` (<https://hl7.org/fhir/R4/search.html#total>). A number that is given is the exact one, whatever was asked for; where
/// the page itself has all matches, it is always given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Total {
    /// Nobody asks for it
    None,
    /// It is given where few have to be looked at for it, and left out else
    Estimate,
    /// It is counted, however many there are
    Accurate,
}

/// One condition: what is looked at, and what has to hold of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Clause {
    /// What is looked at
    pub subject: Subject,
    /// What has to hold
    pub test: Test,
}

/// What a clause looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Subject {
    /// The logical id: `_id`, tested with [`Condition::Id`]
    Id,
    /// `meta.lastUpdated`: `_lastUpdated`, tested with [`Condition::Changed`]
    LastUpdated,
    /// The entries of the search parameter with this number
    Parameter(u16),
}

/// What has to hold of the values of a subject.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Test {
    /// One value meets one condition
    Any(Vec<Condition>),
    /// No value meets any condition (`:not`); true where there is no value
    None(Vec<Condition>),
    /// There is a value (`:missing=false`), or there is none (`:missing=true`)
    Missing(bool),
}

/// What one value may meet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Condition {
    /// The logical id is this
    Id(String),
    /// A token: `system|code`, `|code`, `code`, `system|`
    Token {
        /// Of which system
        system: SystemTest,
        /// The code; every code of the system if none is named
        code: Option<String>,
    },
    /// A reference to this resource of this server
    Reference(ResourceKey),
    /// A reference to a resource of this server with this id, of one of these types
    ReferenceId {
        /// The logical id
        id: String,
        /// The types that the parameter may point at
        kinds: Vec<String>,
    },
    /// A reference with this URL
    ReferenceUrl(String),
    /// A text; for [`TextTest::Exact`] as written, else in normal form
    Text {
        /// What is looked for
        text: String,
        /// How it has to stand in the value
        how: TextTest,
    },
    /// A date, by the interval that was written
    Date {
        /// How the value has to lie to it
        prefix: Prefix,
        /// First millisecond
        low: i64,
        /// Last millisecond
        high: i64,
    },
    /// A time of change, by the interval that was written
    Changed {
        /// How the time has to lie to it
        prefix: Prefix,
        /// First microsecond
        low: i64,
        /// Last microsecond
        high: i64,
    },
    /// This URI
    Uri(String),
}

/// What a token's system has to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SystemTest {
    /// `code`: any, or none
    Any,
    /// `|code`: none
    None,
    /// `system|code`: this one
    Is(String),
}

/// How a text has to stand in a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TextTest {
    /// At its beginning, without regard to case and accents
    Start,
    /// Anywhere, without regard to case and accents: `:contains`
    Anywhere,
    /// As all of it: `:exact`
    Exact,
}

/// How a date has to lie to the one asked for (<https://hl7.org/fhir/R4/search.html#prefix>).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Prefix {
    /// Within it
    Eq,
    /// Not within it
    Ne,
    /// Reaches beyond its end
    Gt,
    /// Reaches before its beginning
    Lt,
    /// Reaches beyond its end, or within it
    Ge,
    /// Reaches before its beginning, or within it
    Le,
    /// Begins after its end
    Sa,
    /// Ends before its beginning
    Eb,
    /// Overlaps it
    Ap,
}

/// Resources to add: those that `parameter` of `kind` points at, or those of `kind` whose `parameter` points here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Include {
    /// The type that has the reference
    pub kind: String,
    /// Number of the parameter that holds it
    pub parameter: u16,
    /// Only references to this type
    pub target: Option<String>,
}

/// One key of the order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sort {
    /// What is ordered by: the id or the time of the last change
    pub by: SortKey,
    /// Largest first
    pub descending: bool,
}

/// What matches can be ordered by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SortKey {
    /// `_id`
    Id,
    /// `_lastUpdated`
    LastUpdated,
}

impl Query {
    /// Everything of this type, a page of it.
    pub fn all(kind: impl Into<String>) -> Self {
        Self {
            kind: kind.into(),
            clauses: Vec::new(),
            include: Vec::new(),
            revinclude: Vec::new(),
            sort: Vec::new(),
            count: DEFAULT_COUNT,
            bytes: usize::MAX,
            page: None,
            total: Total::None,
            count_only: false,
            elements: Vec::new(),
            tells_unreadable: false,
        }
    }
}
