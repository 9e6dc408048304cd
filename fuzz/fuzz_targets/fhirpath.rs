//! Any text as an expression: compiled or refused at a place within it; what is compiled ends within its steps, whichever
//! way it is evaluated, and is true where it says that it has to be.

#![no_main]

use std::sync::LazyLock;

use handoff::definitions::Definitions;
use handoff::fhir::{Document, Key};
use handoff::fhirpath::{Collection, Context, Expression, Inferred, Model, Temporal};
use libfuzzer_sys::fuzz_target;

static R4: LazyLock<Definitions> = LazyLock::new(|| Definitions::r4().expect("the embedded pack"));

static TASK: LazyLock<Document> =
    LazyLock::new(|| Document::parse(include_str!("../../benches/referral-task.json")).expect("a document"));

static ODD: LazyLock<Document> = LazyLock::new(|| {
    Document::parse(
        r##"{"resourceType":"Basic","id":"b","contained":[{"resourceType":"Basic","id":"c","code":{"text":"x"}}],
        "subject":{"reference":"#c"},"created":"2026-11","author":{"reference":"Patient/1"},
        "extension":[{"url":"x","valueQuantity":{"value":1.5,"system":"http://unitsofmeasure.org","code":"mg"}},
        {"url":"y","valueDate":"2026-11"},{"url":"z","valueString":"a\u00e9\n"}],
        "given":["\u00e9",null,"b"],"_given":[null,{"id":"i"},{"extension":[{"url":"x","valueInteger":-7}]}]}"##,
    )
    .expect("a document")
});

fuzz_target!(|text: &str| {
    match Expression::parse(text) {
        Ok(expression) => {
            evaluate(&expression, &TASK, &*R4);
            evaluate(&expression, &ODD, &Inferred);
            let _ = expression.check(&*R4, "Task");
            for branch in expression.branches() {
                let _ = (branch.as_path(), branch.first_name());
            }
        }
        Err(issue) => {
            let place = issue.position.expect("a refusal has a place");
            let line = text.split('\n').nth(place.line as usize - 1).expect("the line is there");
            assert!(place.column as usize <= line.chars().count() + 1, "{issue}");
        }
    }
});

fn evaluate(expression: &Expression, document: &Document, model: &dyn Model) {
    let root = document.root();
    let resolve = |reference: &str| (reference == "Patient/1").then_some(root);
    let member_of = |_: &handoff::fhirpath::Item<'_>, set: &str| (set != "unknown").then_some(set.len() % 2 == 0);
    let hear = |_: &str, _: &Collection<'_>| {};
    let now = Temporal::from_epoch_millis(1_763_700_000_000).expect("a moment");
    let context = Context::new(root).model(model).steps(20_000).now(now);
    let context = context.resolve(&resolve).member_of(&member_of).trace(&hear);
    if let Ok(found) = expression.evaluate(&context, root) {
        for item in &found {
            let _ = (item.to_text(), item.to_json());
        }
    }
    let truth = expression.evaluate_bool(&context, root);
    if let Some(names) = expression.true_without() {
        let is_named = |member: &str| names.iter().any(|name| member.trim_start_matches('_').starts_with(name));
        let absent = !root.members().any(|member| is_named(member.name()));
        let costly = truth.as_ref().is_err_and(|issue| issue.key == Key::ExpressionCostly);
        assert!(!absent || costly || truth == Ok(Some(true)), "{expression} without {names:?}: {truth:?}");
    }
}
