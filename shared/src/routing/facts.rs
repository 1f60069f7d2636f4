//! What a decision may be based on, with "known to be empty" and "unknown" kept apart.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

use crate::protocol::{EventKind, EventTime, SessionEvent};

/// One thing that is known, or not.
///
/// A read that succeeded and found nothing is `Known` and empty. In JSON a fact that is unknown is
/// left out, and `null` is a fact that is known to be empty.
#[derive(Clone, Debug, PartialEq)]
pub enum Fact<T> {
    /// It was given or read.
    Known(T),
    /// Nobody can say, and why.
    Unknown(Why),
}

/// Why a fact is unknown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// Nobody gave it.
    NotGiven,
    /// The read failed, or came too late.
    NotRead,
    /// A list that users write has more values than a condition looks at.
    TooMany,
    /// A number of more than 64 bits was rounded when it was read.
    NotExact,
}

impl std::fmt::Display for Why {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::NotGiven => "not given",
            Self::NotRead => "could not be read",
            Self::TooMany => "has more values than are looked at",
            Self::NotExact => "is a number that is too large to be compared",
        })
    }
}

impl<T> Fact<T> {
    pub(super) fn is_unknown(&self) -> bool {
        matches!(self, Self::Unknown(_))
    }
}

impl<T> Default for Fact<T> {
    fn default() -> Self {
        Self::Unknown(Why::NotGiven)
    }
}

impl<T> From<T> for Fact<T> {
    fn from(value: T) -> Self {
        Self::Known(value)
    }
}

impl<T: Serialize> Serialize for Fact<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Known(value) => value.serialize(serializer),
            Self::Unknown(_) => serializer.serialize_none(),
        }
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Fact<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        T::deserialize(deserializer).map(Self::Known)
    }
}

fn first() -> Fact<u64> {
    Fact::Known(1)
}

fn or_unknown<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Fact<u64>, D::Error> {
    Ok(Option::deserialize(deserializer)?.map_or(Fact::Unknown(Why::NotRead), Fact::Known))
}

/// Everything that rules may look at, in the names of the ruleset's tests and of `--given`.
///
/// Facts that this version does not know are ignored: a newer version may have recorded them. Where people
/// write facts, the grammar refuses unknown names.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Facts {
    /// The user who asks.
    #[serde(default)]
    pub user: UserFacts,
    /// The session that asks.
    #[serde(default, skip_serializing_if = "Fact::is_unknown")]
    pub session: Fact<String>,
    /// `ChannelType` of the session's newest event.
    #[serde(default, skip_serializing_if = "Fact::is_unknown")]
    pub channel: Fact<Option<String>>,
    /// What the user wrote to the bot, newest last.
    #[serde(default, skip_serializing_if = "Fact::is_unknown")]
    pub texts: Fact<Vec<String>>,
    /// The latest `CloudCustomData` that is JSON.
    #[serde(default, skip_serializing_if = "Fact::is_unknown")]
    pub custom_data: Fact<Value>,
    /// How many messages the user wrote to the bot.
    #[serde(default, skip_serializing_if = "Fact::is_unknown")]
    pub bot_turns: Fact<u64>,
    /// Which question of this session it is, from 1; the first when nobody says otherwise, so
    /// that here alone `null` means unknown.
    #[serde(default = "first", deserialize_with = "or_unknown")]
    pub attempt: Fact<u64>,
    /// `OptPlatform` of the question.
    #[serde(default, skip_serializing_if = "Fact::is_unknown")]
    pub platform: Fact<Option<String>>,
    /// `ClientIP` of the question.
    #[serde(default, skip_serializing_if = "Fact::is_unknown")]
    pub client_ip: Fact<Option<String>>,
    /// The customer-service account of the question.
    #[serde(default, skip_serializing_if = "Fact::is_unknown")]
    pub customer_service_id: Fact<Option<String>>,
}

