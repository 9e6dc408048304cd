//! What of a referral is withheld from the agency that owns it: what the rules of its program's map leave out of the
//! record, wherever FHIR says it, and what other agencies noted that had the referral before.
//!
//! It holds for the part of an owner; whoever asks for the referral, and whoever sent a resource, sees all of it.

use crate::error::Result;
use crate::fhir::{Node, Reference};
use crate::mapping::ProgramTypes;
use crate::referral::plan::{Plan, WithheldFrom};
use crate::referral::withheld::member_of_contained;
use crate::referral::{Graph, HiddenElement, Party, Referral, Resource, task_edits};

use super::concerned::Concerned;
use crate::exchange::context::owner_among;
use crate::exchange::disclosure;

/// The name of the rule by which agencies do not read each other's notes.
const NOTES: &str = "notes-of-other-agencies";

/// Says in the share of the referral what is withheld of it, as it is with the change.
pub(super) fn apply(programs: &ProgramTypes, base: Option<&str>, plan: &mut Plan, referral: &Concerned) -> Result<()> {
    let share = referral.share(plan)?;
    share.withheld.clear();
    let Some(owner) = owner_among(&share.after.parties).map(str::to_owned) else { return Ok(()) };
    let requesters: Vec<&str> = share
        .after
        .parties
        .iter()
        .filter(|with| with.party == Party::Requester)
        .map(|with| with.organization.as_str())
        .collect();
    if requesters.contains(&owner.as_str()) {
        return Ok(());
    }
    let task = referral.task()?;
    let mut withheld = Vec::new();
    let from = |resource, hidden| WithheldFrom { organization: owner.clone(), resource, hidden };
    if let Ok(read) = Referral::read(&referral.graph, task) {
        let program = programs.get(&task_edits::program_type(task.node()).unwrap_or_default());
        for element in program.map.withheld(&read) {
            let hidden = |member: String| HiddenElement { member, by: None, rule: element.rule.to_string() };
            for given in share.after.resources.iter().filter(|given| *given.resource.kind == *element.kind) {
                withheld.push(from(given.resource.clone(), hidden(element.member.to_string())));
            }
            for contained in referral.graph.contained().iter().filter(|one| one.kind() == &*element.kind) {
                let Some(container) = referral.graph.container(contained).and_then(Resource::key) else { continue };
                if share.after.resources.iter().any(|given| given.resource == container) {
                    withheld.push(from(container, hidden(member_of_contained(&element.kind, &element.member))));
                }
            }
        }
    }
    for note in task.node().list("note") {
        let Some((by, organization)) = author(&referral.graph, note, base) else { continue };
        if organization != owner && !requesters.contains(&organization.as_str()) {
            let hidden = HiddenElement { member: "note".to_owned(), by: Some(by), rule: NOTES.to_owned() };
            withheld.push(from(referral.task.clone(), hidden));
        }
    }
    withheld.sort();
    withheld.dedup();
    share.withheld = withheld;
    Ok(())
}

/// How a note names its author, and the id of the Organization that it is, or works for; of a person of whom that is not
/// said, the one that sent the person's resource.
fn author(graph: &Graph, note: Node<'_>, base: Option<&str>) -> Option<(String, String)> {
    let reference = task_edits::note_author(note)?.into_owned();
    let organization = match Reference::parse(&reference).and_then(|reference| reference.local(base)) {
        Some(named) if named.kind == "Organization" => Some(named.id),
        named => {
            let person = named.map_or_else(|| graph.resolve(&reference), |key| graph.resolve(&key.to_string()))?;
            let organization = disclosure::organization_behind(graph, person).map(|organization| organization.id);
            organization.or_else(|| person.author.as_deref().map(str::to_owned))
        }
    };
    Some((reference, organization?))
}
