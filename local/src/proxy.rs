//! A proxy before an AWS service, for what the service itself cannot be made to do: fail, stall, lose an
//! answer. It also counts: what a function asks for is seen at the wire.

use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use axum::body::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::{
    Request, Response, body::Incoming, client::conn::http1 as client, http::response::Parts,
    server::conn::http1 as server,
};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{Notify, broadcast},
    task::JoinHandle,
    time::sleep,
};

/// What a call asks for.
#[derive(Debug)]
pub struct Call<'a> {
    /// How many calls came before it.
    pub number: u64,
    /// The operation as the wire names it, such as `DynamoDB_20120810.PutItem`.
    pub target: &'a str,
    /// The request's JSON.
    pub body: &'a Bytes,
}

/// A call that was made.
#[derive(Clone, Debug, PartialEq)]
pub struct Made {
    /// The operation, such as `PutItem`.
    pub operation: String,
    /// What DynamoDB says it consumed, in write or read units; 0 for other services. A write that its condition
    /// refuses is not reported but paid: at least one unit, which is what stands here.
    pub units: f64,
}

/// What becomes of a call.
#[derive(Clone, Debug)]
pub enum Verdict {
    /// It goes through.
    Pass,
    /// It goes through with another body.
    Rewrite(Bytes),
    /// The service is not asked; this answer comes back: an HTTP status and JSON.
    Answer(u16, String),
    /// The service is not asked, and the connection breaks.
    Reset,
    /// The service does what it was asked, and the connection breaks before its answer.
    LoseAnswer,
    /// It goes through after this time.
    Stall(Duration),
    /// The service is not asked, and nothing comes back; [`Proxy::held`] tells.
    HoldRequest,
    /// The service does what it was asked, and its answer does not come back; [`Proxy::held`] tells.
    HoldAnswer,
}

/// How an idle connection ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// As a server ends what was idle for too long.
    Close,
    /// As what stands between ends what it has forgotten.
    Reset,
}

type Judge = dyn Fn(&Call<'_>) -> Verdict + Send + Sync;

/// A running proxy. It ends when it is dropped.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    shared: Arc<Shared>,
    server: JoinHandle<()>,
}

struct Shared {
    upstream: String,
    judge: Box<Judge>,
    next: AtomicU64,
    made: Mutex<Vec<Made>>,
    held: Notify,
    opened: AtomicU64,
    end: broadcast::Sender<End>,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared").field("upstream", &self.upstream).finish_non_exhaustive()
    }
}

