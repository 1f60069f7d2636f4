//! Keeps every event of every session durably, then acknowledges it; never the other way round.
//!
//! What was verified is kept whatever it is: what cannot be understood goes whole into quarantine,
//! and what cannot be kept in time waits in the spill queue, which this function drains itself.

mod drain;
mod folding;
mod remembered;

use std::future::Future;

use desk_webhooks::{
    edge::{Arrival, Handler, Late, Message, Outcome, budget},
    protocol::{MemberEvent, Reply, SessionEvent},
    session::{ProfileChange, Understood, understand},
    store::{
        StoreError,
        ports::{FoldSessions, KeepEvents, KeepStatuses, Kept, Quarantine, Reach, Received, Spill},
    },
    webhook::{Callback, Door, HttpReply},
};

use remembered::Remembered;

/// All that the handler asks of the store.
pub trait Store: KeepEvents + FoldSessions + KeepStatuses + Quarantine {}

impl<T: KeepEvents + FoldSessions + KeepStatuses + Quarantine> Store for T {}

/// The handler, and what it may do.
pub struct SessionEvents<S, Q> {
    door: Door,
    remembered: Remembered,
    store: S,
    /// The spill queue, where there is one.
    queue: Option<Q>,
}

/// What became of a callback that is kept.
fn outcome(kept: Kept) -> Outcome {
    match kept {
        Kept::New => Outcome::Stored,
        Kept::Again => Outcome::Duplicate,
        Kept::Conflict => Outcome::Conflict,
    }
}

impl<S: Store, Q: Spill> SessionEvents<S, Q> {
    /// A handler behind this door.
    pub fn new(door: Door, store: S, queue: Option<Q>) -> Self {
        Self { door, remembered: Remembered::default(), store, queue }
    }

    /// Keeps a callback where it belongs. What is `Ok` is durable.
    async fn keep(
        &self,
        understood: &Result<Understood, String>,
        callback: &Callback,
        arrival: &Arrival,
    ) -> Result<Outcome, StoreError> {
        let received = Received { app: callback.app, body: &callback.body, at_ms: arrival.at_ms };
        match understood {
            Ok(Understood::Session(event)) => {
                arrival.in_session(&event.session_id);
                self.keep_event(received, event, arrival).await.map(outcome)
            }
            Ok(Understood::Member(event)) => self.keep_status(received, event, arrival).await.map(outcome),
            Err(reason) => {
                let kept = self.store.quarantine(received, callback.command.as_str(), reason);
                in_time(arrival, kept).await.map(|()| Outcome::Quarantined)
            }
        }
    }

    /// An event is stored when the event itself is, the items by which its session is found, and what it says of
    /// its user.
    async fn keep_event(
        &self,
        received: Received<'_>,
        event: &SessionEvent,
        arrival: &Arrival,
    ) -> Result<Kept, StoreError> {
        let (kept, summary, profile) = futures_util::join!(
            in_time(arrival, self.store.append(received, event)),
            in_time(arrival, self.ensure_summary(received, event)),
            in_time(arrival, self.move_profile(received, event)),
        );
        summary.and(profile).and(kept)
    }

    /// Makes sure that the event's session can be found.
    async fn ensure_summary(&self, received: Received<'_>, event: &SessionEvent) -> Result<(), StoreError> {
        let user = event.client_user_id.as_deref();
        if self.remembered.of(received.app, &event.session_id).is_found_by(user) {
            return Ok(());
        }
        self.store.ensure_summary(received, event).await?;
        // Without a user the summary is not complete: a later event may bring one.
        if let Some(user) = user {
            self.remembered.found_by(received.app, &event.session_id, user);
        }
        Ok(())
    }

    async fn move_profile(&self, received: Received<'_>, event: &SessionEvent) -> Result<(), StoreError> {
        match (&event.client_user_id, ProfileChange::of(event)) {
            (Some(user), Some(change)) => {
                self.store.move_profile(received, user, event.event_time, &change).await
            }
            _ => Ok(()),
        }
    }

    async fn keep_status(
        &self,
        received: Received<'_>,
        event: &MemberEvent,
        arrival: &Arrival,
    ) -> Result<Kept, StoreError> {
        let (kept, current) = futures_util::join!(
            in_time(arrival, self.store.append_status(received, event)),
            in_time(arrival, self.store.move_status(received, event)),
        );
        current.and(kept)
    }

    /// Has the callback wait in the queue, because of `error`; without a queue it is the end.
    async fn spill(
        &self,
        callback: &Callback,
        arrival: &Arrival,
        error: StoreError,
    ) -> Result<Outcome, StoreError> {
        let Some(queue) = &self.queue else { return Err(error) };
        arrival.problem("the callback cannot be kept now", error);
        let spilled = arrival.within(budget::SPILL, queue.spill(callback, arrival.at_ms)).await;
        spilled.unwrap_or_else(|Late| Err(StoreError::late("SendMessage"))).map(|()| Outcome::Spilled)
    }
}

/// Waits for a write, and leaves the time that spilling needs when it fails.
async fn in_time<T>(
    arrival: &Arrival,
    work: impl Future<Output = Result<T, StoreError>>,
) -> Result<T, StoreError> {
    let left = arrival.left();
    arrival
        .within(left - budget::SPILL.min(left / 2), work)
        .await
        .unwrap_or_else(|Late| Err(StoreError::late("the write")))
}

/// What a callback says, or why it is not understood. The reason may repeat what the body holds: it is
/// kept beside it, not logged.
fn read(callback: &Callback, arrival: &Arrival) -> Result<Understood, String> {
    understand(callback.app, &callback.command, &callback.body).map_err(|problem| {
        arrival.problem("a verified callback is not understood and goes into quarantine", &problem.path);
        problem.to_string()
    })
}

impl<S: Store, Q: Spill> Handler for SessionEvents<S, Q> {
    fn door(&self) -> &Door {
        &self.door
    }

    /// Opens the two connections that the first event of a session will need: credentials, names and TLS are
    /// most of what its answer would wait for. A session without a name has no story, so that nothing comes of
    /// folding it.
    async fn warm_up(&self, arrival: &Arrival) {
        let Some(app) = self.door.apps().next() else { return };
        let fold = || in_time(arrival, self.store.fold(app, "", Reach::Page, arrival.at_ms));
        let (one, other) = futures_util::join!(fold(), fold());
        if let Err(error) = one.and(other) {
            arrival.problem("the table cannot be reached", error);
        }
    }

    async fn take(&self, callback: Callback, arrival: &Arrival) -> HttpReply {
        let understood = read(&callback, arrival);
        let outcome = match arrival.stage("keep", self.keep(&understood, &callback, arrival)).await {
            Err(error) => arrival.stage("spill", self.spill(&callback, arrival, error)).await,
            kept => {
                if let Ok(Understood::Session(event)) = &understood {
                    self.keep_current(callback.app, event, arrival).await;
                }
                kept
            }
        };
        match outcome {
            Ok(outcome) => {
                arrival.became(outcome);
                HttpReply::answer(Reply::ok())
            }
            Err(error) => {
                arrival.problem("the callback is lost unless it is sent again", error);
                HttpReply::unavailable()
            }
        }
    }

    async fn drain(&self, messages: Vec<Message>, batch: &Arrival) -> Vec<String> {
        self.drain_batch(messages, batch).await
    }
}
