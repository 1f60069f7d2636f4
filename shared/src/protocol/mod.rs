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
#[error("{}: {reason}", if path == "." { "the body" } else { path.as_str() })]
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

/// Reads a callback's body, which is a JSON object. A byte-order mark before it is skipped.
///
/// # Errors
/// Names the field that is missing or has a value that cannot be used.
pub fn read<T: DeserializeOwned>(body: &(impl AsRef<[u8]> + ?Sized)) -> Result<T, NotUnderstood> {
    let body = text_of(body.as_ref()).ok_or_else(|| NotUnderstood::new(".", "is not UTF-8"))?;
    // A struct can be deserialized from an array as well.
    if !body.trim_start().starts_with('{') {
        return Err(NotUnderstood::new(".", "is not a JSON object"));
    }
    serde_json::from_str(body).or_else(|_| {
        // To know the place costs a copy of each field's name: only when there is something to tell.
        let deserializer = &mut serde_json::Deserializer::from_str(body);
        serde_path_to_error::deserialize(deserializer).map_err(|error| {
            // What is not even JSON has no field that is wrong, and its path may hold names that a user chose.
            let path = if error.inner().is_data() { error.path().to_string() } else { ".".to_owned() };
            NotUnderstood::new(path, error.inner().to_string())
        })
    })
}

/// A body as text, without its byte-order mark; `None` if it is not UTF-8.
fn text_of(body: &[u8]) -> Option<&str> {
    let text = std::str::from_utf8(body).ok()?;
    Some(text.strip_prefix('\u{FEFF}').unwrap_or(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_byte_order_mark_is_skipped() {
        let body = "\u{FEFF}{\"CallbackCommand\":\"Member.EventNotify\",\"MemberId\":\"bo\",\"Status\":\"rest\",\"EventTime\":1}";
        assert_eq!(command_of(body.as_bytes()), Some(Command::MemberEvent));
        assert_eq!(read::<MemberEvent>(body).unwrap().status, "rest");
    }

    #[test]
    fn only_a_json_object_is_read() {
        let cases: [(&[u8], &str); 7] = [
            (br#"["bo","rest",1]"#, "is not a JSON object"),
            (b"\"text\"", "is not a JSON object"),
            (b"", "is not a JSON object"),
            (b"{\"MemberId\":\"bo", "EOF while parsing a string at line 1 column 15"),
            (b"{} {}", "missing field `MemberId` at line 1 column 2"),
            (b"{\"a\":\"\xff\"}", "is not UTF-8"),
            (b"\xef\xbb{}", "is not UTF-8"),
        ];
        for (body, reason) in cases {
            let text = String::from_utf8_lossy(body);
            assert_eq!(read::<MemberEvent>(body).unwrap_err().reason, reason, "{text}");
            assert_eq!(command_of(body), None, "{text}");
        }
    }
}
