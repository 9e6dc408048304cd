//! What a source file imports, read from its text: `use` trees, paths that begin with `crate`, `super`, `self` or a child
//! module, and what a module passes on with `pub use`. Enough of Rust's grammar for our own sources, and no more.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// A path as its segments: `crate::fhir::Node` is `[crate, fhir, Node]`.
type Segments = Vec<String>;

/// Every source file under a folder.
pub(crate) fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// The text without comments, strings and the tests that stand at the end of a file.
pub(crate) fn code(text: &str) -> String {
    let text = text.split("\n#[cfg(test)]\nmod tests {").next().unwrap_or(text);
    let mut code = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let skipped = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if let Some(hashes) = raw_string(rest) {
            let end = format!("\"{}", "#".repeat(hashes));
            let start = hashes + 2;
            rest[start..].find(&end).map_or(rest.len(), |at| start + at + end.len())
        } else if first == '"' {
            string_length(rest)
        } else if first == '\'' {
            character_length(rest)
        } else {
            code.push(first);
            rest = &rest[first.len_utf8()..];
            continue;
        };
        code.push(' ');
        rest = &rest[skipped..];
    }
    code
}

/// The number of `#` of a raw string that begins here.
fn raw_string(text: &str) -> Option<usize> {
    let rest = text.strip_prefix('r')?;
    let hashes = rest.chars().take_while(|character| *character == '#').count();
    rest[hashes..].starts_with('"').then_some(hashes)
}

fn string_length(text: &str) -> usize {
    let mut escaped = false;
    for (at, character) in text.char_indices().skip(1) {
        match character {
            '"' if !escaped => return at + 1,
            '\\' => escaped = !escaped,
            _ => escaped = false,
        }
    }
    text.len()
}

/// The length of a character literal; of a lifetime only that of its quote.
fn character_length(text: &str) -> usize {
    let mut characters = text.char_indices().skip(1);
    match characters.next() {
        Some((_, '\\')) => text[2..].char_indices().skip(1).find(|(_, one)| *one == '\'').map_or(1, |(at, _)| at + 3),
        Some(_) => characters.next().filter(|(_, one)| *one == '\'').map_or(1, |(at, _)| at + 1),
        None => 1,
    }
}

/// The names and signs of a code: `::` is one sign.
fn tokens(code: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut rest = code.trim_start();
    while !rest.is_empty() {
        let name = rest.find(|one: char| !one.is_alphanumeric() && one != '_').unwrap_or(rest.len());
        let length = match name {
            0 if rest.starts_with("::") => 2,
            0 => rest.chars().next().map_or(1, char::len_utf8),
            name => name,
        };
        found.push(&rest[..length]);
        rest = rest[length..].trim_start();
    }
    found
}

fn is_name(token: &str) -> bool {
    token.starts_with(|one: char| one.is_alphabetic() || one == '_')
}

/// The paths of one file: what it imports for itself, what it passes on, which modules it declares.
#[derive(Default)]
struct File {
    imports: Vec<Segments>,
    /// Name under which something is passed on, and its path; `*` for all of a module.
    passed_on: Vec<(String, Segments)>,
}

impl File {
    fn read(code: &str) -> Self {
        let tokens = tokens(code);
        let children: BTreeSet<&str> = tokens
            .windows(3)
            .filter(|window| window[0] == "mod" && is_name(window[1]) && window[2] == ";")
            .map(|window| window[1])
            .collect();
        let begins = |token: &str| matches!(token, "crate" | "super" | "self") || children.contains(token);
        let mut file = Self::default();
        let mut at = 0;
        while at < tokens.len() {
            let is_start = at == 0 || tokens[at - 1] != "::";
            if tokens[at] == "use" && is_start {
                let is_public = at > 0 && (tokens[at - 1] == "pub" || tokens[at - 1] == ")");
                let mut leaves = Vec::new();
                at = use_tree(&tokens, at + 1, &Vec::new(), &mut leaves);
                for (name, path) in leaves {
                    if path.first().is_some_and(|first| begins(first)) {
                        if is_public { file.passed_on.push((name, path)) } else { file.imports.push(path) }
                    }
                }
            } else if is_start && begins(tokens[at]) && tokens.get(at + 1) == Some(&"::") {
                let mut path = vec![tokens[at].to_owned()];
                while tokens.get(at + 1) == Some(&"::") && tokens.get(at + 2).is_some_and(|token| is_name(token)) {
                    path.push(tokens[at + 2].to_owned());
                    at += 2;
                }
                file.imports.push(path);
                at += 1;
            } else {
                at += 1;
            }
        }
        file
    }
}

/// Reads a `use` tree from `at`: its leaves, each with the name that it gets here. Gives the place behind the tree.
fn use_tree(tokens: &[&str], mut at: usize, before: &Segments, leaves: &mut Vec<(String, Segments)>) -> usize {
    let mut path = before.clone();
    while let Some(token) = tokens.get(at) {
        match *token {
            "{" => {
                at += 1;
                while tokens.get(at).is_some_and(|token| *token != "}") {
                    at = use_tree(tokens, at, &path, leaves);
                    if tokens.get(at) == Some(&",") {
                        at += 1;
                    }
                }
                return at + 1;
            }
            "::" => at += 1,
            "as" => {
                leaves.push((tokens[at + 1].to_owned(), path));
                return at + 2;
            }
            "*" => {
                leaves.push(("*".to_owned(), path));
                return at + 1;
            }
            "self" if !path.is_empty() => at += 1,
            name if is_name(name) => {
                path.push(name.to_owned());
                at += 1;
            }
            _ => break,
        }
    }
    let name = path.last().cloned().unwrap_or_default();
    leaves.push((name, path));
    at
}

