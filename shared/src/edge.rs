//! The Lambda runtime around a handler: what must hold for every answer, whatever the handler does.
//!
//! One outer service takes the invocation as raw JSON. Decoding and handling happen inside one
//! panic guard and one deadline, so that each request gets a JSON answer in time: the conversions
//! of `lambda_http` unwrap before a handler sees the request, and the runtime's own panic layer
//! answers with an invocation error, which API Gateway turns into a body of its own.

mod batch;

use std::{
    future::Future,
    panic::AssertUnwindSafe,
    process::ExitCode,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use futures_util::FutureExt;
use lambda_http::{
    aws_lambda_events::{apigw::ApiGatewayV2httpResponse, encodings::Body},
    http::{HeaderValue, header::CONTENT_TYPE},
};
use lambda_runtime::{LambdaEvent, service_fn};
use serde::Serialize;
use serde_json::value::RawValue;
use tokio::time::Instant;

use crate::{
    config::{self, Env, SettingError},
    protocol::Reply,
    secrets::Keyring,
    store::{Access, Parameters, from_env, ports::ReadParameters},
    webhook::{Admitted, Callback, Door, HttpReply, Incoming, Refusal},
};

pub use batch::{Batch, BatchReply, Message};

/// From bytes in to bytes out. The platform waits for 2 s, network and start included.
pub const BUDGET: Duration = Duration::from_millis(1200);
/// The last resort, for a handler that does not keep its own limits.
const LAST_RESORT: Duration = Duration::from_millis(1350);
/// What waited in a queue may take so long: the function has 30 s, and other messages in its batch.
const WAITED: Duration = Duration::from_secs(10);
/// How long the start waits for what a handler fetches ahead.
const WARM_UP: Duration = Duration::from_millis(500);

/// A request's arrival, from which all its limits are counted.
#[derive(Clone, Copy, Debug)]
pub struct Arrival {
    /// The wall clock, in milliseconds since the epoch.
    pub at_ms: u64,
    started: Instant,
    /// It waited in a queue: nobody waits for an answer.
    waited: bool,
}

/// Something took longer than its share of the budget.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no answer within its share of the budget")]
pub struct Late;

impl Arrival {
    /// A request that arrives now.
    pub fn now() -> Self {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self { at_ms: since_epoch.as_millis() as u64, started: Instant::now(), waited: false }
    }

    /// Something that came at this moment, in milliseconds since the epoch, and is begun now.
    pub fn waited_since(at_ms: u64) -> Self {
        Self { at_ms, waited: true, ..Self::now() }
    }

    /// The wall clock in seconds since the epoch.
    pub fn at_seconds(self) -> i64 {
        (self.at_ms / 1000) as i64
    }

    /// How long ago that was, in milliseconds.
    pub fn elapsed_ms(self) -> f64 {
        self.started.elapsed().as_secs_f64() * 1000.0
    }

    /// Waits for `work`, but no longer than `limit`, and never beyond the budget; for what waited itself,
    /// as long as the function may take for it.
    ///
    /// # Errors
    /// [`Late`]; the work is dropped then.
    pub async fn within<T>(self, limit: Duration, work: impl Future<Output = T>) -> Result<T, Late> {
        let (limit, budget) = if self.waited { (WAITED, WAITED) } else { (limit, BUDGET) };
        let left = budget.saturating_sub(self.started.elapsed());
        tokio::time::timeout(limit.min(left), work).await.map_err(|_| Late)
    }
}

/// What takes care of callbacks.
pub trait Handler {
    /// Who is let in.
    fn door(&self) -> &Door;

    /// Fetches ahead what the first callback will need; bounded in time, and may fail.
    fn warm_up(&self) -> impl Future<Output = ()>;

    /// Takes care of a verified callback.
    fn take(&self, callback: Callback, arrival: Arrival) -> impl Future<Output = HttpReply>;

    /// Takes care of what waited in a queue, and returns the ids of the messages that failed: they
    /// come again. A function without a queue has none to take.
    fn drain(&self, messages: Vec<Message>) -> impl Future<Output = Vec<String>> {
        std::future::ready(messages.into_iter().map(|message| message.message_id).collect())
    }
}

/// What goes back to whoever invoked the function.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub enum Answer {
    /// To API Gateway.
    Http(Box<ApiGatewayV2httpResponse>),
    /// To Lambda, which reads the queue.
    Batch(BatchReply),
}

