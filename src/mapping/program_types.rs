//! The program types at hand: each a folder with `program.yaml`, `record.schema.json` and `map.yaml`, and the
//! crosswalks that the maps use. A new program type is a new folder, and no Rust.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use serde_json::Value;

use crate::definitions::Definitions;
use crate::error::{Error, Result};
use crate::fhir::{Issue, Key};
use crate::referral::Vocabularies;
use crate::shipped;

use super::compile::{self, CompileContext};
use super::crosswalk::{self, Crosswalk};
use super::map::Map;
use super::program_type::ProgramType;
use super::schema::{self, RecordSchema};
use super::source::{self, MapFile, ProgramFile};

/// The type that stands for all those that have no folder.
pub const GENERIC: &str = "generic";

/// The program types, by name.
#[derive(Debug)]
pub struct ProgramTypes {
    by_kind: BTreeMap<String, ProgramType>,
    generic: ProgramType,
    crosswalks: HashMap<String, Arc<Crosswalk>>,
    vocabularies: Vocabularies,
}

/// The files of one folder.
#[derive(Default)]
struct Folder<'f> {
    program: Option<(&'f str, &'f [u8])>,
    map: Option<(&'f str, &'f [u8])>,
    schema: Option<(&'f str, &'f [u8])>,
    example: Option<(&'f str, &'f [u8])>,
}

/// A folder that was read.
struct Sources {
    program: ProgramFile,
    program_file: String,
    map: (String, MapFile),
    schema: (String, Value),
    example: Option<(String, Value)>,
}

// ===

impl ProgramTypes {
    /// The program types in these files (path and bytes): `TYPE/program.yaml`, `TYPE/record.schema.json`,
    /// `TYPE/map.yaml`, `crosswalks/NAME.yaml`, wherever those folders are. Of two files for the same the later counts,
    /// so a folder on disk can be given behind [`shipped::files`]. Everything is checked here: what was loaded works.
    ///
    /// # Errors
    /// Every finding, with file (the issue's path), line, column and how to mend it.
    pub fn load<'f>(definitions: &Definitions, files: impl IntoIterator<Item = (&'f str, &'f [u8])>) -> Result<Self> {
        let (folders, tables) = sorted(files);
        let mut issues = Vec::new();
        let crosswalks: HashMap<String, Arc<Crosswalk>> = tables
            .into_iter()
            .filter_map(|(name, (file, bytes))| crosswalk::load(name, file, bytes, definitions, &mut issues))
            .map(|table| (table.name.clone(), Arc::new(table)))
            .collect();
        let mut sources = BTreeMap::new();
        for (name, folder) in folders {
            if let Some(read) = read_folder(name, &folder, &mut issues) {
                sources.insert(name.to_owned(), read);
            }
        }
        let mut programs = BTreeMap::new();
        for name in sources.keys() {
            match program(name, &sources, definitions, &crosswalks) {
                Ok(program) => {
                    programs.insert(name.clone(), program);
                }
                Err(found) => {
                    // What is wrong in a map that others extend is wrong once.
                    issues.extend(found.into_iter().filter(|issue| !issues.contains(issue)).collect::<Vec<_>>());
                }
            }
        }
        if !issues.is_empty() {
            return Err(Error::unprocessable(issues));
        }
        let Some(generic) = programs.remove(GENERIC) else {
            let message = "there is no folder generic, which stands for the program types without a folder";
            return Err(Error::refused(Key::MapInvalid, GENERIC, message));
        };
        let vocabularies = Vocabularies::new(crosswalks.values().filter_map(|table| table.vocabulary()).collect());
        Ok(Self { by_kind: programs, generic, crosswalks, vocabularies })
    }

    /// The program types that come with the program.
    ///
    /// # Errors
    /// As [`ProgramTypes::load`].
    pub fn shipped(definitions: &Definitions) -> Result<Self> {
        Self::load(definitions, shipped::files().iter().copied())
    }

    /// The program type of this name, or the generic one.
    pub fn get(&self, kind: &str) -> &ProgramType {
        self.by_kind.get(kind).unwrap_or(&self.generic)
    }

    /// All of them, by name, the generic one last.
    pub fn iter(&self) -> impl Iterator<Item = &ProgramType> {
        self.by_kind.values().chain([&self.generic])
    }

    /// The statuses that other systems know.
    pub fn vocabularies(&self) -> &Vocabularies {
        &self.vocabularies
    }

    /// All tables of codes, in no order.
    pub fn crosswalks(&self) -> impl Iterator<Item = &Crosswalk> {
        self.crosswalks.values().map(Arc::as_ref)
    }

    /// The table of codes with this name.
    pub fn crosswalk(&self, name: &str) -> Option<&Crosswalk> {
        self.crosswalks.get(name).map(Arc::as_ref)
    }
}

// === reading files

type File<'f> = (&'f str, &'f [u8]);

/// The files by folder, and the crosswalks by name.
fn sorted<'f>(
    files: impl IntoIterator<Item = File<'f>>,
) -> (BTreeMap<&'f str, Folder<'f>>, BTreeMap<&'f str, File<'f>>) {
    let mut folders: BTreeMap<&str, Folder<'_>> = BTreeMap::new();
    let mut tables = BTreeMap::new();
    for (path, bytes) in files {
        let Some((folder, name)) = path.rsplit_once('/') else { continue };
        let folder = folder.rsplit('/').next().unwrap_or(folder);
        match name {
            "program.yaml" => folders.entry(folder).or_default().program = Some((path, bytes)),
            "map.yaml" => folders.entry(folder).or_default().map = Some((path, bytes)),
            "record.schema.json" => folders.entry(folder).or_default().schema = Some((path, bytes)),
            "example.json" => folders.entry(folder).or_default().example = Some((path, bytes)),
            _ => {
                if let Some(name) = name.strip_suffix(".yaml").filter(|_| folder == "crosswalks") {
                    tables.insert(name, (path, bytes));
                }
            }
        }
    }
    (folders, tables)
}

