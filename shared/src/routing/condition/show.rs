//! Conditions for people: in the document's syntax, with what they saw.

use std::fmt;

use super::{Between, Condition, Judgement, Percent};
use crate::routing::{By, Fact, Question, Truth, matcher::list};

impl Condition {
    /// What a leaf saw, for a person; nothing of a combinator.
    pub fn seen(&self, question: &Question<'_>) -> String {
        let facts = question.facts;
        match self {
            Self::UserId(_) => shown(&facts.user.id, Clone::clone),
            Self::UserTag(_) => shown(&facts.user.tags, |tags| listed(tags)),
            Self::UserAttribute(name, _) => {
                shown(&facts.user.attributes, |all| self.compared(json(all.get(name)), question))
            }
            Self::Language(_) => shown(&facts.user.language, or_none),
            Self::Channel(_) => shown(&facts.channel, or_none),
            Self::Platform(_) => shown(&facts.platform, or_none),
            Self::ClientIp(_) => shown(&facts.client_ip, or_none),
            Self::CustomerServiceId(_) => shown(&facts.customer_service_id, or_none),
            Self::LastRating(_) => {
                shown(&facts.user.last_rating, |rating| or_none(&rating.map(|r| r.to_string())))
            }
            Self::TextContains(_) | Self::TextStartsWith(_) => shown(&facts.texts, |texts| listed(texts)),
            Self::CustomData(pointer, _) => {
                shown(&facts.custom_data, |data| self.compared(json(pointer.find(data)), question))
            }
            Self::BotTurns(_) => shown(&facts.bot_turns, u64::to_string),
            Self::Attempt(_) => shown(&facts.attempt, u64::to_string),
            Self::Open { calendar, .. } => {
                let opening = question.opening(*calendar);
                let state = if opening.open { "open" } else { "closed" };
                opening.because.describe().map_or(state.into(), |because| format!("{state}: {because}"))
            }
            Self::Percent(Percent { by, seed, .. }) => shown(question.subject(*by), |subject| {
                format!("{} at {:.1} of 100", by.as_str(), seed.fraction(subject) * 100.0)
            }),
            Self::Between(_) => question.now().strftime("%a %Y-%m-%d %H:%M").to_string(),
            Self::AtLeast { of, .. } => {
                let holding = of.iter().filter(|part| part.judge(question).truth == Truth::True).count();
                format!("{holding} of {}", of.len())
            }
            Self::All(_) | Self::Any(_) | Self::Not(_) => String::new(),
        }
    }

    /// A value that is known, after the reason if it cannot be compared all the same.
    fn compared(&self, value: String, question: &Question<'_>) -> String {
        match self.judge(question).truth {
            Truth::Unknown(why) => format!("unknown, {why}: {value}"),
            Truth::True | Truth::False => value,
        }
    }
}

fn shown<T>(fact: &Fact<T>, show: impl FnOnce(&T) -> String) -> String {
    match fact {
        Fact::Known(value) => show(value),
        Fact::Unknown(why) => format!("unknown, {why}"),
    }
}

fn or_none(text: &Option<String>) -> String {
    text.clone().unwrap_or_else(|| "none".into())
}

fn listed(values: &[String]) -> String {
    if values.is_empty() { "none".into() } else { values.join(", ") }
}

fn json(value: Option<&serde_json::Value>) -> String {
    match value {
        None | Some(serde_json::Value::Null) => "none".into(),
        Some(serde_json::Value::String(text)) => text.clone(),
        Some(value) => value.to_string(),
    }
}

impl By {
    /// In the syntax of the document.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Session => "session",
        }
    }
}

/// What settled it, in the syntax of the document.
impl fmt::Display for Judgement<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", if self.negated { "not " } else { "" }, self.by)
    }
}

/// In the syntax of the document.
impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UserId(matcher) => write!(f, "user_id: {matcher}"),
            Self::UserTag(matcher) => write!(f, "user_tag: {matcher}"),
            Self::UserAttribute(name, matcher) => write!(f, "user_attribute: {{ {name}: {matcher} }}"),
            Self::Language(matcher) => write!(f, "language: {matcher}"),
            Self::Channel(matcher) => write!(f, "channel: {matcher}"),
            Self::Platform(matcher) => write!(f, "platform: {matcher}"),
            Self::ClientIp(networks) => {
                f.write_str("client_ip: ")?;
                list(f, networks.iter())
            }
            Self::CustomerServiceId(matcher) => write!(f, "customer_service_id: {matcher}"),
            Self::LastRating(matcher) => write!(f, "last_rating: {matcher}"),
            Self::TextContains(words) => {
                f.write_str("text_contains: ")?;
                list(f, words.iter())
            }
            Self::TextStartsWith(wanted) => {
                f.write_str("text_starts_with: ")?;
                list(f, wanted.iter())
            }
            Self::CustomData(pointer, matcher) => write!(f, "custom_data: {{ {}: {matcher} }}", pointer.text),
            Self::BotTurns(matcher) => write!(f, "bot_turns: {matcher}"),
            Self::Attempt(matcher) => write!(f, "attempt: {matcher}"),
            Self::Open { name, .. } => write!(f, "open: {name}"),
            Self::Percent(Percent { of, by, salt, .. }) => {
                write!(f, "percent: {{ of: {of}, by: {}, salt: {salt} }}", by.as_str())
            }
            Self::Between(between) => write!(f, "between: {between}"),
            Self::All(parts) if parts.is_empty() => f.write_str("always"),
            Self::All(_) => f.write_str("all of these"),
            Self::Any(_) => f.write_str("any of these"),
            Self::AtLeast { n, .. } => write!(f, "at least {n} of these"),
            Self::Not(_) => f.write_str("not"),
        }
    }
}

impl fmt::Display for Between {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hours: Vec<_> = self.hours.iter().map(ToString::to_string).collect();
        let parts = [
            (!hours.is_empty()).then(|| format!("time: {}", hours.join(", "))),
            self.days.map(|days| format!("days: {days}")),
            self.dates.map(|dates| format!("dates: {dates}")),
        ];
        let parts: Vec<_> = parts.into_iter().flatten().collect();
        write!(f, "{{ {} }}", parts.join(", "))
    }
}
