//! The real binary through the Lambda Runtime API, on an embedded DynamoDB.

#![allow(clippy::unwrap_used, clippy::expect_used)] // in a test, a panic is the report

use base64::{Engine, engine::general_purpose::STANDARD};
use desk_local::{
    callbacks::{self, Callback},
    runtime_api::{Sandbox, SandboxError},
    stage::{APP, Stage, repository},
};
use desk_webhooks::{
    edge::Arrival,
    protocol::{AppId, EventKind, EventTime},
    store::{Moment, Store, ports::ReadFacts},
};
use serde_json::{Value, json};

const BINARY: &str = env!("CARGO_BIN_EXE_session-events");

fn app() -> AppId {
    APP.parse().unwrap()
}

fn samples() -> Vec<Callback> {
    callbacks::load(&repository().join("events")).unwrap()
}

fn sample(name: &str) -> Value {
    samples().into_iter().find(|sample| sample.name == name).unwrap().event
}

/// A sample with another body.
fn with_body(body: &str) -> Value {
    let mut event = sample("session-events/session-begin.json");
    event["body"] = json!(body);
    event
}

fn message(session: &str, text: &str) -> String {
    json!({
        "CallbackCommand": "Desk.SessionEventNotify", "SessionId": session, "Event": "Human.UserSendMsg",
        "EventTime": 1_793_584_800_000_u64, "ClientUserId": "maya", "MsgKey": "1_2_3",
        "MsgBody": [{ "MsgType": "TIMTextElem", "MsgContent": { "Text": text } }],
    })
    .to_string()
}

/// The HTTP status and the reply's body.
async fn tell(function: &mut Sandbox, event: &Value) -> (u16, Value) {
    let response = function.invoke(event).await.unwrap().response.expect("an answer and no error");
    let status = response["statusCode"].as_u64().unwrap();
    (status as u16, serde_json::from_str(response["body"].as_str().unwrap()).unwrap())
}

async fn bodies(store: &Store, session: &str) -> Vec<String> {
    let story = store.story(app(), session, 0).await.unwrap();
    let body = |moment| match moment {
        Moment::Event { body, .. } => Some(body),
        Moment::Decision(_) | Moment::Unreadable { .. } => None,
    };
    story.into_iter().filter_map(body).collect()
}

#[tokio::test]
async fn every_sample_gets_the_answer_that_the_folder_promises_and_is_kept_verbatim() {
    let stage = Stage::start().await.unwrap();
    let store = stage.store();
    let mut function = stage.function(BINARY).await.unwrap();
    let mut kinds = std::collections::BTreeSet::new();
    for sample in samples().iter().filter(|sample| sample.goes_to("/session-events")) {
        let (status, reply) = tell(&mut function, &sample.event).await;
        let differences = sample.differences(status, &reply);
        assert!(differences.is_empty(), "{}: {differences:?}", sample.name);
        let body = sample.body();
        let Ok(parsed) = serde_json::from_str::<Value>(&body) else { continue };
        let (Some(session), Some(kind)) = (parsed["SessionId"].as_str(), parsed["Event"].as_str()) else {
            continue;
        };
        if status == 200
            && parsed["EventTime"].is_u64()
            && parsed["CallbackCommand"] == "Desk.SessionEventNotify"
        {
            kinds.insert(kind.to_owned());
            let kept = bodies(&store, session).await;
            let same = |kept: &String| serde_json::from_str::<Value>(kept).unwrap() == parsed;
            assert!(kept.contains(&body) || kept.iter().any(same), "{}", sample.name);
        }
    }
    for kind in EventKind::KNOWN {
        assert!(kinds.contains(*kind), "no sample of {kind}");
    }
    let log = function.log();
    for private in ["maya", "li.wei", "guest-77", "s-1001", "退款"] {
        assert!(!log.contains(private), "{private} is in the log:\n{log}");
    }
}

#[tokio::test]
async fn a_session_is_found_by_its_user_and_by_its_day() {
    let stage = Stage::start().await.unwrap();
    let store = stage.store();
    let mut function = stage.function(BINARY).await.unwrap();
    let begin =
        |user: &str, at: u64| {
            with_body(&json!({
            "CallbackCommand": "Desk.SessionEventNotify", "SessionId": "s#1/界", "Event": "SessionBegin",
            "EventTime": at, "ClientUserId": user,
        }).to_string())
        };
    // The first event names no user; the one that does completes the summary.
    tell(&mut function, &begin("", 1_793_584_800_000)).await;
    assert!(store.sessions_of_user(app(), "maya", None, 0).take(99).await.unwrap().is_empty());
    tell(&mut function, &begin("maya", 1_793_584_801_000)).await;
    let by_user = store.sessions_of_user(app(), "maya", None, 0).take(99).await.unwrap();
    let by_day = store.sessions_of_day(app(), "2026-11-02", None, 0).take(99).await.unwrap();
    for rows in [&by_user, &by_day] {
        assert_eq!(rows.len(), 1);
        assert_eq!((rows[0].session.as_str(), rows[0].user.as_deref()), ("s#1/界", Some("maya")));
    }
}

