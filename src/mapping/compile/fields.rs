//! Fields: what ties a place of the record to one of the graph, typed against both ends.

use std::sync::Arc;

use serde_json::Value;
use serde_saphyr::{Location, Spanned};

use crate::fhir::Kind;
use crate::fhirpath::{Expression, is_ucum};
use crate::record::Expected;

use super::super::converter::{self, Converter};
use super::super::crosswalk::Crosswalk;
use super::super::model::{End, Field, Find, Model, Owner, Source, WithheldElement, Withhold};
use super::super::path::{Path, Paths, Repeats};
use super::super::source::{FieldFile, OneOrMany, WithholdFile};
use super::context::CompileContext;
use super::declarations::{Declaration, Declarations};
use super::ends::{NodeIndex, end, ends, literal};
use super::findings::Findings;
use super::record_position::RecordPosition;
use super::{nodes, shape};

/// What compiling a field needs.
struct Compiler<'c, 'f> {
    context: &'c CompileContext<'f>,
    paths: Paths<'c>,
    known: &'c NodeIndex,
}

/// A field that cannot be used: where, what, how to mend it.
type FieldIssue = (Location, String, String);

/// Compiles the fields and gives, for each, where it was declared.
pub(super) fn compile<'f>(
    model: &mut Model,
    context: &CompileContext<'f>,
    declared: &Declarations<'f>,
    paths: Paths<'_>,
    known: &NodeIndex,
    findings: &mut Findings,
) -> Vec<Declaration<'f, FieldFile>> {
    let compiler = Compiler { context, paths, known };
    let mut sources = Vec::new();
    for field in &declared.fields {
        match compiler.field(model, field.content, field.at) {
            Ok((compiled, position)) => {
                let at = model.fields.len();
                shape::add_field(model, at, &compiled, &position);
                model.fields.push(compiled);
                sources.push(*field);
            }
            Err((at, message, fix)) => findings.add(field.file, at, message, fix),
        }
    }
    for rule in &declared.withhold {
        match compiler.withhold(model, rule.content) {
            Ok(rule) => model.withhold.push(rule),
            Err((at, message, fix)) => findings.add(rule.file, at, message, fix),
        }
    }
    shape::complete(model);
    sources
}

impl Compiler<'_, '_> {
    fn field(&self, model: &Model, field: &FieldFile, at: Location) -> Result<(Field, RecordPosition), FieldIssue> {
        let positions = Self::positions(model, &field.record)?;
        let [position, ..] = positions.as_slice() else {
            return Err((
                field.record.referenced,
                "a field has a place in the record".to_owned(),
                "name one".to_owned(),
            ));
        };
        let list = position.list.as_deref().and_then(|list| shape::list_named(model, list));
        let expected = self.expected(&field.record, &positions)?;
        let source = match (&field.fhir, &field.get, &field.value) {
            (Some(fhir), None, None) => self.ends(model, field, fhir.referenced, &fhir.value.0, list, &expected)?,
            (None, Some(get), None) => self.computed(model, field, get, list, &expected)?,
            (None, None, Some(value)) => Source::Constant(match value.value.as_str() {
                Some("@type") => self.context.kind.into(),
                Some("@title") => self.context.title.into(),
                _ => literal(self.paths, &value.value),
            }),
            _ => {
                let message = "a field has one source";
                return Err((
                    at,
                    message.to_owned(),
                    "give it one of fhir: (both ways), get: and value: (one way)".to_owned(),
                ));
            }
        };
        let owner = match &field.owner {
            Some(code) => Owner::from_code(&code.value).ok_or_else(|| {
                (code.referenced, format!("{} owns nothing", code.value), "write program, ehr or events".to_owned())
            })?,
            None => match &source {
                Source::Ends { choices, .. } => choices
                    .first()
                    .and_then(|ends| ends.first())
                    .map_or(Owner::ProgramType, |end| model.nodes[end.node].owner),
                _ => Owner::ProgramType,
            },
        };
        let members = positions.iter().map(|position| position.member().into()).collect();
        let within = position.around().into();
        let record = field.record.value.0.iter().map(|path| path.as_str().into()).collect();
        let when = field.when.as_ref().map(expression).transpose()?;
        let default = self.default(field, &source, &expected)?;
        let reads_also = field.also.as_ref().is_none_or(|also| also.value.read != Some(false));
        Ok((Field { record, members, within, source, when, owner, default, reads_also }, position.clone()))
    }

