//! The program types as files: each is read and compiled when it is asked for, with what it extends and the tables that it
//! uses, and with nothing besides.

use std::cell::{Cell, OnceCell};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use serde_json::Value;

use crate::definitions::Definitions;
use crate::error::{Error, Result};
use crate::fhir::{Issue, Key};

use super::compile::{self, CompileContext};
use super::crosswalk::{AskedTables, Crosswalk, CrosswalkFiles};
use super::map::Map;
use super::program_type::ProgramType;
use super::schema::{self, RecordSchema};
use super::source::{self, MapFile, ProgramFile};

/// The type that stands for all those that have no folder.
pub const GENERIC: &str = "generic";

/// The files of program types. See the module head.
#[derive(Debug)]
pub struct ProgramTypeFiles<'f> {
    definitions: &'f Definitions,
    folders: BTreeMap<&'f str, Folder<'f>>,
    crosswalks: CrosswalkFiles<'f>,
    compiled: Cell<usize>,
}

/// Tables of codes, by name.
type Tables = HashMap<String, Arc<Crosswalk>>;

type File<'f> = (&'f str, &'f [u8]);

/// The files of one folder.
#[derive(Debug, Default)]
struct Folder<'f> {
    program: Option<File<'f>>,
    map: Option<File<'f>>,
    schema: Option<File<'f>>,
    example: Option<File<'f>>,
    read: OnceCell<ReadFolder>,
    schema_json: OnceCell<std::result::Result<Value, Issue>>,
}

/// What was read of a folder.
#[derive(Debug)]
struct ReadFolder {
    /// Nothing where it cannot be used
    sources: Option<Sources>,
    /// What is wrong with it
    issues: Vec<Issue>,
}

/// A folder that can be used.
#[derive(Debug)]
struct Sources {
    program: ProgramFile,
    program_file: String,
    map: (String, MapFile),
    schema_file: String,
    example: Option<(String, Value)>,
}

// === asking

impl<'f> ProgramTypeFiles<'f> {
    /// The program types in these files (path and bytes): `TYPE/program.yaml`, `TYPE/record.schema.json`,
    /// `TYPE/map.yaml`, `crosswalks/NAME.yaml`, wherever those folders are. Of two files for the same the later counts,
    /// so a folder on disk can be given behind those that come with the program.
    pub fn new(definitions: &'f Definitions, files: impl IntoIterator<Item = File<'f>>) -> Self {
        let mut folders: BTreeMap<&str, Folder<'_>> = BTreeMap::new();
        let mut crosswalks = CrosswalkFiles::new(definitions);
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
                        crosswalks.add(name, (path, bytes));
                    }
                }
            }
        }
        Self { definitions, folders, crosswalks, compiled: Cell::default() }
    }

    /// The types that have a folder, in order.
    pub fn kinds(&self) -> impl Iterator<Item = &'f str> {
        self.folders.keys().copied()
    }

    /// Compiles the program type of this name, or the generic one.
    ///
    /// # Errors
    /// Every finding about it, what it extends and the tables that it uses, with file (the issue's path), line, column and how
    /// to mend it.
    pub fn compile(&self, kind: &str) -> Result<ProgramType> {
        let kind = if self.folders.contains_key(kind) { kind } else { GENERIC };
        self.program(kind).map_err(|mut issues| {
            if issues.is_empty() {
                let message = format!("there is no folder {kind}");
                issues.push(Issue::error(Key::MapInvalid, kind, message));
            }
            Error::unprocessable(issues)
        })
    }

    /// All tables of codes.
    ///
    /// # Errors
    /// What is wrong with any of them.
    pub fn tables(&self) -> Result<Vec<Arc<Crosswalk>>> {
        let tables = self.crosswalks.all().into_values().collect();
        let issues = self.crosswalks.issues();
        if issues.is_empty() { Ok(tables) } else { Err(Error::unprocessable(issues)) }
    }

    /// Compiles all types, and reads all tables.
    ///
    /// # Errors
    /// Every finding.
    pub(super) fn compile_all(&self) -> Result<(BTreeMap<String, ProgramType>, Tables)> {
        let tables = self.crosswalks.all();
        let mut issues = self.crosswalks.issues();
        issues.extend(self.folders.keys().flat_map(|name| self.folder_issues(name)).cloned());
        let mut programs = BTreeMap::new();
        for name in self.folders.keys().filter(|name| self.sources(name).is_some()) {
            match self.program(name) {
                Ok(program) => {
                    programs.insert((*name).to_owned(), program);
                }
                Err(found) => {
                    // What is wrong in a map that others extend is wrong once.
                    issues.extend(found.into_iter().filter(|issue| !issues.contains(issue)).collect::<Vec<_>>());
                }
            }
        }
        if issues.is_empty() { Ok((programs, tables)) } else { Err(Error::unprocessable(issues)) }
    }

    /// How many types were compiled, and how many tables read.
    pub fn work(&self) -> (usize, usize) {
        (self.compiled.get(), self.crosswalks.read_count())
    }
}

