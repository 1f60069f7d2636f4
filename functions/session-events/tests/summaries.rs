//! Summaries, kept current by the real binary.

#![allow(clippy::unwrap_used, clippy::expect_used)] // in a test, a panic is the report

mod common;

use common::{BINARY, app, tell};
use desk_local::{
    callbacks,
    stage::{Stage, repository},
};
use desk_webhooks::{
    session::HandoffOutcome,
    store::ports::{FoldSessions, Folded, Reach},
};
use serde_json::{Value, json};

/// An event of one session, so many seconds after its beginning, years ago.
fn event(second: u64, kind: &str, more: Value) -> Value {
    common::event("s", kind, 1_793_584_800_000 + second * 1000, more)
}

#[tokio::test]
async fn the_session_of_the_samples_is_summed_up() {
    let stage = Stage::start().await.unwrap();
    let mut function = stage.function(BINARY).await.unwrap();
    for sample in callbacks::load(&repository().join("events")).unwrap() {
        let of_story = sample.body().contains("s-1001") && sample.goes_to("/session-events");
        if of_story && !sample.name.contains("refus") {
            function.invoke(&sample.event).await.unwrap();
        }
    }
    let summary = stage.store().summary(app(), "s-1001").await.unwrap().unwrap();
    assert!(summary.has_begin && summary.has_end, "{summary:?}");
    assert_eq!(summary.handoff.unwrap().outcome, HandoffOutcome::Answered);
    assert_eq!((summary.agents.len(), summary.transfers, summary.user.as_deref()), (2, 1, Some("maya")));
    let row = stage.store().sessions_of_user(app(), "maya", None, 0).take(99).await.unwrap();
    let row = row.iter().find(|row| row.session == "s-1001").unwrap();
    assert_eq!(row.agent, summary.agents.last().map(|stint| stint.agent.clone()));
    assert_eq!(row.ended_at, summary.ended_at.map(|at| at.as_ms()));
}

#[tokio::test]
async fn whatever_the_order_the_last_state_change_leaves_the_same_summary() {
    let story = [
        event(0, "SessionBegin", json!({})),
        event(1, "ChatBot.UserSendMsg", json!({ "MsgKey": "1_1_1" })),
        event(5, "TransferringToHuman", json!({})),
        event(9, "TransferToHumanSuccess", json!({ "AgentId": "bo@example.com" })),
        event(12, "Human.AgentSendMsg", json!({ "MsgKey": "2_1_1", "AgentId": "bo@example.com" })),
        event(40, "SessionAgentEnd", json!({ "AgentId": "bo@example.com" })),
        event(40, "SessionEnd", json!({})),
    ];
    let mut written = Vec::new();
    // Forward, backward, and from the middle; twice each, as a sender that repeats itself does.
    for order in [vec![0, 1, 2, 3, 4, 5, 6], vec![6, 5, 4, 3, 2, 1, 0], vec![4, 6, 0, 2, 5, 1, 3]] {
        let stage = Stage::start().await.unwrap();
        let mut function = stage.function(BINARY).await.unwrap();
        for event in order.iter().chain(&order) {
            assert_eq!(tell(&mut function, &story[*event]).await, 200);
        }
        // Each of these messages is years old, hence late: none waits for a state change.
        let summary = stage.store().summary(app(), "s").await.unwrap().unwrap();
        assert_eq!(summary.items, 7);
        let Folded::Written(again) = stage.store().fold(app(), "s", Reach::Whole, 1).await.unwrap() else {
            panic!("no story")
        };
        assert_eq!(*again, summary, "folding again changes nothing");
        written.push(serde_json::to_string(&summary).unwrap());
    }
    assert_eq!(written[0], written[1]);
    assert_eq!(written[0], written[2]);
}