/// What is known of the user.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct UserFacts {
    /// `ClientUserId` of the question.
    #[serde(skip_serializing_if = "Fact::is_unknown")]
    pub id: Fact<String>,
    /// Set by the business.
    #[serde(skip_serializing_if = "Fact::is_unknown")]
    pub tags: Fact<Vec<String>>,
    /// Set by the business, such as `en`.
    #[serde(skip_serializing_if = "Fact::is_unknown")]
    pub language: Fact<Option<String>>,
    /// Set by the business, by name.
    #[serde(skip_serializing_if = "Fact::is_unknown")]
    pub attributes: Fact<BTreeMap<String, Value>>,
    /// Who served the user last.
    #[serde(skip_serializing_if = "Fact::is_unknown")]
    pub last_agent: Fact<Option<String>>,
    /// Since when.
    #[serde(skip_serializing_if = "Fact::is_unknown")]
    pub last_agent_at: Fact<Option<Timestamp>>,
    /// The user's latest rating, 1 to 5.
    #[serde(skip_serializing_if = "Fact::is_unknown")]
    pub last_rating: Fact<Option<i64>>,
    /// When it was given.
    #[serde(skip_serializing_if = "Fact::is_unknown")]
    pub last_rating_at: Fact<Option<Timestamp>>,
}

/// What the business says of a user, as stored under `ATTRIBUTES`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Attributes {
    /// Free words that rules look for.
    pub tags: Vec<String>,
    /// Such as `en` or `zh-CN`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
    /// Anything else, by name.
    pub attributes: BTreeMap<String, Value>,
}

/// What sessions say of a user, as stored under `PROFILE`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Profile {
    /// Who served the user last.
    pub last_agent: Option<String>,
    /// Since when, milliseconds since the epoch.
    pub last_agent_at: Option<EventTime>,
    /// The latest rating, 1 to 5.
    pub last_rating: Option<i64>,
    /// When it was given, milliseconds since the epoch.
    pub last_rating_at: Option<EventTime>,
}

/// What a ruleset reads beyond the question itself; known when it was compiled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Needs {
    /// The session's timeline.
    pub timeline: bool,
    /// The user's profile.
    pub profile: bool,
    /// The user's attributes.
    pub attributes: bool,
}

impl Needs {
    /// What is needed by either.
    pub fn and(self, other: Self) -> Self {
        Self {
            timeline: self.timeline || other.timeline,
            profile: self.profile || other.profile,
            attributes: self.attributes || other.attributes,
        }
    }
}

impl Needs {
    /// What is needed here and not there.
    pub fn without(self, other: Self) -> Self {
        Self {
            timeline: self.timeline && !other.timeline,
            profile: self.profile && !other.profile,
            attributes: self.attributes && !other.attributes,
        }
    }
}

/// The part of a session's story that rules look at.
#[derive(Clone, Debug, Default)]
pub struct Timeline {
    /// Whether it goes back to the session's beginning.
    pub whole: bool,
    /// Its events, oldest first.
    pub events: Vec<SessionEvent>,
    /// The number of the newest of these events that have their custom data. The next one was read without it.
    pub with_custom_data: usize,
    /// When its recorded questions were asked.
    pub decisions: Vec<EventTime>,
}

impl Default for Facts {
    fn default() -> Self {
        Self {
            user: UserFacts::default(),
            session: Fact::default(),
            channel: Fact::default(),
            texts: Fact::default(),
            custom_data: Fact::default(),
            bot_turns: Fact::default(),
            attempt: first(),
            platform: Fact::default(),
            client_ip: Fact::default(),
            customer_service_id: Fact::default(),
        }
    }
}

/// The newest texts up to this many bytes are facts: deciding takes no longer however much a user wrote.
const TEXTS_BYTES: usize = 64 * 1024;

impl Facts {
    /// Facts of which none is known.
    pub fn unknown() -> Self {
        Self { attempt: Fact::default(), ..Self::default() }
    }

