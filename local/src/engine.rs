//! The tables of the template, served by an embedded DynamoDB on this machine.
//!
//! The engine is SQLite behind DynamoDB's own HTTP interface, so the AWS SDK, the AWS command line and the
//! functions themselves talk to it as to the real one: give them [`Engine::endpoint`] as the endpoint and any
//! credentials, for signatures have to be there but are not verified.
//!
//! It runs on a thread of its own. Once it is dropped, so is every connection and every handle of the data file.

use std::fs::File;
use std::io::{self, Read};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};

use dynoxide::actions::create_table::CreateTableRequest;
use dynoxide::actions::describe_table::DescribeTableRequest;
use dynoxide::actions::update_time_to_live::{TimeToLiveSpecification, UpdateTimeToLiveRequest};
use dynoxide::{Database, DynoxideError};
use serde_json::json;

use crate::server::Server;
use crate::template::{self, TEMPLATE, Table, TemplateError};

/// What the table of the rules is called locally unless something else is said.
pub const RULES_TABLE: &str = "desk-rules";
/// What the table of the sessions is called locally unless something else is said.
pub const SESSIONS_TABLE: &str = "desk-sessions";

/// How to start an [`Engine`]; by default in memory, on any free port, under the local names.
#[derive(Clone, Debug)]
pub struct EngineOptions {
    /// The file that keeps the tables, created if there is none. `None`: in memory, gone with the engine.
    pub data: Option<PathBuf>,
    /// The port on 127.0.0.1; 0 takes any free one.
    pub port: u16,
    /// The name of the template's `RulesTable`.
    pub rules_table: String,
    /// The name of the template's `SessionsTable`.
    pub sessions_table: String,
}

impl Default for EngineOptions {
    fn default() -> Self {
        Self {
            data: None,
            port: 0,
            rules_table: RULES_TABLE.to_owned(),
            sessions_table: SESSIONS_TABLE.to_owned(),
        }
    }
}

/// Why an engine did not start.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The port is taken, or not ours to take.
    #[error("cannot listen on 127.0.0.1:{port} ({source}); stop what listens there or choose another port")]
    Port {
        /// The port that was asked for.
        port: u16,
        /// What the system says.
        source: io::Error,
    },
    /// The data file cannot be opened or created.
    #[error("cannot open the data file {} ({reason}); give a file in an existing, writable folder", path.display())]
    Data {
        /// The file that was asked for.
        path: PathBuf,
        /// The reason of the system, or of the engine.
        reason: String,
    },
    /// The data file has a content that this engine did not write.
    #[error("{} is not a data file of this command; give another file, or one that does not exist yet", path.display())]
    NotADataFile {
        /// The file that was asked for.
        path: PathBuf,
    },
    /// A table could not be created or looked at.
    #[error("cannot create table {name} ({reason}); compare {logical_id} in the template")]
    Table {
        /// The table's name.
        name: String,
        /// Its resource in the template.
        logical_id: &'static str,
        /// What the engine says.
        reason: DynoxideError,
    },
    /// The data file has the table, but with other keys or indexes.
    #[error(
        "table {name} in the data file was made from another {logical_id} than the template has now; \
         move the file away or give another one"
    )]
    Outdated {
        /// The table's name.
        name: String,
        /// Its resource in the template.
        logical_id: &'static str,
    },
    /// The template cannot be read.
    #[error(transparent)]
    Template(#[from] TemplateError),
    /// The system gave no thread or event loop to run on.
    #[error("cannot start the engine's thread ({0})")]
    Thread(#[source] io::Error),
}

/// A running engine. It ends with [`stop`](Self::stop) or when it is dropped.
#[derive(Debug)]
pub struct Engine {
    address: SocketAddr,
    _server: Server,
}

impl Engine {
    /// Starts an engine with both tables in it. Those that the data file has already are kept as they are.
    pub async fn start(options: EngineOptions) -> Result<Self, EngineError> {
        // The port first, so that a second engine fails before it touches the data of the first.
        let port = |source| EngineError::Port { port: options.port, source };
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, options.port)).map_err(port)?;
        listener.set_nonblocking(true).map_err(port)?;
        let address = listener.local_addr().map_err(port)?;
        let database = database(&options)?;
        let server = Server::start("dynamodb", move || async move {
            let Ok(listener) = tokio::net::TcpListener::from_std(listener) else { return };
            dynoxide::server::serve_on(listener, database).await;
        });
        Ok(Self { address, _server: server.map_err(EngineError::Thread)? })
    }

    /// Where it listens: `http://127.0.0.1:PORT`.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Ends it. When this returns, the port is free and the data file closed.
    pub fn stop(self) {
        drop(self);
    }
}

