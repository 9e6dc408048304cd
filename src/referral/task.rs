//! A referral read from a graph: the Task and what it stands on (SDOH Clinical Care 3.0.0, Task for Referral
//! Management and ServiceRequest; sections 2.1 and 2.3 of the facts).

use crate::error::{Error, Result};
use crate::fhir::{Issue, Key, Node, Reference};

use super::graph::{Graph, Resource};
use super::reason::{self, Reason};
use super::state::{self, Position, State, TaskStatus};

/// Codes of Tasks that ask a patient to do something; they travel with referrals and are none.
const PATIENT_TASKS: &[&str] = &["complete-questionnaire", "make-contact", "review-material", "general-information"];

/// The CodeSystem of the guide's own codes.
pub const SDOHCC_CODES: &str = "http://hl7.org/fhir/us/sdoh-clinicalcare/CodeSystem/SDOHCC-CodeSystemTemporaryCodes";

/// Is this Task a referral? Every Task is, but those that ask a patient to do something (SDOHCC Task for Patient).
pub fn is_referral_task(task: Node<'_>) -> bool {
    let codings = task.get("code").into_iter().flat_map(|code| code.list("coding"));
    !codings.filter_map(|coding| coding.str("code")).any(|code| PATIENT_TASKS.contains(&code.as_ref()))
}

impl Graph {
    /// The referral Tasks among the resources, in order.
    pub fn tasks(&self) -> Vec<&Resource> {
        self.of_kind("Task").filter(|task| is_referral_task(task.node())).collect()
    }

    /// The only referral Task among the resources.
    ///
    /// # Errors
    /// If there is none, or several and none of them is the parent of the others.
    pub fn only_task(&self) -> Result<&Resource> {
        let tasks = self.tasks();
        match tasks[..] {
            [task] => Ok(task),
            [] => Err(Error::refused(Key::NotAResource, "", "the bundle holds no referral Task")),
            _ => {
                let message = format!("the bundle holds {} referral Tasks; expected one", tasks.len());
                Err(Error::unprocessable(vec![Issue::error(Key::NotAResource, "", message)]))
            }
        }
    }
}

/// Status and state of a Task: its businessStatus where that is ours and agrees, else what the status alone means.
pub fn position(task: Node<'_>) -> Option<Position> {
    let status = TaskStatus::from_code(&task.str("status")?)?;
    Some(Position { status, state: said_state(task).unwrap_or_else(|| state::default_state(status)) })
}

/// The coded reason of a Task's statusReason, where it is one of ours.
pub fn status_reason(task: Node<'_>) -> Option<Reason> {
    coded(task.get("statusReason"), reason::SYSTEM).and_then(|code| Reason::from_code(&code))
}

/// The state in a Task's businessStatus, where it is one of ours.
pub fn said_state(task: Node<'_>) -> Option<State> {
    coded(task.get("businessStatus"), state::SYSTEM).and_then(|code| State::from_code(&code))
}

/// What a Task's statusReason says in words: its text, else what its codes are called.
pub fn status_reason_text(task: Node<'_>) -> Option<String> {
    let concept = task.get("statusReason")?;
    let of_coding = || {
        let mut names = concept.list("coding").filter_map(|coding| coding.str("display").or(coding.str("code")));
        names.next()
    };
    concept.str("text").or_else(of_coding).map(std::borrow::Cow::into_owned)
}

/// The code that a CodeableConcept has in this system.
pub fn coded(concept: Option<Node<'_>>, system: &str) -> Option<String> {
    let codings = concept?.list("coding");
    codings
        .filter(|coding| coding.get("system").is_some_and(|of| of.is_str(system)))
        .find_map(|coding| Some(coding.str("code")?.into_owned()))
}

/// A referral: a Task in a graph with what it must stand on. Borrowed, cheap, made when looked at.
#[derive(Debug, Clone, Copy)]
pub struct Referral<'g> {
    /// Where all of it is
    pub graph: &'g Graph,
    /// The Task
    pub task: &'g Resource,
    /// The ServiceRequest that Task.focus names
    pub request: &'g Resource,
    /// The Patient (or RelatedPerson, Group) that Task.for names
    pub person: &'g Resource,
}

