//! Documents: what is understood, and what is said of one that is not.

#![allow(clippy::unwrap_used, clippy::expect_used)] // in a test, a panic is the report

use desk_webhooks::routing::{check, read};
use serde_json::{Value, json};

fn sound() -> Value {
    json!({
        "timezone": "Asia/Shanghai",
        "pools": {
            "vip": { "group": 6521, "agents": ["anna@example.com", { "id": "bo@example.com" }] },
            "general": { "group": 6500 },
        },
        "rules": [{
            "name": "vip",
            "when": { "user_tag": "vip", "not": { "channel": "Web" } },
            "then": [{ "last_agent": { "within": "30d", "in": "vip" } }, { "pool": "vip" }],
        }],
        "default": { "pool": "general" },
        "tests": [{
            "name": "a VIP", "at": "2027-02-01T10:00+08:00",
            "given": { "user": { "tags": ["vip"] }, "channel": "SDK" },
            "expect": { "rule": "vip", "group": 6521, "agents": ["anna@example.com", "bo@example.com"] },
        }],
    })
}

/// The sound document with one value put in at a JSON pointer.
fn with(pointer: &str, value: Value) -> Value {
    let (parent, key) = pointer.rsplit_once('/').unwrap();
    let mut document = sound();
    match document.pointer_mut(parent).unwrap() {
        Value::Array(items) => items.insert(key.parse().unwrap(), value),
        parent => parent[key] = value,
    }
    document
}

fn without(pointer: &str) -> Value {
    let (parent, key) = pointer.rsplit_once('/').unwrap();
    let mut document = sound();
    document.pointer_mut(parent).unwrap().as_object_mut().unwrap().shift_remove(key);
    document
}

/// Everything that is said of a document, a line each.
fn said(document: &Value) -> String {
    let findings = match read(document) {
        Ok(ruleset) => check::findings(&ruleset, &check::run_tests(&ruleset)),
        Err(findings) => findings,
    };
    findings.iter().map(|finding| format!("{finding}\n")).collect()
}

#[test]
fn nothing_is_said_of_a_sound_document() {
    assert_eq!(said(&sound()), "");
}

#[test]
fn each_mistake_has_its_place_and_what_to_write_instead() {
    let rule = |fields: Value| {
        let mut rule = json!({ "name": "r", "then": [{ "pool": "general" }] });
        rule.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        with("/rules/0", rule)
    };
    let cases = [
        ("an unknown key", with("/colour", json!("red"))),
        ("a key with a slip", with("/defualt", json!({}))),
        ("no default", without("/default")),
        ("no pools", without("/pools")),
        ("no such zone", with("/timezone", json!("Asia/Shangai"))),
        ("a pool of nobody", with("/pools/empty", json!({}))),
        ("a pool without agents", with("/pools/p", json!({ "agents": [] }))),
        (
            "an agent twice",
            with("/pools/p", json!({ "agents": ["a@example.com", { "id": "a@example.com" }] })),
        ),
        ("a group in words", with("/pools/p", json!({ "group": "6500" }))),
        ("an answer without its part", with("/pools/p", json!({ "group": 1, "answer": "agents" }))),
        ("an order of a later version", with("/pools/p", json!({ "group": 1, "order": "by-user" }))),
        ("a weight of a later version", with("/pools/p", json!({ "agents": [{ "id": "a", "weight": 2 }] }))),
        ("an unknown pool", rule(json!({ "then": [{ "pool": "genral" }] }))),
        ("a reserved name", rule(json!({ "name": "default" }))),
        ("a name twice", rule(json!({ "name": "vip", "when": { "user_id": "maya" } }))),
        ("a condition of a later version", rule(json!({ "when": { "open": "support" } }))),
        ("a condition with a slip", rule(json!({ "when": { "user_tga": "vip" } }))),
        ("a number for a text", rule(json!({ "when": { "user_id": 12345 } }))),
        ("a text for a number", rule(json!({ "when": { "attempt": "2" } }))),
        ("an empty list", rule(json!({ "when": { "user_tag": [] } }))),
        ("an empty combinator", rule(json!({ "when": { "any": [] } }))),
        ("a list for a map", rule(json!({ "when": ["vip"] }))),
        ("bounds that cross", rule(json!({ "when": { "attempt": { "min": 3, "max": 2 } } }))),
        (
            "a matcher of two minds",
            rule(json!({ "when": { "user_id": { "prefix": "a", "exists": false } } })),
        ),
        ("a step of a later version", rule(json!({ "then": [{ "split": {} }] }))),
        (
            "two steps in one",
            rule(json!({ "then": [{ "pool": "vip", "last_agent": { "within": "1d", "in": "vip" } }] })),
        ),
        ("an empty step", rule(json!({ "then": [{}] }))),
        ("no step", rule(json!({ "then": [] }))),
        (
            "a duration without its unit",
            rule(json!({ "then": [{ "last_agent": { "within": "30", "in": "vip" } }] })),
        ),
        (
            "stickiness to nobody",
            rule(json!({ "then": [{ "last_agent": { "within": "1d", "in": "general" } }] })),
        ),
        ("a rule that hides the next", rule(json!({}))),
        (
            "a test without a moment",
            with("/tests/0", json!({ "name": "t", "at": "tomorrow", "expect": { "rule": "vip" } })),
        ),
        (
            "a test that expects nothing",
            with("/tests/0", json!({ "name": "t", "at": "2027-02-01T10:00Z", "expect": {} })),
        ),
        (
            "an unknown fact",
            with(
                "/tests/0",
                json!({ "name": "t", "at": "2027-02-01T10:00Z", "given": { "user": { "tag": 1 } }, "expect": { "rule": "vip" } }),
            ),
        ),
        (
            "a test that fails",
            with(
                "/tests/0",
                json!({ "name": "t", "at": "2027-02-01T10:00Z", "expect": { "rule": "vip", "group": 1, "agents": ["x"] } }),
            ),
        ),
        ("no map at all", json!([])),
    ];
    let said: String = cases.iter().map(|(name, document)| format!("{name}\n{}\n", said(document))).collect();
    insta::assert_snapshot!(said);
}

#[test]
fn all_mistakes_are_said_at_once() {
    let mut document = with("/pools/empty", json!({}));
    document["rules"][0]["when"] = json!({ "user_tga": "vip", "channel": [] });
    document["default"]["pool"] = json!("nobody");
    assert_eq!(said(&document).lines().count(), 4);
}
