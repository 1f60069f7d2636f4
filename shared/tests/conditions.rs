//! Conditions: true, false or unknown, on what is known.

#![allow(clippy::unwrap_used, clippy::expect_used)] // in a test, a panic is the report

mod common;

use common::{decided, facts, ruleset, truth, truth_at};
use desk_webhooks::routing::{Question, explain};
use jiff::Timestamp;
use proptest::prelude::*;
use serde_json::{Value, json};

#[test]
fn a_condition_is_true_false_or_unknown() {
    let many: Vec<_> = (0..1000).map(|number| format!("user-{number}")).collect();
    let cases = [
        (json!({ "user_id": "maya" }), json!({ "user": { "id": "maya" } }), "true"),
        (json!({ "user_id": ["li", "maya"] }), json!({ "user": { "id": "maya" } }), "true"),
        (json!({ "user_id": "Maya" }), json!({ "user": { "id": "maya" } }), "false"),
        (json!({ "user_id": many }), json!({ "user": { "id": "user-999" } }), "true"),
        (json!({ "user_id": many }), json!({ "user": { "id": "user-1000" } }), "false"),
        (json!({ "user_id": { "prefix": "guest-" } }), json!({ "user": { "id": "guest-7" } }), "true"),
        (json!({ "user_id": "maya" }), json!({}), "unknown"),
        (json!({ "user_tag": "vip" }), json!({ "user": { "tags": ["new", "vip"] } }), "true"),
        (json!({ "user_tag": "vip" }), json!({ "user": { "tags": [] } }), "false"),
        (json!({ "user_tag": { "exists": true } }), json!({ "user": { "tags": [] } }), "false"),
        (json!({ "user_tag": { "exists": false } }), json!({ "user": { "tags": [] } }), "true"),
        (json!({ "user_tag": { "exists": false } }), json!({}), "unknown"),
        // Attributes: any JSON scalar, or any of a list.
        (
            json!({ "user_attribute": { "tier": "gold" } }),
            json!({ "user": { "attributes": { "tier": "gold" } } }),
            "true",
        ),
        (json!({ "user_attribute": { "tier": "gold" } }), json!({ "user": { "attributes": {} } }), "false"),
        (json!({ "user_attribute": { "tier": "gold" } }), json!({}), "unknown"),
        (
            json!({ "user_attribute": { "tier": "gold", "region": "eu" } }),
            json!({ "user": { "attributes": { "tier": "gold" } } }),
            "false",
        ),
        (
            json!({ "user_attribute": { "orders": { "min": 10 } } }),
            json!({ "user": { "attributes": { "orders": "12" } } }),
            "true",
        ),
        (
            json!({ "user_attribute": { "orders": { "min": 10 } } }),
            json!({ "user": { "attributes": { "orders": "many" } } }),
            "false",
        ),
        (
            json!({ "user_attribute": { "orders": 12 } }),
            json!({ "user": { "attributes": { "orders": 12.0 } } }),
            "true",
        ),
        (
            json!({ "user_attribute": { "zip": "01069" } }),
            json!({ "user": { "attributes": { "zip": "01069" } } }),
            "true",
        ),
        (
            json!({ "user_attribute": { "trial": true } }),
            json!({ "user": { "attributes": { "trial": true } } }),
            "true",
        ),
        (
            json!({ "user_attribute": { "plans": "b" } }),
            json!({ "user": { "attributes": { "plans": ["a", "b"] } } }),
            "true",
        ),
        (
            json!({ "user_attribute": { "note": { "exists": true } } }),
            json!({ "user": { "attributes": { "note": null } } }),
            "false",
        ),
        // Language and platform: capital letters do not matter.
        (json!({ "language": "EN" }), json!({ "user": { "language": "en" } }), "true"),
        (json!({ "language": { "prefix": "zh" } }), json!({ "user": { "language": "zh-CN" } }), "true"),
        (json!({ "language": "en" }), json!({ "user": { "language": null } }), "false"),
        (json!({ "language": { "exists": false } }), json!({ "user": { "language": null } }), "true"),
        (json!({ "platform": ["iOS", "Android"] }), json!({ "platform": "IOS" }), "true"),
        (json!({ "platform": "Web" }), json!({}), "unknown"),
        (json!({ "channel": "Web" }), json!({ "channel": null }), "false"),
        (json!({ "channel": "Web" }), json!({ "channel": "Web" }), "true"),
        (json!({ "client_ip": ["203.0.113.0/24"] }), json!({ "client_ip": "203.0.113.9" }), "true"),
        (json!({ "client_ip": "203.0.113.9" }), json!({ "client_ip": "203.0.113.9" }), "true"),
        (json!({ "client_ip": "2001:db8::/32" }), json!({ "client_ip": "2001:db8::1" }), "true"),
        (json!({ "client_ip": "203.0.113.0/24" }), json!({ "client_ip": "::ffff:203.0.113.9" }), "true"),
        (json!({ "client_ip": "203.0.113.0/24" }), json!({ "client_ip": "no address" }), "false"),
        (json!({ "client_ip": "203.0.113.0/24" }), json!({ "client_ip": null }), "false"),
        (json!({ "client_ip": "203.0.113.0/24" }), json!({}), "unknown"),
        (json!({ "customer_service_id": "sales" }), json!({ "customer_service_id": "sales" }), "true"),
        (json!({ "last_rating": { "max": 2 } }), json!({ "user": { "last_rating": 2 } }), "true"),
        (json!({ "last_rating": { "max": 2 } }), json!({ "user": { "last_rating": null } }), "false"),
        (json!({ "last_rating": { "exists": false } }), json!({ "user": { "last_rating": null } }), "true"),
        (json!({ "text_contains": ["refund"] }), json!({ "texts": ["hi", "My REFUND, please"] }), "true"),
        (json!({ "text_contains": ["退款", "refund"] }), json!({ "texts": ["我要退款"] }), "true"),
        (json!({ "text_contains": "STRASSE" }), json!({ "texts": ["die Straße"] }), "true"),
        (json!({ "text_contains": "ab" }), json!({ "texts": ["a", "b"] }), "false"),
        (json!({ "text_contains": ["abcd", "bc"] }), json!({ "texts": ["abce"] }), "true"),
        (json!({ "text_contains": "ab" }), json!({ "texts": [] }), "false"),
        (json!({ "text_starts_with": ["/"] }), json!({ "texts": ["hello", "/agent"] }), "true"),
        (json!({ "text_starts_with": "CAFE\u{301}" }), json!({ "texts": ["café au lait"] }), "true"),
        (json!({ "text_starts_with": "agent" }), json!({ "texts": ["an agent"] }), "false"),
        (
            json!({ "custom_data": { "/order/total": { "min": 100 } } }),
            json!({ "custom_data": { "order": { "total": 120.5 } } }),
            "true",
        ),
        (
            json!({ "custom_data": { "/order/total": { "min": 100 } } }),
            json!({ "custom_data": { "order": { "total": "120.50" } } }),
            "true",
        ),
        (
            json!({ "custom_data": { "/order/total": { "min": 100 } } }),
            json!({ "custom_data": null }),
            "false",
        ),
        (
            json!({ "custom_data": { "/lang": "en", "/a~1b": 1 } }),
            json!({ "custom_data": { "lang": "en", "a/b": 1 } }),
            "true",
        ),
        (
            json!({ "custom_data": { "/tags": "x" } }),
            json!({ "custom_data": { "tags": ["x", "y"] } }),
            "true",
        ),
        (json!({ "custom_data": { "/lang": "en" } }), json!({}), "unknown"),
        (
            json!({ "custom_data": { "/order": { "exists": true } } }),
            json!({ "custom_data": { "order": { "id": 1 } } }),
            "true",
        ),
        (
            json!({ "custom_data": { "/items": { "exists": false } } }),
            json!({ "custom_data": { "items": [{ "id": 1 }] } }),
            "false",
        ),
        (json!({ "custom_data": { "/n": 5 } }), json!({ "custom_data": { "n": "5.0" } }), "true"),
        (json!({ "custom_data": { "/n": "5.0" } }), json!({ "custom_data": { "n": 5 } }), "true"),
        (json!({ "custom_data": { "/n": "5.0" } }), json!({ "custom_data": { "n": "5" } }), "false"),
        (json!({ "custom_data": { "/n": true } }), json!({ "custom_data": { "n": "true" } }), "true"),
        (json!({ "custom_data": { "/n": 1 } }), json!({ "custom_data": { "n": true } }), "false"),
        (json!({ "client_ip": "::ffff:203.0.113.0/120" }), json!({ "client_ip": "203.0.113.9" }), "true"),
        (json!({ "bot_turns": { "min": 3 } }), json!({ "bot_turns": 3 }), "true"),
        (json!({ "bot_turns": [1, 2] }), json!({ "bot_turns": 3 }), "false"),
        (json!({ "attempt": 1 }), json!({}), "true"),
        (json!({ "attempt": { "min": 2 } }), json!({ "attempt": 2 }), "true"),
        (json!({ "attempt": { "max": 2 } }), json!({ "attempt": 3 }), "false"),
        (json!({ "attempt": { "min": 2 } }), json!({ "attempt": null }), "unknown"),
        (json!({ "percent": { "of": 100 } }), json!({ "user": { "id": "maya" } }), "true"),
        (json!({ "percent": { "of": 1e-9 } }), json!({ "user": { "id": "maya" } }), "false"),
        (json!({ "percent": { "of": 100 } }), json!({ "session": "s-1" }), "unknown"),
        (json!({ "percent": { "of": 100, "by": "session" } }), json!({ "session": "s-1" }), "true"),
        (json!({}), json!({}), "true"),
        (json!({ "user_id": "maya", "channel": "Web" }), json!({ "user": { "id": "li" } }), "false"),
        (json!({ "user_id": "maya", "channel": "Web" }), json!({ "user": { "id": "maya" } }), "unknown"),
        (
            json!({ "any": [{ "user_id": "maya" }, { "channel": "Web" }] }),
            json!({ "channel": "Web" }),
            "true",
        ),
        (
            json!({ "any": [{ "user_id": "maya" }, { "channel": "Web" }] }),
            json!({ "channel": "SDK" }),
            "unknown",
        ),
        (
            json!({ "all": [{ "user_id": "maya" }, { "channel": "Web" }] }),
            json!({ "channel": "SDK" }),
            "false",
        ),
        (json!({ "not": { "user_tag": "blocked" } }), json!({ "user": { "tags": [] } }), "true"),
        (json!({ "not": { "user_tag": "blocked" } }), json!({}), "unknown"),
        (json!({ "not": { "user_id": "a", "channel": "b" } }), json!({ "channel": "c" }), "true"),
        // Two of three: settled as soon as the unknown ones cannot change it.
        (at_least(2), json!({ "user": { "id": "maya" }, "channel": "Web" }), "true"),
        (at_least(2), json!({ "user": { "id": "maya" } }), "unknown"),
        (at_least(2), json!({ "user": { "id": "li" } }), "unknown"),
        (at_least(2), json!({ "user": { "id": "li" }, "channel": "SDK" }), "false"),
        (at_least(3), json!({ "user": { "id": "li" } }), "false"),
        (json!({ "not": at_least(2) }), json!({ "user": { "id": "maya" } }), "unknown"),
    ];
    for (when, given, expected) in cases {
        assert_eq!(truth(&when, &given), expected, "{when} on {given}");
    }
}

