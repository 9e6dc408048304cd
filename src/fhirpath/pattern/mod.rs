//! Patterns for `matches`, `matchesFull` and `replaceMatches` (<https://hl7.org/fhirpath/N1/#matchesregex--string--boolean>).
//!
//! A pattern comes from whoever wrote a profile or a map, a text from whoever sent a document; neither may stop the
//! gateway. The crate `regex` reads a text in a time that is bounded by pattern times text, whatever both say, and this
//! module bounds the pattern. That leaves out back-references and looking around, which no published R4 expression uses;
//! they are refused. A dot matches line ends too, as the standard demands.

mod dialect;
mod size;

use regex::{Captures, Regex, RegexBuilder};

use dialect::Translated;
use size::Size;

/// Most states of a pattern.
const MAX_STATES: usize = 20_000;

/// Most memory of a pattern, and of what is noted while it reads.
const MAX_BYTES: usize = 10 << 20;
const MAX_CACHE_BYTES: usize = 1 << 20;

/// A compiled pattern.
#[derive(Debug, Clone)]
pub(crate) struct Pattern {
    regex: Regex,
    size: Size,
}

/// How much of a text a pattern has to match.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Extent {
    /// Some part of it
    Anywhere,
    /// All of it
    Whole,
}

impl Pattern {
    /// Compiles a pattern.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(crate) fn parse(text: &str, extent: Extent) -> Result<Self, String> {
        let Translated { text, size } = dialect::translate(text)?;
        let too_large = || "it is too large".to_owned();
        if size.states > MAX_STATES || size.bytes > 2 * MAX_BYTES {
            return Err(too_large());
        }
        let text = match extent {
            Extent::Anywhere => text,
            Extent::Whole => format!(r"\A(?:{text})\z"),
        };
        let built = RegexBuilder::new(&text).size_limit(MAX_BYTES).dfa_size_limit(MAX_CACHE_BYTES).build();
        match built {
            Ok(regex) => Ok(Self { regex, size }),
            Err(regex::Error::CompiledTooBig(_)) => Err(too_large()),
            Err(error) => Err(reason(&error)),
        }
    }

    /// How many states it has: a measure of what reading one character costs.
    pub(crate) fn states(&self) -> usize {
        self.size.states
    }

    /// About how much memory it takes: a measure of what compiling it costs.
    pub(super) fn bytes(&self) -> usize {
        self.size.bytes
    }

    /// Does the text match, as far as the pattern was compiled to ask?
    pub(crate) fn is_match(&self, text: &str) -> bool {
        self.regex.is_match(text)
    }

    /// The text with every match replaced; `$1` and `${1}` in the substitute stand for groups. `charge` is told of every
    /// search how many bytes it may read: there can be one for every character.
    ///
    /// # Errors
    /// What `charge` says.
    pub(super) fn replace_all<E>(
        &self,
        text: &str,
        substitute: &str,
        mut charge: impl FnMut(usize) -> Result<(), E>,
    ) -> Result<String, E> {
        let mut result = String::with_capacity(text.len());
        let mut from = 0;
        loop {
            charge(text.len() - from)?;
            let Some(captures) = self.regex.captures_at(text, from) else { break };
            let range = captures.get_match().range();
            result.push_str(&text[from..range.start]);
            expand(substitute, &captures, &mut result);
            from = range.end;
            if range.is_empty() {
                // An empty match: go on one character later.
                let Some(next) = text[from..].chars().next() else { break };
                result.push(next);
                from += next.len_utf8();
            }
        }
        result.push_str(&text[from..]);
        Ok(result)
    }
}

/// What is wrong, without the pattern: the crate puts that on the lines before.
fn reason(error: &regex::Error) -> String {
    let text = error.to_string();
    let line = text.lines().last().unwrap_or_default();
    line.strip_prefix("error: ").unwrap_or(line).to_owned()
}

/// Writes a substitute with its groups filled in.
fn expand(substitute: &str, captures: &Captures<'_>, result: &mut String) {
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
        result.push_str(captures.get(group).map_or("", |found| found.as_str()));
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
            (r"\Bat", "cat", true, false),
            (r"\d\w", "٣é", false, false),
            (r"[\w-]+", "a-b", true, true),
            ("[^]]", "]", false, false),
            ("[a[&&b~]+", "[&b~", true, true),
            (r"\<\-\/é", "<-/é", true, true),
            ("{2}", "{2}", true, true),
            ("a|b", "ab", true, false),
        ] {
            let is_match = |extent| Pattern::parse(pattern, extent).unwrap().is_match(text);
            let found = (is_match(Extent::Anywhere), is_match(Extent::Whole));
            assert_eq!(found, (anywhere, whole), "{pattern} {text}");
        }
    }

    #[test]
    fn replaces() {
        let replaced = |pattern: &str, text: &str, with: &str| {
            let compiled = Pattern::parse(pattern, Extent::Anywhere).unwrap();
            compiled.replace_all(text, with, |_| Ok::<_, ()>(())).unwrap()
        };
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
        for bad in [
            "(",
            "a)",
            "[a",
            "*a",
            "(?=a)",
            r"\1",
            "a{3,1}",
            "((((a{1,99}){1,99}){1,99}){1,99})",
            "[z-a]",
            "\\",
            "(?i)a",
            "(?<n>a)",
            "a**",
            r"\p{Xx}",
            r"\A",
        ] {
            assert!(Pattern::parse(bad, Extent::Whole).is_err(), "{bad}");
        }
        assert!(Pattern::parse(&"(".repeat(100_000), Extent::Whole).is_err());
    }

    #[test]
    fn bounds_memory() {
        for large in [r"\p{L}{1,9999}", r"\S{9999}", "(a{1,100}){1,100}", "(){4000000000}"] {
            assert_eq!(Pattern::parse(large, Extent::Whole).unwrap_err(), "it is too large", "{large}");
        }
        assert!(Pattern::parse(r"\p{L}{1,200}", Extent::Whole).is_ok());
    }

    #[test]
    fn reads_hostile_texts_once() {
        let pattern = Pattern::parse("(a+)+$", Extent::Anywhere).unwrap();
        assert!(!pattern.is_match(&format!("{}b", "a".repeat(20_000))));
    }
}
