//! Stale, stalled and altered reads, with the real binary behind a proxy.

#![allow(clippy::unwrap_used, clippy::expect_used)] // in a test, a panic is the report

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use aws_sdk_dynamodb::types::AttributeValue;
use desk_local::{
    engine::{RULES_TABLE, SESSIONS_TABLE},
    proxy::{Call, Proxy, Verdict},
    runtime_api::Sandbox,
    stage::{APP, Stage, publish},
};
use desk_webhooks::{
    protocol::{AppId, Reply},
    routing::DecisionRecord,
    session::keys,
    store::{Moment, Store},
};
use serde_json::{Value, json};

const BINARY: &str = env!("CARGO_BIN_EXE_assign-agent");
const VIP: u64 = 6521;
const GENERAL: u64 = 6500;
const FALLBACK: u64 = 77;

fn app() -> AppId {
    APP.parse().unwrap()
}

fn text(value: impl Into<String>) -> AttributeValue {
    AttributeValue::S(value.into())
}

fn number(value: u64) -> AttributeValue {
    AttributeValue::N(value.to_string())
}

/// The first rule needs every fact that can be read: if one is unknown, the default answers.
fn rules() -> Value {
    json!({
        "pools": { "vip": { "group": VIP }, "general": { "group": GENERAL } },
        "rules": [{
            "name": "vip",
            "when": { "user_tag": "vip", "last_rating": { "max": 2 }, "text_contains": "refund" },
            "then": [{ "pool": "vip" }],
        }],
        "default": { "pool": "general" },
    })
}

fn only(group: u64) -> Value {
    json!({ "pools": { "general": { "group": group } }, "default": { "pool": "general" } })
}

/// Stores what makes maya a VIP who asks for a refund in these sessions.
async fn know(stage: &Stage, sessions: &[&str]) {
    let put = |table, pk: String, sk: &str| {
        stage.client().put_item().table_name(table).item("pk", text(pk)).item("sk", text(sk))
    };
    let tags = AttributeValue::L(vec![text("vip")]);
    let maya = || keys::user(app(), "maya");
    put(RULES_TABLE, maya(), keys::ATTRIBUTES).item("tags", tags).send().await.unwrap();
    let profile = put(SESSIONS_TABLE, maya(), keys::PROFILE).item("last_rating", number(1));
    profile.item("last_rating_at", number(5)).send().await.unwrap();
    for session in sessions {
        let body = json!({
            "SessionId": session, "Event": "ChatBot.UserSendMsg", "EventTime": 5, "ClientUserId": "maya", "MsgKey": "1",
            "MsgBody": [{ "MsgType": "TIMTextElem", "MsgContent": { "Text": "a refund, please" } }],
        });
        let event = put(SESSIONS_TABLE, keys::session(app(), session), "AT#0000000000005#20#EVENT#1");
        let event = event.item("event", text("ChatBot.UserSendMsg")).item("received_at", number(5));
        event.item("body", text(body.to_string())).send().await.unwrap();
    }
}

/// The group that answers maya's question in this session.
async fn ask(function: &mut Sandbox, session: &str) -> Option<u64> {
    let body = json!({
        "CallbackCommand": "ChatBot.OnAssignHuman", "SessionId": session, "ClientUserId": "maya", "EventTime": 1000,
    });
    let event = json!({
        "rawQueryString": format!("SdkAppid={APP}"),
        "requestContext": { "http": { "method": "POST" } },
        "body": body.to_string(),
    });
    let response = function.invoke(&event).await.unwrap().response.expect("an answer and no error");
    let reply: Reply = serde_json::from_str(response["body"].as_str().unwrap()).unwrap();
    reply.agent_group_id
}

async fn decisions(store: &Store, session: &str) -> Vec<DecisionRecord> {
    let story = store.story(app(), session, 0).await.unwrap();
    let decision = |moment| match moment {
        Moment::Decision(record) => Some(*record),
        Moment::Event { .. } | Moment::Unreadable { .. } => None,
    };
    story.into_iter().filter_map(decision).collect()
}

/// DynamoDB just after all writes: an eventually consistent read finds nothing.
fn stale(call: &Call<'_>) -> Verdict {
    let body: Value = serde_json::from_slice(call.body).unwrap_or_default();
    if body["ConsistentRead"] == true {
        return Verdict::Pass;
    }
    match call.target.rsplit('.').next() {
        Some("GetItem") => Verdict::Answer(200, "{}".into()),
        Some("Query") => Verdict::Answer(200, json!({ "Items": [], "Count": 0 }).to_string()),
        _ => Verdict::Pass,
    }
}

#[tokio::test]
async fn the_newest_writes_are_seen() {
    let stage = Stage::start().await.unwrap().with("FALLBACK_AGENT_GROUP_ID", "77");
    publish(&stage.store(), app(), &rules()).await.unwrap();
    know(&stage, &["s"]).await;
    let dynamodb = Proxy::start(&stage.endpoint(), stale).await.unwrap();
    let env = [("AWS_ENDPOINT_URL_DYNAMODB", &*dynamodb.endpoint())];
    let mut function = stage.function_with(BINARY, &env).await.unwrap();
    assert_eq!(ask(&mut function, "s").await, Some(VIP), "{}", function.log());
    assert!(!function.log().contains("RulesetMissing") && !function.log().contains("RulesetRejected"));
}

