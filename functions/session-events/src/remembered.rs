//! What this sandbox remembers of sessions, so that their next events cost less. Nothing depends on
//! it: a sandbox that forgets, or never knew, asks again.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use desk_webhooks::{digest::of_fields, protocol::AppId, session::keys};
use tokio::time::Instant;

/// More sessions than one sandbox sees at a time.
const SESSIONS: usize = 4096;
/// A refold that was asked for no longer ago than this still comes more than a minute from now, and
/// then covers what is late by then.
const COVERS: Duration = Duration::from_secs(240);

/// A summary may be erased while its session goes on: after this time it is asked for again.
const STILL_THERE: Duration = Duration::from_secs(300);

/// What is remembered of one session.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Known {
    /// When it was seen to have a summary with its user.
    found_by_user: Option<Instant>,
    /// Its story is longer than a page.
    pub(crate) long: bool,
    refold_asked: Option<Instant>,
}

impl Known {
    /// Whether it has a summary with its user.
    pub(crate) fn is_found_by_user(&self) -> bool {
        self.found_by_user.is_some_and(|seen| seen.elapsed() < STILL_THERE)
    }

    /// Whether a refold is on its way that comes late enough.
    pub(crate) fn refold_covers_now(&self) -> bool {
        self.refold_asked.is_some_and(|asked| asked.elapsed() < COVERS)
    }
}

/// The sessions that this sandbox remembers, by digests of their keys.
#[derive(Debug, Default)]
pub(crate) struct Remembered(Mutex<HashMap<String, Known>>);

impl Remembered {
    pub(crate) fn of(&self, app: AppId, session_id: &str) -> Known {
        self.sessions().get(&name(app, session_id)).copied().unwrap_or_default()
    }

    pub(crate) fn found_by_user(&self, app: AppId, session_id: &str) {
        self.change(app, session_id, |known| known.found_by_user = Some(Instant::now()));
    }

    pub(crate) fn long(&self, app: AppId, session_id: &str) {
        self.change(app, session_id, |known| known.long = true);
    }

    pub(crate) fn refold_asked(&self, app: AppId, session_id: &str) {
        self.change(app, session_id, |known| known.refold_asked = Some(Instant::now()));
    }

    fn change(&self, app: AppId, session_id: &str, change: impl FnOnce(&mut Known)) {
        let mut sessions = self.sessions();
        if sessions.len() >= SESSIONS {
            sessions.clear();
        }
        change(sessions.entry(name(app, session_id)).or_default());
    }

    fn sessions(&self) -> MutexGuard<'_, HashMap<String, Known>> {
        // Nothing that holds the lock can leave the map half changed.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Ids may be long: what is remembered is of one size.
fn name(app: AppId, session_id: &str) -> String {
    of_fields([Some(keys::session(app, session_id).as_str())])
}
