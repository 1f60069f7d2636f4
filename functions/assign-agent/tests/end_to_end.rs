//! The real binary through the Lambda Runtime API, on an embedded DynamoDB.

#![allow(clippy::unwrap_used, clippy::expect_used)] // in a test, a panic is the report

use desk_local::{
    callbacks::{self, Callback},
    runtime_api::{Sandbox, SandboxError},
    stage::{APP, Stage, publish, repository},
};
use desk_webhooks::{
    protocol::{AppId, AssignRequest, read},
    routing::{Attributes, DecisionRecord},
    store::{
        Moment, Store,
        ports::{KeepEvents, Received},
    },
};
use serde_json::{Value, json};

const BINARY: &str = env!("CARGO_BIN_EXE_assign-agent");

fn app() -> AppId {
    APP.parse().unwrap()
}

fn sample(name: &str) -> Callback {
    let samples = callbacks::load(&repository().join("events")).unwrap();
    samples.into_iter().find(|sample| sample.name == name).unwrap()
}

fn rules(group: u64) -> Value {
    json!({
        "pools": {
            "general": { "group": group },
            "vip": { "group": 6521, "agents": ["anna@example.com", "bo@example.com"] },
            "refunds": { "group": 6510, "agents": ["carla@example.com"] },
        },
        "rules": [
            { "name": "asked-again", "when": { "attempt": { "min": 2 } }, "then": [{ "pool": "general" }] },
            {
                "name": "vip",
                "when": { "user_tag": "vip" },
                "then": [{ "last_agent": { "within": "30d", "in": "vip" } }, { "pool": "vip" }],
            },
            {
                "name": "refunds",
                "when": {
                    "text_contains": ["refund", "退款"],
                    "not": { "channel": "Web", "user_id": { "prefix": "guest-" } },
                },
                "then": [{ "pool": "refunds" }],
            },
        ],
        "default": { "pool": "general" },
    })
}

/// The HTTP status and the reply's body.
async fn ask(function: &mut Sandbox, event: &Value) -> (u16, Value) {
    let response = function.invoke(event).await.unwrap().response.expect("an answer and no error");
    let status = response["statusCode"].as_u64().unwrap();
    assert_eq!(response["headers"]["content-type"], "application/json");
    (status as u16, serde_json::from_str(response["body"].as_str().unwrap()).unwrap())
}

async fn decisions(store: &Store, session: &str) -> Vec<DecisionRecord> {
    let story = store.story(app(), session, 0).await.unwrap();
    let decision = |moment| match moment {
        Moment::Decision(record) => Some(*record),
        Moment::Event { .. } | Moment::Unreadable { .. } => None,
    };
    story.into_iter().filter_map(decision).collect()
}

/// What session-events would have kept of a sample.
async fn happened(store: &Store, sample: &Callback) {
    let body = sample.body();
    if let Ok(event) = read(&body) {
        let received = Received { app: app(), body: body.as_bytes(), at_ms: 0 };
        store.append(received, &event).await.unwrap();
    }
}

#[tokio::test]
async fn every_sample_gets_the_answer_that_the_folder_promises() {
    let stage = Stage::start().await.unwrap();
    let store = stage.store();
    publish(&store, app(), &rules(6500)).await.unwrap();
    let vip = Attributes { tags: vec!["vip".into()], ..Attributes::default() };
    store.set_attributes(app(), "li.wei", &vip).await.unwrap();
    let mut function = stage.function(BINARY).await.unwrap();
    let mut asked = 0;
    for sample in callbacks::load(&repository().join("events")).unwrap() {
        if !sample.goes_to("/assign-agent") {
            happened(&store, &sample).await;
            continue;
        }
        asked += 1;
        let (status, reply) = ask(&mut function, &sample.event).await;
        let differences = sample.differences(status, &reply);
        assert!(differences.is_empty(), "{}: {differences:?}", sample.name);
        if let Some(rule) = &sample.rule {
            let question: AssignRequest = read(&sample.body()).unwrap();
            let recorded = decisions(&store, &question.session_id.unwrap()).await;
            assert_eq!(&recorded.last().unwrap().rule, rule, "{}", sample.name);
        }
    }
    assert!(asked > 15);
}

#[tokio::test]
async fn a_retry_gets_the_identical_answer_even_if_the_rules_changed() {
    let stage = Stage::start().await.unwrap().with("RULES_REFRESH_SECONDS", "0");
    let store = stage.store();
    publish(&store, app(), &rules(1)).await.unwrap();
    let mut function = stage.function(BINARY).await.unwrap();
    let question = sample("assign-agent/on-assign-human.json").event;
    let first = ask(&mut function, &question).await;
    publish(&store, app(), &rules(2)).await.unwrap();
    assert_eq!(ask(&mut function, &question).await, first);
    let later = sample("assign-agent/on-assign-human-again.json").event;
    assert_eq!(ask(&mut function, &later).await.1["AgentGroupId"], 2, "another question gets the new rules");
    let recorded = decisions(&store, "s-1001").await;
    assert_eq!(recorded.iter().map(|record| record.version).collect::<Vec<_>>(), [Some(1), Some(2)]);
}

#[tokio::test]
async fn rules_in_memory_outlive_an_outage() {
    let stage = Stage::start().await.unwrap().with("RULES_REFRESH_SECONDS", "0");
    publish(&stage.store(), app(), &rules(6500)).await.unwrap();
    let mut function = stage.function(BINARY).await.unwrap();
    let question = sample("assign-agent/on-assign-human.json").event;
    assert_eq!(ask(&mut function, &question).await.1["AgentGroupId"], 6500);
    stage.outage();
    let later = sample("assign-agent/on-assign-human-again.json").event;
    let (status, reply) = ask(&mut function, &later).await;
    assert_eq!((status, &reply["AgentGroupId"]), (200, &json!(6500)));
}

