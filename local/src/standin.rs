//! A stand-in for SQS and SSM, as far as the functions and their tests use them. It listens on a loopback port and
//! speaks their JSON protocols. It does not verify signatures.

use std::{
    collections::{BTreeMap, HashMap},
    io,
    net::{Ipv4Addr, SocketAddr, TcpListener},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use axum::{
    Router,
    body::Bytes,
    extract::{DefaultBodyLimit, State},
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
    routing::post,
    serve::ListenerExt,
};
use serde_json::{Value, json};

use crate::{
    server::Server,
    sqs::Queue,
    template::{self, TEMPLATE, TemplateError},
};

/// A running stand-in. It ends when it is dropped, with all that it holds.
#[derive(Debug)]
pub struct StandIn {
    address: SocketAddr,
    held: Arc<Mutex<Held>>,
    _server: Server,
}

#[derive(Debug)]
struct Held {
    started: Instant,
    /// The time that [`StandIn::pass`] has let pass.
    ahead: Duration,
    queues: HashMap<String, Queue>,
    parameters: BTreeMap<String, String>,
}

/// A request that the service refuses.
#[derive(Debug)]
pub(crate) struct Refused {
    pub(crate) code: &'static str,
    pub(crate) message: String,
}

impl Refused {
    pub(crate) fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }

    pub(crate) fn invalid(message: String) -> Self {
        Self::new("InvalidParameterValue", message)
    }

    pub(crate) fn missing(parameter: &str) -> Self {
        Self::new("MissingParameter", format!("{parameter} is missing"))
    }

    pub(crate) fn unknown(operation: &str) -> Self {
        Self::new("UnknownOperationException", format!("the stand-in does not have {operation}"))
    }
}

impl StandIn {
    /// Starts one on any free port, without queues and parameters.
    ///
    /// # Errors
    /// There is no port or thread.
    pub fn start() -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let held = Arc::new(Mutex::new(Held {
            started: Instant::now(),
            ahead: Duration::ZERO,
            queues: HashMap::new(),
            parameters: BTreeMap::new(),
        }));
        let router = Router::new()
            .route("/", post(answer))
            .layer(DefaultBodyLimit::disable())
            .with_state(Arc::clone(&held));
        let server = Server::start("sqs-and-ssm", move || async move {
            let Ok(listener) = tokio::net::TcpListener::from_std(listener) else { return };
            // An answer is not held back by Nagle's algorithm. Without that, the server is slower, not wrong.
            let listener = listener.tap_io(|connection| drop(connection.set_nodelay(true)));
            // It never returns, and its errors concern single connections.
            let _ = axum::serve(listener, router).await;
        })?;
        Ok(Self { address, held, _server: server })
    }

    /// The address of both services: `http://127.0.0.1:PORT`.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Creates the template's queue under its logical id, and returns its URL.
    ///
    /// # Errors
    /// The template's.
    pub fn create_queue(&self, logical_id: &'static str) -> Result<String, TemplateError> {
        let queue = Queue::new(&template::queue(TEMPLATE, logical_id)?);
        held(&self.held).queues.insert(logical_id.to_owned(), queue);
        Ok(format!("{}/000000000000/{logical_id}", self.endpoint()))
    }

    /// Sets a SecureString of SSM.
    pub fn put_secret(&self, name: &str, value: &str) {
        held(&self.held).parameters.insert(name.to_owned(), value.to_owned());
    }

    /// Lets this time pass at once, for delays and visibility timeouts.
    pub fn pass(&self, time: Duration) {
        held(&self.held).ahead += time;
    }
}

fn held(held: &Mutex<Held>) -> MutexGuard<'_, Held> {
    // Nothing that holds the lock can leave it half changed.
    held.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn answer(State(state): State<Arc<Mutex<Held>>>, headers: HeaderMap, body: Bytes) -> Response {
    let target = headers.get("x-amz-target").and_then(|target| target.to_str().ok()).unwrap_or_default();
    let request = serde_json::from_slice(&body).unwrap_or_default();
    let (status, answer) = match held(&state).call(target, &request) {
        Ok(answer) => (StatusCode::OK, answer),
        Err(Refused { code, message }) => {
            (StatusCode::BAD_REQUEST, json!({ "__type": code, "message": message }))
        }
    };
    (status, [("content-type", "application/x-amz-json-1.0")], answer.to_string()).into_response()
}

impl Held {
    fn call(&mut self, target: &str, request: &Value) -> Result<Value, Refused> {
        match target.split_once('.') {
            Some(("AmazonSQS", operation)) => {
                let now = self.started.elapsed() + self.ahead;
                let name =
                    request["QueueUrl"].as_str().and_then(|url| url.rsplit('/').next()).unwrap_or_default();
                let queue = self.queues.get_mut(name);
                let unknown = || Refused::new("QueueDoesNotExist", format!("there is no queue {name}"));
                queue.ok_or_else(unknown)?.call(operation, request, now)
            }
            Some(("AmazonSSM", "GetParameters")) => self.parameters(request),
            _ => Err(Refused::unknown(target)),
        }
    }

    fn parameters(&self, request: &Value) -> Result<Value, Refused> {
        let names: Vec<_> =
            request["Names"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        if !(1..=10).contains(&names.len()) {
            return Err(Refused::new("ValidationException", "Names has 1 to 10 names"));
        }
        let decrypted = request["WithDecryption"] == true;
        let (known, unknown): (Vec<_>, Vec<_>) =
            names.into_iter().partition(|name| self.parameters.contains_key(*name));
        let parameter = |name: &str| {
            let value = if decrypted { &self.parameters[name] } else { "encrypted" };
            json!({ "Name": name, "Type": "SecureString", "Value": value, "Version": 1 })
        };
        let known: Vec<_> = known.into_iter().map(parameter).collect();
        Ok(json!({ "Parameters": known, "InvalidParameters": unknown }))
    }
}
