//! Modifier elements (<https://hl7.org/fhir/R4/conformance-rules.html#isModifier>): what turns the meaning of everything
//! around it. Each is refused, or stands plainly in the agency's record; none is passed over.
//!
//! In anything that is sent:
//!
//! | element | what becomes of it | why |
//! |---|---|---|
//! | `modifierExtension` that is not in [`KNOWN`] | refused | R4: whoever does not understand one must not process what holds it |
//! | `implicitRules` | refused | the same: the resource is written by rules that nobody here knows |
//!
//! In what a referral stands on, when its Task is sent, or sent again:
//!
//! | element | what becomes of it | why |
//! |---|---|---|
//! | ServiceRequest.doNotPerform | refused | the Task asks for what the request forbids |
//! | ServiceRequest.status `draft` `on-hold` `revoked` `completed` `entered-in-error` | refused | nobody is to act on such a request (yet, or any more) |
//! | ServiceRequest.status `unknown` | record: `referral.requestStatus`; the sender is warned | the request may well stand |
//! | ServiceRequest.intent other than `order` | record: `referral.requestIntent` | a proposal may be acted on; whoever acts has to know |
//! | Patient.deceased\[x\] | refused | nothing of a social service reaches a person who has died; survivors are persons of their own |
//! | Patient.link `replaced-by` | refused | the person's record is another one: what is done would be written to a dead letter |
//! | `active` = false of the person | record: `participant.active`; the sender is warned | systems also call inactive whom they have not seen for long |
//!
//! Later, while the referral is open: a request that says doNotPerform then calls the Task off, as one that is revoked
//! does (`exchange/consequences/request_status`); that it says so no longer brings nothing back. A person who dies, or is
//! replaced, moves nothing: the record says so (`participant.deceased`, `deceasedOn`, `replacedBy`), the agency is told as
//! of every change, and ends the referral itself (`cancel` or `decline` for the reason `deceased`), because it alone knows
//! what it has given by then and still has to write down.
//!
//! An activity of a plan that is not to be performed says so in the record (`plan.strategies[].doNotPerform`), and brings
//! no Task. Uses such as `Address.use` = old, and the states of Conditions, Consents and Goals, are read where they
//! stand, by maps and by consent. It must not know who sends, or how.

use crate::fhir::issue::MAX_FINDINGS;
use crate::fhir::{Document, Issue, Key, Locator, Node, Severity};

use super::graph::Resource;
use super::task::Referral;

/// Canonical URLs of the modifier extensions that are understood here: none.
const KNOWN: &[&str] = &[];

/// What a request may be and be sent, besides `active`: its sender does not know.
const UNCERTAIN: &str = "unknown";

/// Every modifier inside this resource, and what it contains, that is not understood here.
pub fn not_understood(resource: Node<'_>) -> Vec<Issue> {
    issues_of(resource.document(), resource.descendants())
}

/// The modifiers among these values that are not understood, as far as they are listed.
fn issues_of<'d>(document: &'d Document, values: impl Iterator<Item = Node<'d>>) -> Vec<Issue> {
    let mut locator = Locator::new(document.root());
    let mut found = values.flat_map(modifiers_of_member);
    let mut issues = Vec::new();
    for (node, text, hint) in found.by_ref().take(MAX_FINDINGS) {
        let issue = Issue::error(Key::ModifierUnknown, locator.path(node), text).at(locator.position(node));
        issues.push(match hint {
            Some(hint) => issue.hint(hint),
            None => issue,
        });
    }
    if found.next().is_some() {
        issues.push(Issue::more_findings(Severity::Error));
    }
    issues
}

/// A modifier that is not understood: where it stands, what it is and how to mend it.
type Unknown<'d> = (Node<'d>, String, Option<&'static str>);

