use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, de};

/// The moment that a callback speaks of: `EventTime`, milliseconds since the Unix epoch.
///
/// The documents type it as an integer in most places and as a string in one (1047/63270): both
/// are read. Values have at most 13 digits, which is what the keys of stored items have room for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct EventTime(u64);

/// The number is no usable `EventTime`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an EventTime is a whole number of milliseconds from 0 to 9999999999999")]
pub struct NoEventTime;

impl EventTime {
    /// The latest one, in the year 2286.
    pub const MAX: Self = Self(9_999_999_999_999);

    /// `ms` milliseconds since the epoch.
    ///
    /// # Errors
    /// More than 13 digits.
    pub fn from_ms(ms: u64) -> Result<Self, NoEventTime> {
        if ms <= Self::MAX.0 { Ok(Self(ms)) } else { Err(NoEventTime) }
    }

    /// Milliseconds since the epoch.
    pub fn as_ms(self) -> u64 {
        self.0
    }
}

/// Thirteen digits, as in the keys of stored items.
impl fmt::Display for EventTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:013}", self.0)
    }
}

impl<'de> Deserialize<'de> for EventTime {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(EventTimeVisitor)
    }
}

struct EventTimeVisitor;

impl de::Visitor<'_> for EventTimeVisitor {
    type Value = EventTime;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("whole milliseconds from 0 to 9999999999999, as a number or as a text")
    }

    fn visit_u64<E: de::Error>(self, ms: u64) -> Result<EventTime, E> {
        EventTime::from_ms(ms).map_err(E::custom)
    }

    fn visit_i64<E: de::Error>(self, ms: i64) -> Result<EventTime, E> {
        u64::try_from(ms).map_err(|_| NoEventTime).and_then(EventTime::from_ms).map_err(E::custom)
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<EventTime, E> {
        let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        let ms = digits.then(|| text.parse().ok()).flatten();
        ms.ok_or(NoEventTime).and_then(EventTime::from_ms).map_err(E::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_time_is_a_number_or_its_text() {
        for json in ["1777777777777", "\"1777777777777\""] {
            assert_eq!(serde_json::from_str::<EventTime>(json).unwrap().as_ms(), 1_777_777_777_777);
        }
        assert_eq!(serde_json::from_str::<EventTime>("9999999999999").unwrap(), EventTime::MAX);
        assert_eq!(serde_json::from_str::<EventTime>("0").unwrap().to_string(), "0000000000000");
    }

    #[test]
    fn what_is_no_time_is_refused() {
        let cases = ["-1", "1.5", "1e3", "10000000000000", "\"\"", "\"+5\"", "\" 5\"", "null", "[]", "true"];
        for json in cases {
            assert!(serde_json::from_str::<EventTime>(json).is_err(), "{json}");
        }
    }
}
