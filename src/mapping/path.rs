//! Paths that can be written: a small language that says where a value stands in a resource, and what to create where
//! it does not stand yet.
//!
//! ```text
//! birthDate                                     an element
//! identifier[system=HMIS].value                 in the item of a list that has this; a new item is created with it
//! output[type.coding.code=resulting-activity]   conditions may look deeper
//! extension[move-in].valueDate                  an extension by name, a choice by type
//! category.coding[system=SDOHCC].code           in whichever category has such a coding; a new one where none has
//! ```
//! A path is typed against the R4 definitions when it is compiled: elements that do not exist, choices without a type
//! and conditions on what is no list are findings. Everything beyond this language is FHIRPath, and one way.

use std::collections::HashMap;

use serde_json::Value;

use crate::definitions::{self, Definitions};
use crate::record::syntax::{key_and_value, name_and_choice, split, unquoted};

/// What the URLs of our own extensions begin with.
pub(super) const EXTENSIONS: &str = "urn:handoff:fhir:StructureDefinition:";

/// A compiled path, relative to a node.
#[derive(Debug, Clone)]
pub(super) struct Path {
    /// The steps, outermost first; none is the node itself
    pub(super) steps: Box<[PathStep]>,
    /// As it was written
    pub(super) text: Box<str>,
    /// The FHIR type at its end
    pub(super) kind: Box<str>,
    /// Is its end a list?
    pub(super) list: bool,
    /// Is it the code of a Coding whose display is not mapped? Then the display goes when the code changes.
    pub(super) coded: bool,
}

/// One step of a path.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct PathStep {
    /// The member's name
    pub(super) name: Box<str>,
    /// How the member repeats
    pub(super) repeats: Repeats,
    /// Which items are meant; all where empty
    pub(super) select: Box<[Condition]>,
}

/// How a member repeats, and what of it a step means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Repeats {
    /// One value
    Never,
    /// A list; the step means one of its items
    Item,
    /// A list; the step means all of it
    Whole,
}

/// What an item of a list says, and is created with.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Condition {
    /// Where it says it
    pub(super) path: Box<[PathStep]>,
    /// As it was written
    pub(super) text: Box<str>,
    /// What it says
    pub(super) value: Value,
}

/// Compiles paths for one map.
#[derive(Debug, Clone, Copy)]
pub(super) struct Paths<'d> {
    /// The types
    pub(super) definitions: &'d Definitions,
    /// Short words for long ones
    pub(super) names: &'d HashMap<String, String>,
}

// === compiling ===

