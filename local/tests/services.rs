//! SQS and SSM, as the AWS SDK sees them. The same tests run on the stand-in and, by `make test-moto`, on moto.

#![allow(clippy::unwrap_used)] // in a test, a panic is the report

use std::{collections::BTreeSet, time::Duration};

use aws_sdk_sqs::{
    Client,
    error::ProvideErrorMetadata,
    types::{
        DeleteMessageBatchRequestEntry, Message, MessageSystemAttributeName, SendMessageBatchRequestEntry,
    },
};
use desk_local::stage::Services;

/// A queue and its service.
struct Queue {
    services: Services,
    client: Client,
    url: String,
}

impl Queue {
    async fn start() -> Self {
        let services = Services::start().await.unwrap();
        let url = services.queue().unwrap().url().to_owned();
        let client = services.access().sqs();
        Self { services, client, url }
    }

    async fn send(&self, text: &str) -> String {
        let send = self.client.send_message().queue_url(&self.url).message_body(text);
        send.send().await.unwrap().message_id.unwrap()
    }

    /// Receives messages and hides them for this time.
    async fn receive(&self, most: i32, visibility_timeout: i32) -> Vec<Message> {
        let receive = self.client.receive_message().queue_url(&self.url).max_number_of_messages(most);
        let receive = receive.message_system_attribute_names(MessageSystemAttributeName::All);
        let received = receive.visibility_timeout(visibility_timeout).send().await.unwrap();
        received.messages.unwrap_or_default()
    }

    /// The texts that can be received now. They stay in the queue and can be received again.
    async fn texts(&self) -> BTreeSet<String> {
        self.receive(10, 0).await.into_iter().map(|message| message.body.unwrap()).collect()
    }
}

fn receipt(message: &Message) -> &str {
    message.receipt_handle().unwrap()
}

fn receive_count(message: &Message) -> &str {
    &message.attributes().unwrap()[&MessageSystemAttributeName::ApproximateReceiveCount]
}

fn texts<const N: usize>(texts: [&str; N]) -> BTreeSet<String> {
    texts.map(str::to_owned).into()
}

/// The error's code without its namespace, which SQS calls by two names.
fn code(error: &impl ProvideErrorMetadata) -> &str {
    error.code().unwrap().rsplit('.').next().unwrap()
}

#[tokio::test]
async fn a_message_comes_back_as_it_was_sent() {
    let queue = Queue::start().await;
    let text = "{\"text\":\"tab\\t, 界, 😀, \u{FFFD}, \u{E000}, < & > \\ %20 +\"}\r\n\t";
    let id = queue.send(text).await;
    let received = queue.receive(1, 30).await;
    assert_eq!(received.len(), 1);
    assert_eq!(received[0].body(), Some(text));
    assert_eq!(received[0].message_id(), Some(&*id));
    assert_eq!(receive_count(&received[0]), "1");
}

#[tokio::test]
async fn a_received_message_is_hidden_until_its_timeout_and_then_comes_again() {
    let queue = Queue::start().await;
    queue.send("hello").await;
    let first = queue.receive(10, 2).await;
    assert_eq!(first.len(), 1);
    assert!(queue.receive(10, 0).await.is_empty());
    queue.services.pass(Duration::from_secs(2)).await;
    let second = queue.receive(10, 30).await;
    assert_eq!(second[0].message_id(), first[0].message_id());
    assert_eq!(receive_count(&second[0]), "2");
}

#[tokio::test]
async fn a_timeout_of_zero_makes_a_message_visible_at_once() {
    let queue = Queue::start().await;
    queue.send("hello").await;
    let received = queue.receive(1, 30).await;
    let change = queue.client.change_message_visibility().queue_url(&queue.url);
    change.receipt_handle(receipt(&received[0])).visibility_timeout(0).send().await.unwrap();
    assert_eq!(queue.texts().await, texts(["hello"]));
}

#[tokio::test]
async fn a_deleted_message_does_not_come_again() {
    let queue = Queue::start().await;
    for text in ["a", "b"] {
        queue.send(text).await;
    }
    let received = queue.receive(10, 0).await;
    let deleted = received.iter().find(|message| message.body() == Some("a")).unwrap();
    let delete = async || {
        let delete = queue.client.delete_message().queue_url(&queue.url);
        delete.receipt_handle(receipt(deleted)).send().await
    };
    delete().await.unwrap();
    assert_eq!(queue.texts().await, texts(["b"]));
    delete().await.unwrap();
}

#[tokio::test]
async fn a_delayed_message_cannot_be_received_before_its_time() {
    let queue = Queue::start().await;
    let send = queue.client.send_message().queue_url(&queue.url).message_body("later").delay_seconds(2);
    send.send().await.unwrap();
    queue.send("now").await;
    assert_eq!(queue.texts().await, texts(["now"]));
    queue.services.pass(Duration::from_secs(2)).await;
    assert_eq!(queue.texts().await, texts(["later", "now"]));
}

