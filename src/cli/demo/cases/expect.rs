//! What has to come of a step, beside what came of it.

use std::collections::BTreeSet;

use serde_json::Value;

use super::file::{Case, CaseStep, Expectation};
use super::invalid::invalid;
use super::world::{CaseWorld, Taken};
use crate::error::{Error, Result};
use crate::fhir::{Document, ResourceKey};
use crate::fhirpath::{Context, Expression};
use crate::referral::Scope;
use crate::referral::plan::{AuditEntry, Guard, Plan};
use crate::store::Resources;

/// Everything that is not as expected, in words; nothing if all is.
///
/// # Errors
/// Those of the store, and `Incorrect` where the expectation names what is not there.
pub(super) async fn differences(world: &CaseWorld, case: &Case, taken: &Taken) -> Result<Vec<String>> {
    let expected = &case.expect;
    let mut found = Differences::default();
    match (&taken.answer, &expected.refused) {
        (Err(error), None) => found.lines.push(format!("it is refused: {}", describe(error))),
        (Ok(_), Some(rules)) => {
            found.lines.push(format!("it goes well; expected it to be refused for {}", rules.join(", ")));
        }
        (Err(error), Some(rules)) => {
            let wrong = || error.issues.iter().filter(|issue| issue.is_error());
            let names: Vec<String> = wrong().map(|issue| issue.key.name().to_owned()).collect();
            found.compare("refused", rules, &names);
            if let Some(path) = &expected.at {
                let at = wrong().next().map(|issue| issue.path.clone()).unwrap_or_default();
                found.compare("at", path, &at);
            }
        }
        (Ok(answer), None) => compare_answer(&mut found, expected, answer),
    }
    compare_plan(&mut found, world, expected, taken);
    let stored = compare_stored(&mut found, world, expected).await;
    let views = compare_views(&mut found, world, expected).await;
    // What is not there is told beside why the step was refused.
    for error in [stored, views].into_iter().filter_map(Result::err) {
        if found.lines.is_empty() {
            return Err(error);
        }
        found.lines.push(describe(&error));
    }
    if let Some(records) = &expected.next_records {
        let poll = CaseStep { by: case.step.by.clone(), poll: true, ..CaseStep::default() };
        found.compare("next records", records, &texts(&world.take(&poll).await?.answer?));
    }
    Ok(found.lines)
}

#[derive(Default)]
struct Differences {
    lines: Vec<String>,
}

impl Differences {
    fn compare<T: PartialEq + std::fmt::Debug>(&mut self, what: &str, expected: &T, found: &T) {
        if expected != found {
            self.lines.push(format!("{what}: expected {expected:?}, found {found:?}"));
        }
    }
}

fn describe(error: &Error) -> String {
    let issues: Vec<String> = error
        .issues
        .iter()
        .filter(|issue| issue.is_error())
        .map(|issue| format!("{} {} ({})", issue.key.name(), issue.path, issue.text))
        .collect();
    issues.join("; ")
}

fn compare_answer(found: &mut Differences, expected: &Expectation, answer: &Value) {
    for (pointer, value) in &expected.answer {
        found.compare(pointer, value, answer.pointer(pointer).unwrap_or(&Value::Null));
    }
    if let Some(records) = &expected.records {
        found.compare("records", records, &texts(answer));
    }
    if let Some(versions) = &expected.versions {
        let numbers = answer.as_array().into_iter().flatten().filter_map(Value::as_u64).collect();
        found.compare("versions", versions, &numbers);
    }
    if let Some(names) = &expected.found {
        let (expected, seen): (BTreeSet<&String>, Vec<String>) = (names.iter().collect(), texts(answer));
        found.compare("found", &expected, &seen.iter().collect());
    }
    if let Some(remarks) = &expected.remarks {
        let keys = answer["remarks"].as_array().into_iter().flatten();
        let keys: Vec<String> = keys.filter_map(|remark| Some(remark["key"].as_str()?.to_owned())).collect();
        found.compare("remarks", remarks, &keys);
    }
}

fn texts(answer: &Value) -> Vec<String> {
    answer.as_array().into_iter().flatten().filter_map(|text| text.as_str().map(str::to_owned)).collect()
}

fn compare_plan(found: &mut Differences, world: &CaseWorld, expected: &Expectation, taken: &Taken) {
    let Taken { plans, audited, .. } = taken;
    if expected.nothing && !plans.is_empty() {
        found.lines.push(format!("expected that nothing is committed, found {:?}", writes(world, plans)));
    }
    if let Some(names) = &expected.writes {
        found.compare("writes", names, &writes(world, plans));
    }
    for (name, author) in &expected.authors {
        let mut written = plans.iter().flat_map(|plan| &plan.writes);
        let by =
            written.find(|write| world.name(&write.key) == *name).map(|write| write.author.clone().unwrap_or_default());
        found.compare(&format!("author of {name}"), &Some(author.clone()), &by);
    }
    if let Some(organizations) = &expected.feed {
        let owed: BTreeSet<String> =
            plans.iter().flat_map(|plan| &plan.feed).map(|entry| entry.organization.clone()).collect();
        found.compare("feed", &organizations.iter().cloned().collect(), &owed);
    }
    if let Some(lines) = &expected.audit {
        let entries: Vec<String> =
            plans.iter().flat_map(|plan| &plan.audit).chain(audited).map(|entry| audit_line(world, entry)).collect();
        let same =
            lines.len() == entries.len() && lines.iter().zip(&entries).all(|(line, entry)| entry.starts_with(line));
        if !same {
            found.compare("audit", lines, &entries);
        }
    }
    if let Some(guards) = &expected.guards {
        let conditions = plans.iter().flat_map(|plan| &plan.guards).map(|guard| guard_line(world, guard)).collect();
        found.compare("guards", guards, &conditions);
    }
}

