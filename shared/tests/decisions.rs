//! Decisions: which rule decides, and what its steps answer.

#![allow(clippy::unwrap_used, clippy::expect_used)] // in a test, a panic is the report

mod common;

use common::{MONDAY, at, decided, document, facts, ruleset, sound, told};
use desk_webhooks::routing::{Facts, Question, explain};
use serde_json::{Value, json};

const SATURDAY: &str = "2027-02-06T10:00+08:00";

#[test]
fn the_first_rule_that_matches_decides() {
    let ruleset = ruleset(json!([
        { "name": "off", "enabled": false, "then": [{ "pool": "group" }] },
        { "name": "maya", "when": { "user_id": "maya" }, "then": [{ "pool": "vip" }] },
        { "name": "web", "when": { "channel": "Web" }, "then": [{ "pool": "agents" }] },
    ]));
    for (given, rule) in [
        (json!({ "user": { "id": "maya" }, "channel": "Web" }), "maya"),
        (json!({ "user": { "id": "li" }, "channel": "Web" }), "web"),
        (json!({ "user": { "id": "li" }, "channel": "SDK" }), "default"),
        (json!({}), "default"),
    ] {
        assert_eq!(decided(&ruleset, &facts(given.clone()), MONDAY).rule, rule, "{given}");
    }
}

#[test]
fn a_rule_holds_within_its_time_on_the_clocks_of_the_rulesets_zone() {
    let ruleset = ruleset(json!([{
        "name": "r", "from": "2027-01-01T00:00", "until": "2028-01-01T00:00", "then": [{ "pool": "vip" }],
    }]));
    for (moment, rule) in [
        ("2026-12-31T23:59:59+08:00", "default"),
        ("2027-01-01T00:00+08:00", "r"),
        ("2027-12-31T15:59Z", "r"),
        ("2027-12-31T16:00Z", "default"),
    ] {
        assert_eq!(decided(&ruleset, &Facts::default(), moment).rule, rule, "{moment}");
    }
}

#[test]
fn a_pool_answers_with_what_it_is_told_to() {
    for (pool, answer) in [("vip", "6521 anna bo"), ("agents", "carla"), ("group", "2"), ("general", "6500")]
    {
        let ruleset = ruleset(json!([{ "name": "r", "then": [{ "pool": pool }] }]));
        assert_eq!(told(&decided(&ruleset, &Facts::default(), MONDAY)), answer, "{pool}");
    }
}

#[test]
fn a_closed_pool_leaves_the_answer_to_the_next_step() {
    let ruleset = ruleset(json!([{ "name": "r", "then": [{ "pool": "saturday" }, { "pool": "vip" }] }]));
    assert_eq!(told(&decided(&ruleset, &Facts::default(), SATURDAY)), "6700 dan");
    assert_eq!(told(&decided(&ruleset, &Facts::default(), MONDAY)), "6521 anna bo");
}

#[test]
fn every_empty_rung_leads_to_the_next() {
    let rules = |otherwise: &str, default: &str| {
        let mut document = document(json!([
            { "name": "closed", "then": [
                { "last_agent": { "within": "1d", "in": "vip" } },
                { "split": { "to": { "saturday": 1 } } },
                { "pool": "saturday" },
            ], "else": otherwise },
            { "name": "rest", "when": { "user_id": "maya" }, "then": [{ "pool": "agents" }] },
        ]));
        document["default"]["pool"] = json!(default);
        sound(&document)
    };
    let maya = facts(json!({ "user": { "id": "maya", "last_agent": null } }));
    let li = facts(json!({ "user": { "id": "li", "last_agent": null } }));
    for (otherwise, default, facts, rule, answer) in [
        ("continue", "general", &maya, "rest", "carla"),
        ("continue", "general", &li, "default", "6500"),
        ("stop", "general", &maya, "default", "6500"),
        ("stop", "saturday", &maya, "default", "nothing"),
    ] {
        let ruleset = rules(otherwise, default);
        let decision = decided(&ruleset, facts, MONDAY);
        assert_eq!((decision.rule, told(&decision).as_str()), (rule, answer), "{otherwise} {default}");
    }
}

#[test]
fn the_last_agent_goes_first_while_the_bond_holds() {
    let ruleset = ruleset(json!([{
        "name": "r",
        "then": [{ "last_agent": { "within": "30d", "in": "vip" } }, { "pool": "vip" }],
    }]));
    let answer = |last_agent: Value, at: Value| {
        let facts = facts(json!({ "user": { "last_agent": last_agent, "last_agent_at": at } }));
        told(&decided(&ruleset, &facts, MONDAY))
    };
    assert_eq!(answer(json!("bo"), json!("2027-01-20T10:00+08:00")), "6521 bo anna");
    assert_eq!(answer(json!("bo"), json!("2027-01-02T10:00+08:00")), "6521 bo anna", "30 days to the second");
    assert_eq!(answer(json!("bo"), json!("2027-01-02T09:59:59+08:00")), "6521 anna bo");
    assert_eq!(answer(json!("carla"), json!("2027-01-20T10:00+08:00")), "6521 anna bo", "who left the pool");
    assert_eq!(answer(json!(null), json!(null)), "6521 anna bo");
    assert_eq!(told(&decided(&ruleset, &Facts::default(), MONDAY)), "6521 anna bo", "unknown");
}

