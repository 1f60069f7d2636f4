use serde_json::{Value, json};

use super::*;
use crate::webhook::{MAX_BODY_BYTES, sign};

const NOW: i64 = 1_777_777_777;
const QUERY: &str = "SdkAppid=1400000001&CallbackCommand=Desk.SessionEventNotify";
const BODY: &str = r#"{"CallbackCommand":"Desk.SessionEventNotify"}"#;

fn config() -> DoorConfig {
    DoorConfig {
        apps: ["1400000001", "1400000002"].iter().map(|app| app.parse().unwrap()).collect(),
        policy: SignaturePolicy::IfPresent,
        keyed: false,
        allowed: Vec::new(),
    }
}

fn secrets() -> Secrets {
    let tokens = vec!["older".to_owned().into(), "current".to_owned().into()];
    Secrets { tokens, url_keys: Vec::new() }
}

fn request(path: &str, query: &str, body: Value) -> Value {
    json!({
        "rawPath": path,
        "rawQueryString": query,
        "requestContext": { "http": { "method": "POST", "sourceIp": "203.0.113.9" } },
        "body": body,
    })
}

fn admit(config: DoorConfig, request: &Value) -> Result<Admitted, Refusal> {
    admit_by(config, Some(&secrets()), request)
}

fn admit_by(config: DoorConfig, secrets: Option<&Secrets>, request: &Value) -> Result<Admitted, Refusal> {
    let json = request.to_string();
    let incoming = serde_json::from_str(&json).unwrap();
    Door::new(Endpoint::SessionEvents, config).admit(incoming, secrets, NOW)
}

fn admit_query(config: DoorConfig, query: &str) -> Result<Admitted, Refusal> {
    admit(config, &request("/session-events", query, json!(BODY)))
}

fn cause(outcome: Result<Admitted, Refusal>) -> &'static str {
    outcome.map_or_else(Refusal::cause, |_| "admitted")
}

#[test]
fn each_app_that_is_served_is_admitted_and_no_other() {
    let cases = [
        ("SdkAppid=1400000001", "admitted"),
        ("SdkAppid=1400000002", "admitted"),
        ("SdkAppid=%31400000001", "admitted"),
        ("SdkAppid=1400000003", "foreign_app"),
        ("SdkAppid=14000000010", "foreign_app"),
        ("SdkAppid=%2B1400000001", "foreign_app"),
        ("SdkAppid=", "no_app"),
        ("sdkappid=1400000001", "no_app"),
        ("", "no_app"),
        ("SdkAppid=1400000001&SdkAppid=1400000001", "repeated_parameter"),
        ("SdkAppid=&SdkAppid=1400000001", "repeated_parameter"),
    ];
    for (query, expected) in cases {
        assert_eq!(cause(admit_query(config(), query)), expected, "{query}");
    }
}

#[test]
fn a_signature_counts_as_the_policy_says() {
    let signed = |token: &str, time: &str| format!("{QUERY}&RequestTime={time}&Sign={}", sign(token, time));
    let now = NOW.to_string();
    use SignaturePolicy::*;
    // (the query, then what each policy makes of it: required, if present, off)
    let cases = [
        (QUERY.to_owned(), ["no_signature", "admitted", "admitted"]),
        (format!("{QUERY}&Sign=&RequestTime={now}"), ["no_signature", "admitted", "admitted"]),
        (signed("current", &now), ["admitted", "admitted", "admitted"]),
        (signed("older", &now), ["admitted", "admitted", "admitted"]),
        (signed("stolen", &now), ["wrong_signature", "wrong_signature", "admitted"]),
        (signed("current", &(NOW - 60).to_string()), ["admitted", "admitted", "admitted"]),
        (signed("current", &(NOW + 60).to_string()), ["admitted", "admitted", "admitted"]),
        (signed("current", &(NOW - 61).to_string()), ["request_time_off", "request_time_off", "admitted"]),
        (signed("current", &(NOW + 61).to_string()), ["request_time_off", "request_time_off", "admitted"]),
        (signed("current", ""), ["no_request_time", "no_request_time", "admitted"]),
        (signed("current", &format!("%2B{now}")), ["no_request_time", "no_request_time", "admitted"]),
        (format!("{}&Sign=", signed("current", &now)), ["repeated_parameter"; 3]),
        (format!("{}&RequestTime={now}", signed("current", &now)), ["repeated_parameter"; 3]),
    ];
    for (query, expected) in cases {
        for (policy, expected) in [Required, IfPresent, Off].into_iter().zip(expected) {
            assert_eq!(
                cause(admit_query(DoorConfig { policy, ..config() }, &query)),
                expected,
                "{policy:?} {query}"
            );
        }
    }
}

