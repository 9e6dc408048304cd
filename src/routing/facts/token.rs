//! Codes as the data files write them: `LOINC|18185-9`, `ICD-10-CM|F20*` (all that begin so), `101` (of any system).

use std::collections::HashMap;

use crate::fhir::Node;

/// A code, or the beginning of several.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Token {
    system: Option<Box<str>>,
    code: Box<str>,
    begins: bool,
}

impl Token {
    /// Reads `SYSTEM|CODE`, where SYSTEM is one of `names` or a URI, or a code alone.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str, names: &HashMap<String, String>) -> Result<Self, String> {
        let (system, code) = match text.split_once('|') {
            None => (None, text),
            Some((name, code)) => match names.get(name) {
                Some(system) => (Some(system.as_str()), code),
                None if name.contains(':') => (Some(name), code),
                None => return Err(format!("{name} is no name of names: and no URI")),
            },
        };
        let (code, begins) = code.strip_suffix('*').map_or((code, false), |start| (start, true));
        if code.is_empty() {
            return Err("expected SYSTEM|CODE, a code, or the beginning of one with *".to_owned());
        }
        Ok(Self { system: system.map(Into::into), code: code.into(), begins })
    }

    /// Exactly this code.
    pub fn exactly(system: &str, code: &str) -> Self {
        Self { system: Some(system.into()), code: code.into(), begins: false }
    }

    /// Is it this code alone, of no system?
    pub fn is_bare(&self, code: &str) -> bool {
        self.system.is_none() && !self.begins && &*self.code == code
    }

    /// Does it mean this code?
    pub fn means(&self, code: &str) -> bool {
        if self.begins { code.starts_with(&*self.code) } else { code == &*self.code }
    }

    /// Does it mean this Coding?
    pub fn means_coding(&self, coding: Node<'_>) -> bool {
        let same = self.system.as_deref().is_none_or(|ours| coding.get("system").is_some_and(|of| of.is_str(ours)));
        same && coding.str("code").is_some_and(|code| self.means(&code))
    }

    /// Does it mean what stands here: a CodeableConcept, a Coding, or (of no system) a code?
    pub fn means_any(&self, value: Node<'_>) -> bool {
        if let Some(text) = value.as_str() {
            return self.system.is_none() && self.means(&text);
        }
        match value.get("coding") {
            Some(codings) => codings.items().any(|coding| self.means_coding(coding)),
            None => self.means_coding(value),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fhir::Document;

    #[test]
    fn mean_codes_concepts_and_beginnings() {
        let names = HashMap::from([("ICD".to_owned(), "http://icd".to_owned())]);
        let parse = |text: &str| Token::parse(text, &names);
        let concept = Document::parse(r#"{"coding":[{"system":"http://icd","code":"F20.9"}]}"#).unwrap();
        for (text, means) in [
            ("ICD|F20*", true),
            ("ICD|F20.9", true),
            ("ICD|F20", false),
            ("F20*", true),
            ("http://icd|F20.9", true),
            ("http://other|F20.9", false),
        ] {
            assert_eq!(parse(text).unwrap().means_any(concept.root()), means, "{text}");
        }
        let code = Document::parse(r#""101""#).unwrap();
        assert!(parse("1*").unwrap().means_any(code.root()) && !parse("ICD|101").unwrap().means_any(code.root()));
        for wrong in ["LOINC|1", "ICD|", "*"] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }
}
