//! The handler on a store that fails, hangs or panics: faults that no engine can be made to have.

#![allow(clippy::unwrap_used, clippy::expect_used)] // in a test, a panic is the report

use std::{
    future::pending,
    sync::{Arc, Mutex},
    time::Duration,
};

use assign_agent::AssignAgent;
use desk_webhooks::{
    config::{self, Env},
    edge::{Arrival, Handler, budget},
    protocol::{ActionStatus, AppId, Command, Endpoint, EventTime, Reply},
    routing::{Attributes, DecisionRecord, Profile, RecordedAnswer, Timeline},
    store::{
        ActiveRules, ActiveVersion, StoreError,
        ports::{Asked, FindRules, ReadFacts, RecordDecision},
    },
    webhook::{Callback, Door, HttpReply},
};
use serde_json::json;

/// How one capability of the store behaves.
#[derive(Clone, Copy, PartialEq)]
enum Mood {
    Well,
    Failing,
    Hanging,
    Panicking,
    /// Takes so many milliseconds.
    Slow(u64),
}

impl Mood {
    async fn then<T>(self, value: T) -> Result<T, StoreError> {
        match self {
            Self::Well => Ok(value),
            Self::Failing => Err(StoreError::late("this")),
            Self::Hanging => pending().await,
            Self::Panicking => panic!("on purpose"),
            Self::Slow(ms) => {
                tokio::time::sleep(Duration::from_millis(ms)).await;
                Ok(value)
            }
        }
    }
}

struct Moody {
    rules: Mood,
    facts: Mood,
    record: Mood,
    recorded: Arc<Mutex<Option<RecordedAnswer>>>,
}

impl FindRules for Moody {
    async fn active_version(&self, _: AppId) -> Result<Option<ActiveVersion>, StoreError> {
        self.rules.then(Some(ActiveVersion { version: 1, sha256: "digest".into() })).await
    }

    async fn rules(&self, _: AppId, version: u64) -> Result<ActiveRules, StoreError> {
        let document = json!({
            "pools": { "vip": { "group": 1 }, "served": { "group": 2 }, "general": { "group": 3 } },
            "rules": [
                { "name": "vip", "when": { "user_tag": "vip" }, "then": [{ "pool": "vip" }] },
                { "name": "not-blocked", "when": { "not": { "user_tag": "blocked" } }, "then": [{ "pool": "served" }] },
            ],
            "default": { "pool": "general" },
        });
        Ok(ActiveRules { version, sha256: "digest".into(), document })
    }
}

impl ReadFacts for Moody {
    async fn timeline(&self, _: AppId, _: &str, _: EventTime) -> Result<Timeline, StoreError> {
        panic!("no rule looks at the timeline, so nobody may ask for it")
    }

    async fn profile(&self, _: AppId, _: &str) -> Result<Profile, StoreError> {
        panic!("no rule looks at the profile, so nobody may ask for it")
    }

    async fn attributes(&self, _: AppId, _: &str) -> Result<Attributes, StoreError> {
        self.facts.then(Attributes { tags: vec!["vip".into()], ..Attributes::default() }).await
    }
}

impl RecordDecision for Moody {
    async fn record(
        &self,
        _: Asked<'_>,
        record: &DecisionRecord,
        _: u64,
    ) -> Result<Option<RecordedAnswer>, StoreError> {
        let earlier = self.record.then(()).await.map(|()| self.recorded.lock().unwrap().take());
        let DecisionRecord { rule, version, answer, .. } = record.clone();
        *self.recorded.lock().unwrap() = Some(RecordedAnswer { rule, version, answer });
        earlier
    }

    async fn recorded(&self, _: Asked<'_>) -> Result<Option<RecordedAnswer>, StoreError> {
        self.record.then(()).await.map(|()| self.recorded.lock().unwrap().clone())
    }
}

/// The group that answers; the fallback is 99.
async fn group(rules: Mood, facts: Mood, record: Mood) -> Option<u64> {
    group_and_record(Duration::ZERO, rules, facts, record).await.0
}

/// The group that answers a request that took so long to verify, and whether it is recorded.
async fn group_and_record(
    verifying: Duration,
    rules: Mood,
    facts: Mood,
    record: Mood,
) -> (Option<u64>, bool) {
    let env = |name: &str| match name {
        "SDK_APP_IDS" => Some("1400000001".to_owned()),
        "FALLBACK_AGENT_GROUP_ID" => Some("99".to_owned()),
        _ => None,
    };
    let door = Door::new(Endpoint::AssignAgent, config::door(Env::new(&env)).unwrap());
    let recorded = Arc::default();
    let store = Moody { rules, facts, record, recorded: Arc::clone(&recorded) };
    let handler = AssignAgent::new(door, config::answering(Env::new(&env)).unwrap(), store);
    let callback = Callback {
        app: "1400000001".parse().unwrap(),
        command: Command::AssignHuman,
        body: r#"{"SessionId":"s","ClientUserId":"maya","EventTime":1}"#.into(),
        platform: None,
        client_ip: None,
    };
    let arrival = Arrival::now();
    tokio::time::advance(verifying).await;
    let HttpReply { status, reply } = handler.take(callback, &arrival).await;
    assert!(arrival.elapsed_ms() <= 1200.0, "{}", arrival.elapsed_ms());
    assert_eq!((status, reply.action_status), (200, ActionStatus::Ok));
    let Reply { agent_group_id, .. } = reply;
    let is_recorded = recorded.lock().unwrap().is_some();
    (agent_group_id, is_recorded)
}

/// Time is the test's own: a limit passes at once, and exactly.
#[tokio::test(start_paused = true)]
async fn an_answer_leaves_in_time_whatever_fails() {
    use Mood::{Failing, Hanging, Panicking, Well};
    assert_eq!(group(Well, Well, Well).await, Some(1));
    for record in [Failing, Hanging, Panicking] {
        assert_eq!(group(Well, Well, record).await, Some(1), "a record never costs an answer");
    }
    for facts in [Failing, Hanging] {
        assert_eq!(group(Well, facts, Well).await, Some(3), "neither a tag nor its absence is known");
    }
    for rules in [Failing, Hanging, Panicking] {
        assert_eq!(group(rules, Well, Well).await, Some(99));
    }
    assert_eq!(group(Well, Panicking, Well).await, Some(99));
    assert_eq!(group(Hanging, Hanging, Hanging).await, Some(99));
}

#[tokio::test(start_paused = true)]
async fn the_decision_is_recorded_however_long_the_steps_before_it_take() {
    use Mood::{Hanging, Slow};
    let two_attempts = Slow((2 * budget::ATTEMPT + budget::BACKOFF).as_millis() as u64);
    let rules = Slow(budget::FIRST_RULES.as_millis() as u64 - 5);
    for (rules, facts, group) in [(Slow(190), two_attempts, 1), (rules, Hanging, 3)] {
        let answered = group_and_record(budget::SECRETS, rules, facts, two_attempts).await;
        assert_eq!(answered, (Some(group), true));
    }
}