// === reading

impl<'f> ProgramTypeFiles<'f> {
    fn folder(&self, name: &str) -> Option<&ReadFolder> {
        let folder = self.folders.get(name)?;
        Some(folder.read.get_or_init(|| self.read_folder(name, folder)))
    }

    /// What is in a folder, read once.
    fn sources(&self, name: &str) -> Option<&Sources> {
        self.folder(name)?.sources.as_ref()
    }

    /// What is wrong with a folder.
    fn folder_issues(&self, name: &str) -> &[Issue] {
        self.folder(name).map(|read| read.issues.as_slice()).unwrap_or_default()
    }

    /// The schema of a folder, read once.
    fn schema(&self, name: &str) -> Option<std::result::Result<&Value, &Issue>> {
        let folder = self.folders.get(name)?;
        let (file, bytes) = folder.schema?;
        Some(folder.schema_json.get_or_init(|| schema::read(file, bytes)).as_ref())
    }

    /// The schema with this `$id`, and whose it is.
    fn shared_schema(&self, own: &str, id: &str) -> Option<(String, Value)> {
        // What a map extends has the schema that its own references; it is looked at first.
        let first = self.sources(own).and_then(|read| read.map.1.extends.as_ref()).map(|base| base.value.as_str());
        let names = first.into_iter().chain(self.folders.keys().copied()).filter(|name| *name != own);
        let mut schemas = names.filter_map(|name| Some((name, self.schema(name)?.ok()?)));
        let (name, found) = schemas.find(|(_, schema)| schema.get("$id").and_then(Value::as_str) == Some(id))?;
        Some((name.to_owned(), found.clone()))
    }

    /// What is wrong with schemas that were looked at: one of them may be the one that was not found.
    fn unreadable_schemas(&self) -> impl Iterator<Item = &Issue> {
        self.folders.values().filter_map(|folder| folder.schema_json.get()?.as_ref().err())
    }

    fn read_folder(&self, name: &str, folder: &Folder<'f>) -> ReadFolder {
        let mut issues = Vec::new();
        let sources = self.read_sources(name, folder, &mut |issue| issues.push(issue));
        ReadFolder { sources, issues }
    }

    fn read_sources(&self, name: &str, folder: &Folder<'f>, kept: &mut dyn FnMut(Issue)) -> Option<Sources> {
        let mut missing = |what: &str, found: Option<File<'_>>| {
            if found.is_none() {
                let message = format!("the program type {name} has no {what}");
                kept(Issue::error(Key::MapInvalid, format!("{name}/{what}"), message).hint("add the file"));
            }
        };
        missing("program.yaml", folder.program);
        missing("map.yaml", folder.map);
        missing("record.schema.json", folder.schema);
        let (program, map, schema) = (folder.program?, folder.map?, folder.schema?);
        let read_program = source::read::<ProgramFile>(program.0, program.1).map_err(&mut *kept).ok();
        let read_map = source::read::<MapFile>(map.0, map.1).map_err(&mut *kept).ok();
        let read_schema = self.schema(name)?.map_err(|issue| kept(issue.clone())).ok();
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
        read_schema?;
        Some(Sources {
            program: read_program,
            program_file: program.0.to_owned(),
            map: (map.0.to_owned(), read_map),
            schema_file: schema.0.to_owned(),
            example,
        })
    }
}

