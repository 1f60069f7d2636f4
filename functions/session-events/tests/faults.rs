//! The handler on a store that fails, hangs or panics: faults that no engine can be made to have.

#![allow(clippy::unwrap_used, clippy::expect_used)] // in a test, a panic is the report

use std::{future::pending, time::Duration};

use desk_webhooks::{
    config::{self, Env},
    edge::{Arrival, Handler},
    protocol::{AppId, Command, Endpoint, EventTime, MemberEvent, SessionEvent},
    session::ProfileChange,
    store::{
        StoreError,
        ports::{FoldSessions, Folded, KeepEvents, KeepStatuses, Kept, Quarantine, Received},
    },
    webhook::{Callback, Door},
};
use session_events::SessionEvents;

/// How one capability of the store behaves.
#[derive(Clone, Copy)]
enum Mood {
    Well,
    Failing,
    Hanging,
}

impl Mood {
    async fn then<T>(self, value: T) -> Result<T, StoreError> {
        match self {
            Self::Well => Ok(value),
            Self::Failing => Err(StoreError::late("this")),
            Self::Hanging => pending().await,
        }
    }
}

struct Moody {
    events: Mood,
    summaries: Mood,
    profiles: Mood,
}

impl KeepEvents for Moody {
    async fn append(&self, _: Received<'_>, _: &SessionEvent) -> Result<Kept, StoreError> {
        self.events.then(Kept::New).await
    }

    async fn ensure_summary(&self, _: Received<'_>, _: &SessionEvent) -> Result<(), StoreError> {
        self.summaries.then(()).await
    }

    async fn move_profile(
        &self,
        _: Received<'_>,
        _: &str,
        _: EventTime,
        _: &ProfileChange,
    ) -> Result<(), StoreError> {
        self.profiles.then(()).await
    }
}

impl FoldSessions for Moody {
    async fn fold(&self, _: AppId, _: &str, _: u64) -> Result<Folded, StoreError> {
        self.profiles.then(Folded::Nothing).await
    }
}

impl KeepStatuses for Moody {
    async fn append_status(&self, _: Received<'_>, _: &MemberEvent) -> Result<Kept, StoreError> {
        self.events.then(Kept::New).await
    }

    async fn move_status(&self, _: Received<'_>, _: &MemberEvent) -> Result<(), StoreError> {
        self.profiles.then(()).await
    }
}

impl Quarantine for Moody {
    async fn quarantine(&self, _: Received<'_>, _: &str) -> Result<(), StoreError> {
        self.events.then(()).await
    }
}

/// The HTTP status of the answer to a callback.
async fn status(events: Mood, summaries: Mood, profiles: Mood, command: Command, body: &str) -> u16 {
    let env = |name: &str| (name == "SDK_APP_IDS").then(|| "1400000001".to_owned());
    let door = Door::new(Endpoint::SessionEvents, config::door(Env::new(&env)).unwrap());
    let handler = SessionEvents::new(door, Moody { events, summaries, profiles });
    let app = "1400000001".parse().unwrap();
    let callback = Callback { app, command, body: body.into(), platform: None, client_ip: None };
    let started = tokio::time::Instant::now();
    let reply = handler.take(callback, Arrival::now()).await;
    assert!(started.elapsed() <= Duration::from_millis(1200), "{:?}", started.elapsed());
    assert_eq!(reply.status == 200, reply.reply.error_code == 0);
    reply.status
}

/// Time is the test's own: a limit passes at once, and exactly.
#[tokio::test(start_paused = true)]
async fn only_what_is_durable_is_acknowledged_and_nothing_else_is_waited_for() {
    use Mood::{Failing, Hanging, Well};
    let rated = r#"{"SessionId":"s","Event":"SatisfactionSelected","EventTime":1,"ClientUserId":"maya","SatisfactionSelected":5}"#;
    let rested = r#"{"MemberId":"bo@example.com","Status":"rest","EventTime":1}"#;
    let event = || Command::SessionEvent;
    assert_eq!(status(Well, Well, Well, event(), rated).await, 200);
    for bad in [Failing, Hanging] {
        assert_eq!(status(bad, Well, Well, event(), rated).await, 503, "the event itself");
        assert_eq!(status(Well, bad, Well, event(), rated).await, 503, "a session that nobody finds");
        assert_eq!(
            status(Well, Well, bad, event(), rated).await,
            200,
            "profile and summary follow from the events"
        );
        assert_eq!(status(bad, Well, Well, Command::MemberEvent, rested).await, 503);
        assert_eq!(status(bad, Well, Well, event(), "{}").await, 503, "what is not understood");
    }
}
