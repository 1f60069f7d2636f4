//! What the tests of this function share.

#![allow(dead_code, clippy::unwrap_used, clippy::expect_used)] // each test uses a part; a panic is the report

use desk_local::{
    engine::SESSIONS_TABLE,
    runtime_api::Sandbox,
    stage::{APP, Stage},
};
use desk_webhooks::protocol::AppId;
use serde_json::{Value, json};

pub(crate) const BINARY: &str = env!("CARGO_BIN_EXE_session-events");

pub(crate) fn app() -> AppId {
    APP.parse().unwrap()
}

/// A callback with this body, as API Gateway hands it over.
pub(crate) fn callback(body: &str) -> Value {
    json!({
        "rawQueryString": format!("SdkAppid={APP}"),
        "requestContext": { "http": { "method": "POST" } },
        "body": body,
    })
}

/// An event of a session of maya's.
pub(crate) fn event(session: &str, kind: &str, at: u64, more: Value) -> Value {
    let mut body = json!({
        "CallbackCommand": "Desk.SessionEventNotify", "SessionId": session, "Event": kind, "EventTime": at,
        "ClientUserId": "maya", "ChannelType": "Web",
    });
    body.as_object_mut().unwrap().extend(more.as_object().cloned().unwrap_or_default());
    callback(&body.to_string())
}

/// A message of hers to an agent.
pub(crate) fn message(session: &str, at: u64, text: &str) -> Value {
    let said = json!([{ "MsgType": "TIMTextElem", "MsgContent": { "Text": text } }]);
    event(session, "Human.UserSendMsg", at, json!({ "MsgKey": at.to_string(), "MsgBody": said }))
}

/// The HTTP status of the answer.
pub(crate) async fn tell(function: &mut Sandbox, event: &Value) -> u64 {
    let response = function.invoke(event).await.unwrap().response.expect("an answer and no error");
    response["statusCode"].as_u64().unwrap()
}

/// All items of the sessions table in order, without what the clock has put into them.
pub(crate) async fn dump(stage: &Stage) -> Vec<String> {
    let scan =
        stage.client().scan().table_name(SESSIONS_TABLE).consistent_read(true).into_paginator().items();
    let items: Vec<_> = scan.send().collect::<Result<_, _>>().await.unwrap();
    let mut lines: Vec<_> = items
        .into_iter()
        .map(|mut item| {
            for of_the_clock in ["received_at", "expires_at", "folded_at", "revision"] {
                item.remove(of_the_clock);
            }
            let pk = item.remove("pk").unwrap().as_s().unwrap().clone();
            let sk = item.remove("sk").unwrap().as_s().unwrap().clone();
            let (pk, sk) = match pk.split_once("#QUARANTINE#") {
                Some((app, _day)) => (app.to_owned(), sk.split('#').nth(1).unwrap().to_owned()),
                None => (pk, sk),
            };
            let rest: std::collections::BTreeMap<_, _> = item.into_iter().collect();
            format!("{pk} {sk} {rest:?}")
        })
        .collect();
    lines.sort();
    lines
}
