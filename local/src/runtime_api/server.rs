//! Lambda's side of the [Runtime API], for one function.
//!
//! [Runtime API]: https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html

use std::{
    fs::File,
    io::{self, Write},
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
    time::{Instant, SystemTime},
};

use axum::{
    Router,
    body::Bytes,
    extract::{self, DefaultBodyLimit, State},
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::{get, post},
    serve::ListenerExt,
};
use tokio::{
    net::TcpListener,
    sync::{mpsc, oneshot},
    task::JoinHandle,
};

use super::REGION;

/// Lambda's side of the conversation: what the function asked and answered, in order.
#[derive(Debug)]
pub(super) struct RuntimeApi {
    pub(super) address: SocketAddr,
    pub(super) polls: mpsc::UnboundedReceiver<Poll>,
    pub(super) answers: mpsc::UnboundedReceiver<Answer>,
    server: JoinHandle<()>,
}

/// A function asking for an event. It waits until `reply` is used.
#[derive(Debug)]
pub(super) struct Poll {
    pub(super) at: Instant,
    pub(super) reply: oneshot::Sender<Delivery>,
}

/// An event on its way to the function.
#[derive(Debug)]
pub(super) struct Delivery {
    pub(super) id: String,
    pub(super) body: Bytes,
    pub(super) deadline: SystemTime,
}

/// What came back: the function's answer, or its error.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) id: String,
    pub(super) at: Instant,
    pub(super) outcome: Result<Bytes, Bytes>,
}

/// What the handlers share.
struct Shared {
    arn: String,
    polls: mpsc::UnboundedSender<Poll>,
    answers: mpsc::UnboundedSender<Answer>,
    log: File,
}

impl RuntimeApi {
    pub(super) async fn start(function: &str, log: File) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let (polls, polls_out) = mpsc::unbounded_channel();
        let (answers, answers_out) = mpsc::unbounded_channel();
        let arn = format!("arn:aws:lambda:{REGION}:000000000000:function:{function}");
        let app = router(Arc::new(Shared { arn, polls, answers, log }));
        // An answer is one write, and is not held back: 40 ms of Nagle's algorithm would be all one measures.
        let listener = listener.tap_io(|connection| {
            // Without it the conversation is slower, not wrong.
            let _ = connection.set_nodelay(true);
        });
        let server = tokio::spawn(async move {
            // It never returns, and its errors concern single connections, which the function would report.
            let _ = axum::serve(listener, app).await;
        });
        Ok(Self { address, polls: polls_out, answers: answers_out, server })
    }
}

impl Drop for RuntimeApi {
    fn drop(&mut self) {
        self.server.abort();
    }
}

fn router(shared: Arc<Shared>) -> Router {
    let runtime = Router::new()
        .route("/invocation/next", get(next))
        .route("/invocation/{id}/response", post(response))
        .route("/invocation/{id}/error", post(error))
        .route("/init/error", post(init_error))
        .layer(DefaultBodyLimit::disable())
        .with_state(shared);
    Router::new().nest("/2018-06-01/runtime", runtime)
}

async fn next(State(shared): State<Arc<Shared>>) -> Response {
    let (reply, delivery) = oneshot::channel();
    // If the sandbox is gone, the reply is dropped with the poll, and so is noticed below.
    let _ = shared.polls.send(Poll { at: Instant::now(), reply });
    let Ok(Delivery { id, body, deadline }) = delivery.await else {
        return StatusCode::GONE.into_response();
    };
    // The clock of a machine that can run this is past 1970.
    let deadline = deadline.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_millis();
    let headers = [
        ("content-type", "application/json".to_owned()),
        ("lambda-runtime-aws-request-id", id),
        ("lambda-runtime-deadline-ms", deadline.to_string()),
        ("lambda-runtime-invoked-function-arn", shared.arn.clone()),
        ("lambda-runtime-trace-id", "Root=1-00000000-000000000000000000000000;Sampled=0".to_owned()),
    ];
    (headers, body).into_response()
}

async fn response(
    State(shared): State<Arc<Shared>>,
    extract::Path(id): extract::Path<String>,
    body: Bytes,
) -> StatusCode {
    shared.answer(id, Ok(body))
}

async fn error(
    State(shared): State<Arc<Shared>>,
    extract::Path(id): extract::Path<String>,
    body: Bytes,
) -> StatusCode {
    shared.answer(id, Err(body))
}

async fn init_error(State(shared): State<Arc<Shared>>, body: Bytes) -> StatusCode {
    let line = [b"init error: ", body.as_ref(), b"\n"].concat();
    match (&shared.log).write_all(&line) {
        Ok(()) => StatusCode::ACCEPTED,
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

impl Shared {
    fn answer(&self, id: String, outcome: Result<Bytes, Bytes>) -> StatusCode {
        match self.answers.send(Answer { id, at: Instant::now(), outcome }) {
            Ok(()) => StatusCode::ACCEPTED,
            Err(_) => StatusCode::GONE,
        }
    }
}
