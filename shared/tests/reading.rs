//! Sessions read back from a real engine: long lists, odd items, what is in quarantine.

#![allow(clippy::unwrap_used, clippy::expect_used)] // in a test, a panic is the report

use std::time::Duration;

use aws_sdk_dynamodb::{primitives::Blob, types::AttributeValue};
use desk_local::{
    engine::SESSIONS_TABLE,
    proxy::{Proxy, Verdict},
    stage::{APP, Stage, store_at},
};
use desk_webhooks::{
    digest::sha256_hex,
    protocol::{AppId, EventTime, read},
    session::ProfileChange,
    store::{
        Moment, Order, Quarantined, SessionRow, Sessions, Shelf, Store,
        ports::{FoldSessions, Folded, KeepEvents, KeepStatuses, Quarantine, Reach, ReadFacts, Received},
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
    let received = Received { app: app(), body: body.as_bytes(), at_ms: at };
    let event = read(&body).unwrap();
    store.append(received, &event).await.unwrap();
    store.ensure_summary(received, &event).await.unwrap();
}

/// All sessions of a list that is read in pages of this size, each page by a list of its own.
async fn paged<'a>(size: usize, list: impl Fn(Option<SessionRow>) -> Sessions<'a>) -> Vec<(String, String)> {
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
    let oldest_first = |after: Option<SessionRow>| {
        let after = after.map(|row| row.place());
        store.sessions(app(), &Shelf::Day("1970-01-02".into()), Order::OldestFirst, after, 0)
    };
    let mut ascending = expected.clone();
    ascending.sort();
    for size in [1000, 7] {
        assert_eq!(paged(size, oldest_first).await, ascending, "pages of {size}");
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
        let received = Received { app: app(), body: body.as_bytes(), at_ms };
        store.quarantine(received, "Desk.New", "CallbackCommand").await.unwrap();
    }
    let day = EventTime::from_ms(5).unwrap();
    let mut entries = Vec::new();
    let mut pages = store.quarantined(app(), day, 0);
    while let Some(entry) = pages.next().await.unwrap() {
        entries.push(entry);
    }
    let read: Vec<_> = entries.iter().map(|entry| entry.body.as_slice()).collect();
    assert_eq!(read, bodies.iter().map(String::as_bytes).collect::<Vec<_>>());
    assert_eq!(entries[0].command.as_deref(), Some("Desk.New"));
    assert!(store.release(app(), day, &entries[1].id).await.unwrap());
    assert!(!store.release(app(), day, &entries[1].id).await.unwrap());
    assert_eq!(store.erase_quarantined(app(), "maya", day).await.unwrap(), 1);
    let left = stage.client().scan().table_name(SESSIONS_TABLE).send().await.unwrap();
    assert_eq!(left.count(), 0, "no part stays behind");
}

async fn quarantined(store: &Store, day: EventTime) -> Vec<Quarantined> {
    let (mut entries, mut pages) = (Vec::new(), store.quarantined(app(), day, 0));
    while let Some(entry) = pages.next().await.unwrap() {
        entries.push(entry);
    }
    entries
}

#[tokio::test]
async fn two_entries_with_the_same_large_body_are_released_one_by_one() {
    let stage = Stage::start().await.unwrap();
    let store = stage.store();
    let body: String = (0..14_000_u32).map(|n| sha256_hex(&n.to_be_bytes())).collect();
    for at_ms in [5, 6] {
        let received = Received { app: app(), body: body.as_bytes(), at_ms };
        store.quarantine(received, "Desk.New", "CallbackCommand").await.unwrap();
    }
    let day = EventTime::from_ms(5).unwrap();
    let entries = quarantined(&store, day).await;
    assert!(store.release(app(), day, &entries[0].id).await.unwrap());
    let left = quarantined(&store, day).await;
    assert_eq!(left.len(), 1);
    assert!(left[0].body == body.as_bytes(), "{} bytes are left", left[0].body.len());
    assert!(store.release(app(), day, &entries[1].id).await.unwrap());
    let left = stage.client().scan().table_name(SESSIONS_TABLE).send().await.unwrap();
    assert_eq!(left.count(), 0);
}

