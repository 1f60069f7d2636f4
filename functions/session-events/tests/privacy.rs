//! What the log never tells: every path is driven with marked values, and all output searched for them.

#![allow(clippy::unwrap_used, clippy::expect_used)] // in a test, a panic is the report

mod common;

use common::BINARY;
use desk_local::{
    proxy::{Call, Proxy, Verdict},
    runtime_api::Sandbox,
    stage::Stage,
};
use serde_json::{Value, json};

/// In every value that is secret or personal.
const MARK: &str = "m4rk3d";

/// A request whose every part is marked, changed by `change`.
fn request(change: impl FnOnce(&mut Value, &mut Value)) -> Value {
    let mut body = json!({
        "CallbackCommand": "Desk.SessionEventNotify", "SessionId": format!("session-{MARK}"),
        "Event": "Human.UserSendMsg", "EventTime": 1_793_584_800_000_u64,
        "ClientUserId": format!("user-{MARK}"), "AgentId": format!("agent-{MARK}"),
        "ChannelType": format!("channel-{MARK}"), "MsgKey": format!("key-{MARK}"),
        "CustomerServiceID": format!("service-{MARK}"), "CloudCustomData": format!("{{\"x\":\"{MARK}\"}}"),
        "MsgBody": [{ "MsgType": "TIMTextElem", "MsgContent": { "Text": format!("text {MARK}") } }],
        MARK: MARK,
    });
    let mut event = json!({
        "rawPath": format!("/session-events/key-of-16-{MARK}"),
        "rawQueryString": format!("SdkAppid=1400000001&OptPlatform={MARK}&ClientIP={MARK}"),
        "headers": { "user-agent": MARK, "authorization": MARK },
        "requestContext": { "http": { "method": "POST", "sourceIp": "203.0.113.9" } },
    });
    change(&mut event, &mut body);
    if event["body"].is_null() {
        event["body"] = json!(body.to_string());
    }
    event
}

fn requests() -> Vec<Value> {
    let body = |text: &str| {
        let text = text.to_owned();
        request(move |event, _| event["body"] = json!(text))
    };
    let query = |more: &str| {
        let more = more.to_owned();
        request(move |event, _| {
            event["rawQueryString"] = json!(format!("SdkAppid=1400000001&{more}"));
        })
    };
    vec![
        request(|_, _| {}),
        request(|_, _| {}),
        request(|_, body| body["More"] = json!("another content")),
        request(|_, body| body["Event"] = json!("TransferToHumanSuccess")),
        request(|_, body| body["Event"] = json!(format!("Unknown.{MARK}"))),
        request(|_, body| body["Event"] = json!("SessionEnd")),
        request(|_, body| body["EventTime"] = json!(MARK)),
        request(|_, body| body["SessionId"] = json!([MARK])),
        request(|_, body| body["ClientUserId"] = json!(MARK.repeat(1000))),
        request(|_, body| body["CallbackCommand"] = json!(format!("Desk.{MARK}"))),
        request(|_, body| {
            *body = json!({ "CallbackCommand": "Member.EventNotify", "MemberId": MARK, "Status": MARK, "EventTime": 1 });
        }),
        request(|_, body| {
            *body = json!({ "CallbackCommand": "Member.EventNotify", "Status": MARK, "EventTime": MARK })
        }),
        body(&format!("{{\"{MARK}\": ")),
        body(MARK),
        query(&format!("Sign={MARK}&RequestTime={MARK}")),
        query(&format!("CallbackCommand={MARK}")),
        request(|event, _| event["rawPath"] = json!(format!("/session-events/{MARK}"))),
        request(|event, _| event["rawQueryString"] = json!(format!("SdkAppid={MARK}"))),
        request(|event, _| {
            event["isBase64Encoded"] = json!(true);
            event["body"] = json!(format!("%{MARK}"));
        }),
        json!({ MARK: MARK, "body": MARK }),
        json!({ "Records": [{ "messageId": "1", "body": MARK }, { "messageId": "2", "body": format!("{{\"note\":\"refold/1\",\"app\":1400000001,\"session\":\"{MARK}\"}}") }] }),
    ]
}

async fn drive(function: &mut Sandbox) -> Vec<u64> {
    let mut statuses = Vec::new();
    for request in requests() {
        let answer = function.invoke(&request).await.unwrap().response.unwrap();
        assert!(!answer.to_string().contains(MARK), "{answer}");
        statuses.extend(answer["statusCode"].as_u64());
    }
    statuses
}

#[tokio::test]
async fn nothing_secret_or_personal_is_in_any_output() {
    let stage = Stage::with_queue().await.unwrap().with("URL_KEYS", &format!("key-of-16-{MARK}"));
    let stage = stage.with("CALLBACK_TOKENS", &format!("token-{MARK}"));
    let fault = |_: &Call<'_>| Verdict::Answer(500, format!("{{\"message\":\"{MARK}\"}}"));
    let proxy = Proxy::start(&stage.endpoint(), fault).await.unwrap();
    let failing = &*proxy.endpoint();
    let settings: [&[(&str, &str)]; 4] = [
        &[],
        &[("AWS_ENDPOINT_URL_DYNAMODB", failing)],
        &[("AWS_ENDPOINT_URL_DYNAMODB", failing), ("SPILL_QUEUE_URL", "")],
        &[
            ("AWS_ENDPOINT_URL_DYNAMODB", "http://127.0.0.1:1"),
            ("AWS_ENDPOINT_URL_SQS", "http://127.0.0.1:1"),
        ],
    ];
    let mut outcomes = String::new();
    for env in settings {
        let mut function = stage.function_with(BINARY, env).await.unwrap();
        let statuses = drive(&mut function).await;
        assert!(statuses.contains(&400) && statuses.contains(&403), "{statuses:?}");
        let log = function.log();
        assert!(!log.contains(MARK), "{log}");
        outcomes.push_str(&log);
    }
    for outcome in
        ["stored", "duplicate", "conflict", "quarantined", "spilled", "refused", "drained", "unavailable"]
    {
        assert!(outcomes.contains(&format!("\"outcome\":\"{outcome}\"")), "{outcome} was not driven");
    }
    // What alarms and the dashboard look at; panics are made in the edge's own tests.
    for metric in [
        "Duration",
        "ColdStart",
        "Refused",
        "Unavailable",
        "Stored",
        "Duplicate",
        "Conflict",
        "Quarantined",
        "Spilled",
        "Drained",
        "DrainFailed",
    ] {
        assert!(outcomes.contains(&format!("{{\"Name\":\"{metric}\"")), "{metric} is never emitted");
    }
}