impl Paths<'_> {
    /// Compiles a path that starts at a value of this type (`Task`, or an element: `Task.output`).
    ///
    /// # Errors
    /// What is wrong with it, for people.
    pub(super) fn compile(&self, start: &str, text: &str) -> Result<Path, String> {
        let Some(mut at) = self.definitions.element_at(start) else {
            return Err(format!("{start} is no type of FHIR R4"));
        };
        let mut steps = Vec::new();
        let mut within_extension = start.ends_with("xtension");
        for piece in split(text, '.')? {
            let step = self.step(&mut at, piece, within_extension)?;
            within_extension = &*step.name == "extension";
            steps.push(step);
        }
        let last = steps.last();
        let list = last.is_some_and(|step| step.repeats == Repeats::Item && step.select.is_empty());
        let coded =
            last.is_some_and(|step| &*step.name == "code") && at.structure().type_name == "Coding" && steps.len() > 1;
        let kind = at.type_name().unwrap_or("*").into();
        Ok(Path { steps: steps.into(), text: text.into(), kind, list, coded })
    }

    /// One step, and where it leads to.
    fn step(
        &self,
        at: &mut definitions::TypedElement,
        piece: &str,
        within_extension: bool,
    ) -> Result<PathStep, String> {
        let (name, chosen) = name_and_choice(piece)?;
        let from = at.types().join(" or ");
        let Some(next) = at.child(self.definitions, name) else {
            return Err(format!("{from} has no element {name}"));
        };
        if next.element().is_some_and(super::super::definitions::structure::Element::is_choice)
            && next.type_name().is_none()
        {
            let element = next.element().map(|element| (element.stem(), element.types.first()));
            let example = element.and_then(|(stem, kind)| Some((stem, capital(&kind?.code))));
            let (stem, kind) = example.unwrap_or((name, String::new()));
            return Err(format!("{from}.{name} is a choice of types; name one of them, such as {stem}{kind}"));
        }
        let repeats = if next.is_list() { Repeats::Item } else { Repeats::Never };
        let select = match chosen {
            None => Vec::new(),
            Some(_) if repeats == Repeats::Never => {
                return Err(format!("{from}.{name} is no list, so there is nothing to choose from"));
            }
            Some(chosen) => self.conditions(&next, chosen, name, within_extension)?,
        };
        *at = next;
        Ok(PathStep { name: name.into(), repeats, select: select.into() })
    }

    /// What stands in the brackets.
    fn conditions(
        &self,
        item: &definitions::TypedElement,
        text: &str,
        name: &str,
        within_extension: bool,
    ) -> Result<Vec<Condition>, String> {
        let mut conditions = Vec::new();
        for piece in split(text, ',')? {
            let (path, value) = match key_and_value(piece) {
                Some((path, value)) => (path, self.word(value)),
                None if name == "extension" || name == "modifierExtension" => {
                    ("url", self.extension(piece.trim(), within_extension))
                }
                None => return Err(format!("expected element=value in [{text}]")),
            };
            conditions.push(self.condition(item, path, value)?);
        }
        Ok(conditions)
    }

    /// One condition on an item.
    fn condition(&self, item: &definitions::TypedElement, path: &str, value: String) -> Result<Condition, String> {
        let mut at = item.clone();
        let mut steps = Vec::new();
        for piece in split(path, '.')? {
            steps.push(self.step(&mut at, piece, false)?);
        }
        if matches!(at.type_name(), Some("uri" | "url" | "canonical"))
            && !value.contains(':')
            && path.ends_with("system")
        {
            return Err(format!("{value} is no URL, and no name of this map (names:)"));
        }
        let value = match (at.type_name(), value.as_str()) {
            (Some("boolean"), "true") => Value::Bool(true),
            (Some("boolean"), "false") => Value::Bool(false),
            _ => Value::String(value),
        };
        Ok(Condition { path: steps.into(), text: path.into(), value })
    }

    /// A word as it is meant: a name of the map, or itself.
    pub(super) fn word(&self, text: &str) -> String {
        let text = unquoted(text);
        self.names.get(text).cloned().unwrap_or_else(|| text.to_owned())
    }

    /// The URL of an extension: by a name of the map; inside an extension by its own word; else one of ours.
    fn extension(&self, word: &str, within_extension: bool) -> String {
        match self.names.get(word) {
            Some(url) => url.clone(),
            None if within_extension || word.contains(':') => word.to_owned(),
            None => format!("{EXTENSIONS}{word}"),
        }
    }
}

/// A type's name as it stands behind a choice's stem.
fn capital(name: &str) -> String {
    let mut letters = name.chars();
    letters.next().map_or_else(String::new, |first| first.to_ascii_uppercase().to_string() + letters.as_str())
}

// === comparing ===

impl PathStep {
    /// Can both steps, taken from the same value, mean the same?
    pub(super) fn can_match(&self, other: &Self) -> bool {
        self.name == other.name
            && !self.select.iter().any(|one| {
                other.select.iter().any(|two| one.text == two.text && one.value != two.value && one.is_single())
            })
    }
}

impl Condition {
    /// Can an item say only one thing here? The codings of one concept are the same thing in several systems, so of one
    /// concept only one code is meant.
    fn is_single(&self) -> bool {
        let repeats = self.path.iter().filter(|step| step.repeats != Repeats::Never);
        repeats.into_iter().all(|step| &*step.name == "coding") && self.path.iter().all(|step| step.select.is_empty())
    }
}
