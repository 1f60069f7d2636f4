//! The secrets for verifying callbacks. They are read at the start, kept in memory, and read again before use
//! when they are old.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use secrecy::{ExposeSecret, SecretString};
use tokio::time::Instant;

use crate::{
    config::{SecretSource, SecretSources, is_url_key, secrets_of},
    edge::{Arrival, Late, budget},
    store::{StoreError, ports::ReadParameters},
    webhook::Secrets,
};

/// After this time, what is in memory is read again.
const OLD: Duration = Duration::from_secs(300);
/// If reading old secrets again failed, SSM is asked again after this time: the secrets in memory are valid, so not
/// every request has to wait and to add to the load of SSM.
const AGAIN: Duration = Duration::from_secs(1);

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
    /// When they were read.
    read_at: Option<Instant>,
    /// When they could not be read, if that was the last time.
    failed_at: Option<Instant>,
}

/// Why secrets cannot be used. No secret is in it.
#[derive(Debug, thiserror::Error)]
enum Problem {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("the parameter {0} holds no secret; it should hold some, separated by commas")]
    Empty(String),
    #[error(
        "the parameter {0} holds a key that is shorter than 16 or has other characters than letters, digits, - and _"
    )]
    NoUrlKey(String),
    #[error(transparent)]
    Late(#[from] Late),
}

impl<P: ReadParameters> Keyring<P> {
    /// The secrets of these sources. Nothing is read yet.
    pub fn new(sources: SecretSources, parameters: P) -> Self {
        Self { sources, parameters, known: Mutex::default() }
    }

    /// The secrets in memory, however old. Reads them if there are none; `None` if that fails. Each request tries,
    /// since it is refused otherwise.
    pub async fn in_memory(&self, arrival: &Arrival) -> Option<Arc<Secrets>> {
        let secrets = self.known().secrets.clone();
        if secrets.is_some() { secrets } else { self.read_within(budget::FIRST_SECRETS, arrival).await }
    }

    /// True if the secrets must be read again before use.
    pub fn are_old(&self) -> bool {
        self.known().read_at.is_none_or(|read_at| read_at.elapsed() >= OLD)
    }

    /// Reads the secrets again; `None` if that fails, or failed within the last second. Those in memory stay
    /// then.
    pub async fn read_again(&self, arrival: &Arrival) -> Option<Arc<Secrets>> {
        if self.known().failed_at.is_some_and(|failed_at| failed_at.elapsed() < AGAIN) {
            return None;
        }
        self.read_within(budget::SECRETS, arrival).await
    }

    async fn read_within(&self, share: Duration, arrival: &Arrival) -> Option<Arc<Secrets>> {
        let read = arrival.stage("secrets", arrival.within(share, self.read())).await;
        let now = Instant::now();
        match read.unwrap_or_else(|late| Err(late.into())) {
            Ok(secrets) => {
                let secrets = Arc::new(secrets);
                *self.known() =
                    Known { secrets: Some(Arc::clone(&secrets)), read_at: Some(now), failed_at: None };
                Some(secrets)
            }
            Err(problem) => {
                let mut known = self.known();
                let kept = if known.secrets.is_some() { "; the earlier ones stay in force" } else { "" };
                arrival.problem("the secrets cannot be read", format_args!("{problem}{kept}"));
                known.failed_at = Some(now);
                None
            }
        }
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