#[test]
fn a_request_time_is_hashed_as_it_came() {
    let time = format!("0{NOW}");
    let query = format!("{QUERY}&RequestTime={time}&Sign={}", sign("current", &time));
    assert_eq!(cause(admit_query(config(), &query)), "admitted");
}

#[test]
fn a_url_key_is_one_segment_more() {
    let url_keys = vec!["old-key".to_owned().into(), "new-key".to_owned().into()];
    let keyed = Secrets { url_keys, ..secrets() };
    let cases = [
        ("/session-events/new-key", "admitted"),
        ("/session-events/old-key", "admitted"),
        ("/session-events/other", "url_key"),
        ("/session-events/new-key/", "url_key"),
        ("/session-events/", "url_key"),
        ("/session-events", "url_key"),
        ("/assign-agent/new-key", "url_key"),
        ("new-key", "url_key"),
    ];
    for (path, expected) in cases {
        let outcome = admit_by(config(), Some(&keyed), &request(path, QUERY, json!(BODY)));
        assert_eq!(cause(outcome), expected, "{path}");
    }
}

#[test]
fn only_allowed_addresses_come_in() {
    let from = |net: &str| DoorConfig { allowed: vec![net.parse().unwrap()], ..config() };
    assert_eq!(cause(admit_query(from("203.0.113.0/24"), QUERY)), "admitted");
    assert_eq!(cause(admit_query(from("198.51.100.0/24"), QUERY)), "source_address");
    assert_eq!(cause(admit_query(from("2001:db8::/32"), QUERY)), "source_address");
    let unknown = json!({ "rawQueryString": QUERY, "requestContext": { "http": { "method": "POST" } } });
    assert_eq!(cause(admit(from("0.0.0.0/0"), &unknown)), "source_address");
}

#[test]
fn without_secrets_nobody_comes_in() {
    let request = request("/session-events", QUERY, json!(BODY));
    assert_eq!(admit_by(config(), None, &request), Err(Refusal::NoSecrets));
    let elsewhere = DoorConfig { allowed: vec!["198.51.100.0/24".parse().unwrap()], ..config() };
    assert_eq!(cause(admit_by(elsewhere, None, &request)), "source_address");
}

#[test]
fn every_failure_to_prove_oneself_has_one_answer() {
    use Cause::*;
    let causes = [
        SourceAddress,
        UrlKey,
        RepeatedParameter,
        NoApp,
        ForeignApp,
        NoSignature,
        NoRequestTime,
        RequestTimeOff,
        WrongSignature,
    ];
    let answers: Vec<_> = causes.map(|cause| crate::webhook::HttpReply::from(Refusal::from(cause))).to_vec();
    assert!(answers.iter().all(|answer| *answer == answers[0] && answer.status == 403));
}

