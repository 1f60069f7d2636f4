//! Conditions, and what they make of what is known: true, false, or unknown.

mod implies;
mod show;

use ipnet::IpNet;
use jiff::civil::DateTime;
use serde_json::Value;

use super::{
    By, Dates, Days, Fact, Interval, Matcher, Needs, Question, Scalar, Why, select::Seed, texts::Words,
};

/// What must hold for a rule to match.
#[derive(Clone, Debug, PartialEq)]
pub enum Condition {
    /// The user's id.
    UserId(Matcher),
    /// Any of the user's tags.
    UserTag(Matcher),
    /// One of the user's attributes, by name.
    UserAttribute(String, Matcher),
    /// The user's language, without capital letters.
    Language(Matcher),
    /// The channel of the session's newest event.
    Channel(Matcher),
    /// The user's platform, without capital letters.
    Platform(Matcher),
    /// The user's address lies in one of these networks.
    ClientIp(Vec<IpNet>),
    /// The customer-service account that was asked.
    CustomerServiceId(Matcher),
    /// The user's latest rating.
    LastRating(Matcher),
    /// What the user wrote to the bot contains any of these, folded.
    TextContains(Vec<String>),
    /// A message of the user to the bot starts with any of these, folded.
    TextStartsWith(Vec<String>),
    /// A value in the latest `CloudCustomData`, by JSON pointer.
    CustomData(Pointer, Matcher),
    /// How many messages the user wrote to the bot.
    BotTurns(Matcher),
    /// Which question of the session it is, from 1.
    Attempt(Matcher),
    /// A calendar, by its position, is open.
    Open {
        /// The position.
        calendar: usize,
        /// The calendar's name.
        name: String,
    },
    /// A share of the users or sessions.
    Percent(Percent),
    /// A time of day, days of the week, dates.
    Between(Between),
    /// All of these; of none: always.
    All(Vec<Condition>),
    /// At least one of these.
    Any(Vec<Condition>),
    /// At least `n` of these.
    AtLeast {
        /// How many.
        n: usize,
        /// Of which.
        of: Vec<Condition>,
    },
    /// The opposite. Of what is unknown: unknown.
    Not(Box<Condition>),
}

/// A JSON pointer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pointer {
    /// As it is written.
    pub text: String,
    keys: Vec<String>,
}

impl Pointer {
    pub(super) fn new(text: &str) -> Self {
        let keys = text.split('/').skip(1).map(|key| key.replace("~1", "/").replace("~0", "~"));
        Self { text: text.to_owned(), keys: keys.collect() }
    }

    /// How deep it points.
    pub(super) fn depth(&self) -> usize {
        self.keys.len()
    }

    /// The value at this place, if there is one.
    pub(super) fn find<'a>(&self, data: &'a Value) -> Option<&'a Value> {
        let position = |key: &str| {
            let plain = key == "0" || !key.starts_with(['0', '+']);
            key.parse::<usize>().ok().filter(|_| plain)
        };
        self.keys.iter().try_fold(data, |value, key| match value {
            Value::Object(entries) => entries.get(key),
            Value::Array(items) => items.get(position(key)?),
            _ => None,
        })
    }
}

/// A share of the users or sessions, always the same ones.
#[derive(Clone, Debug, PartialEq)]
pub struct Percent {
    /// How many of a hundred.
    pub of: f64,
    /// Of what.
    pub by: By,
    /// Another salt draws anew.
    pub salt: String,
    pub(super) seed: Seed,
}

/// A time of day, days of the week, dates; what is absent holds always.
#[derive(Clone, Debug, PartialEq)]
pub struct Between {
    /// Times of day; past midnight they belong to the day they start on.
    pub hours: Vec<Interval>,
    /// Days of the week.
    pub days: Option<Days>,
    /// Dates.
    pub dates: Option<Dates>,
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
    /// Whether that counted for its opposite, because it stands under a `not`.
    pub negated: bool,
}

