//! The spill queue, by the real binary on a real queue.

#![allow(clippy::unwrap_used, clippy::expect_used)] // in a test, a panic is the report

mod common;

use common::{BINARY, app, callback, dump, event, message, tell};
use desk_local::{
    proxy::{Proxy, Verdict},
    queue::Queue,
    runtime_api::Sandbox,
    stage::Stage,
};
use desk_webhooks::digest::sha256_hex;
use serde_json::{Value, json};

/// Events, a status, and something that nobody understands; an id with everything that an id may have.
fn callbacks() -> Vec<Value> {
    let odd = "s#1/界 \u{1}\u{FFFF}\"\\";
    vec![
        event(odd, "SessionBegin", 1_793_584_800_000, json!({})),
        message(odd, 1_793_584_801_000, "hello"),
        event(odd, "TransferToHumanSuccess", 1_793_584_802_000, json!({ "AgentId": "bo@example.com" })),
        callback(r#"{"CallbackCommand":"Member.EventNotify","MemberId":"bo","Status":"rest","EventTime":1}"#),
        callback(r#"{"CallbackCommand":"Desk.SessionEventNotify","Event":"SessionEnd","EventTime":1}"#),
        event(odd, "SessionEnd", 1_793_584_803_000, json!({})),
    ]
}

/// What a store has in the end that was never disturbed.
async fn undisturbed(callbacks: &[Value]) -> Vec<String> {
    let stage = Stage::start().await.unwrap();
    let mut function = stage.function(BINARY).await.unwrap();
    for callback in callbacks {
        assert_eq!(tell(&mut function, callback).await, 200);
    }
    dump(&stage).await
}

async fn batch_fails_whole(queue: &Queue, function: &mut Sandbox) {
    let batch = queue.batch().await.unwrap();
    let answer = function.invoke(&batch.event()).await.unwrap().response.unwrap();
    assert!(!batch.is_empty());
    assert_eq!(answer["batchItemFailures"].as_array().unwrap().len(), batch.len());
    assert!(queue.batch().await.unwrap().is_empty(), "a failing drain spills nothing");
    assert_eq!(queue.settle(batch, &answer).await.unwrap(), 0);
}

#[tokio::test]
async fn what_dynamodb_does_not_take_waits_in_the_queue_and_is_kept_from_there() {
    let expected = undisturbed(&callbacks()).await;
    let throttled = r#"{"__type":"com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException"}"#;
    for fault in [Verdict::Answer(400, throttled.into()), Verdict::Answer(500, "{}".into()), Verdict::Reset] {
        let stage = Stage::with_queue().await.unwrap();
        let (queue, _) = stage.queue().unwrap();
        let failing = Proxy::start(&stage.endpoint(), move |_| fault.clone()).await.unwrap();
        let env = [("AWS_ENDPOINT_URL_DYNAMODB", &*failing.endpoint())];
        let mut function = stage.function_with(BINARY, &env).await.unwrap();
        for callback in callbacks() {
            assert_eq!(tell(&mut function, &callback).await, 200);
        }
        let log = function.log();
        assert_eq!(log.matches("\"outcome\":\"spilled\"").count(), callbacks().len(), "{log}");
        assert_eq!(log.matches("\"Spilled\":1").count(), callbacks().len(), "{log}");
        for private in ["maya", "界", "hello", "bo@example.com"] {
            assert!(!log.contains(private), "{private} is in the log:\n{log}");
        }
        batch_fails_whole(queue, &mut function).await;
        assert!(dump(&stage).await.is_empty());

        // The queue promises at least once: every message comes a second time.
        let mut function = stage.function(BINARY).await.unwrap();
        let batch = queue.batch().await.unwrap();
        assert_eq!(batch.len(), callbacks().len());
        for _ in 0..2 {
            let answer = function.invoke(&batch.event()).await.unwrap().response.unwrap();
            assert_eq!(answer, json!({ "batchItemFailures": [] }));
            assert_eq!(dump(&stage).await, expected);
        }
    }
}

/// A text of this length that hardly compresses.
fn noise(length: usize) -> String {
    let digests = (0_u32..).flat_map(|n| {
        sha256_hex(&n.to_be_bytes())
            .into_bytes()
            .chunks(2)
            .map(|pair| u8::from_str_radix(&String::from_utf8_lossy(pair), 16).unwrap())
            .collect::<Vec<_>>()
    });
    let printable = digests.filter(|byte| *byte < 180).map(|byte| char::from(byte % 90 + 36));
    printable.filter(|character| *character != '\\').take(length).collect()
}

#[tokio::test]
async fn what_is_too_large_for_the_queue_is_refused_and_not_cut() {
    let stage = Stage::with_queue().await.unwrap();
    let (queue, _) = stage.queue().unwrap();
    let down = [("AWS_ENDPOINT_URL_DYNAMODB", "http://127.0.0.1:1")];
    let mut function = stage.function_with(BINARY, &down).await.unwrap();
    assert_eq!(tell(&mut function, &message("s", 1, &noise(1_040_000))).await, 503);
    assert!(queue.batch().await.unwrap().is_empty());
    // More than SQS took once. More would be a test of how fast an unoptimized build compresses.
    let fits = message("s", 1, &noise(300_000));
    assert_eq!(tell(&mut function, &fits).await, 200);
    let mut function = stage.function(BINARY).await.unwrap();
    assert_eq!(queue.drain_into(&mut function).await.unwrap(), 1);
    assert_eq!(dump(&stage).await, undisturbed(&[fits]).await);
}

#[tokio::test]
async fn one_bad_message_holds_back_no_other() {
    let stage = Stage::with_queue().await.unwrap();
    let (queue, _) = stage.queue().unwrap();
    let down = [("AWS_ENDPOINT_URL_DYNAMODB", "http://127.0.0.1:1")];
    let mut function = stage.function_with(BINARY, &down).await.unwrap();
    assert_eq!(tell(&mut function, &message("s", 1, "hello")).await, 200);
    queue.put("what nobody wrote", 0).await.unwrap();
    let mut function = stage.function(BINARY).await.unwrap();
    let batch = queue.batch().await.unwrap();
    let answer = function.invoke(&batch.event()).await.unwrap().response.unwrap();
    assert_eq!((batch.len(), answer["batchItemFailures"].as_array().unwrap().len()), (2, 1));
    assert_eq!(dump(&stage).await, undisturbed(&[message("s", 1, "hello")]).await);
}

fn operations(proxy: &Proxy) -> Vec<String> {
    proxy.take_calls().into_iter().map(|made| made.operation).collect()
}

fn now_ms() -> u64 {
    let since_epoch = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    since_epoch.as_millis() as u64
}

#[tokio::test]
async fn what_comes_behind_the_end_is_in_the_summary_once_the_refold_has_run() {
    let stage = Stage::with_queue().await.unwrap();
    let (queue, sqs) = stage.queue().unwrap();
    // The five minutes pass at once; that they were asked for is checked here.
    let at_once = Proxy::start(&sqs, |call| {
        let mut request: Value = serde_json::from_slice(call.body).unwrap();
        if request["DelaySeconds"] != 300 {
            return Verdict::Answer(400, "{}".into());
        }
        request["DelaySeconds"] = json!(0);
        Verdict::Rewrite(request.to_string().into())
    });
    let at_once = at_once.await.unwrap();
    let env = [("AWS_ENDPOINT_URL_SQS", &*at_once.endpoint())];
    let mut function = stage.function_with(BINARY, &env).await.unwrap();
    let now = now_ms();
    let agent = json!({ "AgentId": "bo@example.com", "MsgKey": "9" });
    // With present times, out of order: the end before the messages, two ends.
    for event in [
        event("s", "SessionAgentEnd", now, json!({ "AgentId": "bo@example.com" })),
        event("s", "SessionEnd", now, json!({})),
        event("s", "SessionBegin", now - 9000, json!({})),
        event("s", "Human.AgentSendMsg", now - 1000, agent),
        message("s", now - 2000, "hello"),
    ] {
        assert_eq!(tell(&mut function, &event).await, 200);
    }
    let summary = async || stage.store().summary(app(), "s").await.unwrap().unwrap();
    assert_eq!(summary().await.items, 3, "messages that are not late change no summary by themselves");
    assert_eq!(operations(&at_once), ["SendMessage"], "one note covers both ends");
    assert_eq!(queue.drain_into(&mut function).await.unwrap(), 1);
    let folded = summary().await;
    assert_eq!((folded.items, folded.messages.agent, folded.messages.user_to_agent), (5, 1, 1));
    assert!(folded.has_begin && folded.has_end);
}

#[tokio::test]
async fn a_session_is_folded_once_however_many_notes_a_batch_has_of_it() {
    let stage = Stage::with_queue().await.unwrap();
    let (queue, _) = stage.queue().unwrap();
    let counting = Proxy::start(&stage.endpoint(), |_| Verdict::Pass).await.unwrap();
    let env = [("AWS_ENDPOINT_URL_DYNAMODB", &*counting.endpoint())];
    let mut function = stage.function_with(BINARY, &env).await.unwrap();
    assert_eq!(tell(&mut function, &event("s", "SessionBegin", 1, json!({}))).await, 200);
    counting.take_calls();
    for _ in 0..5 {
        queue.put(r#"{"note":"refold/1","app":1400000001,"session":"s"}"#, 0).await.unwrap();
    }
    assert_eq!(queue.drain_into(&mut function).await.unwrap(), 5);
    assert_eq!(operations(&counting), ["Query", "Query", "UpdateItem"]);
}

#[tokio::test]
async fn a_long_session_is_folded_later_and_costs_its_next_events_nothing() {
    let stage = Stage::with_queue().await.unwrap();
    let (queue, _) = stage.queue().unwrap();
    let counting = Proxy::start(&stage.endpoint(), |_| Verdict::Pass).await.unwrap();
    let env = [("AWS_ENDPOINT_URL_DYNAMODB", &*counting.endpoint())];
    let mut function = stage.function_with(BINARY, &env).await.unwrap();
    let now = now_ms();
    for number in 0..250 {
        assert_eq!(tell(&mut function, &message("s", now - number, "hello")).await, 200);
    }
    counting.take_calls();
    for number in 0..3 {
        let forward = event("s", "AgentForward", now + number, json!({ "AgentId": "bo@example.com" }));
        assert_eq!(tell(&mut function, &forward).await, 200);
    }
    let made = operations(&counting);
    let queries = made.iter().filter(|operation| *operation == "Query").count();
    assert_eq!(queries, 2, "the first finds that it is long: {made:?}");
    queue.put(r#"{"note":"refold/1","app":1400000001,"session":"s"}"#, 0).await.unwrap();
    assert_eq!(queue.drain_into(&mut function).await.unwrap(), 1);
    assert_eq!(stage.store().summary(app(), "s").await.unwrap().unwrap().items, 253);
}