    /// What the record says where the graph says nothing: one value that the schema allows, of a field that goes both ways.
    fn default(&self, field: &FieldFile, source: &Source, expected: &[Expected]) -> Result<Option<Value>, FieldIssue> {
        let Some(default) = &field.default else { return Ok(None) };
        let wrong = |text: &str, fix: &str| Err((default.referenced, text.to_owned(), fix.to_owned()));
        let ([expected], Source::Ends { .. }) = (expected, source) else {
            return wrong("a default is one value of a field with fhir:", "leave default: out, or give one place");
        };
        let value = literal(self.paths, &default.value);
        let kind = match &value {
            Value::String(_) => "string",
            Value::Bool(_) => "boolean",
            Value::Number(number) if number.is_i64() => "integer",
            Value::Number(_) => "number",
            _ => return wrong("a default is a text, a number, true or false", "write one of these"),
        };
        let listed = expected.values.is_empty()
            || value.as_str().is_none_or(|text| expected.values.iter().any(|known| known == text));
        if expected.allows(kind) && listed {
            Ok(Some(value))
        } else {
            wrong(
                "the record's schema does not allow this value here",
                "write one that it allows, or correct the schema",
            )
        }
    }

    /// Where a field's values stand in the record: side by side in one object.
    fn positions(model: &Model, record: &Spanned<OneOrMany>) -> Result<Vec<RecordPosition>, FieldIssue> {
        let wrong = |message: String, fix: &str| (record.referenced, message, fix.to_owned());
        let mut positions: Vec<RecordPosition> = Vec::new();
        for path in &record.value.0 {
            positions.push(
                RecordPosition::parse(path)
                    .map_err(|message| wrong(message, "write a place such as services[].minutes"))?,
            );
        }
        let around = |position: &RecordPosition| (position.list.clone(), position.around().to_vec());
        if positions.windows(2).any(|pair| around(&pair[0]) != around(&pair[1])) {
            return Err(wrong(
                "the values of one field are members of one object".to_owned(),
                "name places side by side",
            ));
        }
        match positions.first().and_then(|first| first.list.as_deref()) {
            Some(list) if shape::list_named(model, list).is_none() => {
                Err(wrong(format!("no node makes the list {list}"), "add a node with each: and that list"))
            }
            _ => Ok(positions),
        }
    }

    /// What the record's schema says about each value.
    fn expected(&self, record: &Spanned<OneOrMany>, positions: &[RecordPosition]) -> Result<Vec<Expected>, FieldIssue> {
        let mut expected = Vec::new();
        for (path, position) in record.value.0.iter().zip(positions) {
            let Some(found) = self.context.schema.at(&position.path.names()) else {
                let message = format!("the record's schema knows no {path}");
                return Err((
                    record.referenced,
                    message,
                    "describe it in record.schema.json, or correct its spelling".to_owned(),
                ));
            };
            expected.push(found);
        }
        Ok(expected)
    }

