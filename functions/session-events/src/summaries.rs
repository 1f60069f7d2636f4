//! Which sessions are known to have a summary, so that their next events need not ask again.

use std::{
    collections::HashSet,
    sync::{Mutex, PoisonError},
};

use desk_webhooks::{
    digest::of_fields,
    protocol::SessionEvent,
    session::keys,
    store::{
        StoreError,
        ports::{KeepEvents, Received},
    },
};

/// More sessions than one sandbox sees at a time; forgetting them costs a write each.
const REMEMBERED: usize = 4096;

/// The sessions that this sandbox has seen a complete summary of.
#[derive(Default)]
pub(crate) struct Summaries(Mutex<HashSet<String>>);

impl Summaries {
    /// Makes sure that the event's session can be found.
    pub(crate) async fn ensure(
        &self,
        store: &impl KeepEvents,
        received: Received<'_>,
        event: &SessionEvent,
    ) -> Result<(), StoreError> {
        let session = of_fields([Some(keys::session(received.app, &event.session_id).as_str())]);
        if self.remembered().contains(&session) {
            return Ok(());
        }
        store.ensure_summary(received, event).await?;
        // Without a user the summary is not complete: a later event may bring one.
        if event.client_user_id.is_some() {
            let mut remembered = self.remembered();
            if remembered.len() >= REMEMBERED {
                remembered.clear();
            }
            remembered.insert(session);
        }
        Ok(())
    }

    fn remembered(&self) -> std::sync::MutexGuard<'_, HashSet<String>> {
        // Nothing that holds the lock can leave the set half changed.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
