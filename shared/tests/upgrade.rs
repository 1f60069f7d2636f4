//! What another version of the software has stored is read by this one, and left whole.

#![allow(clippy::unwrap_used, clippy::expect_used)] // in a test, a panic is the report

use desk_local::{
    engine::{SESSIONS_TABLE, call},
    stage::{APP, Stage, repository},
};
use desk_webhooks::{
    protocol::{AppId, Reply, read},
    routing::{self, DecisionRecord, Facts, timestamp},
    session::keys,
    store::{
        Moment, Store,
        ports::{
            Asked, FindRules, FoldSessions, KeepEvents, Kept, Reach, ReadFacts, Received, RecordDecision,
        },
    },
};
use serde_json::{Value, json};

fn app() -> AppId {
    APP.parse().unwrap()
}

/// What earlier versions have stored, by the version.
fn stored() -> Vec<(String, Vec<Value>)> {
    let files = std::fs::read_dir(repository().join("shared/tests/stored")).unwrap();
    let read = |file: std::io::Result<std::fs::DirEntry>| {
        let path = file.unwrap().path();
        let items = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
        (path.file_stem().unwrap().to_string_lossy().into_owned(), items)
    };
    files.map(read).collect()
}

/// Tables that hold these items.
async fn holding(items: &[Value]) -> Stage {
    let stage = Stage::start().await.unwrap();
    let (endpoint, items) = (stage.endpoint(), items.to_vec());
    let put = move || {
        for mut put in items {
            let put = json!({ "TableName": put["table"].take(), "Item": put["item"].take() });
            call(&endpoint, "PutItem", &put).unwrap();
        }
    };
    tokio::task::spawn_blocking(put).await.unwrap();
    stage
}

/// What this version makes of what is stored: everything that it shows, in words.
async fn seen(store: &Store) -> Value {
    let mut sessions = Vec::new();
    let mut days: Vec<String> = Vec::new();
    for user in ["maya", "li.wei", "guest-77"] {
        for row in store.sessions_of_user(app(), user, None, 0).take(100).await.unwrap() {
            let story = store.story(app(), &row.session, 0).await.unwrap();
            let moments = story.iter().map(|moment| match moment {
                Moment::Event { body, event, .. } => {
                    json!([event.as_ref().map(|event| event.event.as_str()), body.len()])
                }
                Moment::Decision(record) => {
                    json!([record.rule, record.version, record.answer, record.facts, record.omitted])
                }
                Moment::Unreadable { error, .. } => json!(error.to_string()),
            });
            let moments: Vec<_> = moments.collect();
            let summary = store.summary(app(), &row.session).await.unwrap();
            sessions.push(json!({ "user": user, "row": row, "story": moments, "summary": summary }));
        }
        days.push(format!("{:?}", store.profile(app(), user).await.unwrap()));
    }
    let rules = store.rules(app(), 1).await.unwrap();
    json!({
        "sessions": sessions, "profiles": days,
        "rules": routing::read(&rules.document).unwrap().rules.len(),
        "attributes": format!("{:?}", store.attributes(app(), "li.wei").await.unwrap()),
    })
}

/// Asks every recorded question again.
async fn retries_get_what_is_recorded(store: &Store, items: &[Value]) {
    let mut retries = 0;
    for item in items.iter().map(|stored| &stored["item"]).filter(|item| !item["rule"].is_null()) {
        let field = |name: &str| item[name]["S"].as_str().unwrap();
        let at = keys::time_of(field("sk")).unwrap();
        let asked = Asked { app: app(), session_id: field("session"), user_id: field("user"), at };
        let other = DecisionRecord {
            rule: "other".into(),
            version: Some(9),
            answer: Reply::ok(),
            facts: Facts::default(),
            omitted: Vec::new(),
            at: timestamp(at),
        };
        let recorded = store.record(asked, &other, 0).await.unwrap().unwrap();
        let answer = serde_json::to_string(&recorded.answer).unwrap();
        assert_eq!((recorded.rule.as_str(), answer.as_str()), (field("rule"), field("answer")));
        let timeline = store.timeline(app(), field("session"), at).await.unwrap();
        assert!(timeline.decisions.contains(&at), "it counts as an attempt");
        retries += 1;
    }
    assert!(retries > 3, "{retries}");
}

#[tokio::test]
async fn what_an_earlier_version_stored_reads_as_ever() {
    for (version, items) in stored() {
        let stage = holding(&items).await;
        let seen = serde_json::to_string_pretty(&seen(&stage.store()).await).unwrap();
        insta::assert_snapshot!(format!("stored_by_{version}"), seen);
        retries_get_what_is_recorded(&stage.store(), &items).await;
    }
}

#[tokio::test]
async fn events_that_an_earlier_version_kept_are_duplicates() {
    for (version, items) in stored() {
        let stage = holding(&items).await;
        let store = stage.store();
        let mut events = 0;
        for item in items.iter().map(|stored| &stored["item"]).filter(|item| !item["event"].is_null()) {
            let Some(body) = item["body"]["S"].as_str() else { continue };
            let received = Received { app: app(), body: body.as_bytes(), at_ms: 0 };
            let kept = store.append(received, &read(body).unwrap()).await.unwrap();
            assert_eq!(kept, Kept::Again, "{version}: {body}");
            events += 1;
        }
        assert!(events > 20, "{version}: {events}");
    }
}

#[tokio::test]
async fn what_a_later_version_adds_is_passed_over_and_left_alone() {
    for (version, mut items) in stored() {
        let earlier = seen(&holding(&items).await.store()).await;
        for stored in &mut items {
            let item = stored["item"].as_object_mut().unwrap();
            item.insert("later".into(), json!({ "S": "added by a later version" }));
            if let Some(summary) = item.get_mut("summary") {
                let mut later: Value = serde_json::from_str(summary["S"].as_str().unwrap()).unwrap();
                later["later"] = json!({ "added": [1] });
                *summary = json!({ "S": later.to_string() });
                item["fold"] = json!({ "N": "2" });
            }
            if let Some(facts) = item.get_mut("facts") {
                let mut later: Value = serde_json::from_str(facts["S"].as_str().unwrap()).unwrap();
                later["later"] = json!({ "added": [1] });
                later["user"]["later"] = json!("gold");
                *facts = json!({ "S": later.to_string() });
            }
        }
        let stage = holding(&items).await;
        assert_eq!(seen(&stage.store()).await, earlier, "{version}");
        retries_get_what_is_recorded(&stage.store(), &items).await;

        // Its summaries stay as they are, whatever this version would make of their sessions.
        for row in stage.store().sessions_of_user(app(), "maya", None, 0).take(100).await.unwrap() {
            stage.store().fold(app(), &row.session, Reach::Whole, 0).await.unwrap();
        }
        let summaries = stage.client().scan().table_name(SESSIONS_TABLE).filter_expression("sk = :sk");
        let sk = aws_sdk_dynamodb::types::AttributeValue::S("SUMMARY".into());
        let summaries = summaries.expression_attribute_values(":sk", sk).send().await.unwrap().items.unwrap();
        let folded = summaries.iter().filter(|item| item.contains_key("fold"));
        let later = folded.clone().filter(|item| item["fold"].as_n().unwrap() == "2").count();
        assert!(later > 0 && later == folded.count(), "{version}");
    }
}
