//! The DynamoDB adapters on a real engine, in process.

#![allow(clippy::unwrap_used, clippy::expect_used)] // in a test, a panic is the report

#[path = "common/large.rs"]
mod large;

use aws_sdk_dynamodb::types::AttributeValue;
use desk_local::{
    engine::{RULES_TABLE, SESSIONS_TABLE},
    stage::{APP, Stage, publish},
};
use desk_webhooks::{
    config::Tables,
    protocol::{AppId, EventTime, Reply, SessionEvent, read},
    routing::{Attributes, DecisionRecord, Fact, Facts, RecordedAnswer, Why, timestamp},
    session::keys,
    store::{
        Kind, Moment, Publication, PublishError, Receipt, SessionRow, Store, UserChange,
        ports::{Asked, FindRules, KeepEvents, Kept, ReadFacts, Received, RecordDecision},
    },
};
use serde_json::{Value, json};

fn app() -> AppId {
    APP.parse().unwrap()
}

fn text(value: &str) -> AttributeValue {
    AttributeValue::S(value.into())
}

fn event(session: &str, at: u64, kind: &str, more: Value) -> (String, SessionEvent) {
    let mut body = json!({ "SessionId": session, "Event": kind, "EventTime": at, "ClientUserId": "maya" });
    body.as_object_mut().unwrap().extend(more.as_object().cloned().unwrap_or_default());
    let body = body.to_string();
    let event = read(&body).unwrap();
    (body, event)
}

async fn append(store: &Store, (body, event): &(String, SessionEvent)) -> Kept {
    store.append(Received { app: app(), body: body.as_bytes(), at_ms: 1000 }, event).await.unwrap()
}

fn publication(document: &Value, at_ms: u64) -> Publication<'_> {
    Publication { source: "# as written", document, author: "ines", note: "night shift", at_ms, tests: 0 }
}

async fn active(store: &Store) -> Option<u64> {
    store.active_version(app()).await.unwrap().map(|active| active.version)
}

#[tokio::test]
async fn versions_follow_each_other_and_keep_what_was_written() {
    let stage = Stage::start().await.unwrap();
    let store = stage.store();
    assert_eq!(active(&store).await, None);
    let document = json!({ "pools": { "b": { "group": 1 }, "a": { "group": 2 } } });
    assert_eq!(store.publish(app(), publication(&document, 1), None).await.unwrap(), 1);
    let seen = store.rules_in_force(app()).await.unwrap();
    assert_eq!(store.publish(app(), publication(&document, 2), seen.as_ref()).await.unwrap(), 2);
    assert_eq!(active(&store).await, Some(2));
    assert_eq!(store.rules(app(), 1).await.unwrap().document, document);
    assert_eq!(store.rules_source(app(), 1).await.unwrap().as_deref(), Some("# as written"));
    assert_eq!(store.rules_source(app(), 3).await.unwrap(), None);
    let versions = store.rules_versions(app()).await.unwrap();
    let told: Vec<_> =
        versions.iter().map(|v| (v.version, v.author.as_str(), v.note.as_str(), v.at)).collect();
    assert_eq!(told, [(2, "ines", "night shift", 2), (1, "ines", "night shift", 1)]);
    let other: AppId = "1400000002".parse().unwrap();
    assert_eq!(store.active_version(other).await.unwrap(), None, "each app has its own");
}

#[tokio::test]
async fn of_two_publishing_at_once_one_wins_and_the_other_is_told() {
    let stage = Stage::start().await.unwrap();
    let store = stage.store();
    let document = json!({});
    store.publish(app(), publication(&document, 1), None).await.unwrap();
    let stale = store.publish(app(), publication(&document, 2), None).await.unwrap_err();
    assert_eq!(stale.to_string(), "version 1 is active, put there by ines");
    let seen = store.rules_in_force(app()).await.unwrap();
    let (a, b) = (publication(&document, 3), publication(&document, 4));
    let outcomes =
        tokio::join!(store.publish(app(), a, seen.as_ref()), store.publish(app(), b, seen.as_ref()));
    let won = [&outcomes.0, &outcomes.1].iter().filter(|outcome| outcome.is_ok()).count();
    assert_eq!(won, 1);
    let versions = store.rules_versions(app()).await.unwrap().len();
    assert_eq!(versions, 2, "whoever lost left nothing behind");
}