#[test]
fn the_last_agent_goes_ahead_of_whatever_comes_next() {
    let bound = facts(
        json!({ "user": { "id": "maya", "last_agent": "bo", "last_agent_at": "2027-02-01T09:00+08:00" } }),
    );
    let free = facts(json!({ "user": { "id": "maya", "last_agent": null } }));
    for (next, with, without) in [
        (json!([{ "pool": "group" }]), "2 bo", "2"),
        (json!([{ "split": { "to": { "agents": 1 } } }]), "bo carla", "carla"),
        (json!([{ "fail": "only your own agent" }]), "bo", "FAIL only your own agent"),
        (json!([]), "bo", "6500"),
    ] {
        let mut then = vec![json!({ "last_agent": { "within": "30d", "in": "vip" } })];
        then.extend(next.as_array().unwrap().clone());
        let ruleset = ruleset(json!([{ "name": "r", "then": then }]));
        assert_eq!(told(&decided(&ruleset, &bound, MONDAY)), with, "{next}");
        assert_eq!(told(&decided(&ruleset, &free, MONDAY)), without, "{next}");
    }
    let weekend =
        ruleset(json!([{ "name": "r", "then": [{ "last_agent": { "within": "30d", "in": "saturday" } }] }]));
    let dan = facts(json!({ "user": { "last_agent": "dan", "last_agent_at": "2027-02-01T09:00+08:00" } }));
    assert_eq!(told(&decided(&weekend, &dan, MONDAY)), "6500", "whose pool is closed is not at work");
    assert_eq!(told(&decided(&weekend, &dan, SATURDAY)), "dan");
}

#[test]
fn a_rule_may_refuse() {
    let ruleset = ruleset(
        json!([{ "name": "r", "when": { "user_tag": "blocked" }, "then": [{ "fail": "not served" }] }]),
    );
    let blocked = facts(json!({ "user": { "tags": ["blocked"] } }));
    assert_eq!(told(&decided(&ruleset, &blocked, MONDAY)), "FAIL not served");
}

#[test]
fn the_emergency_switch_sends_everything_to_one_pool() {
    let mut document = document(json!([{ "name": "r", "then": [{ "pool": "vip" }] }]));
    for (on, rule, answer) in [(true, "emergency", "6700 dan"), (false, "r", "6521 anna bo")] {
        document["emergency"] = json!({ "pool": "saturday", "on": on });
        let (ruleset, nothing) = (sound(&document), Facts::default());
        let decision = decided(&ruleset, &nothing, MONDAY);
        assert_eq!((decision.rule, told(&decision).as_str()), (rule, answer));
    }
}

#[test]
fn who_is_not_known_gets_no_draw_but_an_answer() {
    let split = ruleset(
        json!([{ "name": "r", "then": [{ "split": { "to": { "vip": 1 } } }, { "pool": "agents" }] }]),
    );
    assert_eq!(told(&decided(&split, &Facts::default(), MONDAY)), "carla");
    let drawn = ruleset(json!([{ "name": "r", "then": [{ "pool": "drawn" }] }]));
    assert_eq!(told(&decided(&drawn, &Facts::default(), MONDAY)), "a1 a2 a3 a4", "as listed");
}

#[test]
fn the_trail_says_why() {
    let ruleset = ruleset(json!([
        { "name": "off", "enabled": false, "then": [{ "pool": "vip" }] },
        { "name": "vip", "when": { "user_tag": "vip" }, "then": [{ "pool": "vip" }] },
        { "name": "blocked", "when": { "not": { "user_id": "maya" }, "user_tag": "x" }, "then": [{ "pool": "vip" }] },
        { "name": "weekend", "when": { "open": "weekend" }, "then": [{ "pool": "vip" }] },
        { "name": "served", "when": { "any": [{ "channel": "SDK" }, { "platform": "iOS" }] },
          "then": [{ "last_agent": { "within": "36h", "in": "vip" } }, { "pool": "saturday" }, { "pool": "drawn" }] },
    ]));
    let facts = facts(json!({ "user": { "id": "maya", "last_agent": null }, "channel": "SDK" }));
    let question = Question::new(&ruleset, &facts, at(MONDAY));
    let because = explain(&question).because(&question);
    insta::assert_snapshot!(serde_json::to_string_pretty(&because).unwrap());
}
