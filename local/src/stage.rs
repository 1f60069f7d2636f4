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
    config,
    protocol::AppId,
    store::{Access, Endpoints, Limits, Publication, PublishError, Store},
};
use serde_json::Value;

use crate::{
    engine::{Engine, EngineError, EngineOptions, RULES_TABLE, SESSIONS_TABLE},
    moto::{Moto, MotoError},
    queue::Queue,
    runtime_api::{Sandbox, SandboxError},
};

/// The app id of all samples.
pub const APP: &str = "1400000001";

/// The folder of this repository.
pub fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().map(Path::to_owned).unwrap_or_default()
}

/// Tables, and what a function must know to find them.
#[derive(Debug)]
pub struct Stage {
    tables: Tables,
    queue: Option<(Moto, Queue)>,
    env: Vec<(String, String)>,
}

/// What the tables are on.
#[derive(Debug)]
enum Tables {
    Engine(Engine),
    Moto(Moto),
}

/// Why there is no stage.
#[derive(Debug, thiserror::Error)]
pub enum StageError {
    /// The embedded engine's reason.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// Moto's reason.
    #[error(transparent)]
    Moto(#[from] MotoError),
}

impl Tables {
    /// On the embedded engine, or on moto if `DESK_TEST_ENGINE=moto` asks for the second opinion.
    async fn start() -> Result<Self, StageError> {
        if std::env::var("DESK_TEST_ENGINE").is_ok_and(|engine| engine == "moto") {
            let moto = Moto::start().await?;
            moto.create_table("RulesTable", RULES_TABLE)?;
            moto.create_table("SessionsTable", SESSIONS_TABLE)?;
            return Ok(Self::Moto(moto));
        }
        Ok(Self::Engine(Engine::start(EngineOptions::default()).await?))
    }

    fn endpoint(&self) -> String {
        match self {
            Self::Engine(engine) => engine.endpoint(),
            Self::Moto(moto) => moto.endpoint(),
        }
    }
}

impl Stage {
    /// Empty tables in memory.
    ///
    /// # Errors
    /// The engine does not start.
    pub async fn start() -> Result<Self, StageError> {
        let tables = Tables::start().await?;
        let env = vec![
            ("AWS_ENDPOINT_URL_DYNAMODB".into(), tables.endpoint()),
            ("RULES_TABLE".into(), RULES_TABLE.into()),
            ("SESSIONS_TABLE".into(), SESSIONS_TABLE.into()),
            ("SDK_APP_IDS".into(), APP.into()),
        ];
        Ok(Self { tables, queue: None, env })
    }

    /// Empty tables in memory, and an empty spill queue.
    ///
    /// # Errors
    /// The engine or moto does not start.
    pub async fn with_queue() -> Result<Self, StageError> {
        let stage = Self::start().await?;
        let moto = Moto::start().await?;
        let queue = queue_on(&moto)?;
        let stage = stage.with("AWS_ENDPOINT_URL_SQS", &moto.endpoint()).with("SPILL_QUEUE_URL", queue.url());
        Ok(Self { queue: Some((moto, queue)), ..stage })
    }

    /// The same with a variable set; an empty value unsets it.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.env.push((name.into(), value.into()));
        self
    }

    /// Where DynamoDB listens.
    pub fn endpoint(&self) -> String {
        self.tables.endpoint()
    }

    /// The spill queue, and where SQS listens; none unless the stage was started with one.
    pub fn queue(&self) -> Option<(&Queue, String)> {
        self.queue.as_ref().map(|(moto, queue)| (queue, moto.endpoint()))
    }

    /// The store, as a function or a person sees it.
    pub fn store(&self) -> Store {
        store_at(self.endpoint())
    }

    /// A way to the same tables past the store, for what the store would never do.
    pub fn client(&self) -> Client {
        client_at(self.endpoint())
    }

    /// Starts a function on these tables.
    ///
    /// # Errors
    /// It does not start.
    pub async fn function(&self, binary: &str) -> Result<Sandbox, SandboxError> {
        self.function_with(binary, &[]).await
    }

    /// Starts a function with further variables, which win.
    ///
    /// # Errors
    /// It does not start.
    pub async fn function_with(&self, binary: &str, env: &[(&str, &str)]) -> Result<Sandbox, SandboxError> {
        let env = env.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Sandbox::start(Path::new(binary), self.env.iter().cloned().chain(env)).await
    }

    /// Ends the engine, as an outage would.
    pub fn outage(self) {
        drop(self);
    }
}

/// The template's spill queue on a moto server.
///
/// # Errors
/// The template's, or moto's.
pub fn queue_on(moto: &Moto) -> Result<Queue, MotoError> {
    Queue::create(moto, &access(Endpoints { sqs: Some(moto.endpoint()), ..Endpoints::default() }))
}

fn access(endpoints: Endpoints) -> Access {
    let credentials = Credentials::new("local", "local", None, None, "local");
    let credentials = SharedCredentialsProvider::new(credentials);
    Access::new("us-east-1".into(), credentials, endpoints, Limits::PERSON)
}

fn client_at(endpoint: String) -> Client {
    access(Endpoints { dynamodb: Some(endpoint), ..Endpoints::default() }).dynamodb()
}

/// The local tables at an endpoint. Items are kept for ever there.
pub fn store_at(endpoint: String) -> Store {
    let tables =
        config::Tables { rules: RULES_TABLE.into(), sessions: SESSIONS_TABLE.into(), retention: None };
    Store::new(client_at(endpoint), tables)
}

/// Publishes a document for the samples' app.
///
/// # Errors
/// As [`Store::publish`].
pub async fn publish(store: &Store, app: AppId, document: &Value) -> Result<u64, PublishError> {
    let source = document.to_string();
    let at_ms = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis() as u64;
    let publication = Publication { source: &source, document, author: "tests", note: "", at_ms, tests: 0 };
    let seen = store.rules_in_force(app).await?;
    store.publish(app, publication, seen.as_ref()).await
}