    /// Takes in what the session's timeline says, for a question asked at `asked_at`.
    pub fn learn_timeline(&mut self, timeline: Option<&Timeline>, asked_at: EventTime) {
        let Some(Timeline { whole, events, with_custom_data, decisions }) = timeline else {
            self.channel = Fact::Unknown(Why::NotRead);
            self.texts = Fact::Unknown(Why::NotRead);
            self.custom_data = Fact::Unknown(Why::NotRead);
            self.bot_turns = Fact::Unknown(Why::NotRead);
            self.attempt = Fact::Unknown(Why::NotRead);
            return;
        };
        // What is not in the part that was read may be in the other.
        let unless_missing = |is_there: bool| *whole || is_there;
        let to_bot = || events.iter().filter(|event| event.event == EventKind::ChatBotUserSendMsg);
        let custom_data =
            |event: &SessionEvent| serde_json::from_str(event.cloud_custom_data.as_deref()?).ok();
        let channel = events.iter().rev().find_map(|event| event.channel_type.clone());
        self.channel = known_if(unless_missing(channel.is_some()), channel);
        let texts = newest(to_bot().flat_map(|event| event.msg_body.texts()).collect());
        self.texts = known_if(unless_missing(!texts.is_empty()), texts);
        let custom_data: Option<Value> = events.iter().rev().take(*with_custom_data).find_map(custom_data);
        let all_custom_data = *whole && *with_custom_data == events.len();
        self.custom_data =
            known_if(all_custom_data || custom_data.is_some(), custom_data.unwrap_or_default());
        self.bot_turns = known_if(*whole, to_bot().count() as u64);
        let earlier = decisions.iter().filter(|at| **at < asked_at).count() as u64;
        self.attempt = known_if(*whole, 1 + earlier);
    }

    /// Takes in the user's profile.
    pub fn learn_profile(&mut self, profile: Option<Profile>) {
        let user = &mut self.user;
        let Some(profile) = profile else {
            user.last_agent = Fact::Unknown(Why::NotRead);
            user.last_agent_at = Fact::Unknown(Why::NotRead);
            user.last_rating = Fact::Unknown(Why::NotRead);
            user.last_rating_at = Fact::Unknown(Why::NotRead);
            return;
        };
        user.last_agent = Fact::Known(profile.last_agent);
        user.last_agent_at = Fact::Known(profile.last_agent_at.map(timestamp));
        user.last_rating = Fact::Known(profile.last_rating);
        user.last_rating_at = Fact::Known(profile.last_rating_at.map(timestamp));
    }

    /// Takes in the user's attributes.
    pub fn learn_attributes(&mut self, attributes: Option<Attributes>) {
        let user = &mut self.user;
        let Some(attributes) = attributes else {
            user.tags = Fact::Unknown(Why::NotRead);
            user.language = Fact::Unknown(Why::NotRead);
            user.attributes = Fact::Unknown(Why::NotRead);
            return;
        };
        user.tags = Fact::Known(attributes.tags);
        user.language = Fact::Known(attributes.language);
        user.attributes = Fact::Known(attributes.attributes);
    }
}

fn known_if<T>(is_known: bool, value: T) -> Fact<T> {
    if is_known { Fact::Known(value) } else { Fact::Unknown(Why::NotRead) }
}

fn newest(mut texts: Vec<String>) -> Vec<String> {
    let mut room = TEXTS_BYTES;
    let fits = |text: &&String| room.checked_sub(text.len()).inspect(|left| room = *left).is_some();
    let kept = texts.iter().rev().take_while(fits).count();
    texts.split_off(texts.len() - kept)
}

/// The moment of an `EventTime`; every one of them, up to the year 2286, is one.
pub fn timestamp(at: EventTime) -> Timestamp {
    i64::try_from(at.as_ms()).ok().and_then(|ms| Timestamp::from_millisecond(ms).ok()).unwrap_or_default()
}