impl Proxy {
    /// Starts one before `upstream` (`http://127.0.0.1:PORT`); `judge` says what becomes of each call.
    ///
    /// # Errors
    /// There is no port to listen on.
    pub async fn start(
        upstream: &str,
        judge: impl Fn(&Call<'_>) -> Verdict + Send + Sync + 'static,
    ) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared {
            upstream: upstream.trim_start_matches("http://").to_owned(),
            judge: Box::new(judge),
            next: AtomicU64::new(0),
            made: Mutex::default(),
            held: Notify::new(),
            opened: AtomicU64::new(0),
            end: broadcast::channel(1).0,
        });
        let server = tokio::spawn(serve(listener, Arc::clone(&shared)));
        Ok(Self { address, shared, server })
    }

    /// Where it listens: `http://127.0.0.1:PORT`.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The calls since the last time, in order.
    pub fn take_calls(&self) -> Vec<Made> {
        std::mem::take(&mut self.shared.made())
    }

    /// How many connections it took so far.
    pub fn opened(&self) -> u64 {
        self.shared.opened.load(Ordering::Relaxed)
    }

    /// Ends all connections that there are. When this returns, they are gone; new ones are taken.
    pub async fn end_connections(&self, end: End) {
        // Nobody listens if there are none.
        let _ = self.shared.end.send(end);
        while self.shared.end.receiver_count() > 0 {
            tokio::task::yield_now().await;
        }
    }

    /// Waits until a call is held.
    pub async fn held(&self) {
        self.shared.held.notified().await;
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn serve(listener: TcpListener, shared: Arc<Shared>) {
    // A listener's error concerns one connection, which is gone.
    loop {
        let Ok((connection, _)) = listener.accept().await else {
            // Such as no handles left: some are given back while others have their turn.
            sleep(Duration::from_millis(10)).await;
            continue;
        };
        let Ok((connection, handle)) = two_handles(connection) else { continue };
        shared.opened.fetch_add(1, Ordering::Relaxed);
        tokio::spawn(serve_connection(connection, handle, Arc::clone(&shared)));
    }
}

/// A connection, and a second handle by which it can be made to break: the first is the server's own.
fn two_handles(connection: TcpStream) -> io::Result<(TcpStream, TcpStream)> {
    // One write per answer, not held back.
    connection.set_nodelay(true)?;
    let connection = connection.into_std()?;
    let handle = connection.try_clone()?;
    Ok((TcpStream::from_std(connection)?, TcpStream::from_std(handle)?))
}

async fn serve_connection(connection: TcpStream, handle: TcpStream, shared: Arc<Shared>) {
    let upstream = tokio::sync::Mutex::new(None);
    let service = hyper::service::service_fn(|request| pass(request, &shared, &upstream));
    let mut end = shared.end.subscribe();
    let served = server::Builder::new().serve_connection(TokioIo::new(connection), service);
    let end = tokio::select! {
        // An error is a verdict, or the caller's end: either way the connection is over.
        served = served => if served.is_err() { End::Reset } else { End::Close },
        end = end.recv() => end.unwrap_or(End::Close),
    };
    if end == End::Reset {
        // Where that fails, the connection ends more kindly than it should.
        let _ = handle.set_zero_linger();
    }
}

type Upstream = tokio::sync::Mutex<Option<client::SendRequest<Full<Bytes>>>>;

async fn pass(
    request: Request<Incoming>,
    shared: &Shared,
    upstream: &Upstream,
) -> Result<Response<Full<Bytes>>, io::Error> {
    let (head, body) = request.into_parts();
    let mut body = body.collect().await.map_err(io::Error::other)?.to_bytes();
    let target = head.headers.get("x-amz-target").and_then(|target| target.to_str().ok()).unwrap_or_default();
    let number = shared.next.fetch_add(1, Ordering::Relaxed);
    let verdict = (shared.judge)(&Call { number, target, body: &body });
    let place = {
        let mut made = shared.made();
        made.push(Made { operation: target.rsplit('.').next().unwrap_or_default().to_owned(), units: 0.0 });
        made.len() - 1
    };
    match &verdict {
        Verdict::Answer(status, json) => return answer(*status, json.clone()),
        Verdict::Reset => return Err(io::ErrorKind::ConnectionReset.into()),
        Verdict::HoldRequest => return hold(shared).await,
        Verdict::Stall(time) => sleep(*time).await,
        Verdict::Rewrite(other) => body = other.clone(),
        Verdict::Pass | Verdict::LoseAnswer | Verdict::HoldAnswer => {}
    }
    if target.starts_with("DynamoDB_") {
        body = asking_for_units(body);
    }
    let mut forwarded = Request::new(Full::new(body));
    *forwarded.method_mut() = head.method;
    *forwarded.uri_mut() = head.uri;
    *forwarded.headers_mut() = head.headers;
    // The length is that of the body as it goes out.
    forwarded.headers_mut().remove(hyper::header::CONTENT_LENGTH);
    let (head, answered) = forward(forwarded, shared, upstream).await?;
    if let Some(made) = shared.made().get_mut(place) {
        made.units = consumed_units(&answered);
    }
    match verdict {
        Verdict::LoseAnswer => Err(io::ErrorKind::ConnectionReset.into()),
        Verdict::HoldAnswer => hold(shared).await,
        _ => Ok(Response::from_parts(head, Full::new(answered))),
    }
}

fn asking_for_units(body: Bytes) -> Bytes {
    let Ok(mut request) = serde_json::from_slice::<Value>(&body) else { return body };
    request["ReturnConsumedCapacity"] = json!("TOTAL");
    request.to_string().into()
}

fn consumed_units(answer: &Bytes) -> f64 {
    let answer: Value = serde_json::from_slice(answer).unwrap_or_default();
    if answer["__type"].as_str().is_some_and(|error| error.ends_with("ConditionalCheckFailedException")) {
        return 1.0;
    }
    answer["ConsumedCapacity"]["CapacityUnits"].as_f64().unwrap_or_default()
}

impl Shared {
    fn made(&self) -> MutexGuard<'_, Vec<Made>> {
        // Nothing that holds the lock can leave the list half changed.
        self.made.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn forward(
    request: Request<Full<Bytes>>,
    shared: &Shared,
    upstream: &Upstream,
) -> Result<(Parts, Bytes), io::Error> {
    let mut upstream = upstream.lock().await;
    let mut sender = match upstream.take().filter(|sender| !sender.is_closed()) {
        Some(sender) => sender,
        None => {
            let connection = TcpStream::connect(&shared.upstream).await?;
            connection.set_nodelay(true)?;
            let (sender, driver) =
                client::handshake(TokioIo::new(connection)).await.map_err(io::Error::other)?;
            tokio::spawn(driver);
            sender
        }
    };
    sender.ready().await.map_err(io::Error::other)?;
    let answered = sender.send_request(request).await.map_err(io::Error::other)?;
    let (mut head, body) = answered.into_parts();
    let body = body.collect().await.map_err(io::Error::other)?.to_bytes();
    *upstream = Some(sender);
    head.headers.remove(hyper::header::TRANSFER_ENCODING);
    Ok((head, body))
}

async fn hold<T>(shared: &Shared) -> T {
    shared.held.notify_one();
    std::future::pending().await
}

fn answer(status: u16, json: String) -> Result<Response<Full<Bytes>>, io::Error> {
    let response = Response::builder().status(status).header("content-type", "application/x-amz-json-1.0");
    response.body(Full::new(json.into())).map_err(io::Error::other)
}
