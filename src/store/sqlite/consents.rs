//! Keeps what Consents may say, by the person whom they are about ([`crate::referral::consent_rule`]), and on which Consent it rests that
//! a Task is disclosed: what is asked of a person's Consents reads those that decide it, and what is changed in them concerns the
//! Tasks that it may change, however many others there are.

use crate::error::Result;
use crate::referral::plan::{RestsOn, Share};
use crate::store::prepared::ConsentRules;
use crate::store::sql::consents::{ASKED, NOBODY, insert, recipient_id};

use super::session::Session;

/// Puts what a Consent may say in the place of what it said.
pub(super) fn replace(session: &mut Session<'_>, said: &ConsentRules) -> Result<()> {
    let consent = session.keys.resource(session.connection, &said.consent)?;
    session.connection.prepare_cached("DELETE FROM consent_rule WHERE consent = ?1")?.execute([consent])?;
    for person in &said.people {
        let person = session.keys.resource(session.connection, person)?;
        for rule in &said.rules {
            let organization = |id: &str| session.keys.organization(session.connection, id);
            let recipient = recipient_id(&rule.recipient, organization)?;
            insert(session.connection, person, recipient, consent, rule)?;
        }
    }
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
