//! The wire: what Tencent Cloud Desk sends and what it expects back.
//!
//! Numbers in brackets are `product/page` of the vendor's public documents, such as `1229/68988`.
//! Three rules hold everywhere: fields that are not known are ignored, a value that is not known
//! in an open set is kept as it came, and an empty string means "absent".

mod app;
mod assign;
mod command;
mod event;
mod lenient;
mod member;
mod message;
mod open_set;
mod reply;
mod time;

pub use app::{AppId, NoAppId};
pub use assign::AssignRequest;
pub use command::{Command, Endpoint, command_of};
pub use event::{EventKind, SessionEvent};
pub use member::MemberEvent;
pub use message::{Element, MsgBody};
pub use reply::{ActionStatus, Reply};
pub use time::{EventTime, NoEventTime};

use serde::de::DeserializeOwned;

/// Why a verified body could not be understood.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{path}: {reason}")]
pub struct NotUnderstood {
    /// The field that is wrong, such as `EventTime`, or `.` for the body as a whole.
    pub path: String,
    /// What is wrong with it. May repeat what the field holds: not for a log.
    pub reason: String,
}

impl NotUnderstood {
    /// `reason` says what is wrong with the field at `path`.
    pub fn new(path: impl Into<String>, reason: impl Into<String>) -> Self {
        Self { path: path.into(), reason: reason.into() }
    }
}

/// Reads a callback's body.
///
/// # Errors
/// Names the field that is missing or has a value that cannot be used.
pub fn read<T: DeserializeOwned>(body: &str) -> Result<T, NotUnderstood> {
    serde_json::from_str(body).or_else(|_| {
        // To know the place costs a copy of each field's name: only when there is something to tell.
        let deserializer = &mut serde_json::Deserializer::from_str(body);
        serde_path_to_error::deserialize(deserializer)
            .map_err(|error| NotUnderstood::new(error.path().to_string(), error.inner().to_string()))
    })
}
