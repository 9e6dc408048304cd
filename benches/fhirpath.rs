//! What invariants cost, in one run.
//!
//! `cargo bench --bench fhirpath`. The first group is single expressions on a referral Task; the second is what a check
//! evaluates on it all together: every constraint of every element's type, and those of the profile that has most of
//! them, where `../shared/packages` lies beside this repository. The aim is 5 to 8 microseconds for a Task.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

use std::fs;
use std::path::Path;
use std::sync::LazyLock;

use divan::{Bencher, black_box};
use handoff::definitions::{Definitions, Package};
use handoff::fhir::{Document, Node};
use handoff::fhirpath::{Context, Expression};

static R4: LazyLock<Definitions> = LazyLock::new(|| Definitions::r4().unwrap());

static TASK: LazyLock<Document> = LazyLock::new(|| Document::parse(include_str!("referral-task.json")).unwrap());

static GUIDE: &str = "../shared/packages/hl7.fhir.us.sdoh-clinicalcare-3.0.0.tgz";

static PROFILE: &str = "http://hl7.org/fhir/us/sdoh-clinicalcare/StructureDefinition/SDOHCC-TaskForPatient";

fn main() {
    divan::main();
}

/// What invariants look like: a path from the Task to the element that it is evaluated on, and the expression.
const SINGLE: &[(&str, &str)] = &[
    ("$this", "true"),
    ("$this", "focus.exists() implies for.exists()"),
    ("$this", "status = 'completed' implies performed.exists()"),
    ("$this", "input.type.coding.where(system = 'x' and code = 'y').exists()"),
    (
        "$this",
        "code.coding.where(system='urn:x' and code='y').exists() implies (description.exists() and output.empty())",
    ),
    ("$this", "lastModified.exists().not() or authoredOn.exists().not() or lastModified >= authoredOn"),
    ("$this", "contained.contained.empty()"),
    ("$this", "text.`div`.exists()"),
    ("$this", "output.all(value.exists())"),
    ("code.coding[0]", "code.exists() or value.empty()"),
    ("note[0]", "start.hasValue().not() or end.hasValue().not() or (start <= end)"),
    (
        "focus",
        "reference.startsWith('#').not() or (reference.substring(1).trace('url') in %rootResource.contained.id.trace('ids'))",
    ),
    ("identifier[0]", "hasValue() or (children().count() > id.count())"),
    ("focus", "reference.matches('^[A-Z][A-Za-z]+/.+$')"),
    ("input[0]", "value is Reference"),
    ("input[0]", "value.ofType(Reference).reference.exists()"),
    ("$this", "descendants().where(hasValue()).exists()"),
];

#[divan::bench(args = 0..SINGLE.len(), sample_count = 100, sample_size = 1000)]
fn single(bencher: Bencher<'_, '_>, which: usize) {
    let (path, text) = SINGLE[which];
    let context = Context::new(TASK.root()).model(&*R4);
    let start = Expression::parse(path).unwrap();
    let found = start.evaluate(&context, TASK.root()).unwrap();
    let node = found.only().unwrap().node().unwrap();
    let expression = Expression::parse(text).unwrap();
    bencher.bench_local(|| expression.evaluate_bool(black_box(&context), black_box(node)));
}

/// Every pair of an element of the Task and a constraint on it.
fn pairs(definitions: &Definitions, with_profile: bool) -> Vec<(Node<'static>, Expression)> {
    let mut pairs = Vec::new();
    walk(definitions, TASK.root(), "Task", 0, &mut pairs);
    if let Some(profile) = definitions.structure(PROFILE).filter(|_| with_profile) {
        let known: Vec<String> = pairs.iter().map(|(_, expression)| expression.text().to_owned()).collect();
        let root = profile.root().unwrap();
        let own = root.constraints.iter().filter(|constraint| !known.contains(&constraint.expression));
        pairs.extend(own.map(|constraint| (TASK.root(), Expression::parse(&constraint.expression).unwrap())));
    }
    pairs
}

fn walk(
    definitions: &Definitions,
    node: Node<'static>,
    kind: &str,
    index: u32,
    pairs: &mut Vec<(Node<'static>, Expression)>,
) {
    let Some(structure) = definitions.structure(kind) else { return };
    add(&structure.element(index).unwrap().constraints, node, pairs);
    for member in node.members() {
        let Some(child) = structure.child(index, member.name()) else { continue };
        for item in member.each() {
            if child.element.children.is_empty() {
                add(&child.element.constraints, item, pairs);
                let code = child.choice.or(child.element.types.first()).map(|allowed| allowed.code.clone());
                walk(definitions, item, &code.unwrap_or_default(), 0, pairs);
            } else {
                walk(definitions, item, kind, child.index, pairs);
            }
        }
    }
}

fn add(
    constraints: &[handoff::definitions::structure::Constraint],
    node: Node<'static>,
    pairs: &mut Vec<(Node<'static>, Expression)>,
) {
    // A checker answers the two that hold for every element by itself.
    let own = constraints.iter().filter(|constraint| !["ele-1", "ext-1", "txt-1", "txt-2"].contains(&&*constraint.key));
    pairs.extend(own.map(|constraint| (node, Expression::parse(&constraint.expression).unwrap())));
}

fn all_of_them(bencher: Bencher<'_, '_>, pairs: &[(Node<'static>, Expression)]) {
    println!("{} evaluations", pairs.len());
    bencher.bench_local(|| {
        let context = Context::new(TASK.root()).model(&*R4);
        for (node, expression) in pairs {
            let held = black_box(expression.evaluate_bool(&context, *node));
            debug_assert!(held.is_ok());
        }
    });
}

#[divan::bench(sample_count = 100, sample_size = 100)]
fn task_of_r4(bencher: Bencher<'_, '_>) {
    all_of_them(bencher, &pairs(&R4, false));
}

#[divan::bench(sample_count = 100, sample_size = 100)]
fn task_of_the_guide(bencher: Bencher<'_, '_>) {
    let Ok(bytes) = fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join(GUIDE)) else {
        println!("skipped: {GUIDE} is not there");
        return;
    };
    let definitions = R4.with(Package::from_tgz(bytes.as_slice()).unwrap());
    all_of_them(bencher, &pairs(&definitions, true));
}