/// An id beyond what a floating-point number can tell apart, and the next one.
const LONG: &str = "12345678901234567890123";
const NEXT: &str = "12345678901234567890124";

#[test]
fn a_long_integer_never_matches_another_one() {
    let attribute = |wanted: Value, stored: &str| {
        let stored: Value = serde_json::from_str(stored).unwrap();
        let given = json!({ "user": { "attributes": { "account": stored } } });
        truth(&json!({ "user_attribute": { "account": wanted } }), &given)
    };
    // As texts, and as integers of 64 bits, they are known exactly.
    assert_eq!(attribute(json!(LONG), &format!("\"{LONG}\"")), "true");
    assert_eq!(attribute(json!(LONG), &format!("\"{NEXT}\"")), "false");
    let many: Vec<_> = (0..20).map(|number| format!("9007199254740{number:03}")).collect();
    for (wanted, stored, expected) in [
        (json!("9007199254740993"), "9007199254740993", "true"),
        (json!("9007199254740993"), "9007199254740992", "false"),
        (json!("9007199254740992"), "9007199254740993", "false"),
        (json!("18446744073709551615"), "18446744073709551615", "true"),
        (json!("18446744073709551615"), "18446744073709551614", "false"),
        (json!("-9223372036854775808"), "-9223372036854775808", "true"),
        (json!("-9223372036854775808"), "-9223372036854775807", "false"),
        (json!(9_007_199_254_740_991_u64), "9007199254740993", "false"),
        (json!({ "min": 9_007_199_254_740_991_u64 }), "9007199254740990", "false"),
        (json!({ "min": 9_007_199_254_740_991_u64 }), "9007199254740993", "true"),
        (json!(many), "9007199254740019", "true"),
        (json!(many), "9007199254740020", "false"),
        (json!(["17.0", "x"]), "17", "true"),
    ] {
        assert_eq!(attribute(wanted.clone(), stored), expected, "{wanted} on {stored}");
    }
    // As a longer number it is rounded when it is read. It may be this one, so that not even the opposite holds.
    let mut wanted = vec![json!(LONG)];
    for _ in 0..2 {
        for stored in [LONG, NEXT] {
            assert_eq!(attribute(json!(wanted), stored), "unknown", "{stored}");
        }
        assert_eq!(attribute(json!(wanted), "9e40"), "false");
        assert_eq!(attribute(json!(wanted), &format!("[{NEXT}, \"{LONG}\"]")), "true");
        wanted.extend((0..20).map(|number| json!(format!("other-{number}"))));
    }
    let given = json!({ "user": { "attributes": { "account": 1.234_567_890_123_456_8e22 } } });
    assert_eq!(truth(&json!({ "not": { "user_attribute": { "account": LONG } } }), &given), "unknown");
}