#[tokio::test]
async fn an_answer_without_a_ruleset_is_not_recorded_and_a_recorded_one_needs_no_ruleset() {
    let stage = Stage::start().await.unwrap().with("FALLBACK_AGENT_GROUP_ID", "77");
    let stage = stage.with("RULES_REFRESH_SECONDS", "0");
    let store = stage.store();
    let mut function = stage.function(BINARY).await.unwrap();
    assert_eq!(ask(&mut function, "s").await, Some(FALLBACK));
    assert!(decisions(&store, "s").await.is_empty());
    publish(&store, app(), &only(1)).await.unwrap();
    assert_eq!(ask(&mut function, "s").await, Some(1), "a retry gets the true answer");
    assert_eq!(decisions(&store, "s").await.len(), 1);

    let mut without_rules = stage.function_with(BINARY, &[("RULES_TABLE", "none")]).await.unwrap();
    assert_eq!(ask(&mut without_rules, "other").await, Some(FALLBACK));
    assert_eq!(ask(&mut without_rules, "s").await, Some(1), "a retry gets what was recorded");
}

#[tokio::test]
async fn one_stalled_call_costs_neither_a_fact_nor_the_record() {
    let stage = Stage::start().await.unwrap().with("RULES_REFRESH_SECONDS", "0");
    let store = stage.store();
    publish(&store, app(), &only(1)).await.unwrap();
    // The first after a publish, the others with its rules in memory.
    let calls =
        ["GetItem RULES#ACTIVE", "GetItem ATTRIBUTES", "GetItem PROFILE", "Query AT#", "PutItem DECISION"];
    know(&stage, &calls).await;
    // The next call of this kind.
    let stalled: Arc<Mutex<Option<&str>>> = Arc::default();
    let next = Arc::clone(&stalled);
    let judge = move |call: &Call<'_>| {
        let mut next = next.lock().unwrap();
        let is_next = next.and_then(|next| next.split_once(' ')).is_some_and(|(operation, holds)| {
            call.target.ends_with(operation) && String::from_utf8_lossy(call.body).contains(holds)
        });
        if is_next {
            *next = None;
        }
        if is_next { Verdict::Stall(Duration::from_secs(5)) } else { Verdict::Pass }
    };
    let dynamodb = Proxy::start(&stage.endpoint(), judge).await.unwrap();
    let env = [("AWS_ENDPOINT_URL_DYNAMODB", &*dynamodb.endpoint())];
    let mut function = stage.function_with(BINARY, &env).await.unwrap();
    assert_eq!(ask(&mut function, "first").await, Some(1));
    publish(&store, app(), &rules()).await.unwrap();
    for call in calls {
        *stalled.lock().unwrap() = Some(call);
        assert_eq!(ask(&mut function, call).await, Some(VIP), "{call}: {}", function.log());
        assert_eq!(*stalled.lock().unwrap(), None, "{call} was made and stalled");
        assert_eq!(decisions(&store, call).await[0].rule, "vip", "{call}");
    }
}

#[tokio::test]
async fn a_version_is_told_by_its_digest() {
    let stage = Stage::start().await.unwrap().with("RULES_REFRESH_SECONDS", "0");
    let (store, client) = (stage.store(), stage.client());
    publish(&store, app(), &only(1)).await.unwrap();
    let mut function = stage.function(BINARY).await.unwrap();
    assert_eq!(ask(&mut function, "s-1").await, Some(1));

    // The table is created again: another document has the same number.
    for sk in [keys::RULES_ACTIVE, &keys::rules_version(1)] {
        let delete = client.delete_item().table_name(RULES_TABLE).key("pk", text(keys::app(app())));
        delete.key("sk", text(sk)).send().await.unwrap();
    }
    assert_eq!(publish(&store, app(), &only(2)).await.unwrap(), 1);
    assert_eq!(ask(&mut function, "s-2").await, Some(2));

    // The version that the pointer names was replaced, with its own digest.
    publish(&store, app(), &only(3)).await.unwrap();
    let get = client.get_item().table_name(RULES_TABLE).key("pk", text(keys::app(app())));
    let mut other = get.key("sk", text(keys::rules_version(1))).send().await.unwrap().item.unwrap();
    other.insert("sk".into(), text(keys::rules_version(2)));
    other.insert("version".into(), number(2));
    client.put_item().table_name(RULES_TABLE).set_item(Some(other)).send().await.unwrap();
    let mut cold = stage.function_with(BINARY, &[("FALLBACK_AGENT_GROUP_ID", "77")]).await.unwrap();
    assert_eq!(ask(&mut cold, "s-3").await, Some(FALLBACK));
    let log = cold.log();
    assert!(
        log.contains("ruleset 2 is not the one that was published") && log.contains("RulesetRejected"),
        "{log}"
    );
    assert_eq!(ask(&mut function, "s-4").await, Some(2), "the last good ones stay");
}
