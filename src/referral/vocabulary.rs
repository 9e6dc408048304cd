//! The statuses that other systems know: each of their words with the canonical states that it may mean.
//!
//! The words come from tables (`profiles/crosswalks/referral-state-*.yaml`), as data. Most vocabularies are coarser than
//! ours, so a word may mean several states; it means one of them by itself only where the table says so.

use std::collections::HashMap;

use super::state::State;

/// The statuses of one system, in one version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Vocabulary {
    /// Its name: `findhelp`
    pub name: String,
    /// The URL of its code system
    pub system: String,
    /// The version of the code system
    pub version: String,
    /// What of the table nobody has checked
    pub unverified: Vec<String>,
    words: Vec<StatusWord>,
    by_code: HashMap<String, usize>,
    by_state: HashMap<State, usize>,
}

/// One status.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatusWord {
    /// Its code
    pub code: String,
    /// What it is called, where that is not its code
    pub display: Option<String>,
    /// The states that it may mean, in the order of the table
    pub states: Vec<State>,
    /// The state that it means by itself
    pub own: Option<State>,
}

/// One row of the table: a state and the word that says it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VocabularyRow {
    /// The state
    pub state: State,
    /// The code of the word
    pub code: String,
    /// What the word is called
    pub display: Option<String>,
    /// Does the word mean this state by itself?
    pub own: bool,
    /// Is it the word that is used for the state? Others are understood
    pub used: bool,
}

/// All vocabularies, found by name or by system.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Vocabularies(Vec<Vocabulary>);

impl Vocabulary {
    /// A vocabulary with these rows, in the order of the table.
    pub fn new(name: String, system: String, version: String, rows: impl IntoIterator<Item = VocabularyRow>) -> Self {
        let mut vocabulary = Self {
            name,
            system,
            version,
            unverified: Vec::new(),
            words: Vec::new(),
            by_code: HashMap::new(),
            by_state: HashMap::new(),
        };
        for row in rows {
            vocabulary.add(row);
        }
        vocabulary
    }

    fn add(&mut self, row: VocabularyRow) {
        let at = *self.by_code.entry(row.code.clone()).or_insert(self.words.len());
        if at == self.words.len() {
            self.words.push(StatusWord { code: row.code, display: None, states: Vec::new(), own: None });
        }
        let word = &mut self.words[at];
        word.display = word.display.take().or(row.display);
        word.states.push(row.state);
        if row.own {
            word.own.get_or_insert(row.state);
        }
        if row.used {
            self.by_state.entry(row.state).or_insert(at);
        }
    }

    /// Every word, in the order of the table.
    pub fn words(&self) -> &[StatusWord] {
        &self.words
    }

    /// The word with this code.
    pub fn word(&self, code: &str) -> Option<&StatusWord> {
        self.by_code.get(code).map(|at| &self.words[*at])
    }

    /// The word that this vocabulary has for a state; nothing where it has none.
    pub fn word_for(&self, state: State) -> Option<&StatusWord> {
        self.by_state.get(&state).map(|at| &self.words[*at])
    }
}

impl StatusWord {
    /// For people.
    pub fn text(&self) -> &str {
        self.display.as_deref().unwrap_or(&self.code)
    }

    /// The states that it may mean, for people.
    pub fn meanings(&self) -> String {
        let codes: Vec<&str> = self.states.iter().map(|state| state.code()).collect();
        codes.join(" or ")
    }
}

impl Vocabularies {
    /// These, in the order of their names.
    pub fn new(mut vocabularies: Vec<Vocabulary>) -> Self {
        vocabularies.sort_by(|one, other| one.name.cmp(&other.name));
        Self(vocabularies)
    }

    /// All of them, in the order of their names.
    pub fn iter(&self) -> impl Iterator<Item = &Vocabulary> {
        self.0.iter()
    }

    /// The one with this name.
    pub fn named(&self, name: &str) -> Option<&Vocabulary> {
        self.0.iter().find(|vocabulary| vocabulary.name == name)
    }

    /// The one of this code system. Where a version is said, it has to be the table's.
    pub fn of_system(&self, system: &str, version: Option<&str>) -> Option<&Vocabulary> {
        let mut found = self.0.iter().filter(|vocabulary| vocabulary.system == system);
        found.find(|vocabulary| version.is_none_or(|version| version == vocabulary.version))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(state: State, code: &str, own: bool, used: bool) -> VocabularyRow {
        VocabularyRow { state, code: code.to_owned(), display: None, own, used }
    }

    #[test]
    fn a_word_means_several_states_and_one_by_itself() {
        let rows = [
            row(State::Scheduled, "1", false, false),
            row(State::Accepted, "1", true, true),
            row(State::InService, "1", false, true),
        ];
        let vocabulary = Vocabulary::new("x".to_owned(), "urn:x".to_owned(), "1".to_owned(), rows);
        let word = vocabulary.word("1").unwrap();
        assert_eq!((word.states.len(), word.own), (3, Some(State::Accepted)));
        assert_eq!(vocabulary.word_for(State::InService).map(|word| word.code.as_str()), Some("1"));
        assert_eq!(vocabulary.word_for(State::Scheduled), None, "what is only understood is not said");
        let all = Vocabularies::new(vec![vocabulary]);
        assert!(all.of_system("urn:x", Some("1")).is_some() && all.of_system("urn:x", None).is_some());
        assert!(all.of_system("urn:x", Some("2")).is_none(), "another version is another vocabulary");
    }
}
