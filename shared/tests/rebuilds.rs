//! Rebuilding and erasing while others write, erase and rebuild: the rebuild that read last is what stays.

#![allow(clippy::unwrap_used, clippy::expect_used)] // in a test, a panic is the report

use std::{
    future::Future,
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
    time::Duration,
};

use aws_sdk_dynamodb::types::AttributeValue;
use desk_local::{
    engine::SESSIONS_TABLE,
    proxy::{Call, Proxy, Verdict},
    stage::{APP, Stage, store_at},
};
use desk_webhooks::{
    digest::sha256_hex,
    protocol::{AppId, SessionEvent, read},
    store::{
        Store,
        ports::{FoldSessions, Folded, KeepEvents, Kept, Reach, ReadFacts, Received},
    },
};
use serde_json::{Value, json};

fn app() -> AppId {
    APP.parse().unwrap()
}

fn event(at: u64, kind: &str, more: Value) -> (String, SessionEvent) {
    let mut body = json!({ "SessionId": "s", "Event": kind, "EventTime": at, "ClientUserId": "maya" });
    body.as_object_mut().unwrap().extend(more.as_object().cloned().unwrap_or_default());
    let body = body.to_string();
    let event = read(&body).unwrap();
    (body, event)
}

async fn happened(store: &Store, at: u64, kind: &str) {
    happened_to(store, "maya", at, kind).await;
}

async fn happened_to(store: &Store, user: &str, at: u64, kind: &str) {
    let (body, event) = event(at, kind, json!({ "ClientUserId": user, "AgentId": format!("agent-{at}") }));
    let received = Received { app: app(), body: body.as_bytes(), at_ms: 1000 };
    store.append(received, &event).await.unwrap();
    store.ensure_summary(received, &event).await.unwrap();
}

/// Deletes an item as DynamoDB does after its expiry.
async fn expire(stage: &Stage, at: u64) {
    let text = |value: &str| AttributeValue::S(value.into());
    let query = stage.client().query().table_name(SESSIONS_TABLE);
    let query = query.key_condition_expression("pk = :pk AND begins_with(sk, :at)");
    let query = query.expression_attribute_values(":pk", text(&format!("APP#{APP}#SESSION#s")));
    let query = query.expression_attribute_values(":at", text(&format!("AT#{at:013}")));
    for item in query.send().await.unwrap().items.unwrap() {
        let delete = stage.client().delete_item().table_name(SESSIONS_TABLE);
        delete.key("pk", item["pk"].clone()).key("sk", item["sk"].clone()).send().await.unwrap();
    }
}

async fn fold(store: &Store) -> Folded {
    store.fold(app(), "s", Reach::Whole, 5000).await.unwrap()
}

/// Rebuilds, and does something else between what is read and the nth write of a summary.
async fn rebuild_interrupted<W, F>(stage: &Stage, nth: usize, what: W)
where
    W: Fn(Store) -> F + Send + Sync + 'static,
    F: Future<Output = ()>,
{
    let writes = AtomicUsize::new(0);
    let is_nth = move |call: &Call<'_>| is_summary(call) && writes.fetch_add(1, Ordering::Relaxed) == nth;
    let interrupting = interrupting(stage, is_nth, what).await;
    fold(&store_at(interrupting.endpoint())).await;
}

fn is_summary(call: &Call<'_>) -> bool {
    call.target.ends_with("UpdateItem") && names(call, "SUMMARY")
}

/// True if the body of the request has this in it.
fn names(call: &Call<'_>, what: &str) -> bool {
    String::from_utf8_lossy(call.body).contains(what)
}

