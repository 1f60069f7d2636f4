use serde::Deserialize;

use super::{EventTime, lenient};

/// An agent's status changed: the body of `Member.EventNotify` (269/133254).
///
/// `Status` is an open set: the documents' table has `ready`, `notReady`, `rest` and `offline`,
/// their sample shows `free`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct MemberEvent {
    /// The agent's e-mail address.
    #[serde(deserialize_with = "lenient::required_text")]
    pub member_id: String,
    /// The status as it came.
    #[serde(deserialize_with = "lenient::required_text")]
    pub status: String,
    /// When the status changed.
    pub event_time: EventTime,
    /// Why the agent rests.
    #[serde(default, deserialize_with = "lenient::text")]
    pub rest_reason: Option<String>,
}