impl<'g> Referral<'g> {
    /// Reads the referral that `task` carries.
    ///
    /// # Errors
    /// Everything that the Task has to reference and does not, with path and place.
    pub fn read(graph: &'g Graph, task: &'g Resource) -> Result<Self> {
        let mut issues = Vec::new();
        let request = backbone(graph, task, "focus", Key::FocusNotServiceRequest, &["ServiceRequest"], &mut issues);
        let people = &["Patient", "RelatedPerson", "Group"];
        let subject = request.filter(|_| task.node().get("for").is_none());
        let person = match subject {
            // Plain R4 lets Task.for be absent; the ServiceRequest's subject says the same.
            Some(request) => backbone(graph, request, "subject", Key::ReferenceTarget, people, &mut issues),
            None => backbone(graph, task, "for", Key::ReferenceTarget, people, &mut issues),
        };
        match (request, person) {
            (Some(request), Some(person)) if issues.is_empty() => Ok(Self { graph, task, request, person }),
            _ => Err(Error::unprocessable(issues)),
        }
    }

    /// Where the referral stands. A Task without a readable status stands nowhere and is taken as a draft.
    pub fn position(&self) -> Position {
        position(self.task.node()).unwrap_or(Position { status: TaskStatus::Draft, state: State::Draft })
    }

    /// The Conditions, Observations and the like that the request gives as reasons.
    pub fn reasons(&self) -> Vec<&'g Resource> {
        self.graph.follow_each(self.request.node(), "reasonReference")
    }

    /// The consents that travel with it: those that the request or the Task reference, and those about the person.
    pub fn consents(&self) -> Vec<&'g Resource> {
        self.graph.of_kind("Consent").collect()
    }

    /// The consents that something of it contains.
    pub fn contained_consents(&self) -> Vec<&'g Resource> {
        self.graph.contained().iter().filter(|resource| resource.kind() == "Consent").collect()
    }

    /// The Patients whom it is about: its person; of a household those who belong to it; of a related person the patient.
    pub fn patients(&self) -> Vec<&'g Resource> {
        let node = self.person.node();
        let found: Vec<&Resource> = match self.person.kind() {
            "Patient" => vec![self.person],
            "RelatedPerson" => self.graph.follow(node, "patient").into_iter().collect(),
            _ => node.list("member").filter_map(|member| self.graph.follow(member, "entity")).collect(),
        };
        found.into_iter().filter(|resource| resource.kind() == "Patient").collect()
    }

    /// The codes of ServiceRequest.category that name a need (SDOHCC category codes), in order.
    pub fn need_categories(&self) -> Vec<String> {
        let categories = self.request.node().list("category").flat_map(|concept| concept.list("coding"));
        categories
            .filter(|coding| coding.get("system").is_some_and(|system| system.is_str(SDOHCC_CODES)))
            .filter_map(|coding| Some(coding.str("code")?.into_owned()))
            .collect()
    }
}

/// Follows a reference that a referral cannot do without.
fn backbone<'g>(
    graph: &'g Graph,
    from: &'g Resource,
    name: &str,
    key: Key,
    kinds: &[&str],
    issues: &mut Vec<Issue>,
) -> Option<&'g Resource> {
    let node = from.node();
    // Paths and places are looked for when something is wrong: counting lines would take longer than all the rest.
    let path = || format!("{}.{name}", node.path());
    let wanted = || kinds.join(" or ");
    let Some(element) = node.get(name) else {
        let message = format!("{} has no {name}; a referral needs it to reference a {}", from.kind(), wanted());
        issues
            .push(Issue::error(if name == "focus" { key } else { Key::Missing }, path(), message).at(node.position()));
        return None;
    };
    let Some(reference) = element.str("reference") else {
        let message =
            format!("{}.{name} has no reference; a referral needs a literal one to a {}", from.kind(), wanted());
        issues.push(Issue::error(Key::Missing, format!("{}.reference", path()), message).at(element.position()));
        return None;
    };
    let found = graph.target(element);
    let named = Reference::parse(&reference).and_then(|reference| reference.kind());
    let kind = found.map(Resource::kind).or(named).unwrap_or_default();
    let mut refuse = |key, message| {
        let place = element.get("reference").unwrap_or(element).position();
        issues.push(Issue::error(key, format!("{}.reference", path()), message).at(place));
    };
    if !kind.is_empty() && !kinds.contains(&kind) {
        refuse(key, format!("{}.{name} references a {kind}; expected a {}", from.kind(), wanted()));
        return None;
    }
    if found.is_none() {
        let missing = if reference.starts_with('#') {
            "is not contained in it"
        } else {
            "is neither in this message nor stored here for you"
        };
        let message = format!("{}.{name} references a {} that {missing}", from.kind(), wanted());
        refuse(Key::ReferenceDangling, message);
    }
    found
}
