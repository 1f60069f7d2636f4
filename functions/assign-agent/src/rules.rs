//! The rules in memory: how fresh they are, and the last good ones when there are no fresher.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use desk_webhooks::{
    edge::{Arrival, budget},
    metrics::Metric,
    protocol::AppId,
    routing::{Ruleset, read},
    store::{ActiveRules, ActiveVersion, Kind, StoreError, ports::FindRules},
};

/// A ruleset and which version it is.
pub(crate) struct Loaded {
    active: ActiveVersion,
    pub(crate) ruleset: Ruleset,
}

impl Loaded {
    pub(crate) fn version(&self) -> u64 {
        self.active.version
    }
}

struct Copy {
    loaded: Arc<Loaded>,
    /// When it was last known to be the one in force.
    good: Instant,
    /// When that was last asked: an outage delays one question in each interval, not every one.
    asked: Instant,
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
        arrival: &Arrival,
    ) -> Option<Arc<Loaded>> {
        let held = self.take_turn(app);
        let rules = match &held {
            Some(Held { due: false, loaded }) => Some(loaded.clone()),
            _ => self.refreshed(store, app, held.as_ref().map(|held| held.loaded.clone()), arrival).await,
        };
        if rules.is_some() {
            self.tell_age(app, arrival);
        }
        rules
    }

    /// The version in force, or the copy that is held.
    async fn refreshed(
        &self,
        store: &impl FindRules,
        app: AppId,
        held: Option<Arc<Loaded>>,
        arrival: &Arrival,
    ) -> Option<Arc<Loaded>> {
        let share = if held.is_some() { budget::RULES } else { budget::FIRST_RULES };
        let limit = share.min(arrival.left().saturating_sub(budget::RECORD));
        let problem = match arrival.within(limit, load(store, app, held.as_deref())).await {
            Ok(Ok(Found::Newer(loaded))) => return Some(self.keep(app, Arc::new(loaded))),
            Ok(Ok(Found::Same)) => return held.map(|loaded| self.keep(app, loaded)),
            Ok(Ok(Found::Nothing)) if held.is_some() => return held,
            Ok(Ok(Found::Nothing)) => "none is published for this app".into(),
            Ok(Err(error)) => {
                if error.is_of_the_ruleset() {
                    arrival.count(Metric::RulesetRejected);
                }
                error.to_string()
            }
            Err(late) => late.to_string(),
        };
        arrival.problem("the rules could not be refreshed", problem);
        held
    }

    /// How old the copy is by which the question is answered.
    fn tell_age(&self, app: AppId, arrival: &Arrival) {
        let copies = self.copies();
        let Some(copy) = copies.get(&app) else { return };
        arrival.measure(Metric::RulesetAge, copy.good.elapsed().as_secs_f64());
        if copy.good < copy.asked {
            arrival.count(Metric::RulesetStale);
        }
    }

    /// The copy in memory, and whether it is this question's turn to compare it with the store.
    fn take_turn(&self, app: AppId) -> Option<Held> {
        let mut copies = self.copies();
        let copy = copies.get_mut(&app)?;
        let due = copy.asked.elapsed() >= self.refresh;
        if due {
            copy.asked = Instant::now();
        }
        Some(Held { loaded: copy.loaded.clone(), due })
    }

    fn keep(&self, app: AppId, loaded: Arc<Loaded>) -> Arc<Loaded> {
        let now = Instant::now();
        let copy = Copy { loaded: loaded.clone(), good: now, asked: now };
        self.copies().insert(app, copy);
        loaded
    }

    fn copies(&self) -> std::sync::MutexGuard<'_, HashMap<AppId, Copy>> {
        // Nothing that holds the lock can leave the map half changed.
        self.copies.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A copy as a question finds it.
struct Held {
    loaded: Arc<Loaded>,
    due: bool,
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
    #[error("ruleset {0} is not the one that was published: its digest differs from the pointer's")]
    OtherDigest(u64),
    #[error("ruleset {version} is not understood by this version of the software, at {problem}")]
    NotUnderstood { version: u64, problem: String },
}

impl LoadError {
    /// Whether it is the published ruleset that cannot be used, and not the store.
    fn is_of_the_ruleset(&self) -> bool {
        match self {
            Self::Store(error) => matches!(error.kind, Kind::Unreadable(_)),
            Self::OtherDigest(_) | Self::NotUnderstood { .. } => true,
        }
    }
}

async fn load(store: &impl FindRules, app: AppId, held: Option<&Loaded>) -> Result<Found, LoadError> {
    let Some(active) = store.active_version(app).await? else { return Ok(Found::Nothing) };
    if held.is_some_and(|held| held.active == active) {
        return Ok(Found::Same);
    }
    let ActiveRules { version, sha256, document } = store.rules(app, active.version).await?;
    if sha256 != active.sha256 {
        return Err(LoadError::OtherDigest(version));
    }
    let ruleset = read(&document).map_err(|findings| LoadError::NotUnderstood {
        version,
        // Its words may hold what the rules hold, users among it: `desk rules check` has them.
        problem: findings.first().map(|finding| finding.path.to_string()).unwrap_or_default(),
    })?;
    Ok(Found::Newer(Loaded { active, ruleset }))
}