impl From<bool> for Truth {
    fn from(holds: bool) -> Self {
        if holds { Self::True } else { Self::False }
    }
}

impl From<Result<bool, Why>> for Truth {
    fn from(holds: Result<bool, Why>) -> Self {
        holds.map_or_else(Self::Unknown, Self::from)
    }
}

impl Truth {
    #[inline]
    fn of<T, H: Into<Self>>(fact: &Fact<T>, holds: impl FnOnce(&T) -> H) -> Self {
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
    /// Whether the condition holds, and what settled it.
    pub fn judge<'a>(&'a self, question: &Question<'_>) -> Judgement<'a> {
        match self {
            Self::All(conditions) => self.until(conditions, Truth::False, question),
            Self::Any(conditions) => self.until(conditions, Truth::True, question),
            Self::AtLeast { n, of } => self.count(*n, of, question),
            Self::Not(condition) => {
                let Judgement { truth, by, negated } = condition.judge(question);
                Judgement { truth: truth.not(), by, negated: !negated }
            }
            leaf => leaf.settles(leaf.leaf_truth(question)),
        }
    }

    /// The first part that settles the matter, else the first unknown one, else the opposite.
    fn until<'a>(&'a self, parts: &'a [Self], settles: Truth, question: &Question<'_>) -> Judgement<'a> {
        let mut outcome = self.settles(settles.not());
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

