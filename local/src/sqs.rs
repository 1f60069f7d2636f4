//! A stand-in for an SQS queue. The cost of a call does not grow with the number of messages, except for the
//! logarithm of an ordered map.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    time::Duration,
};

use serde_json::{Value, json};

use crate::{standin::Refused, template};

/// The most messages that one call sends, receives or deletes.
const BATCH: usize = 10;
/// The longest delay of a message, in seconds.
const LONGEST_DELAY: u64 = 900;
/// The longest time for which a received message is hidden, in seconds.
const LONGEST_VISIBILITY_TIMEOUT: u64 = 43_200;

/// When a message can be received next, and its number.
type Place = (Duration, u64);

/// A queue. Times are measured from any moment that stays the same.
#[derive(Debug)]
pub(crate) struct Queue {
    visibility_timeout: Duration,
    maximum_bytes: usize,
    messages: BTreeMap<Place, Message>,
    /// The place of each message by its number.
    places: HashMap<u64, Place>,
    sent: u64,
}

#[derive(Debug)]
struct Message {
    body: String,
    received: u32,
}

impl Queue {
    pub(crate) fn new(definition: &template::Queue) -> Self {
        // SQS's own defaults: 30 seconds, 1 MiB.
        let seconds = definition.visibility_timeout.unwrap_or(30);
        Self {
            visibility_timeout: Duration::from_secs(seconds.into()),
            maximum_bytes: definition.maximum_message_bytes.unwrap_or(1 << 20) as usize,
            messages: BTreeMap::new(),
            places: HashMap::new(),
            sent: 0,
        }
    }

    /// Does what a request of SQS's JSON protocol asks for.
    pub(crate) fn call(&mut self, operation: &str, request: &Value, now: Duration) -> Result<Value, Refused> {
        match operation {
            "SendMessage" => self.send(request, now),
            "SendMessageBatch" => {
                let bodies = request["Entries"].as_array().into_iter().flatten();
                let bytes: usize =
                    bodies.filter_map(|entry| entry["MessageBody"].as_str()).map(str::len).sum();
                if bytes > self.maximum_bytes {
                    return Err(Refused::new("BatchRequestTooLong", format!("{bytes} bytes are too many")));
                }
                self.batch(request, |queue, entry| queue.send(entry, now))
            }
            "ReceiveMessage" => self.receive(request, now),
            "ChangeMessageVisibility" => self.change_visibility(request, now),
            "DeleteMessage" => self.delete(request),
            "DeleteMessageBatch" => self.batch(request, Self::delete),
            other => Err(Refused::unknown(other)),
        }
    }

    fn send(&mut self, request: &Value, now: Duration) -> Result<Value, Refused> {
        let body = text(request, "MessageBody")?;
        if body.is_empty() || body.len() > self.maximum_bytes {
            let message =
                format!("a message has 1 to {} bytes, this one has {}", self.maximum_bytes, body.len());
            return Err(Refused::invalid(message));
        }
        let delay = seconds(request, "DelaySeconds", LONGEST_DELAY)?.unwrap_or_default();
        self.sent += 1;
        // SQS replaces the characters that a message cannot have.
        let body = if body.chars().all(is_allowed) {
            body.to_owned()
        } else {
            body.replace(|character| !is_allowed(character), "\u{FFFD}")
        };
        self.put((now + delay, self.sent), Message { body, received: 0 });
        Ok(json!({ "MessageId": message_id(self.sent) }))
    }

    fn receive(&mut self, request: &Value, now: Duration) -> Result<Value, Refused> {
        let wanted = request["MaxNumberOfMessages"].as_u64().unwrap_or(1) as usize;
        if !(1..=BATCH).contains(&wanted) {
            return Err(Refused::invalid(format!("MaxNumberOfMessages is 1 to {BATCH}, not {wanted}")));
        }
        let timeout = seconds(request, "VisibilityTimeout", LONGEST_VISIBILITY_TIMEOUT)?;
        let visible_again = now + timeout.unwrap_or(self.visibility_timeout);
        let mut received = Vec::new();
        while received.len() < wanted
            && let Some(first) = self.messages.first_entry()
            && first.key().0 <= now
        {
            received.push(first.remove_entry());
        }
        let mut messages = Vec::new();
        for ((_, number), mut message) in received {
            message.received += 1;
            messages.push(json!({
                "MessageId": message_id(number),
                "ReceiptHandle": format!("{number}/{}", message.received),
                "Body": message.body,
                "Attributes": { "ApproximateReceiveCount": message.received.to_string() },
            }));
            self.put((visible_again, number), message);
        }
        Ok(json!({ "Messages": messages }))
    }

