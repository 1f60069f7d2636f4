//! A batch of messages as Lambda hands it over from SQS, and what goes back.

use serde::{Deserialize, Serialize};

/// Messages that are taken care of together.
#[derive(Clone, Debug, Deserialize)]
pub struct Batch {
    /// The messages.
    #[serde(rename = "Records")]
    pub records: Vec<Message>,
}

/// One message.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Message {
    /// Its name in the answer.
    pub message_id: String,
    /// What was sent.
    pub body: String,
}

/// The messages that come again; all others are done.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BatchReply {
    batch_item_failures: Vec<Failure>,
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Failure {
    item_identifier: String,
}

impl BatchReply {
    /// The reply for messages of which these failed, by their ids.
    pub fn failed(ids: impl IntoIterator<Item = String>) -> Self {
        let batch_item_failures =
            ids.into_iter().map(|item_identifier| Failure { item_identifier }).collect();
        Self { batch_item_failures }
    }
}
