//! Rules in force, through the real binary: retries, outages of good sense, and one evaluator.

#![allow(clippy::unwrap_used, clippy::expect_used)] // in a test, a panic is the report

use aws_sdk_dynamodb::types::AttributeValue;
use desk_local::{
    engine::RULES_TABLE,
    runtime_api::Sandbox,
    stage::{APP, Stage, publish},
};
use desk_webhooks::{
    protocol::{AppId, Reply},
    routing::{Attributes, DecisionRecord, Question, decide, read},
    session::keys,
    store::{
        Moment, Store,
        ports::{FindRules, KeepEvents, Received},
    },
};
use serde_json::{Value, json};

const BINARY: &str = env!("CARGO_BIN_EXE_assign-agent");

fn app() -> AppId {
    APP.parse().unwrap()
}

fn question(session: &str, user: &str, at_ms: u64) -> Value {
    let body = json!({ "CallbackCommand": "ChatBot.OnAssignHuman", "SessionId": session, "ClientUserId": user, "EventTime": at_ms });
    json!({
        "rawQueryString": format!("SdkAppid={APP}&CallbackCommand=ChatBot.OnAssignHuman&ClientIP=203.0.113.9&OptPlatform=iOS"),
        "requestContext": { "http": { "method": "POST" } },
        "body": body.to_string(),
    })
}

async fn ask(function: &mut Sandbox, event: &Value) -> Reply {
    let response = function.invoke(event).await.unwrap().response.expect("an answer and no error");
    assert_eq!(response["statusCode"], 200);
    serde_json::from_str(response["body"].as_str().unwrap()).unwrap()
}

async fn decisions(store: &Store, session: &str) -> Vec<DecisionRecord> {
    let story = store.story(app(), session, 0).await.unwrap();
    let decision = |moment| match moment {
        Moment::Decision(record) => Some(*record),
        Moment::Event { .. } | Moment::Unreadable { .. } => None,
    };
    story.into_iter().filter_map(decision).collect()
}

fn group(group: u64) -> Value {
    json!({ "pools": { "general": { "group": group } }, "default": { "pool": "general" } })
}

#[tokio::test]
async fn two_at_once_and_one_after_a_publish_get_one_answer() {
    let stage = Stage::start().await.unwrap().with("RULES_REFRESH_SECONDS", "3600");
    let store = stage.store();
    publish(&store, app(), &group(1)).await.unwrap();
    let mut old = stage.function(BINARY).await.unwrap();
    ask(&mut old, &question("s-0", "maya", 1)).await;
    publish(&store, app(), &group(2)).await.unwrap();
    // One sandbox goes by the first version, the other by the second: they disagree, were it not
    // for the record.
    let mut new = stage.function(BINARY).await.unwrap();
    for round in 1..=20 {
        let question = question(&format!("s-{round}"), "maya", 1_793_584_800_000);
        let (one, other) = tokio::join!(ask(&mut old, &question), ask(&mut new, &question));
        assert_eq!(one, other);
        publish(&store, app(), &group(10 + round)).await.unwrap();
        let mut newest = stage.function(BINARY).await.unwrap();
        assert_eq!(ask(&mut newest, &question).await, one, "a publish in between changes nothing");
        assert_eq!(decisions(&store, &format!("s-{round}")).await.len(), 1);
    }
}

#[tokio::test]
async fn altered_and_newer_rules_are_never_used_and_counted() {
    let stage = Stage::start().await.unwrap().with("RULES_REFRESH_SECONDS", "0");
    let store = stage.store();
    publish(&store, app(), &group(1)).await.unwrap();
    let mut function = stage.function(BINARY).await.unwrap();
    assert_eq!(ask(&mut function, &question("s-1", "maya", 1)).await.agent_group_id, Some(1));
    publish(&store, app(), &group(2)).await.unwrap();
    let altered = stage.client().update_item().table_name(RULES_TABLE);
    let altered = altered
        .key("pk", AttributeValue::S(keys::app(app())))
        .key("sk", AttributeValue::S(keys::rules_version(2)));
    let compiled = json!({ "format": 1, "document": group(666) }).to_string();
    let altered = altered
        .update_expression("SET compiled = :altered")
        .expression_attribute_values(":altered", AttributeValue::S(compiled));
    altered.send().await.unwrap();
    assert_eq!(ask(&mut function, &question("s-2", "maya", 2)).await.agent_group_id, Some(1));
    let log = function.log();
    assert!(log.contains("was altered: its digest is another"), "{log}");
    let line = log.lines().find(|line| line.contains("RulesetRejected")).expect("a metric");
    let line: Value = serde_json::from_str(line).unwrap();
    let declared = line["_aws"]["CloudWatchMetrics"][0]["Metrics"].as_array().unwrap();
    assert!(line["RulesetRejected"] == 1 && line["RulesetStale"] == 1, "{line}");
    assert!(declared.contains(&json!({ "Name": "RulesetRejected", "Unit": "Count" })), "{line}");

    // What a newer version of the software has published, with words that this one does not know.
    publish(
        &store,
        app(),
        &json!({ "pools": { "general": { "group": 3 } }, "default": { "pool": "general" }, "queues": {} }),
    )
    .await
    .unwrap();
    assert_eq!(ask(&mut function, &question("s-3", "maya", 3)).await.agent_group_id, Some(1));
    let log = function.log();
    assert!(log.contains("is not understood by this version of the software, at queues"), "{log}");
    assert_eq!(log.matches("\"RulesetRejected\":1").count(), 2, "{log}");
    publish(&store, app(), &group(4)).await.unwrap();
    assert_eq!(
        ask(&mut function, &question("s-4", "maya", 4)).await.agent_group_id,
        Some(4),
        "good ones are taken"
    );
}

