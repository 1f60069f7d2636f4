//! Decisions: which rule matches on what is known, and who serves.

#![allow(clippy::unwrap_used, clippy::expect_used)] // in a test, a panic is the report

use desk_webhooks::routing::{Decision, Facts, Question, Ruleset, Truth, decide, read};
use jiff::Timestamp;
use proptest::prelude::*;
use serde_json::{Value, json};

fn ruleset(rules: Value) -> Ruleset {
    let document = json!({
        "pools": {
            "vip": { "group": 6521, "agents": ["anna", "bo"] },
            "agents": { "group": 1, "agents": ["carla"], "answer": "agents" },
            "group": { "group": 2, "agents": ["carla"], "answer": "group" },
            "general": { "group": 6500 },
        },
        "rules": rules,
        "default": { "pool": "general" },
    });
    read(&document).unwrap_or_else(|findings| panic!("{findings:?}"))
}

fn facts(given: Value) -> Facts {
    serde_json::from_value(given).unwrap()
}

fn decided<'a>(ruleset: &'a Ruleset, facts: &Facts) -> Decision<'a> {
    let at: Timestamp = "2027-02-01T10:00+08:00".parse().unwrap();
    decide(ruleset, &Question::new(facts, at))
}

/// What becomes of a condition: `true`, `false` or `unknown`.
fn truth(when: &Value, given: &Value) -> &'static str {
    let ruleset = ruleset(json!([{ "name": "r", "when": when, "then": [{ "pool": "vip" }] }]));
    let facts = facts(given.clone());
    let decision = decided(&ruleset, &facts);
    let truth = decision.trials[0].judgement.truth;
    assert_eq!(decision.rule == "r", truth == Truth::True, "only what is true matches");
    match truth {
        Truth::True => "true",
        Truth::False => "false",
        Truth::Unknown(_) => "unknown",
    }
}

#[test]
fn a_condition_is_true_false_or_unknown() {
    let cases = [
        (json!({ "user_id": "maya" }), json!({ "user": { "id": "maya" } }), "true"),
        (json!({ "user_id": ["li", "maya"] }), json!({ "user": { "id": "maya" } }), "true"),
        (json!({ "user_id": "Maya" }), json!({ "user": { "id": "maya" } }), "false"),
        (json!({ "user_id": { "prefix": "guest-" } }), json!({ "user": { "id": "guest-7" } }), "true"),
        (json!({ "user_id": "maya" }), json!({}), "unknown"),
        (json!({ "user_tag": "vip" }), json!({ "user": { "tags": ["new", "vip"] } }), "true"),
        (json!({ "user_tag": "vip" }), json!({ "user": { "tags": [] } }), "false"),
        (json!({ "user_tag": { "exists": true } }), json!({ "user": { "tags": [] } }), "false"),
        (json!({ "user_tag": { "exists": false } }), json!({ "user": { "tags": [] } }), "true"),
        (json!({ "user_tag": { "exists": false } }), json!({}), "unknown"),
        (json!({ "channel": "Web" }), json!({ "channel": null }), "false"),
        (json!({ "channel": "Web" }), json!({ "channel": "Web" }), "true"),
        (json!({ "text_contains": ["refund"] }), json!({ "texts": ["hi", "My REFUND, please"] }), "true"),
        (json!({ "text_contains": ["退款", "refund"] }), json!({ "texts": ["我要退款"] }), "true"),
        (json!({ "text_contains": "STRASSE" }), json!({ "texts": ["die Straße"] }), "true"),
        (json!({ "text_contains": "ab" }), json!({ "texts": ["a", "b"] }), "false"),
        (json!({ "attempt": 1 }), json!({}), "true"),
        (json!({ "attempt": { "min": 2 } }), json!({ "attempt": 2 }), "true"),
        (json!({ "attempt": { "max": 2 } }), json!({ "attempt": 3 }), "false"),
        (json!({ "attempt": { "min": 2 } }), json!({ "attempt": null }), "unknown"),
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
    ];
    for (when, given, expected) in cases {
        assert_eq!(truth(&when, &given), expected, "{when} on {given}");
    }
}

#[test]
fn the_first_rule_that_matches_decides() {
    let ruleset = ruleset(json!([
        { "name": "maya", "when": { "user_id": "maya" }, "then": [{ "pool": "vip" }] },
        { "name": "web", "when": { "channel": "Web" }, "then": [{ "pool": "agents" }] },
    ]));
    for (given, rule) in [
        (json!({ "user": { "id": "maya" }, "channel": "Web" }), "maya"),
        (json!({ "user": { "id": "li" }, "channel": "Web" }), "web"),
        (json!({ "user": { "id": "li" }, "channel": "SDK" }), "default"),
        (json!({}), "default"),
    ] {
        assert_eq!(decided(&ruleset, &facts(given.clone())).rule, rule, "{given}");
    }
}

#[test]
fn a_pool_answers_with_what_it_is_told_to() {
    for (pool, group, agents) in [
        ("vip", Some(6521), vec!["anna", "bo"]),
        ("agents", None, vec!["carla"]),
        ("group", Some(2), vec![]),
        ("general", Some(6500), vec![]),
    ] {
        let ruleset = ruleset(json!([{ "name": "r", "then": [{ "pool": pool }] }]));
        let answer = decided(&ruleset, &Facts::default()).answer;
        assert_eq!(
            (answer.group, answer.agents),
            (group, agents.into_iter().map(String::from).collect()),
            "{pool}"
        );
    }
}