fn writes(world: &CaseWorld, plans: &[Plan]) -> Vec<String> {
    plans.iter().flat_map(|plan| &plan.writes).map(|write| world.name(&write.key)).collect()
}

fn audit_line(world: &CaseWorld, entry: &AuditEntry) -> String {
    let subject = entry.subject.as_ref().map(|key| format!(" {}", world.name(key))).unwrap_or_default();
    let detail = if entry.detail.is_empty() { String::new() } else { format!(": {}", entry.detail) };
    format!("{}{subject} by {}{detail}", entry.action, entry.client)
}

fn guard_line(world: &CaseWorld, guard: &Guard) -> String {
    match guard {
        Guard::NoneMatch { kind, parameters, organization } => {
            let pairs: Vec<String> = parameters.iter().map(|(name, value)| format!("{name}={value}")).collect();
            format!("no {kind}?{} of {organization}", pairs.join("&"))
        }
        Guard::Unchanged { key, version } => format!("{} {version}", world.name(key)),
    }
}

async fn compare_stored(found: &mut Differences, world: &CaseWorld, expected: &Expectation) -> Result<()> {
    for (name, expressions) in &expected.has {
        let key = world.key(name)?;
        let Some(stored) = world.store.read(&Scope::Gateway, &key, None).await? else {
            found.lines.push(format!("{name} is not stored"));
            continue;
        };
        compare_document(found, name, &stored.document, expressions)?;
    }
    for (name, parties) in &expected.parties {
        let stored = referral(world, name).await?;
        let line = |organization: &str, party: &str, ended: bool| {
            format!("{}{party} {organization}", if ended { "former " } else { "" })
        };
        let taking_part = stored.parties.iter();
        let seen: BTreeSet<String> =
            taking_part.map(|part| line(&part.organization, part.party.code(), part.until.is_some())).collect();
        found.compare(&format!("parties of {name}"), &parties.iter().cloned().collect(), &seen);
    }
    for (name, kinds) in &expected.shares {
        let stored = referral(world, name).await?;
        let seen: BTreeSet<String> =
            stored.graph.resources().iter().map(|resource| resource.kind().to_owned()).collect();
        found.compare(&format!("shared through {name}"), &kinds.iter().cloned().collect(), &seen);
    }
    Ok(())
}

/// What is not true of a resource.
fn compare_document(found: &mut Differences, name: &str, document: &Document, expressions: &[String]) -> Result<()> {
    for text in expressions {
        let expression = Expression::parse(text).map_err(|issue| invalid(issue.text))?;
        let root = document.root();
        let is_so = expression.evaluate_bool(&Context::new(root), root).map_err(|issue| invalid(issue.text))?;
        if is_so != Some(true) {
            found.lines.push(format!("{name}: {text} is not so"));
        }
    }
    Ok(())
}

async fn referral(world: &CaseWorld, name: &str) -> Result<crate::store::StoredReferral> {
    let key: ResourceKey = world.key(name)?;
    let stored = world.store.referral(&Scope::Gateway, &key, false).await?;
    stored.ok_or_else(|| invalid(format!("{name} is no referral that is stored")))
}

async fn compare_views(found: &mut Differences, world: &CaseWorld, expected: &Expectation) -> Result<()> {
    for (client, resources) in &expected.shows {
        for (name, expressions) in resources {
            match world.read(client, &world.key(name)?).await? {
                Some(document) => compare_document(found, &format!("{client}, {name}"), &document, expressions)?,
                None => found.lines.push(format!("{client} does not see {name}")),
            }
        }
    }
    for (client, parts) in &expected.views {
        let record = world.record(client).await?;
        for (pointer, value) in parts {
            let seen = record.pointer(pointer).unwrap_or(&Value::Null);
            found.compare(&format!("{client}, record {pointer}"), value, seen);
        }
    }
    for (views, wanted) in [(&expected.sees, true), (&expected.sees_not, false)] {
        for (client, names) in views {
            for name in names {
                if world.sees(client, &world.key(name)?).await? != wanted {
                    let verb = if wanted { "does not see" } else { "sees" };
                    found.lines.push(format!("{client} {verb} {name}"));
                }
            }
        }
    }
    Ok(())
}
