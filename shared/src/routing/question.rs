//! A question as conditions see it: the facts, the moment, and what is derived from them once.

use std::{cell::OnceCell, collections::HashMap, net::IpAddr};

use jiff::{Timestamp, civil::DateTime};

use serde_json::Value;

use super::{
    By, Fact, Facts, Opening, Ruleset,
    matcher::{MOST_VALUES, Many},
    texts::Texts,
};

/// A question as rules see it.
pub struct Question<'a> {
    /// The rules that are asked.
    pub ruleset: &'a Ruleset,
    /// What is known.
    pub facts: &'a Facts,
    /// When it is asked.
    pub at: Timestamp,
    /// The pool that answers while the emergency switch is on.
    pub(super) emergency: Option<usize>,
    now: OnceCell<DateTime>,
    openings: Vec<OnceCell<Opening<'a>>>,
    texts: OnceCell<Texts>,
    language: OnceCell<Option<String>>,
    platform: OnceCell<Option<String>>,
    client_ip: OnceCell<Option<IpAddr>>,
    many_tags: OnceCell<Option<Many<'a>>>,
    long_lists: OnceCell<HashMap<&'a str, Many<'a>>>,
}

impl<'a> Question<'a> {
    /// A question asked `at` this moment, with what is known.
    pub fn new(ruleset: &'a Ruleset, facts: &'a Facts, at: Timestamp) -> Self {
        Self {
            ruleset,
            facts,
            at,
            emergency: ruleset.emergency.filter(|emergency| emergency.on).map(|emergency| emergency.pool),
            now: OnceCell::new(),
            openings: vec![OnceCell::new(); ruleset.calendars.len()],
            texts: OnceCell::new(),
            language: OnceCell::new(),
            platform: OnceCell::new(),
            client_ip: OnceCell::new(),
            many_tags: OnceCell::new(),
            long_lists: OnceCell::new(),
        }
    }

    /// What a clock in the ruleset's zone shows.
    pub(super) fn now(&self) -> DateTime {
        *self.now.get_or_init(|| self.ruleset.timezone.to_datetime(self.at))
    }

    /// Whether a calendar of the ruleset is open.
    pub(super) fn opening(&self, calendar: usize) -> Opening<'a> {
        *self.openings[calendar].get_or_init(|| self.ruleset.calendars[calendar].opening(self.at))
    }

    /// Whether a pool serves at this moment.
    pub(super) fn serves(&self, pool: usize) -> bool {
        self.ruleset.pools[pool].calendar.is_none_or(|calendar| self.opening(calendar).open)
    }

    /// The user's texts in the form in which words are found.
    pub(super) fn texts(&self, texts: &[String]) -> &Texts {
        self.texts.get_or_init(|| Texts::new(texts, self.ruleset.words))
    }

    /// The user's language without capital letters.
    pub(super) fn language(&self, language: &Option<String>) -> Option<&str> {
        self.language.get_or_init(|| language.as_ref().map(|text| text.to_ascii_lowercase())).as_deref()
    }

    /// The user's platform without capital letters.
    pub(super) fn platform(&self, platform: &Option<String>) -> Option<&str> {
        self.platform.get_or_init(|| platform.as_ref().map(|text| text.to_ascii_lowercase())).as_deref()
    }

    /// The user's address; none if what was said is no address.
    pub(super) fn client_ip(&self, said: &Option<String>) -> Option<IpAddr> {
        let parse = || said.as_ref()?.trim().parse().ok().map(|address: IpAddr| address.to_canonical());
        *self.client_ip.get_or_init(parse)
    }

    /// The user's tags, if there are so many that they are looked up.
    pub(super) fn many_tags(&self) -> Option<&Many<'a>> {
        let many = || match &self.facts.user.tags {
            Fact::Known(tags) if tags.len() > MOST_VALUES => Some(Many::texts(tags)),
            Fact::Known(_) | Fact::Unknown(_) => None,
        };
        self.many_tags.get_or_init(many).as_ref()
    }

    /// The user's attributes that are lists of so many values that they are looked up.
    pub(super) fn long_lists(&self) -> &HashMap<&'a str, Many<'a>> {
        let many = |(name, value): (&'a String, &'a Value)| match value {
            Value::Array(values) if values.len() > MOST_VALUES => Some((name.as_str(), Many::json(values))),
            _ => None,
        };
        self.long_lists.get_or_init(|| match &self.facts.user.attributes {
            Fact::Known(attributes) => attributes.iter().filter_map(many).collect(),
            Fact::Unknown(_) => HashMap::new(),
        })
    }

    /// The user's or the session's id.
    pub(super) fn subject(&self, by: By) -> &'a Fact<String> {
        match by {
            By::User => &self.facts.user.id,
            By::Session => &self.facts.session,
        }
    }
}