#[tokio::test]
async fn what_comes_twice_is_kept_once_and_what_differs_is_kept_too() {
    let stage = Stage::start().await.unwrap();
    let store = stage.store();
    let mut function = stage.function(BINARY).await.unwrap();
    let first = message("s", "hello");
    let spaced = first.replace("\":", "\" : ");
    assert_ne!(first, spaced);
    let other = message("s", "good bye");
    for body in [&first, &first, &spaced, &other, &other] {
        assert_eq!(tell(&mut function, &with_body(body)).await.0, 200);
    }
    assert_eq!(bodies(&store, "s").await, [first, other]);
    let log = function.log();
    assert_eq!(log.matches("\"outcome\":\"duplicate\"").count(), 3, "{log}");
    assert_eq!(log.matches("\"outcome\":\"conflict\"").count(), 1, "{log}");
    assert_eq!(log.matches("\"Conflict\":1").count(), 1, "{log}");
}

#[tokio::test]
async fn the_profile_moves_forward_in_time_only() {
    let stage = Stage::start().await.unwrap();
    let mut function = stage.function(BINARY).await.unwrap();
    let event = |kind: &str, at: u64, agent: &str, rating: Option<i64>| {
        with_body(&json!({
            "CallbackCommand": "Desk.SessionEventNotify", "SessionId": "s", "Event": kind, "EventTime": at,
            "ClientUserId": "maya", "AgentId": agent, "SatisfactionSelected": rating,
        }).to_string())
    };
    let story = [
        event("AgentForward", 300, "bo", None),
        event("TransferToHumanSuccess", 200, "anna", None),
        event("Human.AgentSendMsg", 400, "carla", None),
        event("SatisfactionSelected", 500, "", Some(5)),
        event("SatisfactionSelected", 450, "", Some(1)),
    ];
    for event in story {
        assert_eq!(tell(&mut function, &event).await.0, 200);
    }
    let profile = stage.store().profile(app(), "maya").await.unwrap();
    assert_eq!((profile.last_agent.as_deref(), profile.last_rating), (Some("bo"), Some(5)));
    assert_eq!(profile.last_agent_at.unwrap().as_ms(), 300);
}

#[tokio::test]
async fn bodies_of_any_size_come_back_whole() {
    let stage = Stage::start().await.unwrap();
    let store = stage.store();
    let mut function = stage.function(BINARY).await.unwrap();
    // Digests do not compress: the largest of these takes several items.
    let noise: String =
        (0..14_000_u32).map(|n| desk_webhooks::digest::sha256_hex(&n.to_be_bytes())).collect();
    for (session, length) in [("small", 1_000), ("zipped", 100_000), ("parts", 890_000)] {
        let body = message(session, &noise[..length]);
        for _ in 0..2 {
            assert_eq!(tell(&mut function, &with_body(&body)).await.0, 200);
        }
        assert_eq!(bodies(&store, session).await, [body], "{session}");
    }
}

