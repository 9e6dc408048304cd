//! Patterns for `matches`, `matchesFull` and `replaceMatches` (<https://hl7.org/fhirpath/N1/#matchesregex--string--boolean>).
//!
//! A pattern comes from whoever wrote a profile or a map, a text from whoever sent a document; neither may stop the
//! gateway. So a pattern becomes a small machine that reads the text once, in all its states at the same time: the work
//! is bounded by pattern times text, whatever both say. That leaves out back-references and looking around, which no
//! published R4 expression uses; they are refused. A dot matches line ends too, as the standard demands.

mod parse;
mod run;

use parse::Class;
use run::Wanted;

/// Largest machine: `{1,64}` repeats what it stands behind, so patterns can grow when compiled.
const LARGEST: usize = 20_000;

/// A compiled pattern.
#[derive(Debug, Clone)]
pub(crate) struct Pattern {
    program: Vec<Step>,
    groups: usize,
}

/// One state of the machine.
#[derive(Debug, Clone)]
enum Step {
    /// Reads this character
    Char(char),
    /// Reads any character
    Any,
    /// Reads a character of the class
    Class(Box<Class>),
    /// Goes on in both places, preferring the first
    Split(usize, usize),
    /// Goes on elsewhere
    Jump(usize),
    /// Notes the place: 2n where group n begins, 2n + 1 where it ends
    Save(usize),
    /// Only at the start, the end, or (not) at the edge of a word
    Assert(Assertion),
    /// Found
    Match,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Assertion {
    Start,
    End,
    WordEdge,
    NoWordEdge,
}

/// A pattern as it was written.
#[derive(Debug)]
enum Tree {
    Nothing,
    Char(char),
    Any,
    Class(Box<Class>),
    Assert(Assertion),
    Sequence(Vec<Tree>),
    Either(Vec<Tree>),
    Group(usize, Box<Tree>),
    Repeat { tree: Box<Tree>, least: u32, most: Option<u32>, lazy: bool },
}

impl Pattern {
    /// Compiles a pattern.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let (tree, groups) = parse::parse(text)?;
        let mut pattern = Self { program: Vec::new(), groups };
        pattern.emit(&Tree::Group(0, Box::new(tree)))?;
        pattern.push(Step::Match)?;
        Ok(pattern)
    }

    /// How many states it has: a measure of what reading one character costs.
    pub(crate) fn size(&self) -> usize {
        self.program.len()
    }

    /// Is there a match anywhere in the text?
    pub(super) fn is_match(&self, text: &str) -> bool {
        run::find(self, text, 0, Wanted::Any).is_some()
    }

    /// Does the whole text match?
    pub(crate) fn is_full_match(&self, text: &str) -> bool {
        run::find(self, text, 0, Wanted::Whole).is_some()
    }

    /// The text with every match replaced; `$1` and `${1}` in the substitute stand for groups.
    pub(super) fn replace_all(&self, text: &str, substitute: &str) -> String {
        let mut result = String::with_capacity(text.len());
        let mut from = 0;
        while let Some(places) = run::find(self, text, from, Wanted::Groups) {
            let (Some(start), Some(end)) = (places[0], places[1]) else { break };
            result.push_str(&text[from..start]);
            expand(substitute, text, &places, &mut result);
            from = end;
            if start == end {
                // An empty match: go on one character later.
                let Some(next) = text[end..].chars().next() else { return result };
                result.push(next);
                from += next.len_utf8();
            }
        }
        result.push_str(&text[from..]);
        result
    }

    // === compiling ===

    fn push(&mut self, step: Step) -> Result<usize, String> {
        if self.program.len() >= LARGEST {
            return Err("it is too large".to_owned());
        }
        self.program.push(step);
        Ok(self.program.len() - 1)
    }

    fn emit(&mut self, tree: &Tree) -> Result<(), String> {
        match tree {
            Tree::Nothing => {}
            Tree::Char(wanted) => drop(self.push(Step::Char(*wanted))?),
            Tree::Any => drop(self.push(Step::Any)?),
            Tree::Class(class) => drop(self.push(Step::Class(class.clone()))?),
            Tree::Assert(assertion) => drop(self.push(Step::Assert(*assertion))?),
            Tree::Sequence(trees) => trees.iter().try_for_each(|tree| self.emit(tree))?,
            Tree::Group(number, tree) => {
                self.push(Step::Save(2 * number))?;
                self.emit(tree)?;
                self.push(Step::Save(2 * number + 1))?;
            }
            Tree::Either(trees) => self.emit_either(trees)?,
            Tree::Repeat { tree, least, most, lazy } => {
                for _ in 0..*least {
                    self.emit(tree)?;
                }
                match most {
                    None => self.emit_star(tree, *lazy)?,
                    Some(most) => self.emit_optional(tree, most.saturating_sub(*least), *lazy)?,
                }
            }
        }
        Ok(())
    }

    fn emit_either(&mut self, trees: &[Tree]) -> Result<(), String> {
        let mut ends = Vec::new();
        for (position, tree) in trees.iter().enumerate() {
            if position + 1 == trees.len() {
                self.emit(tree)?;
                break;
            }
            let split = self.push(Step::Split(0, 0))?;
            self.emit(tree)?;
            ends.push(self.push(Step::Jump(0))?);
            self.program[split] = Step::Split(split + 1, self.program.len());
        }
        let end = self.program.len();
        for jump in ends {
            self.program[jump] = Step::Jump(end);
        }
        Ok(())
    }