#[tokio::test]
async fn without_any_rules_the_fallback_answers_and_then_a_fail() {
    let question = sample("assign-agent/on-assign-human.json").event;
    let stage = Stage::start()
        .await
        .unwrap()
        .with("FALLBACK_AGENT_GROUP_ID", "77")
        .with("FALLBACK_AGENT_IDS", "a, b");
    let mut function = stage.function(BINARY).await.unwrap();
    let (status, reply) = ask(&mut function, &question).await;
    assert_eq!(
        (status, &reply["AgentGroupId"], &reply["AgentIdList"]),
        (200, &json!(77), &json!(["a", "b"]))
    );

    let stage = Stage::start().await.unwrap();
    let mut function = stage.function(BINARY).await.unwrap();
    let (status, reply) = ask(&mut function, &question).await;
    assert_eq!((status, &reply["ActionStatus"], &reply["ErrorCode"]), (200, &json!("FAIL"), &json!(1)));
    assert!(decisions(&stage.store(), "s-1001").await.is_empty(), "a FAIL is not held against a retry");
}

#[tokio::test]
async fn whatever_is_wrong_with_the_tables_there_is_an_answer() {
    let question = sample("assign-agent/on-assign-human.json").event;
    let missing = Stage::start().await.unwrap().with("RULES_TABLE", "none").with("SESSIONS_TABLE", "none");
    let down = Stage::start().await.unwrap().with("AWS_ENDPOINT_URL_DYNAMODB", "http://127.0.0.1:1");
    // Connections are taken by the system, and nobody ever answers.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}", silent.local_addr().unwrap());
    let hanging = Stage::start().await.unwrap().with("AWS_ENDPOINT_URL_DYNAMODB", &endpoint);
    for stage in [missing, down, hanging] {
        let stage = stage.with("FALLBACK_AGENT_GROUP_ID", "77");
        let mut function = stage.function(BINARY).await.unwrap();
        let (status, reply) = ask(&mut function, &question).await;
        assert_eq!((status, &reply["AgentGroupId"]), (200, &json!(77)));
    }
}

#[tokio::test]
async fn rules_that_cannot_be_used_never_replace_good_ones() {
    let stage = Stage::start().await.unwrap().with("RULES_REFRESH_SECONDS", "0");
    let store = stage.store();
    publish(&store, app(), &rules(6500)).await.unwrap();
    let mut function = stage.function(BINARY).await.unwrap();
    let question = sample("assign-agent/on-assign-human.json").event;
    assert_eq!(ask(&mut function, &question).await.1["AgentGroupId"], 6500);
    publish(&store, app(), &json!({ "pools": {}, "newer": "syntax" })).await.unwrap();
    let later = sample("assign-agent/on-assign-human-again.json").event;
    assert_eq!(ask(&mut function, &later).await.1["AgentGroupId"], 6500);
    assert!(function.log().contains("ruleset 2 is not understood"), "{}", function.log());
}

#[tokio::test]
async fn odd_questions_are_answered_all_the_same() {
    let stage = Stage::start().await.unwrap();
    publish(&stage.store(), app(), &rules(6500)).await.unwrap();
    let mut function = stage.function(BINARY).await.unwrap();
    let long = "x".repeat(5 * 1024);
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let bodies = [
        format!(
            r#"{{"CallbackCommand":"ChatBot.OnAssignHuman","SessionId":"{long}","ClientUserId":"{long}","EventTime":1}}"#
        ),
        r#"{"CallbackCommand":"ChatBot.OnAssignHuman","SessionId":7,"ClientUserId":{},"EventTime":"soon"}"#
            .into(),
        r#"{"CallbackCommand":"ChatBot.OnAssignHuman","SessionId":"a","SessionId":"b"}"#.into(),
        format!(r#"{{"CallbackCommand":"ChatBot.OnAssignHuman","SessionId":{deep},"EventTime":{deep}}}"#),
        r#"{"CallbackCommand":"ChatBot.OnAssignHuman"}"#.into(),
        "no json".into(),
        r#"["s","maya",1]"#.into(),
        r#"{"SessionId":"s","\ud800":1}"#.into(),
    ];
    for body in bodies {
        let mut event = sample("assign-agent/on-assign-human.json").event;
        event["body"] = json!(body);
        let (status, reply) = ask(&mut function, &event).await;
        assert_eq!((status, &reply["AgentGroupId"]), (200, &json!(6500)), "{body:.80}");
    }
    for (payload, status) in
        [(json!(null), 400), (json!({ "rawPath": 5 }), 400), (json!("text"), 400), (json!([]), 405)]
    {
        assert_eq!(ask(&mut function, &payload).await.0, status, "{payload}");
    }
}

#[tokio::test]
async fn a_bad_setting_ends_the_start_with_one_line() {
    let stage = Stage::start().await.unwrap().with("SDK_APP_IDS", "desk");
    let mut function = stage.function(BINARY).await.unwrap();
    let Err(SandboxError::Exited { log, status }) = function.ready().await else { panic!("it started") };
    assert!(!status.success());
    assert_eq!(
        log,
        "SDK_APP_IDS holds `desk`; it should hold app ids such as 1400000001, separated by commas\n"
    );
}
