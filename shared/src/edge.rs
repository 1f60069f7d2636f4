//! The Lambda runtime around a handler: what must hold for every answer, whatever the handler does.
//!
//! One outer service takes the invocation as raw JSON. Decoding and handling happen inside one
//! panic guard and one deadline, so that each request gets a JSON answer in time: the conversions
//! of `lambda_http` unwrap before a handler sees the request, and the runtime's own panic layer
//! answers with an invocation error, which API Gateway turns into a body of its own.

mod arrival;
mod batch;
pub mod budget;
mod payload;
mod report;

use std::{future::Future, process::ExitCode, sync::Arc};

use lambda_http::{
    aws_lambda_events::{apigw::ApiGatewayV2httpResponse, encodings::Body},
    http::{HeaderValue, header::CONTENT_TYPE},
};
use lambda_runtime::{Context, LambdaEvent, service_fn};
use serde::Serialize;

use crate::{
    config::{self, Env, SettingError},
    metrics::Metric,
    protocol::Reply,
    secrets::Keyring,
    store::{Access, Limits, Parameters, from_env, ports::ReadParameters},
    webhook::{Admitted, Callback, Cause, Door, HttpReply, Incoming, Refusal},
};

pub use arrival::{Arrival, Late};
pub use batch::{Batch, BatchReply, Message};
pub use payload::Payload;
use report::Level;
pub use report::{Log, Outcome};

/// What takes care of callbacks.
pub trait Handler {
    /// Who is let in.
    fn door(&self) -> &Door;

    /// Fetches ahead what the first callback will need; bounded in time, and may fail.
    fn warm_up(&self, arrival: &Arrival) -> impl Future<Output = ()>;

    /// Takes care of a verified callback.
    fn take(&self, callback: Callback, arrival: &Arrival) -> impl Future<Output = HttpReply>;

    /// Takes care of what waited in a queue, and returns the ids of the messages that failed: they
    /// come again. A function without a queue has none to take.
    fn drain(&self, messages: Vec<Message>, _: &Arrival) -> impl Future<Output = Vec<String>> {
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

/// A function: its handler, and what stands around it.
pub struct Function<H, P> {
    /// What takes care of callbacks.
    pub handler: H,
    /// The secrets by which they are verified.
    pub keyring: Keyring<P>,
    /// Where requests are told of.
    pub log: Arc<Log>,
}

/// Runs a function for the life of its sandbox.
///
/// A bad setting ends the start with one line on standard error and exit code 1.
pub async fn run<H: Handler>(handler: impl FnOnce(Env<'_>, &Access) -> Result<H, SettingError>) -> ExitCode {
    let env = Env::of_process();
    let log = Arc::new(Log::new(env));
    quiet_panics(Arc::clone(&log));
    let aws = from_env(env);
    let built = config::secret_sources(env).and_then(|sources| Ok((sources, handler(env, &aws)?)));
    let (sources, handler) = match built {
        Ok(built) => built,
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::FAILURE;
        }
    };
    let keyring = Keyring::new(sources, Parameters::new(aws.within(Limits::SECRETS)));
    let function = Function { handler, keyring, log };
    function.warm_up().await;
    let function = &function;
    let service = service_fn(|event: LambdaEvent<Payload>| async move {
        Ok::<_, std::convert::Infallible>(function.answer(event.payload, &event.context).await)
    });
    match lambda_runtime::run(service).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            function.log.say(Level::Error, &format!("the Lambda runtime ended: {error}"));
            ExitCode::FAILURE
        }
    }
}

impl<H: Handler, P: ReadParameters> Function<H, P> {
    /// Answers one invocation, whatever it holds and whatever the handler does.
    pub async fn answer(&self, payload: Payload, context: &Context) -> Answer {
        let arrival = Arrival::now();
        let answer = match payload {
            Payload::Batch(batch) => Answer::Batch(self.drain(batch, &arrival).await),
            Payload::Request(request) => self.respond(Some(request), &arrival).await,
            Payload::Neither => self.respond(None, &arrival).await,
        };
        self.log.done(&arrival, context);
        answer
    }