fn read_folder(name: &str, folder: &Folder<'_>, issues: &mut Vec<Issue>) -> Option<Sources> {
    let mut missing = |what: &str, found: Option<File<'_>>| {
        if found.is_none() {
            let message = format!("the program type {name} has no {what}");
            issues.push(Issue::error(Key::MapInvalid, format!("{name}/{what}"), message).hint("add the file"));
        }
    };
    missing("program.yaml", folder.program);
    missing("map.yaml", folder.map);
    missing("record.schema.json", folder.schema);
    let (program, map, schema) = (folder.program?, folder.map?, folder.schema?);
    let mut kept = |issue: Issue| issues.push(issue);
    let read_program = source::read::<ProgramFile>(program.0, program.1).map_err(&mut kept).ok();
    let read_map = source::read::<MapFile>(map.0, map.1).map_err(&mut kept).ok();
    let read_schema = schema::read(schema.0, schema.1).map_err(&mut kept).ok();
    let example = folder.example.map(|(file, bytes)| (file.to_owned(), schema::read(file, bytes)));
    let example = match example {
        Some((file, Ok(example))) => Some((file, example)),
        Some((_, Err(issue))) => {
            kept(issue);
            None
        }
        None => None,
    };
    let (read_program, read_map) = (read_program?, read_map?);
    for (file, name_in_file) in [(program.0, &read_program.program), (map.0, &read_map.map)] {
        if name_in_file.value != name {
            let wrong = format!("{} stands in the folder {name}", name_in_file.value);
            let issue = Issue::error(Key::MapInvalid, file, wrong).at(source::position(name_in_file.referenced));
            kept(issue.hint("give the folder and what is in it one name"));
        }
    }
    Some(Sources {
        program: read_program,
        program_file: program.0.to_owned(),
        map: (map.0.to_owned(), read_map),
        schema: (schema.0.to_owned(), read_schema?),
        example,
    })
}

// === compiling

/// Compiles one program type.
fn program(
    name: &str,
    sources: &BTreeMap<String, Sources>,
    definitions: &Definitions,
    crosswalks: &HashMap<String, Arc<Crosswalk>>,
) -> std::result::Result<ProgramType, Vec<Issue>> {
    let Some(own) = sources.get(name) else { return Err(Vec::new()) };
    let chain = chain(name, sources).map_err(|issue| vec![issue])?;
    let shared: Vec<(String, Value)> = sources
        .iter()
        .filter(|(other, _)| *other != name)
        .map(|(other, read)| (other.clone(), read.schema.1.clone()))
        .collect();
    let about = own.program.about(&own.program_file, definitions)?;
    let mut json = own.schema.1.clone();
    schema::narrow(&mut json, about.vocabulary());
    schema::show(&mut json, own.example.as_ref().map(|(_, example)| example));
    let schema = RecordSchema::new(&own.schema.0, json, &shared).map_err(|issue| vec![issue])?;
    if let Some((file, example)) = &own.example {
        let wrong = |issue: Issue| {
            let message = format!("the example does not fit the schema at {}: {}", issue.path, issue.text);
            Issue::error(Key::MapInvalid, file.as_str(), message)
        };
        let wrong: Vec<Issue> = schema.check(example).into_iter().map(wrong).collect();
        if !wrong.is_empty() {
            return Err(wrong);
        }
    }
    let model = compile::compile(&CompileContext {
        kind: name,
        title: &own.program.title,
        files: chain.iter().map(|read| (read.map.0.as_str(), &read.map.1)).collect(),
        definitions,
        schema: &schema,
        crosswalks,
    })?;
    Ok(ProgramType {
        kind: name.to_owned(),
        title: own.program.title.clone(),
        description: own.program.description.clone(),
        need_categories: own.program.need_categories.clone(),
        about,
        map: Map::new(model, schema),
    })
}

/// A map and what it extends, the outermost first.
fn chain<'s>(name: &str, sources: &'s BTreeMap<String, Sources>) -> std::result::Result<Vec<&'s Sources>, Issue> {
    let mut chain: Vec<&Sources> = Vec::new();
    let mut next = sources.get(name);
    while let Some(read) = next {
        chain.push(read);
        next = match &read.map.1.extends {
            None => None,
            Some(base) => {
                let wrong = |message: String, fix: &'static str| {
                    Issue::error(Key::MapInvalid, read.map.0.as_str(), message)
                        .at(source::position(base.referenced))
                        .hint(fix)
                };
                if chain.iter().any(|read| read.map.1.map.value == base.value) {
                    return Err(wrong(format!("{} extends itself", base.value), "let one of the maps stand alone"));
                }
                match sources.get(&base.value) {
                    Some(base) => Some(base),
                    None => {
                        return Err(wrong(
                            format!("there is no program type {}", base.value),
                            "name one that has a folder",
                        ));
                    }
                }
            }
        };
    }
    chain.reverse();
    Ok(chain)
}
