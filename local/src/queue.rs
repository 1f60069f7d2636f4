//! The spill queue of a stage, and Lambda's part in draining it.

use aws_sdk_sqs::types::DeleteMessageBatchRequestEntry;
use serde_json::{Value, json};

use crate::runtime_api::{Sandbox, SandboxError};

/// What Lambda hands over at once, as the template says.
const BATCH: i32 = 10;

/// A queue.
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
    /// The queue at this URL.
    pub fn new(client: aws_sdk_sqs::Client, url: String) -> Self {
        Self { client, url }
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
    ///
    /// # Errors
    /// SQS's.
    pub async fn batch(&self) -> Result<Batch, aws_sdk_sqs::Error> {
        let received = self.client.receive_message().queue_url(&self.url).max_number_of_messages(BATCH);
        let messages = received.send().await?.messages.unwrap_or_default();
        let message = |message: aws_sdk_sqs::types::Message| {
            Some((message.message_id?, message.receipt_handle?, message.body?))
        };
        Ok(Batch { messages: messages.into_iter().filter_map(message).collect() })
    }

    /// What becomes of a batch after the function answered: what is done goes, what failed comes again, at once.
    /// Returns how many were done.
    ///
    /// # Errors
    /// SQS's.
    pub async fn settle(&self, batch: Batch, answer: &Value) -> Result<usize, aws_sdk_sqs::Error> {
        // An answer that is no list of failures counts as all of them, as with Lambda.
        let failures = answer["batchItemFailures"].as_array();
        let mut done = Vec::new();
        for (id, receipt, _) in batch.messages {
            let failed =
                |failures: &Vec<Value>| failures.iter().any(|failure| failure["itemIdentifier"] == id);
            if failures.is_none_or(failed) {
                let again = self.client.change_message_visibility().queue_url(&self.url);
                let again = again.receipt_handle(receipt).visibility_timeout(0).send().await;
                again?;
            } else {
                let entry = DeleteMessageBatchRequestEntry::builder().id(id).receipt_handle(receipt);
                done.push(entry.build()?);
            }
        }
        let count = done.len();
        if count > 0 {
            let delete = self.client.delete_message_batch().queue_url(&self.url).set_entries(Some(done));
            delete.send().await?;
        }
        Ok(count)
    }

    /// Hands one batch to the function. Returns how many messages there were, and how many are done.
    ///
    /// # Errors
    /// SQS's, or the function's.
    pub async fn drain_once<E>(
        &self,
        invoke: impl AsyncFnOnce(Value) -> Result<Value, E>,
    ) -> Result<(usize, usize), QueueError<E>> {
        let batch = self.batch().await?;
        if batch.is_empty() {
            return Ok((0, 0));
        }
        let answer = invoke(batch.event()).await.map_err(QueueError::Function)?;
        let there_were = batch.len();
        Ok((there_were, self.settle(batch, &answer).await?))
    }

    /// Hands batches to the function until nothing waits or something fails, and returns how many messages
    /// were done.
    ///
    /// # Errors
    /// SQS's, or the function's.
    pub async fn drain_into(&self, function: &mut Sandbox) -> Result<usize, QueueError<SandboxError>> {
        let mut all_done = 0;
        loop {
            let (there_were, done) = self.drain_once(async |batch| function.take(&batch).await).await?;
            all_done += done;
            if there_were == 0 || done < there_were {
                return Ok(all_done);
            }
        }
    }
}

/// Why a queue could not be drained.
#[derive(Debug, thiserror::Error)]
pub enum QueueError<E> {
    /// SQS's reason.
    #[error("the queue cannot be used: {}", aws_sdk_sqs::error::DisplayErrorContext(.0))]
    Sqs(#[from] aws_sdk_sqs::Error),
    /// The function's.
    #[error("the function cannot be asked: {0}")]
    Function(E),
}
