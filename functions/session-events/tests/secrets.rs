//! Secrets from SSM, by the real binary and the stand-in for SSM; their age by a clock of the test's own.

#![allow(clippy::unwrap_used, clippy::expect_used)] // in a test, a panic is the report

mod common;

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use common::{BINARY, message, tell};
use desk_local::{
    runtime_api::{Sandbox, SandboxError},
    stage::{Services, Stage},
};
use desk_webhooks::{
    config::{self, Env},
    edge::Arrival,
    secrets::Keyring,
    store::{StoreError, ports::ReadParameters},
    webhook::{Secrets, sign},
};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};

const KEY: &str = "a-key-of-sixteen-letters";

/// A function whose secrets are in SSM.
async fn function(stage: &Stage, ssm: &str) -> Sandbox {
    let env = [
        ("AWS_ENDPOINT_URL_SSM", ssm),
        ("SIGNATURE_POLICY", "required"),
        ("CALLBACK_TOKENS_PARAMETER", "/desk/tokens"),
        ("URL_KEYS_PARAMETER", "/desk/keys"),
    ];
    stage.function_with(BINARY, &env).await.unwrap()
}

fn signed(key: &str, token: &str) -> Value {
    let now =
        std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs().to_string();
    let mut event = message("s", 1, "hello");
    event["rawPath"] = json!(format!("/session-events/{key}"));
    let sign = sign(token, &now);
    event["rawQueryString"] = json!(format!("SdkAppid=1400000001&RequestTime={now}&Sign={sign}"));
    event
}

#[tokio::test]
async fn secrets_come_from_parameters_and_are_in_no_log() {
    let stage = Stage::start().await.unwrap();
    let services = Services::start().await.unwrap();
    services.put_secret("/desk/tokens", "s3cret-older, s3cret-token").unwrap();
    services.put_secret("/desk/keys", "s3cret-key-of-ours").unwrap();
    let mut function = function(&stage, &services.endpoint()).await;
    for (key, token, status) in [
        ("s3cret-key-of-ours", "s3cret-token", 200),
        ("s3cret-key-of-ours", "s3cret-older", 200),
        ("s3cret-key-of-ours", "s3cret-none", 403),
        ("s3cret-key-of-theirs", "s3cret-token", 403),
        ("", "s3cret-token", 403),
    ] {
        assert_eq!(tell(&mut function, &signed(key, token)).await, status, "{key} {token}");
    }
    assert!(!function.log().contains("s3cret"), "{}", function.log());
}

#[tokio::test]
async fn without_usable_secrets_nothing_is_let_in_nor_lost_silently() {
    let stage = Stage::start().await.unwrap();
    let services = Services::start().await.unwrap();
    for (tokens, keys) in [
        (None, None),
        (Some("token"), None),
        (Some("token"), Some("a/slash-in-the-key")),
        (Some("token"), Some("short")),
        (Some(" , "), Some(KEY)),
    ] {
        for (name, value) in [("/desk/tokens", tokens), ("/desk/keys", keys)] {
            if let Some(value) = value {
                services.put_secret(name, value).unwrap();
            }
        }
        let mut function = function(&stage, &services.endpoint()).await;
        assert_eq!(tell(&mut function, &signed(KEY, "token")).await, 503, "{tokens:?} {keys:?}");
        let log = function.log();
        assert!(log.contains("the secrets cannot be read") && !log.contains("slash"), "{log}");
    }
}

#[tokio::test]
async fn a_start_that_could_not_read_the_secrets_refuses_no_callback() {
    let stage = Stage::start().await.unwrap();
    let services = Services::start().await.unwrap();
    services.put_secret("/desk/keys", KEY).unwrap();
    let mut function = function(&stage, &services.endpoint()).await;
    function.ready().await.unwrap();
    services.put_secret("/desk/tokens", "token").unwrap();
    assert_eq!(tell(&mut function, &signed(KEY, "token")).await, 200, "{}", function.log());
    assert!(function.log().contains("the secrets cannot be read"), "during the warm-up: {}", function.log());
}

#[tokio::test]
async fn both_ways_at_once_end_the_start() {
    let stage = Stage::start().await.unwrap().with("URL_KEYS", KEY).with("URL_KEYS_PARAMETER", "/desk/keys");
    let mut function = stage.function(BINARY).await.unwrap();
    let Err(SandboxError::Exited { log, .. }) = function.ready().await else { panic!("it started") };
    assert!(log.starts_with("URL_KEYS_PARAMETER holds a name although"), "{log}");
}

/// An SSM that answers as the test says, and counts.
#[derive(Default)]
struct Ssm {
    answer: Mutex<Option<&'static str>>,
    takes_ms: AtomicU64,
    asked: AtomicUsize,
}

impl ReadParameters for &Ssm {
    async fn parameters(&self, names: &[&str]) -> Result<Vec<SecretString>, StoreError> {
        assert_eq!(names, ["/desk/tokens"]);
        self.asked.fetch_add(1, Ordering::Relaxed);
        tokio::time::sleep(Duration::from_millis(self.takes_ms.load(Ordering::Relaxed))).await;
        let answer = *self.answer.lock().unwrap();
        answer.map(|answer| vec![answer.into()]).ok_or_else(|| StoreError::late("GetParameters"))
    }
}

#[tokio::test(start_paused = true)]
async fn secrets_are_read_again_when_they_are_old_and_the_last_good_ones_are_kept() {
    let ssm = Ssm::default();
    let env = |name: &str| (name == "CALLBACK_TOKENS_PARAMETER").then(|| "/desk/tokens".to_owned());
    let keyring = Keyring::new(config::secret_sources(Env::new(&env)).unwrap(), &ssm);
    let words = |secrets: Option<Arc<Secrets>>| {
        let words = secrets?.tokens.iter().map(|token| token.expose_secret().to_owned()).collect::<Vec<_>>();
        Some(words.join(" "))
    };
    let in_memory = async || words(keyring.in_memory(&Arrival::now()).await);
    let again = async || words(keyring.read_again(&Arrival::now()).await);
    let says = |answer| *ssm.answer.lock().unwrap() = answer;
    let takes = |ms| ssm.takes_ms.store(ms, Ordering::Relaxed);
    let passes = |seconds| tokio::time::advance(Duration::from_secs(seconds));
    let asked = || ssm.asked.load(Ordering::Relaxed);
    let some = |words: &str| Some(words.to_owned());

    for n in 1..=3 {
        assert_eq!((in_memory().await, asked()), (None, n), "without secrets, every request reads them");
    }
    says(Some("older,new"));
    takes(590);
    assert_eq!((in_memory().await, asked()), (some("older new"), 4), "two slow attempts");
    says(Some("new"));
    takes(0);
    passes(299).await;
    assert_eq!((in_memory().await, keyring.are_old(), asked()), (some("older new"), false, 4));
    passes(2).await;
    assert!(keyring.are_old());
    assert_eq!((again().await, in_memory().await, asked()), (some("new"), some("new"), 5));
    says(None);
    passes(301).await;
    for _ in 0..5 {
        assert_eq!((again().await, asked()), (None, 6), "SSM is not asked again at once");
        assert_eq!((in_memory().await, asked()), (some("new"), 6), "the last good ones");
    }
    says(Some("newest"));
    passes(2).await;
    assert_eq!((again().await, asked()), (some("newest"), 7), "soon after");
}
