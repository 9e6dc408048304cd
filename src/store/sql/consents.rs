//! What Consents may say, by the person whom they are about ([`crate::referral::consent_rule`]), and on which Consent it rests that
//! a Task is disclosed: what is asked of a person's Consents reads those that decide it.

use std::fmt::Write as _;
use std::ops::ControlFlow;

use crate::error::Result;
use crate::fhir::ResourceKey;
use crate::referral::consent_rule::{ConsentRule, RuleRecipient, rules_of};
use crate::store::visibility::Visibility;
use crate::store::{ConsentPosition, ConsentQuery, GivenConsent, RuleRecipients, document};

use super::database::Wanted;
use super::{Ask, Database, Value, keys, read, values};

/// What stands for recipients that are no Organization.
const ANYONE: i64 = 0;
const UNKNOWN: i64 = -1;

/// What a Task rests on that rests on no Consent alone: it is asked with each, or nobody sees it but who sent it.
pub(in crate::store) const ASKED: i64 = 0;
pub(in crate::store) const NOBODY: i64 = -1;

/// The Consents about this person that may say what is asked for, those given last first.
pub(in crate::store) fn find(
    connection: &dyn Database,
    person: &ResourceKey,
    query: &ConsentQuery,
) -> Result<Vec<GivenConsent>> {
    let Some(person) = keys::resource(connection, &person.kind, &person.id)? else { return Ok(Vec::new()) };
    let organization = |id: &str| keys::resource(connection, "Organization", id);
    let mut values: Vec<Value<'_>> = vec![person.into(), query.says.code().into()];
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
    let mut found = Vec::new();
    connection.each_row(&sql, &values, Wanted::All, &mut |row| {
        let position = ConsentPosition { given: row.get(0)?, consent: row.get(1)? };
        // Who decides by it has to know all of it, so one that cannot be read fails here.
        let stored = read::newest(connection, Visibility::All, position.consent)?;
        found.extend(stored.map(|stored| GivenConsent { position, stored }));
        Ok(ControlFlow::Continue(()))
    })?;
    Ok(found)
}

/// The Tasks that show this person to somebody to whom a change of this Consent may matter: those of which it is not known on
/// which Consent it rests, and those that rest on this one; all of them, where any may be refused now.
pub(in crate::store) fn resting(
    connection: &dyn Database,
    person: &ResourceKey,
    consent: &ResourceKey,
    any: bool,
) -> Result<Vec<ResourceKey>> {
    let Some(person) = keys::resource(connection, &person.kind, &person.id)? else { return Ok(Vec::new()) };
    let (which, consent) = if any {
        ("c.rests_on >= ?2", ASKED)
    } else {
        // Nothing rests on one that is not known.
        ("c.rests_on IN (0, ?2)", keys::resource(connection, &consent.kind, &consent.id)?.unwrap_or(ASKED))
    };
    let sql = format!(
        "SELECT k.name, r.logical FROM task_consent c CROSS JOIN resource r CROSS JOIN kind k
         WHERE c.person = ?1 AND {which} AND r.id = c.task AND k.id = r.kind"
    );
    connection.rows(&sql, values![person, consent], |row| Ok(ResourceKey { kind: row.get(0)?, id: row.get(1)? }))
}

/// What stands for a recipient.
pub(in crate::store) fn recipient_id(
    recipient: &RuleRecipient,
    organization: impl FnOnce(&str) -> Result<i64>,
) -> Result<i64> {
    match recipient {
        RuleRecipient::Anyone => Ok(ANYONE),
        RuleRecipient::Unknown => Ok(UNKNOWN),
        RuleRecipient::Organization(id) => organization(id),
    }
}

/// Keeps that a Consent may say this about this person.
pub(in crate::store) fn insert(
    connection: &dyn Database,
    person: i64,
    recipient: i64,
    consent: i64,
    rule: &ConsentRule,
) -> Result<()> {
    connection.execute(
        "INSERT INTO consent_rule (person, says, recipient, given, consent, since, until)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
         ON CONFLICT (person, says, recipient, given, consent) DO UPDATE SET since = excluded.since, until = excluded.until",
        values![
            person,
            rule.says.code(),
            recipient,
            rule.given.as_microsecond(),
            consent,
            rule.since.as_microsecond(),
            rule.until.as_microsecond(),
        ],
    )?;
    Ok(())
}

/// Keeps what the Consents may say that were written before that was kept, or that are about others now.
pub(in crate::store) fn keep_existing(connection: &dyn Database) -> Result<()> {
    connection.execute("DELETE FROM consent_rule", values![])?;
    let sql = "SELECT f.target, r.id, v.document
         FROM kind k CROSS JOIN parameter p CROSS JOIN reference f CROSS JOIN resource r CROSS JOIN version v
         WHERE k.name = 'Consent' AND p.kind = k.id AND p.code = 'patient' AND f.parameter = p.id AND r.id = f.resource
           AND v.id = r.current";
    connection.each_row(sql, values![], Wanted::Some, &mut |row| {
        let (person, consent) = (row.get(0)?, row.get(1)?);
        // One that cannot be read is told when it is found: it may say anything.
        let rules = match row.get::<&str>(2).ok().and_then(|text| document::parse(text).ok()) {
            Some(document) => rules_of(document.root()),
            None => vec![ConsentRule::of_unreadable()],
        };
        for rule in &rules {
            // Who is not even named in the database may be named later.
            let organization = |id: &str| Ok(keys::resource(connection, "Organization", id)?.unwrap_or(UNKNOWN));
            let recipient = recipient_id(&rule.recipient, organization)?;
            insert(connection, person, recipient, consent, rule)?;
        }
        Ok(ControlFlow::Continue(()))
    })
}
