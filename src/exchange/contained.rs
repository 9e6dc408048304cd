//! What a written Task contains: whose it is, and that nobody changes what is not theirs by way of it. What the requester's
//! elements lead to (the request, the person) is the requester's as if it were sent on its own; what the owner's lead to
//! (outputs, notes) is the owner's.

use std::collections::HashSet;

use crate::fhir::{Issue, Key, Node};

use super::message::references;

/// What of the contained is no longer as it was, though these members lead to it: `is_owners` says which members do not.
pub(super) fn changes_of_requesters_parts(
    before: Node<'_>,
    after: Node<'_>,
    is_owners: impl Fn(&str) -> bool,
) -> Vec<Issue> {
    let mut issues = Vec::new();
    for id in led_to(before, is_owners) {
        let (Some(old), now) = (with_id(before, &id).first().copied(), with_id(after, &id)) else { continue };
        if let [new] = now[..]
            && new.to_value() == old.to_value()
        {
            continue;
        }
        let place = now.first().copied().or(after.get("contained")).unwrap_or(after);
        let kind = old.str("resourceType").unwrap_or_default();
        let text = format!("the {kind} that the Task contains is the requester's to change");
        issues.push(Issue::error_at(Key::ReadOnly, place, text));
    }
    issues
}

/// The ids of what a Task contains that its members lead to, but for the owner's, in order.
fn led_to(task: Node<'_>, is_owners: impl Fn(&str) -> bool) -> Vec<String> {
    let members = task.members().filter(|member| member.name() != "contained" && !is_owners(member.name()));
    let mut waiting: Vec<String> = members.flat_map(ids_referenced).collect();
    let (mut seen, mut ids) = (HashSet::new(), Vec::new());
    while let Some(id) = waiting.pop() {
        if seen.insert(id.clone()) {
            waiting.extend(with_id(task, &id).into_iter().flat_map(ids_referenced));
            ids.push(id);
        }
    }
    ids.sort();
    ids
}

fn ids_referenced(node: Node<'_>) -> Vec<String> {
    references(node).filter_map(|(_, text)| Some(text.strip_prefix('#')?.to_owned())).collect()
}

fn with_id<'t>(task: Node<'t>, id: &str) -> Vec<Node<'t>> {
    task.list("contained").filter(|one| one.get("id").is_some_and(|own| own.is_str(id))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fhir::Document;

    fn changed(before: &str, after: &str) -> Vec<String> {
        let document = |contained: &str| {
            Document::parse(format!(
                r##"{{"resourceType":"Task","contained":[{contained}],"focus":{{"reference":"#sr"}},
                    "output":[{{"valueReference":{{"reference":"#o"}}}}]}}"##
            ))
            .unwrap()
        };
        let (before, after) = (document(before), document(after));
        let issues = changes_of_requesters_parts(before.root(), after.root(), |member| member == "output");
        issues.into_iter().map(|issue| issue.path).collect()
    }

    #[test]
    fn what_the_requester_leads_to_stays() {
        let request = r##"{"resourceType":"ServiceRequest","id":"sr","subject":{"reference":"#p"},"status":"active"}"##;
        let person = r#"{"resourceType":"Patient","id":"p"}"#;
        let output = r#"{"resourceType":"Procedure","id":"o"}"#;
        let all = format!("{request},{person},{output}");
        assert!(changed(&all, &format!("{output},{request},{person}")).is_empty());
        assert!(changed(&all, &format!("{request},{person}")).is_empty(), "the owner's own");
        let revoked = request.replace("active", "revoked");
        assert_eq!(changed(&all, &format!("{revoked},{person},{output}")), ["Task.contained[0]"]);
        assert_eq!(changed(&all, &format!("{request},{output}")), ["Task.contained"], "what it leads to in turn");
        let twice = format!("{revoked},{request},{person}");
        assert_eq!(changed(&all, &twice), ["Task.contained[0]"], "none is put before it");
    }
}
