//! One field: what the record says is compared with what the graph says, and written where it differs.

use std::borrow::Cow;

use serde_json::{Map as Object, Value};

use crate::fhir::{Issue, Key};

use super::super::converter::{Converter, FhirValue};
use super::super::fidelity::FieldOutcome;
use super::super::get::{EndValues, MAX_ENDS, PathSegment, path_text, resource_id};
use super::super::locate::{Tree, find};
use super::super::model::{End, Field, Owner, Source};
use super::super::path::Repeats;
use super::writer::{DeferredWrite, Extras, Mode, WriteTarget, Writer};
use crate::record::same_optional_value;

impl<'m, 'r> Writer<'_, 'm, 'r> {
    /// Compares and writes a field. `given` and `old` are the objects that its values are members of, `first` is the first
    /// of its values.
    pub(super) fn field(
        &mut self,
        field: usize,
        first: Option<&'r Value>,
        given: Option<&'r Object<String, Value>>,
        old: Option<&Extras>,
        kept: &mut Extras,
    ) {
        let rule = &self.reader.search.model.fields[field];
        let member = |name: &str| given.and_then(|given| given.get(name)).filter(|value| !value.is_null());
        let mut values = [first; MAX_ENDS];
        for (value, name) in values.iter_mut().zip(&rule.members).skip(1) {
            *value = member(name);
        }
        let values = &values[..rule.members.len().min(MAX_ENDS)];
        if self.inactive[field] {
            return self.keep_all(rule, values, kept);
        }
        match &rule.source {
            Source::Constant(constant) => {
                if values[0].is_some_and(|value| !same_optional_value(Some(value), Some(constant))) {
                    self.refuse(rule);
                }
            }
            Source::Computed { .. } => {
                if let Some(value) = values[0].filter(|_| self.mode == Mode::Update)
                    && !self.reader.is_computed(rule, value)
                {
                    self.not_taken(rule);
                }
            }
            Source::Ends { choices, .. } if choices.iter().flatten().any(|end| end.identity) => {
                self.identity(rule, values, old, kept);
            }
            Source::Ends { choices, .. }
                if self.mode == Mode::Update && rule.read_only().is_some() && !self.is_ours_all(rule, choices) =>
            {
                self.unchanged_only(rule, values, old, kept);
            }
            Source::Ends { choices, via, also } => {
                self.written(rule, choices, via, also.as_ref(), values, kept);
            }
        }
    }

    /// A computed value follows what it is computed from: one that does not yet is not used, and that is said.
    fn not_taken(&mut self, rule: &Field) {
        let (what, instead) = rule.read_only().unwrap_or_default();
        let path = path_text(&self.path);
        let text = format!("{path} {what}; the value that was sent is not used");
        self.notes.push(Issue::warning(Key::ReadOnly, path, text).hint(instead));
    }

    fn refuse(&mut self, rule: &Field) {
        let (what, instead) = rule.read_only().unwrap_or(("cannot be changed", "leave it as it was"));
        self.read_only(what, instead);
    }

    /// Ids are given by the gateway and stay.
    fn identity(&mut self, rule: &'m Field, values: &[Option<&Value>], old: Option<&Extras>, kept: &mut Extras) {
        let Some(value) = values[0] else { return };
        let Source::Ends { choices, .. } = &rule.source else { return };
        let Some(node) = choices.first().and_then(|ends| ends.first()).map(|end| end.node) else { return };
        let own = match self.write_targets[node] {
            WriteTarget::Created(at) => Some(Cow::Owned(self.created[at].id.clone())),
            _ => self.reader.found.targets[node].as_ref().map(resource_id),
        };
        if own.as_deref().is_some_and(|own| value.as_str() == Some(own)) {
            return;
        }
        let aside = old.and_then(|old| old.get(&*rule.members[0]));
        match self.mode {
            _ if own.is_none() && same_optional_value(Some(value), aside) => self.keep_all(rule, values, kept),
            Mode::Create if own.is_none() => self.keep_all(rule, values, kept),
            Mode::Create => self.invalid("expected an id, 1 to 64 of A-Z a-z 0-9 - .".to_owned()),
            Mode::Update => {
                self.read_only("is given by the gateway", "leave it as it was, or leave it out of what is new");
            }
        }
    }

    /// A field that belongs to others: it may be left out, and otherwise says what it said.
    fn unchanged_only(&mut self, rule: &'m Field, values: &[Option<&Value>], old: Option<&Extras>, kept: &mut Extras) {
        for (which, value) in values.iter().enumerate() {
            let Some(value) = value else { continue };
            if self.reader.read(rule, which).0.equals(Some(value)) {
                continue;
            }
            let name = &rule.members[which];
            let aside = old.and_then(|old| old.get(&**name));
            if same_optional_value(Some(value), aside) {
                kept.insert(name.to_string(), (*value).clone());
                continue;
            }
            self.at_member(rule, which, |writer| writer.refuse(rule));
        }
    }

    fn keep_all(&mut self, rule: &'m Field, values: &[Option<&Value>], kept: &mut Extras) {
        for (which, value) in values.iter().enumerate() {
            if let Some(value) = value {
                self.at_member(rule, which, |writer| writer.row("", FieldOutcome::Kept));
                kept.insert(rule.members[which].to_string(), (*value).clone());
            }
        }
    }

    /// Does something with the place of one of a field's values at hand.
    fn at_member(&mut self, rule: &'m Field, which: usize, act: impl FnOnce(&mut Self)) {
        let before = self.path.pop();
        self.path.push(PathSegment::Name(&rule.members[which]));
        act(self);
        self.path.pop();
        self.path.extend(before);
    }

    /// A field that the program owns.
    fn written(
        &mut self,
        rule: &'m Field,
        choices: &'m [Vec<End>],
        via: &'m Converter,
        also: Option<&'m (End, Converter)>,
        values: &[Option<&'r Value>],
        kept: &mut Extras,
    ) {
        // What stands in a node that is removed, and is to stay, is kept.
        if choices.iter().flatten().all(|end| self.write_targets[end.node] == WriteTarget::Removed) {
            return self.keep_all(rule, values, kept);
        }
        let (first, raw) = self.reader.read(rule, 0);
        let others = || values.iter().enumerate().skip(1);
        if first.equals(values[0]) && others().all(|(at, value)| self.reader.read(rule, at).0.equals(*value)) {
            return self.defer(choices, via, also, values);
        }
        if values.iter().all(Option::is_none) {
            return self.erase(choices, also);
        }
        let written = match via.write(values) {
            Ok(written) => written,
            Err(wrong) => return self.invalid(wrong),
        };
        if raw.choice.is_none() || raw.is_empty() || !raw.says(&written) {
            let Some(choice) = self.choose(choices, &raw) else {
                if !raw.is_empty() {
                    return self.read_only(
                        "comes from whoever sent the referral, and the program has no place of its own for it yet",
                        "leave it as it was, or give what the program's own stands in (an enrollment, a plan) as well",
                    );
                }
                self.note(Key::MapLoss, "FHIR has no place for it yet; it is kept beside the referral".to_owned());
                return self.keep_all(rule, values, kept);
            };
            for (end, written) in choices[choice].iter().zip(&written) {
                self.write(end, written, via.display(values[0]));
            }
            if let Some((end, via)) = also
                && self.write_target(end.node).is_some()
            {
                match via.write_if_known(values) {
                    Ok(written) => self.write(end, &written, via.display(values[0])),
                    Err(wrong) => self.invalid(wrong),
                }
            }
            let first = &choices[choice][0];
            self.row_at(first.node, &first.path.text, &via.name(), FieldOutcome::Mapped);
            if let (Converter::Crosswalk(table), true) = (via, via.is_unknown(values[0])) {
                let code = values[0].and_then(Value::as_str).unwrap_or_default();
                self.fidelity.untranslated += 1;
                self.note(Key::NotTranslated, format!("{}; it passed as it is", table.no_target_message(code, None)));
            }
        }
        self.keep_what_is_lost(rule, via, values, &written, kept);
    }

    /// A field says what it said. Should one of its nodes come into being by another, it says it there too: what a new
    /// resource says by default must not speak against it.
    fn defer(
        &mut self,
        choices: &'m [Vec<End>],
        via: &'m Converter,
        also: Option<&'m (End, Converter)>,
        values: &[Option<&'r Value>],
    ) {
        let model = self.reader.search.model;
        let own = choices.iter().flatten().map(|end| (end, via)).chain(also.map(|(end, via)| (end, via)));
        for (end, via) in own {
            let may_come = matches!(self.write_targets[end.node], WriteTarget::Absent | WriteTarget::Created(_));
            if may_come
                && model.nodes[end.node].is_creatable()
                && via.ends().1 == 1
                && values.iter().any(Option::is_some)
            {
                let scope = self.scopes.last().and_then(|(list, _)| *list);
                self.deferred.push(DeferredWrite { scope, end, via, values: values.to_vec() });
            }
        }
    }

    /// Says what fields said in the nodes that came into being.
    pub(super) fn write_deferred(&mut self, scope: Option<usize>) {
        if !self.deferred.iter().any(|deferred| deferred.scope == scope) {
            return;
        }
        let (ready, left) =
            std::mem::take(&mut self.deferred).into_iter().partition(|deferred| deferred.scope == scope);
        self.deferred = left;
        let ready: Vec<DeferredWrite<'m, 'r>> = ready;
        for deferred in ready {
            if matches!(self.write_targets[deferred.end.node], WriteTarget::Created(_))
                && let Ok(written) = deferred.via.write_if_known(&deferred.values)
            {
                self.write(deferred.end, &written, deferred.via.display(deferred.values[0]));
            }
        }
    }

    /// Which alternative is written: the one that spoke, or the first that can be.
    fn choose(&mut self, choices: &[Vec<End>], raw: &EndValues<'_>) -> Option<usize> {
        let spoke = raw.choice.filter(|_| !raw.is_empty());
        let mut possible = spoke.into_iter().chain(0..choices.len());
        possible
            .find(|at| choices[*at].iter().all(|end| !self.is_foreign(end) && self.write_target(end.node).is_some()))
    }

    /// What the graph says less finely than the record is kept as the record said it.
    fn keep_what_is_lost(
        &mut self,
        rule: &'m Field,
        via: &Converter,
        values: &[Option<&Value>],
        written: &[FhirValue],
        kept: &mut Extras,
    ) {
        if via.is_exact(values[0]) {
            return;
        }
        let back = via.read_back(written);
        for (which, value) in values.iter().enumerate() {
            match (value, back.get(which).and_then(Option::as_ref)) {
                (Some(value), back) if !same_optional_value(Some(value), back) => {
                    self.at_member(rule, which, |writer| writer.row(&via.name(), FieldOutcome::Kept));
                    kept.insert(rule.members[which].to_string(), (*value).clone());
                }
                (None, Some(_)) => {
                    self.at_member(rule, which, |writer| writer.row(&via.name(), FieldOutcome::Defaulted));
                }
                _ => {}
            }
        }
    }

    /// Does it belong to somebody else?
    fn is_foreign(&self, end: &End) -> bool {
        self.mode == Mode::Update && self.is_foreign_node(end.node)
    }

    /// Does the item at hand belong to the program, though others of its list do not?
    fn is_ours_all(&self, rule: &Field, choices: &[Vec<End>]) -> bool {
        rule.owner == Owner::Ehr && choices.iter().flatten().all(|end| self.is_ours(end.node))
    }

    /// The record has nothing here any more.
    fn erase(&mut self, choices: &'m [Vec<End>], also: Option<&'m (End, Converter)>) {
        let ends = choices.iter().flatten().chain(also.map(|(end, _)| end));
        for end in ends {
            if self.is_left_out(end.node) {
                continue;
            }
            if let Some(target) = self.reader.found.targets[end.node]
                .filter(|_| matches!(self.write_targets[end.node], WriteTarget::Found))
                && find(target.node, &end.path.steps).is_some()
            {
                if self.is_foreign(end) {
                    return self.read_only(
                        "comes from whoever sent the referral",
                        "give another value, which is kept as the program's own; it cannot be removed here",
                    );
                }
                self.write(end, &FhirValue::Absent, None);
                self.row_at(end.node, &end.path.text, "removed", FieldOutcome::Mapped);
            }
        }
    }

    /// Writes one end.
    fn write(&mut self, end: &End, written: &FhirValue, display: Option<&str>) {
        let Some(write_target) = self.write_target(end.node) else { return };
        self.touched[end.node] = true;
        let Some(draft) = self.draft(end.node, write_target) else {
            return self.invalid("the element that it belongs to is replaced by the same change".to_owned());
        };
        let steps = &*end.path.steps;
        let erased = match written {
            FhirValue::Absent => draft.erase(steps),
            FhirValue::Present => {
                draft.ensure(steps);
                0
            }
            FhirValue::Value(value) => {
                draft.ensure(steps).set(value);
                0
            }
        };
        let parent = &steps[..steps.len().saturating_sub(1)];
        if end.path.coded && erased == 0 {
            let coding = draft.ensure(parent);
            match display {
                Some(display) => coding.member_mut("display").set(&display.into()),
                None => coding.drop_member("display"),
            }
        }
        let mut lost = false;
        if let Some(last) = steps.last().filter(|last| last.repeats == Repeats::Whole) {
            let sibling = format!("_{}", last.name);
            let holder = if draft.has(parent) { Some(draft.ensure(parent)) } else { None };
            if let Some(holder) = holder.filter(|holder| holder.view().member(&sibling).is_some()) {
                holder.drop_member(&sibling);
                lost = true;
            }
        }
        if erased > 1 {
            self.note(Key::MapLoss, format!("{erased} values stood there, and all of them were removed"));
        }
        if lost {
            self.note(Key::MapLoss, "the extensions of the list's values went with the list".to_owned());
        }
    }
}
