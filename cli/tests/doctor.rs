//! `desk doctor`, before the real front door.

#![allow(clippy::unwrap_used, clippy::expect_used)] // in a test, a panic is the report

mod common;

use axum::{
    Router,
    body::{Bytes, to_bytes},
    extract::Request,
    http::StatusCode,
};
use common::{APP, run};
use desk_webhooks::{
    config::{self, Env},
    protocol::Endpoint,
    webhook::{Admitted, Door, HttpReply, Incoming, MAX_BODY_BYTES, Secrets},
};
use serde_json::{Value, json};
use tokio::net::TcpListener;

/// A deployment with these settings: the door of session-events, as API Gateway would stand before it.
async fn deployment(settings: &'static [(&'static str, &'static str)]) -> String {
    let answer = move |request: Request| async move {
        let (head, body) = request.into_parts();
        let body = to_bytes(body, 2 * MAX_BODY_BYTES).await.unwrap();
        let (status, reply) = admit(settings, head.method.as_str(), &head.uri.to_string(), &body);
        (StatusCode::from_u16(status).unwrap(), reply)
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/session-events", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, Router::new().fallback(answer)).await });
    url
}

fn admit(settings: &[(&str, &str)], method: &str, uri: &str, body: &Bytes) -> (u16, String) {
    let lookup =
        |name: &str| settings.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned());
    let env = Env::new(&lookup);
    let door = Door::new(Endpoint::SessionEvents, config::door(env).unwrap());
    let secrets = |name| config::secrets_of(&env.get(name).unwrap_or_default());
    let secrets = Secrets { tokens: secrets("CALLBACK_TOKENS"), url_keys: secrets("URL_KEYS") };
    let (path, query) = uri.split_once('?').unwrap_or((uri, ""));
    let event = json!({
        "rawPath": path, "rawQueryString": query, "body": String::from_utf8_lossy(body),
        "requestContext": { "http": { "method": method, "sourceIp": "127.0.0.1" } },
    })
    .to_string();
    let incoming: Incoming = serde_json::from_str(&event).unwrap();
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    let reply = match door.admit(incoming, Some(&secrets), now as i64) {
        Ok(Admitted::Probe) => HttpReply::answer(desk_webhooks::protocol::Reply::ok()),
        Ok(Admitted::Callback(_)) => panic!("the doctor must leave nothing behind"),
        Err(refusal) => refusal.into(),
    };
    (reply.status, serde_json::to_string(&reply.reply).unwrap())
}

/// What each check came to, and the exit code.
async fn examined(url: &str, more: &[&str]) -> (Vec<(String, String)>, Option<i32>) {
    let arguments = [&["doctor", "--url", url, APP[0], APP[1], "--json"], more].concat();
    let said = run(&[], &arguments).await;
    let checks: Vec<Value> = serde_json::from_str(&said.out).unwrap_or_else(|_| panic!("{}", said.err));
    let text = |check: &Value, name: &str| check[name].as_str().unwrap().to_owned();
    (checks.iter().map(|check| (text(check, "check"), text(check, "verdict"))).collect(), said.code)
}