#[test]
fn a_long_number_of_the_table_never_matches_another_one() {
    use aws_sdk_dynamodb::types::AttributeValue;
    let attributes =
        std::collections::HashMap::from([("account".to_owned(), AttributeValue::N(NEXT.into()))]);
    let attributes: Value = serde_dynamo::from_item(attributes).unwrap();
    let given = json!({ "user": { "attributes": attributes } });
    assert_eq!(truth(&json!({ "user_attribute": { "account": LONG } }), &given), "unknown");
}

#[test]
fn only_the_first_values_of_a_long_list_are_looked_at() {
    let list = |count: usize| (0..count).map(|number| number.to_string()).collect::<Vec<_>>();
    for (wanted, values, expected) in [
        (json!("9"), 10, "true"),
        (json!("10"), 10, "false"),
        (json!("9"), 11, "true"),
        (json!("10"), 11, "unknown"),
        (json!({ "exists": true }), 11, "true"),
        (json!({ "exists": false }), 11, "false"),
        (json!({ "min": 30 }), 11, "unknown"),
    ] {
        let given = json!({ "custom_data": { "list": list(values) } });
        assert_eq!(
            truth(&json!({ "custom_data": { "/list": wanted } }), &given),
            expected,
            "{wanted} of {values}"
        );
    }
    let rules =
        json!([{ "name": "r", "when": { "custom_data": { "/list": "10" } }, "then": [{ "pool": "vip" }] }]);
    let (ruleset, facts) = (ruleset(rules), facts(json!({ "custom_data": { "list": list(11) } })));
    let question = Question::new(&ruleset, &facts, Timestamp::UNIX_EPOCH);
    let because = explain(&question).because(&question);
    let saw = because[0]["saw"].as_str().unwrap();
    assert!(saw.starts_with("unknown, has more values than are looked at: [\"0\","), "{saw}");
}

