//! A Questionnaire (<https://hl7.org/fhir/R4/questionnaire.html>), made ready for checking answers: its questions by
//! linkId and position, with what bounds each of them. Made once for all responses to it.

use std::borrow::Cow;
use std::cell::OnceCell;
use std::collections::HashMap;
use std::rc::Rc;

use super::elements::extension;
use super::question_limits::Limits;
use super::question_options::Options;
use crate::fhir::Node;

/// The forms of a check, made ready once for all responses to them.
pub(in crate::profile) type Forms<'d> = HashMap<(*const u8, u32), Rc<QuestionnaireForm<'d>>>;

/// A form.
#[derive(Debug)]
pub(in crate::profile) struct QuestionnaireForm<'d> {
    /// The Questionnaire
    pub(super) root: Node<'d>,
    questions: Vec<Question<'d>>,
    /// The questions that stand on the form itself
    top: Vec<u32>,
    /// By the question above, if there is one, and linkId
    by_parent: HashMap<(Option<u32>, Cow<'d, str>), u32>,
    /// By linkId, wherever it stands
    by_link_id: HashMap<Cow<'d, str>, u32>,
    /// Parts of it come from other forms, so not all of its items are known
    pub(super) is_modular: bool,
}

/// An item of a form.
#[derive(Debug)]
pub(super) struct Question<'d> {
    pub(super) node: Node<'d>,
    pub(super) link_id: Cow<'d, str>,
    pub(super) kind: ItemKind,
    /// The group or question that it belongs to
    pub(super) parent: Option<u32>,
    /// Its position among its siblings
    pub(super) position: u32,
    pub(super) children: Vec<u32>,
    pub(super) is_required: bool,
    /// Fewest answers, or times that the group is there, once it is there
    pub(super) min_count: u32,
    /// Most answers, or times that the group is there
    pub(super) max_count: Option<u32>,
    pub(super) options: OnceCell<Options>,
    pub(super) limits: OnceCell<Limits<'d>>,
}

/// The types of items (<https://hl7.org/fhir/R4/valueset-item-type.html>).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ItemKind {
    Group,
    Display,
    /// `question`: a heading of the code system, no type that an item can have
    Abstract,
    Boolean,
    Decimal,
    Integer,
    Date,
    DateTime,
    Time,
    String,
    Text,
    Url,
    Choice,
    OpenChoice,
    Attachment,
    Reference,
    Quantity,
    /// None of the standard's
    Unknown,
}

impl ItemKind {
    fn of(code: &str) -> Self {
        match code {
            "group" => Self::Group,
            "display" => Self::Display,
            "question" => Self::Abstract,
            "boolean" => Self::Boolean,
            "decimal" => Self::Decimal,
            "integer" => Self::Integer,
            "date" => Self::Date,
            "dateTime" => Self::DateTime,
            "time" => Self::Time,
            "string" => Self::String,
            "text" => Self::Text,
            "url" => Self::Url,
            "choice" => Self::Choice,
            "open-choice" => Self::OpenChoice,
            "attachment" => Self::Attachment,
            "reference" => Self::Reference,
            "quantity" => Self::Quantity,
            _ => Self::Unknown,
        }
    }
}

impl<'d> QuestionnaireForm<'d> {
    /// Reads a Questionnaire. What is wrong with it is for its own check to say; where it is unclear, it demands nothing.
    pub(super) fn of(root: Node<'d>) -> Self {
        let mut form = Self {
            root,
            questions: Vec::new(),
            top: Vec::new(),
            by_parent: HashMap::new(),
            by_link_id: HashMap::new(),
            is_modular: false,
        };
        form.top = form.items(root, None);
        form
    }

    fn items(&mut self, above: Node<'d>, parent: Option<u32>) -> Vec<u32> {
        let mut children = Vec::new();
        for node in above.list("item").filter(|item| item.is_object()) {
            let Some(link_id) = node.str("linkId") else { continue };
            let number = self.questions.len() as u32;
            self.is_modular |= extension(node, "sdc-questionnaire-subQuestionnaire").is_some();
            self.by_parent.entry((parent, link_id.clone())).or_insert(number);
            self.by_link_id.entry(link_id.clone()).or_insert(number);
            self.questions.push(Question::of(node, link_id, parent, children.len() as u32));
            children.push(number);
            let inner = self.items(node, Some(number));
            self.questions[number as usize].children = inner;
        }
        children
    }

    /// The question with this number.
    pub(super) fn question(&self, number: u32) -> Option<&Question<'d>> {
        self.questions.get(number as usize)
    }

    /// The questions directly below one, or on the form itself.
    pub(super) fn children_of(&self, parent: Option<u32>) -> &[u32] {
        match parent {
            Some(number) => self.question(number).map_or(&[], |question| &question.children),
            None => &self.top,
        }
    }

    /// The question with this linkId below that one.
    pub(super) fn at(&self, parent: Option<u32>, link_id: &str) -> Option<u32> {
        self.by_parent.get(&(parent, Cow::Borrowed(link_id))).copied()
    }

    /// The question with this linkId, wherever it stands.
    pub(super) fn with_link_id(&self, link_id: &str) -> Option<&Question<'d>> {
        self.question(*self.by_link_id.get(link_id)?)
    }
}

impl<'d> Question<'d> {
    fn of(node: Node<'d>, link_id: Cow<'d, str>, parent: Option<u32>, position: u32) -> Self {
        let flag = |name: &str| node.get(name).and_then(Node::as_bool).unwrap_or(false);
        let bound = |name: &str| extension(node, name)?.as_number()?.parse::<u32>().ok();
        let min_count = bound("questionnaire-minOccurs").unwrap_or(1);
        let repeats = flag("repeats") || min_count > 1;
        Self {
            node,
            link_id,
            kind: ItemKind::of(&node.str("type").unwrap_or_default()),
            parent,
            position,
            children: Vec::new(),
            is_required: flag("required"),
            min_count,
            max_count: bound("questionnaire-maxOccurs").or((!repeats).then_some(1)),
            options: OnceCell::new(),
            limits: OnceCell::new(),
        }
    }

    /// Its type, as the form says it.
    pub(super) fn type_name(&self) -> Cow<'d, str> {
        self.node.str("type").unwrap_or(Cow::Borrowed("unknown"))
    }
}
