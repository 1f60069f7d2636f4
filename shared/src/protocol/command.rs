use std::{borrow::Cow, fmt};

use serde::{
    Deserialize, Deserializer,
    de::{self, IgnoredAny},
};

use super::{lenient, open_set::open_set, text_of};

open_set! {
    /// `CallbackCommand`, in the query and in the body.
    pub enum Command {
        /// The user asks for a live agent (1229/68988, 679/116643).
        AssignHuman = "ChatBot.OnAssignHuman",
        /// The same question on the earlier Chat-based Desk (1047/63270).
        AssignAgent = "ChatBot.OnAssignAgent",
        /// A message or a state change of a session (1229/68989, 269/111212).
        SessionEvent = "Desk.SessionEventNotify",
        /// An agent's status changed (269/133254).
        MemberEvent = "Member.EventNotify",
    }
}

/// The two addresses that the platform is given, one per function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Endpoint {
    /// `POST /assign-agent`: who shall serve this user?
    AssignAgent,
    /// `POST /session-events`: what happened.
    SessionEvents,
}

impl Endpoint {
    /// The path, without the URL key that may follow it.
    pub fn path(self) -> &'static str {
        match self {
            Self::AssignAgent => "/assign-agent",
            Self::SessionEvents => "/session-events",
        }
    }
}

impl Command {
    /// The name for a log: what is not known may be anything, of any length, and is not repeated.
    pub fn log_name(&self) -> &str {
        match self {
            Self::Other(_) => "unknown",
            known => known.as_str(),
        }
    }

    /// Where this command belongs; `None` for a command that is not known.
    pub fn endpoint(&self) -> Option<Endpoint> {
        match self {
            Self::AssignHuman | Self::AssignAgent => Some(Endpoint::AssignAgent),
            Self::SessionEvent | Self::MemberEvent => Some(Endpoint::SessionEvents),
            Self::Other(_) => None,
        }
    }
}

/// The `CallbackCommand` of a body; `None` when it names none, or is not a JSON object.
///
/// Only the outermost object is looked at, whatever the depth of the rest.
pub fn command_of(body: &[u8]) -> Option<Command> {
    let Envelope(command) = serde_json::from_str(text_of(body)?).ok()?;
    command
}

/// A body before it is known what it is. A field that comes twice counts as it came last.
struct Envelope(Option<Command>);

impl<'de> Deserialize<'de> for Envelope {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(EnvelopeVisitor)
    }
}

struct EnvelopeVisitor;

impl<'de> de::Visitor<'de> for EnvelopeVisitor {
    type Value = Envelope;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: de::MapAccess<'de>>(self, mut entries: A) -> Result<Envelope, A::Error> {
        #[derive(Deserialize)]
        struct Name(#[serde(deserialize_with = "lenient::text")] Option<String>);

        let mut command = None;
        while let Some(key) = entries.next_key::<Cow<'de, str>>()? {
            if key == "CallbackCommand" {
                command = entries.next_value::<Name>()?.0;
            } else {
                entries.next_value::<IgnoredAny>()?;
            }
        }
        Ok(Envelope(command.as_deref().map(Command::from_wire)))
    }
}
