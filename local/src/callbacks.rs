//! The callbacks of the `events` folder, each with the answer that it must get.

use std::{io, path::Path};

use base64::{Engine, engine::general_purpose::STANDARD};
use serde::Deserialize;
use serde_json::Value;

/// One callback to send, in the order of `events/expected.json`.
#[derive(Clone, Debug)]
pub struct Callback {
    /// Its file, below `events`.
    pub name: String,
    /// The event as API Gateway hands it to a function.
    pub event: Value,
    /// Whether plain HTTP cannot express it, so that the function must be invoked with it.
    pub only_by_invoke: bool,
    /// The HTTP status that must come back.
    pub status: u16,
    /// The rule that must be recorded, where the question is one that is recorded.
    pub rule: Option<String>,
    /// The fields that the reply must have; `null` for one that it must not have.
    pub answer: Value,
}

/// A file of the `events` folder that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum CallbackError {
    /// It cannot be read.
    #[error("cannot read events/{name}: {source}")]
    Unreadable {
        /// Which.
        name: String,
        /// Why.
        source: io::Error,
    },
    /// It is not what it should be.
    #[error("events/{name} is not as expected: {source}")]
    Malformed {
        /// Which.
        name: String,
        /// Why.
        source: serde_json::Error,
    },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Expected {
    send: String,
    #[serde(default)]
    through: Option<String>,
    status: u16,
    #[serde(default)]
    rule: Option<String>,
    answer: Value,
    #[serde(default)]
    pad_body_to_bytes: Option<usize>,
}

/// Reads all callbacks of an `events` folder.
///
/// # Errors
/// A file that is missing or not as it should be.
pub fn load(events: &Path) -> Result<Vec<Callback>, CallbackError> {
    let expected: Vec<Expected> = read(events, "expected.json")?;
    expected.into_iter().map(|expected| Callback::load(events, expected)).collect()
}

fn read<T: for<'de> Deserialize<'de>>(events: &Path, name: &str) -> Result<T, CallbackError> {
    let text = std::fs::read_to_string(events.join(name))
        .map_err(|source| CallbackError::Unreadable { name: name.to_owned(), source })?;
    serde_json::from_str(&text).map_err(|source| CallbackError::Malformed { name: name.to_owned(), source })
}

impl Callback {
    fn load(events: &Path, expected: Expected) -> Result<Self, CallbackError> {
        let mut event: Value = read(events, &expected.send)?;
        if let Some(bytes) = expected.pad_body_to_bytes {
            let body = event["body"].as_str().unwrap_or_default();
            event["body"] = format!("{body}{}", " ".repeat(bytes.saturating_sub(body.len()))).into();
        }
        let Expected { send, through, status, rule, answer, .. } = expected;
        Ok(Self { name: send, event, only_by_invoke: through.is_some(), status, rule, answer })
    }

    /// Whether it goes to this endpoint's path, such as `/assign-agent`.
    pub fn goes_to(&self, path: &str) -> bool {
        self.event["rawPath"].as_str().is_some_and(|raw| raw.starts_with(path))
    }

    /// Its body as the platform sends it, base64 undone; empty when it has none.
    pub fn body(&self) -> String {
        let body = self.event["body"].as_str().unwrap_or_default();
        let decoded = (self.event["isBase64Encoded"] == true).then(|| STANDARD.decode(body).ok()).flatten();
        decoded.and_then(|bytes| String::from_utf8(bytes).ok()).unwrap_or_else(|| body.to_owned())
    }

    /// What is wrong with an answer; empty when it is the expected one.
    pub fn differences(&self, status: u16, reply: &Value) -> Vec<String> {
        let mut differences = Vec::new();
        if status != self.status {
            differences.push(format!("HTTP {status} instead of {}", self.status));
        }
        for (field, expected) in self.answer.as_object().into_iter().flatten() {
            let got = reply.get(field).unwrap_or(&Value::Null);
            if got != expected {
                differences.push(format!("{field} is {got} instead of {expected}"));
            }
        }
        for field in ["ActionStatus", "ErrorInfo", "ErrorCode"] {
            if reply.get(field).is_none() {
                differences.push(format!("{field} is missing"));
            }
        }
        differences
    }
}