/// A release is interrupted at every call that it makes.
#[tokio::test]
async fn an_interrupted_release_leaves_no_entry_without_its_body() {
    let refused = r#"{"__type":"com.amazonaws.dynamodb.v20120810#AccessDeniedException"}"#;
    let body: String = (0..14_000_u32).map(|n| sha256_hex(&n.to_be_bytes())).collect();
    let day = EventTime::from_ms(5).unwrap();
    for calls in 0.. {
        let stage = Stage::start().await.unwrap();
        let received = Received { app: app(), body: body.as_bytes(), at_ms: 5 };
        stage.store().quarantine(received, "Desk.New", "CallbackCommand").await.unwrap();
        let entry = quarantined(&stage.store(), day).await.remove(0);
        let endpoint = stage.endpoint();
        let broken = Proxy::start(&endpoint, move |call| {
            if call.number < calls { Verdict::Pass } else { Verdict::Answer(400, refused.into()) }
        });
        let broken = broken.await.unwrap();
        let released = store_at(broken.endpoint()).release(app(), day, &entry.id).await;
        for entry in quarantined(&stage.store(), day).await {
            assert!(entry.body == body.as_bytes(), "{} bytes after {calls} calls", entry.body.len());
        }
        if released.is_ok() {
            assert!(calls > 3, "{calls}");
            break;
        }
    }
}

