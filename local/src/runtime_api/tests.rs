use std::sync::mpsc::channel;

use serde_json::json;

use super::{process::memory, *};

/// A process that does nothing, in whose place a [`Fake`] talks to Lambda.
const IDLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/idle.sh");

/// A function over plain HTTP, one connection kept alive.
struct Fake {
    agent: ureq::Agent,
    base: String,
}

type Headers = ureq::http::HeaderMap;

impl Fake {
    fn of(sandbox: &Sandbox) -> Self {
        let base = format!("http://{}/2018-06-01/runtime", sandbox.api.address);
        Self { agent: ureq::Agent::new_with_defaults(), base }
    }

    fn next(&self) -> (Headers, Value) {
        let mut response = self.agent.get(format!("{}/invocation/next", self.base)).call().unwrap();
        (response.headers().clone(), response.body_mut().read_json().unwrap())
    }

    fn post(&self, path: &str, body: &[u8]) {
        let response = self.agent.post(format!("{}{path}", self.base)).send(body).unwrap();
        assert_eq!(response.status(), 202);
    }

    fn answer(&self, headers: &Headers, kind: &str, body: &Value) {
        let id = headers["lambda-runtime-aws-request-id"].to_str().unwrap();
        self.post(&format!("/invocation/{id}/{kind}"), body.to_string().as_bytes());
    }
}

async fn start(binary: &str) -> Sandbox {
    Sandbox::start(Path::new(binary), []).await.unwrap()
}

#[tokio::test]
async fn an_event_goes_in_and_its_answer_comes_back() {
    let mut sandbox = start(IDLE).await;
    let fake = Fake::of(&sandbox);
    let function = thread::spawn(move || {
        let (first, event) = fake.next();
        fake.answer(&first, "response", &json!({ "got": event }));
        let (second, _) = fake.next();
        fake.answer(&second, "error", &json!({ "errorType": "Oops" }));
        first
    });

    let started = sandbox.ready().await.unwrap();
    assert_eq!(sandbox.ready().await.unwrap(), started, "the start happens once");
    let answered = sandbox.invoke(&json!({ "text": "ä" })).await.unwrap();
    assert_eq!(answered.response, Ok(json!({ "got": { "text": "ä" } })));
    assert!(answered.took < LIMIT);
    let refused = sandbox.invoke(&json!({})).await.unwrap();
    assert_eq!(refused.response, Err(json!({ "errorType": "Oops" })));

    let headers = function.join().unwrap();
    let deadline: u128 = headers["lambda-runtime-deadline-ms"].to_str().unwrap().parse().unwrap();
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_millis();
    assert!(deadline > now && deadline <= now + LIMIT.as_millis());
    let arn = headers["lambda-runtime-invoked-function-arn"].to_str().unwrap();
    assert!(arn.ends_with(":function:idle"), "{arn}");
    assert!(headers.contains_key("lambda-runtime-trace-id"));
}

/// The fastest of many: a stall of Nagle's algorithm would be in each of them.
#[tokio::test]
async fn no_exchange_stalls_and_none_is_too_large() {
    const TIMES: usize = 20;
    let mut sandbox = start(IDLE).await;
    let fake = Fake::of(&sandbox);
    let large = json!("x".repeat(3 << 20));
    let function = thread::spawn(move || {
        for _ in 0..=TIMES {
            let (headers, event) = fake.next();
            fake.answer(&headers, "response", &event);
        }
    });

    assert_eq!(sandbox.invoke(&large).await.unwrap().response, Ok(large));
    let mut fastest = LIMIT;
    for _ in 0..TIMES {
        fastest = fastest.min(sandbox.invoke(&json!({})).await.unwrap().took);
    }
    assert!(fastest < Duration::from_millis(20), "{fastest:?}");
    function.join().unwrap();
}

#[tokio::test]
async fn an_answer_that_comes_too_late_is_not_the_next_ones() {
    let mut sandbox = start(IDLE).await;
    let fake = Fake::of(&sandbox);
    let (given_up, wait) = channel();
    let function = thread::spawn(move || {
        let (late, _) = fake.next();
        wait.recv().unwrap();
        fake.answer(&late, "response", &json!("late"));
        let (headers, _) = fake.next();
        fake.answer(&headers, "response", &json!("in time"));
    });

    sandbox.ready().await.unwrap();
    sandbox.limit = Duration::from_millis(50);
    let error = sandbox.invoke(&json!({})).await.unwrap_err();
    assert!(matches!(error, SandboxError::Silent { awaited: "answer", .. }), "{error}");
    sandbox.limit = LIMIT;
    given_up.send(()).unwrap();
    assert_eq!(sandbox.invoke(&json!({})).await.unwrap().response, Ok(json!("in time")));
    function.join().unwrap();
}