/// Rules with something of everything, so that each fact decides somewhere.
fn rich() -> Value {
    json!({
        "timezone": "Asia/Shanghai",
        "calendars": { "office": { "weekly": { "mon-fri": ["09:00-18:00"] } } },
        "pools": {
            "drawn": { "group": 1, "agents": ["a", "b", "c", { "id": "d", "weight": 3 }], "order": "by-user" },
            "session": { "agents": ["a", "b", "c"], "order": "by-session", "calendar": "office" },
            "vip": { "group": 2, "agents": ["anna", "bo"] },
            "general": { "group": 3 },
        },
        "rules": [
            { "name": "blocked", "when": { "user_tag": "blocked" }, "then": [{ "fail": "not served" }] },
            { "name": "again", "when": { "attempt": { "min": 2 } }, "then": [{ "split": { "to": { "vip": 1, "general": 2 } } }] },
            { "name": "sticky", "when": { "user_attribute": { "tier": "gold" } }, "then": [{ "last_agent": { "within": "30d", "in": "vip" } }, { "pool": "session" }], "else": "continue" },
            { "name": "words", "when": { "text_contains": ["refund", "退款"], "bot_turns": { "min": 2 } }, "then": [{ "pool": "vip" }] },
            { "name": "tenth", "when": { "percent": { "of": 30 }, "client_ip": "203.0.113.0/24", "platform": "ios" }, "then": [{ "pool": "drawn" }] },
            { "name": "office", "when": { "open": "office", "not": { "channel": "Web" } }, "then": [{ "pool": "session" }] },
        ],
        "default": { "pool": "general" },
    })
}

#[tokio::test]
async fn what_was_answered_can_be_decided_again_from_the_record() {
    let stage = Stage::start().await.unwrap();
    let store = stage.store();
    publish(&store, app(), &rich()).await.unwrap();
    let rules = read(&store.rules(app(), 1).await.unwrap().document).unwrap();
    let mut function = stage.function(BINARY).await.unwrap();
    let mut decided_by = std::collections::BTreeMap::new();
    for number in 0..120_u64 {
        let (user, session, at) = (
            format!("user-{}", number % 40),
            format!("s-{}", number % 90),
            1_793_584_800_000 + number * 4_000_000,
        );
        let tags = if number % 13 == 0 { vec!["blocked".to_owned()] } else { Vec::new() };
        let tier = if number % 3 == 0 { "gold" } else { "none" };
        let known = Attributes {
            tags,
            attributes: [("tier".to_owned(), json!(tier))].into(),
            ..Attributes::default()
        };
        store.set_attributes(app(), &user, &known).await.unwrap();
        let channel = if number % 2 == 0 { "Web" } else { "SDK" };
        for turn in 0..number % 4 {
            let body = json!({
                "SessionId": session, "Event": "ChatBot.UserSendMsg", "EventTime": at - 1000 + turn, "ClientUserId": user, "ChannelType": channel,
                "MsgKey": format!("{number}_{turn}"), "MsgBody": [{ "MsgType": "TIMTextElem", "MsgContent": { "Text": if number % 5 == 0 { "我要退款" } else { "hello" } } }],
            }).to_string();
            let event = desk_webhooks::protocol::read(&body).unwrap();
            store.append(Received { app: app(), body: body.as_bytes(), at_ms: at }, &event).await.unwrap();
        }
        let reply = ask(&mut function, &question(&session, &user, at)).await;
        let record = decisions(&store, &session).await.pop().unwrap();
        let again = Question::new(&rules, &record.facts, record.at);
        let decision = decide(&again);
        assert_eq!(
            (decision.rule, decision.reply().as_ref()),
            (record.rule.as_str(), Some(&reply)),
            "{record:?}"
        );
        assert_eq!(record.answer, reply);
        *decided_by.entry(record.rule).or_insert(0) += 1;
    }
    assert_eq!(decided_by.len(), 7, "every rule and the default decided: {decided_by:?}");
}
