//! A decision in lines, for people.

use crate::routing::{Candidate, Decision, Directory, Eligibility, Fit};

/// The decision; `explained` has, for each candidate, what came of its rules, or is empty.
pub(super) fn decision(directory: &Directory, decision: &Decision, explained: &[Eligibility<'_>]) -> String {
    let mut lines = String::new();
    let mut line = |indent: usize, text: &str| {
        lines.push_str(&" ".repeat(indent));
        lines.push_str(text);
        lines.push('\n');
    };
    match &decision.owner {
        Some(id) => {
            let name = directory.organization(id).map_or("", |organization| &organization.name);
            line(0, &format!("goes to {name} (Organization/{id})"));
        }
        None => line(0, "stays open: nobody gets it yet"),
    }
    if let Some(program) = decision.program.as_deref().and_then(|id| directory.program(id)) {
        line(2, &format!("program {} (HealthcareService/{}), type {}", program.name, program.id, program.kind()));
    }
    for reason in &decision.reasons {
        line(2, &format!("because {reason} [{}]", reason.code()));
    }
    if decision.contact_prohibited {
        line(2, "nobody may contact the person [contacting-subject-prohibited]");
    }
    if !decision.candidates.is_empty() {
        line(0, "programs looked at, the best first:");
    }
    for (position, candidate) in decision.candidates.iter().enumerate() {
        line(2, &head(candidate));
        for reason in candidate.reasons.iter() {
            let sign = if reason.excludes() { "x" } else { "." };
            line(4, &format!("{sign} {reason} [{}]", reason.code()));
        }
        if let Some(eligibility) = explained.get(position).filter(|eligibility| !eligibility.checks.is_empty()) {
            for (row, text) in eligibility.to_string().lines().enumerate() {
                line(4, &if row == 0 { format!("by its rules: {text}") } else { text.to_owned() });
            }
        }
    }
    if let Some(others) = decision.others_told() {
        line(0, &format!("and {others}"));
    }
    lines
}

fn head(candidate: &Candidate) -> String {
    let verdict = match candidate.verdict {
        Fit::Kept { score } => format!("kept, score {score}"),
        Fit::Dropped => "dropped".to_owned(),
    };
    let organization = &candidate.program.organization.name;
    format!("{} of {organization} ({}): {verdict}", candidate.name(), candidate.program.kind())
}
