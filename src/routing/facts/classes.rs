//! Classes of conditions that rules ask for by name (`profiles/eligibility/conditions.yaml`): by the codes of Conditions,
//! and by a measured value (a body mass index above 25).

use std::collections::HashMap;

use serde::Deserialize;
use serde_saphyr::Spanned;

use super::token::Token;
use crate::error::{Error, Result};
use crate::fhir::Node;
use crate::yaml;

/// All classes.
#[derive(Debug, Clone, Default)]
pub(super) struct Classes {
    classes: Vec<Class>,
}

#[derive(Debug, Clone)]
struct Class {
    name: String,
    is_chronic: bool,
    codes: Vec<Token>,
    observed: Option<(Token, f64)>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ClassesFile {
    #[serde(default)]
    names: HashMap<String, String>,
    classes: Vec<ClassSpec>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ClassSpec {
    class: Spanned<String>,
    /// For people who read the file
    #[serde(rename = "title")]
    _title: String,
    #[serde(default)]
    chronic: bool,
    codes: Vec<Spanned<String>>,
    observed: Option<Observed>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Observed {
    code: Spanned<String>,
    above: f64,
}

impl Classes {
    /// Reads the file.
    pub(super) fn read(file: &str, bytes: &[u8]) -> Result<Self> {
        let read: ClassesFile = yaml::read(file, bytes).map_err(|issue| Error::unprocessable(vec![*issue]))?;
        let mut issues = Vec::new();
        let mut classes: Vec<Class> = Vec::new();
        for written in read.classes {
            if classes.iter().any(|class| class.name == written.class.value) {
                issues.push(yaml::issue(file, written.class.referenced, "there is such a class already"));
            }
            let mut token = |text: &Spanned<String>| {
                let parsed = Token::parse(&text.value, &read.names);
                parsed.map_err(|statements| issues.push(yaml::issue(file, text.referenced, statements))).ok()
            };
            let codes = written.codes.iter().filter_map(&mut token).collect();
            let observed = written.observed.and_then(|it| Some((token(&it.code)?, it.above)));
            classes.push(Class { name: written.class.value, is_chronic: written.chronic, codes, observed });
        }
        if issues.is_empty() { Ok(Self { classes }) } else { Err(Error::unprocessable(issues)) }
    }

    /// The names of all.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.classes.iter().map(|class| class.name.as_str())
    }

    /// The classes that a condition with this code is in.
    pub(super) fn of_code(&self, concept: Node<'_>) -> impl Iterator<Item = &str> {
        let is_in = move |class: &&Class| class.codes.iter().any(|token| token.means_any(concept));
        self.classes.iter().filter(is_in).map(|class| class.name.as_str())
    }

    /// The class that an observation with this code measures, and the value above which somebody is in it.
    pub(super) fn measured(&self, concept: Node<'_>) -> Option<(&str, f64)> {
        self.classes.iter().find_map(|class| {
            let (token, above) = class.observed.as_ref()?;
            token.means_any(concept).then_some((class.name.as_str(), *above))
        })
    }

    /// How many of these are classes of chronic conditions.
    pub(super) fn chronic(&self, names: &[String]) -> usize {
        self.classes.iter().filter(|class| class.is_chronic && names.contains(&class.name)).count()
    }
}
