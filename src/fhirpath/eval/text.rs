//! Strings (<https://hl7.org/fhirpath/N1/#string-manipulation>). Positions count characters, from 0.

use std::borrow::Cow;

use super::super::collection::Collection;
use super::super::function::Function;
use super::super::item::Item;
use super::super::pattern::Pattern;
use super::super::value::Value;
use super::encode;
use super::evaluator::{Evaluator, Site};
use super::failure::{Outcome, fail};
use super::operand::{count, describe, describe_item, name, only};

/// What compiling a pattern costs at least.
const COMPILE_STEPS: usize = 200;

/// How many bytes times states are searched in a step: a search may read on to the end of the text, and most do not.
const SEARCH_PER_STEP: usize = 256;

impl<'e, 'a: 'e> Evaluator<'_, 'e, 'a> {
    pub(super) fn text(&self, site: &Site<'_, 'e>) -> Outcome<Collection<'e>> {
        use Function as F;
        if site.call.function == F::Join {
            return self.join(site);
        }
        let Some(text) = subject(site)? else { return Ok(Collection::Empty) };
        self.charge_text(&text, site.at)?;
        let result = match site.call.function {
            F::Upper => string(text.to_uppercase()),
            F::Lower => string(text.to_lowercase()),
            F::Trim => string(text.trim().to_owned()),
            F::Length => Collection::value(count(text.chars().count())),
            F::ToChars => text.chars().map(|each| Item::Value(Value::text(each.to_string()))).collect(),
            F::Substring => return self.substring(site, &text),
            F::Replace | F::ReplaceMatches => return self.replace(site, &text),
            function => {
                let Some(argument) = self.text_argument(site, 0)? else { return Ok(Collection::Empty) };
                match function {
                    F::StartsWith => Collection::boolean(text.starts_with(&*argument)),
                    F::EndsWith => Collection::boolean(text.ends_with(&*argument)),
                    F::Contains => Collection::boolean(text.contains(&*argument)),
                    F::IndexOf => position(&text, text.find(&*argument)),
                    F::LastIndexOf => position(&text, text.rfind(&*argument)),
                    F::Matches | F::MatchesFull => {
                        Collection::boolean(self.pattern(site, &argument, &text)?.is_match(&text))
                    }
                    F::Split => split(&text, &argument),
                    function => encode::recode(function, &text, &argument)
                        .map_err(|message| fail(site.at, message))?
                        .map_or(Collection::Empty, string),
                }
            }
        };
        Ok(result)
    }

    /// The pattern that the call was compiled with, or one compiled now; charged for what reading `text` may cost.
    fn pattern(&self, site: &Site<'_, 'e>, wanted: &str, text: &str) -> Outcome<Cow<'e, Pattern>> {
        let pattern = match &site.call.pattern {
            Some(pattern) => Cow::Borrowed(pattern),
            None => match Pattern::parse(wanted, site.call.function.extent()) {
                Ok(pattern) => {
                    self.charge(COMPILE_STEPS + pattern.bytes() / 16, site.at)?;
                    Cow::Owned(pattern)
                }
                Err(message) => return Err(fail(site.at, format!("the pattern cannot be read: {message}"))),
            },
        };
        self.charge(pattern.states().saturating_mul(text.len() + 1) / 16, site.at)?;
        Ok(pattern)
    }

    fn substring(&self, site: &Site<'_, 'e>, text: &str) -> Outcome<Collection<'e>> {
        let Some(start) = self.integer_argument(site, 0)? else { return Ok(Collection::Empty) };
        let length = match site.call.arguments.len() {
            2 => self.integer_argument(site, 1)?.map_or(usize::MAX, |length| usize::try_from(length).unwrap_or(0)),
            _ => usize::MAX,
        };
        let Ok(start) = usize::try_from(start) else { return Ok(Collection::Empty) };
        let mut rest = text.chars().skip(start).peekable();
        if rest.peek().is_none() {
            return Ok(Collection::Empty);
        }
        Ok(string(rest.take(length).collect()))
    }

    fn replace(&self, site: &Site<'_, 'e>, text: &str) -> Outcome<Collection<'e>> {
        let (Some(wanted), Some(substitute)) = (self.text_argument(site, 0)?, self.text_argument(site, 1)?) else {
            return Ok(Collection::Empty);
        };
        let places = text.len() + 1;
        self.charge(places.saturating_mul(substitute.len() + 1) / 16, site.at)?;
        Ok(string(if site.call.function == Function::Replace {
            text.replace(&*wanted, &substitute)
        } else if wanted.is_empty() {
            text.to_owned()
        } else {
            let pattern = self.pattern(site, &wanted, text)?;
            let mut searched = 0_usize;
            pattern.replace_all(text, &substitute, |bytes| {
                searched = searched.saturating_add(bytes.saturating_mul(pattern.states()));
                let steps = searched / SEARCH_PER_STEP;
                searched %= SEARCH_PER_STEP;
                self.charge(steps, site.at)
            })?
        }))
    }

    fn join(&self, site: &Site<'_, 'e>) -> Outcome<Collection<'e>> {
        let separator = self.text_argument(site, 0)?.unwrap_or_default();
        let mut joined = String::new();
        for (index, item) in site.input.iter().enumerate() {
            let Some(text) = item.as_str() else {
                return Err(fail(site.at, format!("join() is for strings, found {}", describe_item(item))));
            };
            if index > 0 {
                joined.push_str(&separator);
            }
            joined.push_str(&text);
            self.charge_text(&text, site.at)?;
        }
        Ok(if site.input.is_empty() { Collection::Empty } else { string(joined) })
    }
}

/// The string that the function is applied to.
fn subject<'e>(site: &Site<'_, 'e>) -> Outcome<Option<Cow<'e, str>>> {
    let Some(item) = only(site.at, site.input)? else { return Ok(None) };
    let refusal = || fail(site.at, format!("{}() is for strings, found {}", name(site), describe(site.input)));
    item.as_str().ok_or_else(refusal).map(Some)
}

fn string<'e>(text: String) -> Collection<'e> {
    Collection::value(Value::text(text))
}

/// A byte offset as a position in characters; -1 for none.
fn position<'e>(text: &str, offset: Option<usize>) -> Collection<'e> {
    let position = offset.map(|offset| count(text[..offset].chars().count()));
    Collection::value(position.unwrap_or(Value::Integer(-1)))
}

fn split<'e>(text: &str, separator: &str) -> Collection<'e> {
    if separator.is_empty() {
        return string(text.to_owned());
    }
    text.split(separator).map(|part| Item::Value(Value::text(part.to_owned()))).collect()
}
