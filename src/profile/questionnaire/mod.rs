//! The answers of a QuestionnaireResponse against the questions of its Questionnaire
//! (<https://hl7.org/fhir/R4/questionnaireresponse.html>, and the extensions of <http://hl7.org/fhir/uv/sdc/> that bound
//! an answer).
//!
//! `rule` is what a profile is compiled to. `resolve` says which form it is, `form` makes it ready, `items` goes through
//! items and answers in step with it; the other files hold one question each that is asked of an answer. The form itself
//! is checked as any resource is; where it is wrong or unclear, nothing is demanded of the answers.

mod answer;
mod elements;
mod enable;
mod form;
mod items;
mod limits;
mod options;
mod quantity;
mod question_limits;
mod question_options;
mod reference;
mod resolve;
mod response_check;
mod rule;

pub(super) use form::Forms;
pub(super) use rule::{QuestionnaireRule, compile};