#[tokio::test]
async fn an_erasure_finds_quarantined_bodies_that_are_not_json() {
    let stage = Stage::start().await.unwrap();
    let store = stage.store();
    let day = EventTime::from_ms(5).unwrap();
    let cases: [(&[u8], &str, usize); 9] = [
        (b"\xef\xbb\xbf{\"ClientUserId\":\"maya\"}", "maya", 1),
        (b"{\"ClientUserId\":\"maya\",\"More\":\"\xff\"}", "maya", 1),
        (b"{\"More\":\"\xff\"\",\"ClientUserId\":\"maya\"}", "maya", 1),
        (b"{\"ClientUserId\":\"maya\"", "maya", 1),
        (br#"{"ClientUserId":"m\u00e4ya\/1""#, "m\u{e4}ya/1", 1),
        (br#"{"ClientUserId":"m\u00E4ya/1","#, "m\u{e4}ya/1", 1),
        ("{\"ClientUserId\":\"m\u{e4}ya/1\",".as_bytes(), "m\u{e4}ya/1", 1),
        (br#"{"ClientUserId":"mayas","Text":"\"maya\"","#, "maya", 0),
        (br#"{"ClientUserId":"li","Text":"maya"}"#, "maya", 0),
    ];
    for (body, user, expected) in cases {
        store.quarantine(Received { app: app(), body, at_ms: 5 }, "Desk.New", "a reason").await.unwrap();
        let erased = store.erase_quarantined(app(), user, day).await.unwrap();
        assert_eq!(erased, expected, "{user} in {}", String::from_utf8_lossy(body));
        for entry in quarantined(&store, day).await {
            store.release(app(), day, &entry.id).await.unwrap();
        }
    }
}

#[tokio::test]
async fn of_two_contents_under_one_key_it_does_not_matter_which_came_first() {
    let mut summaries = Vec::new();
    for order in [["Web", "SDK"], ["SDK", "Web"]] {
        let stage = Stage::start().await.unwrap();
        let store = stage.store();
        for channel in order {
            let body = json!({
                "SessionId": "s", "Event": "SessionBegin", "EventTime": 1, "ClientUserId": "maya",
                "ChannelType": channel,
            })
            .to_string();
            let received = Received { app: app(), body: body.as_bytes(), at_ms: 1 };
            store.append(received, &read(&body).unwrap()).await.unwrap();
        }
        let Folded::Written(summary) = store.fold(app(), "s", Reach::Whole, 1).await.unwrap() else {
            panic!("no story")
        };
        assert_eq!(summary.items, 2);
        summaries.push(summary);
    }
    assert_eq!(summaries[0], summaries[1]);
}

#[tokio::test]
async fn a_summary_is_kept_as_long_as_the_last_of_its_session() {
    let stage = Stage::start().await.unwrap();
    let store = stage.store().forgetting_after(Some(Duration::from_secs(100)));
    begin(&store, "s", 50_000).await;
    let later = json!({ "SessionId": "s", "Event": "SessionEnd", "EventTime": 70_000 }).to_string();
    let received = Received { app: app(), body: later.as_bytes(), at_ms: 70_000 };
    store.append(received, &read(&later).unwrap()).await.unwrap();
    let expires_at = async || {
        store.fold(app(), "s", Reach::Whole, 1).await.unwrap();
        store.session(app(), "s").await.unwrap().unwrap().expires_at
    };
    assert_eq!(expires_at().await, Some(170));
    // What is kept for ever keeps its summary.
    let rated = json!({ "SessionId": "s", "Event": "SatisfactionSelected", "EventTime": 80_000 }).to_string();
    let received = Received { app: app(), body: rated.as_bytes(), at_ms: 80_000 };
    stage.store().append(received, &read(&rated).unwrap()).await.unwrap();
    assert_eq!(expires_at().await, None);
}

#[tokio::test]
async fn a_time_in_the_far_future_holds_no_profile_fast() {
    let stage = Stage::start().await.unwrap();
    let store = stage.store();
    for (at, agent) in [(9_999_999_999_999, "bo"), (2000, "anna")] {
        let received = Received { app: app(), body: b"{}", at_ms: 3000 };
        let change = ProfileChange::LastAgent(agent.into());
        store.move_profile(received, "maya", EventTime::from_ms(at).unwrap(), &change).await.unwrap();
    }
    assert_eq!(store.profile(app(), "maya").await.unwrap().last_agent.as_deref(), Some("anna"));

    // A clock that is hours ahead does not keep out what happens in those hours.
    for (at, received, agent) in [(80_000_000, 5000, "cy"), (6000, 6001, "dan")] {
        let received = Received { app: app(), body: b"{}", at_ms: received };
        let change = ProfileChange::LastAgent(agent.into());
        store.move_profile(received, "maya", EventTime::from_ms(at).unwrap(), &change).await.unwrap();
    }
    assert_eq!(store.profile(app(), "maya").await.unwrap().last_agent.as_deref(), Some("dan"));
}

#[tokio::test]
async fn an_old_change_of_a_profile_does_not_end_it_earlier() {
    let stage = Stage::start().await.unwrap();
    let counting = Proxy::start(&stage.endpoint(), |_| Verdict::Pass).await.unwrap();
    let seconds = |seconds| Some(Duration::from_secs(seconds));
    let (agent, rating) = (ProfileChange::LastAgent("bo".into()), ProfileChange::LastRating(5));
    // A change, its second and the retention; then the expiry of the profile and the number of writes that were tried.
    let steps = [
        (&agent, 500, seconds(100), Some(600), 1),
        // An event from the spill queue, a replay or a rebuild.
        (&rating, 10, seconds(100), Some(600), 2),
        // Such an event that changes nothing.
        (&rating, 9, seconds(100), Some(600), 1),
        (&rating, 510, seconds(100), Some(610), 1),
        (&agent, 520, seconds(100), Some(620), 1),
        // After the retention was shortened.
        (&agent, 530, seconds(50), Some(620), 2),
        (&agent, 580, seconds(50), Some(630), 1),
        // After it was switched off, and on again.
        (&rating, 590, None, None, 1),
        (&agent, 600, seconds(50), None, 2),
    ];
    for (number, (change, at, retention, expected, writes)) in steps.into_iter().enumerate() {
        let store = store_at(counting.endpoint()).forgetting_after(retention);
        let received = Received { app: app(), body: b"{}", at_ms: at * 1000 };
        let at = EventTime::from_ms(received.at_ms).unwrap();
        counting.take_calls();
        store.move_profile(received, "maya", at, change).await.unwrap();
        let scan = stage.client().scan().table_name(SESSIONS_TABLE).send().await.unwrap();
        let expires_at = scan.items()[0].get("expires_at").map(|at| at.as_n().unwrap().parse().unwrap());
        assert_eq!(expires_at, expected, "step {number}");
        assert_eq!(counting.take_calls().len(), writes, "step {number}");
    }
    let profile = stage.store().profile(app(), "maya").await.unwrap();
    assert_eq!(profile.last_agent_at.map(EventTime::as_ms), Some(600_000));
    assert_eq!(profile.last_rating_at.map(EventTime::as_ms), Some(590_000));
}

#[tokio::test]
async fn a_status_has_no_expiry_after_the_retention_was_switched_off() {
    let stage = Stage::start().await.unwrap();
    for (at, retention) in [(1, Some(Duration::from_secs(100))), (2, None)] {
        let body = json!({ "MemberId": "bo", "Status": "rest", "EventTime": at }).to_string();
        let received = Received { app: app(), body: body.as_bytes(), at_ms: at };
        let store = stage.store().forgetting_after(retention);
        store.move_status(received, &read(&body).unwrap()).await.unwrap();
    }
    let scan = stage.client().scan().table_name(SESSIONS_TABLE).send().await.unwrap();
    assert!(!scan.items()[0].contains_key("expires_at"));
}
