//! API Gateway before real function binaries, and Lambda's Invoke API for them (`cargo lambda invoke`).

use std::{
    fs::File,
    io,
    net::{SocketAddr, TcpListener},
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{SystemTime, UNIX_EPOCH},
};

use axum::{
    Router,
    body::Bytes,
    extract::{ConnectInfo, DefaultBodyLimit, Path, State},
    http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri},
    response::{IntoResponse, Response},
    routing::{any, post},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Map, Value, json};
use tokio::sync::oneshot;

use crate::{
    runtime_api::{Sandbox, SandboxError},
    server::Server,
};

/// API Gateway's own limit.
const MAX_REQUEST_BYTES: usize = 10 << 20;

/// A function: it is called at the path of its name, such as `/assign-agent`, with or without a URL key.
#[derive(Debug)]
pub struct Function {
    /// Its name.
    pub name: &'static str,
    /// Its program.
    pub binary: PathBuf,
    /// Its environment, beside what Lambda sets.
    pub env: Vec<(String, String)>,
}

/// A running gateway. It ends when it is dropped, and its functions with it.
///
/// The functions end as well when this process is killed: the Runtime API that they ask for events is gone then.
#[derive(Debug)]
pub struct Gateway {
    _server: Server,
}

impl Gateway {
    /// Starts a sandbox of each function, and then serves these ports. The functions write to `output`.
    ///
    /// # Errors
    /// A function does not start.
    pub async fn start(
        listeners: Vec<TcpListener>,
        functions: Vec<Function>,
        output: File,
    ) -> Result<Self, SandboxError> {
        let failed = |source| SandboxError::System { action: "start the gateway's thread", source };
        let (ready, started) = oneshot::channel();
        let server = Server::start("gateway", move || async move {
            match Functions::start(functions, output).await {
                Ok(functions) => {
                    let _ = ready.send(Ok(()));
                    serve(listeners, Arc::new(functions)).await;
                }
                Err(error) => drop(ready.send(Err(error))),
            }
        });
        let server = server.map_err(failed)?;
        // The thread always reports, unless it panicked.
        started.await.map_err(|lost| failed(io::Error::other(lost)))??;
        Ok(Self { _server: server })
    }
}

async fn serve(listeners: Vec<TcpListener>, functions: Arc<Functions>) {
    let router = Router::new()
        .route("/2015-03-31/functions/{name}/invocations", post(invocation))
        .route("/{name}", any(request))
        .route("/{name}/{key}", any(request))
        .layer(DefaultBodyLimit::max(MAX_REQUEST_BYTES))
        .with_state(functions);
    let mut servers = tokio::task::JoinSet::new();
    for listener in listeners {
        let router = router.clone().into_make_service_with_connect_info::<SocketAddr>();
        servers.spawn(async move {
            let listener = tokio::net::TcpListener::from_std(listener)?;
            axum::serve(listener, router).await
        });
    }
    while let Some(ended) = servers.join_next().await {
        eprintln!("error: a port of the functions is not served any more: {ended:?}");
    }
}

/// The functions with their sandboxes that wait for an event.
struct Functions {
    functions: Vec<(Function, Mutex<Vec<Sandbox>>)>,
    output: File,
}

impl Functions {
    async fn start(functions: Vec<Function>, output: File) -> Result<Self, SandboxError> {
        let mut started = Self { functions: Vec::new(), output };
        for function in functions {
            let sandbox = started.sandbox(&function).await?;
            started.functions.push((function, Mutex::new(vec![sandbox])));
        }
        Ok(started)
    }

    async fn sandbox(&self, function: &Function) -> Result<Sandbox, SandboxError> {
        let share = |source| SandboxError::System { action: "share the functions' output", source };
        let output = self.output.try_clone().map_err(share)?;
        let mut sandbox =
            Sandbox::start_writing_to(output, &function.binary, function.env.iter().cloned()).await?;
        sandbox.ready().await?;
        Ok(sandbox)
    }

    /// Hands an event to a sandbox that waits, or to a new one, as Lambda does. `None`: there is no such function.
    async fn invoke(&self, name: &str, event: &Value) -> Option<Result<Result<Value, Value>, SandboxError>> {
        let (function, waiting) = self.functions.iter().find(|(function, _)| function.name == name)?;
        let idle = lock(waiting).pop();
        let work = async {
            let mut sandbox = match idle {
                Some(sandbox) => sandbox,
                None => self.sandbox(function).await?,
            };
            // A sandbox that fails is not used again.
            let invocation = sandbox.invoke(event).await?;
            lock(waiting).push(sandbox);
            Ok(invocation.response)
        };
        let answer: Result<_, SandboxError> = work.await;
        if let Err(error) = &answer {
            eprintln!("error: {name}: {error}");
        }
        Some(answer)
    }
}

