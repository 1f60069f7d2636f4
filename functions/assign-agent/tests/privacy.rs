//! What the log never tells: every path is driven with marked values, and all output searched for them.

#![allow(clippy::unwrap_used, clippy::expect_used)] // in a test, a panic is the report

use desk_local::{
    proxy::{Call, Proxy, Verdict},
    runtime_api::Sandbox,
    stage::{APP, Stage, publish},
};
use desk_webhooks::{
    protocol::{AppId, read},
    routing::Attributes,
    store::{
        Store,
        ports::{KeepEvents, Received},
    },
};
use serde_json::{Value, json};

/// In every value that is secret or personal.
const MARK: &str = "m4rk3d";

fn app() -> AppId {
    APP.parse().unwrap()
}

/// Rules that read everything that can be read of a session and a user.
fn rules() -> Value {
    let marked = |by: &str| json!([{ "name": by, "when": { by: MARK }, "then": [{ "fail": "closed" }] }]);
    json!({
        "pools": { "general": { "group": 6500 } },
        "rules": [
            marked("user_tag")[0], marked("language")[0], marked("channel")[0],
            { "name": "text", "when": { "text_contains": [MARK] }, "then": [{ "fail": "not today" }] },
        ],
        "default": { "pool": "general" },
    })
}

/// A session of a user of whom everything is marked.
async fn known(store: &Store) {
    let body = json!({
        "CallbackCommand": "Desk.SessionEventNotify", "SessionId": format!("session-{MARK}"),
        "Event": "ChatBot.UserSendMsg", "EventTime": 1_793_584_800_000_u64, "ClientUserId": format!("user-{MARK}"),
        "ChannelType": "Web", "MsgKey": "1", "CloudCustomData": format!("{{\"x\":\"{MARK}\"}}"),
        "MsgBody": [{ "MsgType": "TIMTextElem", "MsgContent": { "Text": format!("text {MARK}") } }],
    })
    .to_string();
    store
        .append(Received { app: app(), body: body.as_bytes(), at_ms: 0 }, &read(&body).unwrap())
        .await
        .unwrap();
    let attributes = Attributes { tags: vec![format!("tag-{MARK}")], ..Attributes::default() };
    store.set_attributes(app(), &format!("user-{MARK}"), &attributes).await.unwrap();
}

/// A question of which every part is marked, changed by `change`.
fn question(at: u64, change: impl FnOnce(&mut Value, &mut Value)) -> Value {
    let mut body = json!({
        "CallbackCommand": "ChatBot.OnAssignAgent", "SessionId": format!("session-{MARK}"), "EventTime": at,
        "ClientUserId": format!("user-{MARK}"), "CustomerServiceID": MARK, MARK: MARK,
    });
    let mut event = json!({
        "rawPath": format!("/assign-agent/key-of-16-{MARK}"),
        "rawQueryString": format!("SdkAppid={APP}&OptPlatform={MARK}&ClientIP={MARK}"),
        "headers": { "user-agent": MARK, "authorization": MARK },
        "requestContext": { "http": { "method": "POST", "sourceIp": "203.0.113.9" } },
    });
    change(&mut event, &mut body);
    if event["body"].is_null() {
        event["body"] = json!(body.to_string());
    }
    event
}

fn questions() -> Vec<Value> {
    const AT: u64 = 1_793_584_900_000;
    vec![
        question(AT, |_, _| {}),
        question(AT, |_, _| {}),
        question(AT + 1, |_, body| body["SessionId"] = json!([MARK])),
        question(AT + 2, |_, body| body["ClientUserId"] = json!(MARK.repeat(1000))),
        question(AT + 3, |_, body| body["EventTime"] = json!(MARK)),
        question(AT + 4, |_, body| body["CallbackCommand"] = json!(format!("ChatBot.{MARK}"))),
        question(AT + 5, |_, body| body["CallbackCommand"] = json!("ChatBot.OnAssignHuman")),
        question(AT + 6, |event, _| event["body"] = json!(format!("{{\"{MARK}\": "))),
        question(AT + 7, |event, body| {
            let twice = format!(",\"ClientUserId\":\"{MARK}\"}}");
            event["body"] = json!(body.to_string().trim_end_matches('}').to_owned() + &twice);
        }),
        question(AT + 7, |event, _| event["rawPath"] = json!(format!("/assign-agent/{MARK}"))),
        question(AT + 8, |event, _| event["rawQueryString"] = json!(format!("SdkAppid={MARK}"))),
        question(AT + 9, |event, _| {
            event["rawQueryString"] = json!(format!("SdkAppid={APP}&Sign={MARK}&RequestTime={MARK}"));
        }),
        json!({ MARK: MARK, "body": MARK }),
        json!({ "Records": [{ "messageId": "1", "body": MARK }] }),
    ]
}

async fn drive(function: &mut Sandbox) {
    for question in questions() {
        let answer = function.invoke(&question).await.unwrap().response.unwrap();
        assert!(!answer.to_string().contains(MARK), "{answer}");
    }
}

#[tokio::test]
async fn nothing_secret_or_personal_is_in_any_output() {
    let stage = Stage::start().await.unwrap().with("URL_KEYS", &format!("key-of-16-{MARK}"));
    let stage = stage.with("CALLBACK_TOKENS", &format!("token-{MARK}"));
    let store = stage.store();
    let fault = |_: &Call<'_>| Verdict::Answer(500, format!("{{\"message\":\"{MARK}\"}}"));
    let proxy = Proxy::start(&stage.endpoint(), fault).await.unwrap();
    let mut logs = String::new();
    // Without rules, without tables, with both, and with a table that takes nothing.
    let no_write = move |call: &Call<'_>| {
        if call.target.ends_with(".PutItem") { fault(call) } else { Verdict::Pass }
    };
    let unwritable = Proxy::start(&stage.endpoint(), no_write).await.unwrap();
    let settings: [&[(&str, &str)]; 4] = [
        &[],
        &[("AWS_ENDPOINT_URL_DYNAMODB", &proxy.endpoint())],
        &[("FALLBACK_AGENT_GROUP_ID", "1")],
        &[("AWS_ENDPOINT_URL_DYNAMODB", &unwritable.endpoint())],
    ];
    for (round, env) in settings.into_iter().enumerate() {
        if round == 2 {
            known(&store).await;
            publish(&store, app(), &rules()).await.unwrap();
        }
        let mut function = stage.function_with(env!("CARGO_BIN_EXE_assign-agent"), env).await.unwrap();
        drive(&mut function).await;
        let log = function.log();
        assert!(!log.contains(MARK), "{log}");
        logs.push_str(&log);
    }
    for outcome in ["answered", "failed", "refused", "drained"] {
        assert!(logs.contains(&format!("\"outcome\":\"{outcome}\"")), "{outcome} was not driven");
    }
    for problem in ["the rules could not be refreshed", "without its fields", "\"Rule\":\"text\""] {
        assert!(logs.contains(problem), "{problem} was not driven:\n{logs}");
    }
    // What alarms and the dashboard look at. Rejected and stale rules are in rules.rs, panics in the edge's tests.
    for metric in [
        "Duration",
        "ColdStart",
        "Refused",
        "Answered",
        "Failed",
        "NotRecorded",
        "RulesetVersion",
        "RulesetAge",
        "RulesetMissing",
    ] {
        assert!(logs.contains(&format!("{{\"Name\":\"{metric}\"")), "{metric} is never emitted");
    }
}
