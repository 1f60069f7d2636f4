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