#[test]
fn the_body_comes_after_authenticity_but_its_size_before() {
    let cases = [
        (json!("no json"), "SdkAppid=7", "foreign_app"),
        (json!(" ".repeat(MAX_BODY_BYTES + 1)), "SdkAppid=7", "too_large"),
        (json!(format!("{BODY}{}", " ".repeat(MAX_BODY_BYTES - BODY.len()))), QUERY, "admitted"),
        (json!(r#"{"CallbackCommand":"Member.EventNotify"}"#), QUERY, "commands_disagree"),
        (json!(r#"{"CallbackCommand":"ChatBot.OnAssignHuman"}"#), "SdkAppid=1400000001", "wrong_endpoint"),
        (json!(r#"{"CallbackCommand":"Desk.New"}"#), "SdkAppid=1400000001", "admitted"),
        (json!("{}"), QUERY, "admitted"),
        (json!(r#"{"CallbackCommand":["deep"]}"#), QUERY, "admitted"),
        (json!(format!(r#"{{"a":{}{}}}"#, "[".repeat(50_000), "]".repeat(50_000))), QUERY, "admitted"),
    ];
    for (body, query, expected) in cases {
        let outcome = admit(config(), &request("/session-events", query, body.clone()));
        assert_eq!(cause(outcome), expected, "{query} {:.60}", body.to_string());
    }
}

#[test]
fn a_verified_body_is_never_refused_for_what_it_is() {
    let named = r#"{"CallbackCommand":"ChatBot.OnAssignHuman"}"#;
    let query = |command: &str| format!("SdkAppid=1400000001&CallbackCommand={command}");
    for body in ["no json", "[]", "{}{}", r#"{"a":1"#, r#"{"\ud800":1}"#, "\u{FEFF}"] {
        // The query's command decides, and the URL if there is none.
        for (endpoint, command) in [
            (Endpoint::SessionEvents, "Desk.SessionEventNotify"),
            (Endpoint::SessionEvents, ""),
            (Endpoint::AssignAgent, "ChatBot.OnAssignHuman"),
            (Endpoint::AssignAgent, ""),
        ] {
            let request = request(endpoint.path(), &query(command), json!(body));
            let incoming = serde_json::from_value(request).unwrap();
            let admitted = Door::new(endpoint, config()).admit(incoming, Some(&secrets()), NOW);
            let Ok(Admitted::Callback(callback)) = admitted else { panic!("{body}: {admitted:?}") };
            assert_eq!((callback.command.as_str(), callback.body.as_slice()), (command, body.as_bytes()));
        }
        let elsewhere = request("/session-events", &query("ChatBot.OnAssignHuman"), json!(body));
        assert_eq!(cause(admit(config(), &elsewhere)), "wrong_endpoint", "{body}");
    }
    let marked = request("/session-events", QUERY, json!(format!("\u{FEFF}{named}")));
    assert_eq!(cause(admit(config(), &marked)), "commands_disagree", "a byte-order mark hides no command");
}

#[test]
fn base64_is_undone_before_anything_is_measured() {
    use base64::{Engine, engine::general_purpose::STANDARD};
    let encoded = |bytes: &[u8]| {
        let mut request = request("/session-events", QUERY, json!(STANDARD.encode(bytes)));
        request["isBase64Encoded"] = json!(true);
        request
    };
    assert_eq!(cause(admit(config(), &encoded(BODY.as_bytes()))), "admitted");
    assert_eq!(cause(admit(config(), &encoded(b"\xff\xfe"))), "admitted");
    assert_eq!(cause(admit(config(), &encoded(&vec![b' '; MAX_BODY_BYTES + 1]))), "too_large");
    assert_eq!(cause(admit(config(), &encoded(&vec![b' '; 2 * MAX_BODY_BYTES]))), "too_large");
    let full = format!("{BODY}{}", " ".repeat(MAX_BODY_BYTES - BODY.len()));
    assert_eq!(cause(admit(config(), &encoded(full.as_bytes()))), "admitted");
    let mut broken = encoded(BODY.as_bytes());
    broken["body"] = json!("%%%");
    assert_eq!(cause(admit(config(), &broken)), "bad_base64");
}

#[test]
fn a_probe_needs_no_app_but_must_not_name_a_foreign_one() {
    let mut bare = request("/session-events", "", json!(null));
    bare["rawQueryString"] = json!(null);
    assert_eq!(admit(config(), &bare), Ok(Admitted::Probe));
    for body in [json!(null), json!("")] {
        for (query, expected) in [("", Ok(Admitted::Probe)), (QUERY, Ok(Admitted::Probe))] {
            assert_eq!(admit(config(), &request("/session-events", query, body.clone())), expected);
        }
        assert_eq!(
            cause(admit(config(), &request("/session-events", "SdkAppid=5", body.clone()))),
            "foreign_app"
        );
        let signed_wrong = format!("Sign=0&RequestTime={NOW}");
        assert_eq!(
            cause(admit(config(), &request("/session-events", &signed_wrong, body))),
            "wrong_signature"
        );
    }
}

#[test]
fn other_methods_and_other_payloads_are_refused() {
    let mut get = request("/session-events", QUERY, json!(BODY));
    get["requestContext"]["http"]["method"] = json!("GET");
    assert_eq!(cause(admit(config(), &get)), "not_post");
    assert_eq!(cause(admit(config(), &json!({}))), "not_post");
}
