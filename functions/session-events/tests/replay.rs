//! What was seen on its way and is sent again, by whoever saw it.

#![allow(clippy::unwrap_used, clippy::expect_used)] // in a test, a panic is the report

mod common;

use std::time::{SystemTime, UNIX_EPOCH};

use common::{BINARY, app, dump, event};
use desk_local::stage::Stage;
use desk_webhooks::{store::Moment, webhook::sign};
use serde_json::{Value, json};

const TOKEN: &str = "xxxxyyyy";

/// The event as the platform sends it now, signed.
fn signed(mut event: Value, more: &str) -> Value {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs().to_string();
    let sign = sign(TOKEN, &now);
    event["rawQueryString"] = json!(format!("SdkAppid=1400000001&RequestTime={now}&Sign={sign}{more}"));
    event
}

async fn stage() -> Stage {
    Stage::start().await.unwrap().with("CALLBACK_TOKENS", TOKEN).with("SIGNATURE_POLICY", "required")
}

fn said(text: &str, more: Value) -> Value {
    let mut fields = json!({
        "MsgKey": "1_2_3", "RequestID": "first",
        "MsgBody": [{ "MsgType": "TIMTextElem", "MsgContent": { "Text": text } }],
    });
    fields.as_object_mut().unwrap().extend(more.as_object().cloned().unwrap());
    event("s-1", "Human.UserSendMsg", 1_793_584_800_000, fields)
}

#[tokio::test]
async fn a_callback_that_comes_again_has_no_second_effect_and_the_same_answer() {
    let stage = stage().await;
    let mut function = stage.function(BINARY).await.unwrap();
    let end = event("s-1", "SessionUserEnd", 1_793_584_900_000, json!({}));
    let sent = [signed(said("hello", json!({})), ""), signed(end, "&RequestID=a")];
    let mut first = Vec::new();
    for event in &sent {
        first.push(function.invoke(event).await.unwrap().response.unwrap());
    }
    let before = dump(&stage).await;
    for more in ["&RequestID=a", "&RequestID=b", "&ClientIP=192.0.2.7&OptPlatform=Web"] {
        for (event, first) in sent.iter().zip(&first) {
            let again = function.invoke(&signed(event.clone(), more)).await.unwrap().response.unwrap();
            assert_eq!(&again, first);
        }
    }
    assert_eq!(dump(&stage).await, before);
}

#[tokio::test]
async fn a_captured_signature_overwrites_and_erases_nothing() {
    let stage = stage().await;
    let mut function = stage.function(BINARY).await.unwrap();
    let captured = signed(said("the truth", json!({})), "");
    function.invoke(&captured).await.unwrap();
    let rated = event("s-1", "SatisfactionSelected", 1_793_584_850_000, json!({ "SatisfactionSelected": 5 }));
    function.invoke(&signed(rated, "")).await.unwrap();
    let before = bodies(&stage).await;

    // Whoever has the query may send bodies of his own for a minute: the same keys with another
    // content, other users, ends, times at both ends of what there is.
    let query = captured["rawQueryString"].clone();
    let forged = [
        said("a lie", json!({})),
        said("", json!({ "ClientUserId": "mallory" })),
        said("a lie", json!({ "ClientUserId": "" })),
        event("s-1", "SatisfactionSelected", 1_793_584_850_000, json!({ "SatisfactionSelected": 5, "x": 1 })),
        event("s-1", "SessionEnd", 0, json!({})),
        event("s-1", "SessionEnd", 9_999_999_999_999, json!({})),
    ];
    for mut event in forged {
        event["rawQueryString"] = query.clone();
        let answer = function.invoke(&event).await.unwrap().response.unwrap();
        assert_eq!(answer["statusCode"], 200);
    }
    let after = bodies(&stage).await;
    assert_eq!(after.len(), before.len() + 6, "each lie is kept beside the truth");
    assert!(before.iter().all(|body| after.contains(body)), "the truth is untouched");
    let found = stage.store().sessions_of_user(app(), "maya", None, 0).take(10).await.unwrap();
    assert_eq!(found.len(), 1, "{found:?}");
}

/// The bodies that are kept of the session.
async fn bodies(stage: &Stage) -> Vec<String> {
    let story = stage.store().story(app(), "s-1", 0).await.unwrap();
    let body = |moment| match moment {
        Moment::Event { body, .. } => Some(body),
        _ => None,
    };
    story.into_iter().filter_map(body).collect()
}
