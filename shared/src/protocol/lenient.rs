//! Reading fields whose loss must not cost the callback: what is not of the expected type reads
//! as absent, and so does a text that is none (half an emoji). Nothing here recurses, whatever the
//! depth of the input.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{self, Error},
};
use serde_json::value::RawValue;

use super::EventTime;

/// A scalar that somebody may ask for.
enum Scalar {
    Text(String),
    Integer(i64),
    Bool(bool),
    Unusable,
}

/// A text; absent when it is empty or anything but a text.
pub(super) fn text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    Ok(match scalar(deserializer)? {
        Scalar::Text(text) if !text.is_empty() => Some(text),
        _ => None,
    })
}

/// A whole number, or the text of one; absent when it is anything else.
pub(super) fn integer<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<i64>, D::Error> {
    Ok(match scalar(deserializer)? {
        Scalar::Integer(number) => Some(number),
        Scalar::Text(text) => text.parse().ok(),
        _ => None,
    })
}

/// A truth value; absent when it is anything else.
pub(super) fn boolean<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<bool>, D::Error> {
    Ok(match scalar(deserializer)? {
        Scalar::Bool(value) => Some(value),
        _ => None,
    })
}

/// A moment; absent when it is anything else.
pub(super) fn time<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<EventTime>, D::Error> {
    Ok(serde_json::from_str(<&RawValue>::deserialize(deserializer)?.get()).ok())
}

/// A text that must be there and not be empty.
pub(super) fn required_text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    match scalar(deserializer)? {
        Scalar::Text(text) if !text.is_empty() => Ok(text),
        Scalar::Text(_) => Err(D::Error::custom("is empty")),
        _ => Err(D::Error::custom("is no text")),
    }
}

/// In two steps: what cannot be read costs its own value, not the whole body.
fn scalar<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Scalar, D::Error> {
    let raw = <&RawValue>::deserialize(deserializer)?;
    Ok(serde_json::from_str(raw.get()).unwrap_or(Scalar::Unusable))
}

impl<'de> Deserialize<'de> for Scalar {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ScalarVisitor)
    }
}

struct ScalarVisitor;

impl de::Visitor<'_> for ScalarVisitor {
    type Value = Scalar;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text, a whole number or a truth value")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Scalar, E> {
        Ok(Scalar::Text(text.to_owned()))
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<Scalar, E> {
        Ok(Scalar::Integer(number))
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<Scalar, E> {
        i64::try_from(number).map(Scalar::Integer).map_err(E::custom)
    }

    fn visit_bool<E: de::Error>(self, value: bool) -> Result<Scalar, E> {
        Ok(Scalar::Bool(value))
    }
}
