//! Where a program serves and where a person lives: state, county and ZIP code, compared as people write them.
//!
//! A service area is a list of Locations; each names as much of an address as it means. It serves an address when all that
//! it names is the same, does not when something differs, and it is unknown when the address is silent about it.

use std::sync::Arc;

use crate::fhir::{Node, Truth};

/// As much of an address as decides who serves it, each part in the form that is compared.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Locality {
    /// State, as a code where it was written as one
    pub state: Option<Arc<str>>,
    /// County, without the word
    pub county: Option<Arc<str>>,
    /// The first five digits
    pub zip: Option<Arc<str>>,
}

/// Where a program serves.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Area {
    /// Nothing was said, so everywhere
    Anywhere,
    /// In any of these places
    Localities(Vec<Locality>),
    /// Said in words only
    TextOnly,
}

/// How exactly an area that fits was drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reach {
    /// Not at all
    Anywhere,
    /// By state
    State,
    /// By county
    County,
    /// By ZIP code
    Zip,
}

impl Locality {
    /// Reads an Address.
    pub fn read(address: Node<'_>) -> Self {
        let part = |name: &str, form: fn(&str) -> String| {
            address.str(name).map(|text| form(&text)).filter(|text| !text.is_empty()).map(Arc::from)
        };
        Self { state: part("state", state), county: part("district", county), zip: part("postalCode", zip) }
    }

    /// Reads the address of a Location.
    pub(super) fn of_location(location: Node<'_>) -> Self {
        location.get("address").map(Self::read).unwrap_or_default()
    }

    /// Does it name nothing to compare?
    pub fn is_empty(&self) -> bool {
        self.state.is_none() && self.county.is_none() && self.zip.is_none()
    }

    /// Is `address` within this place?
    fn contains(&self, address: &Self) -> Truth {
        let same =
            |ours: &Option<Arc<str>>, theirs: &Option<Arc<str>>, same: fn(&str, &str) -> Truth| match (ours, theirs) {
                (None, _) => Truth::Yes,
                (Some(_), None) => Truth::Unknown,
                (Some(ours), Some(theirs)) => same(ours, theirs),
            };
        let equal: fn(&str, &str) -> Truth = |ours, theirs| (ours == theirs).into();
        same(&self.state, &address.state, same_state).and(same(&self.county, &address.county, equal)).and(same(
            &self.zip,
            &address.zip,
            equal,
        ))
    }

    fn reach(&self) -> Reach {
        match (&self.zip, &self.county, &self.state) {
            (Some(_), _, _) => Reach::Zip,
            (None, Some(_), _) => Reach::County,
            (None, None, Some(_)) => Reach::State,
            (None, None, None) => Reach::Anywhere,
        }
    }
}

impl Area {
    /// Is `address` served, and how exactly was the area drawn that says so?
    pub fn serves(&self, address: &Locality) -> (Truth, Reach) {
        match self {
            Self::Anywhere => (Truth::Yes, Reach::Anywhere),
            Self::TextOnly => (Truth::Unknown, Reach::Anywhere),
            Self::Localities(localities) => {
                let mut answer = (Truth::No, Reach::Anywhere);
                for locality in localities {
                    let contains = locality.contains(address);
                    if contains == Truth::Yes {
                        answer.1 = answer.1.max(locality.reach());
                    }
                    answer.0 = answer.0.or(contains);
                }
                answer
            }
        }
    }
}

/// The form in which states are compared: capitals.
pub fn state(text: &str) -> String {
    text.trim().to_uppercase()
}

/// The form in which counties are compared: small letters, without the word.
pub fn county(text: &str) -> String {
    let text = text.trim().to_lowercase();
    let name = [" county", " parish", " borough"].iter().find_map(|word| text.strip_suffix(word));
    name.map_or(text.clone(), |name| name.trim_end().to_owned())
}

/// The form in which ZIP codes are compared: `00101-2345` is `00101`; other postal codes keep all of their letters.
pub fn zip(text: &str) -> String {
    let text = text.trim();
    let short = text.split_once('-').map_or(text, |(front, _)| front);
    let is_zip = short.len() == 5 && short.bytes().all(|byte| byte.is_ascii_digit());
    if is_zip { short.to_owned() } else { text.to_uppercase() }
}

/// The same state? A code and a name cannot be compared, so they stay unknown instead of excluding somebody.
pub fn same_state(ours: &str, theirs: &str) -> Truth {
    if ours == theirs {
        return Truth::Yes;
    }
    let is_code = |text: &str| text.len() == 2;
    if is_code(ours) == is_code(theirs) { Truth::No } else { Truth::Unknown }
}