/// Runs a function for the life of its sandbox.
///
/// A bad setting ends the start with one line on standard error and exit code 1.
pub async fn run<H: Handler>(handler: impl FnOnce(Env<'_>, &Access) -> Result<H, SettingError>) -> ExitCode {
    lambda_http::tracing::init_default_subscriber();
    quiet_panics();
    let env = Env::of_process();
    let aws = from_env(env);
    let built = config::secret_sources(env).and_then(|sources| Ok((sources, handler(env, &aws)?)));
    let (sources, handler) = match built {
        Ok(built) => built,
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::FAILURE;
        }
    };
    let keyring = Keyring::new(sources, Parameters::new(aws.ssm()));
    if handler.door().is_open() {
        tracing::warn!(
            "whoever knows an app id may come in: set URL_KEYS, or SIGNATURE_POLICY to `required`"
        );
    }
    let warm_up =
        async { futures_util::join!(unless_panicking(handler.warm_up()), keyring.current(Arrival::now())) };
    if tokio::time::timeout(WARM_UP, warm_up).await.is_err() {
        tracing::warn!("the warm-up took too long; the first request does the rest");
    }
    let (handler, keyring) = (&handler, &keyring);
    let service = service_fn(|event: LambdaEvent<Box<RawValue>>| async move {
        Ok::<_, std::convert::Infallible>(answer(handler, keyring, event.payload.get()).await)
    });
    match lambda_runtime::run(service).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(%error, "the Lambda runtime ended");
            ExitCode::FAILURE
        }
    }
}

/// Answers one invocation, whatever it holds and whatever the handler does.
pub async fn answer(handler: &impl Handler, keyring: &Keyring<impl ReadParameters>, payload: &str) -> Answer {
    let arrival = Arrival::now();
    let incoming = serde_json::from_str::<Incoming<'_>>(payload);
    // What API Gateway sends has always a method; so has no batch.
    if incoming.as_ref().is_ok_and(|incoming| incoming.method().is_empty())
        && let Ok(batch) = serde_json::from_str::<Batch>(payload)
    {
        return Answer::Batch(drain(handler, batch).await);
    }
    let work = async {
        match incoming {
            Ok(incoming) => admit(handler, keyring, incoming, arrival).await,
            Err(_) => refuse(Refusal::NotARequest, arrival),
        }
    };
    let reply = match tokio::time::timeout(LAST_RESORT, unless_panicking(work)).await {
        Ok(Some(reply)) => reply,
        Ok(None) => HttpReply::unavailable(),
        Err(_) => {
            tracing::error!("no answer within the budget");
            HttpReply::unavailable()
        }
    };
    Answer::Http(Box::new(respond(reply)))
}

/// What is not done comes again: nobody waits for it, so that it has the function's own time.
async fn drain(handler: &impl Handler, Batch { records }: Batch) -> BatchReply {
    let all: Vec<String> = records.iter().map(|message| message.message_id.clone()).collect();
    let messages = all.len();
    // Boxed, as below.
    let failed = Box::pin(unless_panicking(handler.drain(records))).await.unwrap_or(all);
    tracing::info!(outcome = "drained", messages, failed = failed.len());
    BatchReply::failed(failed)
}

async fn admit(
    handler: &impl Handler,
    keyring: &Keyring<impl ReadParameters>,
    incoming: Incoming<'_>,
    arrival: Arrival,
) -> HttpReply {
    let secrets = Box::pin(keyring.current(arrival)).await;
    match handler.door().admit(&incoming, secrets.as_deref(), arrival.at_seconds()) {
        // Boxed: the compiler gives up on futures nested as deep as the SDK's inside the runtime's.
        Ok(Admitted::Callback(callback)) => Box::pin(handler.take(callback, arrival)).await,
        Ok(Admitted::Probe) => {
            tracing::info!(outcome = "probe", duration_ms = arrival.elapsed_ms());
            HttpReply::answer(Reply::ok())
        }
        Err(refusal) => refuse(refusal, arrival),
    }
}

fn refuse(refusal: Refusal, arrival: Arrival) -> HttpReply {
    tracing::warn!(outcome = "refused", cause = refusal.cause(), duration_ms = arrival.elapsed_ms());
    refusal.into()
}

