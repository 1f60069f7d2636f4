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

/// The documents that take longest to decide of those that are accepted, each in its own way, with the facts that come as
/// near to matching as they can.
pub(crate) fn worst() -> [(&'static str, Value, Value); 6] {
    let numbers = json!({ "texts": hostile()["texts"], "custom_data": integers()["custom_data"] });
    [
        ("10,000 keywords, 64 KB of text, 9,000 pointers", keywords(9, &pointer), hostile()),
        (
            "10,000 keywords, 64 KB of text, 7,000 lists of almost numbers",
            keywords(7, &almost_numbers),
            numbers,
        ),
        ("lists of almost numbers", lists_of_custom_data(ALMOST_NUMBERS), integers()),
        ("lists of numbers", lists_of_custom_data(NUMBERS), strings()),
        ("lists of tags", lists_of_tags(), tags(10)),
        ("lists of tags, 10,000 tags", lists_of_tags(), tags(10_000)),
    ]
}

/// A document of rules that each look at so many conditions.
fn lists(rules: usize, conditions: usize, condition: &dyn Fn(usize, usize) -> Value) -> Value {
    let rule = |rule: usize| {
        let any: Vec<_> = (0..conditions).map(|list| condition(rule, list)).collect();
        json!({ "name": format!("rule-{rule}"), "when": { "any": any }, "then": [{ "pool": "general" }] })
    };
    let rules: Vec<_> = (0..rules).map(rule).collect();
    json!({ "pools": { "general": { "group": 1 } }, "rules": rules, "default": { "pool": "general" } })
}

/// 1,000 rules of ten keywords and so many other conditions each.
fn keywords(others: usize, other: &dyn Fn(usize, usize) -> Value) -> Value {
    let keyword = |number: usize| format!("{}{number:05}", "a".repeat(95 - number % 7));
    lists(1_000, others + 1, &|rule, list| match list {
        0 => json!({ "text_contains": (0..10).map(|word| keyword(10 * rule + word)).collect::<Vec<_>>() }),
        list => other(rule, list - 1),
    })
}

fn pointer(rule: usize, list: usize) -> Value {
    json!({ "custom_data": { format!("/a/a/a/a/a/a/a/a/a/list-{list}"): [rule, 7] } })
}

fn almost_numbers(rule: usize, list: usize) -> Value {
    json!({ "custom_data": { format!("/list-{rule}-{list}"): near(ALMOST_NUMBERS, rule) } })
}

/// Strings of a ruleset that are seen not to be numbers by their last character alone; by their first; numbers.
pub(crate) const ALMOST_NUMBERS: (&str, &str) = ("", ".11111111k");
pub(crate) const NO_NUMBERS: (&str, &str) = ("k", ".11111111");
pub(crate) const NUMBERS: (&str, &str) = ("", ".5");

/// Eight strings of one length and one end.
fn near((before, behind): (&str, &str), list: usize) -> Vec<String> {
    (0..8).map(|number| format!("{before}1111111111111{list:04}{number}{behind}")).collect()
}

/// As many lists of strings as fit, each for a place of its own.
pub(crate) fn lists_of_custom_data(kind: (&str, &str)) -> Value {
    lists(
        850,
        10,
        &|rule, list| json!({ "custom_data": { format!("/list-{rule}-{list}"): near(kind, rule) } }),
    )
}

/// Ten integers at each of these places.
pub(crate) fn integers() -> Value {
    custom_data(&(0..10).map(|number| json!(123_456_789_012_345_678_u64 + number)).collect())
}

/// Ten strings that take long to be read as numbers, at each of these places.
fn strings() -> Value {
    custom_data(&(0..10).map(|number| json!(format!("12345678901234567{number}.5"))).collect())
}

fn custom_data(values: &Value) -> Value {
    let places = (0..1_000).flat_map(|rule| (0..10).map(move |list| format!("list-{rule}-{list}")));
    json!({ "custom_data": places.map(|place| (place, values.clone())).collect::<Map<_, _>>() })
}

pub(crate) fn lists_of_tags() -> Value {
    lists(850, 10, &|rule, _| json!({ "user_tag": near(NO_NUMBERS, rule) }))
}

/// Tags that are as long as those of the lists, and end alike.
pub(crate) fn tags(count: usize) -> Value {
    json!({ "user": { "tags": (0..count).map(|tag| format!("k11111111x{tag:08}.11111111")).collect::<Vec<_>>() } })
}

pub(crate) fn lists_of_attributes() -> Value {
    lists(850, 10, &|rule, _| json!({ "user_attribute": { "list": near(NO_NUMBERS, rule) } }))
}

/// The same as an attribute.
pub(crate) fn attribute(count: usize) -> Value {
    json!({ "user": { "attributes": { "list": tags(count)["user"]["tags"] } } })
}

/// What a user can write to make the search for [`keywords`] take long. No rule matches.
fn hostile() -> Value {
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
        (0..10).map(|list| (format!("list-{list}"), json!(vec!["123456789012345678.5"; 10]))).collect();
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