    async fn respond(&self, request: Option<Incoming>, arrival: &Arrival) -> Answer {
        let work = async {
            match request {
                Some(request) => self.admit(request, arrival).await,
                None => refuse(Refusal::NotARequest, arrival),
            }
        };
        let reply = match tokio::time::timeout(budget::LAST_RESORT, arrival.unless_panicking(work)).await {
            Ok(Some(reply)) => reply,
            Ok(None) => HttpReply::unavailable(),
            Err(_) => {
                arrival.problem("the answer", Late);
                HttpReply::unavailable()
            }
        };
        if reply.status == 503 {
            arrival.became(Outcome::Unavailable);
        }
        arrival.answered();
        Answer::Http(Box::new(response(&reply)))
    }

    async fn admit(&self, request: Incoming, arrival: &Arrival) -> HttpReply {
        match self.verified(request, arrival).await {
            Ok(Admitted::Callback(callback)) => {
                arrival.is_about(&callback.command);
                // Boxed: the compiler gives up on futures nested as deep as the SDK's inside the runtime's.
                Box::pin(self.handler.take(callback, arrival)).await
            }
            Ok(Admitted::Probe) => {
                arrival.became(Outcome::Probe);
                HttpReply::answer(Reply::ok())
            }
            Err(refusal) => refuse(refusal, arrival),
        }
    }

    async fn verified(&self, request: Incoming, arrival: &Arrival) -> Result<Admitted, Refusal> {
        let (door, now) = (self.handler.door(), arrival.at_seconds());
        let caller = door.meet(request)?;
        let secrets = Box::pin(self.keyring.in_memory(arrival)).await;
        let verified = door.verify(&caller, secrets.as_deref(), now);
        let by_secrets =
            matches!(verified, Ok(_) | Err(Refusal::NotAuthentic(Cause::UrlKey | Cause::WrongSignature)));
        let app = if by_secrets && self.keyring.are_old() {
            match Box::pin(self.keyring.read_again(arrival)).await {
                Some(secrets) => door.verify(&caller, Some(&secrets), now)?,
                // The last good secrets are valid. A caller with others may have newer ones.
                None => verified.map_err(|_| Refusal::NoSecrets)?,
            }
        } else {
            verified?
        };
        door.enter(caller, app)
    }

    /// What is not done comes again: nobody waits for it, so that it has the function's own time.
    async fn drain(&self, Batch { records }: Batch, arrival: &Arrival) -> BatchReply {
        let all: Vec<String> = records.iter().map(|message| message.message_id.clone()).collect();
        let messages = all.len();
        // Boxed, as above.
        let drained = Box::pin(arrival.unless_panicking(self.handler.drain(records, arrival)));
        let failed = arrival.stage("drain", drained).await.unwrap_or(all);
        arrival.became(Outcome::Drained);
        arrival.measure(Metric::Drained, messages.saturating_sub(failed.len()) as f64);
        if !failed.is_empty() {
            arrival.measure(Metric::DrainFailed, failed.len() as f64);
        }
        BatchReply::failed(failed)
    }

    async fn warm_up(&self) {
        if self.handler.door().is_open() {
            let advice =
                "whoever knows an app id may come in: set URL_KEYS, or SIGNATURE_POLICY to `required`";
            self.log.say(Level::Warn, advice);
        }
        let arrival = Arrival::now();
        let warm_up = async {
            futures_util::join!(
                arrival.unless_panicking(self.handler.warm_up(&arrival)),
                self.keyring.in_memory(&arrival)
            )
        };
        if tokio::time::timeout(budget::WARM_UP, warm_up).await.is_err() {
            self.log.say(Level::Warn, "the warm-up took too long; the first request does the rest");
        }
        for problem in &arrival.told().problems {
            self.log.say(Level::Warn, &format!("during the warm-up: {problem}"));
        }
    }
}

fn refuse(refusal: Refusal, arrival: &Arrival) -> HttpReply {
    arrival.became(Outcome::Refused);
    arrival.refused(refusal.cause());
    refusal.into()
}

fn response(HttpReply { status, reply }: &HttpReply) -> ApiGatewayV2httpResponse {
    let mut response = ApiGatewayV2httpResponse::default();
    response.status_code = i64::from(*status);
    response.headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response.body = serde_json::to_string(reply).ok().map(Body::Text);
    response
}

/// A panic's message may hold parts of a body; its place does not.
fn quiet_panics(log: Arc<Log>) {
    std::panic::set_hook(Box::new(move |panic| {
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        log.say(Level::Fatal, &format!("panicked at {place}; this is a defect of the software"));
    }));
}

#[cfg(test)]
mod tests;
