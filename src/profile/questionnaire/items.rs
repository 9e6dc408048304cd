//! Items and their positions: a response has the items of its form, in the same positions and the same order, groups as
//! often as they repeat, questions once with all their answers (<https://hl7.org/fhir/R4/questionnaireresponse.html#link>).

use std::collections::HashMap;

use super::enable::Enabled;
use super::form::{ItemKind, Question};
use super::response_check::ResponseCheck;
use super::{answer, enable, options};
use crate::fhir::nearest_name::nearest;
use crate::fhir::{Key, Node, Severity};
use crate::profile::finding::Finding;

/// More linkIds than this are not searched for the one that may have been meant.
const MAX_SEARCHED: usize = 100;

impl<'d> ResponseCheck<'_, '_, '_, 'd> {
    /// The items of a response, a group or an answer, against the questions below `parent`.
    pub(super) fn items(&mut self, container: Node<'d>, parent: Option<u32>) {
        let form = self.form;
        let mut present: HashMap<u32, u32> = HashMap::new();
        // Where the first item behind each position stands, for those that are missing before it.
        let mut item_positions: Vec<(u32, u32)> = Vec::new();
        let mut last = 0;
        for item in container.list("item").filter(|item| item.is_object()) {
            if !self.spend(1) {
                return;
            }
            let Some(named) = item.get("linkId") else { continue };
            let Some(link_id) = named.as_str() else { continue };
            let Some((number, question)) = form.at(parent, &link_id).and_then(|it| Some((it, form.question(it)?)))
            else {
                self.report_stray(named, &link_id, parent);
                continue;
            };
            if question.position < last {
                let text = "the item stands behind one that follows it in the Questionnaire";
                self.report(Finding::error(Key::QuestionnaireItem, item, text).hint("keep the order of the form"));
            }
            last = question.position;
            item_positions.push((question.position, item.index()));
            let times = present.entry(number).or_default();
            *times += 1;
            let times = *times;
            let outer = self.current_question.replace(number);
            self.check_repetition(item, question, times);
            self.item(item, number, question);
            self.current_question = outer;
        }
        self.check_missing(container, parent, &present, &item_positions);
    }

    /// An item that the form does not have here.
    fn report_stray(&mut self, named: Node<'d>, link_id: &str, parent: Option<u32>) {
        let form = self.form;
        let finding = if let Some(known) = form.with_link_id(link_id) {
            let text = format!("the item \"{link_id}\" is in the wrong place");
            let above = known.parent.and_then(|parent| form.question(parent));
            let hint = match above {
                Some(Question { kind: ItemKind::Group, link_id, .. }) => format!("put it into the group \"{link_id}\""),
                Some(Question { link_id, .. }) => format!("put it under an answer to \"{link_id}\""),
                None => "put it at the top of the response".to_owned(),
            };
            Finding::error(Key::QuestionnaireItem, named, text).hint(hint)
        } else if form.is_modular {
            let text = "the item may belong to a form that this one is put together from; it is not checked";
            Finding::not_checked(named, text)
        } else {
            let text = "the Questionnaire has no item with this linkId";
            let siblings =
                form.children_of(parent).iter().filter_map(|number| form.question(*number)).take(MAX_SEARCHED);
            let meant = nearest(link_id, siblings.map(|question| &*question.link_id));
            let hint = meant.map(|meant| format!("did you mean \"{meant}\"?"));
            Finding::error(Key::QuestionnaireItem, named, text).hint_if(hint)
        };
        self.report(finding);
    }

    /// Only groups are there more than once, and only as often as the form says.
    fn check_repetition(&mut self, item: Node<'d>, question: &Question<'d>, times: u32) {
        if times < 2 {
            return;
        }
        if question.kind != ItemKind::Group {
            if times == 2 {
                let text = format!("the item \"{}\" is there more than once", question.link_id);
                let hint = "put all answers to a question into one item";
                self.report(Finding::error(Key::QuestionnaireCount, item, text).hint(hint));
            }
        } else if question.max_count.is_some_and(|max_count| times == max_count.saturating_add(1)) {
            let max_count = question.max_count.unwrap_or(1);
            let text = format!("the group \"{}\" is there more than {}", question.link_id, times_text(max_count));
            self.report(Finding::error(Key::QuestionnaireCount, item, text).hint("leave out what is too much"));
        }
    }

    fn item(&mut self, item: Node<'d>, number: u32, question: &Question<'d>) {
        self.check_text(item, question);
        match self.enabled(question, item.index()) {
            Enabled::No => return self.check_disabled(item, question),
            Enabled::Yes | Enabled::Unknown => {}
        }
        match question.kind {
            ItemKind::Group => {
                self.refuse_answers(item, "a group has no answers, only items", "put the items into the group itself");
                if question.is_required && question.children.iter().all(|child| !self.is_required(*child)) {
                    self.check_group_has_items(item, question);
                }
                self.items(item, Some(number));
            }
            ItemKind::Display => {
                self.refuse_answers(item, "this item is text to be read; it takes no answer", "leave out the answer");
            }
            ItemKind::Abstract => {
                let text = "the Questionnaire gives the item the type question, which only heads the others: no answer fits it";
                self.refuse_answers(item, text, "have the type corrected in the Questionnaire");
            }
            _ => {
                if let Some(inner) = item.get("item") {
                    let text = "items below a question belong to one of its answers";
                    let hint = "move them into answer.item";
                    self.report(Finding::error(Key::QuestionnaireItem, inner, text).about_name().hint(hint));
                }
                self.answers(item, number, question);
            }
        }
    }

    /// The answers to a question, each with the items below it.
    fn answers(&mut self, item: Node<'d>, number: u32, question: &Question<'d>) {
        let answers: Vec<Node<'d>> = item.list("answer").filter(|answer| answer.is_object()).collect();
        if !self.spend(answers.len()) {
            return;
        }
        answer::check_count(self, item, question, &answers);
        for answer in &answers {
            if self.context.findings.is_full() {
                return;
            }
            answer::check(self, question, *answer);
            self.items(*answer, Some(number));
        }
        options::check_exclusive(self, question, &answers);
    }

    fn is_required(&self, number: u32) -> bool {
        self.form.question(number).is_some_and(|question| question.is_required)
    }

    fn refuse_answers(&mut self, item: Node<'d>, text: &'static str, hint: &'static str) {
        if let Some(answer) = item.get("answer") {
            self.report(Finding::error(Key::QuestionnaireItem, answer, text).about_name().hint(hint));
        }
    }

    /// A required group holds something.
    fn check_group_has_items(&mut self, item: Node<'d>, question: &Question<'d>) {
        if item.get("item").is_none()
            && let Some(severity) = self.completion.severity()
        {
            let text = format!("the group \"{}\" is required, but holds nothing", question.link_id);
            self.report(
                Finding::error(Key::QuestionnaireRequired, item, text).about_missing("item").severity(severity),
            );
        }
    }

    /// An item whose conditions are not met holds no answer.
    fn check_disabled(&mut self, item: Node<'d>, question: &Question<'d>) {
        let is_answered = |inner: Node<'_>| inner.name() == "answer" && inner.is_array();
        if let Some(severity) = self.completion.severity()
            && item.descendants().any(is_answered)
        {
            let text = format!("the item \"{}\" is answered, though its enableWhen is not met", question.link_id);
            self.report(Finding::error(Key::QuestionnaireDisabled, item, text).severity(severity));
        }
    }

    /// The text is for people; it should be the one that they were asked.
    fn check_text(&mut self, item: Node<'d>, question: &Question<'d>) {
        let Some((at, sent_text)) = item.get("text").and_then(|at| Some((at, at.as_str()?))) else { return };
        if question.node.str("text").as_deref() == Some(&*sent_text) || is_translation(question.node, &sent_text) {
            return;
        }
        let text = format!("the text is not the one that the Questionnaire has for \"{}\"", question.link_id);
        self.report(Finding::error(Key::QuestionnaireText, at, text).severity(Severity::Warning));
    }

    /// The required items that are not there.
    fn check_missing(
        &mut self,
        container: Node<'d>,
        parent: Option<u32>,
        present: &HashMap<u32, u32>,
        item_positions: &[(u32, u32)],
    ) {
        let Some(severity) = self.completion.severity() else { return };
        let form = self.form;
        let below = form.children_of(parent);
        if !self.spend(below.len()) {
            return;
        }
        for number in below {
            let Some(question) = form.question(*number) else { continue };
            if let Some(times) = present.get(number) {
                self.check_minimum(container, question, *times, severity);
                continue;
            }
            let can_be_missing = matches!(question.kind, ItemKind::Display | ItemKind::Abstract | ItemKind::Unknown);
            if !question.is_required || can_be_missing {
                continue;
            }
            let has_conditions = question.node.get("enableWhen").is_some();
            let at = if has_conditions && self.spend(item_positions.len()) {
                item_positions.iter().find(|(position, _)| *position > question.position).map(|(_, index)| *index)
            } else {
                None
            };
            if self.enabled(question, at.unwrap_or(container.after())) == Enabled::Yes {
                let text = format!("the required item \"{}\" is missing", question.link_id);
                let finding = Finding::error(Key::QuestionnaireRequired, container, text).about_missing("item");
                let outer = self.current_question.replace(*number);
                self.report(finding.severity(severity));
                self.current_question = outer;
            }
        }
    }

    /// A group that is there at all is there as often as the form says.
    fn check_minimum(&mut self, container: Node<'d>, question: &Question<'d>, times: u32, severity: Severity) {
        if question.kind == ItemKind::Group && times < question.min_count {
            let text = format!(
                "the group \"{}\" is to be there {}, found {times}",
                question.link_id,
                times_text(question.min_count)
            );
            let finding = Finding::error(Key::QuestionnaireCount, container, text).about_missing("item");
            self.report(finding.hint("add the group again for what is not said yet").severity(severity));
        }
    }

    fn enabled(&mut self, question: &Question<'d>, at: u32) -> Enabled {
        if question.node.get("enableWhen").is_some() && !self.spend(8) {
            return Enabled::Unknown;
        }
        enable::is_enabled(question, at, &self.occurrences)
    }
}

fn times_text(times: u32) -> String {
    match times {
        1 => "once".to_owned(),
        2 => "twice".to_owned(),
        _ => format!("{times} times"),
    }
}

/// Is it how the form says its text in another language (<https://hl7.org/fhir/R4/extension-translation.html>)?
fn is_translation(question: Node<'_>, sent_text: &str) -> bool {
    let Some(beside) = question.get("_text") else { return false };
    beside.descendants().any(|inner| inner.name().starts_with("value") && inner.is_str(sent_text))
}