#[tokio::test]
async fn what_is_not_understood_is_kept_in_quarantine() {
    let stage = Stage::start().await.unwrap();
    let mut function = stage.function(BINARY).await.unwrap();
    let long = "x".repeat(5 * 1024);
    let bodies = [
        r#"{"CallbackCommand":"Desk.New","Deep":{"a":1}}"#.to_owned(),
        r#"{"CallbackCommand":"Desk.SessionEventNotify","Event":"SessionEnd","EventTime":1}"#.into(),
        r#"{"CallbackCommand":"Desk.SessionEventNotify","SessionId":"s","Event":"SessionEnd","EventTime":"x"}"#.into(),
        message(&long, "hello"),
        message("s", "hello").replace("maya", &long),
        message("s", "hello").replace("Human.UserSendMsg", &"x".repeat(500_000)),
        message("s", "hello").replace(r#""MsgKey""#, &format!(r#""ChannelType":"{}","MsgKey""#, "x".repeat(500_000))),
        format!(r#"{{"CallbackCommand":"Member.EventNotify","MemberId":"bo","Status":"{long}","EventTime":1}}"#),
        r#"{"CallbackCommand":"Member.EventNotify","Status":"rest","EventTime":1}"#.into(),
        "{}".into(),
        r#"{"a":1,"a":2,"SessionId":"s","SessionId":"t","Event":"E","EventTime":1}"#.into(),
    ];
    for body in &bodies {
        let mut event = with_body(body);
        event["rawQueryString"] = json!("SdkAppid=1400000001");
        assert_eq!(tell(&mut function, &event).await.0, 200, "{body:.80}");
    }
    let log = function.log();
    assert_eq!(log.matches("\"outcome\":\"quarantined\"").count(), bodies.len(), "{log}");
    assert_eq!(log.matches("\"Quarantined\":1").count(), bodies.len(), "{log}");
    for private in ["xxxxx", "Desk.New"] {
        assert!(!log.contains(private), "{private} is in the log:\n{log}");
    }
}

#[tokio::test]
async fn a_body_that_is_not_json_or_not_text_is_quarantined_as_received() {
    let stage = Stage::with_queue().await.unwrap();
    let mut function = stage.function(BINARY).await.unwrap();
    let mut spilling =
        stage.function_with(BINARY, &[("AWS_ENDPOINT_URL_DYNAMODB", "http://127.0.0.1:1")]).await.unwrap();
    let large: Vec<u8> = (0..200_000_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let event = r#"{"SessionId":"s","Event":"SessionEnd","EventTime":1}"#;
    let bodies: [Vec<u8>; 7] = [
        b"no json".into(),
        b"\xff\x00\xfe".into(),
        large,
        br#"["s","SessionEnd",1]"#.into(),
        br#"{"SessionId":"s","Event":"SessionEnd","EventTime":1,"\ud800":1}"#.into(),
        [event.as_bytes(), b"\xc3"].concat(),
        event.encode_utf16().flat_map(u16::to_le_bytes).collect(),
    ];
    // At once, and by way of the spill queue.
    for (number, body) in bodies.iter().enumerate() {
        let mut event = with_body(&STANDARD.encode(body));
        event["isBase64Encoded"] = json!(true);
        let function = if number % 2 == 0 { &mut function } else { &mut spilling };
        assert_eq!(tell(function, &event).await.0, 200, "{}", String::from_utf8_lossy(body));
    }
    let (queue, _) = stage.queue().unwrap();
    assert_eq!(queue.drain_into(&mut function).await.unwrap(), 3);
    let today = EventTime::from_ms(Arrival::now().at_ms).unwrap();
    let (store, mut kept) = (stage.store(), Vec::new());
    let mut entries = store.quarantined(app(), today, 0);
    while let Some(entry) = entries.next().await.unwrap() {
        assert_eq!(entry.command.as_deref(), Some("Desk.SessionEventNotify"));
        kept.push(entry.body);
    }
    kept.sort();
    let mut expected = bodies.to_vec();
    expected.sort();
    assert!(kept == expected, "{} entries", kept.len());
}

#[tokio::test]
async fn a_byte_order_mark_costs_nothing() {
    let stage = Stage::start().await.unwrap();
    let mut function = stage.function(BINARY).await.unwrap();
    let body = format!("\u{FEFF}{}", message("s", "hello"));
    assert_eq!(tell(&mut function, &with_body(&body)).await.0, 200);
    let story = stage.store().story(app(), "s", 0).await.unwrap();
    assert!(matches!(&story[..], [Moment::Event { body: kept, event: Some(_), .. }] if *kept == body));
}

#[tokio::test]
async fn nothing_is_acknowledged_that_is_not_durable() {
    let down = Stage::start().await.unwrap().with("AWS_ENDPOINT_URL_DYNAMODB", "http://127.0.0.1:1");
    let missing = Stage::start().await.unwrap().with("SESSIONS_TABLE", "none");
    // Connections are taken by the system, and nobody ever answers.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}", silent.local_addr().unwrap());
    let hanging = Stage::start().await.unwrap().with("AWS_ENDPOINT_URL_DYNAMODB", &endpoint);
    for stage in [down, missing, hanging] {
        let mut function = stage.function(BINARY).await.unwrap();
        let quarantined = r#"{"CallbackCommand":"Desk.SessionEventNotify"}"#;
        let status = sample("session-events/member-status-change.json");
        for event in [with_body(&message("s", "hello")), with_body(quarantined), status] {
            let (status, reply) = tell(&mut function, &event).await;
            assert_eq!((status, &reply["ActionStatus"]), (503, &json!("FAIL")));
        }
    }
    let stage = Stage::start().await.unwrap();
    let mut function = stage.function(BINARY).await.unwrap();
    assert_eq!(tell(&mut function, &with_body(&message("s", "hello"))).await.0, 200);
    stage.outage();
    assert_eq!(tell(&mut function, &with_body(&message("s", "again"))).await.0, 503);
}

#[tokio::test]
async fn a_bad_setting_ends_the_start_with_one_line() {
    let stage = Stage::start().await.unwrap().with("RETENTION_DAYS", "ever");
    let mut function = stage.function(BINARY).await.unwrap();
    let Err(SandboxError::Exited { log, status }) = function.ready().await else { panic!("it started") };
    assert!(!status.success());
    assert_eq!(
        log,
        "RETENTION_DAYS holds `ever`; it should hold a whole number of days up to 36500, 0 for ever\n"
    );
}
