//! What holds for every answer, on handlers that do their worst.

use std::time::Duration;

use secrecy::SecretString;
use serde_json::json;

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