    /// Whether enough parts hold, whatever becomes of the unknown ones.
    fn count<'a>(&'a self, n: usize, parts: &'a [Self], question: &Question<'_>) -> Judgement<'a> {
        let (mut holding, mut open, mut unknown) = (0, parts.len(), None);
        for part in parts {
            let judgement = part.judge(question);
            match judgement.truth {
                Truth::True => holding += 1,
                Truth::False => open -= 1,
                Truth::Unknown(_) => unknown = unknown.or(Some(judgement)),
            }
            if holding >= n || open < n {
                return self.settles((holding >= n).into());
            }
        }
        unknown.unwrap_or(self.settles(Truth::False))
    }

    fn settles(&self, truth: Truth) -> Judgement<'_> {
        Judgement { truth, by: self, negated: false }
    }

    fn leaf_truth(&self, question: &Question<'_>) -> Truth {
        let facts = question.facts;
        let text = |fact, matcher: &Matcher| {
            Truth::of(fact, |text: &Option<String>| matcher.matches(text.as_deref().map(Scalar::Text)))
        };
        let count = |fact, matcher: &Matcher| {
            Truth::of(fact, |count: &u64| matcher.matches([Scalar::Number(*count as f64)]))
        };
        match self {
            Self::UserId(matcher) => Truth::of(&facts.user.id, |id| matcher.matches([Scalar::Text(id)])),
            Self::UserTag(matcher) => Truth::of(&facts.user.tags, |tags| match question.many_tags() {
                Some(many) => matcher.matches_many(many),
                None => Ok(matcher.matches(tags.iter().map(|tag| Scalar::Text(tag)))),
            }),
            Self::UserAttribute(name, matcher) => Truth::of(&facts.user.attributes, |attributes| {
                match question.long_lists().get(name.as_str()) {
                    Some(many) => matcher.matches_many(many),
                    None => matcher.matches_json(attributes.get(name)),
                }
            }),
            Self::Language(matcher) => Truth::of(&facts.user.language, |said| {
                matcher.matches(question.language(said).map(Scalar::Text))
            }),
            Self::Channel(matcher) => text(&facts.channel, matcher),
            Self::Platform(matcher) => {
                Truth::of(&facts.platform, |said| matcher.matches(question.platform(said).map(Scalar::Text)))
            }
            Self::ClientIp(networks) => Truth::of(&facts.client_ip, |said| {
                question
                    .client_ip(said)
                    .is_some_and(|address| networks.iter().any(|net| net.contains(&address)))
            }),
            Self::CustomerServiceId(matcher) => text(&facts.customer_service_id, matcher),
            Self::LastRating(matcher) => Truth::of(&facts.user.last_rating, |rating| {
                matcher.matches(rating.map(|rating| Scalar::Number(rating as f64)))
            }),
            Self::TextContains(words) => Truth::of(&facts.texts, |texts| {
                let texts = question.texts(texts);
                words.iter().any(|word| texts.contain(word))
            }),
            Self::TextStartsWith(words) => Truth::of(&facts.texts, |texts| {
                let texts = question.texts(texts);
                words.iter().any(|word| texts.begin(word))
            }),
            Self::CustomData(pointer, matcher) => {
                Truth::of(&facts.custom_data, |data| matcher.matches_json(pointer.find(data)))
            }
            Self::BotTurns(matcher) => count(&facts.bot_turns, matcher),
            Self::Attempt(matcher) => count(&facts.attempt, matcher),
            Self::Open { calendar, .. } => question.opening(*calendar).open.into(),
            Self::Percent(Percent { of, by, seed, .. }) => {
                Truth::of(question.subject(*by), |subject| seed.fraction(subject) * 100.0 < *of)
            }
            Self::Between(between) => between.holds(question.now()).into(),
            Self::All(_) | Self::Any(_) | Self::AtLeast { .. } | Self::Not(_) => self.judge(question).truth,
        }
    }

    /// The conditions inside a combinator; none of a leaf.
    pub fn parts(&self) -> &[Self] {
        match self {
            Self::All(parts) | Self::Any(parts) | Self::AtLeast { of: parts, .. } => parts,
            Self::Not(part) => std::slice::from_ref(part),
            _ => &[],
        }
    }

    /// What must be fetched to judge this.
    pub(super) fn needs(&self) -> Needs {
        let none = Needs::default();
        match self {
            Self::UserTag(_) | Self::UserAttribute(..) | Self::Language(_) => {
                Needs { attributes: true, ..none }
            }
            Self::LastRating(_) => Needs { profile: true, ..none },
            Self::Channel(_)
            | Self::TextContains(_)
            | Self::TextStartsWith(_)
            | Self::CustomData(..)
            | Self::BotTurns(_)
            | Self::Attempt(_) => Needs { timeline: true, ..none },
            // What the question says itself, and the clock.
            Self::UserId(_)
            | Self::Platform(_)
            | Self::ClientIp(_)
            | Self::CustomerServiceId(_)
            | Self::Open { .. }
            | Self::Percent(_)
            | Self::Between(_) => none,
            Self::All(_) | Self::Any(_) | Self::AtLeast { .. } | Self::Not(_) => {
                self.parts().iter().map(Self::needs).fold(none, Needs::and)
            }
        }
    }
}

impl Condition {
    /// The words that this looks for in texts.
    pub(super) fn words(&self) -> Words {
        match self {
            Self::TextContains(words) | Self::TextStartsWith(words) => Words::of(words),
            _ => self.parts().iter().map(Self::words).fold(Words::default(), Words::and),
        }
    }

    /// How many conditions this consists of, without the combinators.
    pub(super) fn leaves(&self) -> usize {
        let combines = matches!(self, Self::All(_) | Self::Any(_) | Self::AtLeast { .. } | Self::Not(_));
        if combines { self.parts().iter().map(Self::leaves).sum() } else { 1 }
    }
}

impl Between {
    fn holds(&self, now: DateTime) -> bool {
        let on = |date: jiff::civil::Date| {
            let weekday = usize::from(date.weekday().to_monday_zero_offset().unsigned_abs());
            self.days.is_none_or(|days| days.0[weekday]) && self.dates.is_none_or(|dates| dates.hold(date))
        };
        let within = |days_ago| self.hours.iter().any(|hours| hours.holds(now, days_ago));
        let today = on(now.date()) && (self.hours.is_empty() || within(0));
        today || (within(1) && now.date().yesterday().is_ok_and(on))
    }
}
