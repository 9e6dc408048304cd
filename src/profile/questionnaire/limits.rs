//! The limits of an answer: length, form, smallest and largest value, decimal places, size and kind of attachments
//! (`maxLength` and the extensions of <https://hl7.org/fhir/R4/questionnaire-profiles.html>).

use std::borrow::Cow;
use std::cmp::Ordering;

use super::enable::order;
use super::form::Question;
use super::question_limits::Limits;
use super::response_check::ResponseCheck;
use crate::fhir::{Key, Node};
use crate::fhirpath::Temporal;
use crate::profile::finding::Finding;

/// A pattern may read this many characters times its states.
const MAX_READING_COST: usize = 50_000_000;

/// Is the answer within the limits of the question?
pub(super) fn check<'d>(
    check: &mut ResponseCheck<'_, '_, '_, 'd>,
    question: &Question<'d>,
    kind: &str,
    node: Node<'d>,
) {
    let limits = question.limits.get_or_init(|| Limits::of(question.node));
    match kind {
        "String" | "Uri" => {
            let text = node.as_str().unwrap_or_default();
            check_length(check, question, limits, node, &text);
            check_pattern(check, question, limits, node, &text);
        }
        "Integer" | "Decimal" => {
            check_length(check, question, limits, node, node.text());
            check_decimals(check, question, limits, node);
            check_pattern(check, question, limits, node, node.text());
        }
        "Attachment" => check_attachment(check, question, limits, node),
        "Date" | "DateTime" | "Time" => {
            check_pattern(check, question, limits, node, &node.as_str().unwrap_or_default());
        }
        _ => {}
    }
    check_range(check, question, limits, (kind, node));
}

fn report_limit<'d>(check: &mut ResponseCheck<'_, '_, '_, 'd>, node: Node<'d>, text: String, hint: String) {
    check.report(Finding::error(Key::QuestionnaireLimit, node, text).hint(hint));
}

fn check_length<'d>(
    check: &mut ResponseCheck<'_, '_, '_, 'd>,
    question: &Question<'d>,
    limits: &Limits<'_>,
    node: Node<'d>,
    text: &str,
) {
    let count = text.chars().count();
    let link_id = &question.link_id;
    if let Some(max) = limits.max_length.filter(|max| count > *max) {
        let text = format!("the answer to \"{link_id}\" has {count} characters, at most {max} are allowed");
        report_limit(check, node, text, "shorten it".to_owned());
    }
    if let Some(min) = limits.min_length.filter(|min| count < *min) {
        let text = format!("the answer to \"{link_id}\" has {count} characters, at least {min} are expected");
        report_limit(check, node, text, "write it in full".to_owned());
    }
}

fn check_pattern<'d>(
    check: &mut ResponseCheck<'_, '_, '_, 'd>,
    question: &Question<'d>,
    limits: &Limits<'_>,
    node: Node<'d>,
    text: &str,
) {
    let Some(regex) = &limits.regex else { return };
    let reading = limits.pattern.as_ref().map(|pattern| pattern.states().saturating_mul(text.len()));
    let Some(pattern) = limits.pattern.as_ref().filter(|_| reading.is_some_and(|reading| reading <= MAX_READING_COST))
    else {
        let text =
            format!("the regex of \"{}\" is not one that is run here; its answers are not checked", question.link_id);
        let hint = "have the regex in the Questionnaire checked; looking around and back-references are not run";
        check.context.report_once(&text, || Finding::not_checked(node, text.clone()).hint(hint));
        return;
    };
    if check.spend(reading.unwrap_or_default() / 64 + 1) && !pattern.is_match(text) {
        let text = format!("the answer to \"{}\" has not the form that is asked for", question.link_id);
        let hint = match &limits.entry_format {
            Some(format) => format!("write it like {format}"),
            None => format!("match the regular expression {regex}"),
        };
        report_limit(check, node, text, hint);
    }
}

fn check_decimals<'d>(
    check: &mut ResponseCheck<'_, '_, '_, 'd>,
    question: &Question<'d>,
    limits: &Limits<'_>,
    node: Node<'d>,
) {
    let digits = node.text().split(['e', 'E']).next().unwrap_or_default();
    let places = digits.split_once('.').map_or(0, |(_, places)| places.len());
    if let Some(max) = limits.decimal_places.filter(|max| places > *max) {
        let text =
            format!("the answer to \"{}\" has {places} decimal places, at most {max} are allowed", question.link_id);
        report_limit(check, node, text, "round it".to_owned());
    }
}

