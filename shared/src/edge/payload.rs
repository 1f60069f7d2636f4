use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use super::Batch;
use crate::webhook::Incoming;

/// What Lambda hands over.
#[derive(Debug)]
pub enum Payload {
    /// A request from API Gateway.
    Request(Incoming),
    /// Messages from SQS.
    Batch(Batch),
    /// Neither; it gets an answer all the same.
    Neither,
}

/// Any JSON is a payload: an invocation that cannot be read would end without an answer.
impl<'de> Deserialize<'de> for Payload {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <&RawValue>::deserialize(deserializer)?.get();
        let request = serde_json::from_str::<Incoming>(text);
        // What API Gateway sends has always a method; so has no batch.
        if request.as_ref().is_ok_and(|request| request.method().is_empty())
            && let Ok(batch) = serde_json::from_str(text)
        {
            return Ok(Self::Batch(batch));
        }
        Ok(request.map_or(Self::Neither, Self::Request))
    }
}