    fn ends(
        &self,
        model: &Model,
        field: &FieldFile,
        at: Location,
        texts: &[String],
        list: Option<usize>,
        expected: &[Expected],
    ) -> Result<Source, FieldIssue> {
        let wrong =
            |message: String| (at, message, "name nodes of this map and elements that their types have".to_owned());
        let mut choices: Vec<Vec<End>> = if let [one] = texts {
            let ends = ends(model, self.paths, self.known, one).map_err(wrong)?;
            ends.into_iter().map(|end| vec![end]).collect()
        } else {
            let ends: Result<Vec<End>, String> =
                texts.iter().map(|text| end(model, self.paths, self.known, text)).collect();
            vec![ends.map_err(wrong)?]
        };
        if choices.len() > 1 && choices.iter().flatten().any(|end| end.identity) {
            let message = "a resource has one id; it is no alternative".to_owned();
            return Err((at, message, "name the id of one node, or read several one way (get:)".to_owned()));
        }
        let via = self.converter(field.via.as_ref(), &choices, at)?;
        let says_only = |at| {
            let message =
                "says(CODE) is written where the record has a value, and nothing can be read from it".to_owned();
            (at, message, "use it in also: with read: false".to_owned())
        };
        if matches!(via, Converter::Says(_)) {
            return Err(says_only(at));
        }
        let (on_record, on_fhir) = via.ends();
        if on_record != expected.len() || choices.iter().any(|ends| ends.len() != on_fhir) {
            let message = format!("{} ties {on_record} of the record to {on_fhir} of FHIR", via.name());
            return Err((at, message, "name as many places on either side".to_owned()));
        }
        for ends in &mut choices {
            check_types(&via, ends, expected).map_err(|(message, fix)| (at, message, fix))?;
            check_reach(model, ends, list)
                .map_err(|message| (at, message, "let the field stand in the list that the node makes".to_owned()))?;
        }
        let also = match &field.also {
            None => None,
            Some(also) => {
                let at = also.referenced;
                let mut end = vec![end(model, self.paths, self.known, &also.value.fhir.value).map_err(wrong)?];
                let via = self.converter(also.value.via.as_ref(), std::slice::from_ref(&end), at)?;
                if matches!(via, Converter::Says(_)) && also.value.read != Some(false) {
                    return Err(says_only(at));
                }
                check_types(&via, &mut end, expected).map_err(|(message, fix)| (at, message, fix))?;
                end.pop().map(|end| (end, via))
            }
        };
        Ok(Source::Ends { choices, via, also })
    }

    fn computed(
        &self,
        model: &Model,
        field: &FieldFile,
        get: &Spanned<String>,
        list: Option<usize>,
        expected: &[Expected],
    ) -> Result<Source, FieldIssue> {
        let node = match &field.of {
            Some(of) => *self.known.get(&of.value).ok_or_else(|| {
                (
                    of.referenced,
                    format!("there is no node {}", of.value),
                    "name the node that get: starts from".to_owned(),
                )
            })?,
            None => {
                let root = model.nodes.iter().position(|node| matches!(node.find, Find::Root));
                root.ok_or_else(|| {
                    (get.referenced, "there is no Task".to_owned(), "add a node with root: Task".to_owned())
                })?
            }
        };
        if !within(model, nodes::list_of(model, node), list) {
            let message = format!("{} is found in the items of another list", model.nodes[node].name);
            return Err((get.referenced, message, "let the field stand in that list".to_owned()));
        }
        let translate = match &field.via {
            None => None,
            Some(via) => match argument_of(&via.value, "translate") {
                Some(name) => Some(self.crosswalk(name, via.referenced)?),
                None => {
                    let message = format!("{} is no converter of a computed value", via.value);
                    return Err((via.referenced, message, "write translate(CROSSWALK), or leave via: out".to_owned()));
                }
            },
        };
        let [expected] = expected else {
            return Err((get.referenced, "get: makes one value".to_owned(), "name one place of the record".to_owned()));
        };
        let (position, list) = (list, expected.types.iter().any(|kind| kind == "array"));
        let named = self.known.iter().filter(|(name, node)| {
            get.value.contains(&format!("%{name}")) && within(model, nodes::list_of(model, **node), position)
        });
        let named: Vec<usize> = named.map(|(_, node)| *node).collect();
        let plain = self.plain_end(model, node, get)?.filter(|_| !list && translate.is_none());
        let expression = expression(get)?;
        if plain.is_none() {
            self.check_expression(&expression, &model.nodes[node].start, get.referenced)?;
        }
        Ok(Source::Computed { node, expression, plain, named, translate, list })
    }