#[test]
fn the_last_agent_goes_first_while_the_bond_holds() {
    let ruleset = ruleset(json!([{
        "name": "r",
        "then": [{ "last_agent": { "within": "30d", "in": "vip" } }, { "pool": "vip" }],
    }]));
    let agents = |last_agent: Value, at: Value| {
        let facts = facts(json!({ "user": { "last_agent": last_agent, "last_agent_at": at } }));
        decided(&ruleset, &facts).answer.agents.join(" ")
    };
    assert_eq!(agents(json!("bo"), json!("2027-01-20T10:00+08:00")), "bo anna");
    assert_eq!(agents(json!("bo"), json!("2027-01-02T10:00+08:00")), "bo anna", "30 days to the second");
    assert_eq!(agents(json!("bo"), json!("2027-01-02T09:59:59+08:00")), "anna bo");
    assert_eq!(agents(json!("carla"), json!("2027-01-20T10:00+08:00")), "anna bo", "not in the pool");
    assert_eq!(agents(json!(null), json!(null)), "anna bo");
    assert_eq!(decided(&ruleset, &Facts::default()).answer.agents.join(" "), "anna bo", "unknown");
}

#[test]
fn a_rule_without_an_answer_stops_or_continues_as_it_says() {
    let rules = |otherwise: &str| {
        ruleset(json!([
            { "name": "sticky", "then": [{ "last_agent": { "within": "1d", "in": "vip" } }], "else": otherwise },
            { "name": "rest", "then": [{ "pool": "agents" }] },
        ]))
    };
    assert_eq!(decided(&rules("stop"), &Facts::default()).rule, "default");
    assert_eq!(decided(&rules("continue"), &Facts::default()).rule, "rest");
    let bound = facts(json!({ "user": { "last_agent": "bo", "last_agent_at": "2027-02-01T09:00+08:00" } }));
    let rules = rules("continue");
    let decision = decided(&rules, &bound);
    assert_eq!((decision.rule, decision.answer.agents), ("sticky", vec!["bo".to_owned()]));
}

#[test]
fn what_is_needed_is_known_beforehand() {
    let needs =
        |when: Value| ruleset(json!([{ "name": "r", "when": when, "then": [{ "pool": "vip" }] }])).needs;
    let none = needs(json!({ "user_id": "maya" }));
    assert!(!none.timeline && !none.profile && !none.attributes);
    assert!(needs(json!({ "not": { "any": [{ "channel": "Web" }] } })).timeline);
    assert!(needs(json!({ "user_tag": "vip" })).attributes);
    let sticky =
        ruleset(json!([{ "name": "r", "then": [{ "last_agent": { "within": "1d", "in": "vip" } }] }]));
    assert!(sticky.needs.profile && !sticky.needs.timeline);
}

fn any_condition() -> impl Strategy<Value = Value> {
    let word = prop::sample::select(vec!["vip", "web", "maya"]);
    let leaf = prop_oneof![
        word.clone().prop_map(|word| json!({ "user_id": word })),
        word.clone().prop_map(|word| json!({ "user_tag": [word, "x"] })),
        word.clone().prop_map(|word| json!({ "channel": { "prefix": word } })),
        word.prop_map(|word| json!({ "text_contains": word })),
        (0_u64..4).prop_map(|min| json!({ "attempt": { "min": min } })),
    ];
    leaf.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 1..3).prop_map(|parts| json!({ "all": parts })),
            prop::collection::vec(inner.clone(), 1..3).prop_map(|parts| json!({ "any": parts })),
            inner.prop_map(|part| json!({ "not": part })),
        ]
    })
}

fn any_facts() -> impl Strategy<Value = Value> {
    let word = || prop::option::of(prop::sample::select(vec!["vip", "web", "maya", "maya's vip web"]));
    (word(), word(), word(), word(), 0_u64..4).prop_map(|(id, tag, channel, text, attempt)| {
        let mut facts = json!({ "user": {}, "attempt": attempt });
        if let Some(id) = id {
            facts["user"]["id"] = json!(id);
        }
        if let Some(tag) = tag {
            facts["user"]["tags"] = json!([tag]);
        }
        if let Some(channel) = channel {
            facts["channel"] = json!(channel);
        }
        if let Some(text) = text {
            facts["texts"] = json!([text]);
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
    fn learning_more_never_turns_true_into_false(when in any_condition(), given in any_facts()) {
        let mut less = given.clone();
        less.as_object_mut().unwrap().shift_remove("channel");
        let before = truth(&when, &less);
        prop_assert!(before == "unknown" || before == truth(&when, &given));
    }

    #[test]
    fn what_no_rule_reads_changes_nothing(when in any_condition(), given in any_facts()) {
        let mut more = given.clone();
        more["platform"] = json!("iPad");
        more["user"]["language"] = json!("en");
        more["custom_data"] = json!({ "order": 7 });
        prop_assert_eq!(truth(&when, &given), truth(&when, &more));
    }

    #[test]
    fn facts_survive_being_recorded(given in any_facts()) {
        let facts = facts(given);
        let again: Facts = serde_json::from_str(&serde_json::to_string(&facts).unwrap()).unwrap();
        prop_assert_eq!(again, facts);
    }

    #[test]
    fn no_document_makes_reading_panic(text in "[\\[\\]{}\",:a-z0-9 ]{0,60}") {
        if let Ok(document) = serde_json::from_str(&text) {
            let _ = read(&document);
        }
    }
}
