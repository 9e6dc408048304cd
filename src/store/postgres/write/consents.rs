//! What Consents may say, by the person whom they are about ([`crate::referral::consent_rule`]), and on which Consent it rests that
//! a Task is disclosed: how it is kept.

use std::collections::{BTreeMap, BTreeSet};

use crate::error::Result;
use crate::fhir::ResourceKey;
use crate::referral::consent_rule::RuleRecipient;
use crate::referral::plan::{Permission, RestsOn, Share};
use crate::store::prepared::ConsentRules;
use crate::store::sql::consents::{ASKED, NOBODY, recipient_id};

use super::batch::{Batch, owned};
use super::keys::{Keys, Names};

/// Person, what is said, recipient, when it was given, Consent.
type RuleKey<'r> = (i64, &'r str, i64, i64, i64);

/// Names whom the Consents are about and to whom they are given, and on which Consents Tasks rest.
pub(super) fn name(permissions: &[Permission], said: &[ConsentRules], names: &mut Names<'_>) {
    for permission in permissions {
        if let RestsOn::Consent(consent) = &permission.rests_on {
            names.resources.insert(consent.clone());
        }
    }
    for said in said {
        names.resources.extend(said.people.iter().cloned());
        for rule in &said.rules {
            if let RuleRecipient::Organization(id) = &rule.recipient {
                names.resources.insert(ResourceKey::new("Organization", id.as_str()));
            }
        }
    }
}

/// Puts what Consents may say in the place of what they said.
pub(super) fn write(keys: &Keys, said: &[ConsentRules], batch: &mut Batch<'_>) -> Result<()> {
    if said.is_empty() {
        return Ok(());
    }
    let mut consents = Vec::new();
    let mut rows: BTreeMap<RuleKey<'_>, (i64, i64)> = BTreeMap::new();
    for said in said {
        let consent = keys.resource(&said.consent)?;
        consents.push(consent);
        for person in &said.people {
            let person = keys.resource(person)?;
            for rule in &said.rules {
                let recipient = recipient_id(&rule.recipient, |id| keys.organization(id))?;
                let key = (person, rule.says.code(), recipient, rule.given.as_microsecond(), consent);
                rows.insert(key, (rule.since.as_microsecond(), rule.until.as_microsecond()));
            }
        }
    }
    batch.add("DELETE FROM consent_rule WHERE consent = ANY($1)", owned![consents]);
    let rows = rows.into_iter().map(|((person, says, recipient, given, consent), (since, until))| {
        (person, says, recipient, given, consent, since, until)
    });
    batch.add_rows(
        "INSERT INTO consent_rule (person, says, recipient, given, consent, since, until)
         SELECT * FROM unnest($1::bigint[], $2::text[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[])",
        rows,
        owned![],
    );
    Ok(())
}

/// On what a Task rests, for each person whom it shows; what it rested on, where the plan does not say.
pub(super) fn rests(
    keys: &Keys,
    share: &Share,
    rests_on: Option<&RestsOn>,
    stored: &BTreeSet<(i64, i64)>,
) -> Result<BTreeSet<(i64, i64)>> {
    let mut people = BTreeSet::new();
    for given in share.after.resources.iter().filter(|given| given.resource.kind == "Patient") {
        people.insert(keys.resource(&given.resource)?);
    }
    let on = match rests_on {
        None if stored.iter().map(|(person, _)| person).eq(&people) => return Ok(stored.clone()),
        Some(RestsOn::Consent(consent)) => keys.resource(consent)?,
        Some(RestsOn::Nobody) => NOBODY,
        Some(RestsOn::Asked) | None => ASKED,
    };
    Ok(people.into_iter().map(|person| (person, on)).collect())
}

/// Writes on what Tasks rest: person, Consent and Task, in the place of what these Tasks rested on.
pub(super) fn write_rests(tasks: Vec<i64>, rows: Vec<(i64, i64, i64)>, batch: &mut Batch<'_>) {
    if !tasks.is_empty() {
        batch.add("DELETE FROM task_consent WHERE task = ANY($1)", owned![tasks]);
    }
    batch.add_rows(
        "INSERT INTO task_consent (person, rests_on, task) SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::bigint[])",
        rows,
        owned![],
    );
}