#[test]
fn all_that_the_business_writes_is_looked_at() {
    let texts: Vec<_> = (0..1_000).map(|number| format!("team-{number}")).collect();
    for (wanted, expected) in [
        (json!("team-999"), "true"),
        (json!("team-1000"), "false"),
        (json!(["x", "team-500"]), "true"),
        (json!({ "prefix": "team-99" }), "true"),
        (json!({ "prefix": "team-x" }), "false"),
        (json!({ "exists": true }), "true"),
        (json!({ "exists": false }), "false"),
    ] {
        let given = json!({ "user": { "tags": texts, "attributes": { "teams": texts } } });
        assert_eq!(truth(&json!({ "user_tag": wanted }), &given), expected, "{wanted} of the tags");
        let when = json!({ "user_attribute": { "teams": wanted } });
        assert_eq!(truth(&when, &given), expected, "{wanted} of an attribute");
    }
    let mut rounded = vec![json!(1); 20];
    rounded.push(serde_json::from_str(NEXT).unwrap());
    let given = json!({ "user": { "attributes": { "account": rounded } } });
    let when = json!({ "user_attribute": { "account": LONG } });
    assert_eq!(truth(&when, &given), "unknown");
}

fn scalar() -> impl Strategy<Value = Value> {
    let values = [
        json!(null),
        json!("5"),
        json!("5.0"),
        json!(" 5 "),
        json!("x5"),
        json!(""),
        json!("true"),
        json!(5),
        json!(5.5),
        json!("5.5"),
        json!(-3),
        json!("-3k"),
        json!(true),
        json!(false),
        json!({}),
        json!(LONG),
        json!(1.5e22),
    ];
    prop::sample::select(values.to_vec())
}

