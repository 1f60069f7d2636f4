//! The secrets by which callbacks are verified: read at the start, kept, and read again when they are old.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use secrecy::{ExposeSecret, SecretString};
use tokio::time::Instant;

use crate::{
    config::{SecretSource, SecretSources, is_url_key, secrets_of},
    edge::{Arrival, Late},
    store::{StoreError, ports::ReadParameters},
    webhook::Secrets,
};

/// After this time, what is in memory is read again.
const OLD: Duration = Duration::from_secs(300);
/// When reading failed, it is tried again after this time: not every callback waits for it.
const AGAIN: Duration = Duration::from_secs(10);
/// The share of the budget that the first reading has.
const FIRST: Duration = Duration::from_millis(600);
/// The share of a later one, with good secrets in hand.
const LATER: Duration = Duration::from_millis(250);

/// The secrets of a function.
pub struct Keyring<P> {
    sources: SecretSources,
    parameters: P,
    known: Mutex<Known>,
}

#[derive(Clone, Default)]
struct Known {
    /// The last good ones.
    secrets: Option<Arc<Secrets>>,
    /// When they are to be read again; at once if they never were.
    again_at: Option<Instant>,
}

/// Why secrets cannot be used. No secret is in it.
#[derive(Debug, thiserror::Error)]
enum Problem {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("the parameter {0} holds no secret; it should hold some, separated by commas")]
    Empty(String),
    #[error("the parameter {0} holds a key with other characters than letters, digits, - and _")]
    NoUrlKey(String),
    #[error(transparent)]
    Late(#[from] Late),
}

impl<P: ReadParameters> Keyring<P> {
    /// The secrets of these sources. Nothing is read yet.
    pub fn new(sources: SecretSources, parameters: P) -> Self {
        Self { sources, parameters, known: Mutex::default() }
    }

    /// The secrets as they are now, or the last good ones; `None` if they could never be read.
    pub async fn current(&self, arrival: &Arrival) -> Option<Arc<Secrets>> {
        let Known { secrets, again_at } = self.known().clone();
        let now = Instant::now();
        if again_at.is_some_and(|again_at| now < again_at) {
            return secrets;
        }
        let limit = if secrets.is_some() { LATER } else { FIRST };
        let read = arrival.stage("secrets", arrival.within(limit, self.read())).await;
        let read = read.unwrap_or_else(|late| Err(late.into()));
        let mut known = self.known();
        match read {
            Ok(secrets) => *known = Known { secrets: Some(Arc::new(secrets)), again_at: Some(now + OLD) },
            Err(problem) => {
                let kept = if secrets.is_some() { "; the earlier ones stay in force" } else { "" };
                arrival.problem("the secrets cannot be read", format_args!("{problem}{kept}"));
                // Without any, the next callback tries again: there is nothing else to do for it.
                known.again_at = secrets.is_some().then(|| now + AGAIN);
            }
        }
        known.secrets.clone()
    }

    async fn read(&self) -> Result<Secrets, Problem> {
        let sources = [&self.sources.tokens, &self.sources.url_keys];
        let names = sources.iter().filter_map(|source| match source {
            SecretSource::Parameter(name) => Some(name.as_str()),
            SecretSource::Here(_) => None,
        });
        let names: Vec<_> = names.collect();
        let values = if names.is_empty() { Vec::new() } else { self.parameters.parameters(&names).await? };
        let mut values = values.into_iter();
        let [tokens, url_keys] = sources.map(|source| match source {
            SecretSource::Here(secrets) => Ok(secrets.clone()),
            SecretSource::Parameter(name) => {
                let secrets = values.next().map(|value| secrets_of(value.expose_secret()));
                secrets.filter(|secrets| !secrets.is_empty()).ok_or_else(|| Problem::Empty(name.clone()))
            }
        });
        let url_keys: Vec<SecretString> = url_keys?;
        if let SecretSource::Parameter(name) = &self.sources.url_keys
            && !url_keys.iter().all(|key| is_url_key(key.expose_secret()))
        {
            return Err(Problem::NoUrlKey(name.clone()));
        }
        Ok(Secrets { tokens: tokens?, url_keys })
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        // Nothing that holds the lock can leave it half changed.
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