#[tokio::test]
async fn large_rulesets_are_compressed_and_too_large_ones_refused() {
    let stage = Stage::start().await.unwrap();
    let store = stage.store();
    let company = large::company();
    assert_eq!(publish(&store, app(), &company).await.unwrap(), 1);
    let loaded = store.rules(app(), 1).await.unwrap().document;
    assert_eq!(loaded, company);
    assert!(desk_webhooks::routing::read(&loaded).is_ok());
    let noise = |from: u32, count: u32| -> Vec<_> {
        (from..from + count).map(|n| desk_webhooks::digest::sha256_hex(&n.to_be_bytes())).collect()
    };
    let document = json!({
        "pools": { "night": { "agents": noise(0, 9_000) }, "day": { "agents": noise(9_000, 3_000) } },
        "rules": [{ "name": "few" }, { "when": { "user_id": noise(12_000, 1_000) } }],
    });
    let refused = publish(&store, app(), &document).await.unwrap_err();
    assert!(matches!(refused, PublishError::TooLarge { .. }), "{refused}");
    let largest = "most of it is pools (786 KB, the largest of them night with 589 KB), rules (66 KB, the largest of them [1] with 66 KB)";
    assert!(refused.to_string().ends_with(largest), "{refused}");
    assert_eq!(active(&store).await, Some(1));
}