#[tokio::test]
async fn ten_messages_are_received_at_most_and_each_once() {
    let queue = Queue::start().await;
    let mut sent = BTreeSet::new();
    for number in 0..25 {
        sent.insert(queue.send(&number.to_string()).await);
    }
    let mut received = Vec::new();
    for expected in [10, 10, 5, 0] {
        let some = queue.receive(10, 30).await;
        assert_eq!(some.len(), expected);
        received.extend(some.into_iter().map(|message| message.message_id.unwrap()));
    }
    assert_eq!(received.len(), sent.len());
    assert_eq!(received.into_iter().collect::<BTreeSet<_>>(), sent);
    let too_many = queue.client.receive_message().queue_url(&queue.url).max_number_of_messages(11);
    assert_eq!(code(&too_many.send().await.unwrap_err().into_service_error()), "InvalidParameterValue");
}

fn entry(id: &str, delay_seconds: i32) -> SendMessageBatchRequestEntry {
    let entry = SendMessageBatchRequestEntry::builder().id(id).message_body(id);
    entry.delay_seconds(delay_seconds).build().unwrap()
}

#[tokio::test]
async fn a_bad_entry_of_a_batch_fails_alone() {
    let queue = Queue::start().await;
    let send = queue.client.send_message_batch().queue_url(&queue.url);
    let sent =
        send.entries(entry("a", 0)).entries(entry("b", 901)).entries(entry("c", 0)).send().await.unwrap();
    let successful: Vec<_> = sent.successful().iter().map(|entry| entry.id()).collect();
    assert_eq!(successful, ["a", "c"]);
    let [failed] = sent.failed() else { panic!("{sent:?}") };
    assert_eq!((failed.id(), failed.sender_fault(), failed.code()), ("b", true, "InvalidParameterValue"));
    assert_eq!(queue.texts().await, texts(["a", "c"]));

    let received = queue.receive(10, 0).await;
    let entry = |id: &str, receipt: &str| {
        DeleteMessageBatchRequestEntry::builder().id(id).receipt_handle(receipt).build().unwrap()
    };
    let delete = queue.client.delete_message_batch().queue_url(&queue.url);
    let delete = delete.entries(entry("good", receipt(&received[0]))).entries(entry("bad", "no receipt"));
    let deleted = delete.send().await.unwrap();
    assert_eq!(deleted.successful()[0].id(), "good");
    assert_eq!((deleted.failed()[0].id(), deleted.failed()[0].code()), ("bad", "ReceiptHandleIsInvalid"));
    assert_eq!(queue.texts().await.len(), 1);
}

#[tokio::test]
async fn a_batch_as_a_whole_is_refused() {
    let queue = Queue::start().await;
    let eleven: Vec<_> = (0..11).map(|number| entry(&number.to_string(), 0)).collect();
    for (entries, expected) in [
        (vec![], "EmptyBatchRequest"),
        (vec![entry("a", 0), entry("a", 0)], "BatchEntryIdsNotDistinct"),
        (eleven, "TooManyEntriesInBatchRequest"),
    ] {
        let send = queue.client.send_message_batch().queue_url(&queue.url).set_entries(Some(entries));
        assert_eq!(code(&send.send().await.unwrap_err().into_service_error()), expected);
    }
    assert!(queue.texts().await.is_empty());
}

#[tokio::test]
async fn a_message_has_at_most_one_mebibyte() {
    let queue = Queue::start().await;
    let largest = "x".repeat(1 << 20);
    queue.send(&largest).await;
    let too_large = format!("{largest}x");
    let send = queue.client.send_message().queue_url(&queue.url).message_body(too_large);
    assert_eq!(code(&send.send().await.unwrap_err().into_service_error()), "InvalidParameterValue");
    assert_eq!(queue.texts().await, BTreeSet::from([largest]));
}

#[tokio::test]
async fn an_unknown_queue_and_a_foreign_receipt_are_refused() {
    let queue = Queue::start().await;
    let unknown = format!("{}/000000000000/unknown", queue.services.endpoint());
    let send = queue.client.send_message().queue_url(unknown).message_body("hello").send().await;
    assert!(
        ["QueueDoesNotExist", "NonExistentQueue"].contains(&code(&send.unwrap_err().into_service_error()))
    );
    let change = queue.client.change_message_visibility().queue_url(&queue.url);
    let change = change.receipt_handle("no receipt").visibility_timeout(0).send().await;
    assert_eq!(code(&change.unwrap_err().into_service_error()), "ReceiptHandleIsInvalid");
}

#[tokio::test]
async fn parameters_come_decrypted_and_missing_ones_are_named() {
    let services = Services::start().await.unwrap();
    services.put_secret("/desk/tokens", "older").unwrap();
    services.put_secret("/desk/tokens", "s3cret, 界").unwrap();
    let client = services.access().ssm();
    let read = async |decrypted| {
        let names = ["/desk/tokens", "/desk/keys"].map(str::to_owned).to_vec();
        let get = client.get_parameters().set_names(Some(names)).with_decryption(decrypted);
        let answer = get.send().await.unwrap();
        assert_eq!(answer.invalid_parameters(), ["/desk/keys"]);
        let [parameter] = answer.parameters() else { panic!("{answer:?}") };
        assert_eq!(parameter.name(), Some("/desk/tokens"));
        parameter.value().unwrap().to_owned()
    };
    assert_eq!(read(true).await, "s3cret, 界");
    assert_ne!(read(false).await, "s3cret, 界");

    let eleven = (0..11).map(|number| format!("/desk/{number}")).collect();
    let too_many = client.get_parameters().set_names(Some(eleven)).send().await.unwrap_err();
    assert_eq!(code(&too_many.into_service_error()), "ValidationException");
}