/// All sources, by the path of their module.
pub(crate) struct Sources {
    files: BTreeMap<Segments, File>,
}

impl Sources {
    /// Reads every source under `src`.
    pub(crate) fn read(src: &Path) -> Self {
        let texts = sources(src).into_iter().map(|path| (module_of(&path, src), fs::read_to_string(&path).unwrap()));
        Self::of(texts)
    }

    fn of(texts: impl Iterator<Item = (Segments, String)>) -> Self {
        Self { files: texts.map(|(module, text)| (module, File::read(&code(&text)))).collect() }
    }

    /// The modules that each module imports something from, in whatever file that is defined.
    pub(crate) fn imports(&self) -> BTreeMap<&Segments, BTreeSet<Segments>> {
        let of_file = |(module, file): (&Segments, &File)| {
            file.imports
                .iter()
                .filter_map(|path| self.home(&absolute(module, path), 0))
                .filter(|home| home != module)
                .collect()
        };
        self.files.iter().map(|(module, file)| (module, of_file((module, file)))).collect()
    }

    /// The file that defines what an absolute path names: the longest part of it that is a file, or where that one got it
    /// from.
    fn home(&self, path: &[String], depth: usize) -> Option<Segments> {
        let length = (1..=path.len()).rev().find(|length| self.files.contains_key(&path[..*length]))?;
        let module = path[..length].to_vec();
        let Some(name) = path.get(length).filter(|_| depth < 8) else { return Some(module) };
        for (known, from) in &self.files[&module].passed_on {
            if known == name {
                let mut from = absolute(&module, from);
                from.extend_from_slice(&path[length + 1..]);
                return self.home(&from, depth + 1);
            }
        }
        Some(module)
    }

    /// Files that import each other in a ring, as paths of modules; each ring sorted, and only those of several files.
    pub(crate) fn circles(&self) -> Vec<Vec<String>> {
        let imports = self.imports();
        let reach: BTreeMap<&Segments, BTreeSet<&Segments>> =
            imports.keys().map(|module| (*module, reachable(module, &imports))).collect();
        let mut circles: Vec<Vec<String>> = Vec::new();
        let mut seen: BTreeSet<&Segments> = BTreeSet::new();
        for (module, reached) in &reach {
            if !reached.contains(module) || seen.contains(module) {
                continue;
            }
            let circle: Vec<&Segments> =
                reached.iter().filter(|other| reach[*other].contains(module)).copied().collect();
            seen.extend(circle.iter().copied());
            circles.push(circle.iter().map(|module| module.join("::")).collect());
        }
        circles
    }
}

fn reachable<'s>(from: &'s Segments, imports: &BTreeMap<&'s Segments, BTreeSet<Segments>>) -> BTreeSet<&'s Segments> {
    let mut reached = BTreeSet::new();
    let mut open = vec![from];
    while let Some(module) = open.pop() {
        for next in &imports[module] {
            let Some((next, _)) = imports.get_key_value(next) else { continue };
            if reached.insert(*next) {
                open.push(next);
            }
        }
    }
    reached
}

/// The path of the module that a file is: `src/fhir/document/mod.rs` is `fhir::document`.
fn module_of(path: &Path, src: &Path) -> Segments {
    let inside = path.strip_prefix(src).unwrap().with_extension("");
    let mut module: Segments = inside.iter().map(|part| part.to_string_lossy().into_owned()).collect();
    if module.last().is_some_and(|last| last == "mod") {
        module.pop();
    }
    module
}

/// A path as it stands in the file of `module`, from the root of the crate.
fn absolute(module: &[String], path: &[String]) -> Segments {
    let mut base = module.to_vec();
    let mut rest = path;
    match path.first().map(String::as_str) {
        Some("crate") => {
            base.clear();
            rest = &path[1..];
        }
        Some("self") => rest = &path[1..],
        _ => {}
    }
    while rest.first().is_some_and(|first| first == "super") {
        base.pop();
        rest = &rest[1..];
    }
    base.extend_from_slice(rest);
    base
}

#[test]
fn the_reader_sees_what_a_file_imports() {
    let text = "use crate::{error::Error, fhir::{Node, self as f, *}};\nuse super::super::walk;\npub use self::list::One;\n\
                mod list;\n// use crate::web;\nfn a() { let x = list::make('\"', \"crate::no\"); crate::app::run::<u8>(); }\n\
                #[cfg(test)]\nmod tests {\n use crate::cli;\n}";
    let file = File::read(&code(text));
    let imports: Vec<String> = file.imports.iter().map(|path| path.join("::")).collect();
    assert_eq!(
        imports,
        [
            "crate::error::Error",
            "crate::fhir::Node",
            "crate::fhir",
            "crate::fhir",
            "super::super::walk",
            "list::make",
            "crate::app::run"
        ]
    );
    assert_eq!(file.passed_on, [("One".to_owned(), vec!["self".to_owned(), "list".to_owned(), "One".to_owned()])]);
}

#[test]
fn a_ring_is_found_through_what_a_module_passes_on() {
    let files = [
        ("a", "pub use b::B;\nmod b;\nmod c;\nmod d;"),
        ("a::b", "use super::c::C;\npub struct B;"),
        ("a::c", "use super::B;\npub struct C;"),
        ("a::d", "use crate::a::B;"),
    ];
    let module = |path: &str| path.split("::").map(str::to_owned).collect();
    let sources = Sources::of(files.iter().map(|(path, text)| (module(path), (*text).to_owned())));
    assert_eq!(sources.circles(), [["a::b", "a::c"]]);
}
