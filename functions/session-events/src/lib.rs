//! Keeps every event of every session durably, then acknowledges it; never the other way round.
//!
//! What was verified is kept whatever it is: what cannot be understood goes whole into quarantine.

mod summaries;

use std::{future::Future, time::Duration};

use desk_webhooks::{
    edge::{Arrival, Handler, Late, unless_panicking},
    protocol::{Command, EventKind, MemberEvent, NotUnderstood, Reply, SessionEvent, read},
    session::{ProfileChange, keys},
    store::{
        StoreError,
        ports::{FoldSessions, KeepEvents, KeepStatuses, Kept, Quarantine, Received},
    },
    webhook::{Callback, Door, HttpReply},
};
use tracing::{error, info, warn};

use summaries::Summaries;

/// The share of the budget that an event's writes have.
const EVENT: Duration = Duration::from_millis(600);

/// The share that bringing the summary up to date has; it never costs the acknowledgement.
const FOLD: Duration = Duration::from_millis(400);
/// A message that comes later than this finds a summary that was thought complete.
const LATE_MS: u64 = 60_000;

/// The handler, and what it may do.
pub struct SessionEvents<S> {
    door: Door,
    summaries: Summaries,
    store: S,
}

/// What became of a callback.
#[derive(Clone, Copy)]
enum Outcome {
    Kept(Kept),
    Quarantined,
}

impl Outcome {
    fn as_str(self) -> &'static str {
        match self {
            Self::Kept(Kept::New) => "stored",
            Self::Kept(Kept::Again) => "duplicate",
            Self::Kept(Kept::Conflict) => "conflict",
            Self::Quarantined => "quarantined",
        }
    }
}

impl<S: KeepEvents + FoldSessions + KeepStatuses + Quarantine> SessionEvents<S> {
    /// A handler behind this door.
    pub fn new(door: Door, store: S) -> Self {
        Self { door, summaries: Summaries::default(), store }
    }

    async fn keep(&self, callback: &Callback, arrival: Arrival) -> HttpReply {
        let received = Received { app: callback.app, body: &callback.body, at_ms: arrival.at_ms };
        let outcome = match understand(callback) {
            Ok(Understood::Session(event)) => {
                self.keep_event(received, &event, arrival).await.map(Outcome::Kept)
            }
            Ok(Understood::Member(event)) => {
                self.keep_status(received, &event, arrival).await.map(Outcome::Kept)
            }
            Err(problem) => {
                // The reason may repeat what the body holds: it is kept beside it, not logged.
                warn!(field = problem.path, "a verified callback is not understood; it goes into quarantine");
                let reason = problem.to_string();
                let kept = in_time(arrival, self.store.quarantine(received, &reason)).await;
                kept.map(|()| Outcome::Quarantined)
            }
        };
        let command = callback.command.log_name();
        match outcome {
            Ok(outcome) => {
                info!(command, outcome = outcome.as_str(), duration_ms = arrival.elapsed_ms());
                HttpReply::answer(Reply::ok())
            }
            Err(error) => {
                error!(command, outcome = "lost unless sent again", %error, duration_ms = arrival.elapsed_ms());
                HttpReply::unavailable()
            }
        }
    }

    /// Durable is the event and the summary by which its session is found; the profile follows
    /// from the events and costs no acknowledgement.
    async fn keep_event(
        &self,
        received: Received<'_>,
        event: &SessionEvent,
        arrival: Arrival,
    ) -> Result<Kept, StoreError> {
        let (kept, summary, ()) = futures_util::join!(
            in_time(arrival, self.store.append(received, event)),
            in_time(arrival, self.summaries.ensure(&self.store, received, event)),
            self.move_profile(received, event, arrival),
        );
        let kept = summary.and(kept)?;
        if kept != Kept::Again && changes_the_summary(event, received.at_ms) {
            self.fold(received, event, arrival).await;
        }
        Ok(kept)
    }

