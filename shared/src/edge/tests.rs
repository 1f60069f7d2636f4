//! What holds for every answer, on handlers that do their worst.

use std::{
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use secrecy::SecretString;
use serde_json::json;

use super::*;
use crate::{
    protocol::{Command, Endpoint},
    store::StoreError,
    webhook::sign,
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

    async fn warm_up(&self, _: &Arrival) {}

    async fn take(&self, callback: Callback, arrival: &Arrival) -> HttpReply {
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

fn broken(endpoint: Endpoint) -> Function<Broken, Nothing> {
    let lookup = |name: &str| (name == "SDK_APP_IDS").then(|| "1400000001".into());
    let env = Env::new(&lookup);
    let handler = Broken(Door::new(endpoint, config::door(env).unwrap()));
    Function { handler, keyring: keyring(), log: Arc::new(Log::new(env)) }
}

async fn answer(endpoint: Endpoint, payload: &str) -> Answer {
    broken(endpoint).answer(serde_json::from_str(payload).unwrap(), &Context::default()).await
}

fn callback(command: &str) -> String {
    json!({
        "rawQueryString": "SdkAppid=1400000001",
        "requestContext": { "http": { "method": "POST" } },
        "body": format!(r#"{{"CallbackCommand":"{command}"}}"#),
    })
    .to_string()
}

async fn answer_of(endpoint: Endpoint, payload: &str) -> (i64, Reply) {
    let Answer::Http(response) = answer(endpoint, payload).await else { panic!("a batch") };
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
    let answer = answer(Endpoint::AssignAgent, batch).await;
    let expected = r#"{"batchItemFailures":[{"itemIdentifier":"a"},{"itemIdentifier":"b"}]}"#;
    assert_eq!(serde_json::to_string(&answer).unwrap(), expected);
}

/// A handler that answers every callback.
struct Willing(Door);

impl Handler for Willing {
    fn door(&self) -> &Door {
        &self.0
    }

    async fn warm_up(&self, _: &Arrival) {}

    async fn take(&self, _: Callback, _: &Arrival) -> HttpReply {
        HttpReply::answer(Reply::ok())
    }
}

/// An SSM that answers as the test says, or hangs, and counts.
#[derive(Default)]
struct Ssm {
    token: Mutex<Option<&'static str>>,
    asked: AtomicUsize,
}

impl ReadParameters for &Ssm {
    async fn parameters(&self, _: &[&str]) -> Result<Vec<SecretString>, StoreError> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        let token = *self.token.lock().unwrap();
        match token {
            Some(token) => Ok(vec![token.into()]),
            None => std::future::pending().await,
        }
    }
}

/// A callback that is signed with this token, or not at all.
fn signed(app: &str, token: Option<&str>) -> Payload {
    let now = Arrival::now().at_seconds().to_string();
    let signature = token.map(|token| format!("&RequestTime={now}&Sign={}", sign(token, &now)));
    let event = json!({
        "rawQueryString": format!("SdkAppid={app}{}", signature.unwrap_or_default()),
        "requestContext": { "http": { "method": "POST" } },
        "body": r#"{"CallbackCommand":"Desk.SessionEventNotify"}"#,
    });
    serde_json::from_str(&event.to_string()).unwrap()
}

#[tokio::test(start_paused = true)]
async fn old_secrets_are_read_again_before_they_let_anybody_in() {
    const APP: &str = "1400000001";
    let ssm = Ssm::default();
    let lookup = |name: &str| match name {
        "SDK_APP_IDS" => Some(APP.to_owned()),
        "SIGNATURE_POLICY" => Some("required".to_owned()),
        "CALLBACK_TOKENS_PARAMETER" => Some("/desk/tokens".to_owned()),
        _ => None,
    };
    let env = Env::new(&lookup);
    let function = Function {
        handler: Willing(Door::new(Endpoint::SessionEvents, config::door(env).unwrap())),
        keyring: Keyring::new(config::secret_sources(env).unwrap(), &ssm),
        log: Arc::new(Log::new(env)),
    };
    let status = async |app: &str, token| {
        let Answer::Http(response) = function.answer(signed(app, token), &Context::default()).await else {
            panic!("a batch")
        };
        (response.status_code, ssm.asked.load(Ordering::Relaxed))
    };
    let keeps = |token| *ssm.token.lock().unwrap() = token;
    let idle = |seconds| tokio::time::advance(Duration::from_secs(seconds));

    keeps(Some("older"));
    assert_eq!(status(APP, Some("older")).await, (200, 1));
    keeps(Some("newer"));
    idle(299).await;
    assert_eq!(status(APP, Some("older")).await, (200, 1), "within their limit");
    idle(2).await;
    for (app, token) in [(APP, None), ("1400000009", Some("older")), ("", Some("older"))] {
        assert_eq!(status(app, token).await, (403, 1), "{app} {token:?} needs no secret to be refused");
    }
    assert_eq!(status(APP, Some("older")).await, (403, 2), "it was revoked");
    assert_eq!(status(APP, Some("newer")).await, (200, 2));

    // SSM hangs: the last good ones let in, and only one request in a second waits.
    keeps(None);
    idle(301).await;
    for _ in 0..3 {
        assert_eq!(status(APP, Some("newer")).await, (200, 3));
        assert_eq!(status(APP, Some("newest")).await, (503, 3), "it may be newer than what is known");
    }
    keeps(Some("newest"));
    idle(1).await;
    assert_eq!(status(APP, Some("newer")).await, (403, 4));
    assert_eq!(status(APP, Some("newest")).await, (200, 4));
}
