//! What the functions are asked: the samples of the `events` folder, each time with other ids and times.

use std::time::{SystemTime, UNIX_EPOCH};

use desk_local::{callbacks, engine::SESSIONS_TABLE, stage::repository};
use desk_webhooks::webhook::sign;
use serde_json::{Value, json};

use super::Outcome;

const HOUR_MS: u64 = 3_600_000;

/// An app whose rules read nothing of the store.
pub(super) const NO_FACTS: u64 = 1_400_000_001;
/// An app whose rules read all there is.
pub(super) const ALL_FACTS: u64 = 1_400_000_002;

/// Sessions that have a story for questions to read.
pub(super) const TOLD_SESSIONS: u64 = 500;
/// How many messages each of those has.
pub(super) const TOLD_MESSAGES: u64 = 10;

/// A kind of answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ask {
    Floor,
    FloorPut,
    Unrecorded,
    /// The same by a door that asks for a signature, a URL key and an address.
    Guarded,
    Recorded,
    AllFacts,
    Message,
    /// The first message of a session: its summary has to be there, too.
    NewSession,
    Lifecycle,
    Duplicate,
    Refusal,
}

impl Ask {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Floor => "floor",
            Self::FloorPut => "floor that puts the body",
            Self::Unrecorded => "question, no facts, not recorded",
            Self::Guarded => "the same with signature, URL key and address",
            Self::Recorded => "question, no facts, recorded",
            Self::AllFacts => "question, all facts, recorded",
            Self::Message => "event: message",
            Self::NewSession => "event: first message of a session",
            Self::Lifecycle => "event: begin of a session, with summary",
            Self::Duplicate => "event: duplicate",
            Self::Refusal => "refusal",
        }
    }

    /// What the binary must know for it.
    pub(super) fn env(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Self::FloorPut => &[("PUT_TABLE", SESSIONS_TABLE)],
            Self::Guarded => &[
                ("SIGNATURE_POLICY", "required"),
                ("CALLBACK_TOKENS", "an-older-token,the-token-of-now"),
                ("URL_KEYS", "an-older-url-key,the-url-key-of-now"),
                ("ALLOWED_CIDRS", "198.51.100.0/24,2001:db8::/32,203.0.113.0/24"),
            ],
            _ => &[],
        }
    }

    /// What becomes of it, as the function's log says; the floor has none.
    pub(super) fn outcomes(self) -> &'static [&'static str] {
        match self {
            Self::Floor | Self::FloorPut => &[],
            Self::Unrecorded | Self::Guarded | Self::Recorded | Self::AllFacts => &["answered"],
            Self::Message | Self::NewSession | Self::Lifecycle => &["stored"],
            // The first of them is none yet.
            Self::Duplicate => &["stored", "duplicate"],
            Self::Refusal => &["refused"],
        }
    }

    /// The binary that answers it.
    pub(super) fn function(self) -> &'static str {
        match self {
            Self::Floor | Self::FloorPut => "desk-floor",
            Self::Unrecorded | Self::Guarded | Self::Recorded | Self::AllFacts => "assign-agent",
            Self::Message | Self::NewSession | Self::Lifecycle | Self::Duplicate | Self::Refusal => {
                "session-events"
            }
        }
    }
}

/// A callback to vary.
pub(super) struct Sample {
    event: Value,
    body: Value,
}

impl Sample {
    /// The callback for this app, with these fields; `null` takes one away.
    pub(super) fn with(&self, app: u64, fields: &Value) -> Value {
        let mut body = self.body.clone();
        for (name, value) in fields.as_object().into_iter().flatten() {
            body[name] = value.clone();
        }
        if let Some(body) = body.as_object_mut() {
            body.retain(|_, value| !value.is_null());
        }
        let mut event = self.event.clone();
        let query = event["rawQueryString"].as_str().unwrap_or_default();
        event["rawQueryString"] = query.replace(&NO_FACTS.to_string(), &app.to_string()).into();
        event["body"] = body.to_string().into();
        event
    }
}

