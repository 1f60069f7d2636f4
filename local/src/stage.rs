//! A stage for tests: the tables in memory, and a real function binary on them.

use std::{
    path::{Path, PathBuf},
    time::{SystemTime, UNIX_EPOCH},
};

use aws_sdk_dynamodb::{
    Client,
    config::{Credentials, SharedCredentialsProvider},
};
use desk_webhooks::{
    config::Tables,
    protocol::AppId,
    store::{Access, Limits, Publication, PublishError, Store, client},
};
use serde_json::Value;

use crate::{
    engine::{Engine, EngineError, EngineOptions, RULES_TABLE, SESSIONS_TABLE},
    runtime_api::{Sandbox, SandboxError},
};

/// The app id of all samples.
pub const APP: &str = "1400000001";

/// The folder of this repository.
pub fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().map(Path::to_owned).unwrap_or_default()
}

/// An engine with its tables, and what a function must know to find them.
#[derive(Debug)]
pub struct Stage {
    engine: Engine,
    env: Vec<(String, String)>,
}

impl Stage {
    /// Empty tables in memory.
    ///
    /// # Errors
    /// The engine does not start.
    pub async fn start() -> Result<Self, EngineError> {
        let engine = Engine::start(EngineOptions::default()).await?;
        let env = vec![
            ("AWS_ENDPOINT_URL_DYNAMODB".into(), engine.endpoint()),
            ("RULES_TABLE".into(), RULES_TABLE.into()),
            ("SESSIONS_TABLE".into(), SESSIONS_TABLE.into()),
            ("SDK_APP_IDS".into(), APP.into()),
        ];
        Ok(Self { engine, env })
    }

    /// The same with a variable set; an empty value unsets it.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.env.push((name.into(), value.into()));
        self
    }

    /// Where DynamoDB listens.
    pub fn endpoint(&self) -> String {
        self.engine.endpoint()
    }

    /// The store, as a function or a person sees it.
    pub fn store(&self) -> Store {
        store_at(self.engine.endpoint())
    }

    /// A way to the same tables past the store, for what the store would never do.
    pub fn client(&self) -> Client {
        client_at(self.engine.endpoint())
    }

    /// Starts a function on these tables.
    ///
    /// # Errors
    /// It does not start.
    pub async fn function(&self, binary: &str) -> Result<Sandbox, SandboxError> {
        Sandbox::start(Path::new(binary), self.env.iter().cloned()).await
    }

    /// Ends the engine, as an outage would.
    pub fn outage(self) {
        self.engine.stop();
    }
}

fn client_at(endpoint: String) -> Client {
    let credentials = Credentials::new("local", "local", None, None, "local");
    client(Access {
        region: "us-east-1".into(),
        credentials: SharedCredentialsProvider::new(credentials),
        endpoint: Some(endpoint),
        limits: Limits::PERSON,
    })
}

/// The local tables at an endpoint. Items are kept for ever there.
pub fn store_at(endpoint: String) -> Store {
    let tables = Tables { rules: RULES_TABLE.into(), sessions: SESSIONS_TABLE.into(), retention: None };
    Store::new(client_at(endpoint), tables)
}

/// Publishes a document for the samples' app.
///
/// # Errors
/// As [`Store::publish`].
pub async fn publish(store: &Store, app: AppId, document: &Value) -> Result<u64, PublishError> {
    let source = document.to_string();
    let at_ms = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis() as u64;
    let publication =
        Publication { source: &source, document, author: "tests", note: "", at_ms, expect: None, tests: 0 };
    store.publish(app, publication).await
}