fn check_range<'d>(
    check: &mut ResponseCheck<'_, '_, '_, 'd>,
    question: &Question<'d>,
    limits: &Limits<'_>,
    answer: (&str, Node<'d>),
) {
    let link_id = &question.link_id;
    for (limit, refused) in [(limits.min, Ordering::Less), (limits.max, Ordering::Greater)] {
        let Some(limit) = limit else { continue };
        let Some(found) = compare(answer, limit) else {
            let edge = if refused.is_lt() { "minValue" } else { "maxValue" };
            let text = format!("the {edge} of \"{link_id}\" is of another type than the answer; they are not compared");
            let hint = "have the limit in the Questionnaire say a value of the question's type";
            check.context.report_once(&text, || Finding::not_checked(answer.1, text.clone()).hint(hint));
            continue;
        };
        if found == refused {
            let limit_text = describe(limit);
            let is_number = matches!(limit.0, "Integer" | "Decimal" | "Quantity");
            let (word, hint) = match (is_number, refused.is_lt()) {
                (true, true) => ("less", format!("answer with {limit_text} or more")),
                (true, false) => ("more", format!("answer with {limit_text} or less")),
                (false, true) => ("earlier", format!("answer with {limit_text} or later")),
                (false, false) => ("later", format!("answer with {limit_text} or earlier")),
            };
            report_limit(check, answer.1, format!("the answer to \"{link_id}\" is {word} than {limit_text}"), hint);
        }
    }
}

/// A limit, for people.
fn describe((kind, node): (&str, Node<'_>)) -> String {
    let text = node.as_str().unwrap_or(Cow::Borrowed(node.text()));
    match (kind, text.len()) {
        ("Quantity", _) => node.get("value").map_or("?", Node::text).to_owned(),
        ("Date" | "DateTime", ..10) => format!("the first day of {text}"),
        _ => text.into_owned(),
    }
}

/// Which is more. A date that leaves parts out stands for its first moment, on both sides: 2026-06 is less than
/// 2026-06-30, as it is when they are sorted.
fn compare(left: (&str, Node<'_>), right: (&str, Node<'_>)) -> Option<Ordering> {
    let start = |(kind, node): (&str, Node<'_>)| {
        let is_date = matches!(kind, "Date" | "DateTime" | "Instant");
        let moment = is_date.then(|| Temporal::parse_date_time(&node.as_str()?)).flatten()?;
        Some(moment.interval().0)
    };
    match (start(left), start(right)) {
        (Some(left), Some(right)) => Some(left.cmp(&right)),
        _ => order(left, right),
    }
}

fn check_attachment<'d>(
    check: &mut ResponseCheck<'_, '_, '_, 'd>,
    question: &Question<'d>,
    limits: &Limits<'_>,
    node: Node<'d>,
) {
    let link_id = &question.link_id;
    if !limits.media_types.is_empty() {
        let list = limits.media_types.join(" or ");
        match node.get("contentType").and_then(|at| Some((at, at.as_str()?))) {
            Some((at, kind)) if !limits.media_types.iter().any(|allowed| is_media_type(&kind, allowed)) => {
                let text = format!("\"{link_id}\" takes no attachment of this kind");
                report_limit(check, at, text, format!("attach {list}"));
            }
            Some(_) => {}
            None => {
                let text =
                    format!("\"{link_id}\" takes attachments of some kinds only, and this one does not say its kind");
                let finding = Finding::error(Key::QuestionnaireLimit, node, text).about_missing("contentType");
                check.report(finding.hint(format!("attach {list}, and say so in contentType")));
            }
        }
    }
    // Neither the extension nor R4 names a unit: bytes, as Attachment.size has them.
    let stated = node.get("size").and_then(|size| size.as_number()?.parse::<f64>().ok());
    let size = stated.or_else(|| node.str("data").map(|data| bytes(&data)));
    if let (Some(max), Some(size)) = (limits.max_size, size)
        && size > max
    {
        let text = format!("the attachment of \"{link_id}\" has {size} bytes, at most {max} are allowed");
        report_limit(check, node, text, "attach something smaller".to_owned());
    }
}

/// Does a media type fall under an allowed one (`image/*`)? Parameters do not count, nor does case.
fn is_media_type(found: &str, allowed: &str) -> bool {
    let bare = |text: &str| text.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let (found, allowed) = (bare(found), bare(allowed));
    found == allowed || allowed.strip_suffix('*').is_some_and(|front| front.ends_with('/') && found.starts_with(front))
}

/// How many bytes a base64 text stands for.
#[expect(clippy::cast_precision_loss, reason = "documents are far below 2^52 bytes")]
fn bytes(base64: &str) -> f64 {
    let digits = base64.bytes().filter(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/')).count();
    (digits * 3 / 4) as f64
}