#[tokio::test]
async fn an_answer_has_to_be_json() {
    let mut sandbox = start(IDLE).await;
    let fake = Fake::of(&sandbox);
    let function = thread::spawn(move || {
        let (headers, _) = fake.next();
        let id = headers["lambda-runtime-aws-request-id"].to_str().unwrap();
        fake.post(&format!("/invocation/{id}/response"), b"<html>");
        fake.post("/init/error", br#"{"errorMessage":"no table"}"#);
    });
    let error = sandbox.invoke(&json!({})).await.unwrap_err();
    assert!(matches!(&error, SandboxError::NotJson { body, .. } if body == "<html>"), "{error}");
    // Serving goes on only while something here is awaited.
    tokio::task::spawn_blocking(|| function.join().unwrap()).await.unwrap();
    assert_eq!(sandbox.log().trim_end(), r#"init error: {"errorMessage":"no table"}"#);
}

#[tokio::test]
async fn a_function_that_exits_is_no_hang() {
    let mut sandbox = start("/usr/bin/false").await;
    for _ in 0..2 {
        let error = sandbox.invoke(&json!({})).await.unwrap_err();
        assert!(matches!(error, SandboxError::Exited { status, .. } if !status.success()), "{error}");
    }
}

#[tokio::test]
async fn a_function_that_never_polls_is_no_hang() {
    let mut sandbox = start(IDLE).await;
    sandbox.limit = Duration::from_millis(50);
    let error = sandbox.ready().await.unwrap_err();
    assert!(matches!(error, SandboxError::Silent { awaited: "poll", .. }), "{error}");
}

#[tokio::test]
async fn the_environment_is_lambdas_and_the_given_one() {
    let given = [("RULES_TABLE", "rules"), ("AWS_REGION", "eu-west-1")];
    let given = given.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let mut sandbox = Sandbox::start(Path::new("/usr/bin/env"), given).await.unwrap();
    let Err(SandboxError::Exited { status, log }) = sandbox.ready().await else {
        panic!("env prints and exits");
    };
    assert!(status.success());
    let mut lines: Vec<_> = log.lines().collect();
    lines.sort_unstable();
    let address = format!("AWS_LAMBDA_RUNTIME_API={}", sandbox.api.address);
    let expected = [
        "AWS_ACCESS_KEY_ID=local",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE=256",
        "AWS_LAMBDA_FUNCTION_NAME=env",
        "AWS_LAMBDA_FUNCTION_VERSION=$LATEST",
        "AWS_LAMBDA_LOG_FORMAT=JSON",
        &address,
        "AWS_REGION=eu-west-1",
        "AWS_SECRET_ACCESS_KEY=local",
        "RULES_TABLE=rules",
        "TZ=:UTC",
    ];
    assert_eq!(lines, expected);
}

#[tokio::test]
async fn a_binary_that_is_not_there_is_named() {
    let error = Sandbox::start(Path::new("no/such/function"), []).await.unwrap_err();
    assert!(matches!(error, SandboxError::Spawn { .. }));
    assert!(error.to_string().starts_with("cannot start no/such/function ("), "{error}");
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn the_process_is_seen_and_ended() {
    let sandbox = start(IDLE).await;
    let memory = sandbox.memory_bytes().unwrap();
    assert!(0 < memory.resident && memory.resident <= memory.peak, "{memory:?}");
    let process = PathBuf::from(format!("/proc/{}", sandbox.pid()));
    assert!(process.exists());
    sandbox.kill();
    assert!(!process.exists(), "ended and waited for");
}

#[test]
fn memory_is_read_in_bytes() {
    let status = "Name:\tdesk\nVmHWM:\t    8000 kB\nVmRSS:\t    7300 kB\n";
    assert_eq!(memory(status).unwrap(), Memory { resident: 7300 << 10, peak: 8000 << 10 });
    assert!(memory("Name:\tdesk\nState:\tZ (zombie)\n").is_err());
}