fn modifiers_of_member(member: Node<'_>) -> Vec<Unknown<'_>> {
    match member.name() {
        "modifierExtension" => member.each().filter_map(unknown_extension).collect(),
        "implicitRules" | "_implicitRules" => {
            let text = "the resource is written by rules of its own (implicitRules), which are not known here";
            let hint = "leave out implicitRules, and write the resource so that it is understood without them";
            vec![(member, text.to_owned(), Some(hint))]
        }
        _ => Vec::new(),
    }
}

fn unknown_extension(extension: Node<'_>) -> Option<Unknown<'_>> {
    let url = extension.str("url").unwrap_or_default();
    if KNOWN.contains(&url.as_ref()) {
        return None;
    }
    let text = format!("the modifier extension {url} is not known here, and may turn the meaning of what holds it");
    Some((extension, text, None))
}

/// What of a referral that is sent says that nobody is to act on it: errors, and warnings of what its record says.
pub fn at_sending(referral: &Referral<'_>) -> Vec<Issue> {
    let request = Place { resource: referral.request, task: referral.task, named_by: "focus" };
    let person = Place { resource: referral.person, task: referral.task, named_by: "for" };
    let mut issues = Vec::new();
    let (asked, about) = (referral.request.node(), referral.person.node());
    if let Some(forbidden) = forbids(asked) {
        let text = "the request says that it is not to be performed (doNotPerform), and the Task asks to perform it";
        let hint = "leave doNotPerform out if the service is wanted; if it is not, send the request without a Task";
        issues.push(request.error(forbidden, text.to_owned(), hint));
    }
    match asked.get("status") {
        Some(status) if status.is_str("active") => {}
        Some(status) if status.is_str(UNCERTAIN) => {
            issues.push(request.warning(status, "whether the request stands is unknown; the agency's record says so"));
        }
        Some(status) => {
            let code = status.as_str().unwrap_or_default();
            let text = format!("the request is {code}; a referral asks for one that is active");
            issues.push(request.error(
                status,
                text,
                "set the request's status to active if it stands, then send the Task",
            ));
        }
        None => {}
    }
    if let Some(dead) = deceased(about) {
        let text = "the person has died, so there is nobody whom the service could reach";
        let hint = "correct Patient.deceased[x] if that is wrong; refer a survivor as a Patient of their own";
        issues.push(person.error(dead, text.to_owned(), hint));
    }
    if let Some(link) = replaced_by(about) {
        let text = "the person's record was replaced by another one (link of type replaced-by)";
        let hint = "let Task.for, and the request's subject, reference the record that replaces it";
        issues.push(person.error(link, text.to_owned(), hint));
    }
    if let Some(active) = about.get("active").filter(|active| active.as_bool() == Some(false)) {
        issues.push(
            person.warning(active, "the person's record is not in use (active is false); the agency's record says so"),
        );
    }
    issues
}

/// The element by which a request says that it is not to be performed.
pub fn forbids(request: Node<'_>) -> Option<Node<'_>> {
    request.get("doNotPerform").filter(|it| it.as_bool() == Some(true))
}

/// The element by which a Patient says that the person has died.
fn deceased(person: Node<'_>) -> Option<Node<'_>> {
    let said = person.get("deceasedBoolean").filter(|it| it.as_bool() == Some(true));
    // A date of which nothing is known but that there is one, too.
    said.or_else(|| person.get("deceasedDateTime")).or_else(|| person.get("_deceasedDateTime"))
}

fn replaced_by(person: Node<'_>) -> Option<Node<'_>> {
    person.list("link").find(|link| link.get("type").is_some_and(|kind| kind.is_str("replaced-by")))
}

/// A resource that a referral stands on. One that is not in the message is spoken of where the Task names it.
#[derive(Clone, Copy)]
struct Place<'g> {
    resource: &'g Resource,
    task: &'g Resource,
    named_by: &'static str,
}

impl Place<'_> {
    fn error(self, element: Node<'_>, text: String, hint: &'static str) -> Issue {
        self.put(Issue::error(Key::NotActionable, "", text).hint(hint), element)
    }

    fn warning(self, element: Node<'_>, text: &str) -> Issue {
        self.put(Issue::warning(Key::NotActionable, "", text).hint("nothing, if it is meant so"), element)
    }

    fn put(self, issue: Issue, element: Node<'_>) -> Issue {
        let is_sent = std::ptr::eq(self.resource.node().document(), self.task.node().document());
        if is_sent || self.resource.version == 0 {
            return Issue { path: element.path(), ..issue }.at(element.position());
        }
        let task = self.task.node();
        let place = task.get(self.named_by).unwrap_or(task);
        let text = format!("{} ({}, which is stored)", issue.text, self.resource.url);
        Issue { path: place.path(), text, ..issue }.at(place.position())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Vec<String> {
        let document = Document::parse(text).unwrap();
        not_understood(document.root()).into_iter().map(|issue| issue.path).collect()
    }

    #[test]
    fn a_modifier_is_heard_wherever_it_stands() {
        let text = r#"{"resourceType":"Patient","implicitRules":"urn:x","contained":[{"resourceType":"Organization",
            "modifierExtension":[{"url":"urn:y","valueBoolean":true}]}],"contact":[{"modifierExtension":[{"url":"urn:a"},
            {"url":"urn:b"}]}]}"#;
        let expected = [
            "Patient.implicitRules",
            "Patient.contained[0].modifierExtension[0]",
            "Patient.contact[0].modifierExtension[0]",
            "Patient.contact[0].modifierExtension[1]",
        ];
        assert_eq!(found(text), expected);
        assert_eq!(found(r#"{"resourceType":"Patient","_implicitRules":{"id":"a"}}"#), ["Patient._implicitRules"]);
        assert!(found(r#"{"resourceType":"Patient","extension":[{"url":"urn:y"}]}"#).is_empty());
    }

    #[test]
    fn what_is_listed_has_an_end() {
        let many = vec![r#"{"url":"urn:y"}"#; MAX_FINDINGS + 5].join(",");
        let text = format!(r#"{{"resourceType":"Patient","modifierExtension":[{many}]}}"#);
        let paths = found(&text);
        assert_eq!(paths.len(), MAX_FINDINGS + 1);
        assert_eq!(paths[MAX_FINDINGS - 1], format!("Patient.modifierExtension[{}]", MAX_FINDINGS - 1));
    }
}
