//! What Consents may say, by the person whom they are about ([`crate::referral::consent_rule`]), and on which Consent it rests that
//! a Task is disclosed: what is asked of a person's Consents reads those that decide it, and what is changed in them concerns the
//! Tasks that it may change, however many others there are.

use std::fmt::Write as _;

use rusqlite::types::Value;
use rusqlite::{params, params_from_iter};

use crate::error::Result;
use crate::fhir::ResourceKey;
use crate::referral::consent_rule::{ConsentRule, RuleRecipient, rules_of};
use crate::referral::plan::{RestsOn, Share};
use crate::store::prepared::ConsentRules;
use crate::store::visibility::Visibility;
use crate::store::{ConsentPosition, ConsentQuery, GivenConsent, RuleRecipients, document};

use super::session::Session;
use super::statement::Connection;
use super::{keys, read};

/// What stands for recipients that are no Organization.
const ANYONE: i64 = 0;
const UNKNOWN: i64 = -1;

/// What a Task rests on that rests on no Consent alone: it is asked with each, or nobody sees it but who sent it.
const ASKED: i64 = 0;
const NOBODY: i64 = -1;

/// Puts what a Consent may say in the place of what it said.
pub(super) fn replace(session: &mut Session<'_>, said: &ConsentRules) -> Result<()> {
    let consent = session.keys.resource(session.connection, &said.consent)?;
    session.connection.prepare_cached("DELETE FROM consent_rule WHERE consent = ?1")?.execute([consent])?;
    for person in &said.people {
        let person = session.keys.resource(session.connection, person)?;
        for rule in &said.rules {
            let recipient = match &rule.recipient {
                RuleRecipient::Anyone => ANYONE,
                RuleRecipient::Unknown => UNKNOWN,
                RuleRecipient::Organization(id) => session.keys.organization(session.connection, id)?,
            };
            insert(session.connection, person, recipient, consent, rule)?;
        }
    }
    Ok(())
}

fn insert(connection: &Connection, person: i64, recipient: i64, consent: i64, rule: &ConsentRule) -> Result<()> {
    connection
        .prepare_cached(
            "INSERT OR REPLACE INTO consent_rule (person, says, recipient, given, consent, since, until)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        )?
        .execute(params![
            person,
            rule.says.code(),
            recipient,
            rule.given.as_microsecond(),
            consent,
            rule.since.as_microsecond(),
            rule.until.as_microsecond(),
        ])?;
    Ok(())
}

/// The Consents about this person that may say what is asked for, those given last first.
pub(super) fn find(connection: &Connection, person: &ResourceKey, query: &ConsentQuery) -> Result<Vec<GivenConsent>> {
    let Some(person) = keys::resource(connection, &person.kind, &person.id)? else { return Ok(Vec::new()) };
    let organization = |id: &str| keys::resource(connection, "Organization", id);
    let mut values: Vec<Value> = vec![person.into(), query.says.code().to_owned().into()];
    let recipient = match &query.recipients {
        RuleRecipients::All => String::new(),
        RuleRecipients::Only(RuleRecipient::Anyone) => format!(" AND recipient = {ANYONE}"),
        RuleRecipients::Only(RuleRecipient::Unknown) => format!(" AND recipient = {UNKNOWN}"),
        RuleRecipients::Only(RuleRecipient::Organization(id)) => {
            let Some(id) = organization(id)? else { return Ok(Vec::new()) };
            values.push(id.into());
            " AND recipient = ?3".to_owned()
        }
        RuleRecipients::OrganizationsBut(ids) => {
            let mut condition = " AND recipient > 0".to_owned();
            for id in ids {
                if let Some(id) = organization(id)? {
                    values.push(id.into());
                    let _ = write!(condition, " AND recipient <> ?{}", values.len());
                }
            }
            condition
        }
    };
    let mut sql = format!("SELECT given, consent FROM consent_rule WHERE person = ?1 AND says = ?2{recipient}");
    let mut add = |condition: &str, value: i64| {
        values.push(value.into());
        sql.push_str(&condition.replace('?', &format!("?{}", values.len())));
    };
    if let Some(at) = query.in_force_at {
        add(" AND since <= ?", at.as_microsecond());
        add(" AND until >= ?", at.as_microsecond());
    }
    if let Some(at) = query.over_at {
        add(" AND until < ?", at.as_microsecond());
    }
    if let Some(given) = query.given_from {
        add(" AND given >= ?", given.as_microsecond());
    }
    if let Some(ConsentPosition { given, consent }) = query.after {
        add(" AND given <= ?", given);
        let newest = values.len();
        values.push(consent.into());
        let _ = write!(sql, " AND (given < ?{newest} OR consent < ?{})", values.len());
    }
    let _ = write!(sql, " ORDER BY given DESC, consent DESC LIMIT {}", query.limit);
    let mut statement = connection.prepare_cached(&sql)?;
    let mut rows = statement.query(params_from_iter(values))?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let position = ConsentPosition { given: row.get(0)?, consent: row.get(1)? };
        // Who decides by it has to know all of it, so one that cannot be read fails here.
        let stored = read::newest(connection, Visibility::All, position.consent)?;
        found.extend(stored.map(|stored| GivenConsent { position, stored }));
    }
    Ok(found)
}

