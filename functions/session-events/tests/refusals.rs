//! Who is let in: every combination of what a request can prove itself with, through the real binary.

#![allow(clippy::unwrap_used, clippy::expect_used)] // in a test, a panic is the report

mod common;

use common::{BINARY, message};
use desk_local::{runtime_api::Sandbox, stage::Stage};
use desk_webhooks::webhook::sign;
use serde_json::{Value, json};

const TOKEN: &str = "xxxxyyyy";

fn now() -> i64 {
    let since_epoch = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    since_epoch.as_secs() as i64
}

/// How a parameter is given, and whether it is then good for something.
#[derive(Clone, Debug, PartialEq)]
enum Given {
    /// With this text in the query.
    As(String),
    Missing,
}

use Given::{As, Missing};

async fn ask(function: &mut Sandbox, path: &str, query: &str) -> (u64, Value) {
    let mut event = message("s", 1, "hello");
    event["rawPath"] = json!(path);
    event["rawQueryString"] = json!(query);
    event["requestContext"]["http"]["sourceIp"] = json!("203.0.113.9");
    let answer = function.invoke(&event).await.unwrap().response.unwrap();
    let body = serde_json::from_str(answer["body"].as_str().unwrap()).unwrap();
    (answer["statusCode"].as_u64().unwrap(), body)
}

/// The apps, each with whether it is ours and given once.
fn apps() -> Vec<(Given, bool)> {
    let given = |text: &str, good| (As(text.to_owned()), good);
    vec![
        given("SdkAppid=1400000001", true),
        given("%53dkAppid=%31400000001", true),
        given("SdkAppid=1400000009", false),
        given("SDKAPPID=1400000001", false),
        given("SdkAppid=", false),
        given("SdkAppid=1400000001&SdkAppid=1400000001", false),
        given("SdkAppid=1400000001&%53dkAppid=1400000009", false),
        given("SdkAppid=&SdkAppid=1400000001", false),
        (Missing, false),
    ]
}

/// The moments, as they stand in the query, each with whether it is near enough and given once.
fn times() -> Vec<(Given, String, bool)> {
    let at = |offset: i64| (now() + offset).to_string();
    let given = |text: String, good| (As(format!("RequestTime={text}")), text, good);
    let twice = format!("RequestTime={0}&RequestTime={0}", at(0));
    vec![
        given(at(0), true),
        given(at(-50), true),
        given(at(50), true),
        given(at(-70), false),
        given(at(70), false),
        given(format!("0{}", at(0)), true),
        given(String::new(), false),
        given("now".into(), false),
        given(format!("{}.5", at(0)), false),
        given("99999999999999999999".into(), false),
        (As(twice), at(0), false),
        (As(format!("requesttime={}", at(0))), at(0), false),
        (Missing, at(0), false),
    ]
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Signed {
    Well,
    Wrong,
    Absent,
    Twice,
}

/// The signatures of a moment.
fn signatures(time: &str) -> Vec<(Given, Signed)> {
    let good = sign(TOKEN, time);
    vec![
        (As(format!("Sign={good}")), Signed::Well),
        (As(format!("Sign={}", good.to_uppercase())), Signed::Wrong),
        (As(format!("Sign={}", sign("stolen", time))), Signed::Wrong),
        (As(format!("Sign={}", &good[..63])), Signed::Wrong),
        (As("Sign=".into()), Signed::Absent),
        (As(format!("sign={good}")), Signed::Absent),
        (Missing, Signed::Absent),
        (As(format!("Sign={good}&Sign={good}")), Signed::Twice),
        (As(format!("Sign=&Sign={good}")), Signed::Twice),
    ]
}

#[tokio::test]
async fn every_combination_of_parameters_counts_as_the_policy_says() {
    let stage = Stage::start().await.unwrap().with("CALLBACK_TOKENS", &format!("older,{TOKEN}"));
    let mut refusals = Vec::new();
    for policy in ["required", "if-present", "off"] {
        let mut function = stage.function_with(BINARY, &[("SIGNATURE_POLICY", policy)]).await.unwrap();
        let times = times();
        for (app, app_good) in apps() {
            for (time, hashed, time_good) in &times {
                for (signature, signed) in signatures(hashed) {
                    let given = [&app, time, &signature].into_iter().filter_map(|given| match given {
                        As(text) => Some(text.as_str()),
                        Missing => None,
                    });
                    let query = given.collect::<Vec<_>>().join("&");
                    let time_twice = query.matches("RequestTime=").count() > 1;
                    let good = app_good
                        && !time_twice
                        && match (policy, signed) {
                            (_, Signed::Twice) => false,
                            ("off", _) | ("if-present", Signed::Absent) => true,
                            (_, Signed::Well) => *time_good,
                            _ => false,
                        };
                    let (status, reply) = ask(&mut function, "/session-events", &query).await;
                    assert_eq!(status == 200, good, "{policy}: {query}");
                    if !good {
                        refusals.push((status, reply));
                    }
                }
            }
        }
    }
    refusals.dedup();
    let verified = "the request could not be verified";
    let expected = json!({ "ActionStatus": "FAIL", "ErrorInfo": verified, "ErrorCode": 1 });
    assert_eq!(refusals, [(403, expected)], "all refusals look the same");
}

#[tokio::test]
async fn a_key_and_an_address_are_needed_beside_each_other() {
    let query = "SdkAppid=1400000001";
    for (cidr, here) in [("203.0.113.0/24", true), ("198.51.100.0/24,2001:db8::/32", false), ("", true)] {
        let stage = Stage::start()
            .await
            .unwrap()
            .with("ALLOWED_CIDRS", cidr)
            .with("URL_KEYS", "an-older-KEY-of-ours,a-newer-key-of-ours");
        let mut function = stage.function(BINARY).await.unwrap();
        for (path, key) in [
            ("/session-events/an-older-KEY-of-ours", true),
            ("/session-events/a-newer-key-of-ours", true),
            ("/session-events/A-NEWER-KEY-OF-OURS", false),
            ("/session-events/a-newer-key%2Dof-ours", false),
            ("/session-events/a-newer-key-of-ours/", false),
            ("/session-events/a-newer-key-of-ours/more", false),
            ("/session-events//a-newer-key-of-ours", false),
            ("/session-events/", false),
            ("/session-events", false),
            ("/assign-agent/a-newer-key-of-ours", false),
            ("", false),
        ] {
            let (status, _) = ask(&mut function, path, query).await;
            assert_eq!(status, if here && key { 200 } else { 403 }, "{path} from {cidr}");
        }
        // What a sender claims of itself counts for nothing.
        let mut event = message("s", 1, "hello");
        event["rawPath"] = json!("/session-events/a-newer-key-of-ours");
        event["headers"] = json!({ "x-forwarded-for": "203.0.113.9" });
        event["requestContext"]["http"]["sourceIp"] = json!("192.0.2.1");
        let answer = function.invoke(&event).await.unwrap().response.unwrap();
        assert_eq!(answer["statusCode"] == 200, cidr.is_empty(), "{cidr}");
    }
}
