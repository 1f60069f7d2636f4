//! Conditions, and what they make of what is known: true, false, or unknown.

use std::{cell::OnceCell, fmt};

use jiff::Timestamp;

use super::{
    Fact, Facts, Needs, NumberMatcher, TextMatcher, Why,
    matcher::{any_of, list},
    node::{Node, unknown},
    text::folded,
};

/// What must hold for a rule to match.
#[derive(Clone, Debug, PartialEq)]
pub enum Condition {
    /// The user's id.
    UserId(TextMatcher),
    /// Any of the user's tags.
    UserTag(TextMatcher),
    /// The channel of the session's newest event.
    Channel(TextMatcher),
    /// What the user wrote to the bot contains any of these, folded.
    TextContains(Vec<String>),
    /// Which question of the session it is, from 1.
    Attempt(NumberMatcher),
    /// All of these; of none: always.
    All(Vec<Condition>),
    /// At least one of these.
    Any(Vec<Condition>),
    /// The opposite. Of what is unknown: unknown.
    Not(Box<Condition>),
}

/// The truth of a condition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Truth {
    /// It holds.
    True,
    /// It does not hold.
    False,
    /// Nobody can say, and why.
    Unknown(Why),
}

/// The truth of a condition, and the innermost condition that settled it.
#[derive(Clone, Copy, Debug)]
pub struct Judgement<'a> {
    /// Whether it holds.
    pub truth: Truth,
    /// What settled it.
    pub by: &'a Condition,
}

/// A question as conditions see it: the facts, the moment, and what is derived from them once.
pub struct Question<'a> {
    /// What is known.
    pub facts: &'a Facts,
    /// When it is asked.
    pub at: Timestamp,
    folded_texts: OnceCell<Vec<String>>,
}

impl<'a> Question<'a> {
    /// A question asked `at` this moment, with what is known.
    pub fn new(facts: &'a Facts, at: Timestamp) -> Self {
        Self { facts, at, folded_texts: OnceCell::new() }
    }

    fn folded_texts(&self, texts: &[String]) -> &[String] {
        self.folded_texts.get_or_init(|| texts.iter().map(|text| folded(text)).collect())
    }
}

impl From<bool> for Truth {
    fn from(holds: bool) -> Self {
        if holds { Self::True } else { Self::False }
    }
}

impl Truth {
    fn of<T>(fact: &Fact<T>, holds: impl FnOnce(&T) -> bool) -> Self {
        match fact {
            Fact::Known(value) => holds(value).into(),
            Fact::Unknown(why) => Self::Unknown(*why),
        }
    }

    fn not(self) -> Self {
        match self {
            Self::True => Self::False,
            Self::False => Self::True,
            unknown @ Self::Unknown(_) => unknown,
        }
    }
}

impl Condition {
    /// Every key that can stand in a `when`.
    const KEYS: [&str; 8] =
        ["user_id", "user_tag", "channel", "text_contains", "attempt", "all", "any", "not"];

    /// Whether the condition holds, and what settled it.
    pub fn judge<'a>(&'a self, question: &Question<'_>) -> Judgement<'a> {
        match self {
            Self::All(conditions) => self.until(conditions, Truth::False, question),
            Self::Any(conditions) => self.until(conditions, Truth::True, question),
            Self::Not(condition) => {
                let Judgement { truth, by } = condition.judge(question);
                Judgement { truth: truth.not(), by }
            }
            leaf => Judgement { truth: leaf.leaf_truth(question), by: leaf },
        }
    }

