//! The handler on a store that fails, hangs or panics: faults that no engine can be made to have.

#![allow(clippy::unwrap_used, clippy::expect_used)] // in a test, a panic is the report

use std::{
    future::pending,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use desk_webhooks::{
    config::{self, Env},
    edge::{Arrival, Handler, budget},
    protocol::{AppId, Command, Endpoint, EventTime, MemberEvent, SessionEvent},
    secrets::Keyring,
    session::ProfileChange,
    store::{
        Note, StoreError,
        ports::{
            FoldSessions, Folded, KeepEvents, KeepStatuses, Kept, Quarantine, Reach, ReadParameters,
            Received, Spill,
        },
    },
    webhook::{Callback, Door},
};
use secrecy::SecretString;
use session_events::SessionEvents;

use Mood::{Failing, Hanging, Slow, Well};

/// How one capability of the store behaves.
#[derive(Clone, Copy, Debug)]
enum Mood {
    Well,
    Failing,
    Hanging,
    /// Takes so many milliseconds.
    Slow(u64),
}

impl Mood {
    async fn then<T>(self, value: T) -> Result<T, StoreError> {
        match self {
            Self::Well => Ok(value),
            Self::Failing => Err(StoreError::late("this")),
            Self::Hanging => pending().await,
            Self::Slow(ms) => {
                tokio::time::sleep(Duration::from_millis(ms)).await;
                Ok(value)
            }
        }
    }
}

#[derive(Clone)]
struct Moody {
    asked_for_summary: Arc<AtomicUsize>,
    events: Mood,
    summaries: Mood,
    profiles: Mood,
    statuses: Mood,
    folds: Mood,
}

impl KeepEvents for Moody {
    async fn append(&self, _: Received<'_>, _: &SessionEvent) -> Result<Kept, StoreError> {
        self.events.then(Kept::New).await
    }

    async fn ensure_summary(&self, _: Received<'_>, _: &SessionEvent) -> Result<(), StoreError> {
        self.asked_for_summary.fetch_add(1, Ordering::Relaxed);
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
    async fn fold(&self, _: AppId, _: &str, _: Reach, _: u64) -> Result<Folded, StoreError> {
        self.folds.then(Folded::Nothing).await
    }
}

impl KeepStatuses for Moody {
    async fn append_status(&self, _: Received<'_>, _: &MemberEvent) -> Result<Kept, StoreError> {
        self.events.then(Kept::New).await
    }

    async fn move_status(&self, _: Received<'_>, _: &MemberEvent) -> Result<(), StoreError> {
        self.statuses.then(()).await
    }
}

impl Quarantine for Moody {
    async fn quarantine(&self, _: Received<'_>, _: &str, _: &str) -> Result<(), StoreError> {
        self.events.then(()).await
    }
}

/// A spill queue.
struct Queue(Mood);

impl Spill for Queue {
    async fn spill(&self, _: &Callback, _: u64) -> Result<(), StoreError> {
        self.0.then(()).await
    }

    async fn refold_later(&self, _: AppId, _: &str) -> Result<(), StoreError> {
        self.0.then(()).await
    }
}

fn well() -> Moody {
    let asked_for_summary = Arc::default();
    Moody { asked_for_summary, events: Well, summaries: Well, profiles: Well, statuses: Well, folds: Well }
}

fn handler(store: Moody, queue: Option<Mood>) -> SessionEvents<Moody, Queue> {
    let env = |name: &str| (name == "SDK_APP_IDS").then(|| "1400000001".to_owned());
    let door = Door::new(Endpoint::SessionEvents, config::door(Env::new(&env)).unwrap());
    SessionEvents::new(door, store, queue.map(Queue))
}

/// The HTTP status of the answer to a callback.
async fn status(store: Moody, queue: Option<Mood>, command: Command, body: &str) -> u16 {
    status_of(&Arrival::now(), store, queue, command, body).await
}

async fn status_of(
    arrival: &Arrival,
    store: Moody,
    queue: Option<Mood>,
    command: Command,
    body: &str,
) -> u16 {
    let app = "1400000001".parse().unwrap();
    let callback = Callback { app, command, body: body.into(), platform: None, client_ip: None };
    let reply = handler(store, queue).take(callback, arrival).await;
    assert!(arrival.elapsed_ms() <= 1200.0, "{}", arrival.elapsed_ms());
    assert_eq!(reply.status == 200, reply.reply.error_code == 0);
    reply.status
}

const RATED: &str = r#"{"SessionId":"s","Event":"SatisfactionSelected","EventTime":1,"ClientUserId":"maya","SatisfactionSelected":5}"#;
const RESTED: &str = r#"{"MemberId":"bo@example.com","Status":"rest","EventTime":1}"#;
const ENDED: &str = r#"{"SessionId":"s","Event":"SessionEnd","EventTime":1,"ClientUserId":"maya"}"#;

/// Time is the test's own: a limit passes at once, and exactly.
#[tokio::test(start_paused = true)]
async fn only_what_is_durable_is_acknowledged_and_nothing_else_is_waited_for() {
    let event = || Command::SessionEvent;
    assert_eq!(status(well(), None, event(), RATED).await, 200);
    for bad in [Failing, Hanging] {
        // What fails, and what becomes of an event, a status, and what is not understood.
        let broken = || {
            [
                (Moody { events: bad, ..well() }, event(), RATED),
                (Moody { summaries: bad, ..well() }, event(), RATED),
                (Moody { profiles: bad, ..well() }, event(), RATED),
                (Moody { statuses: bad, ..well() }, Command::MemberEvent, RESTED),
                (Moody { events: bad, ..well() }, Command::MemberEvent, RESTED),
                (Moody { events: bad, ..well() }, event(), "{}"),
            ]
        };
        for (queue, expected) in [(None, 503), (Some(Well), 200), (Some(Failing), 503), (Some(Hanging), 503)]
        {
            for (store, command, body) in broken() {
                let answered = status(store, queue, command, body).await;
                assert_eq!(answered, expected, "{body} with {bad:?} and the queue {queue:?}");
            }
        }
        for queue in [None, Some(Well), Some(bad)] {
            for body in [RATED, ENDED] {
                let store = Moody { folds: bad, ..well() };
                assert_eq!(status(store, queue, event(), body).await, 200, "the summary is rebuilt later");
            }
        }
    }
}

/// Secrets that are in memory and old, in an SSM that no longer answers.
struct OnceSsm(AtomicUsize);

impl ReadParameters for OnceSsm {
    async fn parameters(&self, _: &[&str]) -> Result<Vec<SecretString>, StoreError> {
        match self.0.fetch_add(1, Ordering::Relaxed) {
            0 => Ok(vec!["token".into()]),
            _ => pending().await,
        }
    }
}

#[tokio::test(start_paused = true)]
async fn writing_and_spilling_have_two_attempts_each_after_old_secrets() {
    let env = |name: &str| (name == "CALLBACK_TOKENS_PARAMETER").then(|| "/desk/tokens".to_owned());
    let sources = config::secret_sources(Env::new(&env)).unwrap();
    let keyring = Keyring::new(sources, OnceSsm(AtomicUsize::new(0)));
    assert!(keyring.in_memory(&Arrival::now()).await.is_some());
    let two_attempts = || Slow((2 * budget::BODY_ATTEMPT + budget::BACKOFF).as_millis() as u64);
    for (events, queue) in [(two_attempts(), None), (Hanging, Some(two_attempts()))] {
        tokio::time::advance(Duration::from_secs(301)).await;
        let arrival = Arrival::now();
        assert!(keyring.read_again(&arrival).await.is_none());
        assert!(arrival.elapsed_ms() >= budget::ATTEMPT.as_secs_f64() * 1000.0, "one attempt");
        let store = Moody { events, ..well() };
        let answered = status_of(&arrival, store, queue, Command::SessionEvent, RATED).await;
        assert_eq!(answered, 200, "{events:?}, {queue:?}");
    }
}

/// Whether a message with this note fails.
async fn fails(store: Moody, note: &str) -> bool {
    let message = |id: &str, body: &str| {
        serde_json::from_value(serde_json::json!({ "messageId": id, "body": body })).unwrap()
    };
    // The queue of a draining function would take anything, and must not be asked.
    let failed =
        handler(store, Some(Well)).drain(vec![message("a", note), message("b", note)], &Arrival::now()).await;
    assert!(failed.is_empty() || failed == ["a", "b"], "{failed:?}");
    !failed.is_empty()
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_drained_is_reported_and_not_spilled_again() {
    let app = "1400000001".parse().unwrap();
    let command = Command::SessionEvent;
    let callback = Callback { app, command, body: RATED.into(), platform: None, client_ip: None };
    let callback = Note::Callback { callback, received_at_ms: 1 }.text().unwrap();
    let refold = r#"{"note":"refold/1","app":1400000001,"session":"s"}"#;
    for note in [callback.as_str(), refold] {
        assert!(!fails(well(), note).await, "{note}");
    }
    for bad in [Failing, Hanging] {
        assert!(fails(Moody { events: bad, ..well() }, &callback).await);
        assert!(fails(Moody { summaries: bad, ..well() }, &callback).await);
        assert!(fails(Moody { profiles: bad, ..well() }, &callback).await);
        assert!(fails(Moody { folds: bad, ..well() }, &callback).await);
        assert!(fails(Moody { folds: bad, ..well() }, refold).await);
    }
    for foreign in [
        "",
        "{}",
        "text",
        r#"{"note":"callback/2","app":1400000001}"#,
        r#"{"note":"callback/1","app":1400000001,"command":"Desk.SessionEventNotify","received_at":1,"body_z":"?"}"#,
    ] {
        assert!(fails(well(), foreign).await, "{foreign}");
    }
}

#[tokio::test(start_paused = true)]
async fn that_a_session_is_found_is_not_taken_for_granted_for_ever() {
    let store = well();
    let handler = handler(store.clone(), Some(Well));
    let tell = async || {
        let app = "1400000001".parse().unwrap();
        let command = Command::SessionEvent;
        let callback = Callback { app, command, body: ENDED.into(), platform: None, client_ip: None };
        assert_eq!(handler.take(callback, &Arrival::now()).await.status, 200);
        store.asked_for_summary.load(Ordering::Relaxed)
    };
    assert_eq!((tell().await, tell().await), (1, 1));
    // Its user may have been erased meanwhile.
    tokio::time::advance(Duration::from_secs(301)).await;
    assert_eq!((tell().await, tell().await), (2, 2));
}