    fn change_visibility(&mut self, request: &Value, now: Duration) -> Result<Value, Refused> {
        let number = number_of(text(request, "ReceiptHandle")?)?;
        let timeout = seconds(request, "VisibilityTimeout", LONGEST_VISIBILITY_TIMEOUT)?;
        let timeout = timeout.ok_or_else(|| Refused::missing("VisibilityTimeout"))?;
        // A message that is deleted already stays deleted.
        if let Some(message) = self.take(number) {
            self.put((now + timeout, number), message);
        }
        Ok(json!({}))
    }

    fn delete(&mut self, request: &Value) -> Result<Value, Refused> {
        let number = number_of(text(request, "ReceiptHandle")?)?;
        self.take(number);
        Ok(json!({}))
    }

    /// Does the same for each entry. An entry that is refused does not stop the others.
    fn batch(
        &mut self,
        request: &Value,
        mut call: impl FnMut(&mut Self, &Value) -> Result<Value, Refused>,
    ) -> Result<Value, Refused> {
        let entries = request["Entries"].as_array().map(Vec::as_slice).unwrap_or_default();
        let ids = entries.iter().map(|entry| text(entry, "Id")).collect::<Result<HashSet<_>, _>>()?;
        let refused = |code: &'static str| Err(Refused::new(code, format!("{} entries", entries.len())));
        match entries.len() {
            0 => return refused("EmptyBatchRequest"),
            count if count > BATCH => return refused("TooManyEntriesInBatchRequest"),
            count if count > ids.len() => return refused("BatchEntryIdsNotDistinct"),
            _ => {}
        }
        let (mut successful, mut failed) = (Vec::new(), Vec::new());
        for entry in entries {
            match call(self, entry) {
                Ok(mut result) => {
                    result["Id"] = entry["Id"].clone();
                    successful.push(result);
                }
                Err(Refused { code, message }) => failed.push(json!({
                    "Id": entry["Id"], "SenderFault": true, "Code": code, "Message": message,
                })),
            }
        }
        Ok(json!({ "Successful": successful, "Failed": failed }))
    }

    fn put(&mut self, place: Place, message: Message) {
        self.places.insert(place.1, place);
        self.messages.insert(place, message);
    }

    fn take(&mut self, number: u64) -> Option<Message> {
        let place = self.places.remove(&number)?;
        self.messages.remove(&place)
    }
}

fn message_id(number: u64) -> String {
    format!("00000000-0000-4000-8000-{number:012}")
}

fn number_of(receipt: &str) -> Result<u64, Refused> {
    let number = receipt.split_once('/').and_then(|(number, _)| number.parse().ok());
    number.ok_or_else(|| Refused::new("ReceiptHandleIsInvalid", "the receipt handle is not of this queue"))
}

fn text<'a>(request: &'a Value, name: &str) -> Result<&'a str, Refused> {
    request[name].as_str().ok_or_else(|| Refused::missing(name))
}

fn seconds(request: &Value, name: &str, longest: u64) -> Result<Option<Duration>, Refused> {
    match &request[name] {
        Value::Null => Ok(None),
        value => match value.as_u64().filter(|seconds| *seconds <= longest) {
            Some(seconds) => Ok(Some(Duration::from_secs(seconds))),
            None => Err(Refused::invalid(format!("{name} is 0 to {longest} seconds, not {value}"))),
        },
    }
}

/// The characters that a message may have.
fn is_allowed(character: char) -> bool {
    matches!(character, '\t' | '\n' | '\r' | ' '..='\u{D7FF}' | '\u{E000}'..='\u{FFFD}' | '\u{10000}'..)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    /// A queue that looks at all waiting messages at each call would not come to the end of this.
    #[test]
    fn cost_of_a_call_does_not_grow_with_the_waiting_messages() {
        const MESSAGES: usize = 100_000;
        let definition = template::queue(template::TEMPLATE, "SpillQueue").unwrap();
        let (mut queue, now) = (Queue::new(&definition), Duration::ZERO);
        for _ in 0..MESSAGES {
            queue.call("SendMessage", &json!({ "MessageBody": "hello" }), now).unwrap();
        }
        for _ in 0..MESSAGES {
            let received = queue.call("ReceiveMessage", &json!({}), now).unwrap();
            let receipt = json!({ "ReceiptHandle": received["Messages"][0]["ReceiptHandle"] });
            queue.call("DeleteMessage", &receipt, now).unwrap();
        }
        assert!(queue.messages.is_empty() && queue.places.is_empty());
    }

    #[test]
    fn characters_that_sqs_does_not_take_are_replaced() {
        let definition = template::queue(template::TEMPLATE, "SpillQueue").unwrap();
        let (mut queue, now) = (Queue::new(&definition), Duration::ZERO);
        queue.call("SendMessage", &json!({ "MessageBody": "a\u{FFFF}\u{1}\tb" }), now).unwrap();
        let received = queue.call("ReceiveMessage", &json!({}), now).unwrap();
        assert_eq!(received["Messages"][0]["Body"], "a\u{FFFD}\u{FFFD}\tb");
    }
}
