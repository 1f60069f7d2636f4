//! Recorded decisions: the answer of a retry, the facts for an explanation, and their size.

#![allow(clippy::unwrap_used, clippy::expect_used)] // in a test, a panic is the report

use aws_sdk_dynamodb::types::AttributeValue;
use desk_local::{
    engine::SESSIONS_TABLE,
    stage::{APP, Stage},
};
use desk_webhooks::{
    protocol::{AppId, EventTime, Reply, read},
    routing::{DecisionRecord, Fact, Facts, RecordedAnswer, timestamp},
    session::keys,
    store::{
        Moment, Store,
        ports::{Asked, KeepEvents, ReadFacts, Received, RecordDecision},
    },
};
use futures_util::{StreamExt, stream};
use serde_json::{Value, json};

/// The design's bound, for ids of ordinary length and an answer that is not a large pool's.
const ITEM_BYTES: usize = 4 * 1024;

fn app() -> AppId {
    APP.parse().unwrap()
}

fn at(ms: u64) -> EventTime {
    EventTime::from_ms(ms).unwrap()
}

fn asked(session_id: &str, ms: u64) -> Asked<'_> {
    Asked { app: app(), session_id, user_id: "maya", at: at(ms) }
}

fn decision(facts: &Facts, ms: u64) -> DecisionRecord {
    DecisionRecord {
        rule: "vip".into(),
        version: Some(3),
        answer: Reply::serve(Some(6521), vec!["anna@example.com".into()]),
        facts: facts.clone(),
        omitted: Vec::new(),
        at: timestamp(at(ms)),
    }
}

fn answer(DecisionRecord { rule, version, answer, .. }: DecisionRecord) -> RecordedAnswer {
    RecordedAnswer { rule, version, answer }
}

async fn record(store: &Store, session: &str, ms: u64, facts: &Facts) {
    assert_eq!(store.record(asked(session, ms), &decision(facts, ms), 1000).await.unwrap(), None);
}

/// The message of a user to the bot, with custom data.
async fn say(store: &Store, session: &str, ms: u64, message: &str, custom_data: &str) {
    let body = json!({
        "SessionId": session, "Event": "ChatBot.UserSendMsg", "EventTime": ms, "MsgKey": ms.to_string(),
        "ChannelType": "SDK", "CloudCustomData": custom_data,
        "MsgBody": [{ "MsgType": "TIMTextElem", "MsgContent": { "Text": message } }],
    })
    .to_string();
    let event = read(&body).unwrap();
    store.append(Received { app: app(), body: body.as_bytes(), at_ms: ms }, &event).await.unwrap();
}

/// The facts of a question that is asked at the end of the session.
async fn learned(store: &Store, session: &str) -> Facts {
    let timeline = store.timeline(app(), session, EventTime::MAX).await.unwrap();
    let mut facts = Facts::default();
    facts.learn_timeline(Some(&timeline), EventTime::MAX);
    facts
}

async fn decisions(store: &Store, session: &str) -> Vec<DecisionRecord> {
    let story = store.story(app(), session, 0).await.unwrap();
    let decision = |moment| match moment {
        Moment::Decision(record) => Some(*record),
        Moment::Event { .. } => None,
        Moment::Unreadable { error, .. } => panic!("{error}"),
    };
    story.into_iter().filter_map(decision).collect()
}

/// The sizes of the session's decisions as DynamoDB counts them.
async fn sizes(stage: &Stage, session: &str) -> Vec<usize> {
    let query = stage.client().query().table_name(SESSIONS_TABLE);
    let query = query.key_condition_expression("pk = :pk").filter_expression("attribute_exists(#rule)");
    let query = query.expression_attribute_names("#rule", "rule");
    let query = query.expression_attribute_values(":pk", AttributeValue::S(keys::session(app(), session)));
    let items: Vec<_> = query.into_paginator().items().send().collect::<Result<_, _>>().await.unwrap();
    let size = |value: &AttributeValue| match value {
        AttributeValue::S(text) => text.len(),
        AttributeValue::B(bytes) => bytes.as_ref().len(),
        AttributeValue::L(names) => names.iter().map(|name| 1 + name.as_s().unwrap().len()).sum(),
        _ => 21,
    };
    items.iter().map(|item| item.iter().map(|(name, value)| name.len() + size(value)).sum()).collect()
}

