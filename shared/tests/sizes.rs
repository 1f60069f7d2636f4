//! While DynamoDB answers, it takes every callback that fits into 1 MiB, whatever it is made of.

#![allow(clippy::unwrap_used, clippy::expect_used)] // in a test, a panic is the report

use std::cell::RefCell;

use desk_local::stage::{APP, Stage};
use desk_webhooks::{
    digest::sha256_hex,
    protocol::{AppId, Command, EventTime},
    session::{Understood, understand},
    store::{
        Moment, Note, Store,
        ports::{FoldSessions, Folded, KeepEvents, KeepStatuses, Quarantine, Reach, Received},
    },
    webhook::{Callback, MAX_BODY_BYTES},
};
use proptest::{prelude::*, test_runner::TestRunner};
use serde_json::{Value, json};

fn app() -> AppId {
    APP.parse().unwrap()
}

/// An id of up to a little more than fits, of characters that take room: in JSON, in UTF-8, or in neither.
fn ids() -> impl Strategy<Value = String> {
    let characters = prop::sample::select(vec!['\u{1}', '\u{0}', '"', '\\', '界', '😕', 'x', '\u{FFFF}']);
    let bytes = prop_oneof![Just(2020_usize), Just(2048), 0..2100_usize, Just(10)];
    (characters, bytes)
        .prop_map(|(character, bytes)| character.to_string().repeat(bytes / character.len_utf8()))
}

/// So many bytes that compress well, to a half, or hardly.
fn texts() -> impl Strategy<Value = String> {
    let bytes = prop_oneof![0..70_000_usize, 300_000..900_000_usize, 560_000..660_000_usize];
    let kind = prop::sample::select(vec!["same", "digits", "noise"]);
    (bytes, kind, any::<u32>()).prop_map(|(bytes, kind, seed)| {
        let digests = || (0_u32..).map(move |n| sha256_hex(&[n.to_be_bytes(), seed.to_be_bytes()].concat()));
        match kind {
            "same" => "a".repeat(bytes),
            "digits" => digests().take(bytes / 64 + 1).collect(),
            _ => digests()
                .flat_map(|digest| {
                    let pairs =
                        (0..32).map(move |n| u8::from_str_radix(&digest[2 * n..2 * n + 2], 16).unwrap());
                    pairs.map(|byte| char::from(byte % 90 + 36)).filter(|character| *character != '\\')
                })
                .take(bytes)
                .collect(),
        }
    })
}

fn callbacks() -> impl Strategy<Value = (Command, String)> {
    // Often all of one kind: together they take the most room beside a body.
    let ids = prop_oneof![prop::collection::vec(ids(), 7), ids().prop_map(|id| vec![id; 7])];
    let command = prop_oneof![
        4 => Just(Command::SessionEvent),
        1 => Just(Command::MemberEvent),
        1 => texts().prop_map(|name| Command::from_wire(&name)),
    ];
    (command, ids, texts()).prop_map(|(command, ids, text)| {
        let body: Value = json!({
            "SessionId": ids[0], "ClientUserId": ids[1], "Event": ids[2], "ChannelType": ids[3],
            "CustomerServiceId": ids[4], "AgentId": ids[5], "ForwardFromAgentId": ids[6], "MsgKey": ids[6],
            "MemberId": ids[0], "Status": ids[1], "RestReason": ids[2], "EventTime": 1, "CloudCustomData": text,
        });
        (command, body.to_string())
    })
}

/// Stores a callback as session-events does, and reads it back.
async fn comes_back(store: &Store, command: &Command, body: &str) {
    let received = Received { app: app(), body: body.as_bytes(), at_ms: 1 };
    match understand(app(), command, body) {
        Ok(Understood::Session(event)) => {
            store.append(received, &event).await.unwrap();
            store.ensure_summary(received, &event).await.unwrap();
            let story = store.story(app(), &event.session_id, 0).await.unwrap();
            let whole = |moment: &Moment| matches!(moment, Moment::Event { body: kept, .. } if kept == body);
            assert!(story.iter().any(whole), "{} bytes", body.len());
            let folded = store.fold(app(), &event.session_id, Reach::Whole, 1).await.unwrap();
            assert!(matches!(folded, Folded::Written(_)));
        }
        Ok(Understood::Member(event)) => {
            store.append_status(received, &event).await.unwrap();
            store.move_status(received, &event).await.unwrap();
        }
        Err(problem) => {
            store.quarantine(received, command.as_str(), &problem.to_string()).await.unwrap();
            let mut entries = store.quarantined(app(), EventTime::from_ms(1).unwrap(), 0);
            let mut is_there = false;
            while let Some(entry) = entries.next().await.unwrap() {
                is_there |= entry.body == body.as_bytes();
                store.release(app(), EventTime::from_ms(1).unwrap(), &entry.id).await.unwrap();
            }
            assert!(is_there, "{} bytes", body.len());
        }
    }
}

#[test]
fn every_callback_that_fits_into_a_mebibyte_is_stored_and_comes_back() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let stage = runtime.block_on(Stage::start()).unwrap();
    let store = RefCell::new(stage.store());
    let config =
        ProptestConfig { cases: 64, failure_persistence: None, max_shrink_iters: 20, ..Default::default() };
    let stored = TestRunner::new(config).run(&callbacks(), |(command, body)| {
        if body.len() <= MAX_BODY_BYTES {
            runtime.block_on(comes_back(&store.borrow(), &command, &body));
        }
        Ok(())
    });
    stored.unwrap();
}

/// The case that was found: ids of control characters beside a body that just fits into an item.
#[tokio::test]
async fn ids_of_control_characters_leave_less_room_for_the_body() {
    let stage = Stage::start().await.unwrap();
    let id = |n: usize| format!("{}{n}", "\u{1}".repeat(2000));
    for digests in (8_000..10_600).step_by(200) {
        let text: String = (0..digests).map(|n: u32| sha256_hex(&n.to_be_bytes())).collect();
        let body = json!({
            "SessionId": id(digests as usize), "ClientUserId": id(1), "Event": id(2), "ChannelType": id(3),
            "CustomerServiceId": id(4), "AgentId": id(5), "ForwardFromAgentId": id(6), "EventTime": 1,
            "CloudCustomData": text,
        });
        comes_back(&stage.store(), &Command::SessionEvent, &body.to_string()).await;
    }
}

#[test]
fn a_long_unknown_command_takes_no_room_in_a_note() {
    let command = Command::from_wire(&"\u{1}".repeat(300_000));
    let callback = Callback { app: app(), command, body: b"{}".into(), platform: None, client_ip: None };
    let note = Note::Callback { callback, received_at_ms: 1 }.text().unwrap();
    assert!(note.len() < 4096, "{} bytes", note.len());
}

#[tokio::test]
async fn the_engine_refuses_what_dynamodb_refuses() {
    use aws_sdk_dynamodb::types::AttributeValue;
    let stage = Stage::start().await.unwrap();
    let put = |bytes: usize| {
        let text = |value: &str| AttributeValue::S(value.into());
        let put = stage.client().put_item().table_name(desk_local::engine::SESSIONS_TABLE);
        put.item("pk", text("p")).item("sk", text("s")).item("x", text(&"x".repeat(bytes))).send()
    };
    // The names and the keys take seven bytes.
    assert!(put(400 * 1024 - 7).await.is_ok());
    assert!(put(400 * 1024 - 6).await.is_err());
}
