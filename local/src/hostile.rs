//! What a hostile sender might try: the largest bodies in the worst shapes, and requests of any kind.

use proptest::prelude::*;
use serde_json::{Value, json};

/// A well-formed event, to which a body's worst is added.
pub const EVENT: &str = r#"{"CallbackCommand":"Desk.SessionEventNotify","SessionId":"s","Event":"Human.UserSendMsg","EventTime":1}"#;
/// A well-formed question.
pub const QUESTION: &str =
    r#"{"CallbackCommand":"ChatBot.OnAssignAgent","SessionId":"s","ClientUserId":"u","EventTime":1}"#;
const STATUS: &str =
    r#"{"CallbackCommand":"Member.EventNotify","MemberId":"m","Status":"Online","EventTime":1}"#;

/// A body that begins like this one and is of about so many bytes.
pub type Shape = fn(&str, usize) -> String;

/// The shapes of bodies, each with its name.
pub const SHAPES: [(&str, Shape); 14] = [
    ("brackets", |_, size| "[".repeat(size)),
    ("a deep array", |body, size| with(body, &format!("{}{}", "[".repeat(size / 2), "]".repeat(size / 2)))),
    ("a deep object", |body, size| {
        with(body, &format!("{}1{}", r#"{"a":"#.repeat(size / 6), "}".repeat(size / 6)))
    }),
    ("many elements", |body, size| with(body, &format!("[{}{{}}]", "{},".repeat(size / 3)))),
    ("many numbers", |body, size| with(body, &format!("[{}0]", "0,".repeat(size / 2)))),
    ("many fields", |body, size| {
        let fields: String = (0..size / 12).map(|n| format!(r#","f{n:06}":0"#)).collect();
        format!("{}{fields}}}", &body[..body.len() - 1])
    }),
    ("one field many times", |body, size| {
        format!("{}{}}}", &body[..body.len() - 1], r#","SessionId":"s""#.repeat(size / 16))
    }),
    ("one long text", |body, size| with(body, &json!("a".repeat(size)).to_string())),
    ("escapes", |body, size| with(body, &format!("\"{}\"", r"\u0041".repeat(size / 6)))),
    ("a long id", |body, size| body.replace(r#""s""#, &format!("\"{}\"", "x".repeat(size)))),
    ("digits", |body, size| with(body, &"1".repeat(size))),
    ("a text in a text", |body, size| with(body, &json!("\"\\".repeat(size / 4)).to_string())),
    ("noise", |body, size| with(body, &json!(noise(size)).to_string())),
    ("control characters", |_, size| "\u{1}".repeat(size)),
];

/// What cannot be compressed.
fn noise(size: usize) -> String {
    let digest = |n: usize| format!("{:016x}", xxhash_rust::xxh3::xxh3_64(&n.to_le_bytes()));
    (0..size / 16).map(digest).collect()
}

fn with(body: &str, message: &str) -> String {
    format!(r#"{},"MsgBody":{message}}}"#, &body[..body.len() - 1])
}

/// Anything that Lambda may hand over: it is always JSON, and mostly what API Gateway makes of a request.
pub fn events() -> impl Strategy<Value = Value> {
    prop_oneof![1 => json_values(), 9 => requests()]
}

fn requests() -> impl Strategy<Value = Value> {
    let method = prop_oneof![8 => Just("POST".to_owned()), 1 => "[A-Z]{0,7}", 1 => any::<String>()];
    let query = prop_oneof![
        6 => Just("SdkAppid=1400000001".to_owned()),
        2 => "(SdkAppid|Sign|RequestTime|CallbackCommand|%53ign)=[0-9a-zA-Z%&=+]{0,40}",
        1 => any::<String>(),
    ];
    let path =
        prop_oneof![Just("/session-events".to_owned()), Just("/assign-agent/key".into()), any::<String>()];
    (method, query, path, bodies(), prop::bool::weighted(0.1)).prop_map(
        |(method, query, path, body, base64)| {
            json!({
                "rawPath": path, "rawQueryString": query, "body": body, "isBase64Encoded": base64,
                "requestContext": { "http": { "method": method, "sourceIp": "203.0.113.9" } },
            })
        },
    )
}

/// Callbacks, callbacks of which something is replaced by anything, and anything.
fn bodies() -> impl Strategy<Value = String> {
    let good = prop::sample::select(vec![EVENT, QUESTION, STATUS]);
    let spoiled = (good.clone(), any::<prop::sample::Index>(), any::<prop::sample::Index>(), any::<String>())
        .prop_map(|(body, from, to, with)| {
            let (from, to) = (from.index(body.len()), to.index(body.len()));
            format!("{}{with}{}", &body[..from.min(to)], &body[from.max(to)..])
        });
    let field = (good, json_values(), prop::sample::select(FIELDS.to_vec()))
        .prop_map(|(body, value, name)| format!(r#"{},"{name}":{value}}}"#, &body[..body.len() - 1]));
    prop_oneof![3 => spoiled, 5 => field, 1 => json_values().prop_map(|value| value.to_string()), 1 => any::<String>()]
}

const FIELDS: [&str; 12] = [
    "CallbackCommand",
    "SessionId",
    "Event",
    "EventTime",
    "ClientUserId",
    "AgentId",
    "MsgKey",
    "MsgBody",
    "CloudCustomData",
    "SatisfactionSelected",
    "MemberId",
    "Status",
];

fn json_values() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 32, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::btree_map(any::<String>(), inner, 0..6)
                .prop_map(|entries| Value::Object(entries.into_iter().collect())),
        ]
    })
}