proptest! {
    #[test]
    fn a_long_list_matches_as_a_short_one(
        values in prop::collection::vec(scalar(), 1..10), wanted in prop::collection::vec(scalar(), 1..12),
        (least, most) in (-5..7_i64, -5..7_i64), kind in 0..4,
    ) {
        let wanted: Vec<_> = wanted.into_iter().filter(|value| match value {
            Value::String(text) => !text.is_empty(),
            Value::Number(number) => number.as_f64().unwrap() < 1e15,
            value => value.is_boolean(),
        }).collect();
        let matcher = match kind {
            0 if !wanted.is_empty() => json!(wanted),
            0 | 1 => json!({ "prefix": "5" }),
            2 => json!({ "min": least.min(most), "max": least.max(most) }),
            _ => json!({ "exists": least > 0 }),
        };
        let when = json!({ "user_attribute": { "list": matcher } });
        let on = |values: &[Value]| truth(&when, &json!({ "user": { "attributes": { "list": values } } }));
        let long: Vec<_> = values.iter().cycle().take(values.len() * 11).cloned().collect();
        prop_assert_eq!(on(&values), on(&long), "{} on {:?}", when, values);
    }
}

#[test]
fn many_words_are_found_as_few_are() {
    let words: Vec<_> = (0..40).map(|number| format!("word-{number}x")).collect();
    for (text, expected) in [("No WORD-39X here", "true"), ("no word-39 here", "false"), ("", "false")] {
        let given = json!({ "texts": ["", text] });
        assert_eq!(truth(&json!({ "text_contains": words }), &given), expected, "{text}");
        let begins = if text.starts_with("No WORD") { "false" } else { expected };
        assert_eq!(truth(&json!({ "text_starts_with": words }), &given), begins, "{text}");
    }
    assert_eq!(truth(&json!({ "text_starts_with": words }), &json!({ "texts": ["hi", "Word-7x!"] })), "true");
}

fn at_least(n: u64) -> Value {
    json!({ "at_least": { "n": n, "of": [{ "user_id": "maya" }, { "channel": "Web" }, { "platform": "iOS" }] } })
}