    fn emit_star(&mut self, tree: &Tree, lazy: bool) -> Result<(), String> {
        let split = self.push(Step::Split(0, 0))?;
        self.emit(tree)?;
        self.push(Step::Jump(split))?;
        self.program[split] = preferring(split + 1, self.program.len(), lazy);
        Ok(())
    }

    fn emit_optional(&mut self, tree: &Tree, times: u32, lazy: bool) -> Result<(), String> {
        let mut splits = Vec::new();
        for _ in 0..times {
            splits.push(self.push(Step::Split(0, 0))?);
            self.emit(tree)?;
        }
        let end = self.program.len();
        for split in splits {
            self.program[split] = preferring(split + 1, end, lazy);
        }
        Ok(())
    }
}

fn preferring(inside: usize, after: usize, lazy: bool) -> Step {
    if lazy { Step::Split(after, inside) } else { Step::Split(inside, after) }
}

/// Writes a substitute with its groups filled in.
fn expand(substitute: &str, text: &str, places: &[Option<usize>], result: &mut String) {
    let mut rest = substitute;
    while let Some(at) = rest.find(['$', '\\']) {
        result.push_str(&rest[..at]);
        let (marker, after) = (&rest[at..=at], &rest[at + 1..]);
        if marker == "\\" {
            // An escaped character stands for itself.
            let next = after.chars().next();
            result.extend(next);
            rest = &after[next.map_or(0, char::len_utf8)..];
            continue;
        }
        let braced = after.strip_prefix('{').and_then(|inner| inner.split_once('}'));
        let digits = after.len() - after.trim_start_matches(|digit: char| digit.is_ascii_digit()).len();
        let (name, remainder) = braced.unwrap_or((&after[..digits], &after[digits..]));
        let Ok(group) = name.parse::<usize>() else {
            result.push('$');
            rest = after;
            continue;
        };
        // Nothing for a group that took no part, or that there is not.
        if let Some([Some(start), Some(end)]) = places.chunks_exact(2).nth(group) {
            result.push_str(&text[*start..*end]);
        }
        rest = remainder;
    }
    result.push_str(rest);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds() {
        for (pattern, text, anywhere, whole) in [
            ("FHIR", "on FHIR", true, false),
            ("fhir", "FHIR", false, false),
            ("A.*B", "A\n\tB", true, true),
            ("^Library$", "a Library", false, false),
            ("[A-Z]([A-Za-z0-9_]){0,254}", "Task", true, true),
            (r"[A-Za-z][A-Za-z0-9]*(\.[a-z][A-Za-z0-9]*(\[x])?)*", "Task.input.value[x]", true, true),
            (r"^[^\s\.]{1,3}(\.[^\s\.]{1,3})*$", "abc.de", true, true),
            (r"\d{3}-\d{4}|none", "call 555-0100", true, false),
            ("(a|b)*c", "ababc", true, true),
            ("(a|b)*c", "abab", false, false),
            (r"\bcat\b", "a cat sat", true, false),
            (r"\bcat\b", "concat", false, false),
            (r"\p{Lu}\u0065", "Xe", true, true),
            (r"^[\w.+-]+@\w+$", "a.b+c@d", true, true),
            ("a{2}", "a{2}", false, false),
            ("a{,2}", "a{,2}", true, true),
            ("", "x", true, false),
        ] {
            let compiled = Pattern::parse(pattern).unwrap();
            assert_eq!((compiled.is_match(text), compiled.is_full_match(text)), (anywhere, whole), "{pattern} {text}");
        }
    }

    #[test]
    fn replaces() {
        let replaced = |pattern: &str, text: &str, with: &str| Pattern::parse(pattern).unwrap().replace_all(text, with);
        assert_eq!(replaced("234", "123456", "X"), "1X56");
        assert_eq!(replaced("[0-9]", "abc123", "-"), "abc---");
        assert_eq!(replaced(r"(\d+)/(\d+)", "11/21/2026", "$2-${1}"), "21-11/2026");
        assert_eq!(replaced("b*", "abc", "-"), "-a--c-");
        assert_eq!(replaced("a+?", "aaa", "x"), "xxx");
        assert_eq!(replaced("a", "a", r"\$1"), "$1");
        assert_eq!(replaced("(a)", "ab", "<$1$9$13358428034712644260>"), "<a>b");
    }

    #[test]
    fn refuses() {
        for bad in ["(", "a)", "[a", "*a", "(?=a)", r"\1", "a{3,1}", "((((a{1,99}){1,99}){1,99}){1,99})", "[z-a]", "\\"]
        {
            assert!(Pattern::parse(bad).is_err(), "{bad}");
        }
        assert!(Pattern::parse(&"(".repeat(100_000)).is_err());
    }

    #[test]
    fn reads_hostile_texts_once() {
        let pattern = Pattern::parse("(a+)+$").unwrap();
        assert!(!pattern.is_match(&format!("{}b", "a".repeat(20_000))));
    }
}
