//! A stage for tests: the tables in memory, and a real function binary on them.

use std::{
    io,
    path::{Path, PathBuf},
    time::{Duration, SystemTime, UNIX_EPOCH},
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
    standin::StandIn,
    template::TemplateError,
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
    queue: Option<(Services, Queue)>,
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
    /// The stand-in for SQS and SSM has no port or thread.
    #[error("cannot start the stand-in for SQS and SSM: {0}")]
    StandIn(#[from] io::Error),
    /// The template's reason.
    #[error(transparent)]
    Template(#[from] TemplateError),
}

/// SQS and SSM: the stand-in, or moto if `DESK_TEST_ENGINE=moto` asks for the second opinion.
#[derive(Debug)]
pub struct Services(Provider);

#[derive(Debug)]
enum Provider {
    StandIn(StandIn),
    Moto(Moto),
}

fn asked_for_moto() -> bool {
    std::env::var("DESK_TEST_ENGINE").is_ok_and(|engine| engine == "moto")
}

impl Services {
    /// Without queues and parameters.
    ///
    /// # Errors
    /// Moto or the stand-in does not start.
    pub async fn start() -> Result<Self, StageError> {
        Ok(Self(if asked_for_moto() {
            Provider::Moto(Moto::start().await?)
        } else {
            Provider::StandIn(StandIn::start()?)
        }))
    }

    /// The address of both services: `http://127.0.0.1:PORT`.
    pub fn endpoint(&self) -> String {
        match &self.0 {
            Provider::StandIn(services) => services.endpoint(),
            Provider::Moto(moto) => moto.endpoint(),
        }
    }

    /// Clients of both services.
    pub fn access(&self) -> Access {
        let endpoint = Some(self.endpoint());
        access(Endpoints { sqs: endpoint.clone(), ssm: endpoint, ..Endpoints::default() })
    }

    /// Creates the template's spill queue, empty.
    ///
    /// # Errors
    /// The template's, or moto's.
    pub fn queue(&self) -> Result<Queue, StageError> {
        const SPILL_QUEUE: &str = "SpillQueue";
        let url = match &self.0 {
            Provider::StandIn(services) => services.create_queue(SPILL_QUEUE)?,
            Provider::Moto(moto) => moto.create_queue(SPILL_QUEUE)?,
        };
        Ok(Queue::new(self.access().sqs(), url))
    }

    /// Sets a SecureString of SSM.
    ///
    /// # Errors
    /// Moto's.
    pub fn put_secret(&self, name: &str, value: &str) -> Result<(), StageError> {
        match &self.0 {
            Provider::StandIn(services) => services.put_secret(name, value),
            Provider::Moto(moto) => moto.put_secret(name, value)?,
        }
        Ok(())
    }

    /// Lets time pass for delays and visibility timeouts: at once, except that moto has no clock but the real one.
    pub async fn pass(&self, time: Duration) {
        match &self.0 {
            Provider::StandIn(services) => services.pass(time),
            Provider::Moto(_) => tokio::time::sleep(time).await,
        }
    }
}

impl Tables {
    async fn start() -> Result<Self, StageError> {
        if asked_for_moto() {
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
    /// The engine or the queue does not start.
    pub async fn with_queue() -> Result<Self, StageError> {
        let stage = Self::start().await?;
        let services = Services::start().await?;
        let queue = services.queue()?;
        let stage =
            stage.with("AWS_ENDPOINT_URL_SQS", &services.endpoint()).with("SPILL_QUEUE_URL", queue.url());
        Ok(Self { queue: Some((services, queue)), ..stage })
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
        self.queue.as_ref().map(|(services, queue)| (queue, services.endpoint()))
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
