//! Keeps what Consents may say, by the person whom they are about ([`crate::referral::consent_rule`]), and on which Consent it rests that
//! a Task is disclosed: what is asked of a person's Consents reads those that decide it, and what is changed in them concerns the
//! Tasks that it may change, however many others there are.

use rusqlite::params;

use crate::error::Result;
use crate::referral::consent_rule::{ConsentRule, RuleRecipient, rules_of};
use crate::referral::plan::{RestsOn, Share};
use crate::store::document;
use crate::store::prepared::ConsentRules;
use crate::store::sql::consents::{ANYONE, ASKED, NOBODY, UNKNOWN};
use crate::store::sql::keys;

use super::session::Session;
use super::statement::Connection;

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
