//! The spill queue of a stage, and Lambda's part in draining it.

use desk_webhooks::store::Access;
use serde_json::{Value, json};

use crate::{
    moto::{Moto, MotoError},
    runtime_api::{Sandbox, SandboxError},
};

/// What Lambda hands over at once, as the template says.
const BATCH: i32 = 10;

/// A queue with its dead-letter queue, as the template has them.
#[derive(Debug)]
pub struct Queue {
    client: aws_sdk_sqs::Client,
    url: String,
}

/// A batch as it was received.
#[derive(Clone, Debug, Default)]
pub struct Batch {
    /// The messages' ids, receipts and texts.
    messages: Vec<(String, String, String)>,
}

impl Batch {
    /// How many messages it has.
    pub fn len(&self) -> usize {
        self.messages.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.messages.is_empty()
    }

    /// As Lambda invokes the function with it.
    pub fn event(&self) -> Value {
        let record = |(id, receipt, body): &(String, String, String)| {
            json!({
                "messageId": id, "receiptHandle": receipt, "body": body,
                "attributes": { "ApproximateReceiveCount": "1" }, "messageAttributes": {},
                "eventSource": "aws:sqs", "awsRegion": "us-east-1",
            })
        };
        json!({ "Records": self.messages.iter().map(record).collect::<Vec<_>>() })
    }
}

impl Queue {
    /// Creates it on a moto server.
    ///
    /// # Errors
    /// The template's, or moto's.
    pub fn create(moto: &Moto, access: &Access) -> Result<Self, MotoError> {
        let url = moto.create_queue("SpillQueue")?;
        Ok(Self { client: access.sqs(), url })
    }

    /// Its URL, as `SPILL_QUEUE_URL` takes it.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Puts a text into it that can be taken after a delay.
    ///
    /// # Errors
    /// SQS's.
    pub async fn put(&self, text: &str, delay_seconds: i32) -> Result<(), aws_sdk_sqs::Error> {
        let put = self.client.send_message().queue_url(&self.url).message_body(text);
        put.delay_seconds(delay_seconds).send().await?;
        Ok(())
    }

    /// Up to ten messages that can be taken now.
    pub async fn batch(&self) -> Batch {
        let received = self.client.receive_message().queue_url(&self.url).max_number_of_messages(BATCH);
        let received = received.send().await.map(|output| output.messages.unwrap_or_default());
        let message = |message: aws_sdk_sqs::types::Message| {
            Some((message.message_id?, message.receipt_handle?, message.body?))
        };
        // A queue that cannot be read looks empty: whoever expects messages sees that they are missing.
        Batch { messages: received.unwrap_or_default().into_iter().filter_map(message).collect() }
    }

    /// What becomes of a batch after the function answered: what is done goes, what failed comes again.
    pub async fn settle(&self, batch: Batch, answer: &Value) {
        let failures = answer["batchItemFailures"].as_array().cloned().unwrap_or_default();
        for (id, receipt, _) in batch.messages {
            if failures.iter().any(|failure| failure["itemIdentifier"] == json!(id)) {
                let again = self.client.change_message_visibility().queue_url(&self.url);
                let _ = again.receipt_handle(receipt).visibility_timeout(0).send().await;
            } else {
                let done = self.client.delete_message().queue_url(&self.url).receipt_handle(receipt);
                let _ = done.send().await;
            }
        }
    }

    /// Hands batches to the function until nothing waits, and returns how many messages were done.
    ///
    /// # Errors
    /// The function's, or messages that fail.
    pub async fn drain_into(&self, function: &mut Sandbox) -> Result<usize, SandboxError> {
        let mut done = 0;
        loop {
            let batch = self.batch().await;
            if batch.is_empty() {
                return Ok(done);
            }
            let count = batch.len();
            let answer = function.invoke(&batch.event()).await?.response.unwrap_or_else(|error| error);
            let failed = answer["batchItemFailures"].as_array().map_or(count, Vec::len);
            self.settle(batch, &answer).await;
            done += count - failed;
            if failed > 0 {
                return Ok(done);
            }
        }
    }
}
