//! The state of a referral and the reason for it, as a Task has them.

use serde_json::{Value, json};

use crate::fhir::Node;
use crate::referral::reason::Reason;
use crate::referral::state::{self, State, TaskStatus};
use crate::referral::task;

use super::value::{FhirValue, RecordValue};

/// The state that a Task is in: our code where it has one, else what its status means.
pub(super) fn read_state<'v>(business: Option<Node<'_>>, status: Option<Node<'_>>) -> Option<RecordValue<'v>> {
    let own_code = task::coded(business, state::SYSTEM).and_then(|code| State::from_code(&code));
    let state = match own_code {
        Some(state) => state,
        None => state::default_state(TaskStatus::from_code(&status?.as_str()?)?),
    };
    Some(RecordValue::Text(state.code().into()))
}

/// businessStatus and status of a Task that is in a state.
pub(super) fn write_state(value: &Value) -> Result<Vec<FhirValue>, String> {
    let state = value.as_str().and_then(State::from_code);
    let state = state.ok_or_else(|| "expected a code of the referral states".to_owned())?;
    let concept = json!({ "coding": [{ "system": state::SYSTEM, "code": state.code() }] });
    Ok(vec![FhirValue::Value(concept), FhirValue::Value(status_of(state).code().into())])
}

/// Task.status of a referral that came into a state by the shortest way.
fn status_of(state: State) -> TaskStatus {
    use State as S;
    match state {
        S::Draft => TaskStatus::Draft,
        S::Sent | S::Received | S::InReview => TaskStatus::Requested,
        S::Eligible | S::Accepted | S::Scheduled => TaskStatus::Accepted,
        S::Waitlisted | S::NeedsClientAction | S::NoShow => TaskStatus::OnHold,
        S::Enrolled | S::InService | S::CancellationRequested => TaskStatus::InProgress,
        S::ServicesRendered | S::NeedMet | S::NeedPartiallyMet => TaskStatus::Completed,
        S::DeclinedByAgency
        | S::Ineligible
        | S::NoCapacity
        | S::UnableToContact
        | S::ReferredElsewhere
        | S::Expired
        | S::NotPermitted => TaskStatus::Rejected,
        S::DeclinedByClient | S::Recalled | S::Deceased | S::Moved | S::Incarcerated => TaskStatus::Cancelled,
        S::EnteredInError => TaskStatus::EnteredInError,
    }
}

/// A coded reason and its text; a code alone says its own text, which the guide wants.
pub(super) fn write_reason(code: Option<&Value>, text: Option<&Value>) -> Result<Vec<FhirValue>, String> {
    let reason = match code {
        Some(code) => Some(code.as_str().and_then(Reason::from_code).ok_or_else(|| {
            let known: Vec<&str> = Reason::ALL.iter().map(|reason| reason.code()).collect();
            format!("expected one of {}", known.join(", "))
        })?),
        None => None,
    };
    let text = text.cloned().or_else(|| reason.map(|reason| reason.text().into()));
    let written = |value: Option<Value>| value.map_or(FhirValue::Absent, FhirValue::Value);
    Ok(vec![written(reason.map(|reason| reason.code().into())), written(text)])
}
