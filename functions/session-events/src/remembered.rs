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

/// Of so many users of one session it is remembered that they find it; most sessions have one.
const USERS: usize = 4;

/// What is remembered of one session.
#[derive(Clone, Debug, Default)]
pub(crate) struct Known {
    /// When it was seen that these users find it, by digests of their ids.
    found_by: Vec<(String, Instant)>,
    /// Its story is longer than a page.
    pub(crate) long: bool,
    refold_asked: Option<Instant>,
}

impl Known {
    /// Whether this user finds it; if an event names none, whether any user does.
    pub(crate) fn is_found_by(&self, user: Option<&str>) -> bool {
        let user = user.map(|user| of_fields([Some(user)]));
        let is_meant = |known: &String| user.as_ref().is_none_or(|user| user == known);
        self.found_by.iter().any(|(known, seen)| is_meant(known) && seen.elapsed() < STILL_THERE)
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
        self.sessions().get(&name(app, session_id)).cloned().unwrap_or_default()
    }

    pub(crate) fn found_by(&self, app: AppId, session_id: &str, user: &str) {
        let user = of_fields([Some(user)]);
        self.change(app, session_id, |known| {
            known.found_by.retain(|(other, _)| *other != user);
            known.found_by.truncate(USERS - 1);
            known.found_by.insert(0, (user, Instant::now()));
        });
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
