//! What a request costs before and after its store: the door, and its line in the log.
//! `cargo bench -p desk-webhooks --bench door`

#![allow(missing_docs, clippy::unwrap_used)] // Criterion's macros make public functions; a panic is the report

use std::hint::black_box;

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use desk_webhooks::{
    config::{self, Env},
    edge::{Arrival, Log, Outcome},
    metrics::Metric,
    protocol::{Command, Endpoint},
    webhook::{Admitted, Door, Incoming, Secrets, sign},
};
use lambda_runtime::Context;
use serde_json::json;

const NOW: i64 = 1_800_000_000;

fn request() -> String {
    let time = NOW.to_string();
    let body = json!({
        "CallbackCommand": "Desk.SessionEventNotify", "SessionId": "s-1001", "Event": "Human.UserSendMsg",
        "EventTime": 1_793_584_800_000_u64, "ClientUserId": "maya", "MsgKey": "1_2_3",
        "MsgBody": [{ "MsgType": "TIMTextElem", "MsgContent": { "Text": "a question about an order" } }],
    });
    json!({
        "rawPath": "/session-events/a-key-of-sixteen-letters",
        "rawQueryString": format!("SdkAppid=1400000001&RequestTime={time}&Sign={}", sign("token-2", &time)),
        "requestContext": { "http": { "method": "POST", "sourceIp": "203.0.113.9" } },
        "body": body.to_string(),
    })
    .to_string()
}

fn door(settings: &[(&str, &str)]) -> Door {
    let lookup =
        |name: &str| settings.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned());
    Door::new(Endpoint::SessionEvents, config::door(Env::new(&lookup)).unwrap())
}

fn doors(bench: &mut Criterion) {
    let open = door(&[("SDK_APP_IDS", "1400000001")]);
    let shut = door(&[
        ("SDK_APP_IDS", "1400000001"),
        ("SIGNATURE_POLICY", "required"),
        ("CALLBACK_TOKENS", "token-1,token-2"),
        ("URL_KEYS", "another-key-of-letters,a-key-of-sixteen-letters"),
        ("ALLOWED_CIDRS", "198.51.100.0/24,203.0.113.0/24,2001:db8::/32"),
    ]);
    let nothing = Secrets::default();
    let secrets = Secrets {
        tokens: ["token-1", "token-2"].map(Into::into).into(),
        url_keys: ["another-key-of-letters", "a-key-of-sixteen-letters"].map(Into::into).into(),
    };
    let text = request();
    let incoming = || serde_json::from_str::<Incoming>(&text).unwrap();
    let mut group = bench.benchmark_group("door");
    for (name, door, secrets) in
        [("open", &open, &nothing), ("signature, key and addresses", &shut, &secrets)]
    {
        assert!(matches!(door.admit(incoming(), Some(secrets), NOW), Ok(Admitted::Callback(_))));
        group.bench_function(name, |bench| {
            let admit = |incoming| door.admit(incoming, Some(black_box(secrets)), NOW);
            bench.iter_batched(incoming, admit, BatchSize::SmallInput);
        });
    }
    group.finish();
}

fn lines(bench: &mut Criterion) {
    let log = Log::new(Env::new(&|name| (name == "AWS_LAMBDA_FUNCTION_NAME").then(|| "assign-agent".into())));
    let mut context = Context::default();
    context.request_id = "00000000-0000-4000-8000-000000000001".into();
    context.xray_trace_id = Some("Root=1-00000000-000000000000000000000000;Sampled=0".into());
    bench.bench_function("log line with metrics", |bench| {
        bench.iter(|| {
            let arrival = Arrival::now();
            arrival.is_about(&Command::AssignAgent);
            arrival.in_session("s-1001");
            arrival.decided("vip", Some(7));
            arrival.measure(Metric::RulesetAge, 3.2);
            arrival.measure(Metric::Duration, arrival.elapsed_ms());
            arrival.became(Outcome::Answered);
            log.compose(&arrival, &context)
        });
    });
}

criterion_group!(benches, doors, lines);
criterion_main!(benches);
