//! Sessions of several users: the owner, the index, and the items that an erasure leaves.

#![allow(clippy::unwrap_used, clippy::expect_used)] // in a test, a panic is the report

use std::collections::BTreeSet;

use aws_sdk_dynamodb::types::AttributeValue;
use desk_local::{
    engine::SESSIONS_TABLE,
    proxy::{Proxy, Verdict},
    stage::{APP, Stage, store_at},
};
use desk_webhooks::{
    digest::sha256_hex,
    protocol::{AppId, EventTime, Reply, SessionEvent, read},
    routing::{DecisionRecord, Facts, timestamp},
    store::{
        Receipt, Store,
        ports::{Asked, FoldSessions, KeepEvents, Reach, Received, RecordDecision},
    },
};
use serde_json::{Value, json};

fn app() -> AppId {
    APP.parse().unwrap()
}

/// Stores an event as session-events does.
async fn happened(store: &Store, user: &str, at: u64, kind: &str, more: Value) {
    let mut body = json!({ "SessionId": "s", "Event": kind, "EventTime": at, "ClientUserId": user });
    body.as_object_mut().unwrap().extend(more.as_object().cloned().unwrap_or_default());
    let body = body.to_string();
    let event: SessionEvent = read(&body).unwrap();
    let received = Received { app: app(), body: body.as_bytes(), at_ms: 1000 };
    store.append(received, &event).await.unwrap();
    store.ensure_summary(received, &event).await.unwrap();
}

async fn asked(store: &Store, user: &str, at: u64) {
    let at = EventTime::from_ms(at).unwrap();
    let answer = Reply::serve(Some(1), Vec::new());
    let record = DecisionRecord {
        rule: "r".into(),
        version: None,
        answer,
        facts: Facts::default(),
        at: timestamp(at),
        omitted: Vec::new(),
    };
    let asked = Asked { app: app(), session_id: "s", user_id: user, at };
    store.record(asked, &record, 1000).await.unwrap();
}

/// A text that takes several items, however it is compressed.
fn noise(seed: u32) -> String {
    (0..14_000_u32).map(|n| sha256_hex(&(n ^ seed).to_be_bytes())).collect()
}

/// Sort keys and users of all items in the partition of the session.
async fn items(stage: &Stage) -> Vec<(String, Option<String>)> {
    let query = stage.client().query().table_name(SESSIONS_TABLE).key_condition_expression("pk = :pk");
    let pk = AttributeValue::S(format!("APP#{APP}#SESSION#s"));
    let items = query.expression_attribute_values(":pk", pk).into_paginator().items().send();
    let items: Vec<_> = items.collect::<Result<_, _>>().await.unwrap();
    let text = |item: &std::collections::HashMap<String, AttributeValue>, name: &str| {
        item.get(name).and_then(|value| value.as_s().ok()).cloned()
    };
    items.iter().map(|item| (text(item, "sk").unwrap(), text(item, "by_user"))).collect()
}

/// The users that find the session.
async fn found_by(stage: &Stage) -> BTreeSet<String> {
    let by_user = items(stage).await.into_iter().filter_map(|(_, by_user)| by_user);
    by_user.map(|by_user| by_user.rsplit('#').next().unwrap().to_owned()).collect()
}

fn set(users: &[&str]) -> BTreeSet<String> {
    users.iter().map(ToString::to_string).collect()
}

async fn owner(stage: &Stage) -> Option<String> {
    stage.store().session(app(), "s").await.unwrap()?.user
}

/// A session of maya's in which li wrote a large message and asked for an agent.
async fn shared(store: &Store) {
    happened(store, "maya", 10, "SessionBegin", json!({})).await;
    happened(store, "li", 20, "Human.UserSendMsg", json!({ "MsgKey": "1", "CloudCustomData": noise(1) }))
        .await;
    asked(store, "li", 25).await;
    happened(store, "li", 30, "SatisfactionSelected", json!({ "SatisfactionSelected": 4 })).await;
    asked(store, "maya", 35).await;
    happened(store, "maya", 40, "SessionEnd", json!({})).await;
    store.fold(app(), "s", Reach::Whole, 1).await.unwrap();
}

#[tokio::test]
async fn every_user_finds_the_session_whatever_the_order_of_arrival() {
    let events = [("li", 20), ("maya", 10), ("zoe", 30), ("", 5)];
    for order in [[0, 1, 2, 3], [3, 2, 1, 0], [1, 0, 3, 2], [2, 0, 1, 3]] {
        for fold_between in [false, true] {
            let stage = Stage::start().await.unwrap();
            let store = stage.store();
            for (user, at) in order.map(|place| events[place]) {
                happened(&store, user, at, "Human.UserSendMsg", json!({ "MsgKey": at.to_string() })).await;
                if fold_between {
                    store.fold(app(), "s", Reach::Whole, 1).await.unwrap();
                }
            }
            assert_eq!(found_by(&stage).await, set(&["li", "maya", "zoe"]), "{order:?}");
            store.fold(app(), "s", Reach::Whole, 1).await.unwrap();
            assert_eq!(owner(&stage).await.as_deref(), Some("maya"), "the first event in time: {order:?}");
            assert_eq!(found_by(&stage).await, set(&["li", "maya", "zoe"]), "{order:?}");
        }
    }
}