/// A deployment that is open, behind something that answers what is not its URL with `status` and `reply`.
async fn open_behind(status: u16, reply: &'static str) -> String {
    let answer = move |request: Request| async move {
        let (head, body) = request.into_parts();
        let size = to_bytes(body, 2 * MAX_BODY_BYTES).await.unwrap().len();
        let uri = head.uri.to_string();
        let refused = r#"{"ActionStatus":"FAIL","ErrorInfo":"no","ErrorCode":1}"#;
        let (status, reply) = match (head.method.as_str(), size) {
            ("POST", size) if size > MAX_BODY_BYTES => (413, refused),
            ("POST", _) if !uri.starts_with("/session-events/key?") => (status, reply),
            ("POST", _) if !uri.contains("?SdkAppid=1400000001") => (403, refused),
            ("POST", _) => (200, r#"{"ActionStatus":"OK","ErrorInfo":"","ErrorCode":0}"#),
            _ => (405, refused),
        };
        (StatusCode::from_u16(status).unwrap(), reply)
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/session-events/key", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, Router::new().fallback(answer)).await });
    url
}

fn failed(checks: &[(String, String)]) -> Vec<&str> {
    checks.iter().filter(|(_, verdict)| verdict == "fail").map(|(check, _)| check.as_str()).collect()
}

#[tokio::test]
async fn each_way_to_be_safe_passes_and_an_open_door_does_not() {
    let keyed = deployment(&[("SDK_APP_IDS", "1400000001"), ("URL_KEYS", "a-key-of-sixteen-letters")]).await;
    let (checks, code) = examined(&format!("{keyed}/a-key-of-sixteen-letters"), &[]).await;
    assert_eq!((failed(&checks), code), (vec![], Some(0)), "{checks:?}");
    let (checks, code) = examined(&format!("{keyed}/a-key-that-is-not-theirs"), &[]).await;
    assert!(
        failed(&checks).contains(&"answers the platform's check of the URL") && code == Some(1),
        "{checks:?}"
    );
    // Where the platform itself is refused, the refusal of others is no protection.
    for check in ["needs a URL key", "needs a signature", "a stranger stays outside"] {
        assert!(checks.contains(&(check.into(), "note".into())), "{checks:?}");
    }

    let signed =
        &[("SDK_APP_IDS", "1400000001"), ("SIGNATURE_POLICY", "required"), ("CALLBACK_TOKENS", "t0ken")];
    let signed = deployment(signed).await;
    let (checks, code) = examined(&signed, &["--token", "t0ken"]).await;
    assert_eq!((failed(&checks), code), (vec![], Some(0)), "{checks:?}");
    for check in ["refuses a signature of an hour ago", "refuses a signature of an hour ahead"] {
        assert!(checks.contains(&(check.into(), "pass".into())), "{checks:?}");
    }

    let open = deployment(&[("SDK_APP_IDS", "1400000001")]).await;
    let (checks, code) = examined(&open, &[]).await;
    assert_eq!((failed(&checks), code), (vec!["a stranger stays outside"], Some(1)), "{checks:?}");
    let said = run(&[], &["doctor", "--url", &open, APP[0], APP[1]]).await;
    assert!(said.out.contains("stale timestamps were not tried"), "{}", said.out);
    // A key that nobody asks for is no protection.
    let (checks, _) = examined(&format!("{open}/a-key-of-sixteen-letters"), &[]).await;
    assert!(failed(&checks).contains(&"needs a URL key"), "{checks:?}");
}

#[tokio::test]
async fn what_answers_everything_and_what_answers_nothing_is_told() {
    // It reads the whole body first: an answer before that may break the connection.
    let yes = |_: Bytes| async { r#"{"ActionStatus":"OK","ErrorInfo":"","ErrorCode":0}"# };
    let yes = Router::new().fallback(yes);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/session-events/key", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, yes).await });
    let (checks, code) = examined(&url, &[]).await;
    let expected = [
        "refuses another app",
        "needs a URL key",
        "a stranger stays outside",
        "refuses GET",
        "refuses a body of more than 1 MiB",
    ];
    assert_eq!((failed(&checks), code), (expected.to_vec(), Some(1)));

    let said = run(&[], &["doctor", "--url", "http://127.0.0.1:1/session-events/k3y", APP[0], APP[1]]).await;
    let told = "http://127.0.0.1:1/session-events cannot be reached";
    assert!(said.code == Some(1) && said.err.contains(told) && !said.err.contains("k3y"), "{}", said.err);
    let said = run(&[], &["doctor", "--url", "http://example.invalid", APP[0], "x"]).await;
    assert_eq!(said.code, Some(2));
}

#[tokio::test]
async fn what_is_no_refusal_is_no_protection() {
    let refused = r#"{"ActionStatus":"FAIL","ErrorInfo":"no","ErrorCode":1}"#;
    let forbidden = r#"{"message":"Forbidden"}"#;
    for (status, reply) in [(404, forbidden), (429, forbidden), (503, refused), (403, forbidden)] {
        let url = open_behind(status, reply).await;
        let (checks, code) = examined(&url, &[]).await;
        assert_eq!((failed(&checks), code), (vec!["needs a URL key"], Some(1)), "{status}: {checks:?}");
        assert!(checks.contains(&("a stranger stays outside".into(), "note".into())), "{checks:?}");
    }
    // And where it is a refusal, the same deployment is safe.
    let url = open_behind(403, refused).await;
    let (checks, code) = examined(&url, &[]).await;
    assert_eq!((failed(&checks), code), (vec![], Some(0)), "{checks:?}");
}