#[test]
fn time_is_that_of_the_rulesets_zone() {
    let night = json!({ "between": { "time": "22:00-02:00", "days": "fri" } });
    let spring = json!({ "between": { "dates": { "from": "2027-01-01", "to": "2027-03-31" } } });
    let winter = json!({ "between": { "dates": { "from": "12-21", "to": "03-19" } } });
    let lunch = json!({ "between": { "time": ["12:00-13:00", "18:00-19:00"] } });
    let cases = [
        (json!({ "open": "office" }), "2027-02-01T09:00+08:00", "true"),
        (json!({ "open": "office" }), "2027-02-01T08:59:59.999+08:00", "false"),
        (json!({ "open": "office" }), "2027-02-01T18:00+08:00", "false"),
        (json!({ "not": { "open": "office" } }), "2027-02-06T10:00+08:00", "true"),
        (night.clone(), "2027-02-05T22:00+08:00", "true"),
        (night.clone(), "2027-02-06T01:59+08:00", "true"),
        (night.clone(), "2027-02-06T02:00+08:00", "false"),
        (night.clone(), "2027-02-06T22:00+08:00", "false"),
        (night, "2027-02-05T01:00+08:00", "false"),
        (spring.clone(), "2027-03-31T23:59+08:00", "true"),
        (spring.clone(), "2027-03-31T16:00Z", "false"),
        (spring, "2026-12-31T16:00Z", "true"),
        (winter.clone(), "2030-01-15T00:00+08:00", "true"),
        (winter, "2030-03-20T00:00+08:00", "false"),
        (lunch.clone(), "2030-03-20T18:30+08:00", "true"),
        (lunch, "2030-03-20T14:30+08:00", "false"),
    ];
    for (when, moment, expected) in cases {
        assert_eq!(truth_at(&when, &json!({}), moment), expected, "{when} at {moment}");
    }
}

#[test]
fn what_is_needed_is_known_beforehand() {
    let needs =
        |when: Value| ruleset(json!([{ "name": "r", "when": when, "then": [{ "pool": "vip" }] }])).needs;
    for (when, timeline, profile, attributes) in [
        (
            json!({ "user_id": "maya", "platform": "iOS", "client_ip": "::1", "open": "office" }),
            false,
            false,
            false,
        ),
        (
            json!({ "percent": { "of": 5 }, "customer_service_id": "x", "between": { "days": "mon" } }),
            false,
            false,
            false,
        ),
        (json!({ "not": { "any": [{ "channel": "Web" }] } }), true, false, false),
        (json!({ "at_least": { "n": 1, "of": [{ "custom_data": { "/a": 1 } }] } }), true, false, false),
        (json!({ "last_rating": 1 }), false, true, false),
        (json!({ "language": "en" }), false, false, true),
        (json!({ "user_attribute": { "a": 1 }, "bot_turns": 1 }), true, false, true),
    ] {
        let needs = needs(when.clone());
        assert_eq!(
            (needs.timeline, needs.profile, needs.attributes),
            (timeline, profile, attributes),
            "{when}"
        );
    }
    let sticky =
        ruleset(json!([{ "name": "r", "then": [{ "last_agent": { "within": "1d", "in": "vip" } }] }]));
    assert!(sticky.needs.profile && !sticky.needs.timeline);
}

fn any_condition() -> impl Strategy<Value = Value> {
    let word = || prop::sample::select(vec!["vip", "web", "maya"]);
    let leaf = prop_oneof![
        word().prop_map(|word| json!({ "user_id": word })),
        word().prop_map(|word| json!({ "user_tag": [word, "x"] })),
        word().prop_map(|word| json!({ "user_attribute": { "a": { "prefix": word } } })),
        word().prop_map(|word| json!({ "channel": { "prefix": word } })),
        word().prop_map(|word| json!({ "text_contains": word })),
        word().prop_map(|word| json!({ "text_starts_with": word })),
        word().prop_map(|word| json!({ "custom_data": { "/a": [word, 2] } })),
        (0_u64..4).prop_map(|min| json!({ "attempt": { "min": min } })),
        (1_u64..100).prop_map(|of| json!({ "percent": { "of": of } })),
        Just(json!({ "open": "office" })),
        Just(json!({ "open": "weekend" })),
    ];
    leaf.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 1..3).prop_map(|parts| json!({ "all": parts })),
            prop::collection::vec(inner.clone(), 1..3).prop_map(|parts| json!({ "any": parts })),
            (1_usize..3, prop::collection::vec(inner.clone(), 2..4))
                .prop_map(|(n, parts)| json!({ "at_least": { "n": n, "of": parts } })),
            inner.prop_map(|part| json!({ "not": part })),
        ]
    })
}

