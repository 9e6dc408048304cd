//! A settings file as it is written: what it sets, and where each value stands, so that whoever wrote it is shown the line.

use std::path::Path;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::settings::Options;
use crate::error::{Category, Error, Result};
use crate::fhir::{Issue, Key, SourcePosition};

/// The file that is read where none is named and this one is there.
const DEFAULT_FILE: &str = "handoff.toml";

/// What a settings file holds; nothing, where there is none.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct SettingsFile {
    /// What it sets
    pub(super) options: Options,
    /// What the file is called
    pub(super) name: String,
    values: Vec<FileValue>,
}

/// A value of the file.
#[derive(Debug, Clone, PartialEq, Eq)]
struct FileValue {
    /// `limits.count` for `count` in the group `[limits]`
    name: String,
    /// As it is written there
    text: String,
    position: SourcePosition,
}

impl SettingsFile {
    /// Reads the settings file `named`, or the usual one where it is there.
    ///
    /// # Errors
    /// A file that is named and cannot be read; what [`SettingsFile::read`] finds.
    pub(super) fn load(named: Option<&Path>) -> Result<Self> {
        let path = named.unwrap_or(Path::new(DEFAULT_FILE));
        match std::fs::read_to_string(path) {
            Ok(text) => Self::read(&text, &path.display().to_string()),
            Err(error) if named.is_none() && error.kind() == std::io::ErrorKind::NotFound => Ok(Self::default()),
            Err(error) => Err(Error::unreadable_file(path, &error)),
        }
    }

    /// Reads the text of a settings file.
    ///
    /// # Errors
    /// A name or value that is not known or cannot be used, with line and column.
    pub(super) fn read(text: &str, name: &str) -> Result<Self> {
        let refused = |error: toml::de::Error| {
            let mut issue = Issue::error(Key::SettingInvalid, name, error.message().trim());
            issue.position = error.span().map(|span| SourcePosition::of_offset(text, span.start));
            Error::new(Category::Usage, issue)
        };
        let options: Options = toml::from_str(text).map_err(refused)?;
        let mut file = Self { options, name: name.to_owned(), values: Vec::new() };
        file.gather("", DeTable::parse(text).map_err(refused)?.get_ref(), text);
        // Whatever is set elsewhere: what stands in a file can be used or is mended there.
        file.options.clone().into_settings().map_err(|error| file.with_positions(error))?;
        Ok(file)
    }

    /// The text and place of a value, if the file has it.
    pub(super) fn value(&self, name: &str) -> Option<(&str, SourcePosition)> {
        self.values.iter().find(|value| value.name == name).map(|value| (value.text.as_str(), value.position))
    }

    fn gather(&mut self, group: &str, table: &DeTable<'_>, text: &str) {
        for (name, value) in table {
            let name = format!("{group}{}", name.get_ref());
            match value.get_ref() {
                // What a type has to meet is one setting, however many types are named.
                DeValue::Table(inner) if name != "profiles" => self.gather(&format!("{name}."), inner, text),
                _ => self.values.push(FileValue { name, text: written(value, text), position: position(value, text) }),
            }
        }
    }

    /// The error of a setting, with where that stands.
    fn with_positions(&self, mut error: Error) -> Error {
        for issue in &mut error.issues {
            let is_it = |value: &&FileValue| {
                value.name == issue.path || value.name.rsplit_once('.').is_some_and(|(_, name)| name == issue.path)
            };
            if let Some(value) = self.values.iter().find(is_it) {
                let name = std::mem::replace(&mut issue.path, self.name.clone());
                issue.text = format!("{name}: {}", issue.text);
                issue.position = Some(value.position);
            }
        }
        error
    }
}

impl Options {
    /// What the settings file `named` sets, or the usual one where it is there.
    ///
    /// # Errors
    /// As [`SettingsFile::load`].
    pub fn load(named: Option<&Path>) -> Result<Self> {
        Ok(SettingsFile::load(named)?.options)
    }

    /// What the text of a settings file sets.
    ///
    /// # Errors
    /// As [`SettingsFile::read`].
    pub fn read(text: &str, name: &str) -> Result<Self> {
        Ok(SettingsFile::read(text, name)?.options)
    }
}

/// A value as it is written, without the quotes of a text and on one line.
fn written(value: &Spanned<DeValue<'_>>, text: &str) -> String {
    match value.get_ref() {
        DeValue::String(text) => text.to_string(),
        _ => text.get(value.span()).unwrap_or_default().split_whitespace().collect::<Vec<_>>().join(" "),
    }
}

fn position(value: &Spanned<DeValue<'_>>, text: &str) -> SourcePosition {
    SourcePosition::of_offset(text, value.span().start)
}