    /// The first part that settles the matter, else the first unknown one, else the opposite.
    fn until<'a>(&'a self, parts: &'a [Self], settles: Truth, question: &Question<'_>) -> Judgement<'a> {
        let mut outcome = Judgement { truth: settles.not(), by: self };
        for part in parts {
            let judgement = part.judge(question);
            if judgement.truth == settles {
                return judgement;
            }
            if matches!(judgement.truth, Truth::Unknown(_)) && !matches!(outcome.truth, Truth::Unknown(_)) {
                outcome = judgement;
            }
        }
        outcome
    }

    fn leaf_truth(&self, question: &Question<'_>) -> Truth {
        let facts = question.facts;
        match self {
            Self::UserId(matcher) => {
                Truth::of(&facts.user.id, |id| matcher.matches([id.as_str()].into_iter()))
            }
            Self::UserTag(matcher) => {
                Truth::of(&facts.user.tags, |tags| matcher.matches(tags.iter().map(String::as_str)))
            }
            Self::Channel(matcher) => {
                Truth::of(&facts.channel, |channel| matcher.matches(channel.as_deref().into_iter()))
            }
            Self::TextContains(wanted) => Truth::of(&facts.texts, |texts| {
                let texts = question.folded_texts(texts);
                texts.iter().any(|text| wanted.iter().any(|wanted| text.contains(wanted)))
            }),
            Self::Attempt(matcher) => {
                Truth::of(&facts.attempt, |attempt| matcher.matches(Some(*attempt as f64)))
            }
            Self::All(_) | Self::Any(_) | Self::Not(_) => self.judge(question).truth,
        }
    }

    /// The conditions inside a combinator; none of a leaf.
    pub fn parts(&self) -> &[Self] {
        match self {
            Self::All(parts) | Self::Any(parts) => parts,
            Self::Not(part) => std::slice::from_ref(part),
            _ => &[],
        }
    }

    /// What a leaf saw, for a person: `known` things in the document's syntax.
    pub fn seen(&self, facts: &Facts) -> String {
        match self {
            Self::UserId(_) => shown(&facts.user.id, |id| id.clone()),
            Self::UserTag(_) => shown(&facts.user.tags, |tags| listed(tags)),
            Self::Channel(_) => shown(&facts.channel, |channel| channel.clone().unwrap_or("none".into())),
            Self::TextContains(_) => shown(&facts.texts, |texts| listed(texts)),
            Self::Attempt(_) => shown(&facts.attempt, u64::to_string),
            Self::All(_) | Self::Any(_) | Self::Not(_) => String::new(),
        }
    }

    /// What must be fetched to judge this.
    pub(super) fn needs(&self) -> Needs {
        match self {
            Self::UserId(_) => Needs::default(),
            Self::UserTag(_) => Needs { attributes: true, ..Needs::default() },
            Self::Channel(_) | Self::TextContains(_) | Self::Attempt(_) => {
                Needs { timeline: true, ..Needs::default() }
            }
            Self::All(_) | Self::Any(_) | Self::Not(_) => {
                self.parts().iter().map(Self::needs).fold(Needs::default(), Needs::and)
            }
        }
    }

    /// Whether this holds whatever is known.
    pub(super) fn always(&self) -> bool {
        matches!(self, Self::All(parts) if parts.iter().all(Self::always))
    }

    /// A map of conditions: all of them.
    pub(super) fn read(node: Node<'_>) -> Option<Self> {
        let mut all = Vec::new();
        for (key, value) in node.entries("{ user_tag: vip }")? {
            all.extend(Self::read_one(key, value));
        }
        Some(if all.len() == 1 { all.remove(0) } else { Self::All(all) })
    }

    fn read_one(key: &str, node: Node<'_>) -> Option<Self> {
        Some(match key {
            "user_id" => Self::UserId(TextMatcher::read(node, "maya")?),
            "user_tag" => Self::UserTag(TextMatcher::read(node, "vip")?),
            "channel" => Self::Channel(TextMatcher::read(node, "Web")?),
            "text_contains" => Self::TextContains(any_of(&node, |node| node.text("refund").map(folded))?),
            "attempt" => Self::Attempt(NumberMatcher::read(node)?),
            "all" => Self::All(Self::read_list(node)?),
            "any" => Self::Any(Self::read_list(node)?),
            "not" => Self::Not(Box::new(Self::read(node)?)),
            _ => {
                node.error(unknown("condition", key, &Self::KEYS));
                return None;
            }
        })
    }

    fn read_list(node: Node<'_>) -> Option<Vec<Self>> {
        let parts: Vec<_> =
            node.items("[{ user_tag: vip }, { channel: Web }]")?.filter_map(Self::read).collect();
        if node.value().as_array().is_some_and(Vec::is_empty) {
            node.error("the list is empty; name at least one condition, such as { user_tag: vip }");
            return None;
        }
        Some(parts)
    }
}

fn shown<T>(fact: &Fact<T>, show: impl FnOnce(&T) -> String) -> String {
    match fact {
        Fact::Known(value) => show(value),
        Fact::Unknown(why) => format!("unknown, {why}"),
    }
}

fn listed(values: &[String]) -> String {
    if values.is_empty() { "none".into() } else { values.join(", ") }
}

/// In the syntax of the document.
impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UserId(matcher) => write!(f, "user_id: {matcher}"),
            Self::UserTag(matcher) => write!(f, "user_tag: {matcher}"),
            Self::Channel(matcher) => write!(f, "channel: {matcher}"),
            Self::TextContains(wanted) => {
                f.write_str("text_contains: ")?;
                list(f, wanted)
            }
            Self::Attempt(matcher) => write!(f, "attempt: {matcher}"),
            Self::All(parts) if parts.is_empty() => f.write_str("always"),
            Self::All(_) => f.write_str("all of these"),
            Self::Any(_) => f.write_str("any of these"),
            Self::Not(_) => f.write_str("not"),
        }
    }
}
