//! The program types as files: each is read and compiled when it is asked for, with what it extends and the tables that it
//! uses, and with nothing besides.

use std::cell::{Cell, OnceCell, RefCell};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use serde_json::Value;

use crate::definitions::Definitions;
use crate::error::{Error, Result};
use crate::fhir::{Issue, Key};

use super::compile::{self, CompileContext};
use super::crosswalk::{Crosswalk, CrosswalkFiles};
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
    /// What is wrong with what was read so far
    issues: RefCell<Vec<Issue>>,
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
    /// What was read of them; nothing where they cannot be used
    sources: OnceCell<Option<Sources>>,
    schema_json: OnceCell<Option<Value>>,
}

/// A folder that was read.
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
        Self { definitions, folders, crosswalks, issues: RefCell::default(), compiled: Cell::default() }
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
        let program = self.program(kind);
        let mut issues = self.crosswalks.issues();
        issues.extend(self.issues.borrow().iter().cloned());
        match program {
            Ok(program) if issues.is_empty() => Ok(program),
            Ok(_) => Err(Error::unprocessable(issues)),
            Err(found) => {
                issues.extend(found);
                if issues.is_empty() {
                    let message = format!("there is no folder {kind}");
                    issues.push(Issue::error(Key::MapInvalid, kind, message));
                }
                Err(Error::unprocessable(issues))
            }
        }
    }

    /// Compiles all types, and reads all tables.
    ///
    /// # Errors
    /// Every finding.
    pub(super) fn compile_all(&self) -> Result<(BTreeMap<String, ProgramType>, Tables)> {
        let tables = self.crosswalks.all();
        for name in self.folders.keys() {
            self.sources(name);
        }
        let mut issues = self.crosswalks.issues();
        issues.extend(self.issues.borrow().iter().cloned());
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
    /// What is in a folder, read once.
    fn sources(&self, name: &str) -> Option<&Sources> {
        let folder = self.folders.get(name)?;
        folder.sources.get_or_init(|| self.read_folder(name, folder)).as_ref()
    }

    /// The schema of a folder, read once.
    fn schema(&self, name: &str) -> Option<&Value> {
        let folder = self.folders.get(name)?;
        let read = || {
            let (file, bytes) = folder.schema?;
            schema::read(file, bytes).map_err(|issue| self.issues.borrow_mut().push(issue)).ok()
        };
        folder.schema_json.get_or_init(read).as_ref()
    }

    /// The schema with this `$id`, and whose it is.
    fn shared_schema(&self, own: &str, id: &str) -> Option<(String, Value)> {
        // What a map extends has the schema that its own references; it is looked at first.
        let first = self.sources(own).and_then(|read| read.map.1.extends.as_ref()).map(|base| base.value.as_str());
        let names = first.into_iter().chain(self.folders.keys().copied()).filter(|name| *name != own);
        let mut schemas = names.filter_map(|name| Some((name, self.schema(name)?)));
        let (name, found) = schemas.find(|(_, schema)| schema.get("$id").and_then(Value::as_str) == Some(id))?;
        Some((name.to_owned(), found.clone()))
    }

    fn read_folder(&self, name: &str, folder: &Folder<'f>) -> Option<Sources> {
        let kept = |issue: Issue| self.issues.borrow_mut().push(issue);
        let missing = |what: &str, found: Option<File<'_>>| {
            if found.is_none() {
                let message = format!("the program type {name} has no {what}");
                kept(Issue::error(Key::MapInvalid, format!("{name}/{what}"), message).hint("add the file"));
            }
        };
        missing("program.yaml", folder.program);
        missing("map.yaml", folder.map);
        missing("record.schema.json", folder.schema);
        let (program, map, schema) = (folder.program?, folder.map?, folder.schema?);
        let read_program = source::read::<ProgramFile>(program.0, program.1).map_err(kept).ok();
        let read_map = source::read::<MapFile>(map.0, map.1).map_err(kept).ok();
        let read_schema = self.schema(name);
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
        let (Some(own), Some(schema)) = (self.sources(name), self.schema(name)) else { return Err(Vec::new()) };
        self.compiled.set(self.compiled.get() + 1);
        let chain = self.chain(own).map_err(|issue| vec![issue])?;
        let about = own.program.about(&own.program_file, self.definitions)?;
        let mut json = schema.clone();
        schema::narrow(&mut json, about.vocabulary());
        schema::show(&mut json, own.example.as_ref().map(|(_, example)| example));
        let shared = |id: &str| self.shared_schema(name, id);
        let schema = RecordSchema::new(&own.schema_file, json, shared).map_err(|issue| vec![issue])?;
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
            definitions: self.definitions,
            schema: &schema,
            crosswalks: &self.crosswalks,
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
    fn chain<'s>(&'s self, own: &'s Sources) -> std::result::Result<Vec<&'s Sources>, Issue> {
        let mut chain: Vec<&Sources> = Vec::new();
        let mut next = Some(own);
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
                    match self.sources(&base.value) {
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
}
