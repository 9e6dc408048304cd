//! The machine: all states at once, one pass over the text.

use super::parse::is_word;
use super::{Assertion, Pattern, Step};

/// Where a thread found its groups to begin and end.
type Places = Vec<Option<usize>>;

/// What is asked of a match.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wanted {
    /// That there is one anywhere; places are not noted
    Any,
    /// That the whole text is one; places are not noted
    Whole,
    /// Where the leftmost one and its groups begin and end
    Groups,
}

/// A match at or after `from`, the first alternatives preferred.
pub(super) fn find(pattern: &Pattern, text: &str, from: usize, wanted: Wanted) -> Option<Places> {
    let whole = wanted == Wanted::Whole;
    let slots = if wanted == Wanted::Groups { 2 * pattern.groups } else { 0 };
    let seen = vec![usize::MAX; pattern.program.len()];
    let mut machine = Machine { pattern, text, wanted, seen, waiting: Vec::new(), threads: Vec::new(), found: None };
    let mut reading: Vec<(usize, Places)> = Vec::new();
    let mut at = from;
    loop {
        if machine.found.is_none() && (at == from || !whole) {
            machine.follow(0, at, vec![None; slots]);
        }
        let is_decided = machine.found.is_some() && wanted == Wanted::Any;
        if is_decided || (machine.threads.is_empty() && (machine.found.is_some() || whole)) {
            return machine.found;
        }
        let Some(next) = text[at..].chars().next() else { break };
        let after = at + next.len_utf8();
        std::mem::swap(&mut reading, &mut machine.threads);
        for (state, places) in reading.drain(..) {
            let reads = match &pattern.program[state] {
                Step::Char(wanted) => *wanted == next,
                Step::Any => true,
                Step::Class(class) => class.holds(next),
                Step::Match => {
                    if !whole || at == text.len() {
                        machine.found = Some(places);
                        // What follows is less preferred than this match.
                        break;
                    }
                    false
                }
                _ => false,
            };
            if reads {
                machine.follow(state + 1, after, places);
            }
        }
        at = after;
    }
    let last = machine.threads.into_iter().find(|(state, _)| matches!(pattern.program[*state], Step::Match));
    last.map(|(_, places)| places).or(machine.found)
}

struct Machine<'a> {
    pattern: &'a Pattern,
    text: &'a str,
    wanted: Wanted,
    /// The place in the text at which each state was last entered: once per place is enough.
    seen: Vec<usize>,
    /// States that are still to be entered at this place
    waiting: Vec<(usize, Places)>,
    /// States that read the next character, in order of preference
    threads: Vec<(usize, Places)>,
    found: Option<Places>,
}

impl Machine<'_> {
    /// Enters a state and every state that can be reached from it without reading, in order of preference.
    fn follow(&mut self, state: usize, at: usize, places: Places) {
        self.waiting.push((state, places));
        while let Some((state, mut places)) = self.waiting.pop() {
            if std::mem::replace(&mut self.seen[state], at) == at {
                continue;
            }
            match &self.pattern.program[state] {
                Step::Split(first, second) => {
                    self.waiting.push((*second, places.clone()));
                    self.waiting.push((*first, places));
                }
                Step::Jump(target) => self.waiting.push((*target, places)),
                Step::Save(slot) => {
                    if let Some(place) = places.get_mut(*slot) {
                        *place = Some(at);
                    }
                    self.waiting.push((state + 1, places));
                }
                Step::Assert(assertion) => {
                    if self.holds(*assertion, at) {
                        self.waiting.push((state + 1, places));
                    }
                }
                Step::Match if self.wanted == Wanted::Whole && at < self.text.len() => {}
                // That there is one is all that is asked.
                Step::Match if self.wanted == Wanted::Any => self.found = Some(places),
                Step::Match | Step::Char(_) | Step::Any | Step::Class(_) => self.threads.push((state, places)),
            }
        }
    }

    fn holds(&self, assertion: Assertion, at: usize) -> bool {
        let edge = || {
            let before = self.text[..at].chars().next_back().is_some_and(is_word);
            let after = self.text[at..].chars().next().is_some_and(is_word);
            before != after
        };
        match assertion {
            Assertion::Start => at == 0,
            Assertion::End => at == self.text.len(),
            Assertion::WordEdge => edge(),
            Assertion::NoWordEdge => !edge(),
        }
    }
}