fn database(options: &EngineOptions) -> Result<Database, EngineError> {
    let database = open(options)?;
    for (logical_id, name) in
        [("RulesTable", &options.rules_table), ("SessionsTable", &options.sessions_table)]
    {
        let table = template::table(TEMPLATE, logical_id)?;
        let failed = |reason| EngineError::Table { name: name.clone(), logical_id, reason };
        match existing(&database, name).map_err(failed)? {
            None => create(&database, name, &table).map_err(failed)?,
            Some(found) if same(&found, &table) => {}
            Some(_) => return Err(EngineError::Outdated { name: name.clone(), logical_id }),
        }
    }
    Ok(database)
}

fn open(options: &EngineOptions) -> Result<Database, EngineError> {
    let path = options.data.as_deref().unwrap_or(Path::new(":memory:"));
    // The engine would take any other file for an encrypted one.
    let starts_as_database = |content: Vec<u8>| content.is_empty() || content == SQLITE_MAGIC;
    if options.data.is_some() && !beginning(path).is_none_or(starts_as_database) {
        return Err(EngineError::NotADataFile { path: path.to_owned() });
    }
    let failed = |reason| EngineError::Data { path: path.to_owned(), reason };
    let name = path.to_str().ok_or_else(|| failed("its name is not UTF-8".to_owned()))?;
    Database::new(name).map_err(|error| failed(reason(path, error)))
}

/// The reason why the engine cannot open the file: the system's if it refuses, which is the more exact one.
fn reason(path: &Path, error: DynoxideError) -> String {
    match (File::options().append(true).create(true).open(path), error) {
        (Err(refused), _) => refused.to_string(),
        (Ok(_), DynoxideError::InternalServerError(message)) => message,
        (Ok(_), error) => error.to_string(),
    }
}

/// How every database file of SQLite begins.
const SQLITE_MAGIC: &[u8] = b"SQLite format 3\0";

/// The first bytes of a file, if it can be read. What cannot be read is reported by the engine.
fn beginning(path: &Path) -> Option<Vec<u8>> {
    let mut beginning = Vec::new();
    let file = File::open(path).ok()?;
    file.take(SQLITE_MAGIC.len() as u64).read_to_end(&mut beginning).ok()?;
    Some(beginning)
}

/// The table as the engine has it, or nothing.
fn existing(database: &Database, name: &str) -> Result<Option<Table>, DynoxideError> {
    if database.get_table_metadata(name)?.is_none() {
        return Ok(None);
    }
    let described = database.describe_table(DescribeTableRequest { table_name: name.to_owned() })?;
    // What DescribeTable answers is spelled like the template, with more in it.
    let table = serde_json::to_value(described.table).and_then(serde_json::from_value);
    table.map(Some).map_err(internal)
}

fn create(database: &Database, name: &str, table: &Table) -> Result<(), DynoxideError> {
    let mut request = serde_json::to_value(table).map_err(internal)?;
    request["TableName"] = json!(name);
    request["BillingMode"] = json!("PAY_PER_REQUEST");
    // As a document rather than field by field: only so does the engine check it as it checks a request.
    let request: CreateTableRequest = serde_json::from_value(request).map_err(internal)?;
    database.create_table(request)?;

    if let Some(expiry) = &table.time_to_live_specification {
        database.update_time_to_live(UpdateTimeToLiveRequest {
            table_name: name.to_owned(),
            time_to_live_specification: TimeToLiveSpecification {
                attribute_name: expiry.attribute_name.clone(),
                enabled: expiry.enabled,
            },
        })?;
    }
    Ok(())
}

/// Whether two tables have the same keys and indexes, in whatever order they are listed.
fn same(one: &Table, other: &Table) -> bool {
    fn sorted<T: serde::Serialize>(items: &[T]) -> Vec<String> {
        let mut texts: Vec<_> = items.iter().map(|item| json!(item).to_string()).collect();
        texts.sort();
        texts
    }
    one.key_schema == other.key_schema
        && sorted(&one.attribute_definitions) == sorted(&other.attribute_definitions)
        && sorted(&one.global_secondary_indexes) == sorted(&other.global_secondary_indexes)
}

fn internal(error: serde_json::Error) -> DynoxideError {
    DynoxideError::InternalServerError(error.to_string())
}
/// A call in DynamoDB's own JSON, past the SDK's types. It blocks; the engine needs another thread.
///
/// # Errors
/// No answer, or none with status 200.
pub fn call(
    endpoint: &str,
    operation: &str,
    request: &serde_json::Value,
) -> Result<serde_json::Value, ureq::Error> {
    // The engine wants a signature, and does not check it.
    let signature = "AWS4-HMAC-SHA256 Credential=local/20260101/us-east-1/dynamodb/aws4_request, SignedHeaders=host, Signature=0";
    let call = ureq::post(endpoint)
        .header("x-amz-target", format!("DynamoDB_20120810.{operation}"))
        .header("x-amz-date", "20260101T000000Z")
        .header("authorization", signature)
        .header("content-type", "application/x-amz-json-1.0");
    call.send(request.to_string())?.body_mut().read_json()
}