/// The Tasks that show this person to somebody to whom a change of this Consent may matter: those of which it is not known on
/// which Consent it rests, and those that rest on this one; all of them, where any may be refused now.
pub(super) fn resting(
    connection: &Connection,
    person: &ResourceKey,
    consent: &ResourceKey,
    any: bool,
) -> Result<Vec<ResourceKey>> {
    let Some(person) = keys::resource(connection, &person.kind, &person.id)? else { return Ok(Vec::new()) };
    let consent = keys::resource(connection, &consent.kind, &consent.id)?.unwrap_or(NOBODY - 1);
    let which = if any { "c.rests_on >= ?2" } else { "c.rests_on IN (0, ?2)" };
    let mut statement = connection.prepare_cached(&format!(
        "SELECT k.name, r.logical FROM task_consent c CROSS JOIN resource r CROSS JOIN kind k
         WHERE c.person = ?1 AND {which} AND r.id = c.task AND k.id = r.kind"
    ))?;
    let found = statement.query_map([person, if any { ASKED } else { consent }], |row| {
        Ok(ResourceKey { kind: row.get(0)?, id: row.get(1)? })
    })?;
    Ok(found.collect::<rusqlite::Result<_>>()?)
}

/// Keeps on what a Task rests, for each person whom it shows; what it rested on, where the plan does not say.
pub(super) fn rest(session: &mut Session<'_>, share: &Share, rests_on: Option<&RestsOn>) -> Result<()> {
    let task = session.keys.resource(session.connection, &share.task)?;
    let mut people = Vec::new();
    for given in share.after.resources.iter().filter(|given| given.resource.kind == "Patient") {
        people.push(session.keys.resource(session.connection, &given.resource)?);
    }
    people.sort_unstable();
    let mut statement = session
        .connection
        .prepare_cached("SELECT person, rests_on FROM task_consent WHERE task = ?1 ORDER BY person")?;
    let stored = statement.query_map([task], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let stored: Vec<(i64, i64)> = stored.collect::<rusqlite::Result<_>>()?;
    drop(statement);
    let same_people = stored.iter().map(|(person, _)| *person).eq(people.iter().copied());
    let on = match rests_on {
        None if same_people => return Ok(()),
        Some(RestsOn::Consent(consent)) => session.keys.resource(session.connection, consent)?,
        Some(RestsOn::Nobody) => NOBODY,
        Some(RestsOn::Asked) | None => ASKED,
    };
    if same_people && stored.iter().all(|(_, rested)| *rested == on) {
        return Ok(());
    }
    session.connection.prepare_cached("DELETE FROM task_consent WHERE task = ?1")?.execute([task])?;
    for person in people {
        session
            .connection
            .prepare_cached("INSERT INTO task_consent (person, rests_on, task) VALUES (?1, ?2, ?3)")?
            .execute([person, on, task])?;
    }
    Ok(())
}

/// Keeps what the Consents may say that were written before that was kept, or that are about others now.
pub(super) fn keep_existing(connection: &Connection) -> Result<()> {
    connection.execute("DELETE FROM consent_rule", [])?;
    let mut statement = connection.prepare_cached(
        "SELECT f.target, r.id, v.document
         FROM kind k CROSS JOIN parameter p CROSS JOIN reference f CROSS JOIN resource r CROSS JOIN version v
         WHERE k.name = 'Consent' AND p.kind = k.id AND p.code = 'patient' AND f.parameter = p.id AND r.id = f.resource
           AND v.id = r.current",
    )?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let (person, consent) = (row.get(0)?, row.get(1)?);
        // One that cannot be read is told when it is found: it may say anything.
        let rules = match row.get_ref(2)?.as_str().ok().and_then(|text| document::parse(text).ok()) {
            Some(document) => rules_of(document.root()),
            None => vec![ConsentRule::of_unreadable()],
        };
        for rule in &rules {
            let recipient = match &rule.recipient {
                RuleRecipient::Anyone => ANYONE,
                RuleRecipient::Unknown => UNKNOWN,
                // Who is not even named in the database may be named later.
                RuleRecipient::Organization(id) => keys::resource(connection, "Organization", id)?.unwrap_or(UNKNOWN),
            };
            insert(connection, person, recipient, consent, rule)?;
        }
    }
    Ok(())
}
