//! Large documents, for tests and benchmarks.

#![allow(dead_code)] // each user takes a part

use serde_json::{Map, Value, json};

/// A document of so many rules of five conditions. In every rule the first four hold for
/// [`matching`], so that all five are looked at.
pub(crate) fn document(rules: usize) -> Value {
    let rule = |number: usize| {
        json!({
            "name": format!("rule-{number}"),
            "when": {
                "user_tag": ["vip", "gold"],
                "channel": "SDK",
                "not": { "language": { "prefix": "fr" } },
                "attempt": { "max": 3 },
                "user_attribute": { "team": format!("team-{number}") },
            },
            "then": [{ "last_agent": { "within": "30d", "in": format!("pool-{}", number % 10) } }, { "pool": format!("pool-{}", number % 10) }],
        })
    };
    let pools: Map<_, _> = (0..10)
        .map(|pool| {
            (
                format!("pool-{pool}"),
                json!({ "group": pool, "agents": [format!("agent-{pool}@example.com")] }),
            )
        })
        .collect();
    json!({ "pools": pools, "rules": (0..rules).map(rule).collect::<Vec<_>>(), "default": { "pool": "pool-0" } })
}

/// Facts under which this rule of [`document`] matches, and no other.
pub(crate) fn matching(rule: usize) -> Value {
    json!({
        "user": { "id": "maya", "tags": ["new", "gold"], "language": "en", "attributes": { "team": format!("team-{rule}") }, "last_agent": null },
        "channel": "SDK",
    })
}

/// As much as a large company would have: 500 rules, 50 pools of 200 agents, lists of 1,000 ids.
pub(crate) fn company() -> Value {
    let mut document = document(500);
    for pool in 0..50 {
        let agents: Vec<_> = (0..200).map(|agent| format!("agent-{pool}-{agent}@example.com")).collect();
        document["pools"][format!("pool-{pool}")] =
            json!({ "group": pool, "agents": agents, "order": "by-user" });
    }
    for list in 0..5 {
        let ids: Vec<_> = (0..1000).map(|user| format!("user-{list}-{user}")).collect();
        document["rules"][list * 100]["when"] = json!({ "user_id": ids });
    }
    document
}

/// The document that takes longest to decide of those that are accepted: as many rules, conditions and keywords as
/// there may be, and [`hostile`] facts come as near to each as they can.
pub(crate) fn worst() -> Value {
    let keyword = |number: usize| format!("{}{number:05}", "a".repeat(95 - number % 7));
    let rule = |number: usize| {
        let words: Vec<_> = (0..10).map(|word| keyword(10 * number + word)).collect();
        let list = |list: usize| json!({ "custom_data": { format!("/a/a/a/a/a/a/a/a/a/list-{list}"): [number, 7] } });
        let conditions: Vec<_> =
            std::iter::once(json!({ "text_contains": words })).chain((0..9).map(list)).collect();
        json!({ "name": format!("rule-{number}"), "when": { "any": conditions }, "then": [{ "pool": "general" }] })
    };
    let rules: Vec<_> = (0..1_000).map(rule).collect();
    json!({ "pools": { "general": { "group": 1 } }, "rules": rules, "default": { "pool": "general" } })
}

/// What a user can write to make deciding by [`worst`] take long. No rule matches.
pub(crate) fn hostile() -> Value {
    let mut text = String::new();
    for run in 0.. {
        text.push_str(&"a".repeat(50 + run % 100));
        text.push('b');
        if text.len() > 64 * 1024 {
            break;
        }
    }
    text.truncate(64 * 1024);
    let lists: Map<_, _> =
        (0..9).map(|list| (format!("list-{list}"), json!(vec!["123456789012345678.5"; 10]))).collect();
    let data = (0..9).fold(json!(lists), |inner, _| json!({ "a": inner }));
    json!({ "texts": [text], "custom_data": data })
}

/// Keywords that begin with each other, of which one is never found; and as many that do not.
pub(crate) fn nested(nested: bool) -> Value {
    let keyword = |length: usize| if nested { "a".repeat(length) } else { format!("{length:b>100}") };
    let mut words: Vec<_> = (1..100).map(keyword).collect();
    words.push("never".into());
    let rule = |word: String| json!({ "name": word, "when": { "text_contains": word, "user_id": "nobody" }, "then": [{ "pool": "general" }] });
    let rules: Vec<_> = words.into_iter().map(rule).collect();
    json!({ "pools": { "general": { "group": 1 } }, "rules": rules, "default": { "pool": "general" } })
}
