//! No input costs more than its size: the work on the largest body is that on a small one times their
//! sizes, whatever is in it.

#![allow(clippy::unwrap_used, clippy::expect_used)] // in a test, a panic is the report

#[path = "common/large.rs"]
mod large;

use std::time::{Duration, Instant};

use desk_local::hostile::{EVENT, SHAPES};
use desk_webhooks::{
    config::{self, Env},
    digest,
    protocol::{AppId, AssignRequest, Command, Endpoint, SessionEvent, read},
    routing::{self, Facts, Question, decide},
    session::{keys, understand},
    webhook::{Door, Incoming, MAX_BODY_BYTES, Secrets},
};
use jiff::Timestamp;
use serde_json::{Value, json};

const SMALL: usize = MAX_BODY_BYTES / 32;
const DOUBLINGS: u32 = 5;

/// Everything that happens to a body before a store sees it.
fn take(event: &str) {
    let lookup = |name: &str| (name == "SDK_APP_IDS").then(|| "1400000001".to_owned());
    let door = Door::new(Endpoint::SessionEvents, config::door(Env::new(&lookup)).unwrap());
    let Ok(mut incoming) = serde_json::from_str::<Incoming>(event) else { return };
    let body = incoming.take_body();
    let again = serde_json::from_str(event).expect("it was read before");
    let _ = door.admit(again, Some(&Secrets::default()), 0);
    let Ok(Ok(body)) = body.map(String::from_utf8) else { return };
    let body = body.as_str();
    let app: AppId = "1400000001".parse().unwrap();
    for command in [Command::SessionEvent, Command::MemberEvent] {
        let _ = understand(app, &command, body);
    }
    let _ = read::<AssignRequest>(body);
    let _ = digest::of_json(body);
    if let Ok(event) = read::<SessionEvent>(body) {
        event.msg_body.elements();
        keys::event(&event);
    }
}

fn request(body: &str, query: &str) -> String {
    let context = json!({ "http": { "method": "POST" } });
    json!({ "rawQueryString": query, "requestContext": context, "body": body }).to_string()
}

/// The least of some times: what the work takes when nothing else wants the processor.
fn time(work: impl Fn()) -> Duration {
    let once = || {
        let started = Instant::now();
        work();
        started.elapsed()
    };
    (0..5).map(|_| once()).min().unwrap_or_default()
}

/// A ratio within one run and far from both: linear work takes 32 times as long, quadratic 1024 times.
fn assert_linear(name: &str, work: impl Fn(usize)) {
    let small = time(|| work(SMALL)).max(Duration::from_micros(1));
    let large = time(|| work(SMALL << DOUBLINGS));
    let ratio = large.as_secs_f64() / small.as_secs_f64();
    assert!(ratio < 200.0, "{name}: {ratio:.0} times as long for {} times the size", 1 << DOUBLINGS);
}

#[test]
fn no_body_costs_more_than_its_size() {
    for (name, body) in SHAPES {
        let events =
            [SMALL, SMALL << DOUBLINGS].map(|size| request(&body(EVENT, size), "SdkAppid=1400000001"));
        assert_linear(name, |size| take(&events[usize::from(size > SMALL)]));
    }
}

#[test]
fn keywords_within_each_other_cost_as_much_as_others() {
    // A ratio of the same work on the same text: it was far higher when each keyword was noted at each place.
    let facts: Facts =
        serde_json::from_value(json!({ "texts": ["a".repeat(57_000)], "user": { "id": "maya" } })).unwrap();
    let [nested, others] = [true, false].map(|nested| {
        let ruleset = routing::read(&large::nested(nested)).unwrap();
        time(|| assert_eq!(decide(&Question::new(&ruleset, &facts, Timestamp::UNIX_EPOCH)).rule, "default"))
    });
    let ratio = nested.as_secs_f64() / others.as_secs_f64();
    assert!(ratio < 10.0, "{ratio:.0} times as long");
}

#[test]
fn the_worst_rulesets_are_accepted_and_decide() {
    for (what, document, facts) in large::worst() {
        let ruleset = routing::read(&document).unwrap();
        let facts: Facts = serde_json::from_value(facts).unwrap();
        let question = Question::new(&ruleset, &facts, Timestamp::UNIX_EPOCH);
        assert_eq!(decide(&question).rule, "default", "{what}");
    }
}

/// The time of a decision.
fn time_of(document: &Value, facts: Value) -> Duration {
    let ruleset = routing::read(document).unwrap();
    let facts: Facts = serde_json::from_value(facts).unwrap();
    time(|| assert_eq!(decide(&Question::new(&ruleset, &facts, Timestamp::UNIX_EPOCH)).rule, "default"))
}

#[test]
fn no_string_of_a_ruleset_is_read_as_a_number_again() {
    // A ratio of the same comparisons: it was far higher when each string was read at each comparison.
    let [numbers, others] = [large::ALMOST_NUMBERS, large::NO_NUMBERS]
        .map(|digits| time_of(&large::lists_of_custom_data(digits), large::integers()));
    let ratio = numbers.as_secs_f64() / others.as_secs_f64();
    assert!(ratio < 3.0, "{ratio:.0} times as long");
}

#[test]
fn a_condition_takes_no_longer_the_more_tags_and_values_there_are() {
    for (document, facts) in [
        (large::lists_of_tags(), large::tags as fn(usize) -> Value),
        (large::lists_of_attributes(), large::attribute as fn(usize) -> Value),
    ] {
        let [few, many] = [20, 2_000].map(|count| time_of(&document, facts(count)));
        let ratio = many.as_secs_f64() / few.as_secs_f64();
        assert!(ratio < 10.0, "{ratio:.0} times as long for 100 times the values");
    }
}

#[test]
fn no_query_costs_more_than_its_size() {
    type Query = fn(usize) -> String;
    let queries: [(&str, Query); 4] = [
        ("many parameters", |size| "a=b&".repeat(size / 4)),
        ("one long value", |size| format!("SdkAppid={}", "1".repeat(size))),
        ("percents", |size| "%41".repeat(size / 3)),
        ("separators", |size| "&=".repeat(size / 2)),
    ];
    for (name, query) in queries {
        let events = [SMALL, SMALL << DOUBLINGS].map(|size| request(EVENT, &query(size)));
        assert_linear(name, |size| take(&events[usize::from(size > SMALL)]));
    }
}