#[tokio::test]
async fn an_altered_ruleset_is_not_used_nor_one_of_a_newer_format() {
    let stage = Stage::start().await.unwrap();
    let store = stage.store();
    publish(&store, app(), &json!({ "pools": {} })).await.unwrap();
    let alter = |compiled: String| {
        let sha256 = desk_webhooks::digest::sha256_hex(compiled.as_bytes());
        (compiled, sha256)
    };
    let update = |compiled: String, sha256: Option<String>| {
        let mut expression = "SET compiled = :compiled".to_owned();
        let mut update = stage
            .client()
            .update_item()
            .table_name(RULES_TABLE)
            .key("pk", text("APP#1400000001"))
            .key("sk", text("RULES#V#0000000001"))
            .expression_attribute_values(":compiled", text(&compiled));
        if let Some(sha256) = sha256 {
            expression.push_str(", sha256 = :sha256");
            update = update.expression_attribute_values(":sha256", text(&sha256));
        }
        update.update_expression(expression).send()
    };
    update(r#"{"format":1,"document":{"pools":{"evil":{}}}}"#.into(), None).await.unwrap();
    let error = store.rules(app(), 1).await.unwrap_err();
    assert!(error.to_string().contains("was altered"), "{error}");
    let (newer, sha256) = alter(r#"{"format":2,"document":{}}"#.into());
    update(newer, Some(sha256)).await.unwrap();
    let error = store.rules(app(), 1).await.unwrap_err();
    assert!(error.to_string().contains("has format 2, this version of the software reads 1"), "{error}");
}

#[tokio::test]
async fn a_story_comes_back_in_order_with_its_decisions() {
    let stage = Stage::start().await.unwrap();
    let store = stage.store();
    let message =
        json!({ "MsgKey": "a#b", "MsgBody": [{ "MsgType": "TIMTextElem", "MsgContent": { "Text": "hi" } }] });
    let events = [
        event("s", 30, "SessionEnd", json!({})),
        event("s", 20, "ChatBot.UserSendMsg", message),
        event("s", 20, "TransferringToHuman", json!({})),
        event("s", 10, "SessionBegin", json!({ "ChannelType": "SDK" })),
        event("other", 15, "SessionBegin", json!({})),
    ];
    for event in &events {
        assert_eq!(append(&store, event).await, Kept::New);
    }
    let at = EventTime::from_ms(20).unwrap();
    let record = DecisionRecord {
        rule: "vip".into(),
        version: Some(3),
        answer: Reply::serve(Some(1), vec!["anna@example.com".into()]),
        facts: Facts { channel: Fact::Known(None), ..Facts::default() },
        omitted: Vec::new(),
        at: timestamp(at),
    };
    let asked = Asked { app: app(), session_id: "s", user_id: "maya", at };
    assert_eq!(store.recorded(asked).await.unwrap(), None);
    assert_eq!(store.record(asked, &record, 1000).await.unwrap(), None);
    let other = DecisionRecord { rule: "other".into(), ..record.clone() };
    let DecisionRecord { rule, version, answer, .. } = record.clone();
    let first = Some(RecordedAnswer { rule, version, answer });
    assert_eq!(store.record(asked, &other, 2000).await.unwrap(), first, "the first one counts");
    assert_eq!(store.recorded(asked).await.unwrap(), first);

    // Somebody else's question of this millisecond neither gets this answer nor takes its place.
    let mallory = Asked { user_id: "mallory", ..asked };
    assert!(store.record(mallory, &other, 3000).await.is_err());
    assert!(store.recorded(mallory).await.is_err());

    let told = store.story(app(), "s", 0).await.unwrap().into_iter().map(|moment| match moment {
        Moment::Event { event, .. } => event.unwrap().event.as_str().to_owned(),
        Moment::Decision(kept) => {
            assert_eq!(*kept, record);
            "decision".to_owned()
        }
        Moment::Unreadable { error, .. } => panic!("{error}"),
    });
    let told: Vec<_> = told.collect();
    assert_eq!(
        told,
        ["SessionBegin", "ChatBot.UserSendMsg", "TransferringToHuman", "decision", "SessionEnd"]
    );

    let timeline = store.timeline(app(), "s", EventTime::MAX).await.unwrap();
    assert_eq!((timeline.events.len(), timeline.decisions.as_slice()), (4, &[at][..]));
    let mut facts = Facts::default();
    facts.learn_timeline(Some(&timeline), EventTime::from_ms(25).unwrap());
    assert_eq!(facts.texts, Fact::Known(vec!["hi".into()]));
    assert_eq!(facts.channel, Fact::Known(Some("SDK".into())));
    assert_eq!((facts.attempt, facts.bot_turns), (Fact::Known(2), Fact::Known(1)));
}

#[tokio::test]
async fn facts_are_made_of_the_newest_items_of_a_long_session() {
    let stage = Stage::start().await.unwrap();
    let store = stage.store();
    for n in 0..230 {
        append(&store, &event("s", n, "ChatBot.UserSendMsg", json!({ "MsgKey": n.to_string() }))).await;
    }
    let timeline = store.timeline(app(), "s", EventTime::MAX).await.unwrap();
    let times: Vec<_> = timeline.events.iter().map(|event| event.event_time.as_ms()).collect();
    assert_eq!((times, timeline.whole), ((30..230).collect(), false));
    // What was not read may be there all the same.
    let mut facts = Facts::default();
    facts.learn_timeline(Some(&timeline), EventTime::MAX);
    assert!(matches!(facts.channel, Fact::Unknown(_)) && matches!(facts.texts, Fact::Unknown(_)));
    assert!(matches!(facts.bot_turns, Fact::Unknown(_)));
    // What happened later was not known when it was asked.
    let timeline = store.timeline(app(), "s", EventTime::from_ms(9).unwrap()).await.unwrap();
    assert_eq!((timeline.events.len(), timeline.whole), (10, true));
    let mut facts = Facts::default();
    facts.learn_timeline(Some(&timeline), EventTime::MAX);
    assert_eq!((facts.channel, facts.bot_turns), (Fact::Known(None), Fact::Known(10)));
}

fn unknown<T>() -> Fact<T> {
    Fact::Unknown(Why::NotRead)
}

#[tokio::test]
async fn facts_that_may_stand_in_a_body_that_was_not_read_are_unknown() {
    let stage = Stage::start().await.unwrap();
    let store = stage.store();
    let say = async |session: &str, at: u64, channel: &str, message: &str| {
        let element = json!({ "MsgType": "TIMTextElem", "MsgContent": { "Text": message } });
        let more = json!({
            "MsgKey": at.to_string(), "ChannelType": channel, "MsgBody": [element], "CloudCustomData": json!({ "at": at }).to_string(),
        });
        let said = event(session, at, "ChatBot.UserSendMsg", more);
        append(&store, &said).await;
        keys::event(&said.1)
    };
    let learned = async |session: &str| {
        let timeline = store.timeline(app(), session, EventTime::MAX).await.unwrap();
        let mut facts = Facts::default();
        facts.learn_timeline(Some(&timeline), EventTime::MAX);
        facts
    };
    let channel = |channel: &str| Fact::Known(Some(channel.to_owned()));
    let large = "a refund, please. ".repeat(5000);
    for (session, message, change) in [
        ("large", large.as_str(), None),
        ("large, stored without a brief", &large, Some("REMOVE brief")),
        ("large, with a damaged brief", &large, Some("SET brief = :damaged")),
        ("damaged", "hello", Some("SET body = :damaged")),
    ] {
        say(session, 10, "Web", "older").await;
        let sk = say(session, 20, "SDK", message).await;
        if let Some(change) = change {
            let update = stage.client().update_item().table_name(SESSIONS_TABLE).update_expression(change);
            let damaged = change.contains(":damaged").then(|| [(":damaged".to_owned(), text("{"))].into());
            let update = update.set_expression_attribute_values(damaged);
            let update = update.key("pk", text(&keys::session(app(), session))).key("sk", text(&sk));
            update.send().await.unwrap();
        }
        let facts = learned(session).await;
        assert_eq!(facts.custom_data, unknown(), "{session}");
        if change.is_none() {
            let texts = Fact::Known(vec!["older".to_owned()]);
            assert_eq!((facts.channel, facts.texts), (channel("SDK"), texts), "{session}");
            assert_eq!((facts.bot_turns, facts.attempt), (Fact::Known(2), Fact::Known(1)), "{session}");
        } else {
            assert_eq!((facts.channel, facts.texts), (unknown(), unknown()), "{session}");
            assert_eq!((facts.bot_turns, facts.attempt), (unknown(), unknown()), "{session}");
        }

        say(session, 30, "Mini", "newest").await;
        let facts = learned(session).await;
        assert_eq!(
            (facts.custom_data, facts.channel),
            (Fact::Known(json!({ "at": 30 })), channel("Mini")),
            "{session}"
        );
        assert_eq!(facts.bot_turns, if change.is_none() { Fact::Known(3) } else { unknown() }, "{session}");
    }
}

#[tokio::test]
async fn what_the_business_writes_is_read_in_any_of_dynamodbs_forms() {
    let stage = Stage::start().await.unwrap();
    let store = stage.store();
    assert_eq!(store.attributes(app(), "maya").await.unwrap(), Attributes::default());
    let put = |tags: AttributeValue| {
        stage
            .client()
            .put_item()
            .table_name(RULES_TABLE)
            .item("pk", text("APP#1400000001#USER#maya"))
            .item("sk", text("ATTRIBUTES"))
            .item("tags", tags)
            .item("attributes", AttributeValue::M([("tier".to_owned(), text("gold"))].into()))
            .item("crm_id", text("something of their own"))
            .send()
    };
    for tags in [AttributeValue::Ss(vec!["vip".into()]), AttributeValue::L(vec![text("vip")])] {
        put(tags).await.unwrap();
        let read = store.attributes(app(), "maya").await.unwrap();
        assert_eq!(read.tags, ["vip"]);
        assert_eq!(read.attributes["tier"], json!("gold"));
    }
    let written = Attributes { language: Some("en".into()), ..read_back(&store).await };
    store.set_attributes(app(), "maya", &written).await.unwrap();
    assert_eq!(read_back(&store).await, written);
}

async fn read_back(store: &Store) -> Attributes {
    store.attributes(app(), "maya").await.unwrap()
}

#[tokio::test]
async fn lists_show_the_newest_first_and_nothing_expired() {
    let stage = Stage::start().await.unwrap();
    let tables = Tables {
        rules: RULES_TABLE.into(),
        sessions: SESSIONS_TABLE.into(),
        retention: Some(std::time::Duration::from_secs(100)),
    };
    let store = Store::new(stage.client(), tables);
    const DAY: u64 = 86_400_000;
    for (session, at) in [("a", DAY), ("b", DAY + 2), ("c", DAY + 1), ("next", 2 * DAY)] {
        let (body, event) = event(session, at, "SessionBegin", json!({ "ChannelType": "Web" }));
        let received = Received { app: app(), body: body.as_bytes(), at_ms: 50_000 };
        store.append(received, &event).await.unwrap();
        store.ensure_summary(received, &event).await.unwrap();
    }
    let names = |rows: Vec<SessionRow>| rows.into_iter().map(|row| row.session).collect::<Vec<_>>();
    assert_eq!(
        names(store.sessions_of_day(app(), "1970-01-02", None, 149).take(99).await.unwrap()),
        ["b", "c", "a"]
    );
    assert_eq!(
        names(store.sessions_of_user(app(), "maya", None, 149).take(99).await.unwrap()),
        ["next", "b", "c", "a"]
    );
    assert_eq!(names(store.sessions_of_user(app(), "maya", None, 150).take(99).await.unwrap()), [""; 0]);
    assert_eq!(store.story(app(), "a", 149).await.unwrap().len(), 1);
    assert!(store.story(app(), "a", 150).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_failure_says_what_kind_it_is() {
    let stage = Stage::start().await.unwrap();
    let tables = Tables { rules: "none".into(), sessions: "none".into(), retention: None };
    let missing = Store::new(stage.client(), tables);
    assert_eq!(missing.active_version(app()).await.unwrap_err().kind, Kind::NoTable);
    let store = stage.store();
    stage.outage();
    assert_eq!(store.active_version(app()).await.unwrap_err().kind, Kind::Unavailable);
}

#[tokio::test]
async fn what_is_known_of_a_user_is_changed_by_several_at_once_and_nothing_is_lost() {
    let stage = Stage::start().await.unwrap();
    let (store, client) = (stage.store(), stage.client());
    // As another program writes it: a set of tags, and something of its own beside.
    let put = client.put_item().table_name(RULES_TABLE);
    let put = put.item("pk", text("APP#1400000001#USER#maya")).item("sk", text("ATTRIBUTES"));
    let put = put.item("tags", AttributeValue::Ss(vec!["vip".into()])).item("crm_id", text("4711"));
    put.send().await.unwrap();
    let known = store.attributes(app(), "maya").await.unwrap();
    assert_eq!((known.tags, known.language, known.attributes.len()), (vec!["vip".to_owned()], None, 0));

    let add = |number: usize| {
        let store = &store;
        async move {
            let attributes = [(format!("key-{number}"), "value".to_owned())].into();
            let change =
                UserChange { tags: vec![format!("tag-{number}")], attributes, ..UserChange::default() };
            store.change_attributes(app(), "maya", &change).await.unwrap()
        }
    };
    // More writers than a change has tries: without pauses, one of them finishes at a time.
    futures_util::future::join_all((10..40).map(add)).await;
    let known = store.attributes(app(), "maya").await.unwrap();
    let mut tags = known.tags;
    tags.sort();
    let all = |name: &str| (10..40).map(|number| format!("{name}-{number}")).collect::<Vec<_>>();
    assert_eq!(tags, [all("tag"), vec!["vip".to_owned()]].concat());
    assert_eq!(known.attributes.into_keys().collect::<Vec<_>>(), all("key"));
    let item = client.get_item().table_name(RULES_TABLE);
    let item =
        item.key("pk", text("APP#1400000001#USER#maya")).key("sk", text("ATTRIBUTES")).send().await.unwrap();
    assert_eq!(item.item.unwrap()["crm_id"], text("4711"), "what others keep stays");
}

#[tokio::test]
async fn a_user_is_erased_with_all_that_was_kept_and_nobody_else() {
    use desk_webhooks::store::ports::Quarantine;
    let stage = Stage::start().await.unwrap();
    let store = stage.store();
    let of = |session: &str, user: &str, at: u64, kind: &str| {
        let body =
            json!({ "SessionId": session, "Event": kind, "EventTime": at, "ClientUserId": user }).to_string();
        let event: SessionEvent = read(&body).unwrap();
        (body, event)
    };
    // More sessions than the index gives in one go would be too slow here; parts and decisions are in.
    for number in 0..30 {
        let user = if number % 3 == 0 { "li" } else { "maya" };
        for (at, kind) in [(10, "SessionBegin"), (20, "SessionEnd")] {
            let happened = of(&format!("s-{number}"), user, at, kind);
            append(&store, &happened).await;
            let received = Received { app: app(), body: happened.0.as_bytes(), at_ms: 1000 };
            store.ensure_summary(received, &happened.1).await.unwrap();
        }
        let answer = Reply::serve(Some(1), Vec::new());
        let at = EventTime::from_ms(15).unwrap();
        let record = DecisionRecord {
            rule: "r".into(),
            version: None,
            answer,
            facts: Facts::default(),
            omitted: Vec::new(),
            at: timestamp(at),
        };
        let asked = Asked { app: app(), session_id: &format!("s-{number}"), user_id: user, at };
        store.record(asked, &record, 1000).await.unwrap();
    }
    store.set_attributes(app(), "maya", &Attributes::default()).await.unwrap();
    for (user, at_ms) in [("maya", 5), ("li", 6)] {
        let body = json!({ "ClientUserId": user, "EventTime": "soon" }).to_string();
        store
            .quarantine(
                Received { app: app(), body: body.as_bytes(), at_ms },
                "Desk.SessionEventNotify",
                "EventTime",
            )
            .await
            .unwrap();
    }
    let mut told = 0;
    let receipt = store.erase_user(app(), "maya", 2000, |_| told += 1).await.unwrap();
    assert_eq!((receipt.sessions, receipt.items, receipt.of_the_user, told), (20, 80, 1, 20));
    let day = EventTime::from_ms(5).unwrap();
    assert_eq!(store.erase_quarantined(app(), "maya", day).await.unwrap(), 1);
    assert!(store.story(app(), "s-1", 0).await.unwrap().is_empty());
    assert!(store.sessions_of_user(app(), "maya", None, 0).take(99).await.unwrap().is_empty());
    assert_eq!(store.sessions_of_user(app(), "li", None, 0).take(99).await.unwrap().len(), 10);
    assert_eq!(store.story(app(), "s-0", 0).await.unwrap().len(), 3);
    // Again: nothing is left. What arrives late begins anew, and the next erasure finds it.
    assert_eq!(store.erase_user(app(), "maya", 2000, |_| ()).await.unwrap(), Default::default());
    assert_eq!(store.erase_quarantined(app(), "maya", day).await.unwrap(), 0);
    let late = of("s-1", "maya", 30, "SatisfactionSelected");
    append(&store, &late).await;
    store
        .ensure_summary(Received { app: app(), body: late.0.as_bytes(), at_ms: 1000 }, &late.1)
        .await
        .unwrap();
    assert_eq!(store.erase_user(app(), "maya", 2000, |_| ()).await.unwrap().items, 2);

    // What arrives late begins the session anew, and the next erasure finds it.
    let late = of("s-1", "maya", 30, "SessionEnd");
    append(&store, &late).await;
    store
        .ensure_summary(Received { app: app(), body: late.0.as_bytes(), at_ms: 1000 }, &late.1)
        .await
        .unwrap();
    let receipt = store.erase_user(app(), "maya", 2000, |_| {}).await.unwrap();
    assert_eq!((receipt.sessions, receipt.items, receipt.of_the_user), (1, 2, 0));
    assert_eq!(store.erase_user(app(), "maya", 2000, |_| {}).await.unwrap(), Receipt::default());
}
