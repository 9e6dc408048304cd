//! What one condition of a search looks for among the index rows, by ids.

use crate::error::Result;
use crate::fhir::ResourceKey;
use crate::store::query::{Condition, Prefix, SystemTest, TextTest};

use super::identifiers::Identifiers;

/// In the place of a code system in a row: the code has none.
pub(in crate::store) const NO_SYSTEM: i64 = 0;
/// In the place of a code system in a row: the value is no code, but a URL or a text as it is written.
pub(in crate::store) const VERBATIM: i64 = -1;

/// What one value may meet, by ids.
#[derive(Debug, Clone)]
pub(in crate::store) enum Criterion {
    /// Nothing meets it: it names what is in no row
    Nothing,
    /// A row of `token` with this value
    Token { parameter: i64, value: String, system: CodeSystem },
    /// A row of `token` with this system, whatever its value
    OfSystem { parameter: i64, system: i64 },
    /// A row of `reference`
    Reference { parameter: i64, target: i64 },
    /// A row of `text` that begins so
    Start { parameter: i64, text: String },
    /// A row of `text` that holds this
    Anywhere { parameter: i64, text: String },
    /// A row of `date`
    Date { parameter: i64, prefix: Prefix, low: i64, high: i64 },
    /// The logical id
    Id(String),
    /// `meta.lastUpdated`
    Updated { prefix: Prefix, low: i64, high: i64 },
}

/// What the system of a token row has to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::store) enum CodeSystem {
    /// Any, or none; but a code, not a text or a URL
    Any,
    /// This one, or one of the words that stand in its place
    Is(i64),
}

/// The conditions by ids that this one is; several where the type of a reference's target is left open. `parameter` is
/// of no account for ids and times of change.
fn resolve(ids: &impl Identifiers, parameter: i64, condition: &Condition) -> Result<Vec<Criterion>> {
    let verbatim =
        |value: &str| Criterion::Token { parameter, value: value.to_owned(), system: CodeSystem::Is(VERBATIM) };
    Ok(vec![match condition {
        Condition::Id(id) => Criterion::Id(id.clone()),
        Condition::Changed { prefix, low, high } => Criterion::Updated { prefix: *prefix, low: *low, high: *high },
        Condition::Date { prefix, low, high } => Criterion::Date { parameter, prefix: *prefix, low: *low, high: *high },
        Condition::Token { system, code } => token(ids, parameter, system, code.as_deref())?,
        Condition::Reference(key) => reference(ids, parameter, key)?,
        Condition::ReferenceId { id, kinds } => return references(ids, parameter, id, kinds),
        // The URL under which it is served now is not the only one.
        Condition::ReferenceUrl(url) => match ids.local(url) {
            Some(key) => reference(ids, parameter, &key)?,
            None => verbatim(url),
        },
        Condition::Uri(url) => verbatim(url),
        Condition::Text { text, how: TextTest::Exact } => verbatim(text),
        Condition::Text { text, how: TextTest::Start } => Criterion::Start { parameter, text: text.clone() },
        Condition::Text { text, how: TextTest::Anywhere } => Criterion::Anywhere { parameter, text: text.clone() },
    }])
}

fn token(ids: &impl Identifiers, parameter: i64, system: &SystemTest, code: Option<&str>) -> Result<Criterion> {
    let system = match system {
        SystemTest::Any => CodeSystem::Any,
        SystemTest::None => CodeSystem::Is(NO_SYSTEM),
        SystemTest::Is(uri) => match ids.system(uri)? {
            Some(id) => CodeSystem::Is(id),
            None => return Ok(Criterion::Nothing),
        },
    };
    Ok(match (code, system) {
        (Some(code), system) => Criterion::Token { parameter, value: code.to_owned(), system },
        (None, CodeSystem::Is(system)) => Criterion::OfSystem { parameter, system },
        (None, CodeSystem::Any) => Criterion::Nothing,
    })
}

fn reference(ids: &impl Identifiers, parameter: i64, key: &ResourceKey) -> Result<Criterion> {
    let target = ids.resource(key)?;
    Ok(target.map_or(Criterion::Nothing, |target| Criterion::Reference { parameter, target }))
}

fn references(ids: &impl Identifiers, parameter: i64, logical: &str, kinds: &[String]) -> Result<Vec<Criterion>> {
    let mut named = ids.resources(logical)?;
    named.retain(|(kind, _)| kinds.is_empty() || kinds.contains(kind));
    Ok(named.into_iter().map(|(_, target)| Criterion::Reference { parameter, target }).collect())
}

/// These conditions by ids.
pub(in crate::store) fn resolve_all(
    ids: &impl Identifiers,
    parameter: i64,
    conditions: &[Condition],
) -> Result<Vec<Criterion>> {
    let mut criteria = Vec::with_capacity(conditions.len());
    for condition in conditions {
        criteria.append(&mut resolve(ids, parameter, condition)?);
    }
    Ok(criteria)
}

impl Criterion {
    /// Does an index lead to all resources that meet it, without a look at others?
    pub(in crate::store) fn is_indexed(&self) -> bool {
        match self {
            Self::Nothing | Self::Token { .. } | Self::Reference { .. } | Self::Start { .. } => true,
            Self::OfSystem { .. } | Self::Anywhere { .. } | Self::Id(_) | Self::Updated { .. } => false,
            Self::Date { prefix, .. } => !matches!(prefix, Prefix::Ne | Prefix::Lt | Prefix::Le),
        }
    }
}