    /// The element that an expression names, where it is a path that chooses items, or only names of single elements: then
    /// no expression is needed to read it.
    ///
    /// # Errors
    /// A path that chooses items, and that its node does not have.
    fn plain_end(&self, model: &Model, node: usize, get: &Spanned<String>) -> Result<Option<End>, FieldIssue> {
        let text = &get.value;
        if text.contains(['(', '%', '|', '$']) {
            return Ok(None);
        }
        // In FHIRPath a number stands in brackets, and never what an item says.
        let chooses = text.contains('[') && text.contains('=');
        let path = match self.paths.compile(&model.nodes[node].start, text) {
            Ok(path) if chooses || path.steps.iter().all(|step| step.repeats == Repeats::Never) => path,
            Err(message) if chooses => {
                return Err((get.referenced, message, "name elements that the type has".to_owned()));
            }
            Ok(_) | Err(_) => return Ok(None),
        };
        Ok(Some(End { node, path, identity: false, slot: 0, reference: None }))
    }

    /// An expression that names what its type does not have finds nothing, ever.
    fn check_expression(&self, expression: &Expression, start: &str, at: Location) -> Result<(), FieldIssue> {
        match expression.check(self.paths.definitions, start).into_iter().next() {
            Some(issue) => Err((at, issue.text, "name elements that the type has".to_owned())),
            None => Ok(()),
        }
    }

    fn converter(
        &self,
        via: Option<&Spanned<String>>,
        choices: &[Vec<End>],
        at: Location,
    ) -> Result<Converter, FieldIssue> {
        let kind = choices.first().and_then(|ends| ends.first()).map_or("", |end| &*end.path.kind);
        let Some(via) = via else {
            if converter::is_primitive(kind) {
                return Ok(Converter::Same(kind.into()));
            }
            let message = format!("it ends at a {kind}, which is not a single value");
            return Err((at, message, "name an element inside it, or a converter in via:".to_owned()));
        };
        Ok(match via.value.as_str() {
            "partial-date" => Converter::PartialDate(kind.into()),
            "given" => Converter::Given,
            "referral-state" => Converter::ReferralState,
            "referral-reason" => Converter::ReferralReason,
            "minutes" => Converter::Minutes,
            "flag" => Converter::Flag,
            "day" => Converter::Day,
            "period" => Converter::Period,
            "phone" => Converter::Phone,
            "lines" => Converter::Lines,
            "money" => Converter::Money(None),
            text => return self.converter_of(text, via.referenced),
        })
    }

    /// A converter that is told of what: `quantity(g)`.
    fn converter_of(&self, text: &str, at: Location) -> Result<Converter, FieldIssue> {
        let wrong = |message: String, fix: &str| Err((at, message, fix.to_owned()));
        if let Some(name) = argument_of(text, "crosswalk") {
            return Ok(Converter::Crosswalk(self.crosswalk(name, at)?));
        }
        if let Some(kind) = argument_of(text, "id") {
            if !self.paths.definitions.is_resource_type(kind) {
                return wrong(format!("{kind} is no resource type of FHIR R4"), "write id(Condition), or another type");
            }
            return Ok(Converter::Id(kind.into()));
        }
        if let Some(code) = argument_of(text, "says") {
            return Ok(Converter::Says(code.into()));
        }
        if let Some(unit) = argument_of(text, "quantity") {
            if !is_ucum(unit) {
                return wrong(
                    format!("{unit} is no unit of UCUM"),
                    "write quantity(g), quantity(wk), quantity(1), ...",
                );
            }
            return Ok(Converter::Quantity(unit.into()));
        }
        if let Some(currency) = argument_of(text, "money") {
            if currency.len() != 3 || !currency.bytes().all(|byte| byte.is_ascii_uppercase()) {
                return wrong(format!("{currency} is no currency"), "write money(USD), or another code of ISO 4217");
            }
            return Ok(Converter::Money(Some(currency.into())));
        }
        wrong(
            format!("there is no converter {text}"),
            "use partial-date, day, period, given, lines, phone, quantity(UNIT), minutes, money, money(CURRENCY), flag, id(TYPE), \
             says(CODE), crosswalk(NAME), referral-state or referral-reason",
        )
    }

