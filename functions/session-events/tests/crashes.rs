//! The process is killed between receipt and acknowledgement, at every step there is. What was not
//! acknowledged comes again, and then everything is as if nothing had happened.

#![allow(clippy::unwrap_used, clippy::expect_used)] // in a test, a panic is the report

mod common;

use common::{BINARY, app, callback, dump, event, message, tell};
use desk_local::{
    proxy::{Proxy, Verdict},
    stage::Stage,
};
use desk_webhooks::{protocol::Command, store::Note, webhook::Callback};
use serde_json::{Value, json};

/// Before the service is asked, and after it did what it was asked.
const MOMENTS: [Verdict; 2] = [Verdict::HoldRequest, Verdict::HoldAnswer];

/// Hands `invocation` to a function that is killed at its nth call. `false` if there is no such call.
async fn killed(stage: &Stage, invocation: &Value, nth: u64, moment: Verdict) -> bool {
    let holding = move |call: &desk_local::proxy::Call<'_>| {
        if call.number == nth { moment.clone() } else { Verdict::Pass }
    };
    let proxy = Proxy::start(&stage.endpoint(), holding).await.unwrap();
    let env = [("AWS_ENDPOINT_URL_DYNAMODB", &*proxy.endpoint())];
    let mut function = stage.function_with(BINARY, &env).await.unwrap();
    let killed = tokio::select! {
        answer = function.invoke(invocation) => {
            answer.unwrap().response.unwrap();
            false
        }
        () = proxy.held() => true,
    };
    function.kill();
    killed
}

/// Kills the function at each step of the last invocation, after the ones before it, and has it come again.
/// Returns how many steps there are.
async fn kill_at_each_step(before: &[Value], last: &Value) -> u64 {
    let undisturbed = Stage::start().await.unwrap();
    let mut function = undisturbed.function(BINARY).await.unwrap();
    for invocation in before.iter().chain([last]) {
        function.invoke(invocation).await.unwrap().response.unwrap();
    }
    let expected = dump(&undisturbed).await;
    for nth in 0.. {
        for moment in MOMENTS {
            let stage = Stage::start().await.unwrap();
            let mut function = stage.function(BINARY).await.unwrap();
            for invocation in before {
                function.invoke(invocation).await.unwrap().response.unwrap();
            }
            if !killed(&stage, last, nth, moment.clone()).await {
                return nth;
            }
            let mut function = stage.function(BINARY).await.unwrap();
            function.invoke(last).await.unwrap().response.unwrap();
            assert_eq!(dump(&stage).await, expected, "killed at call {nth}, {moment:?}");
        }
    }
    unreachable!("the calls of an invocation end")
}

fn noise(length: u32) -> String {
    (0..length).map(|n| desk_webhooks::digest::sha256_hex(&n.to_be_bytes())).collect()
}

#[tokio::test]
async fn a_callback_that_comes_again_leaves_what_an_undisturbed_one_leaves() {
    let begin = event("s", "SessionBegin", 1000, json!({}));
    let taken = event("s", "TransferToHumanSuccess", 2000, json!({ "AgentId": "bo@example.com" }));
    let status = r#"{"CallbackCommand":"Member.EventNotify","MemberId":"bo","Status":"rest","EventTime":1}"#;
    let cases = [
        (vec![], begin.clone(), 9, "the warm-up, event, summary, and three calls of a fold"),
        (vec![begin.clone()], taken, 10, "the same, and the profile"),
        (vec![begin.clone()], message("s", 1500, "hello"), 9, "late"),
        (vec![], message("s", 1500, &noise(14_000)), 11, "the same, and two parts of its body"),
        (vec![begin.clone()], event("s", "SessionEnd", 3000, json!({})), 9, "an end"),
        (vec![], callback(status), 6, "the warm-up, a status among the past ones and as the current one"),
    ];
    for (before, last, steps, name) in cases {
        assert_eq!(kill_at_each_step(&before, &last).await, steps, "{name}");
    }
}

fn note(invocation: &Value) -> String {
    let body = invocation["body"].as_str().unwrap().into();
    let callback =
        Callback { app: app(), command: Command::SessionEvent, body, platform: None, client_ip: None };
    Note::Callback { callback, received_at_ms: 5000 }.text().unwrap()
}

#[tokio::test]
async fn a_batch_that_comes_again_leaves_what_an_undisturbed_one_leaves() {
    let refold = Note::Refold { app: app(), session_id: "t".into() }.text().unwrap();
    let notes =
        [note(&event("s", "SessionBegin", 1000, json!({}))), note(&message("s", 2000, "hello")), refold];
    let record = |(n, body)| json!({ "messageId": format!("{n}"), "body": body });
    let batch = json!({ "Records": notes.iter().enumerate().map(record).collect::<Vec<_>>() });
    let before = [event("t", "SessionBegin", 1000, json!({}))];
    assert_eq!(
        kill_at_each_step(&before, &batch).await,
        14,
        "the warm-up, two events and their summary, two folds"
    );
}

#[tokio::test]
async fn a_callback_that_was_spilled_and_comes_again_is_kept_once() {
    let begin = event("s", "SessionBegin", 1000, json!({}));
    for moment in MOMENTS {
        let stage = Stage::with_queue().await.unwrap();
        let (queue, sqs) = stage.queue().unwrap();
        let held = moment.clone();
        let holding = Proxy::start(&sqs, move |_| held.clone()).await.unwrap();
        let env = [
            ("AWS_ENDPOINT_URL_SQS", &*holding.endpoint()),
            ("AWS_ENDPOINT_URL_DYNAMODB", "http://127.0.0.1:1"),
        ];
        let mut function = stage.function_with(BINARY, &env).await.unwrap();
        tokio::select! {
            answer = function.invoke(&begin) => panic!("it was not held: {answer:?}"),
            () = holding.held() => function.kill(),
        }
        let mut function = stage.function(BINARY).await.unwrap();
        assert_eq!(tell(&mut function, &begin).await, 200);
        let expected = dump(&stage).await;
        let waiting = queue.drain_into(&mut function).await.unwrap();
        assert_eq!(waiting, usize::from(matches!(moment, Verdict::HoldAnswer)));
        assert_eq!(dump(&stage).await, expected);
    }
}
