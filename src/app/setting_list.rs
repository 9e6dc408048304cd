//! Every setting: what it is called, what it is, where that comes from, and what it is where nobody sets it. The names are
//! those of [`Options`], and what is said of them is what `handoff serve --help` says, so there is one place for it.

use std::fmt::Write;
use std::path::Path;

use clap::parser::ValueSource;
use clap::{Arg, ArgMatches, Args, FromArgMatches};

use super::settings::{Options, Settings};
use super::settings_file::SettingsFile;
use crate::error::{Error, Result};
use crate::fhir::SourcePosition;
use crate::store::StorePlace;

/// Where a value comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// A variable of the environment, of this name
    Variable(String),
    /// A settings file, and the place in it
    File(String, SourcePosition),
    /// Nobody set it
    Default,
}

/// One setting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting {
    /// What it is called in a settings file; `limits.count` is `count` of the group `[limits]`
    pub name: String,
    /// The flag of `handoff serve`, if there is one
    pub flag: Option<String>,
    /// The variable of the environment, if there is one
    pub variable: Option<String>,
    /// What it means
    pub about: String,
    /// What it is where nobody sets it, in words
    pub default: String,
    /// What it is
    pub value: String,
    /// Where that comes from
    pub source: Source,
}

/// The settings with which `handoff serve` would serve here without a flag, and each of them with where it comes from.
///
/// # Errors
/// A file, a name or a value that cannot be used.
pub fn list(config: Option<&Path>) -> Result<(Settings, Vec<Setting>)> {
    let file = SettingsFile::load(config)?;
    let matches = environment()?;
    let named = Options::from_arg_matches(&matches).map_err(|error| refused(&error))?;
    let listed = all(&matches, &file);
    let settings = named.with_defaults_from(file.options).into_settings()?;
    Ok((settings, listed))
}

/// The reference of all settings, as a page of Markdown.
pub fn reference() -> String {
    let mut page = "# Settings\n\n\
        A flag of `handoff serve` goes before a variable of the environment, that before `handoff.toml`, and that before the\n\
        default. `limits.count` is `count` in the group `[limits]` of the file. Made by `handoff settings --reference`.\n\n\
        | in the file | flag | variable | default | what it is |\n|---|---|---|---|---|\n"
        .to_owned();
    let file = SettingsFile::default();
    for Setting { name, flag, variable, about, default, .. } in all(&ArgMatches::default(), &file) {
        let code = |text: Option<String>| text.map(|text| format!("`{text}`")).unwrap_or_default();
        let (flag, variable) = (code(flag), code(variable));
        let about = about.replace('|', "\\|");
        // Writing to a string does not fail.
        let _ = writeln!(page, "| `{name}` | {flag} | {variable} | {default} | {about} |");
    }
    page
}

/// Every setting, those of groups behind the others.
fn all(matches: &ArgMatches, file: &SettingsFile) -> Vec<Setting> {
    let mut listed: Vec<Setting> = command().get_arguments().map(|argument| setting(argument, matches, file)).collect();
    listed.push(from_file_alone(
        file,
        "package-registry",
        "Where handoff package add fetches packages from; the flag of that command is --registry",
        "nothing is ever fetched",
    ));
    listed.sort_by_key(|setting| (setting.name.contains('.'), setting.name.clone()));
    listed
}

/// The flags and variables of the settings, as the command line has them.
fn command() -> clap::Command {
    Options::augment_args(clap::Command::new("handoff").no_binary_name(true).disable_help_flag(true))
}

/// What the environment sets.
fn environment() -> Result<ArgMatches> {
    command().try_get_matches_from(std::iter::empty::<&str>()).map_err(|error| refused(&error))
}

fn refused(error: &clap::Error) -> Error {
    let text = error.to_string();
    let first = text.lines().next().unwrap_or_default().trim_start_matches("error: ");
    Error::setting("", first)
}

fn setting(argument: &Arg, matches: &ArgMatches, file: &SettingsFile) -> Setting {
    let id = argument.get_id().as_str();
    let group = match argument.get_help_heading() {
        Some("Limits") => "limits.",
        Some("PostgreSQL") => "postgres.",
        Some("TLS") => "tls.",
        _ => "",
    };
    let name = format!("{group}{}", id.replace('_', "-"));
    let (about, default) = about(argument);
    let variable = argument.get_env().map(|name| name.to_string_lossy().into_owned());
    let from_variable =
        matches!(matches.try_contains_id(id), Ok(true)) && matches.value_source(id) == Some(ValueSource::EnvVariable);
    let (value, source) = if from_variable {
        let raw = matches.get_raw(id).into_iter().flatten().map(|raw| raw.to_string_lossy()).collect::<Vec<_>>();
        (raw.join(","), Source::Variable(variable.clone().unwrap_or_default()))
    } else {
        from_file(file, &name, &default)
    };
    let value = if id == "store" { without_password(value) } else { value };
    let flag = argument.get_long().map(|long| format!("--{long}"));
    Setting { name, flag, variable, about, default, value, source }
}

/// The URL of a database may hold a password.
fn without_password(value: String) -> String {
    match StorePlace::parse(&value) {
        Ok(place @ StorePlace::Postgres(_)) => place.to_string(),
        _ => value,
    }
}

/// A setting that a settings file has, and a flag of another command than serve.
fn from_file_alone(file: &SettingsFile, name: &str, about: &str, default: &str) -> Setting {
    let (value, source) = from_file(file, name, default);
    let (name, about, default) = (name.to_owned(), about.to_owned(), default.to_owned());
    Setting { name, flag: None, variable: None, about, default, value, source }
}

fn from_file(file: &SettingsFile, name: &str, default: &str) -> (String, Source) {
    // The two that were there before there was a group of limits keep the names that they had.
    let older = match name {
        "limits.body-mb" => "body-limit-mb",
        "limits.depth" => "depth-limit",
        other => other,
    };
    match file.value(name).or_else(|| file.value(older)) {
        Some((text, position)) => (text.to_owned(), Source::File(file.name.clone(), position)),
        None => (default.to_owned(), Source::Default),
    }
}

/// What an argument means, and what it is where nobody sets it: the two parts of its help.
fn about(argument: &Arg) -> (String, String) {
    let help = argument.get_help().map(ToString::to_string).unwrap_or_default();
    let help = help.split_whitespace().collect::<Vec<_>>().join(" ");
    match help.rsplit_once(" [default: ") {
        Some((about, default)) => (about.to_owned(), default.trim_end_matches(']').to_owned()),
        None => (help, "none".to_owned()),
    }
}