#[tokio::test]
async fn a_user_finds_each_session_of_others_once_and_in_pages() {
    let stage = Stage::start().await.unwrap();
    let store = stage.store();
    for number in 100..140 {
        // The first event may come last: the session then goes to another user, and begins earlier.
        let mut users = [("li", number), ("maya", number + 1000), ("zoe", number - 3 * (number % 2))];
        users.rotate_left(usize::from(number % 3 == 0));
        for (user, at) in users {
            let session = format!("s-{number}");
            let more = json!({ "SessionId": session, "MsgKey": user });
            happened(&store, user, at, "Human.UserSendMsg", more).await;
            store.fold(app(), &session, Reach::Whole, 1).await.unwrap();
        }
    }
    for user in ["li", "maya", "zoe"] {
        let all = store.sessions_of_user(app(), user, None, 0).take(1000).await.unwrap();
        let found: BTreeSet<_> = all.iter().map(|row| &row.session).collect();
        assert_eq!((all.len(), found.len()), (40, 40), "{user} finds each session once");
        assert!(all.iter().is_sorted_by(|a, b| a.began_at >= b.began_at), "{user}");
        assert!(all.iter().any(|row| row.user.as_deref() != Some(user)), "{user}");
        let (mut paged, mut after) = (Vec::new(), None);
        loop {
            let page = store.sessions_of_user(app(), user, after, 0).take(7).await.unwrap();
            let Some(last) = page.last() else { break };
            after = store.session_of_user(app(), &last.session, user).await.unwrap();
            paged.extend(page);
        }
        assert_eq!(paged, all, "{user}");
    }
}

#[tokio::test]
async fn a_session_of_one_user_has_no_item_of_a_further_one() {
    let stage = Stage::start().await.unwrap();
    let store = stage.store();
    happened(&store, "maya", 10, "SessionBegin", json!({})).await;
    happened(&store, "maya", 20, "SessionEnd", json!({})).await;
    store.fold(app(), "s", Reach::Whole, 1).await.unwrap();
    assert_eq!(items(&stage).await.len(), 3);
}

#[tokio::test]
async fn erasing_a_further_user_leaves_the_owners_session() {
    let stage = Stage::start().await.unwrap();
    let store = stage.store();
    shared(&store).await;
    assert_eq!(store.summary(app(), "s").await.unwrap().unwrap().items, 6);
    let receipt = store.erase_user(app(), "li", 2000, |_| ()).await.unwrap();
    let expected = Receipt { shared: 1, items: 6, ..Receipt::default() };
    assert_eq!(
        receipt, expected,
        "two events, two parts of a body, a decision, and the item that finds them"
    );
    let sks: Vec<_> = items(&stage).await.into_iter().map(|(sk, _)| sk).collect();
    let times: Vec<_> = sks.iter().filter_map(|sk| sk.strip_prefix("AT#")?.split('#').next()).collect();
    assert_eq!(times, ["0000000000010", "0000000000035", "0000000000040"]);
    assert_eq!((sks.len(), sks[3].as_str()), (4, "SUMMARY"));
    let summary = store.summary(app(), "s").await.unwrap().unwrap();
    assert_eq!((summary.items, summary.rating, summary.user.as_deref()), (3, None, Some("maya")));
    assert_eq!(store.erase_user(app(), "li", 2000, |_| ()).await.unwrap(), Receipt::default());
}

#[tokio::test]
async fn erasing_the_owner_erases_the_session() {
    let stage = Stage::start().await.unwrap();
    let store = stage.store();
    shared(&store).await;
    let receipt = store.erase_user(app(), "maya", 2000, |_| ()).await.unwrap();
    assert_eq!((receipt.sessions, receipt.shared, receipt.items), (1, 0, 10));
    assert!(items(&stage).await.is_empty());
    assert_eq!(store.erase_user(app(), "li", 2000, |_| ()).await.unwrap(), Receipt::default());
}