    fn crosswalk(&self, name: &str, at: Location) -> Result<Arc<Crosswalk>, FieldIssue> {
        self.context.crosswalks.get(name).cloned().ok_or_else(|| {
            (at, format!("there is no crosswalk {name}"), format!("add profiles/crosswalks/{name}.yaml"))
        })
    }

    fn withhold(&self, model: &Model, rule: &WithholdFile) -> Result<Withhold, FieldIssue> {
        let node = *self.known.get(&rule.of.value).ok_or_else(|| {
            (
                rule.of.referenced,
                format!("there is no node {}", rule.of.value),
                "name the node that when: starts from".to_owned(),
            )
        })?;
        let mut record = Vec::new();
        for path in &rule.record.value.0 {
            let position = RecordPosition::parse(path);
            let position = position
                .map_err(|message| (rule.record.referenced, message, "write a place of the record".to_owned()))?;
            record.push(position.names.into());
        }
        let when = expression(&rule.when)?;
        self.check_expression(&when, &model.nodes[node].start, rule.when.referenced)?;
        let name: Box<str> = rule.rule.value.as_str().into();
        let mut fhir = Vec::new();
        for path in &rule.fhir.value.0 {
            fhir.push(self.withheld_element(&name, path, rule.fhir.referenced)?);
        }
        Ok(Withhold { rule: name, node, when, record, fhir })
    }

    /// `Type.element`
    fn withheld_element(&self, rule: &str, path: &str, at: Location) -> Result<WithheldElement, FieldIssue> {
        let parts = path.split_once('.').filter(|(kind, member)| !kind.is_empty() && !member.contains('.'));
        let Some((kind, member)) = parts else {
            let text = format!("{path} is no element of a resource");
            return Err((at, text, "write Type.element, as in Patient.telecom".to_owned()));
        };
        let element = Expression::parse(member).map_err(|issue| (at, issue.text, String::new()))?;
        self.check_expression(&element, kind, at)?;
        Ok(WithheldElement { rule: rule.into(), kind: kind.into(), member: member.into() })
    }
}

/// `name(argument)`
fn argument_of<'t>(text: &'t str, name: &str) -> Option<&'t str> {
    Some(text.strip_prefix(name)?.strip_prefix('(')?.strip_suffix(')')?.trim())
}

fn expression(text: &Spanned<String>) -> Result<Expression, FieldIssue> {
    Expression::parse(&text.value).map_err(|issue| {
        (text.referenced, issue.text.clone(), "write FHIRPath (http://hl7.org/fhirpath/N1/)".to_owned())
    })
}

/// Is `outer` the list `inner`, one around it, or the record itself?
fn within(model: &Model, outer: Option<usize>, inner: Option<usize>) -> bool {
    outer.is_none() || outer == inner || inner.is_some_and(|list| within(model, outer, model.nodes[list].scope))
}

/// Can the field reach its ends from where it stands, and is it the only one to write them?
fn check_reach(model: &Model, ends: &[End], list: Option<usize>) -> Result<(), String> {
    for end in ends {
        let own_list = nodes::list_of(model, end.node);
        if own_list != list && !(end.identity && within(model, own_list, list)) {
            let name = &model.nodes[end.node].name;
            return Err(match own_list {
                Some(own_list) => format!(
                    "{name} is found in the items of {}",
                    model.nodes[own_list].each.as_ref().map_or("", |each| &each.record)
                ),
                None => format!("{name} is found once, and the field stands in every item of a list"),
            });
        }
    }
    Ok(())
}