fn lock(waiting: &Mutex<Vec<Sandbox>>) -> MutexGuard<'_, Vec<Sandbox>> {
    // Nothing that holds the lock can leave the list half changed.
    waiting.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Lambda's Invoke API.
async fn invocation(
    State(functions): State<Arc<Functions>>,
    Path(name): Path<String>,
    event: Bytes,
) -> Response {
    let event = match serde_json::from_slice(&event) {
        Ok(event) => event,
        Err(error) => return message(StatusCode::BAD_REQUEST, &format!("the event is not JSON: {error}")),
    };
    // On a task of its own: a caller that goes away ends no invocation.
    let invoked = tokio::spawn(async move { functions.invoke(&name, &event).await }).await;
    match invoked.ok().flatten() {
        Some(Ok(Ok(answer))) => answer.to_string().into_response(),
        Some(Ok(Err(error))) => ([("x-amz-function-error", "Unhandled")], error.to_string()).into_response(),
        Some(Err(error)) => message(StatusCode::INTERNAL_SERVER_ERROR, &error.to_string()),
        None => message(StatusCode::NOT_FOUND, "there is no such function"),
    }
}

/// An HTTP request, as API Gateway passes it on. The deployed routes have POST only; here, the function refuses other
/// methods itself.
async fn request(
    State(functions): State<Arc<Functions>>,
    ConnectInfo(source): ConnectInfo<SocketAddr>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let name = uri.path().split('/').nth(1).unwrap_or_default().to_owned();
    let event = event(source, &method, &uri, &headers, &body);
    let invoked = tokio::spawn(async move { functions.invoke(&name, &event).await }).await;
    match invoked.ok().flatten() {
        Some(Ok(Ok(answer))) => response(&answer),
        Some(_) => message(StatusCode::INTERNAL_SERVER_ERROR, "Internal Server Error"),
        None => message(StatusCode::NOT_FOUND, "Not Found"),
    }
}

fn message(status: StatusCode, message: &str) -> Response {
    (status, [("content-type", "application/json")], json!({ "message": message }).to_string())
        .into_response()
}

/// The request in payload format 2.0.
fn event(source: SocketAddr, method: &Method, uri: &Uri, headers: &HeaderMap, body: &Bytes) -> Value {
    let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    let mut named = Map::new();
    for name in headers.keys() {
        let values: Vec<_> = headers.get_all(name).iter().map(text).collect();
        named.insert(name.to_string(), values.join(",").into());
    }
    let (body, is_base64) = match std::str::from_utf8(body) {
        Ok(text) => (text.to_owned(), false),
        Err(_) => (STANDARD.encode(body), true),
    };
    // The clock of a machine that can run this is past 1970.
    let now_ms = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis() as u64;
    json!({
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": uri.path(),
        "rawQueryString": uri.query().unwrap_or_default(),
        "headers": named,
        "requestContext": {
            "accountId": "000000000000",
            "apiId": "local",
            "domainName": "localhost",
            "domainPrefix": "localhost",
            "http": {
                "method": method.as_str(),
                "path": uri.path(),
                "protocol": "HTTP/1.1",
                "sourceIp": source.ip().to_string(),
                "userAgent": named.get("user-agent"),
            },
            "requestId": "local",
            "routeKey": "$default",
            "stage": "$default",
            "timeEpoch": now_ms,
        },
        "body": body,
        "isBase64Encoded": is_base64,
    })
}

/// The HTTP response that a function's answer describes.
fn response(answer: &Value) -> Response {
    let status = answer["statusCode"].as_u64().and_then(|status| u16::try_from(status).ok());
    let Some(status) = status.and_then(|status| StatusCode::from_u16(status).ok()) else {
        return message(StatusCode::INTERNAL_SERVER_ERROR, "Internal Server Error");
    };
    let mut headers = HeaderMap::new();
    for (name, value) in answer["headers"].as_object().into_iter().flatten() {
        if let (Ok(name), Some(Ok(value))) = (name.parse::<HeaderName>(), value.as_str().map(str::parse)) {
            headers.insert(name, value);
        }
    }
    (status, headers, answer["body"].as_str().unwrap_or_default().to_owned()).into_response()
}
