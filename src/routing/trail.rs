//! A decision, told: in words for people, in codes for the audit, as JSON for programs. Names of programs and rules, never
//! anything of the person.

use std::collections::BTreeMap;
use std::fmt::{self, Write};

use serde_json::{Value, json};

use super::assessment::Fit;
use super::decision::{Candidate, Decision};
use super::reason::Reason;

/// How many programs are told one by one where a decision becomes a note or an audit entry; the others are counted.
const MAX_SHOWN: usize = 8;

impl fmt::Display for Decision {
    /// `the best of the programs that fit: Three Counties Food Help (...)`, then the others.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, reason) in self.reasons.iter().enumerate() {
            write!(f, "{}{reason}", if position > 0 { "; " } else { "" })?;
        }
        for candidate in self.candidates.iter().take(MAX_SHOWN) {
            let kept = matches!(candidate.verdict, Fit::Kept { .. });
            write!(f, "\n{} {}: ", if kept { "+" } else { "-" }, candidate.name())?;
            // What excludes is the answer to "why not"; the rest would bury it.
            let told = candidate.reasons.iter().filter(|reason| kept || reason.excludes());
            for (position, reason) in told.enumerate() {
                write!(f, "{}{reason}", if position > 0 { "; " } else { "" })?;
            }
        }
        let rest = self.rest();
        if !rest.is_empty() {
            write!(f, "\nand {} more ({})", rest.values().sum::<usize>(), counts(&rest))?;
        }
        Ok(())
    }
}

impl Decision {
    /// In codes: `best-of-fitting; +community-food need-offered in-area ...; -wayside-route out-of-area`.
    pub fn trail(&self) -> String {
        let mut trail = codes(&self.reasons);
        for candidate in self.candidates.iter().take(MAX_SHOWN) {
            let sign = if matches!(candidate.verdict, Fit::Kept { .. }) { '+' } else { '-' };
            // Writing to a String cannot fail.
            let _ = write!(trail, "; {sign}{} {}", candidate.program.id, codes(&candidate.reasons));
        }
        let rest = self.rest();
        if !rest.is_empty() {
            let _ = write!(trail, "; and {} more: {}", rest.values().sum::<usize>(), counts(&rest));
        }
        trail
    }

    /// How many programs are not told one by one, and what decides of them: `120 more (118 out-of-area, 2 inactive)`; nothing
    /// where there are none.
    pub fn others_told(&self) -> Option<String> {
        let count: usize = self.others.values().sum();
        (count > 0).then(|| format!("{count} more ({})", counts(&self.others)))
    }

    /// Would the rules have dropped the program of the owner who is named: it is full, or not for this person?
    pub fn sets_rules_aside(&self) -> bool {
        self.reasons.contains(&Reason::RulesSetAside)
    }

    /// The whole decision with every candidate, and how many others there are.
    pub fn to_value(&self) -> Value {
        json!({
            "owner": self.owner.as_ref().map(|id| format!("Organization/{id}")),
            "program": self.program.as_ref().map(|id| format!("HealthcareService/{id}")),
            "programType": self.program_type,
            "contactProhibited": self.contact_prohibited,
            "reasons": self.reasons.iter().map(reason_value).collect::<Vec<_>>(),
            "candidates": self.candidates.iter().map(Candidate::to_value).collect::<Vec<_>>(),
            "others": self.others,
        })
    }

    /// How often each reason decided among the programs that are not told one by one.
    fn rest(&self) -> BTreeMap<&'static str, usize> {
        let mut counts = self.others.clone();
        for candidate in self.candidates.iter().skip(MAX_SHOWN) {
            let code = candidate.reasons.iter().find(|reason| reason.excludes()).map_or("fits", Reason::code);
            *counts.entry(code).or_default() += 1;
        }
        counts
    }
}

impl Candidate {
    /// The program's name, or its id where it has none.
    pub fn name(&self) -> &str {
        if self.program.name.is_empty() { &self.program.id } else { &self.program.name }
    }

    fn to_value(&self) -> Value {
        let (kept, score) = match self.verdict {
            Fit::Kept { score } => (true, Some(score)),
            Fit::Dropped => (false, None),
        };
        json!({
            "program": format!("HealthcareService/{}", self.program.id),
            "name": &*self.program.name,
            "programType": self.program.kind(),
            "organization": format!("Organization/{}", self.program.organization.id),
            "kept": kept,
            "score": score,
            "reasons": self.reasons.iter().map(reason_value).collect::<Vec<_>>(),
        })
    }
}

/// What [`Decision::trail`] says, as a document: `{"reasons": [CODE], "candidates": [{"program", "kept", "reasons"}]}`. What
/// stands behind it in an audit entry is left out.
pub fn trail_value(trail: &str) -> Value {
    let mut parts = trail.split("; ");
    let codes = |part: &str| part.split_whitespace().map(Value::from).collect::<Vec<_>>();
    let reasons = codes(parts.next().unwrap_or_default());
    let candidate = |part: &str| {
        let kept = part.starts_with('+');
        let (program, reasons) = part.trim_start_matches(['+', '-']).split_once(' ').unwrap_or((&part[1..], ""));
        json!({ "program": format!("HealthcareService/{program}"), "kept": kept, "reasons": codes(reasons) })
    };
    let candidates: Vec<Value> = parts.filter(|part| part.starts_with(['+', '-'])).map(candidate).collect();
    json!({ "reasons": reasons, "candidates": candidates })
}

fn reason_value(reason: &Reason) -> Value {
    json!({ "code": reason.code(), "text": reason.to_string(), "excludes": reason.excludes() })
}

fn codes(reasons: &[Reason]) -> String {
    let codes: Vec<&str> = reasons.iter().map(Reason::code).collect();
    codes.join(" ")
}

fn counts(counts: &BTreeMap<&'static str, usize>) -> String {
    let told: Vec<String> = counts.iter().map(|(code, count)| format!("{count} {code}")).collect();
    told.join(", ")
}