/// The way to the tables, on which something else is done before the first call of which `is_meant` is true.
async fn interrupting<W, F>(
    stage: &Stage,
    is_meant: impl Fn(&Call<'_>) -> bool + Send + Sync + 'static,
    what: W,
) -> Proxy
where
    W: Fn(Store) -> F + Send + Sync + 'static,
    F: Future<Output = ()>,
{
    let (endpoint, is_done) = (stage.endpoint(), AtomicBool::new(false));
    let upstream = endpoint.clone();
    let interrupting = Proxy::start(&upstream, move |call| {
        if is_meant(call) && !is_done.swap(true, Ordering::Relaxed) {
            // On a thread of its own: this one is the test's.
            std::thread::scope(|scope| {
                let other = scope.spawn(|| {
                    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
                    runtime.block_on(what(store_at(endpoint.clone())));
                });
                other.join().unwrap();
            });
        }
        Verdict::Pass
    });
    interrupting.await.unwrap()
}

/// The values of all items that are left, as one text.
async fn left(stage: &Stage) -> String {
    format!("{:?}", stage.client().scan().table_name(SESSIONS_TABLE).send().await.unwrap().items.unwrap())
}

async fn agents(store: &Store) -> Option<Vec<String>> {
    let summary = store.summary(app(), "s").await.unwrap()?;
    Some(summary.agents.into_iter().map(|stint| stint.agent).collect())
}

#[tokio::test]
async fn a_summary_shrinks_when_items_have_gone() {
    let stage = Stage::start().await.unwrap();
    let store = stage.store();
    for at in [10, 20, 30] {
        happened(&store, at, "AgentForward").await;
    }
    fold(&store).await;
    assert_eq!(agents(&store).await.unwrap().len(), 3);
    expire(&stage, 10).await;
    expire(&stage, 30).await;
    fold(&store).await;
    assert_eq!(agents(&store).await.unwrap(), ["agent-20"]);
    assert_eq!(store.session(app(), "s").await.unwrap().unwrap().agent.as_deref(), Some("agent-20"));
    expire(&stage, 20).await;
    assert_eq!(fold(&store).await, Folded::Nothing);
    assert_eq!(store.session(app(), "s").await.unwrap(), None);
    assert!(store.sessions_of_user(app(), "maya", None, 0).take(9).await.unwrap().is_empty());
    assert!(store.sessions_of_day(app(), "1970-01-01", None, 0).take(9).await.unwrap().is_empty());

    // A later event makes the session findable again, for good.
    happened(&store, 40, "AgentForward").await;
    let row = store.session(app(), "s").await.unwrap().unwrap();
    assert_eq!((row.user.as_deref(), row.expires_at), (Some("maya"), None));
    fold(&store).await;
    assert_eq!(agents(&store).await.unwrap(), ["agent-40"]);
}

#[tokio::test]
async fn of_two_rebuilds_at_once_the_one_that_read_later_stays() {
    for nth in [0, 1] {
        for shrinks in [false, true] {
            let stage = Stage::start().await.unwrap();
            let store = stage.store();
            for at in [10, 20] {
                happened(&store, at, "AgentForward").await;
            }
            fold(&store).await;
            let endpoint = stage.endpoint();
            rebuild_interrupted(&stage, nth, move |other| {
                let endpoint = endpoint.clone();
                async move {
                    if shrinks {
                        delete(&endpoint, 10).await;
                    } else {
                        happened(&other, 30, "AgentForward").await;
                    }
                    fold(&other).await;
                }
            })
            .await;
            let expected: &[&str] = match (nth, shrinks) {
                // It made one write only.
                (1, _) => &["agent-10", "agent-20"],
                (_, true) => &["agent-20"],
                (_, false) => &["agent-10", "agent-20", "agent-30"],
            };
            assert_eq!(agents(&store).await.unwrap(), expected);
        }
    }
}

async fn delete(endpoint: &str, at: u64) {
    let (endpoint, (_, event)) =
        (endpoint.to_owned(), event(at, "AgentForward", json!({ "AgentId": format!("agent-{at}") })));
    let key = json!({
        "pk": { "S": format!("APP#{APP}#SESSION#s") }, "sk": { "S": desk_webhooks::session::keys::event(&event) },
    });
    let delete = json!({ "TableName": SESSIONS_TABLE, "Key": key });
    tokio::task::spawn_blocking(move || desk_local::engine::call(&endpoint, "DeleteItem", &delete).unwrap())
        .await
        .unwrap();
}

#[tokio::test]
async fn a_rebuild_during_an_erasure_brings_nothing_back() {
    // The summary item exists when it is read, or was erased before and is created.
    for summary_is_there in [true, false] {
        let stage = Stage::start().await.unwrap();
        let store = stage.store();
        happened(&store, 10, "AgentForward").await;
        if !summary_is_there {
            let delete = stage.client().delete_item().table_name(SESSIONS_TABLE);
            let delete = delete.key("pk", AttributeValue::S(format!("APP#{APP}#SESSION#s")));
            delete.key("sk", AttributeValue::S("SUMMARY".into())).send().await.unwrap();
        }
        let endpoint = stage.endpoint();
        rebuild_interrupted(&stage, 0, move |other| {
            let endpoint = endpoint.clone();
            async move {
                other.erase_user(app(), "maya", 2000, |_| ()).await.unwrap();
                if !summary_is_there {
                    delete(&endpoint, 10).await;
                }
            }
        })
        .await;
        let left = stage.client().scan().table_name(SESSIONS_TABLE).send().await.unwrap().items.unwrap();
        for item in left {
            let names: Vec<_> = item.keys().collect();
            assert!(!item.contains_key("summary") && !item.contains_key("by_user"), "{names:?}");
        }
        // If the session goes on, its summary has the later events only.
        happened(&store, 40, "AgentForward").await;
        fold(&store).await;
        assert_eq!(agents(&store).await.unwrap(), ["agent-40"]);
    }
}

#[tokio::test]
async fn a_user_whom_an_event_adds_during_a_rebuild_still_finds_the_session() {
    let stage = Stage::start().await.unwrap();
    let store = stage.store();
    let (body, first) = event(5, "SessionBegin", json!({ "ClientUserId": "" }));
    let received = Received { app: app(), body: body.as_bytes(), at_ms: 1000 };
    store.append(received, &first).await.unwrap();
    store.ensure_summary(received, &first).await.unwrap();
    rebuild_interrupted(&stage, 0, |other| async move { happened(&other, 20, "AgentForward").await }).await;
    let of_user = store.sessions_of_user(app(), "maya", None, 0).take(9).await.unwrap();
    assert_eq!(of_user.len(), 1);
    assert_eq!(agents(&store).await.unwrap(), ["agent-20"]);
}

#[tokio::test]
async fn two_large_bodies_under_one_key_count_as_two() {
    let mut summaries = Vec::new();
    for order in [[1_u32, 2], [2, 1]] {
        let stage = Stage::start().await.unwrap();
        let store = stage.store();
        // Beside a compressed body, and beside parts of one, stands the same brief form.
        for length in [2000, 14_000] {
            for seed in order {
                let noise: String =
                    (0..length).map(|n: u32| sha256_hex(&(n * 3 + seed).to_be_bytes())).collect();
                let (body, event) = event(
                    u64::from(length),
                    "Human.UserSendMsg",
                    json!({ "MsgKey": "1", "CloudCustomData": noise }),
                );
                let received = Received { app: app(), body: body.as_bytes(), at_ms: 1000 };
                let kept = store.append(received, &event).await.unwrap();
                assert_eq!(kept, if seed == order[0] { Kept::New } else { Kept::Conflict });
            }
        }
        let Folded::Written(summary) = fold(&store).await else { panic!("no timeline") };
        assert_eq!((summary.items, summary.messages.user_to_agent), (4, 4));
        summaries.push(summary);
    }
    assert_eq!(summaries[0], summaries[1]);
}

#[tokio::test]
async fn a_rebuild_restores_profiles_forward_in_time_and_writes_nothing_in_vain() {
    let stage = Stage::start().await.unwrap();
    let store = stage.store();
    for (at, kind) in [(10, "TransferToHumanSuccess"), (30, "AgentForward"), (20, "AgentForward")] {
        happened(&store, at, kind).await;
    }
    let (body, rated) = event(40, "SatisfactionSelected", json!({ "SatisfactionSelected": 4 }));
    store.append(Received { app: app(), body: body.as_bytes(), at_ms: 1000 }, &rated).await.unwrap();
    // A time in the far future counts here as little as when it came.
    let (body, forged) = event(9_999_999_999_999, "AgentForward", json!({ "AgentId": "mallory" }));
    store.append(Received { app: app(), body: body.as_bytes(), at_ms: 1000 }, &forged).await.unwrap();
    store.rebuild(app(), "s", 5000).await.unwrap();
    let profile = store.profile(app(), "maya").await.unwrap();
    assert_eq!((profile.last_agent.as_deref(), profile.last_rating), (Some("agent-30"), Some(4)));
    assert_eq!(profile.last_agent_at.unwrap().as_ms(), 30);

    let counting = Proxy::start(&stage.endpoint(), |_| Verdict::Pass).await.unwrap();
    store_at(counting.endpoint()).rebuild(app(), "s", 5000).await.unwrap();
    let made: Vec<_> = counting.take_calls().into_iter().map(|made| made.operation).collect();
    let expected = ["Query", "Query", "UpdateItem", "GetItem"];
    assert_eq!(made, expected, "the summary, and a look at the profile");

    // Another session knows something newer: this one changes nothing.
    let received = Received { app: app(), body: b"{}", at_ms: 1000 };
    let newer = desk_webhooks::session::ProfileChange::LastAgent("agent-99".into());
    let at = desk_webhooks::protocol::EventTime::from_ms(99).unwrap();
    store.move_profile(received, "maya", at, &newer).await.unwrap();
    store.rebuild(app(), "s", 5000).await.unwrap();
    assert_eq!(store.profile(app(), "maya").await.unwrap().last_agent.as_deref(), Some("agent-99"));
    // An expired event restores nothing.
    let store = stage.store().forgetting_after(Some(Duration::from_secs(1)));
    let (body, event) = event(500, "AgentForward", json!({ "AgentId": "agent-500" }));
    store.append(Received { app: app(), body: body.as_bytes(), at_ms: 1000 }, &event).await.unwrap();
    store.rebuild(app(), "s", 5000).await.unwrap();
    assert_eq!(store.profile(app(), "maya").await.unwrap().last_agent.as_deref(), Some("agent-99"));
}

#[tokio::test]
async fn a_rebuild_during_an_erasure_brings_no_item_of_a_further_user_back() {
    let stage = Stage::start().await.unwrap();
    let store = stage.store();
    // The session is li's until a rebuild finds that maya came first.
    happened_to(&store, "li", 20, "AgentForward").await;
    happened(&store, 10, "AgentForward").await;
    let is_write = |call: &Call<'_>| !call.target.ends_with("Query");
    let erase = |other: Store| async move {
        other.erase_user(app(), "li", 2000, |_| ()).await.unwrap();
    };
    let interrupting = interrupting(&stage, is_write, erase).await;
    fold(&store_at(interrupting.endpoint())).await;
    let left = left(&stage).await;
    assert!(!left.contains("#USER#li"), "{left}");
    assert_eq!(agents(&store).await.unwrap(), ["agent-10"]);
}

#[tokio::test]
async fn an_owner_who_turns_out_to_be_a_further_user_finds_the_session_after_a_crash_of_the_rebuild() {
    let refused = r#"{"__type":"com.amazonaws.dynamodb.v20120810#AccessDeniedException"}"#;
    for calls in 0..9 {
        let stage = Stage::start().await.unwrap();
        let store = stage.store();
        happened_to(&store, "li", 20, "AgentForward").await;
        happened(&store, 10, "AgentForward").await;
        let endpoint = stage.endpoint();
        let broken = Proxy::start(&endpoint, move |call| {
            if call.number < calls { Verdict::Pass } else { Verdict::Answer(400, refused.into()) }
        });
        let broken = broken.await.unwrap();
        let rebuilt = store_at(broken.endpoint()).fold(app(), "s", Reach::Whole, 5000).await;
        for user in ["maya", "li"] {
            let by_user = format!("\"by_user\": S(\"APP#{APP}#USER#{user}\")");
            assert!(left(&stage).await.contains(&by_user), "{user} after {calls} calls");
        }
        if rebuilt.is_ok() {
            assert!(calls > 2, "{calls}");
            return;
        }
    }
    panic!("the rebuild never ends");
}

#[tokio::test]
async fn a_rebuild_during_an_erasure_brings_no_profile_back() {
    let stage = Stage::start().await.unwrap();
    let store = stage.store();
    happened(&store, 10, "AgentForward").await;
    let is_profile = |call: &Call<'_>| call.target.ends_with("UpdateItem") && names(call, "PROFILE");
    let erase = |other: Store| async move {
        other.erase_user(app(), "maya", 2000, |_| ()).await.unwrap();
    };
    let interrupting = interrupting(&stage, is_profile, erase).await;
    store_at(interrupting.endpoint()).rebuild(app(), "s", 5000).await.unwrap();
    let left = left(&stage).await;
    assert!(!left.contains("maya"), "{left}");
}

#[tokio::test]
async fn an_event_that_arrives_while_its_summary_is_emptied_is_found() {
    let stage = Stage::start().await.unwrap();
    let store = stage.store();
    happened(&store, 10, "AgentForward").await;
    fold(&store).await;
    expire(&stage, 10).await;
    rebuild_interrupted(&stage, 0, |other| async move { happened(&other, 20, "AgentForward").await }).await;
    assert_eq!(agents(&store).await.unwrap(), ["agent-20"]);
    assert_eq!(store.sessions_of_user(app(), "maya", None, 0).take(9).await.unwrap().len(), 1);
}

#[tokio::test]
async fn an_event_that_arrives_during_an_erasure_is_erased_too() {
    let stage = Stage::start().await.unwrap();
    let store = stage.store();
    happened(&store, 10, "AgentForward").await;
    happened_to(&store, "li", 20, "AgentForward").await;
    let is_last = |call: &Call<'_>| call.target.ends_with("DeleteItem") && names(call, "USER#");
    // The function knows that li finds the session, and only appends.
    let append = |other: Store| async move {
        let (body, event) = event(30, "AgentForward", json!({ "ClientUserId": "li" }));
        let received = Received { app: app(), body: body.as_bytes(), at_ms: 1000 };
        other.append(received, &event).await.unwrap();
    };
    let interrupting = interrupting(&stage, is_last, append).await;
    store_at(interrupting.endpoint()).erase_user(app(), "li", 2000, |_| ()).await.unwrap();
    let left = left(&stage).await;
    assert!(!left.contains("li\\\"") && !left.contains("#USER#li"), "{left}");
    assert_eq!(agents(&store).await.unwrap(), ["agent-10"]);
}

#[tokio::test]
async fn large_bodies_take_no_room_of_a_page() {
    let stage = Stage::start().await.unwrap();
    let store = stage.store();
    happened(&store, 10, "SessionBegin").await;
    for number in 0..3 {
        let noise: String = (0..14_000_u32).map(|n| sha256_hex(&(n * 3 + number).to_be_bytes())).collect();
        let more = json!({ "MsgKey": number.to_string(), "CloudCustomData": noise });
        let (body, event) = event(20, "Human.UserSendMsg", more);
        store.append(Received { app: app(), body: body.as_bytes(), at_ms: 1000 }, &event).await.unwrap();
    }
    let counting = Proxy::start(&stage.endpoint(), |_| Verdict::Pass).await.unwrap();
    let folded = store_at(counting.endpoint()).fold(app(), "s", Reach::Page, 5000).await.unwrap();
    let Folded::Written(summary) = folded else { panic!("{folded:?}") };
    assert_eq!(summary.items, 4);
    let made = counting.take_calls().into_iter().filter(|made| made.operation == "Query");
    assert_eq!(made.map(|made| made.units).collect::<Vec<_>>(), [1.0, 1.0]);
}
