//! Summaries: what a session came to, whatever the order in which that arrived.

#![allow(clippy::unwrap_used, clippy::expect_used)] // in a test, a panic is the report

use desk_webhooks::{
    protocol::{EventTime, SessionEvent, read},
    session::{Entry, Summary, fold, keys},
};
use proptest::prelude::*;
use serde_json::{Value, json};

/// 10:00:00 on a day in Shanghai.
const START: u64 = 1_793_584_800_000;

/// Something that happened so many seconds after the start.
enum Thing {
    Event(Box<SessionEvent>),
    Decision(EventTime, &'static str),
}

fn event(second: u64, kind: &str, more: Value) -> (String, Thing) {
    let mut body = json!({ "SessionId": "s", "Event": kind, "EventTime": START + second * 1000, "ClientUserId": "maya" });
    body.as_object_mut().unwrap().extend(more.as_object().cloned().unwrap_or_default());
    let event: SessionEvent = read(&body.to_string()).unwrap();
    (keys::event(&event), Thing::Event(Box::new(event)))
}

fn message(second: u64, kind: &str) -> (String, Thing) {
    event(second, kind, json!({ "MsgKey": format!("{second}_1_1") }))
}

fn decision(second: u64, rule: &'static str) -> (String, Thing) {
    let at = EventTime::from_ms(START + second * 1000).unwrap();
    (keys::decision(at), Thing::Decision(at, rule))
}

fn folded<'a>(story: impl IntoIterator<Item = &'a (String, Thing)>) -> Summary {
    fold(story.into_iter().map(|(key, thing)| {
        let entry = match thing {
            Thing::Event(event) => Entry::Event(event),
            Thing::Decision(at, rule) => Entry::Decision { at: *at, rule, version: Some(3) },
        };
        (key.as_str(), entry)
    }))
}

/// From the bot over the queue to two agents, with a rating after the end.
fn whole() -> Vec<(String, Thing)> {
    vec![
        event(0, "SessionBegin", json!({ "ChannelType": "Web" })),
        message(1, "ChatBot.UserSendMsg"),
        message(2, "ChatBot.RobotSendMsg"),
        message(10, "ChatBot.UserSendMsg"),
        event(20, "TransferringToHuman", json!({})),
        decision(20, "vip"),
        event(21, "NoAgentOnline", json!({})),
        event(25, "TransferringToHumanWait", json!({})),
        decision(26, "asked-again"),
        event(50, "TransferToHumanSuccess", json!({ "AgentId": "bo@example.com" })),
        message(58, "Human.AgentSendMsg"),
        message(60, "Human.UserSendMsg"),
        event(
            100,
            "AgentForward",
            json!({ "AgentId": "anna@example.com", "ForwardFromAgentId": "bo@example.com" }),
        ),
        message(110, "Human.AgentSendMsg"),
        event(150, "SessionAgentEnd", json!({ "AgentId": "anna@example.com" })),
        event(150, "SessionEnd", json!({})),
        event(400, "SatisfactionSelected", json!({ "SatisfactionSelected": 4 })),
    ]
}

#[test]
fn a_whole_session_is_summed_up() {
    insta::assert_snapshot!(serde_json::to_string_pretty(&folded(&whole())).unwrap());
}

#[test]
fn a_handoff_is_answered_abandoned_unanswered_or_waiting() {
    let asked =
        || vec![event(0, "TransferringToHuman", json!({})), event(5, "TransferringToHumanWait", json!({}))];
    for (then, outcome, wait_ms, queue_ms) in [
        (
            vec![event(65, "TransferToHumanSuccess", json!({ "AgentId": "bo" }))],
            "answered",
            Some(65_000),
            Some(60_000),
        ),
        (vec![event(30, "SessionPendingAutoFinishEnd", json!({}))], "abandoned", Some(30_000), Some(25_000)),
        (vec![event(30, "SessionUserEnd", json!({}))], "abandoned", Some(30_000), Some(25_000)),
        (vec![event(30, "SessionUserTimeoutEnd", json!({}))], "abandoned", Some(30_000), Some(25_000)),
        (vec![event(30, "SessionEnd", json!({}))], "unanswered", None, None),
        (vec![], "waiting", None, None),
        // Nobody is there, and the user goes on with the bot.
        (
            vec![event(30, "NoAgentOnline", json!({})), event(900, "SessionUserEnd", json!({}))],
            "unanswered",
            Some(30_000),
            Some(25_000),
        ),
        // That an agent took it was never reported; what the agent wrote was.
        (
            vec![
                event(70, "Human.AgentSendMsg", json!({ "MsgKey": "1", "AgentId": "bo" })),
                event(900, "SessionUserEnd", json!({})),
            ],
            "answered",
            None,
            None,
        ),
    ] {
        let summary = folded(asked().iter().chain(&then));
        let handoff = summary.handoff.unwrap();
        assert_eq!(json!(handoff.outcome), outcome);
        assert_eq!((handoff.wait_ms, handoff.queue_ms), (wait_ms, queue_ms), "{outcome}");
    }
    assert_eq!(folded(&[message(0, "ChatBot.UserSendMsg")]).handoff, None);
}

#[test]
fn what_is_missing_is_not_made_up() {
    let summary = folded(&[message(5, "Human.AgentSendMsg"), event(9, "Brand.New", json!({}))]);
    assert!(!summary.has_begin && !summary.has_end);
    assert_eq!(
        (summary.not_understood, summary.items, summary.handle_ms, summary.ended_at),
        (1, 2, None, None)
    );
    assert_eq!(summary.first_response, Default::default());
    assert_eq!(folded(&[]), Summary::default());

    // An agent who opened the session was asked for by nobody.
    let opened = [
        event(0, "TransferToHumanSuccess", json!({ "AgentId": "bo" })),
        event(1, "Human.AgentSendMsg", json!({ "MsgKey": "1", "AgentId": "bo" })),
        event(2, "TransferToHumanSuccess", json!({})),
        event(9, "SessionAgentEnd", json!({})),
        event(10, "SatisfactionSelected", json!({ "SatisfactionSelected": 4 })),
        event(11, "SatisfactionSelected", json!({ "SatisfactionSelected": 0 })),
        event(12, "SatisfactionSelected", json!({})),
    ];
    let summary = folded(&opened);
    assert_eq!((summary.handoff, summary.handle_ms), (None, Some(9_000)), "who is not named ends no stint");
    let rated_at = summary.rated_at.map(EventTime::as_ms);
    assert_eq!((summary.rating, rated_at), (Some(4), Some(START + 10_000)), "what is no rating changes none");
}

proptest! {
    #[test]
    fn neither_order_nor_repetition_changes_a_byte(
        order in Just((0..17_usize).collect::<Vec<_>>()).prop_shuffle(),
        again in prop::collection::vec(0..17_usize, 0..10),
        missing in prop::collection::hash_set(0..17_usize, 0..8),
    ) {
        let story = whole();
        let told = |order: Vec<usize>| {
            let kept = order.into_iter().filter(|thing| !missing.contains(thing)).map(|thing| &story[thing]);
            serde_json::to_string(&folded(kept)).unwrap()
        };
        let in_order = told((0..17).collect());
        prop_assert_eq!(told(order.iter().copied().chain(again).collect()), in_order);
    }
}