#[tokio::test]
async fn a_user_who_only_asked_takes_no_session_of_others_along() {
    let stage = Stage::start().await.unwrap();
    let store = stage.store();
    happened(&store, "maya", 10, "SessionBegin", json!({})).await;
    asked(&store, "li", 25).await;
    store.fold(app(), "s", Reach::Whole, 1).await.unwrap();
    let receipt = store.erase_user(app(), "li", 2000, |_| ()).await.unwrap();
    assert_eq!(receipt, Receipt { shared: 1, items: 1, ..Receipt::default() });
    assert_eq!(found_by(&stage).await, set(&["maya"]));
    assert_eq!(store.summary(app(), "s").await.unwrap().unwrap().items, 1);
    // Of a session of which nothing else was reported, nothing is left.
    store.erase_user(app(), "maya", 2000, |_| ()).await.unwrap();
    asked(&store, "li", 25).await;
    asked(&store, "maya", 26).await;
    for user in ["li", "maya"] {
        let receipt = store.erase_user(app(), user, 2000, |_| ()).await.unwrap();
        assert_eq!(receipt, Receipt { shared: 1, items: 1, ..Receipt::default() });
    }
    assert!(items(&stage).await.is_empty());
}

/// A session in which only maya's event is left, and which its summary still gives to li.
async fn left_behind(stage: &Stage) {
    let store = stage.store();
    happened(&store, "li", 10, "SessionBegin", json!({})).await;
    happened(&store, "maya", 20, "AgentForward", json!({ "AgentId": "bo@example.com" })).await;
    let (first, _) = items(stage).await.swap_remove(0);
    let delete = stage.client().delete_item().table_name(SESSIONS_TABLE);
    let delete = delete.key("pk", AttributeValue::S(format!("APP#{APP}#SESSION#s")));
    delete.key("sk", AttributeValue::S(first)).send().await.unwrap();
    assert_eq!(owner(stage).await.as_deref(), Some("li"));
}

#[tokio::test]
async fn an_owner_of_whom_no_event_is_left_is_erased() {
    let stage = Stage::start().await.unwrap();
    left_behind(&stage).await;
    let receipt = stage.store().erase_user(app(), "li", 2000, |_| ()).await.unwrap();
    assert_eq!(receipt.shared, 1);
    assert_eq!(owner(&stage).await.as_deref(), Some("maya"));
    assert_eq!(found_by(&stage).await, set(&["maya"]));
    assert_eq!(stage.store().erase_user(app(), "li", 2000, |_| ()).await.unwrap(), Receipt::default());
}

#[tokio::test]
async fn an_erasure_that_must_leave_a_summary_of_a_newer_form_fails() {
    let stage = Stage::start().await.unwrap();
    left_behind(&stage).await;
    let update = stage.client().update_item().table_name(SESSIONS_TABLE);
    let update = update.key("pk", AttributeValue::S(format!("APP#{APP}#SESSION#s")));
    let update = update.key("sk", AttributeValue::S("SUMMARY".into()));
    let update = update.update_expression("SET fold = :form");
    let update = update.expression_attribute_values(":form", AttributeValue::N("99".into()));
    update.send().await.unwrap();
    let refused = stage.store().erase_user(app(), "li", 2000, |_| ()).await.unwrap_err();
    assert!(refused.to_string().contains("newer version"), "{refused}");
}

/// Each erasure is interrupted at every call that it makes, and repeated.
#[tokio::test]
async fn an_erasure_may_be_interrupted_at_any_step() {
    let refused = r#"{"__type":"com.amazonaws.dynamodb.v20120810#AccessDeniedException"}"#;
    for (user, finds) in [("li", vec!["maya"]), ("maya", vec![])] {
        for calls in 0.. {
            let stage = Stage::start().await.unwrap();
            shared(&stage.store()).await;
            let endpoint = stage.endpoint();
            let broken = Proxy::start(&endpoint, move |call| {
                if call.number < calls { Verdict::Pass } else { Verdict::Answer(400, refused.into()) }
            });
            let broken = broken.await.unwrap();
            let first = store_at(broken.endpoint()).erase_user(app(), user, 2000, |_| ()).await;
            // While an event of the further user is left, so is the item that finds it.
            let left = items(&stage).await;
            if left.iter().any(|(sk, _)| sk.starts_with("AT#0000000000030")) {
                assert!(left.iter().any(|(sk, _)| sk.starts_with("USER#")), "{user} after {calls} calls");
            }
            stage.store().erase_user(app(), user, 2000, |_| ()).await.unwrap();
            assert_eq!(found_by(&stage).await, set(&finds), "{user} after {calls} calls");
            let summary = stage.store().summary(app(), "s").await.unwrap();
            assert_eq!(summary.map(|summary| summary.items), (user == "li").then_some(3), "{calls}");
            let left = items(&stage).await;
            assert!(!left.iter().any(|(sk, _)| sk.starts_with("PART")), "{user} after {calls} calls");
            if first.is_ok() {
                assert!(calls > 8, "{calls}");
                break;
            }
        }
    }
}
