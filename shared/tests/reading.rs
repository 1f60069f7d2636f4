//! Sessions read back from a real engine: long lists, odd items, what is in quarantine.

#![allow(clippy::unwrap_used, clippy::expect_used)] // in a test, a panic is the report

use aws_sdk_dynamodb::{primitives::Blob, types::AttributeValue};
use desk_local::{
    engine::SESSIONS_TABLE,
    stage::{APP, Stage},
};
use desk_webhooks::{
    digest::sha256_hex,
    protocol::{AppId, EventTime, read},
    store::{
        Moment, Newest, SessionRow, Store,
        ports::{KeepEvents, Quarantine, Received},
    },
};
use serde_json::json;

const DAY: u64 = 86_400_000;

fn app() -> AppId {
    APP.parse().unwrap()
}

async fn begin(store: &Store, session: &str, at: u64) {
    let body =
        json!({ "SessionId": session, "Event": "SessionBegin", "EventTime": at, "ClientUserId": "maya" });
    let body = body.to_string();
    let received = Received { app: app(), body: &body, at_ms: at };
    let event = read(&body).unwrap();
    store.append(received, &event).await.unwrap();
    store.ensure_summary(received, &event).await.unwrap();
}

/// All sessions of a list that is read in pages of this size, each page by a list of its own.
async fn paged<'a>(size: usize, list: impl Fn(Option<SessionRow>) -> Newest<'a>) -> Vec<(String, String)> {
    let mut rows: Vec<SessionRow> = Vec::new();
    loop {
        let page = list(rows.last().cloned()).take(size).await.unwrap();
        if page.is_empty() {
            return rows.into_iter().map(|row| (row.began_at, row.session)).collect();
        }
        rows.extend(page);
    }
}

#[tokio::test]
async fn a_list_of_any_length_is_read_in_pages_newest_first() {
    let stage = Stage::start().await.unwrap();
    let store = stage.store();
    let mut expected = Vec::new();
    for number in 0..350_u64 {
        // Some begin in one and the same millisecond.
        let at = DAY + number / 3;
        begin(&store, &format!("s-{number}"), at).await;
        expected.push((format!("{at:013}"), format!("s-{number}")));
    }
    begin(&store, "the day before", DAY - 1).await;
    expected.sort_by(|a, b| b.0.cmp(&a.0).then_with(|| a.1.cmp(&b.1)));
    for size in [1000, 100, 7] {
        let of_day = paged(size, |after| store.sessions_of_day(app(), "1970-01-02", after, 0)).await;
        assert_eq!(of_day, expected, "pages of {size}");
    }
    expected.push((format!("{:013}", DAY - 1), "the day before".into()));
    for size in [1000, 7] {
        let of_user = paged(size, |after| store.sessions_of_user(app(), "maya", after, 0)).await;
        assert_eq!(of_user, expected, "pages of {size}");
    }
    let last = store.session(app(), "s-1").await.unwrap().unwrap();
    assert_eq!((last.began_at, last.user.as_deref()), (format!("{DAY:013}"), Some("maya")));
    assert!(store.session(app(), "none").await.unwrap().is_none());
}

#[tokio::test]
async fn an_item_that_cannot_be_read_hides_no_other() {
    let stage = Stage::start().await.unwrap();
    let store = stage.store();
    begin(&store, "s", 1).await;
    let text = |value: &str| AttributeValue::S(value.into());
    for (sk, field, value) in [
        ("AT#0000000000002#50#EVENT#zipped", "body_z", AttributeValue::B(Blob::new("no gzip"))),
        ("AT#0000000000003#50#EVENT#nothing", "none", text("")),
        ("AT#0000000000004#45#DECISION", "facts", text("{")),
        ("AT#0000000000005#50#EVENT#in-parts", "parts", AttributeValue::N("2".into())),
    ] {
        let put = stage.client().put_item().table_name(SESSIONS_TABLE).item("sk", text(sk));
        let put = put.item("pk", text("APP#1400000001#SESSION#s")).item(field, value);
        let put = if sk.ends_with("DECISION") { put } else { put.item("event", text("SessionEnd")) };
        put.send().await.unwrap();
    }
    let story = store.story(app(), "s", 0).await.unwrap();
    let unreadable = |moment: &Moment| match moment {
        Moment::Unreadable { at, .. } => at.map(EventTime::as_ms),
        _ => None,
    };
    let unreadable: Vec<_> = story.iter().map(unreadable).collect();
    assert_eq!(unreadable, [None, Some(2), Some(3), Some(4), Some(5)]);
}

#[tokio::test]
async fn what_is_in_quarantine_is_read_whole_and_goes_whole() {
    let stage = Stage::start().await.unwrap();
    let store = stage.store();
    let noise: String = (0..14_000_u32).map(|n| sha256_hex(&n.to_be_bytes())).collect();
    let bodies = [json!({ "ClientUserId": "maya", "More": noise }).to_string(), "{}".to_owned()];
    for (at_ms, body) in (5..).zip(&bodies) {
        let received = Received { app: app(), body, at_ms };
        store.quarantine(received, "Desk.New", "CallbackCommand").await.unwrap();
    }
    let day = EventTime::from_ms(5).unwrap();
    let entries = store.quarantined(app(), day, 0).await.unwrap();
    let read: Vec<_> = entries.iter().map(|entry| &entry.body).collect();
    assert_eq!(read, bodies.iter().collect::<Vec<_>>());
    assert_eq!(entries[0].command.as_deref(), Some("Desk.New"));
    assert!(store.release(app(), day, &entries[1].id).await.unwrap());
    assert!(!store.release(app(), day, &entries[1].id).await.unwrap());
    assert_eq!(store.erase_quarantined(app(), "maya", day).await.unwrap(), 1);
    let left = stage.client().scan().table_name(SESSIONS_TABLE).send().await.unwrap();
    assert_eq!(left.count(), 0, "no part stays behind");
}