fn any_facts() -> impl Strategy<Value = Value> {
    let word = || prop::option::of(prop::sample::select(vec!["vip", "web", "maya", "maya's vip web"]));
    (word(), word(), word(), word(), word(), 0_u64..4).prop_map(|(id, tag, channel, text, data, attempt)| {
        let mut facts = json!({ "user": {}, "attempt": attempt });
        if let Some(id) = id {
            facts["user"]["id"] = json!(id);
        }
        if let Some(tag) = tag {
            facts["user"]["tags"] = json!([tag]);
            facts["user"]["attributes"] = json!({ "a": tag });
        }
        if let Some(channel) = channel {
            facts["channel"] = json!(channel);
        }
        if let Some(text) = text {
            facts["texts"] = json!([text]);
        }
        if let Some(data) = data {
            facts["custom_data"] = json!({ "a": data });
        }
        facts
    })
}

proptest! {
    #[test]
    fn not_of_unknown_never_matches(when in any_condition(), given in any_facts()) {
        let opposite = truth(&json!({ "not": when }), &given);
        match truth(&when, &given) {
            "true" => prop_assert_eq!(opposite, "false"),
            "false" => prop_assert_eq!(opposite, "true"),
            _ => prop_assert_eq!(opposite, "unknown"),
        }
    }

    #[test]
    fn learning_more_never_takes_back_what_was_settled(when in any_condition(), given in any_facts()) {
        for fact in ["channel", "texts", "custom_data"] {
            let mut less = given.clone();
            less.as_object_mut().unwrap().shift_remove(fact);
            let before = truth(&when, &less);
            prop_assert!(before == "unknown" || before == truth(&when, &given));
        }
    }

    #[test]
    fn what_no_rule_reads_changes_nothing(when in any_condition(), given in any_facts()) {
        let mut more = given.clone();
        more["platform"] = json!("iPad");
        more["client_ip"] = json!("203.0.113.1");
        more["customer_service_id"] = json!("sales");
        more["bot_turns"] = json!(7);
        more["user"]["language"] = json!("en");
        more["user"]["last_rating"] = json!(1);
        let ruleset = ruleset(json!([{ "name": "r", "when": when, "then": [{ "pool": "vip" }] }]));
        let (given, more) = (facts(given), facts(more));
        let (one, other) = (decided(&ruleset, &given, common::MONDAY), decided(&ruleset, &more, common::MONDAY));
        prop_assert_eq!((one.rule, &one.answer), (other.rule, &other.answer));
        let again = decided(&ruleset, &given, common::MONDAY);
        prop_assert_eq!((one.rule, &one.answer), (again.rule, &again.answer));
    }

    #[test]
    fn facts_survive_being_recorded(given in any_facts()) {
        let facts = facts(given);
        let again: desk_webhooks::routing::Facts = serde_json::from_str(&serde_json::to_string(&facts).unwrap()).unwrap();
        prop_assert_eq!(again, facts);
    }

    /// Whatever lint takes for unreachable never decides anything.
    #[test]
    fn what_counts_as_unreachable_is_never_reached(
        earlier in any_condition(), later in any_condition(), given in prop::collection::vec(any_facts(), 20)
    ) {
        use desk_webhooks::routing::{Severity, check};
        let ruleset = ruleset(json!([
            { "name": "earlier", "when": earlier, "then": [{ "pool": "vip" }] },
            { "name": "later", "when": later, "then": [{ "pool": "agents" }] },
        ]));
        let findings = check::findings(&ruleset, &[], common::at(common::MONDAY));
        if findings.iter().any(|finding| finding.severity == Severity::Error) {
            for given in given {
                let facts = facts(given);
                prop_assert_ne!(decided(&ruleset, &facts, common::MONDAY).rule, "later");
            }
        }
    }
}