/// Does the converter fit what stands at both ends? Lists are taken whole where the record has a list.
fn check_types(via: &Converter, ends: &mut [End], expected: &[Expected]) -> Result<(), (String, String)> {
    let wanted: &[&[&str]] = match via {
        Converter::Same(_) | Converter::Flag => &[],
        Converter::PartialDate(_) | Converter::Day => &[&["date", "dateTime"]],
        Converter::Given | Converter::Id(_) | Converter::Phone | Converter::Lines => &[&["string"]],
        Converter::Period => &[&["Period"]],
        Converter::Money(_) => &[&["Money"]],
        Converter::Quantity(_) => &[&["Quantity", "Duration", "Age", "Count", "Distance", "SimpleQuantity"]],
        Converter::ReferralState => &[&["CodeableConcept"], &["code"]],
        Converter::ReferralReason => &[&["code"], &["string"]],
        Converter::Crosswalk(_) => &[&["code", "string", "uri"]],
        Converter::Says(_) => &[&["code"]],
        Converter::Minutes => &[&["Quantity", "Duration"]],
    };
    for (end, wanted) in ends.iter().zip(wanted) {
        if !wanted.contains(&&*end.path.kind) {
            let message =
                format!("{} is for {}, and {} is a {}", via.name(), wanted.join(" or "), end.path.text, end.path.kind);
            return Err((message, "use another converter, or name another element".to_owned()));
        }
    }
    // Whatever the value is, the code is the same.
    let expected = if matches!(via, Converter::Says(_)) { &[][..] } else { expected };
    for (which, expected) in expected.iter().enumerate() {
        let kind = match via {
            Converter::Minutes => "integer",
            Converter::Quantity(_) => "number",
            Converter::Money(_) if which == 0 => "number",
            Converter::Flag => "boolean",
            Converter::Same(kind) => match converter::json_kind(kind) {
                Kind::Bool => "boolean",
                Kind::Number if &**kind == "decimal" => "number",
                Kind::Number => "integer",
                _ => "string",
            },
            _ => "string",
        };
        let whole = expected.types.iter().any(|kind| kind == "array") && ends.iter().all(|end| end.path.list);
        if !whole && !expected.allows(kind) {
            let message =
                format!("FHIR has a {kind} there, and the record's schema expects {}", expected.types.join(" or "));
            return Err((message, "correct the schema, or add a converter".to_owned()));
        }
        if whole || matches!(via, Converter::Given | Converter::Lines) {
            for step in ends.iter_mut().filter_map(|end| end.path.steps.last_mut()) {
                step.repeats = Repeats::Whole;
            }
        }
    }
    check_codes(via, ends, expected)
}

/// Does a path choose what it leads to by this version?
fn names_version(path: &Path, version: &str) -> bool {
    let conditions = path.steps.iter().flat_map(|step| &step.select);
    conditions.into_iter().any(|condition| &*condition.text == "version" && condition.value == version)
}

/// Has every code that the record may hold a counterpart, where FHIR takes no other?
fn check_codes(via: &Converter, ends: &[End], expected: &[Expected]) -> Result<(), (String, String)> {
    let Converter::Crosswalk(table) = via else { return Ok(()) };
    if table.target.version_needed && !ends.iter().all(|end| names_version(&end.path, &table.target.version)) {
        return Err((
            format!("a code of {} means nothing without its version", table.target.url),
            format!(
                "choose the coding by its version as well: coding[system=...,version={}].code",
                table.target.version
            ),
        ));
    }
    let closed = ends.iter().all(|end| &*end.path.kind == "code" && !end.path.coded);
    let values = expected.iter().flat_map(|expected| &expected.values);
    let missing: Vec<&str> =
        values.filter(|code| closed && table.target_of(code).is_none()).map(String::as_str).collect();
    if missing.is_empty() {
        return Ok(());
    }
    Err((
        format!("crosswalk {} has no row for {}", table.name, missing.join(", ")),
        "add the rows, or take the codes out of the schema".to_owned(),
    ))
}