// === compiling

impl ProgramTypeFiles<'_> {
    /// Compiles one program type.
    fn program(&self, name: &str) -> std::result::Result<ProgramType, Vec<Issue>> {
        let mut issues = self.folder_issues(name).to_vec();
        let program = self.compile_folder(name, &mut issues);
        program.filter(|_| issues.is_empty()).ok_or(issues)
    }

    /// Compiles a folder; every finding about it, what it extends and the tables that it uses goes to `issues`.
    fn compile_folder(&self, name: &str, issues: &mut Vec<Issue>) -> Option<ProgramType> {
        let (own, schema) = (self.sources(name)?, self.schema(name)?.ok()?);
        self.compiled.set(self.compiled.get() + 1);
        let chain = self.chain(own, issues)?;
        let about = own.program.about(&own.program_file, self.definitions);
        let about = about.map_err(|found| issues.extend(found)).ok()?;
        let schema = self.record_schema(name, own, schema.clone(), about.vocabulary(), issues)?;
        let tables = AskedTables::new(&self.crosswalks);
        let model = compile::compile(&CompileContext {
            kind: name,
            title: &own.program.title,
            files: chain.iter().map(|read| (read.map.0.as_str(), &read.map.1)).collect(),
            definitions: self.definitions,
            schema: &schema,
            crosswalks: &tables,
        });
        issues.extend(tables.issues());
        let model = model.map_err(|found| issues.extend(found)).ok()?;
        Some(ProgramType {
            kind: name.to_owned(),
            title: own.program.title.clone(),
            description: own.program.description.clone(),
            need_categories: own.program.need_categories.clone(),
            about,
            map: Map::new(model, schema),
        })
    }

    /// The schema of a folder with what else it says of its records, and the example that fits it.
    fn record_schema(
        &self,
        name: &str,
        own: &Sources,
        mut json: Value,
        vocabulary: Value,
        issues: &mut Vec<Issue>,
    ) -> Option<RecordSchema> {
        schema::narrow(&mut json, vocabulary);
        schema::show(&mut json, own.example.as_ref().map(|(_, example)| example));
        let schema = match RecordSchema::new(&own.schema_file, json, |id| self.shared_schema(name, id)) {
            Ok(schema) => schema,
            Err(issue) => {
                issues.extend(self.unreadable_schemas().cloned());
                issues.push(issue);
                return None;
            }
        };
        let Some((file, example)) = &own.example else { return Some(schema) };
        let wrong = schema.check(example);
        let is_sound = wrong.is_empty();
        issues.extend(wrong.into_iter().map(|issue| {
            let message = format!("the example does not fit the schema at {}: {}", issue.path, issue.text);
            Issue::error(Key::MapInvalid, file.as_str(), message)
        }));
        is_sound.then_some(schema)
    }

    /// A map and what it extends, the outermost first.
    fn chain<'s>(&'s self, own: &'s Sources, issues: &mut Vec<Issue>) -> Option<Vec<&'s Sources>> {
        let mut chain: Vec<&Sources> = Vec::new();
        let mut next = Some(own);
        while let Some(read) = next {
            chain.push(read);
            let Some(base) = &read.map.1.extends else { break };
            let wrong = |message: String, fix: &'static str| {
                let issue = Issue::error(Key::MapInvalid, read.map.0.as_str(), message);
                issue.at(source::position(base.referenced)).hint(fix)
            };
            if chain.iter().any(|read| read.map.1.map.value == base.value) {
                issues.push(wrong(format!("{} extends itself", base.value), "let one of the maps stand alone"));
                return None;
            }
            issues.extend(self.folder_issues(&base.value).iter().cloned());
            next = self.sources(&base.value);
            if next.is_none() {
                let message = format!("there is no program type {}", base.value);
                issues.push(wrong(message, "name one that has a folder"));
                return None;
            }
        }
        chain.reverse();
        Some(chain)
    }
}
