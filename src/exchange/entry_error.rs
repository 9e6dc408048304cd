//! Why a message is refused, said of the entry that is to blame: with its path in the Bundle, line and column, whenever
//! that turns out: when its place is looked for, when it is decided what becomes of it, when all of it is committed.
//!
//! What is sent alone says what is wrong with it itself.

use crate::error::Error;
use crate::fhir::{Issue, Node, ResourceKey};

use super::message::Entry;
use super::write_target::WriteTarget;

impl Entry<'_> {
    /// The error as one about what this entry asks for.
    pub(super) fn refusal(&self, error: Error) -> Error {
        let Some(place) = self.place() else { return error };
        with_issues(error, |issue| Issue { path: place.path(), ..issue }.at(place.position()))
    }

    /// The error as one about this entry: about its resource, where it speaks of that, else about what it asks for.
    pub(super) fn about(&self, error: Error) -> Error {
        if self.request.is_none() {
            return error;
        }
        with_issues(error, |issue| self.issue_about(issue))
    }

    /// What was found about the resource of this entry alone, with paths into the message.
    pub(super) fn found_inside(&self, issues: Vec<Issue>) -> Vec<Issue> {
        let (Some(resource), kind) = (self.resource, self.kind()) else { return issues };
        let inside = |issue: Issue| match issue.path.strip_prefix(&*kind) {
            Some(rest) => Issue { path: format!("{}{rest}", resource.path()), ..issue },
            None => issue,
        };
        issues.into_iter().map(inside).collect()
    }

    fn issue_about(&self, issue: Issue) -> Issue {
        if issue.path.starts_with("Bundle.") {
            return issue;
        }
        let kind = self.kind();
        let inside = issue.path.strip_prefix(&*kind).filter(|rest| !kind.is_empty() && is_step(rest));
        match (self.resource, inside, self.place()) {
            (Some(resource), Some(rest), _) => {
                let issue = Issue { path: format!("{}{rest}", resource.path()), ..issue };
                if issue.position.is_some() { issue } else { issue.at(deepest(resource, rest).position()) }
            }
            (_, _, Some(place)) => Issue { path: place.path(), ..issue }.at(place.position()),
            _ => issue,
        }
    }

    /// Where it says what it asks for.
    fn place(&self) -> Option<Node<'_>> {
        self.request.map(|request| request.get("url").unwrap_or(request)).or(self.resource)
    }

    /// Where it says what it asks for, as a path into the message.
    pub(super) fn path(&self) -> String {
        self.place().map(Node::path).unwrap_or_default()
    }
}

/// The error of a message whose places are these, about the entry that it is because of: the one whose path it names, the
/// one that writes the resource that it names, or the one whose condition was met meanwhile.
pub(super) fn about_entry(entries: &[Entry<'_>], targets: &[WriteTarget], error: Error) -> Error {
    with_issues(error, |issue| {
        let all = || entries.iter().zip(targets);
        if issue.path.starts_with("Bundle.") {
            let own = entries.iter().filter(|_| issue.position.is_none()).find(|entry| entry.path() == issue.path);
            return own.and_then(Entry::place).map_or(issue.clone(), |place| issue.at(place.position()));
        }
        let Some(key) = ResourceKey::parse(&issue.path) else { return issue };
        let writes = all().find(|(_, target)| target.key() == Some(&key) && target.version().is_some());
        let conditional = || all().find(|(entry, target)| target.guard().is_some() && entry.kind() == key.kind);
        let Some((entry, _)) = writes.or_else(conditional) else { return issue };
        let Some(place) = entry.place() else { return issue };
        Issue { path: place.path(), ..issue }.at(place.position())
    })
}

/// The error without its places in a text that is not the one that was sent.
pub(super) fn without_positions(error: Error) -> Error {
    with_issues(error, |issue| Issue { position: None, ..issue })
}

fn with_issues(error: Error, change: impl Fn(Issue) -> Issue) -> Error {
    Error { category: error.category, issues: error.issues.into_iter().map(change).collect() }
}

/// Does a path that begins with the name of a type go on behind that name?
fn is_step(rest: &str) -> bool {
    rest.is_empty() || rest.starts_with('.')
}

/// The node at this path (`.output[0].valueReference`), or as much of the way to it as there is.
fn deepest<'m>(resource: Node<'m>, path: &str) -> Node<'m> {
    let mut node = resource;
    for step in path.split(['.', '[']).filter(|step| !step.is_empty()) {
        let next = match step.strip_suffix(']').and_then(|number| number.parse().ok()) {
            Some(number) => node.items().nth(number),
            None => node.get(step),
        };
        let Some(next) = next else { break };
        node = next;
    }
    node
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exchange::message::EntryRequest;
    use crate::fhir::{Document, Key};

    #[test]
    fn an_error_names_its_entry_with_line_and_column() {
        let text = "{\"resourceType\":\"Bundle\",\"entry\":[\n{\"resource\":{\"resourceType\":\"Task\",\n\"output\":[{\"a\":1},\n{\"b\":2}]},\n\"request\":{\"url\":\"Task\"}}]}";
        let document = Document::parse(text).unwrap();
        let node = document.root().list("entry").next().unwrap();
        let ask = EntryRequest::Create { if_none_exist: None };
        let entry = Entry { ask, full_url: None, resource: node.get("resource"), request: node.get("request") };
        let told = |path: &str| {
            let error = entry.about(Error::refused(Key::ReadOnly, path, "no"));
            let issue = error.issues.into_iter().next().unwrap();
            (issue.path, issue.position.unwrap().line)
        };
        assert_eq!(told("Task.output[1].b"), ("Bundle.entry[0].resource.output[1].b".to_owned(), 4));
        assert_eq!(told("Task.owner"), ("Bundle.entry[0].resource.owner".to_owned(), 2));
        assert_eq!(told("Tasks"), ("Bundle.entry[0].request.url".to_owned(), 5));
        assert_eq!(told(""), ("Bundle.entry[0].request.url".to_owned(), 5));
        let target = WriteTarget::New { key: ResourceKey::new("Task", "7"), guard: None };
        let error = Error::refused(Key::Conflict, "Task/7", "no");
        let issue = about_entry(std::slice::from_ref(&entry), &[target], error).issues.remove(0);
        assert_eq!((issue.path.as_str(), issue.position.map(|at| at.line)), ("Bundle.entry[0].request.url", Some(5)));
    }
}