async fn set_facts(stage: &Stage, session: &str, ms: u64, value: AttributeValue) {
    let update = stage.client().update_item().table_name(SESSIONS_TABLE);
    let update = update.key("pk", AttributeValue::S(keys::session(app(), session)));
    let update = update.key("sk", AttributeValue::S(keys::decision(at(ms))));
    let update = update.update_expression("SET facts = :facts REMOVE facts_z");
    update.expression_attribute_values(":facts", value).send().await.unwrap();
}

#[tokio::test]
async fn a_retry_gets_its_answer_whatever_users_wrote() {
    let stage = Stage::start().await.unwrap();
    let store = stage.store();
    let deep = format!("{}1{}", r#"{"a":"#.repeat(126), "}".repeat(126));
    let numbers = format!("[{}1e9]", "1e9,".repeat(12_000));
    // A body of just less than 64 KiB: custom data of a larger one is unknown.
    let escapes = "\u{1}\"\\".repeat(6_000);
    let cases = [
        ("deep", "hello", deep.as_str()),
        ("numbers", "hello", &numbers),
        (
            "fractions",
            "hello",
            "[0.1, 1e9, -0.0, 1.7976931348623157e308, 6.8985865317742e180, 12345678901234567890]",
        ),
        ("escapes", &escapes, "{}"),
        ("words", &"a refund, please. ".repeat(3000), r#"{"order":"4711"}"#),
    ];
    for (session, message, custom_data) in cases {
        say(&store, session, 5, message, custom_data).await;
        let facts = learned(&store, session).await;
        assert!(matches!(facts.custom_data, Fact::Known(_)), "{session}");
        record(&store, session, 10, &facts).await;
        let again = store.record(asked(session, 10), &decision(&Facts::default(), 10), 2000).await.unwrap();
        assert_eq!(again, Some(answer(decision(&facts, 10))), "{session}");
        let sizes = sizes(&stage, session).await;
        assert!(sizes[0] <= ITEM_BYTES, "{session}: {sizes:?}");
        let recorded = decisions(&store, session).await.remove(0);
        let is_omitted = |name: &str| recorded.omitted.iter().any(|omitted| omitted == name);
        assert_eq!(is_omitted("custom_data"), recorded.facts.custom_data != facts.custom_data, "{session}");
        assert_eq!(is_omitted("texts"), recorded.facts.texts != facts.texts, "{session}");
        assert_eq!(recorded.facts.channel, facts.channel);
    }
    assert_eq!(decisions(&store, "fractions").await[0].omitted, [""; 0]);
    assert_eq!(decisions(&store, "words").await[0].omitted, ["texts"]);
}

#[tokio::test]
async fn neither_the_facts_of_a_newer_version_nor_damaged_ones_cost_the_answer() {
    let stage = Stage::start().await.unwrap();
    let store = stage.store();
    let facts = Facts { texts: vec!["hello".to_owned()].into(), ..Facts::default() };
    let newer = json!({
        "user": { "id": "maya", "tier": "gold" }, "texts": ["hello"], "attempt": 1,
        "agents": { "anna@example.com": { "status": "rest" } }, "emergency": true,
    });
    let text = |text: String| AttributeValue::S(text);
    let cases = [
        (text(newer.to_string()), true),
        (text("{".into()), false),
        (text(String::new()), false),
        (text(json!({ "attempt": "first" }).to_string()), false),
        (AttributeValue::N("1".into()), false),
    ];
    for (number, (stored, readable)) in cases.into_iter().enumerate() {
        let session = format!("s-{number}");
        record(&store, &session, 10, &facts).await;
        set_facts(&stage, &session, 10, stored.clone()).await;
        let again = store.record(asked(&session, 10), &decision(&facts, 10), 2000).await.unwrap();
        assert_eq!(again, Some(answer(decision(&facts, 10))), "{stored:?}");
        assert_eq!(store.recorded(asked(&session, 10)).await.unwrap(), again, "{stored:?}");
        assert_eq!(learned(&store, &session).await.attempt, Fact::Known(2), "{stored:?}");
        let recorded = decisions(&store, &session).await.remove(0);
        let expected = if readable {
            (facts.texts.clone(), Vec::new())
        } else {
            (Fact::default(), vec!["facts".to_owned()])
        };
        assert_eq!((recorded.facts.texts, recorded.omitted), expected, "{stored:?}");
        assert_eq!(recorded.answer, decision(&facts, 10).answer);
        assert_eq!(matches!(recorded.facts.attempt, Fact::Known(1)), readable, "{stored:?}");
    }
}

#[tokio::test]
async fn the_answer_of_a_large_pool_comes_back_to_the_letter() {
    let stage = Stage::start().await.unwrap();
    let store = stage.store();
    let agents = (0..5000).map(|number| format!("agent-{}@example.com", number * 7919 % 5000)).collect();
    let large = DecisionRecord { answer: Reply::serve(None, agents), ..decision(&Facts::default(), 10) };
    store.record(asked("s", 10), &large, 1000).await.unwrap();
    let again = store.record(asked("s", 10), &decision(&Facts::default(), 10), 2000).await.unwrap();
    assert_eq!(again, Some(answer(large)));
    let sizes = sizes(&stage, "s").await;
    assert!(sizes[0] < 40 * 1024, "{sizes:?}");
}

#[tokio::test]
async fn decisions_do_not_push_events_out_of_what_routing_reads() {
    let stage = Stage::start().await.unwrap();
    let store = stage.store();
    let texts: Vec<_> = (0..8).map(|part| "\u{1}".repeat(8 * 1024 - part)).collect();
    let facts = Facts { texts: texts.into(), ..Facts::default() };
    for session in ["large", "many", "too many"] {
        say(&store, session, 5, "a refund, please", r#"{"order":"4711"}"#).await;
    }
    let ask = |session: &'static str, count: u64| {
        let (store, facts) = (&store, &facts);
        stream::iter(10..10 + count).for_each_concurrent(20, move |ms| record(store, session, ms, facts))
    };
    // By their size, and by their number.
    for (session, count) in [("large", 20), ("many", 320)] {
        ask(session, count).await;
        let facts = learned(&store, session).await;
        assert_eq!(facts.texts, Fact::Known(vec!["a refund, please".into()]), "{session}");
        assert_eq!(facts.custom_data, Fact::Known(json!({ "order": "4711" })), "{session}");
        assert_eq!((facts.attempt, facts.bot_turns), (Fact::Known(count + 1), Fact::Known(1)), "{session}");
    }
    // Beyond the bound nothing is known, and nothing is wrong.
    ask("too many", 1000).await;
    let facts = learned(&store, "too many").await;
    assert!(matches!(facts.texts, Fact::Unknown(_)) && matches!(facts.channel, Fact::Unknown(_)));
    assert!(matches!(facts.attempt, Fact::Unknown(_)) && matches!(facts.bot_turns, Fact::Unknown(_)));
    assert!(matches!(facts.custom_data, Fact::Unknown::<Value>(_)));
}

#[tokio::test]
async fn the_attempt_is_exact_or_unknown() {
    let stage = Stage::start().await.unwrap();
    let store = stage.store();
    for ms in [2, 4] {
        record(&store, "s", ms, &Facts::default()).await;
    }
    let chat = |from: u64, to| {
        let store = &store;
        stream::iter(from..to).for_each_concurrent(20, move |ms| say(store, "s", ms, "hello", "{}"))
    };
    chat(10, 190).await;
    assert_eq!(learned(&store, "s").await.attempt, Fact::Known(3));
    chat(190, 310).await;
    assert!(matches!(learned(&store, "s").await.attempt, Fact::Unknown(_)), "the beginning is not read");
}
