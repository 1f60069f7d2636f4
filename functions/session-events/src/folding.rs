//! When a session's summary is made anew. No acknowledgement depends on it: a fold that fails is made
//! up for by the next one, or by `desk sessions refold`.

use desk_webhooks::{
    edge::{Arrival, Late, budget},
    protocol::{AppId, SessionEvent},
    store::{
        StoreError,
        ports::{Folded, Reach, Spill},
    },
};

use crate::{SessionEvents, Store};

/// A message that comes later than this finds a summary that was thought complete.
const LATE_MS: u64 = 60_000;

impl<S: Store, Q: Spill> SessionEvents<S, Q> {
    /// Folds the session of an event that was kept, now or later.
    ///
    /// Messages are many and change little: their session is folded by the state changes around them.
    /// What may be followed by something late is folded once more when that has come.
    pub(crate) async fn keep_current(&self, app: AppId, event: &SessionEvent, arrival: &Arrival) {
        let late = event.event_time.as_ms() + LATE_MS < arrival.at_ms;
        if event.event.is_message() && !late {
            return;
        }
        let later = event.event.is_end() || late;
        // Without a queue there is no later.
        let now = !event.event.is_message() || self.queue.is_none();
        // Nor is there anybody else for a long session's state; one late message is not worth reading all of it.
        let whole = !event.event.is_message() && self.queue.is_none();
        let reach = if whole { Reach::Whole } else { Reach::Page };
        let folded = now && self.fold_now(app, &event.session_id, reach, arrival).await;
        if later || !folded {
            self.fold_later(app, &event.session_id, arrival).await;
        }
    }

    /// Whether the summary is up to date now.
    async fn fold_now(&self, app: AppId, session_id: &str, reach: Reach, arrival: &Arrival) -> bool {
        if reach == Reach::Page && self.remembered.of(app, session_id).long {
            return false;
        }
        let fold = self.store.fold(app, session_id, reach, arrival.at_ms);
        let fold = arrival.stage("fold", arrival.within(budget::FOLD, fold));
        let problem = match arrival.unless_panicking(fold).await {
            Some(Ok(Ok(Folded::TooLong))) => {
                self.remembered.long(app, session_id);
                return false;
            }
            Some(Ok(Ok(Folded::Written(_) | Folded::Nothing))) => return true,
            Some(Ok(Err(error))) => error.to_string(),
            Some(Err(late)) => late.to_string(),
            None => "it panicked".into(),
        };
        arrival.problem("the session's summary is not up to date", problem);
        false
    }

    async fn fold_later(&self, app: AppId, session_id: &str, arrival: &Arrival) {
        let Some(queue) = &self.queue else { return };
        if self.remembered.of(app, session_id).refold_covers_now() {
            return;
        }
        let asked = arrival.within(budget::FOLD, queue.refold_later(app, session_id));
        match arrival.stage("refold", asked).await.unwrap_or_else(|Late| Err(StoreError::late("SendMessage")))
        {
            Ok(()) => self.remembered.refold_asked(app, session_id),
            Err(error) => arrival.problem("the session's summary may stay out of date", error),
        }
    }
}
