//! What a callback costs, counted at the wire: `docs/cost.md` is made of these figures.

#![allow(clippy::unwrap_used, clippy::expect_used)] // in a test, a panic is the report

mod common;

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use common::{BINARY, event, message, tell};
use desk_local::{
    engine::SESSIONS_TABLE,
    proxy::{Proxy, Verdict},
    runtime_api::Sandbox,
    stage::Stage,
};
use serde_json::{Value, json};

fn total(cost: &[(String, f64)], reads: bool) -> f64 {
    cost.iter().filter(|(operation, _)| (operation == "Query") == reads).map(|(_, units)| units).sum()
}

/// A function whose calls to DynamoDB are counted.
struct Counted {
    // Dropped in this order: the function before what it talks to.
    function: Sandbox,
    dynamodb: Proxy,
    stage: Stage,
}

impl Counted {
    async fn start() -> Self {
        let stage = Stage::with_queue().await.unwrap();
        let dynamodb = Proxy::start(&stage.endpoint(), |_| Verdict::Pass).await.unwrap();
        let env = [("AWS_ENDPOINT_URL_DYNAMODB", &*dynamodb.endpoint())];
        let mut function = stage.function_with(BINARY, &env).await.unwrap();
        function.ready().await.unwrap();
        dynamodb.take_calls(); // those of the warm-up
        Self { function, dynamodb, stage }
    }

    /// What one callback costs: each call, and its units.
    async fn cost(&mut self, callback: &Value) -> Vec<(String, f64)> {
        assert_eq!(tell(&mut self.function, callback).await, 200);
        let made = self.dynamodb.take_calls().into_iter();
        let mut made: Vec<_> = made.map(|made| (made.operation, made.units)).collect();
        // What is asked for at once comes in any order.
        made.sort_by(|a, b| a.partial_cmp(b).unwrap());
        made
    }
}

fn now_ms() -> u64 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_millis() as u64
}

#[tokio::test]
async fn a_message_of_usual_size_costs_one_unit_and_one_round_trip() {
    let mut counted = Counted::start().await;
    let now = now_ms();
    let first = counted.cost(&message("s", now, "hello")).await;
    // The summary's stub, and a place in each of two indexes.
    assert_eq!(first, [("PutItem".into(), 1.0), ("UpdateItem".into(), 3.0)]);
    let text = "I have not received my order yet, could you please look into it? ".repeat(4);
    let next = counted.cost(&message("s", now + 1, &text)).await;
    assert_eq!(next, [("PutItem".into(), 1.0)]);
    // A duplicate costs the write that its condition refuses.
    let again = counted.cost(&message("s", now + 1, &text)).await;
    assert_eq!(again.iter().map(|(operation, _)| operation.as_str()).collect::<Vec<_>>(), ["PutItem"]);
}

#[tokio::test]
async fn a_further_user_of_a_session_costs_two_writes_once() {
    let mut counted = Counted::start().await;
    let now = now_ms();
    counted.cost(&message("s", now, "hello")).await;
    let of_li = |at: u64| {
        let more = json!({ "ClientUserId": "li", "MsgKey": at.to_string() });
        event("s", "Human.UserSendMsg", at, more)
    };
    // The summary belongs to the other user, which a refused write tells; then the item that finds the session.
    let first = counted.cost(&of_li(now + 1)).await;
    assert_eq!(first, [("PutItem".into(), 1.0), ("PutItem".into(), 2.0), ("UpdateItem".into(), 1.0)]);
    for (callback, name) in [(of_li(now + 2), "li"), (message("s", now + 3, "hello"), "maya")] {
        let next = counted.cost(&callback).await;
        assert_eq!(next, [("PutItem".into(), 1.0)], "{name}");
    }
}

/// What DynamoDB counts of an item: the bytes of its names and values.
fn bytes(item: &HashMap<String, AttributeValue>) -> usize {
    let value = |value: &AttributeValue| match value {
        AttributeValue::S(text) => text.len(),
        AttributeValue::N(number) => number.len() / 2 + 1,
        AttributeValue::B(bytes) => bytes.as_ref().len(),
        other => panic!("nothing of ours: {other:?}"),
    };
    item.iter().map(|(name, held)| name.len() + value(held)).sum()
}

/// Units written and read for each event of a session with this many messages.
async fn per_event(messages: u64) -> (f64, f64) {
    let mut counted = Counted::start().await;
    let now = now_ms();
    let agent = json!({ "AgentId": "bo@example.com" });
    let mut story = vec![event("s", "SessionBegin", now, json!({}))];
    story.extend((1..=messages).map(|n| message("s", now + n, "hello")));
    story.insert(story.len() / 2, event("s", "TransferToHumanSuccess", now + messages / 2, agent));
    story.push(event("s", "SessionEnd", now + messages + 1, json!({})));
    let (mut written, mut read) = (0.0, 0.0);
    for callback in &story {
        let cost = counted.cost(callback).await;
        written += total(&cost, false);
        read += total(&cost, true);
    }
    // The note that the end left.
    let refold = json!({ "Records": [{
        "messageId": "1", "body": r#"{"note":"refold/1","app":1400000001,"session":"s"}"#,
    }] });
    let drained = counted.function.invoke(&refold).await.unwrap().response.unwrap();
    assert_eq!(drained, json!({ "batchItemFailures": [] }));
    for made in counted.dynamodb.take_calls() {
        *(if made.operation == "Query" { &mut read } else { &mut written }) += made.units;
    }
    let events = story.len() as f64;
    let items = counted.stage.client().scan().table_name(SESSIONS_TABLE).into_paginator().items().send();
    let items: Vec<_> = items.collect::<Result<_, _>>().await.unwrap();
    println!(
        "{events} events: {:.2} units written, {:.2} read, {:.0} bytes stored, {:.0} bytes of log each",
        written / events,
        read / events,
        items.iter().map(bytes).sum::<usize>() as f64 / events,
        counted.function.log().len() as f64 / events,
    );
    (written / events, read / events)
}

#[tokio::test]
async fn an_event_of_a_long_session_costs_no_more_than_one_of_a_short_one() {
    let (short_written, short_read) = per_event(7).await;
    let (long_written, long_read) = per_event(9997).await;
    assert!(long_written <= short_written && long_read <= short_read);
}
