use std::{
    fmt::Display,
    future::Future,
    panic::AssertUnwindSafe,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use futures_util::FutureExt;
use tokio::time::Instant;

use super::{Outcome, budget};
use crate::{digest::sha256_hex, metrics::Metric, protocol::Command};

/// What waited in a queue may take so long: the function has 30 s, and other messages in its batch.
const WAITED: Duration = Duration::from_secs(10);
/// A batch may have very many problems; its line in the log has room for some.
const MAX_PROBLEMS: usize = 20;

/// A request that has come in: how long it may take, and what is to be told of it when it is done.
#[derive(Debug)]
pub struct Arrival {
    /// The wall clock, in milliseconds since the epoch.
    pub at_ms: u64,
    started: Instant,
    /// It waited in a queue: nobody waits for an answer.
    waited: bool,
    told: Mutex<Told>,
}

/// Something took longer than its share of the budget.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no answer within its share of the budget")]
pub struct Late;

/// What is to be told of a request. Nothing in it is secret or personal.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Told {
    pub command: Option<String>,
    /// A digest, by which requests of one session can be found.
    pub session: Option<String>,
    pub outcome: Option<Outcome>,
    /// Why it was refused.
    pub cause: Option<&'static str>,
    /// The rule that decided.
    pub rule: Option<String>,
    /// What went wrong on the way.
    pub problems: Vec<String>,
    pub metrics: Vec<(Metric, f64)>,
    /// What took how long, in milliseconds.
    pub stages: Vec<(&'static str, f64)>,
}

impl Arrival {
    /// A request that arrives now.
    pub fn now() -> Self {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let at_ms = since_epoch.as_millis() as u64;
        Self { at_ms, started: Instant::now(), waited: false, told: Mutex::default() }
    }

    /// Something that came at this moment, in milliseconds since the epoch, and is begun now.
    pub fn waited_since(at_ms: u64) -> Self {
        Self { at_ms, waited: true, ..Self::now() }
    }

    /// The wall clock in seconds since the epoch.
    pub fn at_seconds(&self) -> i64 {
        (self.at_ms / 1000) as i64
    }

    /// How long ago that was, in milliseconds.
    pub fn elapsed_ms(&self) -> f64 {
        self.started.elapsed().as_secs_f64() * 1000.0
    }

    /// What is left of the budget.
    pub fn left(&self) -> Duration {
        let total = if self.waited { WAITED } else { budget::TOTAL };
        total.saturating_sub(self.started.elapsed())
    }

    /// Waits for `work`, but no longer than `limit`, and never beyond the budget; for what waited itself,
    /// as long as the function may take for it.
    ///
    /// # Errors
    /// [`Late`]; the work is dropped then.
    pub async fn within<T>(&self, limit: Duration, work: impl Future<Output = T>) -> Result<T, Late> {
        let limit = if self.waited { WAITED } else { limit };
        tokio::time::timeout(limit.min(self.left()), work).await.map_err(|_| Late)
    }

    /// Waits for `work`, which may panic: then there is nothing, and that is counted. The panic hook has
    /// logged where.
    pub async fn unless_panicking<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        // What a panicking request leaves half done is its own: handlers share nothing but caches
        // behind locks that are never held across an await.
        let outcome = AssertUnwindSafe(work).catch_unwind().await.ok();
        if outcome.is_none() {
            self.count(Metric::Panicked);
        }
        outcome
    }

    /// Waits for `work`, and notes how long this stage of the request took.
    pub async fn stage<T>(&self, name: &'static str, work: impl Future<Output = T>) -> T {
        let started = Instant::now();
        let outcome = work.await;
        self.told().stages.push((name, started.elapsed().as_secs_f64() * 1000.0));
        outcome
    }

    /// Notes the command that came.
    pub fn is_about(&self, command: &Command) {
        self.told().command = Some(command.log_name().to_owned());
    }

    /// Notes the session, by a digest: requests of one session can be found by who knows it.
    pub fn in_session(&self, session_id: &str) {
        self.told().session = Some(sha256_hex(session_id.as_bytes())[..12].to_owned());
    }

    /// Notes what became of the request, which is counted.
    pub fn became(&self, outcome: Outcome) {
        self.told().outcome = Some(outcome);
    }

    /// Notes why the request is refused.
    pub(super) fn refused(&self, cause: &'static str) {
        self.told().cause = Some(cause);
    }

    /// Notes the rule that decided, and the version of its ruleset.
    pub fn decided(&self, rule: &str, version: Option<u64>) {
        self.told().rule = Some(rule.to_owned());
        if let Some(version) = version {
            self.measure(Metric::RulesetVersion, version as f64);
        }
    }

    /// Notes something that went wrong on the way. Neither text holds anything secret or personal.
    pub fn problem(&self, what: &str, error: impl Display) {
        let problems = &mut self.told().problems;
        if problems.len() < MAX_PROBLEMS {
            problems.push(format!("{what}: {error}"));
        }
    }

    /// Notes that a callback has its answer now. What did not get in took no time to speak of, and would hide
    /// the times of what did.
    pub(super) fn answered(&self) {
        let is_callback = self.told().command.is_some();
        if is_callback {
            self.measure(Metric::Duration, self.elapsed_ms());
        }
    }

    /// Counts one more.
    pub fn count(&self, metric: Metric) {
        self.add(metric, 1.0);
    }

    /// Notes a measure, in the metric's unit.
    pub fn measure(&self, metric: Metric, value: f64) {
        self.told().metrics.push((metric, value));
    }

    /// Takes over what `other`, which is a part of this request, has counted and what went wrong with it.
    pub fn absorb(&self, other: Self) {
        let other = other.told.into_inner().unwrap_or_else(PoisonError::into_inner);
        other.metrics.into_iter().for_each(|(metric, value)| self.add(metric, value));
        let problems = &mut self.told().problems;
        let room = MAX_PROBLEMS.saturating_sub(problems.len());
        problems.extend(other.problems.into_iter().take(room));
    }

    fn add(&self, metric: Metric, value: f64) {
        let metrics = &mut self.told().metrics;
        match metrics.iter_mut().find(|(known, _)| *known == metric) {
            Some((_, sum)) => *sum += value,
            None => metrics.push((metric, value)),
        }
    }

    pub(super) fn told(&self) -> MutexGuard<'_, Told> {
        // Nothing that holds the lock can leave it half changed.
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