    /// A fold that fails is made up for by the next one, or by `desk sessions refold`.
    async fn fold(&self, received: Received<'_>, event: &SessionEvent, arrival: Arrival) {
        let fold = self.store.fold(received.app, &event.session_id, received.at_ms);
        let folded = unless_panicking(arrival.within(FOLD, fold)).await;
        let problem = match folded {
            Some(Ok(Ok(_))) => return,
            Some(Ok(Err(error))) => error.to_string(),
            Some(Err(late)) => late.to_string(),
            None => "it panicked".into(),
        };
        warn!(error = problem, "the session's summary is not up to date");
    }

    async fn move_profile(&self, received: Received<'_>, event: &SessionEvent, arrival: Arrival) {
        let (Some(user), Some(change)) = (&event.client_user_id, ProfileChange::of(event)) else { return };
        let moved = self.store.move_profile(received, user, event.event_time, &change);
        if let Err(error) = in_time(arrival, moved).await {
            warn!(%error, "the user's profile is not up to date");
        }
    }

    async fn keep_status(
        &self,
        received: Received<'_>,
        event: &MemberEvent,
        arrival: Arrival,
    ) -> Result<Kept, StoreError> {
        let (kept, current) = futures_util::join!(
            in_time(arrival, self.store.append_status(received, event)),
            in_time(arrival, self.store.move_status(received, event)),
        );
        current.and(kept)
    }
}

/// Messages are many and change little: their session is folded by the state changes around them.
fn changes_the_summary(event: &SessionEvent, received_at_ms: u64) -> bool {
    use EventKind::{ChatBotRobotSendMsg, ChatBotUserSendMsg, HumanAgentSendMsg, HumanUserSendMsg};
    let message = matches!(
        event.event,
        ChatBotUserSendMsg | ChatBotRobotSendMsg | HumanUserSendMsg | HumanAgentSendMsg
    );
    !message || event.event_time.as_ms() + LATE_MS < received_at_ms
}

async fn in_time<T>(
    arrival: Arrival,
    work: impl Future<Output = Result<T, StoreError>>,
) -> Result<T, StoreError> {
    arrival.within(EVENT, work).await.unwrap_or_else(|Late| Err(StoreError::late("the write")))
}

enum Understood {
    Session(Box<SessionEvent>),
    Member(MemberEvent),
}

/// What a callback says, if it can be kept under a key of its own. What would not fit into a key, or
/// would take the room of an item beside its body, is no value that anybody meant.
fn understand(callback: &Callback) -> Result<Understood, NotUnderstood> {
    let fits = |field, value: &str| {
        if keys::fits(value) { Ok(()) } else { Err(NotUnderstood::new(field, "is too long to be kept")) }
    };
    match &callback.command {
        Command::SessionEvent => {
            let event: SessionEvent = read(&callback.body)?;
            fits("SessionId", &keys::session(callback.app, &event.session_id))?;
            fits("Event", event.event.as_str())?;
            if let Some(user) = &event.client_user_id {
                fits("ClientUserId", &keys::user(callback.app, user))?;
            }
            fits("ChannelType", event.channel_type.as_deref().unwrap_or_default())?;
            fits("AgentId", event.agent_id.as_deref().unwrap_or_default())?;
            Ok(Understood::Session(Box::new(event)))
        }
        Command::MemberEvent => {
            let event: MemberEvent = read(&callback.body)?;
            fits("MemberId", &keys::agent(callback.app, &event.member_id))?;
            fits("Status", &event.status)?;
            Ok(Understood::Member(event))
        }
        _ => Err(NotUnderstood::new("CallbackCommand", "is not known to this version")),
    }
}

impl<S: KeepEvents + FoldSessions + KeepStatuses + Quarantine> Handler for SessionEvents<S> {
    fn door(&self) -> &Door {
        &self.door
    }

    async fn warm_up(&self) {}

    async fn take(&self, callback: Callback, arrival: Arrival) -> HttpReply {
        self.keep(&callback, arrival).await
    }
}
