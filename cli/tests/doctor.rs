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

/// The verdict of one check, and its text.
async fn said_of(check: &str, url: &str, more: &[&str]) -> (String, String) {
    let arguments = [&["doctor", "--url", url, APP[0], APP[1], "--json"], more].concat();
    let out = run(&[], &arguments).await.out;
    let checks: Vec<Value> = serde_json::from_str(&out).unwrap();
    let found = checks.iter().find(|found| found["check"] == check).unwrap();
    let text = |name: &str| found[name].as_str().unwrap().to_owned();
    (text("verdict"), text("said"))
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
    // The doctor asks from an address that is allowed. What the others get cannot be seen from it.
    const STRANGER: &str = "a stranger stays outside";
    let narrow = deployment(&[("SDK_APP_IDS", "1400000001"), ("ALLOWED_CIDRS", "127.0.0.0/8")]).await;
    for url in [&open, &narrow] {
        let told = "from this address, anyone who knows an app id can send callbacks; ALLOWED_CIDRS may keep other \
                    addresses out, which cannot be seen from here; set URL keys, or SIGNATURE_POLICY to required";
        assert_eq!(said_of(STRANGER, url, &[]).await, ("fail".into(), told.into()));
    }
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

#[tokio::test]
async fn enforced_signatures_protect_a_url_without_a_checked_key() {
    const KEY: &str = "needs a URL key";
    let signed =
        &[("SDK_APP_IDS", "1400000001"), ("SIGNATURE_POLICY", "required"), ("CALLBACK_TOKENS", "t0ken")];
    let url = deployment(signed).await;
    for (url, told) in [
        (url.clone(), "the URL has none; signatures protect this URL"),
        (
            format!("{url}/a-key-of-sixteen-letters"),
            "the key of the URL is not checked; set URL_KEYS; signatures protect this URL",
        ),
    ] {
        let more = ["--token", "t0ken"];
        assert_eq!(said_of(KEY, &url, &more).await, ("note".into(), told.into()));
        let protected = said_of("a stranger stays outside", &url, &more).await;
        assert_eq!(protected, ("pass".into(), "by the signature".into()));
        assert_eq!(examined(&url, &more).await.1, Some(0));
    }
    // Without signatures, neither of them is a protection.
    let open = deployment(&[("SDK_APP_IDS", "1400000001")]).await;
    assert_eq!(said_of(KEY, &open, &[]).await, ("note".into(), "the URL has none".into()));
}

#[tokio::test]
async fn a_refusal_is_explained_as_far_as_it_can_be_known_from_outside() {
    const PROBE: &str = "answers the platform's check of the URL";
    const LOG: &str = "`Cause` in the function's log tells them apart: url_key, ";
    const TOKEN: &str = "the token is wrong, or the clock of this machine is more than a minute off";
    const APP_NOT_SERVED: &str = "the deployment does not serve app 1400000001";
    type Settings = &'static [(&'static str, &'static str)];
    const PRESENT: Settings = &[("SDK_APP_IDS", "1400000001"), ("CALLBACK_TOKENS", "t0ken")];
    const OTHER_APP: Settings = &[("SDK_APP_IDS", "1400000002"), ("CALLBACK_TOKENS", "t0ken")];
    const KEYED: Settings = &[
        ("SDK_APP_IDS", "1400000001"),
        ("CALLBACK_TOKENS", "t0ken"),
        ("URL_KEYS", "a-key-of-sixteen-letters"),
    ];
    const REQUIRED: Settings =
        &[("SDK_APP_IDS", "1400000001"), ("CALLBACK_TOKENS", "t0ken"), ("SIGNATURE_POLICY", "required")];
    let (right, wrong): (&[&str], &[&str]) = (&["--token", "t0ken"], &["--token", "other"]);
    for (settings, key, token, told) in [
        (PRESENT, "", wrong, vec![TOKEN]),
        (OTHER_APP, "", right, vec![APP_NOT_SERVED]),
        (OTHER_APP, "", &[], vec![APP_NOT_SERVED]),
        (OTHER_APP, "", wrong, vec![APP_NOT_SERVED, TOKEN]),
        (KEYED, "/a-key-of-sixteen-letters", wrong, vec![TOKEN]),
        (KEYED, "/a-key-that-is-not-theirs", right, vec!["a wrong URL key, a wrong token", LOG]),
        (
            KEYED,
            "/a-key-that-is-not-theirs",
            &[],
            vec!["a wrong URL key, a missing signature (give --token)"],
        ),
        (KEYED, "", right, vec!["a missing URL key", LOG]),
        (REQUIRED, "", wrong, vec!["a wrong token or clock", LOG, "wrong_signature, request_time_off"]),
        (REQUIRED, "", &[], vec!["a missing signature (give --token)", LOG, "no_signature"]),
    ] {
        let url = format!("{}{key}", deployment(settings).await);
        let (verdict, said) = said_of(PROBE, &url, token).await;
        assert_eq!(verdict, "fail");
        assert!(said.starts_with("HTTP 403: "), "{said}");
        for told in told {
            assert!(said.contains(told), "{settings:?} {key} {token:?}: {told} is not in: {said}");
        }
    }
}

#[tokio::test]
async fn not_found_is_a_refusal_of_get_only_where_post_is_answered() {
    const GET: &str = "refuses GET";
    let routed = |post: u16, get: u16| async move {
        let answer = move |request: Request| async move {
            let status = if request.method() == "POST" { post } else { get };
            let _body = to_bytes(request.into_body(), 2 * MAX_BODY_BYTES).await.unwrap();
            let reply = r#"{"ActionStatus":"OK","ErrorInfo":"","ErrorCode":0}"#;
            (StatusCode::from_u16(status).unwrap(), reply)
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/session-events", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, Router::new().fallback(answer)).await });
        url
    };
    for (post, get, verdict, told) in [
        (200, 405, "pass", "HTTP 405"),
        (200, 404, "pass", "HTTP 404: there is a route for POST and none for GET"),
        (404, 404, "note", "HTTP 404 is not an answer to GET alone, so nothing is known"),
        (200, 429, "note", "HTTP 429 is not an answer to GET alone, so nothing is known"),
        (200, 200, "fail", "HTTP 200; callbacks come by POST and nothing else"),
    ] {
        let url = routed(post, get).await;
        assert_eq!(said_of(GET, &url, &[]).await, (verdict.into(), told.into()));
    }
}

#[tokio::test]
async fn a_url_without_a_scheme_is_refused_with_the_one_to_write() {
    for command in [&["doctor"][..], &["send", "--session", "s-1"]] {
        let arguments = [command, &["--url", "desk.example.com/session-events/k3y", APP[0], APP[1]]].concat();
        let said = run(&[], &arguments).await;
        assert_eq!(said.code, Some(1));
        let told = "error: the URL desk.example.com/session-events does not say how it is reached; \
                    write https://desk.example.com/session-events, and the URL key behind it\n";
        assert_eq!(said.err, told);
    }
}