/// The samples that are varied.
pub(super) struct Samples {
    pub(super) question: Sample,
    pub(super) message: Sample,
    begin: Sample,
    started_ms: u64,
}

impl Samples {
    pub(super) fn load() -> Outcome<Self> {
        let all = callbacks::load(&repository().join("events"))?;
        let sample = |name: &str| -> Outcome<Sample> {
            let callback = all.iter().find(|callback| callback.name == name).ok_or(name)?;
            Ok(Sample { event: callback.event.clone(), body: serde_json::from_str(&callback.body())? })
        };
        Ok(Self {
            question: sample("assign-agent/on-assign-human.json")?,
            message: sample("messages/text.json")?,
            begin: sample("session-events/session-begin.json")?,
            started_ms: now_ms(),
        })
    }

    /// The event to ask this with, for the `n`th time. Times are present ones: what is late costs more.
    pub(super) fn ask(&self, ask: Ask, n: u64) -> Value {
        let now = now_ms();
        match ask {
            Ask::Floor | Ask::Unrecorded => self.question.with(NO_FACTS, &json!({ "SessionId": null })),
            Ask::Recorded => {
                let fields = json!({ "SessionId": format!("recorded-{n}"), "EventTime": now });
                self.question.with(NO_FACTS, &fields)
            }
            Ask::Guarded => self.guarded(),
            Ask::AllFacts => {
                let session = format!("told-{}", n % TOLD_SESSIONS);
                self.question_before(&session, n)
            }
            Ask::Message | Ask::FloorPut => {
                self.message_in(NO_FACTS, &format!("message-{}", n / 1000), now, n)
            }
            Ask::NewSession => self.message_in(NO_FACTS, &format!("new-{n}"), now, n),
            Ask::Lifecycle => {
                let fields = json!({ "SessionId": format!("begin-{n}"), "EventTime": now });
                self.begin.with(NO_FACTS, &fields)
            }
            // Not late in any run, and its time is not odd.
            Ask::Duplicate => self.message_in(NO_FACTS, "again", self.started_ms + HOUR_MS, 0),
            Ask::Refusal => self.message.with(7, &json!({ "EventTime": now })),
        }
    }

    /// Signed, and with the key in its path.
    fn guarded(&self) -> Value {
        let mut event = self.question.with(NO_FACTS, &json!({ "SessionId": null }));
        let time = (now_ms() / 1000).to_string();
        let query = event["rawQueryString"].as_str().unwrap_or_default();
        let signature = sign("the-token-of-now", &time);
        event["rawQueryString"] = format!("{query}&RequestTime={time}&Sign={signature}").into();
        event["rawPath"] = "/assign-agent/the-url-key-of-now".into();
        event
    }

    /// When the `n`th of what the stories begin with happened.
    pub(super) fn told_at(&self, n: u64) -> u64 {
        self.started_ms - 2 * HOUR_MS + n
    }

    /// The sort key after all that was told, and before all that is asked.
    pub(super) fn end_of_told(&self) -> String {
        format!("AT#{:013}", self.started_ms - HOUR_MS)
    }

    /// A question by rules that read everything, after what was told and before the questions with a lower `n`:
    /// the story that it reads does not grow with them.
    pub(super) fn question_before(&self, session: &str, n: u64) -> Value {
        let fields = json!({ "SessionId": session, "EventTime": self.started_ms - n });
        self.question.with(ALL_FACTS, &fields)
    }

    /// The body of a message, for whoever keeps it without a function.
    pub(super) fn body(&self) -> String {
        self.message.body.to_string()
    }

    /// A message of its own key.
    pub(super) fn message_in(&self, app: u64, session: &str, at: u64, n: u64) -> Value {
        let fields = json!({ "SessionId": session, "EventTime": at, "MsgKey": format!("key-{n}") });
        self.message.with(app, &fields)
    }
}

pub(super) fn now_ms() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis() as u64
}
