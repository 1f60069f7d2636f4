//! The rules in memory: how fresh they are, and the last good ones when there are no fresher.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use desk_webhooks::{
    edge::Arrival,
    protocol::AppId,
    routing::{Ruleset, read},
    store::{StoreError, ports::FindRules},
};
use tracing::{info, warn};

/// How long a question waits for rules when there are none in memory.
const FIRST_LOAD: Duration = Duration::from_millis(600);
/// How long it waits for fresher ones when there are.
const REFRESH: Duration = Duration::from_millis(250);

/// A ruleset and which version it is.
pub(crate) struct Loaded {
    pub(crate) version: u64,
    pub(crate) ruleset: Ruleset,
}

struct Copy {
    loaded: Arc<Loaded>,
    checked: Instant,
}

/// The rulesets in memory, one for each app.
pub(crate) struct Rules {
    refresh: Duration,
    copies: Mutex<HashMap<AppId, Copy>>,
}

impl Rules {
    /// `refresh` is how old a copy may get before it is compared with the store.
    pub(crate) fn new(refresh: Duration) -> Self {
        Self { refresh, copies: Mutex::default() }
    }

    /// The copy in memory, however old.
    pub(crate) fn in_memory(&self, app: AppId) -> Option<Arc<Loaded>> {
        self.copies().get(&app).map(|copy| copy.loaded.clone())
    }

    /// The rules in force, as fresh as can be had in time: the last good ones when the store does
    /// not answer, `None` when there are none.
    pub(crate) async fn current(
        &self,
        store: &impl FindRules,
        app: AppId,
        arrival: Arrival,
    ) -> Option<Arc<Loaded>> {
        let held = self.copies().get(&app).map(|copy| (copy.loaded.clone(), copy.checked.elapsed()));
        let (limit, age) = match &held {
            Some((loaded, age)) if *age < self.refresh => return Some(loaded.clone()),
            Some((_, age)) => (REFRESH, Some(age.as_secs())),
            None => (FIRST_LOAD, None),
        };
        let held = held.map(|(loaded, _)| loaded);
        match arrival.within(limit, load(store, app, held.as_deref())).await {
            Ok(Ok(Found::Newer(loaded))) => {
                info!(version = loaded.version, "a ruleset is in force");
                Some(self.keep(app, Arc::new(loaded)))
            }
            Ok(Ok(Found::Same)) => held.map(|loaded| self.keep(app, loaded)),
            Ok(Ok(Found::Nothing)) => held,
            Ok(Err(error)) => {
                warn!(%error, stale_seconds = age, "the rules could not be refreshed");
                held
            }
            Err(error) => {
                warn!(%error, stale_seconds = age, "the rules could not be refreshed");
                held
            }
        }
    }

    fn keep(&self, app: AppId, loaded: Arc<Loaded>) -> Arc<Loaded> {
        let copy = Copy { loaded: loaded.clone(), checked: Instant::now() };
        self.copies().insert(app, copy);
        loaded
    }

    fn copies(&self) -> std::sync::MutexGuard<'_, HashMap<AppId, Copy>> {
        // Nothing that holds the lock can leave the map half changed.
        self.copies.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

enum Found {
    Newer(Loaded),
    Same,
    Nothing,
}

#[derive(Debug, thiserror::Error)]
enum LoadError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("ruleset {version} is not understood by this version of the software: {problem}")]
    NotUnderstood { version: u64, problem: String },
}

async fn load(store: &impl FindRules, app: AppId, held: Option<&Loaded>) -> Result<Found, LoadError> {
    let Some(version) = store.active_version(app).await? else { return Ok(Found::Nothing) };
    if held.is_some_and(|held| held.version == version) {
        return Ok(Found::Same);
    }
    let document = store.rules(app, version).await?.document;
    let ruleset = read(&document).map_err(|findings| LoadError::NotUnderstood {
        version,
        problem: findings.first().map(ToString::to_string).unwrap_or_default(),
    })?;
    Ok(Found::Newer(Loaded { version, ruleset }))
}