/// The outcome of `work`, or nothing if it panicked; the panic hook has logged where.
pub async fn unless_panicking<T>(work: impl Future<Output = T>) -> Option<T> {
    // What a panicking request leaves half done is its own: handlers share nothing but caches
    // behind locks that are never held across an await.
    AssertUnwindSafe(work).catch_unwind().await.ok()
}

fn respond(HttpReply { status, reply }: HttpReply) -> ApiGatewayV2httpResponse {
    let mut response = ApiGatewayV2httpResponse::default();
    response.status_code = i64::from(status);
    response.headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response.body = serde_json::to_string(&reply).ok().map(Body::Text);
    response
}

/// A panic's message may hold parts of a body; its place does not.
fn quiet_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        tracing::error!(place, "panicked; this is a defect of the software");
    }));
}

#[cfg(test)]
mod tests {
    use secrecy::SecretString;

    use super::*;
    use crate::{
        protocol::{Command, Endpoint},
        store::StoreError,
    };

    /// Nobody who could be asked for secrets.
    struct Nothing;

    impl ReadParameters for Nothing {
        async fn parameters(&self, _: &[&str]) -> Result<Vec<SecretString>, StoreError> {
            Err(StoreError::late("GetParameters"))
        }
    }

    fn keyring() -> Keyring<Nothing> {
        Keyring::new(config::secret_sources(Env::new(&|_| None)).unwrap(), Nothing)
    }

    struct Broken(Door);

    impl Handler for Broken {
        fn door(&self) -> &Door {
            &self.0
        }

        async fn warm_up(&self) {}

        async fn take(&self, callback: Callback, arrival: Arrival) -> HttpReply {
            match callback.command {
                Command::AssignHuman => panic!("on purpose"),
                Command::AssignAgent => std::future::pending().await,
                _ => match arrival.within(Duration::from_millis(1), std::future::pending::<()>()).await {
                    Ok(()) => HttpReply::answer(Reply::ok()),
                    Err(Late) => HttpReply::unavailable(),
                },
            }
        }
    }

    fn broken(endpoint: Endpoint) -> Broken {
        let config = config::door(Env::new(&|name| (name == "SDK_APP_IDS").then(|| "1400000001".into())));
        Broken(Door::new(endpoint, config.unwrap()))
    }

    fn callback(command: &str) -> String {
        serde_json::json!({
            "rawQueryString": "SdkAppid=1400000001",
            "requestContext": { "http": { "method": "POST" } },
            "body": format!(r#"{{"CallbackCommand":"{command}"}}"#),
        })
        .to_string()
    }

    async fn answer_of(endpoint: Endpoint, payload: &str) -> (i64, Reply) {
        let Answer::Http(response) = answer(&broken(endpoint), &keyring(), payload).await else {
            panic!("a batch")
        };
        let Some(Body::Text(body)) = response.body else { panic!("no body") };
        (response.status_code, serde_json::from_str(&body).unwrap())
    }

    #[tokio::test(start_paused = true)]
    async fn whatever_the_handler_does_there_is_a_json_answer() {
        use Endpoint::{AssignAgent, SessionEvents};
        for (endpoint, payload, status) in [
            (AssignAgent, &*callback("ChatBot.OnAssignHuman"), 503),
            (AssignAgent, &*callback("ChatBot.OnAssignAgent"), 503),
            (SessionEvents, &*callback("Desk.SessionEventNotify"), 503),
            (SessionEvents, r#"{"rawPath":7}"#, 400),
            (SessionEvents, "[1]", 400),
            (SessionEvents, "null", 400),
            (SessionEvents, "{}", 405),
        ] {
            let (answered, reply) = answer_of(endpoint, payload).await;
            assert_eq!((answered, reply.error_code), (status, 1), "{payload}");
            assert!(!reply.error_info.is_empty());
        }
    }

    #[tokio::test]
    async fn a_batch_that_nobody_drains_fails_whole() {
        let batch = r#"{"Records":[{"messageId":"a","body":"?"},{"messageId":"b","body":""}]}"#;
        let answer = answer(&broken(Endpoint::AssignAgent), &keyring(), batch).await;
        let expected = r#"{"batchItemFailures":[{"itemIdentifier":"a"},{"itemIdentifier":"b"}]}"#;
        assert_eq!(serde_json::to_string(&answer).unwrap(), expected);
    }
}
